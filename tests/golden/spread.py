"""How far numbers of our code may be from recorded ones: as far as float32 takes them.

`spread.json` holds, for every recording, the largest distance between float32 on various kernels
and float64 (`python tests/golden/measure_spread.py` measured it). A recording was made in float32
on one more machine: it may be `MULTIPLE` times as far from our float64, and no farther.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

FILE = Path(__file__).with_name("spread.json")
MULTIPLE = 3.0
SHARE = 1e-3
"""Of all gradients: what a parameter with a smaller one gets is rounding of the others', too."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """What a recording or our code says; what a recording lacks is empty."""

    loss: float | None = None
    """All terms of all layers, weighted."""
    terms: Sequence[float] = ()
    """Weighted parts of `loss`."""
    gradients: Mapping[str, float] = field(default_factory=dict)
    """Norm by the published name of the parameter."""
    gradient: float | None = None
    """Norm of all gradients together."""
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    """Logits, boxes, embeddings or masks."""


def distances(ours: Numbers, theirs: Numbers) -> dict[str, float]:
    """Relative ones of losses and gradients, absolute ones of outputs, by what is compared."""
    found = {
        key: (ours.outputs[key].double() - each.double()).abs().max().item()
        for key, each in theirs.outputs.items()
    }
    if theirs.loss is not None:
        found["loss"] = relative(ours.loss, theirs.loss)
    if theirs.terms:
        found["worst term"] = max(map(relative, ours.terms, theirs.terms))
    if theirs.gradient is not None:
        found["gradient"] = relative(ours.gradient, theirs.gradient)
        assert ours.gradients.keys() == theirs.gradients.keys()
        each = [
            abs(ours.gradients[name] - norm) / (norm + SHARE * theirs.gradient)
            for name, norm in theirs.gradients.items()
        ]
        found["worst gradient"] = max(each)
        found["median gradient"] = statistics.median(each)
    return found


def beyond_spread(recording: str, ours: Numbers, theirs: Numbers) -> dict[str, str]:
    """What of ours, in float64, is farther from the recording than float32 explains."""
    spread = json.loads(FILE.read_text())[recording]
    return {
        what: f"{distance:.1e}, float32 explains {MULTIPLE * spread[what]:.1e}"
        for what, distance in distances(ours, theirs).items()
        if not distance <= MULTIPLE * spread[what]
    }


def relative(ours: float, theirs: float) -> float:
    return abs(ours - theirs) / abs(theirs)
