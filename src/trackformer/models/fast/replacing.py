"""How parts of a network are exchanged for others that compute the same."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

Replacement = Callable[[nn.Module], nn.Module | None]
"""The module to put in a module's place, or None to leave it and look inside."""


def replace_modules(network: nn.Module, replacement: Replacement) -> None:
    """Exchange modules inside `network`, outermost first; shared ones stay shared."""
    _replace(network, replacement, {})


def _replace(
    network: nn.Module, replacement: Replacement, known: dict[nn.Module, nn.Module]
) -> None:
    # Not named_children(), which names a module that is registered twice only once.
    for name, child in list(network._modules.items()):  # noqa: SLF001 - the only complete list
        if child is None:
            continue
        if child not in known:
            made = replacement(child)
            known[child] = child if made is None else made
            if made is None:
                _replace(child, replacement, known)
        setattr(network, name, known[child])
