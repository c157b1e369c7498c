"""The checks of annotated data: read, look at every image, run all checks, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trackformer.checking.boxes import check_boxes, check_corners, check_normalised
from trackformer.checking.fit import (
    check_class_names,
    check_queries,
    check_tiny,
    check_validation_classes,
)
from trackformer.checking.frames import (
    check_classes,
    check_forgotten_frames,
    check_frame_rate,
    check_frozen,
    check_images,
    check_objects,
    check_stacks,
)
from trackformer.checking.identities import (
    check_absences,
    check_classes_of_ids,
    check_jumps,
    check_single_boxes,
)
from trackformer.checking.images import look_at_images
from trackformer.checking.likeness import check_leakage, check_repeated
from trackformer.checking.records import Check, Finding, Inspected, ModelLimits, Severity
from trackformer.checking.refused import check_malformed
from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.malformed import MalformedError
from trackformer.data.read import read_annotations
from trackformer.tracking.videos.progress import progress_bar

CHECKS: tuple[Check, ...] = (
    check_malformed,
    check_objects,
    check_classes,
    check_normalised,
    check_corners,
    check_boxes,
    check_jumps,
    check_classes_of_ids,
    check_single_boxes,
    check_absences,
    check_images,
    check_stacks,
    check_forgotten_frames,
    check_frozen,
    check_frame_rate,
    check_repeated,
    check_leakage,
    check_validation_classes,
    check_queries,
    check_tiny,
    check_class_names,
)
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Worst first."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was looked at, and what is wrong with it."""

    path: Path
    inspected: Inspected
    findings: tuple[Finding, ...]
    """Worst first; of one severity, those with most places first."""

    @property
    def has_errors(self) -> bool:
        """Whether training would fail, or learn something false."""
        return any(finding.severity == "error" for finding in self.findings)


def check_data(
    path: Path,
    validation: Path | None = None,
    model: ModelLimits | None = None,
    format_name: FormatName | None = None,
    image_folders: Sequence[Path] = (),
) -> Report:
    """Read annotated data, malformed ones too, look at their images and run all checks.

    Args:
        path: Data to train on.
        validation: Data to choose settings on, which must not show the same pictures.
        model: What is to be trained.
        format_name: Of `path`, where it is not the one the path looks like.
        image_folders: Where images may lie besides the data's own folders.

    Raises:
        DataError: There is nothing to read, or a file as a whole cannot be understood.
    """
    other = None if validation is None else inspect(validation, image_folders=image_folders)
    inspected = inspect(path, format_name, model, other, image_folders)
    return Report(path, inspected, run_checks(inspected))


def inspect(
    path: Path,
    format_name: FormatName | None = None,
    model: ModelLimits | None = None,
    validation: Inspected | None = None,
    image_folders: Sequence[Path] = (),
) -> Inspected:
    """Read annotations, keeping what is malformed, and look at every image."""
    mistakes: list[MalformedError] = []
    data = read_annotations(path, format_name, mistakes.append, image_folders)
    paths = list(_image_paths(data))
    with progress_bar() as progress:
        task = progress.add_task(path.name, total=len(set(paths)))
        images = look_at_images(paths, lambda: progress.advance(task))
    return Inspected(data, tuple(mistakes), images, model, validation)


def run_checks(inspected: Inspected, checks: Sequence[Check] = CHECKS) -> tuple[Finding, ...]:
    """All findings, worst first."""
    findings = [finding for check in checks for finding in check(inspected)]
    return tuple(
        sorted(
            findings,
            key=lambda finding: (SEVERITIES.index(finding.severity), -len(finding.places)),
        )
    )


def _image_paths(data: AnnotatedData) -> Iterator[Path]:
    for sequence in data.sequences:
        for frame in sequence.frames:
            if frame.image_path is not None:
                yield frame.image_path
