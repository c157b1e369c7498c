"""Exported models answer as the models they were made of, whatever the sides are.

torch takes half a minute for each; the bundled `nano` is in `test_nano.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from exporting.variants import VARIANTS, tiny_hugging_face
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.frame_model import FrameModel
from trackformer.types import FrameFeatures, Images, ModelOutput, TrackQueries

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request, exported: Callable[[str], Path]) -> tuple[FrameModel, OnnxModel]:
    return VARIANTS[request.param](), OnnxModel(exported(f"{request.param}.onnx"))


def images_of(batch_size: int, height: int, width: int, seed: int = 1) -> Images:
    generator = torch.Generator().manual_seed(seed)
    return Images.from_list(list(torch.rand((batch_size, 3, height, width), generator=generator)))


def queries_of(model: FrameModel, num_tracks: list[int]) -> TrackQueries:
    """As many track queries for each image; the rest is padding."""
    generator = torch.Generator().manual_seed(2)
    shape = (len(num_tracks), max(num_tracks))
    return TrackQueries(
        torch.randn((*shape, model.embedding_size), generator=generator),
        torch.rand((*shape, 4), generator=generator) * 0.3 + 0.3,
        torch.arange(shape[1]) >= torch.tensor(num_tracks)[:, None],
    )


def assert_equal_answers(expected: ModelOutput, got: ModelOutput) -> None:
    rows = ~expected.is_padding
    assert torch.equal(got.is_padding, expected.is_padding)
    assert got.num_track_queries == expected.num_track_queries
    torch.testing.assert_close(got.class_scores()[rows], expected.class_scores()[rows], **CLOSE)
    torch.testing.assert_close(got.boxes[-1][rows], expected.boxes[-1][rows], **CLOSE)
    torch.testing.assert_close(got.embeddings[rows], expected.embeddings[rows], **CLOSE)


@torch.inference_mode()
def test_without_tracks(pair):
    model, exported = pair
    images = images_of(1, 96, 160)
    assert_equal_answers(model(images), exported(images))


@torch.inference_mode()
def test_with_three_tracks_in_an_image_whose_sides_are_no_multiples(pair):
    model, exported = pair
    images, queries = images_of(1, 109, 141), queries_of(model, [3])
    assert_equal_answers(model(images, queries), exported(images, queries))


@torch.inference_mode()
def test_a_batch_with_different_numbers_of_tracks(pair):
    model, exported = pair
    images, queries = images_of(2, 160, 96), queries_of(model, [1, 4])
    assert_equal_answers(model(images, queries), exported(images, queries))


@torch.inference_mode()
def test_rt_detr_is_exported_as_rt_detr_v2_is():
    """What is exported is the form for inference, and there the two compute the same."""
    first, second = (tiny_hugging_face(name) for name in ("rt_detr", "rt_detr_v2"))
    # A constant of the second alone says what the first divides by.
    second.load_state_dict(second.state_dict() | first.state_dict())
    images, queries = images_of(2, 109, 141), queries_of(first, [1, 4])
    expected, got = (optimize_for_inference(each)(images, queries) for each in (second, first))
    assert_equal_answers(expected, got)


@torch.inference_mode()
def test_two_frames_also_of_different_sizes(exported):
    model, file = VARIANTS["two_frames"](), OnnxModel(exported("two_frames.onnx"))
    before, queries = images_of(1, 75, 101, seed=3), queries_of(model, [2])
    expected, got = (each(before).memory.frame for each in (model, file))
    for ours, theirs in zip(expected.maps, got.maps, strict=True):
        torch.testing.assert_close(theirs, ours, **CLOSE)
    for size in ((75, 101), (128, 96)):
        images = images_of(1, *size)
        answer = file(images, queries, FrameFeatures(got.maps, got.is_padding))
        assert_equal_answers(model(images, queries, expected), answer)
        assert not torch.allclose(answer.boxes, file(images, queries).boxes, atol=1e-4)
