"""Zeros that a convolution adds are those of Pad, and what is more than that stays Pad."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

from trackformer.exporting.padding import pad_by_convolution


def graph(pads: list[int], value: float | None = None, mode: str = "constant"):
    """A convolution, a floor and zeros beside its map of 5 channels."""
    draw = np.random.default_rng(0)
    arrays = {
        "weight": draw.normal(size=(5, 3, 3, 3)).astype(np.float32),
        "floor": np.array(0.5, np.float32),
        "pads": np.array(pads, np.int64),
    }
    if value is not None:
        arrays["value"] = np.array(value, np.float32)
    nodes = [
        helper.make_node("Conv", ["pixels", "weight"], ["map"], "convolution"),
        helper.make_node("Clip", ["map", "floor"], ["cut"], "cut"),
        helper.make_node(
            "Pad", ["cut", "pads", *(["value"] if value is not None else [])], ["padded"], "pad",
            mode=mode,
        ),
    ]  # fmt: skip
    places = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, None, None])
        for name, channels in (("pixels", 3), ("padded", 5))
    ]
    values = [from_array(array, name) for name, array in arrays.items()]
    return helper.make_graph(nodes, "padding", places[:1], places[1:], values)


def answer(of) -> np.ndarray:
    model = helper.make_model(of, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pixels = np.random.default_rng(1).normal(size=(1, 3, 12, 20)).astype(np.float32)
    return session.run(None, {"pixels": pixels})[0]


@pytest.mark.parametrize("value", [None, 0.0])
def test_zeros_are_added_by_a_convolution_to_the_last_bit(value: float | None):
    changed = graph([0, 0, 1, 2, 0, 0, 3, 4], value)
    pad_by_convolution(changed)
    assert [node.op_type for node in changed.node] == ["Conv", "Clip", "Conv"]
    assert {each.name for each in changed.initializer} == {"weight", "floor", "padded_ones"}
    padded = answer(changed)
    assert padded.shape == (1, 5, 10 + 1 + 3, 18 + 2 + 4)
    assert np.array_equal(padded, answer(graph([0, 0, 1, 2, 0, 0, 3, 4], value)))
    assert not padded[:, :, 0].any()


@pytest.mark.parametrize(
    "left",
    [
        graph([0, 1, 0, 0, 0, 0, 0, 0]),
        graph([0, 0, 0, 0, 0, 0, -1, 0]),
        graph([0, 0, 0, 0, 0, 0, 1, 1], 0.5),
        graph([0, 0, 0, 0, 0, 0, 1, 1], None, "edge"),
    ],
    ids=["another channel", "cut off", "not zeros", "repeated"],
)
def test_what_a_convolution_cannot_add_stays(left):
    pad_by_convolution(left)
    assert [node.op_type for node in left.node] == ["Conv", "Clip", "Pad"]
