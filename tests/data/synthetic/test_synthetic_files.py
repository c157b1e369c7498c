"""Synthetic scenes as files, as clips for training, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tiny_models import tiny_settings
from trackformer.cli import run
from trackformer.config import settings_from
from trackformer.data.clips.draw import ClipDataset
from trackformer.data.clips.settings import ClipSettings, SourceSettings
from trackformer.data.formats.mot.reading import read_mot
from trackformer.data.masks import decode_mask, encode_mask
from trackformer.data.read import read_annotations, read_source
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.data.synthetic.write import write_sequences
from trackformer.errors import ConfigError, DataError
from trackformer.input_settings import InputSettings
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.progress import fingerprint

SMALL = {"size": (64, 96), "sequences": 2, "frames": 4}


def drawn(**changes):
    return synthetic_data(SyntheticSettings(**SMALL | changes))


def source(**changes) -> SourceSettings:
    return SourceSettings.model_validate({"synthetic": SMALL | changes})


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    arguments = "--skill crossing --difficulty 2 --sequences 2 --frames 4 --size 96x64 --masks"
    assert run(["data", "synth", str(folder / "data"), *arguments.split()]) == 0
    return folder / "data"


def test_videos_of_two_seeds_have_two_names():
    names = [drawn(skill="plain", seed=seed).sequences[0].name for seed in (0, 1)]
    assert names == ["plain-3-0001", "plain-3-seed1-0001"]


def test_written_sequences_read_back_as_they_were_drawn(written):
    first = drawn(skill="crossing", difficulty=2).sequences[0]
    again = read_mot(written).sequences[0]
    assert again.name == first.name == "crossing-2-0001"
    assert (again.frame_rate, again.image_size) == (15.0, (64, 96))
    for frame, read in zip(first.frames, again.frames, strict=True):
        assert np.allclose(frame.boxes_xyxy, read.boxes_xyxy, atol=0.02)
        assert np.allclose(frame.visibility, read.visibility, atol=0.001)
        assert frame.track_ids.tolist() == read.track_ids.tolist()
        difference = np.abs(frame.read_pixels().astype(int) - read.read_pixels())
        assert difference.mean() < 6


def test_outlines_are_the_pixels_that_show_each_object(written):
    data = read_annotations(written / "annotations.json")
    first = drawn(skill="crossing", difficulty=2, masks=True).sequences[1].frames[3]
    read = data.sequences[1].frames[3]
    assert data.class_names == ("person",)
    assert read.track_ids.tolist() == first.track_ids.tolist()
    for wanted, found in zip(first.segmentations, read.segmentations, strict=True):
        mask = decode_mask(found, (64, 96))
        assert mask.any()
        assert (mask == decode_mask(wanted, (64, 96))).all()


@pytest.mark.parametrize("first_pixel", [False, True])
def test_a_mask_comes_back_from_its_run_lengths(first_pixel):
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    mask[0, 0] = first_pixel
    assert (decode_mask(encode_mask(mask), (5, 7)) == mask).all()


def test_classes_of_their_own_are_named_beside_the_boxes(tmp_path):
    data = drawn(skill="classes", difficulty=1, class_names=("person", "vehicle", "shape"))
    write_sequences(data, tmp_path)
    folder = tmp_path / "classes-1-0001" / "gt"
    assert (folder / "labels.txt").read_text() == "person\nvehicle\nshape\n"
    classes = {line.split(",")[7] for line in (folder / "gt.txt").read_text().splitlines()}
    assert classes == {"1", "2", "3"}


def test_files_that_are_there_stay(written, capsys):
    assert run(["data", "synth", str(written), "--skill", "crossing", "--sequences", "1"]) == 2
    assert "exists already; choose another folder" in capsys.readouterr().err


def test_a_run_that_is_killed_leaves_nothing_that_looks_finished(tmp_path):
    left = tmp_path / ".scenes.999999999.partial"
    left.mkdir()

    def killed():
        # As a kill leaves it: nothing under the name.
        assert not (tmp_path / "scenes").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sequences(drawn(skill="plain"), tmp_path / "scenes", killed)
    assert list(tmp_path.iterdir()) == []


def test_photographs_are_put_behind_the_scenes(tmp_path):
    cv2.imwrite(str(tmp_path / "green.png"), np.full((50, 200, 3), (0, 200, 0), dtype=np.uint8))
    pixels = drawn(skill="plain", backgrounds=tmp_path).sequences[0].frames[0].read_pixels()
    assert pixels[0, 0].tolist() == [0, 200, 0]


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected images"):
        drawn(backgrounds=tmp_path)
    with pytest.raises(DataError, match="found no folder"):
        drawn(backgrounds=tmp_path / "none")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": "64"}, "expected WIDTHxHEIGHT"),
        ({"size": "64x16"}, "at least 32 pixels"),
        ({"class_names": "person,person"}, "each once"),
        ({"class_names": "dog"}, "'person', 'vehicle' or 'shape'"),
        ({"difficulty": "6"}, "a number up to 5"),
        ({"skill": "flying"}, "expected 'plain'"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        settings_from(SyntheticSettings, wrong, "command line")


def test_text_becomes_size_and_classes():
    typed = settings_from(SyntheticSettings, {"size": "96x64", "class_names": "shape"}, "")
    assert (typed.size, typed.class_names) == ((64, 96), ("shape",))


def test_a_source_is_either_files_or_synthetic():
    with pytest.raises(ConfigError, match="exactly one of path and synthetic"):
        settings_from(SourceSettings, {}, "sources")


def clips(**changes) -> ClipDataset:
    data = read_source(source(skill="crowd", frames=20, sequences=3))
    wanted = ClipSettings(canvas=(64, 96), length=(3, 3), **changes)
    plain = InputSettings(area=64 * 96)
    return ClipDataset([(data, 1.0)], 2, wanted, plain, seed=0, num_batches=5)


def test_clips_are_drawn_from_scenes_and_repeat_exactly():
    first, again = clips()[3], clips()[3]
    assert len(first.images) == 3
    assert sum(len(target.boxes) for targets in first.targets for target in targets) > 20
    for one, other in zip(first.images, again.images, strict=True):
        assert torch.equal(one.pixels, other.pixels)


def test_a_fingerprint_tells_settings_apart():
    first, second = (fingerprint(drawn(seed=seed)) for seed in (0, 1))
    assert first["sha256"] != second["sha256"]
    assert first == fingerprint(drawn(seed=0))


def test_frames_can_be_asked_for_from_the_end_and_in_slices():
    frames = drawn(skill="plain").sequences[0].frames
    assert frames[-1].frame_index == 3
    assert [frame.frame_index for frame in frames[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        frames[4]


def test_a_model_trains_on_synthetic_scenes(tmp_path):
    settings = TrainingSettings(
        output=tmp_path / "run",
        sources=(source(skill="lookalikes", frames=8),),
        model=tiny_settings("rt_detr"),
        batch_size=1,
        clips=ClipSettings(canvas=(64, 96)),
        optimizer={"steps": 2, "warmup_steps": 1},
        workers=0,
    )
    assert (train(settings) / "last.safetensors").is_file()
