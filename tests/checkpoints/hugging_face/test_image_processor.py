"""A folder's stored image processor is honoured: answers are those of transformers' own two parts.

What cannot be honoured is refused by name.
"""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny_models import MODEL_TYPES
from trackformer import load_model
from trackformer.checkpoints.hugging_face.image_processor import OWN_FILE, stored_input
from trackformer.errors import CheckpointError
from trackformer.input_settings import InputSettings
from trackformer.resizing import input_size
from trackformer.tracking.prepared_frame import prepare
from transformers_models import real_time_model, transformers_model

DETR_TYPES = ("detr", "deformable_detr")
PICTURE = np.random.default_rng(0).integers(0, 255, (90, 150, 3), dtype=np.uint8)
MEAN = {"do_normalize": True, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.25]}
SPELLINGS = {
    "height and width": {"size": {"height": 96, "width": 128}},
    "one number": {"size": 64},
    "two numbers": {"size": [64, 96]},
    "edges": {"size": {"shortest_edge": 64, "longest_edge": 96}},
    "room": {"size": {"max_height": 96, "max_width": 160}},
    "normalised": {"size": {"height": 64, "width": 96}, **MEAN},
    "not normalised": {"size": {"height": 64, "width": 96}, "do_normalize": False},
    "not rescaled": {"size": {"height": 64, "width": 96}, "do_rescale": False, **MEAN},
    "another factor": {"size": {"height": 64, "width": 96}, "rescale_factor": 1 / 127.5},
    "padded to a size": {
        "size": {"max_height": 96, "max_width": 96},
        "do_pad": True,
        "pad_size": {"height": 96, "width": 128},
    },
    "bicubic": {"size": {"height": 64, "width": 96}, "resample": 3},
}
OLD = {
    "number with a limit": {"size": 64, "max_size": 96, "pad_and_return_pixel_mask": True},
    "limit left out": {"size": 64, "feature_extractor_type": "DetrFeatureExtractor"},
}
REFUSED = {
    "size..": {"size": 64},
    "do_resize": {"do_resize": False},
    "do_center_crop": {"do_center_crop": True, "crop_size": 64},
    "size": {"size": {"shortest_edge": 64}},
    "size.": {"size": {"height": 10**12, "width": 64}},
    "resample": {"resample": 1},
    "pad_size": {"size": [64, 64], "do_pad": True, "pad_size": {"height": 99}},
    "image_std": {"do_normalize": True, "image_std": [0, 1, 1]},
    "image_mean": {"do_normalize": True, "image_mean": [0.5]},
    "image_processor_type": {"image_processor_type": "YolosImageProcessor"},
}


def processor(model_type: str, stored: dict):
    import transformers

    name = {"detr": "Detr", "deformable_detr": "DeformableDetr"}.get(model_type, "RTDetr")
    kind = getattr(transformers, f"{name}ImageProcessor")
    return kind(**{key: value for key, value in stored.items() if not key.endswith("_type")})


@pytest.fixture(scope="module", params=DETR_TYPES + MODEL_TYPES)
def theirs(request):
    kind = request.param
    model = transformers_model(kind) if kind in DETR_TYPES else real_time_model(kind)
    return model.eval()


