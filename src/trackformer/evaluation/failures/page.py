"""A tracker's failures as one HTML page, grouped by cause: no script, pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from trackformer.evaluation.failures.advice import ADVICE
from trackformer.evaluation.failures.find import Failure, FailureGroup, grouped

ALL_FAILURES: Final = "failures.csv"
"""The file with those that have no picture, too."""
STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1480px; color: #222;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .3rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem; text-align: right; }
td:first-child, th:first-child, td:last-child, th:last-child { text-align: left; }
tr { border-bottom: 1px solid #ddd; } p { max-width: 60rem; margin: .3rem 0; }
figure { margin: 1rem 0; } figure img { max-width: 100%; display: block; }
figcaption { font-size: 13px; color: #444; }
"""
LEGEND: Final = (
    "How to read a strip: time goes from left to right; frames with a red caption are those of the "
    "failure. Thin white boxes are annotated, and the white triangle points at the feet of the "
    "object concerned. Coloured boxes are the tracker's, each with the colour and number of its "
    "identity, thick where the track is the object's before or after the failure. Below stands "
    "how much of the object is visible."
)
COST: Final = (
    "Cost: boxes of the object that are missed, or have another identity than the object has most "
    "of the time, each counted by its visible share."
)


def failure_page(split: str, failures: Sequence[Failure], pictures: Mapping[Failure, str]) -> str:
    """The whole page.

    Args:
        split: What was scored.
        failures: All of them, the worst first.
        pictures: Names of the files beside the page, for those that have one.
    """
    groups = grouped(failures)
    total = sum(group.cost for group in groups)
    boxes = sum(group.boxes for group in groups)
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(split)}: failures</title><style>{STYLE}</style></head>",
            f"<body><h1>{escape(split)}: {len(failures)} failures</h1>",
            f"<p>They cost {boxes} boxes, {total:.1f} of them visible. {COST} The {len(pictures)} "
            f'worst have a picture; <a href="{ALL_FAILURES}">{ALL_FAILURES}</a> lists all.</p>',
            f"<p>{LEGEND}</p>",
            _table(groups, total),
            *(_section(group, total, failures, pictures) for group in groups),
            "</body></html>\n",
        ]
    )


def described(failure: Failure) -> str:
    """One line: what happened where to which object, and what it cost."""
    tracks = f"{_track(failure.old_track)} -> {_track(failure.new_track)}"
    what = f"object {failure.object_id}, track {tracks}"
    cost = f"costs {failure.boxes} boxes, {failure.cost:.1f} visible"
    place = f"frame {failure.frame}"
    if failure.last_frame > failure.frame:
        place = f"frames {failure.frame}-{failure.last_frame}"
    return f"{failure.kind} ({failure.cause}): {failure.sequence}, {place}, {what}, {cost}"


def share(cost: float, total: float) -> str:
    """A cost in percent of all."""
    return f"{100 * cost / total if total else 0:.0f} %"


def _track(track_id: int | None) -> str:
    return "none" if track_id is None else f"#{track_id}"


def _table(groups: Sequence[FailureGroup], total: float) -> str:
    rows = "".join(
        f'<tr><td><a href="#{_anchor(group)}">{group.kind}: {group.cause}</a></td>'
        f"<td>{len(group.failures)}</td><td>{group.boxes}</td><td>{group.cost:.1f}</td>"
        f"<td>{share(group.cost, total)}</td>"
        f"<td>{escape(ADVICE[group.kind, group.cause].meaning)}</td></tr>"
        for group in groups
    )
    names = ("cause", "failures", "boxes", "cost", "of all", "")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><tr>{head}</tr>{rows}</table>" if rows else "<p>Nothing went wrong.</p>"


def _section(
    group: FailureGroup,
    total: float,
    failures: Sequence[Failure],
    pictures: Mapping[Failure, str],
) -> str:
    advice = ADVICE[group.kind, group.cause]
    ranks = {failure: rank for rank, failure in enumerate(failures, start=1)}
    figures = "".join(_figures(group, ranks, pictures))
    none = f"<p>None of its {len(group.failures)} is among the worst.</p>"
    return (
        f'<h2 id="{_anchor(group)}">{group.kind}: {group.cause} ({len(group.failures)}, cost '
        f"{group.cost:.1f}, {share(group.cost, total)} of all)</h2>"
        f"<p>{escape(advice.meaning)} <b>What helps:</b> {escape(advice.remedy)}</p>"
        f"{figures or none}"
    )


def _figures(
    group: FailureGroup, ranks: Mapping[Failure, int], pictures: Mapping[Failure, str]
) -> Iterator[str]:
    for failure in group.failures:
        if failure in pictures:
            caption = escape(f"{ranks[failure]}. {described(failure)}")
            yield (
                f'<figure><img src="{pictures[failure]}" alt="{caption}" loading="lazy">'
                f"<figcaption>{caption}</figcaption></figure>"
            )


def _anchor(group: FailureGroup) -> str:
    return f"{group.kind}-{group.cause}".replace(" ", "-")
