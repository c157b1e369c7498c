"""Who takes part: each tracks a video frame by frame, from the frame's pixels on."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.held_out.choices import THEIRS
from trackformer import Tracker
from trackformer.checkpoints.onnx_session import OnnxSession
from trackformer.data.annotations import AnnotatedData
from trackformer.data.results import ResultFrame, result_of
from trackformer.evaluation.metrics.scores import TrackingScores
from trackformer.evaluation.metrics.tracking import evaluate_tracking
from trackformer.evaluation.trials.peers import PEERS, PeerTracker, track_detections
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.tracking.tracker_file import TrackerFile
from trackformer.video.frames import Frame

Pixels = UInt8[np.ndarray, "H W 3"]
BYTE_TRACK: Final = next(peer for peer in PEERS if peer.name == "ByteTrack")
FRAME_RATE: Final = 30.0
"""What ByteTrack is told, as in `benchmarks.held_out`."""
LEAST_SCORE: Final = 0.05
"""Of a detection that is kept at all."""
FEMTO_SIDE: Final = 416
"""Pixels of the side of DEIMv2-Femto's input."""


class Contender(ABC):
    """One row of the table."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds: list[float] = []
        """Of the processor, of each frame of all videos."""
        self.results: dict[str, list[ResultFrame]] = {}
        """By name of the video: tracks, or the detections that they are made of."""

    @abstractmethod
    def begin(self) -> None:
        """Forget the video before."""

    @abstractmethod
    def update(self, pixels: Pixels, frame_index: int) -> ResultFrame:
        """What is kept of the next frame; all that it costs is paid here."""

    @abstractmethod
    def scores(self, data: AnnotatedData) -> TrackingScores:
        """Of all videos together."""


class Ours(Contender):
    """A tracker, whatever it computes with."""

    def __init__(self, name: str, tracker: Tracker | TrackerFile) -> None:
        super().__init__(name)
        self._tracker = tracker

    def begin(self) -> None:
        """No tracks."""
        self._tracker.reset()

    def update(self, pixels: Pixels, frame_index: int) -> ResultFrame:
        """Tracks; they count their frames themselves."""
        del frame_index
        return result_of(self._tracker.update(pixels))

    def scores(self, data: AnnotatedData) -> TrackingScores:
        """With the thresholds that are stored."""
        return evaluate_tracking(data, self.results).combined


class ByTracking(Contender):
    """A detector with ByteTrack: scored with the best of a dozen thresholds for these very videos.

    What is kept are detections; time is that of ByteTrack with the first of the thresholds, too.
    """

    def __init__(self, name: str, detector: Rtmdet | Femto) -> None:
        super().__init__(f"{name} + ByteTrack")
        self._detector = detector
        self.begin()

    def begin(self) -> None:
        """No tracks."""
        self._tracker = PeerTracker(BYTE_TRACK, FRAME_RATE, THEIRS[0][1])

    def update(self, pixels: Pixels, frame_index: int) -> ResultFrame:
        """Detections; they are tracked, too, but only for the time that it takes."""
        found = self._detector.detect(pixels, frame_index)
        self._tracker.update(_above(found, THEIRS[0][0]))
        return found

    def scores(self, data: AnnotatedData) -> TrackingScores:
        """With the thresholds that are best here."""
        tables = [self._scores_with(data, *choice) for choice in THEIRS]
        return max(tables, key=lambda table: table.hota)

    def _scores_with(self, data: AnnotatedData, least: float, arguments: Any) -> TrackingScores:
        tracks = {
            name: track_detections(
                BYTE_TRACK, [_above(frame, least) for frame in frames], FRAME_RATE, arguments
            )
            for name, frames in self.results.items()
        }
        return evaluate_tracking(data, tracks).combined


class Rtmdet:
    """RTMDet as MMDeploy exports it."""

    def __init__(self, path: Path) -> None:
        self._detector = OnnxProposals(path, LEAST_SCORE)

    def detect(self, pixels: Pixels, frame_index: int) -> ResultFrame:
        """Boxes of people."""
        seen = self._detector.in_frame(Frame(pixels, frame_index, None))
        return _detections(frame_index, seen.xyxy, np.asarray(seen.confidence))


class Femto:
    """DEIMv2-Femto as its authors export it: `nano` before it was trained, class 0 is people."""

    def __init__(self, path: Path) -> None:
        self._session = OnnxSession(path)

    def detect(self, pixels: Pixels, frame_index: int) -> ResultFrame:
        """Boxes of people."""
        height, width = pixels.shape[:2]
        small = cv2.resize(pixels, (FEMTO_SIDE, FEMTO_SIDE))
        image = (small.transpose(2, 0, 1)[None] * np.float32(1 / 255)).astype(np.float32)
        given = {"images": image, "orig_target_sizes": np.array([[width, height]])}
        labels, boxes, scores = self._session.run(("labels", "boxes", "scores"), given)
        is_person = (labels[0] == 0) & (scores[0] >= LEAST_SCORE)
        return _detections(frame_index, boxes[0, is_person], scores[0, is_person])


def _detections(frame_index: int, boxes: np.ndarray, scores: np.ndarray) -> ResultFrame:
    return ResultFrame(
        frame_index, np.full(len(boxes), -1), boxes.astype(np.float64), scores.astype(np.float64)
    )


def _above(frame: ResultFrame, least: float) -> ResultFrame:
    keep = frame.scores >= least
    return ResultFrame(
        frame.frame_index, frame.track_ids[keep], frame.boxes_xyxy[keep], frame.scores[keep]
    )


def frames_with_other_ids(one: Contender, other: Contender) -> int:
    """In how many frames of all videos two of ours do not see the same identities."""
    pairs = [
        pair
        for name, frames in one.results.items()
        for pair in zip(frames, other.results[name], strict=True)
    ]
    return sum(mine.track_ids.tolist() != theirs.track_ids.tolist() for mine, theirs in pairs)


def in_turn(contenders: Sequence[Contender], pixels: Pixels, frame_index: int, video: str) -> None:
    """The same frame for all, one after the other."""
    for contender in contenders:
        start = time.process_time()
        found = contender.update(pixels, frame_index)
        contender.seconds.append(time.process_time() - start)
        contender.results.setdefault(video, []).append(found)
