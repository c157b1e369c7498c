"""`trackformer data check`: what is wrong with annotated data, worst first."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.data.convert import add_format_argument, add_image_folder_argument
from trackformer.verbs.flags.model import MODEL_HELP
from trackformer.verbs.printing import print_whole

if TYPE_CHECKING:
    from trackformer.checking.records import ModelLimits

SUMMARY: Final = "Say what is wrong with annotated data, worst first."
HAS_ERRORS: Final = 1
"""Exit code where training would fail, or learn something false without a word."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the sub-verb."""
    parser.add_argument("path", type=Path, metavar="PATH", help="annotations of any known format")
    parser.add_argument(
        "--val", type=Path, metavar="PATH", help="validation data: must not show the same pictures"
    )
    add_format_argument(parser, "PATH")
    add_image_folder_argument(parser)
    parser.add_argument(
        "--model", help=f"also check that the data suit a model: {MODEL_HELP} (default: none)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all findings to FILE")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write a page with findings, histograms and pictures to FILE",
    )


def run(options: argparse.Namespace) -> int:
    """Annotations in, what is wrong with them out."""
    import json

    from rich.console import Console

    from trackformer.checking.check import check_data
    from trackformer.checking.html_report import html_report
    from trackformer.checking.written_reports import (
        findings_table,
        report_content,
        statistics_table,
        summary,
    )

    limits = None if options.model is None else _limits(options.model)
    report = check_data(options.path, options.val, limits, options.format, options.image_folder)
    print_whole(statistics_table(report))
    if report.findings:
        # Not whole: sentences may be broken into lines where the terminal ends.
        Console().print(findings_table(report))
    print(summary(report))
    if options.json is not None:
        _write(options.json, json.dumps(report_content(report), indent=2) + "\n")
    if options.html is not None:
        _write(options.html, html_report(report))
    return HAS_ERRORS if report.has_errors else 0


def _limits(model: str) -> ModelLimits:
    from trackformer.checking.records import ModelLimits
    from trackformer.checkpoints.load import load_model

    settings = load_model(model, "cpu").settings
    return ModelLimits(model, settings.detector.num_queries, settings.class_names, settings.input)


def _write(path: Path, text: str) -> None:
    from trackformer.atomic_files import whole_file

    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    print(path)
