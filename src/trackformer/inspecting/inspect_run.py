"""A folder of results in, the inspector's page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trackformer.errors import DataError
from trackformer.evaluation.failures.switches import Switch
from trackformer.evaluation.reports.result_files import read_scored
from trackformer.evaluation.reports.tracking import report_tracking
from trackformer.inspecting.content import Looked, content_of
from trackformer.inspecting.corrections import read_corrections
from trackformer.inspecting.page_file import PAGE_NAME, write_page
from trackformer.inspecting.pictures import pictures_of
from trackformer.inspecting.run_folder import CORRECTIONS_NAME, RunFolder, read_run
from trackformer.video.sources import open_source


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was written."""

    page: Path
    num_moments: int
    num_switches: int


def inspect_run(
    folder: Path,
    *,
    source: str | None = None,
    beside: Sequence[Path] = (),
    ground_truth: Path | None = None,
    looked: Mapping[tuple[int, int], Looked] | None = None,
) -> Inspection:
    """Write `inspector.html` into a folder of results.

    Args:
        folder: Of `trackformer track`; with a trace, reasons are told.
        source: The video that was tracked; None: the one that the trace names.
        beside: Other runs on the same video, to compare with.
        ground_truth: Annotations of the video, to mark identity switches.
        looked: Where queries looked, by frame and identity.

    Raises:
        DataError: A file is missing or damaged, or the video has fewer frames than the run.
    """
    run = read_run(folder)
    contents = [content_of(run, folder.name, _switches(ground_truth, folder), looked)]
    contents += [content_of(read_run(other), _name(other, folder)) for other in beside]
    with open_source(source if source is not None else source_of(run)) as video:
        pictures = pictures_of(video, len(run.frames))
        frame_rate = video.frame_rate
    if len(pictures.jpegs) < len(run.frames):
        raise DataError(
            f"{source or source_of(run)}: expected {len(run.frames)} frames as in the tracks, "
            f"got {len(pictures.jpegs)}"
        )
    made_before = folder / CORRECTIONS_NAME
    corrections = read_corrections(made_before) if made_before.exists() else ()
    write_page(folder / PAGE_NAME, contents, pictures, frame_rate, corrections)
    return Inspection(
        folder / PAGE_NAME,
        sum(len(each.moments) for each in contents),
        sum(len(each.switches) for each in contents),
    )


def source_of(run: RunFolder) -> str:
    """The video that a run is about; DataError where its trace names none."""
    named = None if run.trace is None else run.trace.header.names.source
    if named is None:
        raise DataError(
            f"{run.folder}: which video was tracked is not known without a trace; name it (--video)"
        )
    return named


def _name(other: Path, folder: Path) -> str:
    return other.name if other.name != folder.name else str(other)


def _switches(ground_truth: Path | None, folder: Path) -> tuple[Switch, ...]:
    if ground_truth is None:
        return ()
    data, results = read_scored(ground_truth, folder)
    return report_tracking(ground_truth.name, data, results).switches
