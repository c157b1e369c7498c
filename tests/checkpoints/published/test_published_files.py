"""Files as the published training scripts wrote them load, and answer as recorded."""

import argparse
import collections

import pytest
import torch
import yaml

from golden.answers import answer, recorded_answer
from golden.recordings import published_weights, read_recording
from golden.spread import beyond_spread
from trackformer import load_model
from trackformer.errors import CheckpointError

DETECTORS = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "deformable_r50_small",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
TRACKFORMERS = [
    "trackformer_vanilla_small",
    "trackformer_deformable_singleframe_small",
    "trackformer_deformable_multiframe_small",
    "trackformer_deformable_mergefeatures_small",
]


def checkpoint(name: str, **more) -> dict:
    """What the training scripts save, with the optimizer's and the schedule's kinds of content."""
    return {
        "model": published_weights(name),
        "optimizer": {"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-4}]},
        "lr_scheduler": {"milestones": collections.Counter({200: 1}), "last_epoch": 0},
        "epoch": 0,
        **more,
    }


def stored_arguments(name: str) -> argparse.Namespace:
    return argparse.Namespace(**read_recording(name)["args"])


def assert_answers_as_recorded(model, name: str):
    ours = answer(model.double(), name, "no_track")
    assert not beyond_spread(f"{name}, no_track", ours, recorded_answer(name, "no_track"))


@pytest.mark.parametrize("name", [*DETECTORS, *TRACKFORMERS])
def test_a_file_with_its_arguments_answers_as_recorded(name, tmp_path):
    torch.save(checkpoint(name, args=stored_arguments(name)), tmp_path / "checkpoint.pth")

    model = load_model(tmp_path / "checkpoint.pth")

    assert_answers_as_recorded(model, name)


def test_without_arguments_the_file_name_tells_of_dilation(tmp_path):
    torch.save({"model": published_weights("detr_r50_small_dc5")}, tmp_path / "detr-r50-dc5-1.pth")

    assert_answers_as_recorded(load_model(tmp_path / "detr-r50-dc5-1.pth"), "detr_r50_small_dc5")


def test_a_file_of_nothing_but_tensors_in_the_old_format_answers_as_recorded(tmp_path):
    name = "deformable_r50_small_refine"
    weights = published_weights(name)
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    # Another program's settings beside the file do not matter.
    (tmp_path / "config.yaml").write_text("nheads: 3\n")

    assert_answers_as_recorded(load_model(tmp_path / "old.pth"), name)


def test_settings_beside_the_file_are_read_where_it_has_none(tmp_path):
    name = "trackformer_vanilla_small"
    values = stored_arguments(name)
    values.img_transform = argparse.Namespace(max_size=1333)
    values.focal_loss = False
    values.dropout = 0.25
    # As the published script writes it: the inner namespace keeps its Python tag.
    (tmp_path / "config.yaml").write_text(yaml.dump(vars(values)))
    torch.save({"model": published_weights(name)}, tmp_path / "checkpoint.pth")

    model = load_model(tmp_path / "checkpoint.pth")

    assert model.settings.detector.dropout == 0.25
    assert_answers_as_recorded(model, name)


def test_settings_beside_the_file_cannot_make_objects(tmp_path):
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "checkpoint.pth")
    made = tmp_path / "made"
    (tmp_path / "config.yaml").write_text(
        f"hidden_dim: !!python/object/apply:pathlib.Path.mkdir [!!python/object/apply:pathlib.Path "
        f"['{made}']]"
    )

    with pytest.raises(CheckpointError, match=r"config\.yaml: expected a YAML file of plain"):
        load_model(tmp_path / "checkpoint.pth")
    assert not made.exists()


@pytest.mark.parametrize("name", ["detr_r50_small_segm_panoptic", "trackformer_vanilla_segm_small"])
def test_a_mask_model_outlines_as_recorded(name, tmp_path):
    torch.save(checkpoint(name), tmp_path / "panoptic.pth")

    model = load_model(tmp_path / "panoptic.pth")

    assert_answers_as_recorded(model, name)


def test_a_part_of_a_mask_head_is_an_error_that_names_the_rest(tmp_path):
    weights = dict(published_weights("detr_r50_small_segm_panoptic"))
    del weights["mask_head.gn3.weight"]
    torch.save({"model": weights}, tmp_path / "panoptic.pth")
    with pytest.raises(CheckpointError, match=r"1 missing \(mask_head\.blocks\.1\.norm\.weight\)"):
        load_model(tmp_path / "panoptic.pth")
