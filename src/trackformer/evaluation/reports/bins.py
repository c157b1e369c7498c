"""How well objects are found and kept, by how visible and how large they are.

Only what is read from the objects' side is defined within a bin: a false positive has no
visibility. DetRe and AssA of the bins, weighted with their boxes and matches, average to the
overall DetRe and AssA; nothing is matched anew. Axis letters: G boxes, P pairs, A thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.annotations import AnnotatedSequence
from trackformer.evaluation.metrics.coco import LARGE_AREA, SMALL_AREA
from trackformer.evaluation.metrics.matches import Matches
from trackformer.evaluation.metrics.tracking import MatchedSequence

Kind = Literal["visibility", "size"]
BORDERS: Final[dict[Kind, tuple[float, ...]]] = {
    "visibility": (0.25, 0.5, 0.75),
    "size": (SMALL_AREA, LARGE_AREA),
}
NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    "visibility": ("0-25 %", "25-50 %", "50-75 %", "75-100 %"),
    "size": ("small", "medium", "large"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BinScores:
    """The boxes of objects in one bin, over all sequences; percentages in [0, 100]."""

    kind: Kind
    name: str
    num_boxes: int
    recall: float
    """Share of the boxes that are matched at IoU 0.5 (CLEAR's matches)."""
    det_re: float
    """Share of the boxes that HOTA matches, mean over its thresholds."""
    ass_a: float
    """HOTA's association accuracy of the matched boxes - object and track over the whole sequence -
    mean over the thresholds; 0 where nothing is matched."""
    owta: float
    """sqrt(DetRe * AssA), mean over the thresholds: HOTA without false positives (Liu et al. 2022,
    "Opening up Open World Tracking")."""
    id_switches: int
    """Switches that happen at a box of the bin."""
    kept: float | None
    """Share of the boxes matched, again, with the same track as the last time; None where no object
    is matched twice."""


def bin_scores(
    sequences: Sequence[AnnotatedSequence], matched: Sequence[MatchedSequence]
) -> tuple[BinScores, ...]:
    """The bins that hold a box: by visibility, where the data tell it, and by size."""
    kinds: list[Kind] = ["visibility", "size"] if _tells_visibility(sequences) else ["size"]
    parts = [
        _binned(kind, *pair) for kind in kinds for pair in zip(sequences, matched, strict=True)
    ]
    shown = []
    for kind in kinds:
        of_kind = [part for part in parts if part.kind == kind]
        for place in range(len(NAMES[kind])):
            scores = _scores(kind, place, of_kind)
            if scores.num_boxes:
                shown.append(scores)
    return tuple(shown)


@dataclass(frozen=True, slots=True, eq=False)
class _Binned:
    """One sequence with the bin of every box and of every pair."""

    kind: Kind
    matched: MatchedSequence
    boxes: Int[np.ndarray, " G"]
    hota: Int[np.ndarray, " P"]
    clear: Int[np.ndarray, " C"]


def _tells_visibility(sequences: Sequence[AnnotatedSequence]) -> bool:
    return any((frame.visibility < 1).any() for entry in sequences for frame in entry.frames)


def _binned(kind: Kind, sequence: AnnotatedSequence, matched: MatchedSequence) -> _Binned:
    frames = sequence.frames
    if kind == "visibility":
        values = np.concatenate([frame.visibility for frame in frames])
    else:
        boxes_xyxy = np.concatenate([frame.boxes_xyxy for frame in frames])
        values = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(1)
    bins = np.searchsorted(BORDERS[kind], values, side="right")
    first_of_frame = np.cumsum([0, *(len(frame.boxes_xyxy) for frame in frames)])[:-1]

    def of_pairs(pairs: Matches) -> Int[np.ndarray, " P"]:
        return np.asarray(bins[first_of_frame[pairs.frames] + pairs.rows])

    return _Binned(kind, matched, bins, of_pairs(matched.hota), of_pairs(matched.clear.pairs))


def _scores(kind: Kind, place: int, parts: Sequence[_Binned]) -> BinScores:
    num_boxes = sum(int((part.boxes == place).sum()) for part in parts)
    links = [(part.matched.links, part.hota == place) for part in parts]
    hits = _sum_of([link.is_matched[chosen] for link, chosen in links])
    accuracy = _sum_of([link.accuracy[chosen] for link, chosen in links])
    clear = [(part.matched.clear, part.clear == place) for part in parts]
    again = sum(_count(matches.is_again & chosen) for matches, chosen in clear)
    switches = sum(_count(matches.is_switch & chosen) for matches, chosen in clear)
    det_re, ass_a = hits / max(num_boxes, 1), accuracy / np.maximum(hits, 1)
    return BinScores(
        kind=kind,
        name=NAMES[kind][place],
        num_boxes=num_boxes,
        recall=100 * sum(_count(chosen) for _, chosen in clear) / max(num_boxes, 1),
        det_re=100 * float(det_re.mean()),
        ass_a=100 * float(ass_a.mean()),
        owta=100 * float(np.sqrt(det_re * ass_a).mean()),
        id_switches=switches,
        kept=100 * (1 - switches / again) if again else None,
    )


def _sum_of(parts: Sequence[np.ndarray]) -> Float[np.ndarray, " A"]:
    return np.asarray(np.concatenate(parts).sum(0, dtype=np.float64))


def _count(chosen: Bool[np.ndarray, " P"]) -> int:
    return int(chosen.sum())
