"""Re-identification by patience on real frames: the score of one identity's own query over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from trackformer.boxes import to_pixels_xyxy
from trackformer.figures.canvas import FAINT, INK, QUIET, Drawn, bare, box, colour_of, new_figure
from trackformer.figures.demo_run import DemoRun
from trackformer.tracking.lifecycle.decisions import Rule
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.records import TracedQuery
from trackformer.tracking.tracker import settings_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRACK: Final = 3
FRAMES: Final = range(14, 31)
SHOWN: Final = (17, 20, 22, 24, 27)
"""Frames of which a part is shown."""


def patience(demo: DemoRun) -> Drawn:
    """Pictures of the person above the scores, with the two thresholds that applied."""
    settings = settings_for(demo.model)
    queries = {frame: _query(demo, frame) for frame in FRAMES}
    figure = new_figure(4.4)
    for place, frame in enumerate(SHOWN):
        axes = bare(figure.add_axes((0.07 + 0.186 * place, 0.52, 0.17, 0.42)))
        axes.set_title(f"frame {frame}", fontsize=10, color=INK, pad=3)
        _part(axes, demo, frame, queries[frame])
    axes = figure.add_axes((0.07, 0.12, 0.914, 0.33))
    lost = [frame for frame, query in queries.items() if query.decisions[-1].rule == Rule.LOST]
    axes.axvspan(lost[0] - 0.5, lost[-1] + 0.5, color="#f1e9d8", label="lost")
    axes.plot(
        FRAMES,
        [query.layers[-1].score for query in queries.values()],
        marker="o",
        color=colour_of(TRACK),
    )
    _thresholds(axes, settings, lost)
    axes.set(xlabel="frame", ylabel="score", ylim=(0, 1), xlim=(FRAMES[0] - 0.5, FRAMES[-1] + 0.5))
    axes.set_xticks(list(FRAMES))
    axes.grid(color=FAINT, linewidth=0.5)
    back = queries[lost[-1] + 1]
    words = (
        f"#{TRACK} is lost in frame {lost[0]} (score {queries[lost[0]].layers[-1].score:.2f}, not "
        f"above keep_score {settings.keep_score:g}), asked for in {len(lost)} frames of a patience "
        f"of {settings.patience}, and comes back in frame {lost[-1] + 1} by its own query (score "
        f"{back.layers[-1].score:.2f}, above reid_score {settings.reid_score:g})."
    )
    return Drawn(figure, words, "photo")


def _thresholds(axes: Axes, settings: TrackerSettings, lost: list[int]) -> None:
    look: dict[str, Any] = {"color": INK, "linewidth": 1.2, "linestyle": "--"}
    begin, end = lost[0] + 0.5, lost[-1] + 1.5
    axes.hlines(settings.keep_score, FRAMES[0] - 0.5, begin, **look)
    axes.hlines(settings.reid_score, begin, end, **look)
    axes.hlines(settings.keep_score, end, FRAMES[-1] + 0.5, **look)
    axes.text(
        FRAMES[0] - 0.4,
        settings.keep_score - 0.04,
        f"keep_score {settings.keep_score:g}",
        fontsize=9.5,
        color=INK,
        va="top",
    )
    axes.text(
        end + 0.1,
        settings.reid_score,
        f"reid_score {settings.reid_score:g}",
        fontsize=9.5,
        color=INK,
        va="center",
    )
    axes.text((lost[0] + lost[-1]) / 2, 0.08, "lost", fontsize=10, color=QUIET, ha="center")


def _query(demo: DemoRun, frame: int) -> TracedQuery:
    return next(each for each in demo.tracked[frame].queries if each.track_id == TRACK)


def _part(axes: Axes, demo: DemoRun, frame: int, query: TracedQuery) -> None:
    """The surroundings of where the person was looked for, the same window size in every frame."""
    axes.imshow(demo.frames[frame])
    size = demo.tracked[frame].image_size
    assert query.reference is not None
    asked, answered = (
        to_pixels_xyxy(torch.tensor(place), size).tolist()
        for place in (query.reference, query.layers[-1].box)
    )
    box(axes, asked, "#ffffff", linestyle=":", linewidth=1.4)
    if query.decisions[-1].rule != Rule.LOST:
        box(axes, answered, colour_of(TRACK), linewidth=2.4)
    x, y = (asked[0] + asked[2]) / 2, (asked[1] + asked[3]) / 2
    axes.set(xlim=(x - 80, x + 80), ylim=(y + 90, y - 90))
