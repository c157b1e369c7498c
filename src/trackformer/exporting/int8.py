"""A tracked frame's file with the convolutions of its backbone in integers of eight bits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from trackformer.exporting.onnx_graph import CUT_OFFS, remove_unread

LEAST_STRIDE: Final = 4
"""Pixels between two cells of a map that is worth it. Finer maps have few channels: there a
product of bytes is no faster, and turning a large map into bytes takes longer than it saves."""
MAPS: Final = ("Conv", *CUT_OFFS, "Concat")
"""What is computed on bytes."""

Pixels = Float[np.ndarray, "1 3 H W"]


# Any: onnx's records are made at run time.
def quantized(frame: bytes, examples: Sequence[Pixels]) -> bytes:
    """The same graph with bytes from its first maps at a quarter of the frame's size on.

    Weights have a scale per channel and seven bits, because products of eight bits overflow on
    processors without VNNI; maps have one scale each, from the least and the greatest value that
    the examples show (Jacob et al. 2018, section 2).

    Args:
        frame: The content of a file of one frame.
        examples: Normalised frames like those that it will see.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    model: Any = onnx.load_from_string(frame)
    carry_floors(model.graph)
    with tempfile.TemporaryDirectory() as folder, _without_advice():
        path = Path(folder, "quantized.onnx")
        quantize_static(
            model,
            path,
            _Examples(model.graph, examples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(MAPS),
            nodes_to_quantize=quantized_nodes(model.graph),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        made: Any = onnx.load(path)
    made.producer_name, made.producer_version = model.producer_name, model.producer_version
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    content: bytes = made.SerializeToString()
    return content


@contextmanager
def _without_advice() -> Iterator[None]:
    """Preparations are recommended on the root logger; this graph is past them."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def quantized_nodes(graph: Any) -> list[str]:
    """Names of what is computed on bytes: convolutions of coarse maps, and what lies between."""
    strides = {graph.input[0].name: 1}
    made_by_convolution: set[str] = set()
    names = []
    for node in graph.node:
        known = [strides[name] for name in node.input if name in strides]
        if node.op_type not in (*MAPS, "Pad", "MaxPool") or not known:
            continue
        strides[node.output[0]] = known[0] * _stride(node)
        is_chosen = (
            known[0] >= LEAST_STRIDE
            if node.op_type == "Conv"
            else made_by_convolution.issuperset(node.input[: len(known)])
        )
        if is_chosen and node.op_type in MAPS:
            names.append(node.name)
            made_by_convolution.add(node.output[0])
    return names


def carry_floors(graph: Any) -> None:
    """Put a floor above zero into the convolution behind it, where the sums are the same.

    A byte's scale reaches from zero, so only floors up to zero are cut for nothing:
    w * max(x + s, s) = w * max(x, 0) + s * sum(w), but at the border of a padded map.
    """
    from onnx.numpy_helper import from_array, to_array

    values = {each.name: each for each in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        readers = [each for each in graph.node if node.output[0] in each.input]
        if node.op_type != "Clip" or len(readers) != 1 or not _is_pointwise(readers[0]):
            continue
        before, behind = makers[node.input[0]], readers[0]
        floor = float(to_array(values[node.input[1]]))
        if floor <= 0 or before.op_type != "Conv":
            continue
        weight = to_array(values[behind.input[1]])
        for place, change in ((before, -floor), (behind, floor * weight.sum((1, 2, 3)))):
            changed = to_array(values[place.input[2]]) + change
            values[place.input[2]].CopyFrom(from_array(changed.astype(np.float32), place.input[2]))
        node.op_type = "Relu"
        del node.input[1:]
    remove_unread(graph)


def _is_pointwise(node: Any) -> bool:
    if node.op_type != "Conv" or len(node.input) < 3:
        return False
    sides = {each.name: list(each.ints) for each in node.attribute}
    return set(sides["kernel_shape"]) == {1} and not any(sides.get("pads", ()))


def _stride(node: Any) -> int:
    return next((each.ints[0] for each in node.attribute if each.name == "strides"), 1)


class _Examples:
    """What the quantization asks for inputs, one after the other: frames, without tracks."""

    def __init__(self, graph: Any, examples: Sequence[Pixels]) -> None:
        self._names = [each.name for each in graph.input]
        self._channels = graph.input[1].type.tensor_type.shape.dim[2].dim_value
        self._examples: Iterator[Pixels] = iter(examples)

    def get_next(self) -> dict[str, np.ndarray] | None:
        pixels = next(self._examples, None)
        if pixels is None:
            return None
        batch = len(pixels)
        given = (
            pixels,
            np.zeros((batch, 0, self._channels), np.float32),
            np.zeros((batch, 0, 4), np.float32),
            np.zeros((batch, 0), np.bool_),
        )
        return dict(zip(self._names, given, strict=True))
