"""Fewer queries are the best of all, and fewer layers answer what those layers answered before."""

from pathlib import Path

import pytest
import torch

from models.conftest import SIZES
from trackformer import ConfigError, load_model
from trackformer.checkpoints.convert import convert
from trackformer.checkpoints.smaller import Fewer, smaller
from trackformer.models.build import build_model
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.settings import DetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images

SIZE = (96, 128)
"""Of an image with 6 x 8 + 3 x 4 cells to choose queries from."""


@pytest.fixture(scope="module")
def nano() -> TrackFormer:
    return load_model("nano")


@pytest.fixture(scope="module")
def images() -> Images:
    return Images.from_list([torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))])


@torch.inference_mode()
def test_fewer_queries_are_those_that_came_first(nano: TrackFormer, images: Images):
    memory = nano.detector.encode(images)
    best = nano.detector.object_queries(memory).reference[:, :20]
    small = smaller(nano, Fewer(queries=20))
    assert torch.equal(small.detector.object_queries(memory).reference, best)
    assert small(images).boxes.shape[2] == small.settings.detector.num_queries == 20


@torch.inference_mode()
def test_the_first_layers_answer_what_they_did_among_all(nano: TrackFormer, images: Images):
    of_all = optimize_for_inference(nano, every_layer=True)(images)
    for count in (1, 2, 3):
        small = smaller(nano, Fewer(decoder_layers=count))(images)
        expected = of_all.boxes[count - 1], of_all.class_logits[count - 1]
        torch.testing.assert_close(
            (small.boxes[-1], small.class_logits[-1]), expected, atol=1e-3, rtol=0
        )


def test_a_smaller_model_is_written_and_read_again(tmp_path: Path, images: Images):
    path = tmp_path / "fast.safetensors"
    made = convert("nano", path, fewer=Fewer(queries=20, decoder_layers=2))
    read = load_model(path)
    assert read.settings == made.settings
    with torch.inference_mode():
        assert torch.equal(read(images).boxes, made(images).boxes)


@pytest.mark.parametrize(
    ("fewer", "said"),
    [
        (Fewer(queries=0), "queries: expected 1 to 150, which the model has, got 0"),
        (Fewer(queries=151), "got 151"),
        (Fewer(decoder_layers=4), "decoder layers: expected 1 to 3"),
    ],
)
def test_more_than_there_are_or_none_are_refused(nano: TrackFormer, fewer: Fewer, said: str):
    with pytest.raises(ConfigError, match=said):
        smaller(nano, fewer)


def test_learned_queries_are_refused():
    model = build_model(ModelSettings(detector=DetrSettings(**SIZES)))
    with pytest.raises(ConfigError, match="selects its object queries"):
        smaller(model, Fewer(queries=2))
