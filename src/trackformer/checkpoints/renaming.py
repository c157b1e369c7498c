"""Other libraries' parameter names to ours, by rules."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

Rules = tuple[tuple[str, str], ...]
"""(pattern, replacement), applied one after the other to every name."""


def renamed(stored: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """The same tensors under other names; what no rule knows keeps its name."""
    result = {}
    for name, tensor in stored.items():
        new_name = name
        for pattern, replacement in rules:
            new_name = re.sub(pattern, replacement, new_name)
        result[new_name] = tensor
    return result
