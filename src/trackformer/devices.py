"""Which devices torch can compute on here, and how numbers get to one."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trackformer.errors import ConfigError


def available_devices() -> tuple[str, ...]:
    """Names that `choose_device` accepts besides "auto", the processor first."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return tuple(names)


@functools.cache
def forked_children_use_one_thread() -> None:
    """Let a forked process compute at all: it has none of its parent's threads, but waits for them.

    Once for all models; processes that are started anew are not concerned.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" is the first CUDA device, else the processor.

    Raises:
        ConfigError: This machine has no such device.
    """
    available = available_devices()
    if name == "auto":
        return torch.device("cuda" if "cuda" in available else "cpu")
    if name not in available:
        raise ConfigError(
            f"device {name!r}: not on this machine; available: {', '.join(available)}"
        )
    return torch.device(name)


def sent(tensor: Tensor, device: torch.device | str) -> Tensor:
    """The tensor on a device, for which the host does not wait; its memory may be freed at once.

    Where that cannot be, it waits: a copy to the processor would be read before it is there, and on
    Apple's GPUs one from the processor reads what has been freed since.
    """
    target = torch.device(device)
    return tensor.to(target, non_blocking=target.type not in ("cpu", "mps"))


def fetched_together(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Numbers of any shapes on the processor, in one transfer.

    As float32: whole ones are exact below 2^24.
    """
    together = torch.cat([each.flatten().float() for each in tensors]).cpu()
    parts = torch.split_with_sizes(together, [each.numel() for each in tensors])
    return [part.view(each.shape) for part, each in zip(parts, tensors, strict=True)]


def is_at_hand(tensor: Tensor) -> bool:
    """Whether a look at the numbers costs next to nothing: they are on a processor.

    A GPU would have to be waited for, and a graph that is being made has no numbers yet.
    """
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def current_stream(device: torch.device) -> torch.cuda.Stream | None:
    """The queue that this thread's work for a device goes to; None where there is only one.

    Another thread that makes something for this one has to use the same: `torch.cuda.stream`.
    """
    return torch.cuda.current_stream(device) if device.type == "cuda" else None


Numbers = Sequence[float] | Sequence[int] | Sequence[Sequence[int]]


def constant_beside(tensor: Tensor, numbers: Numbers, dtype: torch.dtype) -> Tensor:
    """Numbers on the device of `tensor`, for which the host does not wait; not to be changed.

    `Tensor.new_tensor` and `torch.tensor(..., device=...)` wait until the device has done all that
    it was asked before. Nor is anything copied there: a captured graph would copy again what lies
    in that place of the processor's memory by then.
    """
    if tensor.device.type == "cpu":
        return torch.tensor(numbers, dtype=dtype)
    if torch.compiler.is_compiling():
        return _made_there(numbers, dtype, tensor.device)
    return _kept(_hashable(numbers), dtype, tensor.device)


# Not bounded, as they are tiny and a captured graph may read them for as long as it lives.
@functools.cache
def _kept(numbers: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Frames are tracked in inference mode, but what that leaves behind cannot be trained with.
    with torch.inference_mode(mode=False):
        return _made_there(numbers, dtype, device)


def _made_there(numbers: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    if isinstance(numbers, int | float):
        return torch.full((), numbers, dtype=dtype, device=device)
    return torch.stack([_made_there(each, dtype, device) for each in numbers])


def _hashable(numbers: Any) -> Any:
    return numbers if isinstance(numbers, int | float) else tuple(map(_hashable, numbers))
