"""Trackers that match boxes from frame to frame, from the `trackers` package, to compare with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import supervision
from jaxtyping import UInt8

from trackformer.data.results import ResultFrame
from trackformer.errors import ConfigError

Parameters = Mapping[str, float | int | bool]
"""Arguments of a tracker of the package, by name."""
Pixels = UInt8[np.ndarray, "H W 3"]

_SCORES: Final = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Peer:
    """A published tracker as the package makes it."""

    name: str
    class_name: str
    grid: Mapping[str, tuple[float | int, ...]]
    """What may be chosen to suit the detections; the package's defaults suit other detectors."""
    looks_at_frames: bool = False
    """It measures the camera's motion."""
    without_frames: Parameters = field(default_factory=dict)
    """What switches that off."""

    def choices(self) -> Iterator[Parameters]:
        """Every point of the grid."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))


PEERS: Final = (
    Peer(
        "SORT",
        "SORTTracker",
        {
            "track_activation_threshold": _SCORES,
            "minimum_iou_threshold": (0.1, 0.3),
            "lost_track_buffer": (10, 30, 90),
        },
    ),
    Peer(
        "ByteTrack",
        "ByteTrackTracker",
        {
            "track_activation_threshold": _SCORES,
            "high_conf_det_threshold": _SCORES[:-1],
            "lost_track_buffer": (10, 30, 90),
        },
    ),
    Peer(
        "OC-SORT",
        "OCSORTTracker",
        {
            "high_conf_det_threshold": _SCORES,
            "minimum_iou_threshold": (0.1, 0.3),
            "lost_track_buffer": (10, 30, 90),
        },
    ),
    Peer(
        "BoT-SORT",
        "BoTSORTTracker",
        {
            "track_activation_threshold": _SCORES,
            "high_conf_det_threshold": _SCORES[:-1],
            "lost_track_buffer": (10, 30, 90),
        },
        looks_at_frames=True,
        without_frames={"enable_cmc": False},
    ),
)


def track_detections(
    peer: Peer,
    detections: Sequence[ResultFrame],
    frame_rate: float,
    parameters: Parameters,
    frames: Sequence[Callable[[], Pixels]] | None = None,
) -> list[ResultFrame]:
    """A peer's tracks over one video.

    Args:
        peer: One of `PEERS`.
        detections: Of every frame, in order, weak ones included.
        frame_rate: Frames per second of the video.
        parameters: What differs from the package's defaults.
        frames: Reads each frame (RGB), for a peer that looks at them; None: it does without.

    Returns:
        Confirmed tracks, frame by frame.

    Raises:
        ConfigError: The `trackers` package is not installed.
    """
    tracker = PeerTracker(peer, frame_rate, parameters, looks=frames is not None)
    return [
        tracker.update(found, frames[index]() if frames and peer.looks_at_frames else None)
        for index, found in enumerate(detections)
    ]


class PeerTracker:
    """A peer on one video, frame by frame.

    Args:
        peer: One of `PEERS`.
        frame_rate: Frames per second of the video.
        parameters: What differs from the package's defaults.
        looks: Whether a peer that looks at frames will be given them.

    Raises:
        ConfigError: The `trackers` package is not installed.
    """

    def __init__(
        self, peer: Peer, frame_rate: float, parameters: Parameters, *, looks: bool = False
    ) -> None:
        off = {} if looks else peer.without_frames
        self._tracker = _tracker(peer, {"frame_rate": float(frame_rate), **off, **parameters})

    def update(self, found: ResultFrame, pixels: Pixels | None = None) -> ResultFrame:
        """Confirmed tracks of the next frame.

        Args:
            found: Its detections, weak ones included.
            pixels: The frame (RGB), for a peer that looks.
        """
        boxes = supervision.Detections(
            xyxy=found.boxes_xyxy.astype(np.float32),
            confidence=found.scores.astype(np.float32),
            class_id=np.zeros(len(found.scores), dtype=int),
        )
        if pixels is None:
            return _result(found.frame_index, self._tracker.update(boxes))
        picture = np.ascontiguousarray(pixels[..., ::-1])
        return _result(found.frame_index, self._tracker.update(boxes, frame=picture))


def _result(frame_index: int, tracked: supervision.Detections) -> ResultFrame:
    ids = np.full(len(tracked), -1) if tracked.tracker_id is None else tracked.tracker_id
    is_confirmed = ids >= 0
    scores = np.ones(len(tracked)) if tracked.confidence is None else tracked.confidence
    return ResultFrame(
        frame_index=frame_index,
        # The package counts from 0, results from 1.
        track_ids=ids[is_confirmed].astype(np.int64) + 1,
        boxes_xyxy=tracked.xyxy[is_confirmed].astype(np.float64),
        scores=np.asarray(scores)[is_confirmed].astype(np.float64),
    )


def _tracker(peer: Peer, parameters: Parameters) -> Any:
    try:
        import trackers
    except ModuleNotFoundError:
        raise ConfigError(
            "comparing needs the `trackers` package, which is not installed: pip install trackers"
        ) from None
    return getattr(trackers, peer.class_name)(**parameters)
