"""Train what is not trained, score what is not scored, print the tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from benchmarks.held_out.folds import averaged, dealt, scored_scenes, train_without
from benchmarks.held_out.scores import Scores, scores_of_model, scores_of_peer
from benchmarks.held_out.table import report
from trackformer.config import read_settings
from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.read import read_annotations
from trackformer.errors import ConfigError
from trackformer.freed_memory import keep_freed_memory
from trackformer.training.settings import TrainingSettings

DATA: Final = Path("../shared/data/mot/train")
DETECTOR: Final = Path("../shared/weights/rtmdet_nano_person.onnx")


def main() -> None:
    """All that the command line asks for."""
    options = _parser().parse_args()
    keep_freed_memory()
    scenes = scored_scenes(read_annotations(options.data).sequences)
    if options.scenes is not None:
        scenes = tuple(scene for scene in scenes if scene.name in options.scenes)
    theirs = {
        scene.name: scores_of_peer(
            options.detector, scene, options.runs / "peer" / f"{scene.name}.json"
        )
        for scene in scenes
    }
    if options.weights is not None:
        runs = [_scores(options.weights, scenes, options.runs / Path(options.weights).stem)]
    else:
        runs = [_seed(seed, scenes, options) for seed in range(options.seeds)]
    print("\n".join(report(runs, theirs)))


def _seed(
    seed: int, scenes: tuple[AnnotatedSequence, ...], options: argparse.Namespace
) -> dict[str, Scores]:
    """The scores of every scene by the model of its fold."""
    recipe = read_settings(TrainingSettings, options.recipe, options.overrides)
    recipe = recipe.model_copy(update={"seed": recipe.seed + seed})
    found: dict[str, Scores] = {}
    for number, names in enumerate(dealt([scene.name for scene in scenes], options.folds)):
        folder = options.runs / f"seed_{seed}" / f"fold_{number}"
        weights = train_without(names, recipe, options.data, folder, options.relabelled)
        kept = folder / "scores"
        if options.average:
            if recipe.initial is None:
                raise ConfigError(f"--average: expected initial weights in {options.recipe}")
            weights, kept = averaged(weights, recipe.initial, folder), folder / "scores_averaged"
        held_out = tuple(scene for scene in scenes if scene.name in names)
        found |= _scores(weights, held_out, kept)
    return {scene.name: found[scene.name] for scene in scenes}


def _scores(
    weights: Path | str, scenes: tuple[AnnotatedSequence, ...], folder: Path
) -> dict[str, Scores]:
    return {
        scene.name: scores_of_model(weights, scene, folder / f"{scene.name}.json")
        for scene in scenes
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_out", allow_abbrev=False)
    parser.add_argument("--recipe", type=Path, default=Path("configs/held_out.yaml"))
    parser.add_argument("--runs", type=Path, default=Path("runs/held_out"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--relabelled",
        type=Path,
        help="a folder of scenes with other boxes, trained on instead (`trackformer data label`)",
    )
    parser.add_argument("--detector", type=Path, default=DETECTOR)
    parser.add_argument("--folds", type=int, default=6, help="as many runs, each without a share")
    parser.add_argument("--seeds", type=int, default=1, help="as many times, with the spread")
    parser.add_argument(
        "--weights", help="score these on all scenes instead: they have seen none of them"
    )
    parser.add_argument(
        "--average",
        action="store_true",
        help="score the mean of each run's weights and those it began with",
    )
    parser.add_argument("--scenes", nargs="+", help="score these only")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of the recipe")
    return parser


if __name__ == "__main__":
    main()
