"""The four training frames as two pictures: queries, boxes, assignment, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from trackformer.figures.canvas import (
    FAINT,
    INK,
    QUERY,
    QUIET,
    Drawn,
    bare,
    box,
    colour_of,
    new_figure,
    tag,
)
from trackformer.figures.training_story import Box, QueryLoss, ToldFrame, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE: Final = (4.0, 3.0)
"""Width and height of a frame."""
SIGNS: Final = {"K_init": r"$K_{init}$", "K_track": r"$K_{track}$", "K_leaving": r"$K_{leaving}$"}
COLUMNS: Final = (0.0, 0.13, 0.53, 0.69, 0.85, 1.0)
"""Where the table's columns begin or, for numbers, end."""
HEADS: Final = ("query", "must predict", "p", "– log p", "weight", "box")
MOST_ROWS: Final = 6


def training_t0_t1() -> Drawn:
    """Two people are found, then carried."""
    return _pair(told()[:2], first=0)


def training_t2_t3() -> Drawn:
    """One leaves, one is hidden, one enters; the hidden one is found again."""
    return _pair(told()[2:], first=2)


def _pair(frames: Sequence[ToldFrame], first: int) -> Drawn:
    figure = new_figure(5.6)
    grid = figure.add_gridspec(
        2,
        2,
        height_ratios=(3, 2.35),
        left=0.01,
        right=0.99,
        top=0.94,
        bottom=0.02,
        hspace=0.04,
        wspace=0.06,
    )
    words = []
    for column, told_frame in enumerate(frames):
        scene = bare(figure.add_subplot(grid[0, column]), SIZE)
        _scene(scene, told_frame)
        scene.set_title(f"t = {first + column}", fontsize=12, color=INK, loc="left")
        table = bare(figure.add_subplot(grid[1, column]))
        table.set(xlim=(-0.02, 1.02), ylim=(MOST_ROWS + 2.2, -0.2))
        table.axis("off")
        _table(table, told_frame)
        words.append(_words(told_frame, first + column))
    return Drawn(figure, " ".join(words), "drawing")


def _scene(axes: Axes, told_frame: ToldFrame) -> None:
    frame = told_frame.frame
    for person, place in frame.hidden.items():
        _figure_of(axes, place, FAINT)
        left, _, right, bottom = _corners(place)
        axes.annotate(
            f"{person} is hidden:\nnot annotated",
            ((left + right) / 2 - 0.1, bottom - 0.06),
            (left - 0.15, bottom + 0.25),
            fontsize=9,
            color=QUIET,
            ha="right",
            va="center",
            arrowprops={"arrowstyle": "-", "color": QUIET},
        )
    for person, place in frame.people.items():
        _figure_of(axes, place, colour_of(person))
        box(axes, _corners(place), INK, linewidth=2.4)
        left, _, right, bottom = _corners(place)
        axes.text((left + right) / 2, bottom + 0.1, str(person), ha="center", va="top", fontsize=11)
    for answer, query in zip(frame.answers, told_frame.queries, strict=True):
        colour = _colour(query)
        place = _corners(answer.box)
        is_silent = answer.score < 0.5
        box(axes, place, colour, linestyle=":" if is_silent else "-", linewidth=1.8)
        if answer.name.isalpha():
            tag(axes, (place[2], place[1]), answer.name, colour, ha="right")
        else:
            tag(axes, (place[0], place[1]), answer.name, colour)


def _figure_of(axes: Axes, place: Box, colour: str) -> None:
    """A person, a head over shoulders, filling a box."""
    from matplotlib.patches import Ellipse, FancyBboxPatch

    left, top, right, bottom = _corners(place)
    width, height = right - left, bottom - top
    look: dict[str, Any] = {"facecolor": colour, "edgecolor": "none", "alpha": 0.28}
    head = ((left + right) / 2, top + 0.17 * height)
    axes.add_patch(Ellipse(head, 0.42 * width, 0.24 * height, **look))
    corner = (left + 0.2 * width, top + 0.36 * height)
    body = FancyBboxPatch(
        corner,
        0.6 * width,
        0.58 * height,
        boxstyle=f"round,pad=0,rounding_size={0.2 * width}",
        **look,
    )
    axes.add_patch(body)


def _table(axes: Axes, told_frame: ToldFrame) -> None:
    for place, head in zip(COLUMNS, HEADS, strict=True):
        side = "left" if head in ("query", "must predict") else "right"
        axes.text(place, 0, head, fontsize=9.5, color=QUIET, ha=side, va="center")
    axes.axhline(0.5, color=FAINT, linewidth=1)
    for row, query in enumerate(told_frame.queries, start=1):
        _row(axes, row, query)
    losses = told_frame.losses
    end = len(told_frame.queries) + 1
    axes.axhline(end - 0.45, color=FAINT, linewidth=1)
    asked = ", ".join(map(str, told_frame.carried))
    axes.text(0, end + 0.1, f"asked next: {asked}", fontsize=10, va="center")
    axes.text(
        1.0,
        end + 0.1,
        f"class {float(losses.classification):.3f} + box "
        f"{told_frame.total - float(losses.classification):.3f} = {told_frame.total:.3f}",
        fontsize=10,
        fontweight="bold",
        ha="right",
        va="center",
    )


def _row(axes: Axes, row: int, query: QueryLoss) -> None:
    tag(
        axes, (COLUMNS[0] + 0.02, float(row)), query.name, _colour(query), va="center", fontsize=9.5
    )
    whom = "nobody" if query.person is None else f"person {query.person}"
    meant = f"{whom}, {SIGNS[query.rule]}" if query.rule else whom
    axes.text(COLUMNS[1], row, meant, fontsize=10, va="center")
    probability = query.score if query.person is not None else 1 - query.score
    numbers = (
        f"{probability:.1f}",
        f"{query.surprise:.3f}",
        f"{query.weight:.1f}",
        f"{query.box:.3f}" if query.person is not None else "–",
    )
    for place, number in zip(COLUMNS[2:], numbers, strict=True):
        axes.text(place, row, number, fontsize=10, ha="right", va="center")


def _colour(query: QueryLoss) -> str:
    """A track query has its person's colour."""
    return QUERY if query.name.isalpha() else colour_of(int(query.name[0]))


def _corners(place: Box) -> tuple[float, float, float, float]:
    x, y, width, height = (side * scale for side, scale in zip(place, (*SIZE, *SIZE), strict=True))
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _words(told_frame: ToldFrame, time: int) -> str:
    meant = ", ".join(
        f"{query.name} {'nobody' if query.person is None else f'person {query.person}'}"
        + (f" ({query.rule})" if query.rule else "")
        for query in told_frame.queries
    )
    return f"t = {time}: {meant}; loss {told_frame.total:.3f}."
