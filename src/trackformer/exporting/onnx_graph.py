"""What is done to an ONNX graph whose nodes were changed."""

from __future__ import annotations

from typing import Any, Final

CUT_OFFS: Final = ("Clip", "Relu")
"""What cuts off the values of a convolution; behind them its map is still packed."""


# Any: onnx's records are made at run time.
def remove_unread(graph: Any) -> None:
    """Drop the constants that no node reads any more.

    Args:
        graph: Changed.
    """
    read = {name for node in graph.node for name in node.input}
    for each in [each for each in graph.initializer if each.name not in read]:
        graph.initializer.remove(each)
