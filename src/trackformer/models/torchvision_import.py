"""How torchvision is imported where its compiled operators are missing."""

from __future__ import annotations

import functools
import importlib
import sys

import torch

MISSING_OPERATORS = "operator torchvision::nms does not exist"


def ensure_torchvision() -> None:
    """Make `import torchvision` work; call it before torchvision or transformers' models.

    torch's CPU-only wheels and the package index's torchvision wheel do not fit together: the
    latter's compiled operators cannot be loaded, and its import then stops because it describes
    `nms`, which nothing has declared. We use none of these operators, so declaring the names is
    enough. Where the operators are there, this is a plain import.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISSING_OPERATORS not in str(error):
            raise
        half_imported = [name for name in sys.modules if name.split(".")[0] == "torchvision"]
        for name in half_imported:
            del sys.modules[name]
        _declared_operators()
        importlib.import_module("torchvision")


# Cached because a declaration lives only as long as its library object.
@functools.cache
def _declared_operators() -> torch.library.Library:
    """The operators that torchvision describes without checking that they are loaded."""
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    return library
