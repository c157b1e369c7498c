"""`trackformer evaluate`: result files or a model in, a table of scores out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trackformer.verbs.data.convert import add_image_folder_argument
from trackformer.verbs.flags.classes import add_classes_argument, asked_classes
from trackformer.verbs.flags.model import MODEL_HELP, add_running_arguments, load
from trackformer.verbs.flags.report_files import add_report_arguments
from trackformer.verbs.flags.settings_file import changes_in
from trackformer.verbs.printing import print_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trackformer.data.annotations import AnnotatedData
    from trackformer.data.results import ResultFrame
    from trackformer.evaluation.reports.tracking import TrackingReport
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.lifecycle.public_detections import PublicDetections
    from trackformer.tracking.settings import TrackerSettings

SUMMARY: Final = "Score tracks or detections against ground truth."
OWN_FILES: Final = ""
NUM_WORST: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="PATH",
        required=True,
        help="annotated videos of any known format (docs/data.md), or one gt.txt; or a COCO json "
        "file of still images, whose detections are scored by AP",
    )
    scored = parser.add_mutually_exclusive_group(required=True)
    scored.add_argument(
        "--results",
        type=Path,
        metavar="PATH",
        help="folder with NAME.txt, NAME/tracks.txt or (TrackEval) data/NAME.txt for each sequence "
        "NAME, of MOTChallenge or KITTI; for still images, a COCO json file of detections",
    )
    scored.add_argument(
        "--model", help=f"track or detect with this model first, then score: {MODEL_HELP}"
    )
    add_running_arguments(parser)
    add_image_folder_argument(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="keep the model's tracks in DIR/NAME.txt, detections in DIR/detections.json",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="tracker settings that differ from the model's own",
    )
    parser.add_argument(
        "--public-detections",
        nargs="?",
        const=OWN_FILES,
        metavar="det.txt",
        help="the model's tracks begin only where these MOTChallenge detections show an object; "
        "without a file, each sequence's own det/det.txt",
    )
    add_classes_argument(parser, "objects and results of others are left out")
    parser.add_argument(
        "--frames",
        metavar="RANGE",
        help="score only these frames of each video: FIRST-LAST from 1, first-half or second-half",
    )
    add_report_arguments(parser)


def _check_outputs(options: argparse.Namespace) -> None:
    """Before anything slow: whether there is room for what will be written."""
    from trackformer.atomic_files import refuse_unwritable

    folders = (options.plots, options.failures, options.output)
    inside = (folder / "scores" for folder in folders if folder is not None)
    for path in (options.json, options.switches, *inside):
        if path is not None:
            refuse_unwritable(path)


def run(options: argparse.Namespace) -> int:
    """Result files or a model in, a table of scores out."""
    from trackformer.data.formats.coco.results import holds_still_images
    from trackformer.errors import ConfigError

    _refuse(options, ("output", "settings", "public_detections"), "only with --model")
    if options.failures is None:
        _refuse(options, ("worst", "video"), "only with --failures", always=True)
    elif options.worst is not None and options.worst < 1:
        raise ConfigError(f"--worst: expected a number from 1 on, got {options.worst}")
    _check_outputs(options)
    if holds_still_images(options.ground_truth):
        of_videos = (
            *("settings", "public_detections", "frames", "switches", "plots", "failures"),
            "classes",
        )
        _refuse(options, of_videos, "only for videos", always=True)
        _evaluate_detections(options)
    else:
        _evaluate_tracks(options)
    if options.json is not None:
        print(options.json)
    return 0


def _refuse(
    options: argparse.Namespace, names: Sequence[str], reason: str, *, always: bool = False
) -> None:
    """An error if one of some options is given without a model, or at all."""
    from trackformer.errors import ConfigError

    for name in names:
        if getattr(options, name) is not None and (always or options.model is None):
            raise ConfigError(f"--{name.replace('_', '-')}: {reason}")


def _evaluate_detections(options: argparse.Namespace) -> None:
    from trackformer.evaluation.metrics.coco import evaluate_coco_file, evaluate_detections
    from trackformer.evaluation.reports.detection import (
        detection_headline,
        detection_table,
        write_detection_json,
    )

    if options.model is None:
        table = evaluate_coco_file(options.ground_truth, options.results)
    else:
        table = evaluate_detections(options.ground_truth, _detections_of_model(options))
    print(detection_headline(table))
    print_whole(detection_table(table))
    if options.json is not None:
        write_detection_json(table, options.json)


def _detections_of_model(options: argparse.Namespace) -> list[dict[str, Any]]:
    from trackformer.data.formats.coco.results import read_coco_images, write_coco_results
    from trackformer.evaluation.trials.detector_scores import detect_images

    results = detect_images(load(options), read_coco_images(options.ground_truth))
    if options.output is not None:
        write_coco_results(options.output / "detections.json", results)
    return results


def _evaluate_tracks(options: argparse.Namespace) -> None:
    from trackformer.data.formats.mot.mots import is_mots

    if is_mots(options.ground_truth):
        model = None if options.model is None else load(options)
        if model is None or model.predicts_masks:
            _evaluate_masks(options, model)
            return
    _evaluate_boxes(options)


def _evaluate_boxes(options: argparse.Namespace) -> None:
    from rich.table import Table

    from trackformer.evaluation.failures.frames import check_frames
    from trackformer.evaluation.reports.result_files import read_scored
    from trackformer.evaluation.reports.tracking import report_tracking
    from trackformer.evaluation.reports.tracking_output import report_lines

    if options.model is None:
        data, results = read_scored(options.ground_truth, options.results, options.image_folder)
    else:
        data, results = _tracks_of_model(options)
    if options.classes is not None:
        data, results = _only_classes(options.classes, data, results)
    if options.failures is not None:
        data = check_frames(data, options.video)
    split = options.ground_truth.resolve().name
    report = report_tracking(split, data, results, options.frames, options.seed)
    for part in report_lines(report):
        if isinstance(part, Table):
            print_whole(part)
        else:
            print(part)
    _write_files(options, report)


def _only_classes(
    classes: str, data: AnnotatedData, results: Mapping[str, Sequence[ResultFrame]]
) -> tuple[AnnotatedData, Mapping[str, Sequence[ResultFrame]]]:
    """Some classes of annotations, and of results that count theirs as the annotations do."""
    from trackformer.data.formats.parts.class_lists import with_only_classes
    from trackformer.evaluation.reports.classes import only_named, relabelled

    asked = asked_classes(classes, data.class_names)
    if len(data.class_names) == 1:
        # Results need not name the only class there is.
        return data, results
    known = relabelled(only_named(results, len(data.class_names)), data.class_names, asked)
    return with_only_classes(data, asked, {}), only_named(known, len(asked))


def _write_files(options: argparse.Namespace, report: TrackingReport) -> None:
    from trackformer.evaluation.failures.output import PAGE, failure_table, write_failure_report
    from trackformer.evaluation.failures.switches import write_switches
    from trackformer.evaluation.reports.files import write_scores
    from trackformer.evaluation.reports.plots import write_plots
    from trackformer.evaluation.reports.tracking_output import report_content

    if options.json is not None:
        write_scores(report_content(report), options.json)
    if options.switches is not None:
        write_switches(report.switches, options.switches)
        print(options.switches)
    if options.plots is not None:
        print(*write_plots(report, options.plots), sep="\n")
    if options.failures is not None:
        num_worst = NUM_WORST if options.worst is None else options.worst
        failures = write_failure_report(
            report.split, report.videos, options.failures, num_worst, options.video
        )
        print_whole(failure_table(failures))
        print(options.failures / PAGE)


def _evaluate_masks(options: argparse.Namespace, model: FrameModel | None) -> None:
    from trackformer.data.formats.mot.mots import mots_frame_of, write_mots_results
    from trackformer.evaluation.metrics.mots import evaluate_masks
    from trackformer.evaluation.reports.files import evaluate_folders, score_table, write_json
    from trackformer.evaluation.trials.model_scores import track_sequences

    _refuse(
        options,
        ("frames", "switches", "plots", "failures", "classes"),
        "not for masks",
        always=True,
    )
    if model is None:
        table = evaluate_folders(options.ground_truth, options.results)
    else:
        data, settings, public = _asked_of(model, options)
        masks = track_sequences(model, data, mots_frame_of, settings, public)
        if options.output is not None:
            for name, frames in masks.items():
                write_mots_results(options.output / name / "tracks_mots.txt", frames)
        table = evaluate_masks(data, masks)
    print_whole(score_table(table))
    if options.json is not None:
        write_json(table, options.json)


def _tracks_of_model(
    options: argparse.Namespace,
) -> tuple[AnnotatedData, Mapping[str, Sequence[ResultFrame]]]:
    """Track every sequence of the ground truth."""
    from trackformer.data.formats.mot.reading import write_mot_results
    from trackformer.data.results import result_of
    from trackformer.evaluation.reports.classes import relabelled
    from trackformer.evaluation.trials.model_scores import track_sequences

    model = load(options)
    data, settings, public = _asked_of(model, options)
    tracked = track_sequences(model, data, result_of, settings, public)
    results = relabelled(tracked, model.settings.class_names, data.class_names)
    if options.output is not None:
        for name, frames in results.items():
            write_mot_results(options.output / f"{name}.txt", frames)
    return data, results


def _asked_of(
    model: FrameModel, options: argparse.Namespace
) -> tuple[AnnotatedData, TrackerSettings, Mapping[str, PublicDetections] | None]:
    """What the model is to track, with which thresholds and public detections."""
    from trackformer.config import settings_from
    from trackformer.data.read import read_annotations
    from trackformer.evaluation.trials.public_protocol import public_detections_of
    from trackformer.tracking.settings import TrackerSettings

    data = read_annotations(options.ground_truth, image_folders=options.image_folder)
    public = None
    if options.public_detections is not None:
        given = options.public_detections
        public = public_detections_of(data, Path(given) if given != OWN_FILES else None)
    changes = changes_in(options.settings)
    settings = settings_from(TrackerSettings, model.settings.tracker | changes, "tracker settings")
    return data, settings, public
