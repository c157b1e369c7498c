"""Which implementation of multi-scale deformable attention runs, and why."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from trackformer.errors import ConfigError
from trackformer.models.ms_deform_attn import compiled, triton_kernels

REFERENCE: Final = "reference"
"""`grid_sample`: the oracle, and the form that exports to other runtimes."""
PORTABLE: Final = "portable"
"""`embedding_bag`: plain torch with a hand-written backward."""
COMPILED: Final = "compiled"
"""The C++ kernel."""
TRITON: Final = "triton"
"""The CUDA kernels."""
IMPLEMENTATIONS: Final = (REFERENCE, PORTABLE, COMPILED, TRITON)

VARIABLE: Final = "TRACKFORMER_MS_DEFORM_ATTN"
"""Environment variable that forces one implementation for a whole process; read at the start."""

# A plain global, as this is what torch.compile guards: it compiles anew where another is forced.
_forced: str | None = os.environ.get(VARIABLE) or None


@dataclass(frozen=True, slots=True)
class Choice:
    """An implementation and the reason for it, for people."""

    implementation: str
    reason: str


def choose_implementation(
    device: torch.device, dtype: torch.dtype, *, needs_gradient: bool
) -> Choice:
    """The implementation that runs for values of `dtype` on `device`.

    Raises:
        ConfigError: One is forced that does not exist or cannot run here.
    """
    is_repeatable = torch.are_deterministic_algorithms_enabled()
    choice: Choice = _choose(_forced, device.type, dtype, needs_gradient, is_repeatable)
    return choice


def _choose(
    forced: str | None,
    device_type: str,
    dtype: torch.dtype,
    needs_gradient: bool,  # noqa: FBT001 - the compiler passes no keywords here
    is_repeatable: bool,  # noqa: FBT001
) -> Choice:
    if forced:
        _check(forced, device_type, dtype)
        return Choice(forced, "forced")
    if device_type == "cpu":
        return _choose_for_processor(dtype)
    if needs_gradient and is_repeatable and device_type == "cuda":
        # All others add up in any order.
        return Choice(PORTABLE, "deterministic algorithms are asked for; with gradient")
    problem = why_unavailable(TRITON, device_type, dtype)
    if problem is None:
        return Choice(TRITON, "a CUDA device, and Triton is installed")
    if needs_gradient or device_type != "cuda":
        # Only late versions of torch have bags of embeddings for Apple's GPUs.
        return Choice(REFERENCE, f"no Triton kernel: {problem}")
    return Choice(PORTABLE, f"no Triton kernel ({problem}); without gradient")


# The compiler need not look inside: it guards the arguments. `assume_constant_result` of
# torch.compiler sets this mark, too, but imports the whole compiler, which takes longer than torch.
_choose._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001


def _choose_for_processor(dtype: torch.dtype) -> Choice:
    problem = why_unavailable(COMPILED, "cpu", dtype)
    if problem is None:
        return Choice(COMPILED, f"kernel for {compiled.instruction_set()}")
    return Choice(PORTABLE, f"no compiled kernel: {problem}")


def describe_implementations() -> dict[str, str]:
    """For people: which implementation runs on each device and why, then what each lacks here."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    rows = {}
    for device in devices:
        choice = choose_implementation(torch.device(device), torch.float32, needs_gradient=False)
        rows[f"on {device}"] = f"{choice.implementation}: {choice.reason}"
    for implementation in IMPLEMENTATIONS:
        problems = [why_unavailable(implementation, each, torch.float32) for each in devices]
        rows[implementation] = "available" if None in problems else str(problems[-1])
    return rows


def why_unavailable(implementation: str, device_type: str, dtype: torch.dtype) -> str | None:
    """What keeps an implementation from running, or None when it can run."""
    if implementation == COMPILED:
        if device_type != "cpu":
            return f"for the processor, not for {device_type}"
        return compiled.why_unavailable()
    if implementation == TRITON:
        return triton_kernels.why_unavailable(device_type, dtype)
    return None


@contextlib.contextmanager
def forced_implementation(implementation: str) -> Iterator[None]:
    """Within the block this implementation runs everywhere in the process.

    For exports (`reference` consists of well-known operators only) and for comparisons.

    Raises:
        ConfigError: There is no such implementation.
    """
    global _forced
    _check_name(implementation)
    before, _forced = _forced, implementation
    try:
        yield
    finally:
        _forced = before


def _check(implementation: str, device_type: str, dtype: torch.dtype) -> None:
    _check_name(implementation)
    problem = why_unavailable(implementation, device_type, dtype)
    if problem is not None:
        raise ConfigError(f"ms_deform_attn: {implementation} is forced but cannot run: {problem}")


def _check_name(implementation: str) -> None:
    if implementation not in IMPLEMENTATIONS:
        raise ConfigError(
            f"ms_deform_attn ({VARIABLE}): expected one of {', '.join(IMPLEMENTATIONS)}, "
            f"got {implementation!r}"
        )
