"""Which scenes are held out together, and the run that has not seen them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from trackformer.checkpoints.convert import convert
from trackformer.data.annotations import AnnotatedSequence
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings

LEAST_FRAMES: Final = 50
"""Shorter sequences are always trained on, and never scored."""


def scored_scenes(sequences: Sequence[AnnotatedSequence]) -> tuple[AnnotatedSequence, ...]:
    """Those long enough to score."""
    return tuple(each for each in sequences if len(each.frames) >= LEAST_FRAMES)


def dealt(names: Sequence[str], folds: int) -> list[tuple[str, ...]]:
    """Names dealt out like cards, in alphabetical order.

    >>> dealt(["b", "a", "c", "d"], 3)
    [('a', 'd'), ('b',), ('c',)]
    """
    ordered = sorted(names)
    return [tuple(ordered[first::folds]) for first in range(min(folds, len(ordered)))]


def train_without(
    scenes: Sequence[str],
    recipe: TrainingSettings,
    data: Path,
    folder: Path,
    relabelled: Path | None = None,
) -> Path:
    """Weights trained on all scenes but some; a run that is done already is not done again.

    Args:
        scenes: Held out.
        recipe: Its first source is replaced by the other scenes.
        data: The folder of all scenes.
        folder: Of the run.
        relabelled: A folder of some of the scenes with other boxes, which are trained on instead.

    Raises:
        SystemExit: The run was asked to stop; it goes on with the next call.
    """
    output = folder / "run"
    weights, state = output / "last.safetensors", output / "last.pt"
    if state.exists() and load_state(state).step == recipe.optimizer.steps:
        return weights
    others = folder / "others"
    others.mkdir(parents=True, exist_ok=True)
    trained = {each.name: each for each in sorted(data.iterdir()) if each.is_dir()}
    if relabelled is not None:
        trained |= {each.name: each for each in relabelled.iterdir() if each.name in trained}
    for name in trained.keys() - set(scenes):
        link = others / name
        link.unlink(missing_ok=True)
        link.symlink_to(trained[name].resolve())
    folders = (data.resolve(), *(() if relabelled is None else (relabelled.resolve(),)))
    first = recipe.sources[0].model_copy(update={"path": others, "image_folders": folders})
    changes: dict[str, Any] = {"sources": (first, *recipe.sources[1:]), "output": output}
    train(recipe.model_copy(update=changes), resume=state.exists())
    if load_state(state).step < recipe.optimizer.steps:
        raise SystemExit(f"{output}: stopped; the same command goes on")
    return weights


def averaged(weights: Path, before: Path | str, folder: Path) -> Path:
    """The mean of a run's weights and those that it began with, written into the run's folder."""
    mean = folder / "averaged.safetensors"
    convert(str(weights), mean, averaged_with=[before], overwrite=True)
    return mean
