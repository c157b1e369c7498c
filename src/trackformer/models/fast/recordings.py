"""Calls that a GPU replays: recorded once for a shape, then launched as a whole.

The host takes as long to launch a network's kernels one by one as a fast GPU takes to run them.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from trackformer.models.fast.watch import Watch

AnswerT = TypeVar("AnswerT")
MOST: Final = 16
"""Shapes of calls that are remembered, those used last: each recording keeps memory."""


@runtime_checkable
class Recorder(Protocol):
    """What records the work of a call; it must run on `device` alone."""

    device: torch.device

    def rehearse(self, call: Callable[[], object]) -> None:
        """Run a call as it will be recorded: whatever is made at first use is made now."""

    def record(self, call: Callable[[], AnswerT]) -> tuple[AnswerT, Callable[[], object]]:
        """Where the call's answer will be, and what runs it again on the same memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    inputs: list[Tensor]
    answer: Any
    replay: Callable[[], object]
    read: list[Tensor]
    """All else that the recorded work reads: it must stay, whoever else forgets it."""

    def __call__(self, arguments: Any) -> Any:
        """Copies in, copies out: nobody else's tensor is the recording's memory."""
        for place, given in zip(self.inputs, _tensors_in(arguments), strict=True):
            place.copy_(given, non_blocking=True)
        self.replay()
        return _refilled(self.answer, iter([each.clone() for each in _tensors_in(self.answer)]))


class Recordings:
    """Records calls whose shape comes twice, and replays them; others are simply called.

    A call takes and returns records, tuples and tensors, and its answer depends on nothing else.
    Where recording fails, a warning says why, and from then on everything is simply called.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: OrderedDict[Hashable, _Recording | None] = OrderedDict()
        self._problem: str | None = None
        # Two threads may share a model, but not the memory of a recording.
        self._lock = threading.Lock()

    def __deepcopy__(self, _memo: object) -> Recordings:
        """A copied model has other weights: it records anew."""
        return Recordings(self._recorder)

    def __call__(self, name: str, function: Callable[..., AnswerT], *arguments: Any) -> AnswerT:
        """What `function` answers; `name` tells functions apart."""
        if torch.compiler.is_compiling() or self._problem is not None:
            return function(*arguments)
        if next(_tensors_in(arguments)).device != self._recorder.device:
            return function(*arguments)
        key = (name, _shape_of(arguments))
        # Inference mode would forbid to fill its tensors outside of it.
        with self._lock, torch.inference_mode(mode=False), torch.no_grad():
            is_known = key in self._known
            recording = self._known.setdefault(key, None)
            self._known.move_to_end(key)
            if is_known and recording is None:
                recording = self._known[key] = self._record(function, arguments)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
            if recording is not None:
                answer: AnswerT = recording(arguments)
                return answer
        return function(*arguments)

    def _record(
        self, function: Callable[..., object], arguments: tuple[Any, ...]
    ) -> _Recording | None:
        """None where it cannot be recorded."""
        inputs = [torch.empty_like(each).copy_(each) for each in _tensors_in(arguments)]
        own = _refilled(arguments, iter(inputs))
        watch = Watch(self._recorder.device)

        def rehearsed() -> None:
            with watch:
                function(*own)

        try:
            self._recorder.rehearse(rehearsed)
            problem = watch.obstacle
            if problem is None:
                answer, replay = self._recorder.record(lambda: function(*own))
                return _Recording(inputs, answer, replay, list(watch.read.values()))
        except RuntimeError as error:
            problem = str(error).partition("\n")[0]
        self._problem = problem
        self._known.clear()
        warnings.warn(
            f"the GPU's work is launched piece by piece, as it cannot be recorded: {problem}",
            stacklevel=2,
        )
        return None


def _tensors_in(record: Any) -> Iterator[Tensor]:
    """All tensors of a record, a tuple or a tensor, in order."""
    if isinstance(record, Tensor):
        yield record
    elif isinstance(record, tuple):
        for each in record:
            yield from _tensors_in(each)
    elif is_dataclass(record):
        for field in fields(record):
            yield from _tensors_in(getattr(record, field.name))


def _refilled(record: Any, tensors: Iterator[Tensor]) -> Any:
    """The same record with other tensors."""
    if isinstance(record, Tensor):
        return next(tensors)
    if isinstance(record, tuple):
        return tuple(_refilled(each, tensors) for each in record)
    if is_dataclass(record) and not isinstance(record, type):
        values = (_refilled(getattr(record, field.name), tensors) for field in fields(record))
        return type(record)(*values)
    return record


def _shape_of(record: Any) -> Hashable:
    """All of a record but the numbers in its tensors."""
    if isinstance(record, Tensor):
        return tuple(record.shape), record.dtype, record.device
    if isinstance(record, tuple):
        return tuple(_shape_of(each) for each in record)
    if is_dataclass(record) and not isinstance(record, type):
        parts = (_shape_of(getattr(record, field.name)) for field in fields(record))
        return type(record), *parts
    shape: Hashable = record
    return shape