@pytest.fixture(scope="module")
def folder(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ours(folder):
    return load_model(folder)


@torch.no_grad()
def assert_equal_answers(ours, theirs, stored):
    given = processor(theirs.config.model_type, stored)(images=PICTURE, return_tensors="pt")
    expected = theirs(**given)

    images = prepare(ours, PICTURE, ours.device)
    answer = ours(images)

    torch.testing.assert_close(images.pixels, given["pixel_values"], atol=2e-4, rtol=1e-4)
    # Query selection ranks cells, and pixels differ in the last bit: from left to right instead.
    logits, boxes = from_left_to_right(answer.class_logits[-1], answer.boxes[-1])
    # Theirs are shares of the padded picture, of which the image fills a part.
    padded = torch.tensor(given["pixel_values"].shape[-2:])
    part = (images.image_sizes[0] / padded).flip(0).repeat(2)
    their_logits, their_boxes = from_left_to_right(expected.logits, expected.pred_boxes / part)
    torch.testing.assert_close(logits, their_logits, atol=5e-3, rtol=1e-3)
    torch.testing.assert_close(boxes, their_boxes, atol=5e-3, rtol=0)


def from_left_to_right(logits, boxes):
    order = boxes[0, :, 0].argsort()
    return logits[0, order], boxes[0, order]


@pytest.mark.parametrize("stored", SPELLINGS.values(), ids=SPELLINGS)
def test_answers_are_those_of_transformers_own_processor_and_model(ours, theirs, stored, tmp_path):
    kind = "detr" if theirs.config.model_type in DETR_TYPES else "real_time"
    if kind == "real_time" and stored in (SPELLINGS["edges"], SPELLINGS["one number"]):
        pytest.skip("transformers cannot run this size with this model, or refuses it")
    (tmp_path / OWN_FILE).write_text(json.dumps(stored))
    size = stored_input(tmp_path, kind)
    ours.settings = ours.settings.model_copy(update={"input": size})
    assert_equal_answers(ours, theirs, stored)


def test_a_loaded_folder_sees_pictures_as_its_processor_says(folder, theirs):
    (folder / OWN_FILE).write_text(json.dumps(SPELLINGS["normalised"]))
    loaded = load_model(folder).settings.input
    assert (loaded.height, loaded.width, loaded.mean) == (64, 96, (0.4, 0.5, 0.6))


@pytest.mark.parametrize("stored", OLD.values(), ids=OLD)
def test_files_of_older_versions_are_understood(stored, tmp_path):
    (tmp_path / OWN_FILE).write_text(json.dumps(stored))
    theirs = processor("detr", stored)(images=PICTURE, return_tensors="pt")["pixel_values"]
    assert input_size(PICTURE.shape[:2], stored_input(tmp_path, "detr")) == theirs.shape[-2:]


@pytest.mark.parametrize("kind", ["detr", "real_time"])
def test_what_a_file_leaves_out_is_the_processors_default(kind, tmp_path):
    (tmp_path / OWN_FILE).write_text("{}")
    defaults = processor("detr" if kind == "detr" else "rt_detr", {})
    stored = stored_input(tmp_path, kind)

    names = ("shortest_edge", "longest_edge") if kind == "detr" else ("height", "width")
    expected = (800, 1333) if kind == "detr" else (640, 640)
    assert input_size((90, 150), stored) == expected
    assert tuple(defaults.size[name] for name in names) == expected
    assert (stored.mean == (0, 0, 0)) == (not defaults.do_normalize)


def test_a_processor_nested_in_the_newer_file_comes_first(tmp_path):
    (tmp_path / OWN_FILE).write_text('{"size": 64}')
    nested = {"image_processor": {"size": {"height": 32, "width": 96}}}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert input_size((90, 150), stored_input(tmp_path, "real_time")) == (32, 96)


@pytest.mark.parametrize(("key", "stored"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused_by_name(key, stored, tmp_path):
    (tmp_path / OWN_FILE).write_text(json.dumps(stored))
    with pytest.raises(CheckpointError) as refused:
        stored_input(tmp_path, "real_time")
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / OWN_FILE}: ")
    assert key.rstrip(".") in message


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(1, 4000),
    width=st.integers(1, 4000),
    sides=st.sampled_from(
        [
            {"shortest_edge": 800, "longest_edge": 1333},
            {"max_height": 600, "max_width": 500},
        ]
    ),
)
def test_every_picture_gets_the_size_that_transformers_gives_it(height, width, sides):
    from transformers.image_transforms import get_size_with_aspect_ratio
    from transformers.image_utils import get_image_size_for_max_height_width

    rule = get_image_size_for_max_height_width
    names = {"max_height": 600, "max_width": 500}
    if "shortest_edge" in sides:
        rule = get_size_with_aspect_ratio
        names = {"shorter_side": 800, "longest_side": 1333, "rounding": "transformers"}
    expected = rule((height, width), *sides.values())
    ours = input_size((height, width), InputSettings(**names))
    assert ours == tuple(max(1, side) for side in expected)
