"""`trackformer tune`: annotated videos in, tracker settings that suit them out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.data.convert import add_image_folder_argument
from trackformer.verbs.flags.model import WEIGHTS_HELP, add_model_arguments, load_network
from trackformer.verbs.printing import print_whole

if TYPE_CHECKING:
    from rich.progress import Progress

    from trackformer.data.annotations import AnnotatedData
    from trackformer.evaluation.trials.encoded import EncodedVideo
    from trackformer.evaluation.trials.tuning import Tuning
    from trackformer.models.trackformer import TrackFormer

SUMMARY: Final = "Search tracker settings on annotated videos."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument("data", type=Path, metavar="DATA", help="annotated videos to tune on")
    parser.add_argument(
        "--held-out", type=Path, metavar="DATA", help="other videos, scored once at the end"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.yaml",
        required=True,
        help="settings file to write, for `trackformer track --settings`",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.yaml if it exists")
    add_image_folder_argument(parser)
    add_model_arguments(parser, WEIGHTS_HELP)
    parser.add_argument("--metric", default="HOTA", help="what to maximise (default: HOTA)")
    parser.add_argument(
        "--search",
        nargs="+",
        metavar="SETTING",
        help="settings to search (default: birth_score keep_score reid_score patience "
        "track_nms_iou birth_nms_iou; also: motion motion_smoothing lost_motion)",
    )
    parser.add_argument("--trials", type=int, default=64, help="choices to try (default: 64)")
    parser.add_argument(
        "--batch", type=int, default=4, help="trials that share a decoder pass (default: 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the search (default: 0)")


def run(options: argparse.Namespace) -> int:
    """Encode every frame once, search, and write the best settings."""
    from trackformer.data.read import read_annotations
    from trackformer.evaluation.trials.search_space import SEARCHED, check_names
    from trackformer.evaluation.trials.settings_file import check_destination, write_settings

    names = tuple(options.search or SEARCHED)
    check_names(names)
    check_destination(options.output, overwrite=options.overwrite)
    data = read_annotations(options.data, image_folders=options.image_folder)
    held_out = None
    if options.held_out is not None:
        held_out = read_annotations(options.held_out, image_folders=options.image_folder)
    model = load_network(options)
    tuning = _search(model, data, names, options)
    _print(tuning)
    note = f"{tuning.metric} {tuning.best.score(tuning.metric):.1f} on {options.data}"
    if held_out is not None:
        note += "; " + _print_held_out(model, held_out, tuning)
    write_settings(options.output, tuning.best.values, note)
    print(options.output)
    return 0


def _search(
    model: TrackFormer, data: AnnotatedData, names: tuple[str, ...], options: argparse.Namespace
) -> Tuning:
    from trackformer.evaluation.trials.tuning import Trial, num_evaluations, tune
    from trackformer.tracking.videos.progress import progress_bar

    with progress_bar() as progress:
        videos = _encode(model, data, progress)
        bar = progress.add_task("search", total=num_evaluations(options.trials, len(names)))

        def on_trial(_trial: Trial) -> None:
            progress.advance(bar)

        return tune(
            model,
            data,
            videos,
            names=names,
            metric=options.metric,
            num_trials=options.trials,
            batch_size=options.batch,
            seed=options.seed,
            on_trial=on_trial,
        )


def _encode(model: TrackFormer, data: AnnotatedData, progress: Progress) -> list[EncodedVideo]:
    from trackformer.evaluation.trials.encoded import encode_video
    from trackformer.tracking.tracker import settings_for

    distance = settings_for(model).previous_frame_distance
    frames = sum(len(sequence.frames) for sequence in data.sequences)
    bar = progress.add_task("encode", total=frames)
    return [
        encode_video(model, sequence, distance, lambda: progress.advance(bar))
        for sequence in data.sequences
    ]


def _print(tuning: Tuning) -> None:
    from rich.table import Table

    from trackformer.evaluation.reports.files import scores_by_published_name

    names = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
    scores = Table("settings", *names, title="on the videos tuned on")
    for name, table in (("stored with the model", tuning.stored), ("best", tuning.best.table)):
        row = scores_by_published_name(table.combined)
        scores.add_row(name, *(f"{row[score]:.4g}" for score in names))
    print_whole(scores)
    curves = Table("setting", "best", f"{tuning.metric} when moved", title="one setting moved")
    for setting, points in tuning.sensitivity().items():
        shown = "  ".join(f"{value:g}: {score:.1f}" for value, score in points)
        curves.add_row(setting, f"{tuning.best.values[setting]:g}", shown)
    print_whole(curves)
    for sequence, score in tuning.left_out_scores().items():
        print(f"{sequence}: {tuning.metric} {score:.1f} with the settings best on the others")


def _print_held_out(model: TrackFormer, data: AnnotatedData, tuning: Tuning) -> str:
    """Score the best and the stored settings on videos that were not searched on."""
    from trackformer.evaluation.reports.files import scores_by_published_name
    from trackformer.evaluation.trials.model_scores import evaluate_model
    from trackformer.evaluation.trials.tuning import changed_settings
    from trackformer.tracking.tracker import settings_for

    stored = settings_for(model)
    own, best = (
        scores_by_published_name(evaluate_model(model, data, settings).combined)[tuning.metric]
        for settings in (stored, changed_settings(stored, tuning.best.values))
    )
    text = f"{tuning.metric} {best:.1f} on videos held out ({own:.1f} with the stored settings)"
    print(text)
    return text
