"""A device that is not there: tensors on it are computed by the processor, and every wait counts.

On a real device the host runs ahead of the kernels it launches. It waits when it needs a number
(`item`, a branch on a tensor), a size that depends on numbers (`nonzero`, a mask as an index), or
a copy that is not `non_blocking`. Here such calls are written down, and a tensor that is mixed with
one of the processor is an error, as there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

NAME = "pretended"
aten = torch.ops.aten
NEEDS_NUMBERS = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten._unique2.default,
    aten.repeat_interleave.Tensor,
}


def register() -> None:
    """Let PyTorch know the name; for the whole process."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    getattr(torch, NAME).get_amp_supported_dtype = lambda: [torch.bfloat16]


class Remote(Tensor):
    """A tensor of the device; `held` has its numbers."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, real: Tensor) -> Remote:
        remote = Tensor._make_wrapper_subclass(
            cls,
            real.size(),
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=torch.device(NAME, 0),
        )
        remote.held = real
        return remote

    @classmethod
    def __torch_dispatch__(cls, operator: Any, _types: Any, args: Any = (), kwargs: Any = None):
        raise AssertionError(f"{operator} outside of Device")


class Device(TorchDispatchMode):
    """Runs everything, and writes down the operators that the host waited in."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def taken_waits(self) -> list[str]:
        """Those since this was last asked, in order."""
        waits, self.waits = self.waits, []
        return waits

    def __torch_dispatch__(self, operator: Any, _types: Any, args: Any = (), kwargs: Any = None):
        kwargs = dict(kwargs or {})
        values = [each for each in tree_iter((args, kwargs)) if isinstance(each, Tensor)]
        is_remote = any(isinstance(each, Remote) for each in values)
        target = kwargs.get("device")
        if target is not None and target.type == NAME:
            kwargs["device"] = torch.device("cpu")
        if operator in (aten._to_copy.default, aten.copy_.default):
            goes_to = target if operator is aten._to_copy.default else args[0].device
            return self._copy(operator, goes_to, args, kwargs)
        if not is_remote and (target is None or target.type != NAME):
            return operator(*args, **kwargs)
        self._note(operator, args, values)
        return _wrapped(operator(*_real(args), **_real(kwargs)), values)

    def _copy(self, operator: Any, goes_to: torch.device | None, args: Any, kwargs: Any) -> Any:
        values = [each for each in tree_iter(args) if isinstance(each, Tensor)]
        source = values[-1].device
        goes_to = source if goes_to is None else goes_to
        if goes_to.type != source.type:
            is_awaited = not (kwargs.get("non_blocking") or args[2:3] == (True,))
            if goes_to.type == "cpu" or is_awaited:
                self.waits.append(f"{operator} {source.type} to {goes_to.type}")
        # Also where nothing is converted: on the processor alone there would be no copy.
        answer = operator(*_real(args), **_real(kwargs))
        return answer if goes_to.type == "cpu" else _wrapped(answer, values)

    def _note(self, operator: Any, args: Any, values: list[Tensor]) -> None:
        if operator in NEEDS_NUMBERS:
            self.waits.append(str(operator))
        if operator in (aten.index.Tensor, aten.index_put_.default, aten.index_put.default):
            indices = [each for each in args[1] if each is not None]
            if any(each.dtype == torch.bool for each in indices):
                self.waits.append(f"{operator} by a mask")
            elif not all(isinstance(each, Remote) for each in indices):
                self.waits.append(f"{operator} by rows of the processor")
        elif any(not isinstance(each, Remote) and each.ndim for each in values):
            raise RuntimeError(f"{operator}: some tensors are on the device, others are not")


def _real(values: Any) -> Any:
    return tree_map(lambda each: each.held if isinstance(each, Remote) else each, values)


def _wrapped(answers: Any, values: list[Tensor]) -> Any:
    """In-place operators answer with the tensor that they were given."""
    given = {id(each.held): each for each in values if isinstance(each, Remote)}

    def wrap(answer: Any) -> Any:
        if not isinstance(answer, Tensor):
            return answer
        return given[id(answer)] if id(answer) in given else Remote(answer)

    return tree_map(wrap, answers)


def moved(module: nn.Module) -> nn.Module:
    """The module on the device."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                part._parameters[name] = nn.Parameter(Remote(parameter.data), requires_grad=False)
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = Remote(buffer)
    return module
