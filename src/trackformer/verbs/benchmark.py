"""`trackformer benchmark`: our track queries beside the trackers people use, on the same boxes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.data.convert import add_image_folder_argument
from trackformer.verbs.flags.model import WEIGHTS_HELP, add_model_arguments, load_network
from trackformer.verbs.flags.settings_file import changes_in
from trackformer.verbs.printing import print_whole

if TYPE_CHECKING:
    from rich.table import Table

    from trackformer.evaluation.trials.comparison import Comparison, Row

SUMMARY: Final = "Compare with SORT, ByteTrack, OC-SORT and BoT-SORT on the same detections."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument("data", type=Path, metavar="DATA", help="annotated videos")
    add_image_folder_argument(parser)
    parser.add_argument(
        "--detections",
        type=Path,
        metavar="DIR",
        help="another detector's boxes for the peers: NAME.txt in the MOTChallenge format for each "
        "sequence NAME",
    )
    add_model_arguments(parser, WEIGHTS_HELP)
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="settings of our tracker that differ from the model's own",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all scores to FILE")


def run(options: argparse.Namespace) -> int:
    """Track in every way, print one table."""
    from rich.console import Console

    from trackformer.config import settings_from
    from trackformer.data.read import read_annotations
    from trackformer.evaluation.reports.result_files import read_results
    from trackformer.evaluation.trials.comparison import compare, write_comparison
    from trackformer.tracking.settings import TrackerSettings

    data = read_annotations(options.data, image_folders=options.image_folder)
    given = None if options.detections is None else read_results(data, options.detections)
    changes = changes_in(options.settings)
    model = load_network(options)
    settings = settings_from(
        TrackerSettings, model.settings.tracker | changes, "tracker settings of the model"
    )
    console = Console(stderr=True)
    with console.status("reading") as status:
        comparison = compare(model, data, given, settings, status.update)
    print_whole(_table(comparison))
    print(
        f"Besides, a frame costs {comparison.encode_milliseconds:.1f} ms of process time for "
        f"reading, backbone and encoder, and {comparison.decode_milliseconds:.1f} ms for the "
        "decoder where peers need detections."
    )
    if options.json is not None:
        write_comparison(comparison, options.json)
        print(options.json)
    return 0


def _table(comparison: Comparison) -> Table:
    from rich.table import Table

    from trackformer.evaluation.reports.files import scores_by_published_name

    scores = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "FP", "FN")
    table = Table("tracker", "detections", "parameters", *scores, "AssA, 95 %", "ms a frame")
    for row in comparison.rows:
        values = scores_by_published_name(row.table.combined)
        shown = (values[name] for name in scores)
        table.add_row(
            row.tracker,
            row.detections,
            " ".join(f"{name}={value:g}" for name, value in row.chosen.items()) or "default",
            *(f"{value:.1f}" if isinstance(value, float) else str(value) for value in shown),
            _interval(row),
            f"{row.milliseconds:.1f}",
        )
    return table


def _interval(row: Row) -> str:
    """Over sequences; with fewer than two there is none."""
    interval = row.intervals.get("ass_a")
    return "-" if interval is None else f"{interval.low:.0f}-{interval.high:.0f}"
