"""What a call on a device reads, and whether it could be recorded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

NEEDS_NUMBERS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
aten = torch.ops.aten
BY_INDEX = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
COPIES = (aten._to_copy.default, aten.copy_.default)  # noqa: SLF001 - an operator


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block, every operator is looked at.

    A recorded graph repeats addresses. Whatever it reads must stay where it was; and a copy from
    the processor would be repeated from memory that is something else by then, without any error.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.read: dict[int, Tensor] = {}
        """Tensors that were not made within the block."""
        self.obstacle: str | None = None
        """The first thing that a graph cannot repeat."""
        self._device = device
        self._made: set[int] = set()

    # Any: operators, and what they take and answer.
    def __torch_dispatch__(
        self, operator: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Runs the operator."""
        kwargs = kwargs or {}
        given = [each for each in tree_iter((args, kwargs)) if isinstance(each, Tensor)]
        for tensor in given:
            if id(tensor) not in self._made:
                self.read[id(tensor)] = tensor
        if self.obstacle is None and self._is_obstacle(operator, args, kwargs, given):
            self.obstacle = f"{operator} needs the processor"
        answer = operator(*args, **kwargs)
        self._made.update(id(each) for each in tree_iter(answer) if isinstance(each, Tensor))
        return answer

    def _is_obstacle(self, operator: Any, args: Any, kwargs: Any, given: list[Tensor]) -> bool:
        elsewhere = [each for each in given if each.device.type != self._device.type]
        if operator in COPIES:
            target = kwargs.get("device")
            leaves = target is not None and target.type != self._device.type
            return bool(elsewhere) or leaves
        # Single numbers are part of a kernel's arguments.
        if any(each.ndim > 0 for each in elsewhere):
            return True
        if operator in BY_INDEX:
            return any(each is not None and each.dtype == torch.bool for each in args[1])
        return bool(NEEDS_NUMBERS.intersection(operator.tags))
