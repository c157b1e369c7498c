"""Which of several formats a path holds that look alike from outside."""

from __future__ import annotations

from pathlib import Path

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.coco.reading import read_coco
from trackformer.data.formats.kitti import label_folder
from trackformer.data.formats.mot.benchmarks import benchmark_files
from trackformer.data.formats.mot.folder import is_sequence_folder
from trackformer.data.formats.mot.mots import is_mots, read_mots
from trackformer.data.formats.mot.reading import read_mot
from trackformer.data.formats.mot.result_sequences import result_files
from trackformer.data.formats.parts.malformed import Report
from trackformer.data.formats.scalabel.reading import is_scalabel
from trackformer.data.formats.tracks import tracks_files


def is_mot(path: Path) -> bool:
    """Whether a path is MOTChallenge's: a sequence, folders of them, their text file, or masks."""
    if is_mots(path):
        return True
    if path.is_file():
        is_other = label_folder(path) is not None or bool(tracks_files(path))
        return path.suffix == ".txt" and not is_other
    is_one = bool(benchmark_files(path) or result_files(path)) or is_sequence_folder(path)
    return is_one or any(is_sequence_folder(part) for part in path.glob("*/"))


def read_mot_or_mots(path: Path, report: Report) -> AnnotatedData:
    """MOTChallenge data, of boxes or of masks; see `read_mot`."""
    return read_mots(path, report) if is_mots(path) else read_mot(path, report)


def coco_file(path: Path) -> Path | None:
    """The json file that a path means: itself, or the only one in the folder."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    is_one = len(files) == 1 and files[0].suffix == ".json" and not is_scalabel(files[0])
    return files[0] if is_one else None


def read_coco_folder(path: Path, report: Report) -> AnnotatedData:
    """A COCO json file, or the only one of a folder; see `read_coco`."""
    return read_coco(coco_file(path) or path, report=report)


def is_scalabel_folder(path: Path) -> bool:
    """Whether a json file, or every one of a folder, is Scalabel's."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    return bool(files) and all(file.suffix == ".json" and is_scalabel(file) for file in files)
