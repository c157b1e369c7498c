"""What was decided, in a sentence (torch-free)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from trackformer.tracking.tracing.records import TracedDecision, TracedQuery


def in_words(decision: TracedDecision) -> str:
    """One sentence without a subject: what the query or its track did, and why."""
    say = _SENTENCES.get(decision.rule)
    return decision.rule if say is None else say(decision)


def origin_in_words(query: TracedQuery) -> str:
    """Who was asked."""
    who = f"#{query.track_id}" if query.track_id is not None else f"query {query.row}"
    return {
        "track": f"the track query of {who}, seen in the frame before",
        "lost": f"the track query of {who}, which was lost",
        "object": f"object query {query.row}",
        "proposal": f"object query {query.row}, about a box of another detector",
    }[query.origin]


def _compared(decision: TracedDecision) -> str:
    """The threshold and what it is called."""
    if decision.setting is None or decision.threshold is None:
        return ""
    return f"{decision.setting} {decision.threshold:.4g}"


def _value(decision: TracedDecision) -> str:
    value = 0.0 if decision.value is None else decision.value
    threshold = decision.threshold
    # More digits where two would make both numbers one.
    digits = 2 if threshold is None or abs(value - threshold) >= 0.005 else 4
    return f"{value:.{digits}f}"


def _frames(decision: TracedDecision) -> str:
    return f"{decision.value or 0:.0f} of {decision.threshold or 0:.0f} frames"


def _other(decision: TracedDecision) -> str:
    if decision.other_track is not None:
        return f"#{decision.other_track}"
    return f"query {decision.other}"


_SENTENCES: Final[Mapping[str, Callable[[TracedDecision], str]]] = {
    "kept": lambda it: f"kept: its score {_value(it)} is above {_compared(it)}",
    "back by its query": lambda it: (
        f"came back by its own query: its score {_value(it)} is above {_compared(it)}"
    ),
    "back by embedding": lambda it: (
        f"came back by {_other(it)}: their embeddings are {_value(it)} apart, "
        f"at most {_compared(it)}"
    ),
    "back by distance": lambda it: (
        f"came back by {_other(it)}, {_value(it)} pixels away, at most {_compared(it)}"
    ),
    "below": lambda it: f"its score {_value(it)} is not above {_compared(it)}",
    "suppressed": lambda it: (
        f"suppressed by {_other(it)}, which is surer and overlaps it by {_value(it)}, "
        f"more than {_compared(it)}"
    ),
    "deleted": lambda it: (
        f"deleted: {_other(it)} overlaps it by {_value(it)}, more than {_compared(it)}"
    ),
    "waiting": lambda it: f"not seen, but not lost yet: {_frames(it)} ({it.setting})",
    "lost": lambda it: f"lost for {_frames(it)} ({it.setting})",
    "given up": lambda it: f"given up: lost for {it.value:.0f} frames, more than {_compared(it)}",
    "crowded out": lambda it: f"given up: {it.value:.0f} tracks are more than {_compared(it)}",
    "empty": lambda _: "forgotten: its box has no area",
    "started": lambda it: (
        "began a track by a user's box, whatever its score; the boxes' IoU is " + _value(it)
    ),
    "replaced": lambda it: (
        f"ended: a user's box began {_other(it)} on the same object, overlap {_value(it)}, "
        f"more than {_compared(it)}"
    ),
    "born": lambda _: "born: sure enough, and nothing else is there",
    "not born": lambda it: f"not born: its score {_value(it)} is not above {_compared(it)}",
    "not public": lambda _: "not born: no public detection allows it",
    "on a track": lambda it: (
        f"not born: {_other(it)} is there already, overlap {_value(it)}, more than {_compared(it)}"
    ),
    "on a birth": lambda it: (
        f"not born: {_other(it)} is surer, overlap {_value(it)}, more than {_compared(it)}"
    ),
    "brings back": lambda it: f"brought back {_other(it)} instead of being born",
}
