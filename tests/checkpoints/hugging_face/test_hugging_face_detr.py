"""Folders saved by transformers load into our modules, which answer as transformers' own do."""

import json
import re

import pytest
import safetensors.torch
import torch

from golden.weights_recipe import make_image
from trackformer import load_model
from trackformer.checkpoints.coco_classes import coco_names_by_id
from trackformer.errors import CheckpointError
from trackformer.types import Images
from transformers_models import VARIANTS, transformers_model


@torch.no_grad()
def assert_equal_answers(ours, theirs):
    images = Images.from_list([make_image("a", 96, 128), make_image("b", 120, 80)])

    answer = theirs(images.pixels, pixel_mask=(~images.is_padding).long())
    output = ours(images)

    assert answer.logits.std() > 0.1
    torch.testing.assert_close(output.class_logits[-1], answer.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.boxes[-1], answer.pred_boxes, atol=1e-4, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_saved_model_answers_as_in_transformers(variant, tmp_path):
    theirs = transformers_model(variant)
    theirs.save_pretrained(tmp_path)

    assert_equal_answers(load_model(tmp_path), theirs)


def test_a_bottleneck_backbone_answers_as_in_transformers(tmp_path):
    backbone = {
        "hidden_sizes": [256, 512, 1024, 2048],
        "depths": [3, 4, 6, 3],
        "layer_type": "bottleneck",
    }
    theirs = transformers_model("detr", backbone)
    theirs.save_pretrained(tmp_path)

    ours = load_model(tmp_path)

    assert ours.settings.detector.backbone.name == "resnet50"
    assert_equal_answers(ours, theirs)


def test_heads_stored_for_every_layer_and_the_names_of_live_models_load(tmp_path):
    theirs = transformers_model("deformable_detr_refine")
    theirs.save_pretrained(tmp_path)
    every_tensor = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    safetensors.torch.save_file(every_tensor, tmp_path / "model.safetensors")

    assert_equal_answers(load_model(tmp_path), theirs)


def test_the_names_of_timm_backbones_load(tmp_path):
    theirs = transformers_model("detr")
    theirs.save_pretrained(tmp_path)
    stored = safetensors.torch.load_file(tmp_path / "model.safetensors")
    with_timm_names = {timm_name(name): tensor for name, tensor in stored.items()}
    assert "model.backbone.conv_encoder.model.layer2.0.downsample.1.bias" in with_timm_names
    safetensors.torch.save_file(with_timm_names, tmp_path / "model.safetensors")

    assert_equal_answers(load_model(tmp_path), theirs)


def timm_name(name: str) -> str:
    """transformers' own name of a ResNet's part as timm's."""
    parts = {"convolution": "conv", "normalization": "bn"}
    if match := re.search(r"embedder\.embedder\.(\w+)\.", name):
        return name.replace(match[0], f"{parts[match[1]]}1.")
    if match := re.search(r"encoder\.stages\.(\d)\.layers\.(\d)\.(.*)\.(\w+)\.(?=\w+$)", name):
        stage, block, part, kind = match.groups()
        if part == "shortcut":
            last = f"downsample.{list(parts).index(kind)}"
        else:
            last = f"{parts[kind]}{int(part[-1]) + 1}"
        return name.replace(match[0], f"layer{int(stage) + 1}.{block}.{last}.")
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("detr")
    transformers_model("detr").save_pretrained(path)
    return path


def with_config(folder, tmp_path, **changes):
    """The same folder with other values in its configuration."""
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    return tmp_path


def test_class_names_are_the_stored_ones(folder, tmp_path):
    names = ["N/A", "person", "bicycle", "car", "dog"]
    changed = with_config(folder, tmp_path, id2label=dict(enumerate(names)))
    assert load_model(changed).settings.class_names == tuple(names)


def test_classes_without_names_are_numbered(folder):
    assert load_model(folder).settings.class_names == tuple(f"class {i}" for i in range(5))


def test_91_classes_without_names_are_cocos(tmp_path):
    theirs = transformers_model("detr")
    theirs.class_labels_classifier = torch.nn.Linear(64, 92)
    theirs.save_pretrained(tmp_path)
    assert load_model(tmp_path).settings.class_names == coco_names_by_id()


def test_the_image_size_is_the_stored_one(folder, tmp_path):
    changed = with_config(folder, tmp_path)
    size = {"shortest_edge": 480, "longest_edge": 640}
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"size": size, "image_mean": [0.5, 0.5, 0.5]})
    )
    stored = load_model(changed).settings.input
    assert (stored.shorter_side, stored.longest_side, stored.mean) == (480, 640, (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "yolos"}, r"config\.json: expected a model of type detr, .*got 'yolos'"),
        ({"activation_function": "gelu"}, "activation_function"),
        ({"encoder_attention_heads": 8}, "equally many attention heads"),
        ({"d_model": "wide"}, "d_model"),
        ({"encoder_layers": 3}, "16 missing"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(changes, message, folder, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        load_model(with_config(folder, tmp_path, **changes))


def test_a_damaged_file_of_weights_is_named(folder, tmp_path):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="the weights cannot be read"):
        load_model(tmp_path)
