"""Eight bits: what is quantized, that floors move exactly, and that nano still answers alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

from trackformer import DataError
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.exporting.int8 import carry_floors, quantized, quantized_nodes
from trackformer.exporting.int8_examples import drawn_examples
from trackformer.tracking.prepared_frame import prepare


def graph(pads: int, size: int):
    """Two strided convolutions, one with a floor of 0.5, and one of a coarse map."""
    draw = np.random.default_rng(0)
    arrays = {
        "w0": draw.normal(size=(4, 3, 3, 3)),
        "w1": draw.normal(size=(4, 4, 3, 3)),
        "w2": draw.normal(size=(6, 4, size, size)),
        "b0": draw.normal(size=4),
        "b1": draw.normal(size=4),
        "b2": draw.normal(size=6),
        "floor": np.array(0.5),
    }
    coarse = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["pixels", "w0", "b0"], ["fine"], "first", **coarse),
        helper.make_node("Conv", ["fine", "w1", "b1"], ["middle"], "second", **coarse),
        helper.make_node("Clip", ["middle", "floor"], ["cut"], "cut"),
        helper.make_node(
            "Conv", ["cut", "w2", "b2"], ["map"], "third",
            kernel_shape=[size, size], pads=[pads] * 4,
        ),
    ]  # fmt: skip
    places = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, None, None])
        for name, channels in (("pixels", 3), ("map", 6))
    ]
    values = [from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    return helper.make_graph(nodes, "maps", places[:1], places[1:], values)


def answer(of) -> np.ndarray:
    model = helper.make_model(of, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pixels = np.random.default_rng(1).normal(size=(1, 3, 24, 40)).astype(np.float32)
    return session.run(None, {"pixels": pixels})[0]


def test_only_convolutions_of_coarse_maps_are_quantized():
    assert quantized_nodes(graph(0, 1)) == ["third"]


def test_a_floor_above_zero_moves_into_the_next_convolution():
    moved = graph(0, 1)
    carry_floors(moved)
    assert [node.op_type for node in moved.node] == ["Conv", "Conv", "Relu", "Conv"]
    assert "floor" not in {each.name for each in moved.initializer}
    np.testing.assert_allclose(answer(moved), answer(graph(0, 1)), atol=1e-4)


def test_at_the_border_of_a_padded_map_it_would_not_be_the_same():
    left = graph(1, 3)
    carry_floors(left)
    assert [node.op_type for node in left.node] == ["Conv", "Conv", "Clip", "Conv"]


@pytest.fixture(scope="session")
def int8_file(nano_file: Path, weights, frames, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "int8.onnx"
    examples = [prepare(weights, frame, weights.device).pixels.numpy() for frame in frames[:4]]
    path.write_bytes(quantized(nano_file.read_bytes(), examples))
    return path


@torch.inference_mode()
def test_nano_in_eight_bits_sees_the_same_people(int8_file: Path, weights, frames):
    images = prepare(weights, frames[6], weights.device)  # none of the four it is calibrated on
    expected, got = (model(images) for model in (weights, OnnxModel(int8_file)))
    best = expected.class_scores()[0, :, 0].topk(5)
    distance = (expected.boxes[-1][0, best.indices, None] - got.boxes[-1][0]).abs().amax(-1)
    assert float(distance.amin(1).max()) < 0.02
    nearest = got.class_scores()[0, distance.argmin(1), 0]
    assert float((nearest - best.values).abs().max()) < 0.15


def test_the_file_is_smaller_says_the_same_and_knows_usual_operators(int8_file, nano_file):
    assert int8_file.stat().st_size < 0.75 * nano_file.stat().st_size
    file = onnx.load(int8_file)
    assert {node.domain for node in file.graph.node} == {""}
    assert OnnxModel(int8_file).settings == OnnxModel(nano_file).settings
    assert file.producer_name == "trackformer"


def test_a_seed_says_which_frames_are_drawn(weights, make_clip):
    first, second, other = (drawn_examples(weights, [make_clip(6)], seed, 2) for seed in (0, 0, 1))
    assert [each.shape[:2] for each in first] == [(1, 3)] * 2
    np.testing.assert_array_equal(np.stack(first), np.stack(second))
    assert (np.stack(first) != np.stack(other)).any()


def test_no_frames_are_refused(weights, tmp_path: Path):
    with pytest.raises(DataError):
        drawn_examples(weights, [tmp_path], 0)
