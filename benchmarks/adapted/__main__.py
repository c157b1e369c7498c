"""Does training on a film without annotation pay?

    python -m benchmarks.held_out --folds 3 --seeds 3 --average       # models that saw no scene
    python -m benchmarks.adapted --seeds 3 [--teacher ../shared/weights/rtmdet_nano_person.onnx]

Each scene's model, which has not seen it, is trained on the scene's first half with labels that
nobody drew, and scored on the second half with the bundled thresholds: before, after, and the mean
of the two weights. What is done already is not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.adapted.labels import agreed_tracks, part, teacher_tracks, without_annotation
from benchmarks.held_out.folds import dealt, scored_scenes
from benchmarks.held_out.scores import SHOWN, TAKEOVERS, tracking_scores
from benchmarks.held_out.table import spread
from trackformer.atomic_files import atomic_path
from trackformer.checkpoints.convert import convert
from trackformer.checkpoints.load import load_model
from trackformer.config import read_settings
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.clips.settings import SourceSettings
from trackformer.data.convert import write_annotations
from trackformer.data.read import read_annotations
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings

RECIPE: Final = Path("configs/held_out.yaml")
THRESHOLDS: Final = Path("configs/thresholds/bundled.yaml")
LABEL_THRESHOLDS: Final = TrackerSettings(
    birth_score=0.4, keep_score=0.3, patience=20, lost_motion=0.8
)
"""Of the tracks that become labels: many, since two runs have to agree on them."""
FILM_WEIGHT: Final = 0.85
"""Share of clips from the film; the others are the recipe's last source, synthetic scenes."""
WEIGHTS: Final = ("before", "after", "their mean")
Scores = dict[str, float]


def main() -> None:
    """All that the command line asks for."""
    options = _parser().parse_args()
    keep_freed_memory()
    scenes = scored_scenes(read_annotations(options.data).sequences)
    folds = dealt([scene.name for scene in scenes], options.folds)
    chosen = [scene for scene in scenes if options.scenes is None or scene.name in options.scenes]
    found: dict[str, list[dict[str, Scores]]] = {}
    for scene in chosen:
        fold = next(number for number, names in enumerate(folds) if scene.name in names)
        found[scene.name] = [_scores(scene, fold, seed, options) for seed in range(options.seeds)]
    print("\n".join(_table(found)))


def _scores(
    scene: AnnotatedSequence, fold: int, seed: int, options: argparse.Namespace
) -> dict[str, Scores]:
    """Of the second half, by `WEIGHTS`."""
    labels = "own" if options.teacher is None else options.teacher.stem
    folder = options.output / labels / f"seed_{seed}" / scene.name
    kept = folder / "scores.json"
    if kept.exists():
        content: dict[str, Scores] = json.loads(kept.read_text(encoding="utf-8"))
        return content
    before = options.runs / f"seed_{seed}" / f"fold_{fold}" / "averaged.safetensors"
    middle = len(scene.frames) // 2
    after = _adapted(before, part(scene, 0, middle), folder, seed, options)
    mean = folder / "mean.safetensors"
    convert(str(after), mean, averaged_with=[before], overwrite=True)
    second = part(scene, middle, len(scene.frames))
    scores = {
        name: _scored(weights, second)
        for name, weights in zip(WEIGHTS, (before, after, mean), strict=True)
    }
    with atomic_path(kept) as partial:
        partial.write_text(json.dumps(scores), encoding="utf-8")
    return scores


def _adapted(
    before: Path, half: AnnotatedSequence, folder: Path, seed: int, options: argparse.Namespace
) -> Path:
    film = without_annotation(half)
    if options.teacher is None:
        model = optimize_for_inference(load_model(before))
        labelled = agreed_tracks(model, film, LABEL_THRESHOLDS)
    else:
        labelled = teacher_tracks(options.teacher, film)
    if not (folder / "film").exists():
        write_annotations(AnnotatedData((labelled,), ("person",)), folder / "film", "mot")
    overrides = [f"optimizer.steps={options.steps}", "diagnostics.every=0", "clips.paste_rate=0"]
    recipe = read_settings(TrainingSettings, RECIPE, [*overrides, *options.overrides])
    synthetic = recipe.sources[-1].model_copy(update={"weight": 1 - FILM_WEIGHT})
    changes = {
        "sources": (SourceSettings(path=folder / "film", weight=FILM_WEIGHT), synthetic),
        "output": folder / "run",
        "initial": before,
        "seed": seed,
        "save_every": options.steps,
    }
    train(recipe.model_copy(update=changes), resume=(folder / "run" / "last.pt").exists())
    return Path(folder / "run" / "last.safetensors")


def _scored(weights: Path, scene: AnnotatedSequence) -> Scores:
    model = optimize_for_inference(load_model(weights))
    settings = read_settings(TrackerSettings, THRESHOLDS, [])
    results = track_encoded(model, encode_video(model, scene), [settings])
    return tracking_scores(scene, results[0])


def _table(found: dict[str, list[dict[str, Scores]]]) -> Iterator[str]:
    """A row for each scene and each of its weights."""
    names = (*SHOWN, TAKEOVERS)
    yield f"| second half of | weights | {' | '.join(names)} |"
    yield f"|---|---{'|---' * len(names)}|"
    for scene, seeds in found.items():
        for weights in WEIGHTS:
            yield _row(scene, weights, [seed[weights] for seed in seeds], names)


def _row(scene: str, weights: str, seeds: Sequence[Scores], names: Sequence[str]) -> str:
    figures = " | ".join(spread([scores[name] for scores in seeds]) for name in names)
    return f"| {scene} | {weights} | {figures} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapted", allow_abbrev=False)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mot/train"))
    parser.add_argument("--runs", type=Path, default=Path("runs/held_out"), help="of held_out")
    parser.add_argument("--output", type=Path, default=Path("runs/adapted"))
    parser.add_argument("--teacher", type=Path, help="a detector (ONNX) whose boxes are the labels")
    parser.add_argument("--folds", type=int, default=3, help="as many as held_out had")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--scenes", nargs="+", help="these only")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of the recipe")
    return parser


if __name__ == "__main__":
    main()
