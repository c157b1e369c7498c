"""`trackformer data label` as a function: a teacher's labels as a new folder of annotations."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from trackformer.atomic_files import partial_path
from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.convert import Conversion, write_annotations
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.trials.peers import PEERS, track_detections
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.training.teacher.label import Found, labelled_film, with_labels_of
from trackformer.training.teacher.settings import LabelSettings
from trackformer.video.decoding import open_video
from trackformer.video.frames import Frame

FILM_SUFFIXES: Final = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
JPEG_QUALITY: Final = 92
BYTE_TRACK: Final = next(peer for peer in PEERS if peer.name == "ByteTrack")


@dataclass(frozen=True, slots=True, eq=False)
class OnnxTeacher:
    """A detector in an ONNX file."""

    detector: OnnxProposals

    def find(self, frame: AnnotatedFrame) -> Found:
        """Its boxes of class 0."""
        seen = self.detector.in_frame(Frame(frame.read_pixels(), frame.frame_index, None))
        seen = seen[seen.class_id == 0]
        assert seen.confidence is not None
        return Found(seen.xyxy.astype(float), seen.confidence.astype(float))


def label(
    source: Path,
    destination: Path,
    teacher: Path,
    settings: LabelSettings,
    on_frame: Callable[[], None] = lambda: None,
    image_folders: Sequence[Path] = (),
) -> Conversion:
    """Write what is annotated and what the teacher sees: COCO for still images, MOTChallenge else.

    Args:
        source: Annotations of any known format with images, or a video file without annotation.
        destination: The folder to write.
        teacher: A detector as `OnnxProposals` reads it.
        settings: From which scores on boxes are labels.
        on_frame: Called after each frame (progress).
        image_folders: Where images may lie besides the source's own folders.

    Raises:
        ConfigError, CheckpointError, DataError: The source, the teacher or the destination cannot
            be used.
    """
    if destination.exists():
        raise DataError(f"{destination}: exists; give another name")
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    seeing = OnnxTeacher(OnnxProposals(teacher, settings.ignore_score, settings.area))
    if source.suffix.lower() in FILM_SUFFIXES:
        with frames_folder(destination) as frames:
            film = _film(source, frames)
            labelled = _labelled(film, seeing, settings, on_frame)
            data = AnnotatedData((labelled,), (settings.class_name,))
            return write_annotations(data, destination, "mot")
    annotated = read_annotations(source, image_folders=image_folders)
    data = with_labels_of(seeing, annotated, settings, on_frame)
    is_video = any(sequence.is_video for sequence in data.sequences)
    return write_annotations(data, destination, "mot" if is_video else "coco")


@contextmanager
def frames_folder(destination: Path) -> Iterator[Path]:
    """A hidden folder on the disk of what is written: its images are files of it under a new name.

    That of a killed run is removed by the next one.
    """
    partial = partial_path(destination)
    frames = partial.with_name(f"{partial.name}.frames")
    frames.mkdir(parents=True)
    try:
        yield frames
    finally:
        shutil.rmtree(frames, ignore_errors=True)


def _labelled(
    film: AnnotatedSequence,
    teacher: OnnxTeacher,
    settings: LabelSettings,
    on_frame: Callable[[], None],
) -> AnnotatedSequence:
    found = []
    for frame in film.frames:
        found.append(teacher.find(frame))
        on_frame()
    detections = [
        ResultFrame(
            index, np.full(len(each.scores), -1, dtype=np.int64), each.boxes_xyxy, each.scores
        )
        for index, each in enumerate(found)
    ]
    tracks = track_detections(BYTE_TRACK, detections, film.frame_rate or 25.0, {})
    return labelled_film(film, tracks, found, settings)


def _film(source: Path, folder: Path) -> AnnotatedSequence:
    """The frames of a video as files, and nothing annotated in them."""
    frames = []
    size = (0, 0)
    with open_video(source) as video:
        for frame in video:
            path = folder / f"{frame.frame_index + 1:06d}.jpg"
            bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
            _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            path.write_bytes(content.tobytes())
            size = (frame.pixels.shape[0], frame.pixels.shape[1])
            frames.append(frame_without_objects(frame.frame_index, path))
        rate = video.frame_rate
    return AnnotatedSequence(source.stem, tuple(frames), size, rate, is_video=True)
