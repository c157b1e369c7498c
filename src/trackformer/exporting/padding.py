"""Zeros beside a map, as onnxruntime adds them without unpacking the map."""

from __future__ import annotations

from typing import Any

import numpy as np

from trackformer.exporting.onnx_graph import CUT_OFFS, remove_unread


# Any: onnx's records are made at run time.
def pad_by_convolution(graph: Any) -> None:
    """Replace each Pad behind a convolution by a depthwise one of a single 1, with padding.

    Between convolutions onnxruntime keeps maps packed by channels; for Pad it unpacks them, and
    packs them again behind it. The numbers are the same to the last bit.

    Args:
        graph: Changed.
    """
    from onnx import helper
    from onnx.numpy_helper import from_array, to_array

    values = {each.name: to_array(each) for each in graph.initializer if _is_short(each)}
    channels = _channels(graph)
    for index, node in enumerate(graph.node):
        if node.op_type != "Pad" or node.input[0] not in channels:
            continue
        sides = _sides(node, values)
        if sides is None:
            continue
        count, name = channels[node.input[0]], f"{node.output[0]}_ones"
        graph.initializer.append(from_array(np.ones((count, 1, 1, 1), np.float32), name))
        padded = helper.make_node(
            "Conv", [node.input[0], name], node.output, node.name,
            group=count, kernel_shape=[1, 1], pads=sides,
        )  # fmt: skip
        graph.node[index].CopyFrom(padded)
    remove_unread(graph)


def _is_short(value: Any) -> bool:
    return bool(np.prod(value.dims, dtype=int) <= 8)


def _channels(graph: Any) -> dict[str, int]:
    """Of the maps that convolutions made, cut off or not."""
    weights = {each.name: each.dims for each in graph.initializer}
    channels: dict[str, int] = {}
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            channels[node.output[0]] = weights[node.input[1]][0]
        elif node.op_type in CUT_OFFS and node.input[0] in channels:
            channels[node.output[0]] = channels[node.input[0]]
    return channels


def _sides(node: Any, values: dict[str, np.ndarray]) -> list[int] | None:
    """Top, left, bottom, right; None: other values than zeros, or beside other sides."""
    mode = next((each.s for each in node.attribute if each.name == "mode"), b"constant")
    pads = values.get(node.input[1])
    given = [values.get(name, np.array(np.nan)) for name in node.input[2:3] if name]
    if mode != b"constant" or pads is None or len(pads) != 8 or len(node.input) > 3 or any(given):
        return None
    outer = [*pads[:2], *pads[4:6]]
    if any(outer) or min(pads) < 0:
        return None
    return [int(each) for each in (*pads[2:4], *pads[6:8])]
