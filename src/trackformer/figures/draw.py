"""All pictures of docs/how-it-works.md by name, and how they are written into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from trackformer.errors import ConfigError
from trackformer.figures.architecture import architecture
from trackformer.figures.canvas import Drawn, save
from trackformer.figures.demo_run import DemoRun
from trackformer.figures.matching import matching
from trackformer.figures.object_queries import object_queries
from trackformer.figures.patience import patience
from trackformer.figures.sampling import multi_scale, single_scale
from trackformer.figures.set_loss import set_loss
from trackformer.figures.track_queries import track_queries
from trackformer.figures.training_pictures import training_t0_t1, training_t2_t3

FIGURES: Final[Mapping[str, Callable[[DemoRun], Drawn]]] = {
    "architecture": architecture,
    "object_queries": object_queries,
    "matching": matching,
    "set_loss": set_loss,
    "track_queries": track_queries,
    "training_t0_t1": lambda _demo: training_t0_t1(),
    "training_t2_t3": lambda _demo: training_t2_t3(),
    "patience": patience,
    "single_scale": single_scale,
    "multi_scale": multi_scale,
}
"""In the order of the page."""


def draw_figures(folder: Path, names: Sequence[str] = ()) -> dict[str, str]:
    """Draw the named pictures, all by default; returns what each says, by its file's name.

    Raises:
        ConfigError: There is no such picture, or matplotlib, the extra `plots`, is not installed.
        DataError: The folder cannot be written to.
    """
    unknown = sorted(set(names) - set(FIGURES))
    if unknown:
        raise ConfigError(f"figures: expected some of {', '.join(FIGURES)}, got {unknown[0]!r}")
    try:
        import matplotlib  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ConfigError("figures: need matplotlib: pip install matplotlib") from error
    says, demo = {}, DemoRun()
    for name in names or FIGURES:
        drawn = FIGURES[name](demo)
        path = folder / f"{name}{drawn.suffix}"
        save(drawn, path)
        says[path.name] = drawn.says
    return says
