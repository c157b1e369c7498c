"""Which result file belongs to which annotated sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.kitti import is_kitti_file, read_kitti_results
from trackformer.data.formats.mot.reading import (
    read_mot_file,
    read_mot_ground_truth,
    read_mot_results,
)
from trackformer.data.formats.parts.malformed import refuse_but_images
from trackformer.data.formats.parts.result_folders import only_tracker_data
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError

RESULT_FILE: Final = "tracks.txt"
MASK_RESULT_FILE: Final = "tracks_mots.txt"


def read_scored(
    ground_truth: Path, results: Path, image_folders: Sequence[Path] = ()
) -> tuple[AnnotatedData, Mapping[str, Sequence[ResultFrame]]]:
    """Annotations and the results of every sequence.

    Args:
        ground_truth: Annotations of any known format, or a MOTChallenge ground-truth file alone.
        results: A folder with `NAME.txt` or `NAME/tracks.txt` for each sequence NAME, or as
            TrackEval has it: `data/NAME.txt`, of one tracker. For a single sequence also its
            result file, or the folder of its `tracks.txt`. Lines are MOTChallenge's or KITTI's.
        image_folders: Where images may lie besides the annotations' own folders.

    Raises:
        DataError: A sequence has no results, or a file cannot be used.
    """
    if ground_truth.suffix == ".txt":
        return _read_file(ground_truth, results)
    data = read_annotations(ground_truth, None, refuse_but_images, image_folders)
    return data, read_results(data, results)


def read_results(data: AnnotatedData, results: Path) -> dict[str, tuple[ResultFrame, ...]]:
    """The result files of all sequences, by name (see `read_scored`).

    Raises:
        DataError: A sequence has no results, or a file cannot be used.
    """
    is_only = len(data.sequences) == 1
    files = {
        sequence.name: result_file(results, sequence.name, is_only=is_only)
        for sequence in data.sequences
    }
    return {
        name: read_kitti_results(path, data.class_names)
        if is_kitti_file(path)
        else read_mot_results(path)
        for name, path in files.items()
    }


def _read_file(
    ground_truth: Path, results: Path
) -> tuple[AnnotatedData, Mapping[str, Sequence[ResultFrame]]]:
    name = read_mot_ground_truth(ground_truth).name
    frames = read_mot_results(result_file(results, name, is_only=True))
    # The file does not tell how long the video is: it may go on after its last annotated frame.
    num_frames = frames[-1].frame_index + 1 if frames else 0
    return read_mot_file(ground_truth, num_frames), {name: frames}


def result_file(results: Path, name: str, own_file: str = RESULT_FILE, *, is_only: bool) -> Path:
    """The file with the results of one sequence: `NAME.txt`, `NAME/OWN_FILE` or `data/NAME.txt`.

    Raises:
        DataError: There is none, it could be of several trackers, or one file is given for several
            sequences.
    """
    if results.is_file():
        if is_only:
            return results
        raise DataError(f"{results}: expected a folder with results of every sequence, got a file")
    candidates = [results / f"{name}.txt", results / name / own_file]
    if (folder := only_tracker_data(results)) is not None:
        candidates.append(folder / f"{name}.txt")
    if is_only:
        candidates.append(results / own_file)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(
        f"{results}: expected results of sequence {name} in {name}.txt or {name}/{own_file}"
    )
