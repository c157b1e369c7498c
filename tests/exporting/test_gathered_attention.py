"""Deformable attention by gathered cells: the numbers of the reference, and no GridSample."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from exporting.attention_alone import NAMES, Attention, inputs


@pytest.mark.parametrize("sizes", [(2, 6, 5), (1, 9, 1), (3, 4, 7)])
@torch.inference_mode()
def test_the_numbers_are_those_of_the_reference_at_any_size(exported, sizes):
    session = onnxruntime.InferenceSession(exported("gathered_attention.onnx"))
    asked = inputs(*sizes)
    got = session.run(None, dict(zip(NAMES, map(np.asarray, asked), strict=True)))[0]
    np.testing.assert_allclose(got, Attention()(*asked).numpy(), atol=1e-5)


def test_no_grid_is_sampled(exported):
    nodes = onnx.load(exported("gathered_attention.onnx")).graph.node
    assert {"GatherND"} == {node.op_type for node in nodes} & {"GatherND", "GridSample"}
