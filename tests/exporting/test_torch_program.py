"""A tracked frame as torch's own program, with deformable attention as one node of it."""

from __future__ import annotations

import pytest
import torch

from exporting.test_architectures import CLOSE, images_of, queries_of
from exporting.variants import VARIANTS, tiny_deformable_detr
from trackformer.errors import ConfigError
from trackformer.exporting.tracked_frame import tracked_frame_program
from trackformer.models.fast.optimize import optimize_for_inference


@pytest.fixture(scope="module")
def program(exported) -> torch.export.ExportedProgram:
    return torch.export.load(exported("two_frames.onnx").with_suffix(".pt2"))


def test_deformable_attention_is_one_node_of_each_layer(program):
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    # One encoder layer for each frame, and two decoder layers.
    assert called.count(torch.ops.trackformer.ms_deform_attn.default) == 4
    assert not any("grid_sampler" in str(target) for target in called)


@pytest.mark.parametrize("num_tracks", [[0], [3], [2, 7]])
@torch.inference_mode()
def test_it_answers_as_the_model_for_any_number_of_tracks(program, num_tracks):
    model = VARIANTS["two_frames"]()
    before = model(images_of(len(num_tracks), 75, 101, seed=3)).memory.frame
    images, queries = images_of(len(num_tracks), 96, 130), queries_of(model, num_tracks)
    expected = model(images, queries, before)
    scores, boxes, embeddings, *_ = program.module()(
        images.pixels, queries.embeddings, queries.boxes, queries.is_padding, before.maps
    )
    rows = ~expected.is_padding
    torch.testing.assert_close(scores[rows], expected.class_scores()[rows], **CLOSE)
    torch.testing.assert_close(boxes[rows], expected.boxes[-1][rows], **CLOSE)
    torch.testing.assert_close(embeddings[rows], expected.embeddings[rows], **CLOSE)


def test_what_cannot_be_exported_is_refused():
    model = tiny_deformable_detr()
    with pytest.raises(ConfigError, match="expected one that is not optimised for inference yet"):
        tracked_frame_program(optimize_for_inference(model))
    with pytest.raises(ConfigError, match="expected one in evaluation mode"):
        tracked_frame_program(model.train())
