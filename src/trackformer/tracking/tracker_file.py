"""A tracker that is one ONNX file, run by onnxruntime alone (torch-free)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import Shaped

from trackformer.checkpoints.onnx_session import OnnxSession
from trackformer.checkpoints.stored_settings import stored_settings
from trackformer.config import settings_from
from trackformer.errors import ConfigError, DataError
from trackformer.objects import TrackedObjects
from trackformer.resizing import input_size, resize
from trackformer.tracking.settings import TrackerSettings

if TYPE_CHECKING:
    import torch

Frame = Shaped[np.ndarray, "..."]
"""Height x width x 3, uint8, RGB; `update` says so to whoever passes something else."""

FORMAT: Final = "trackformer-tracker-1"
THRESHOLDS: Final = (
    "birth_score",
    "keep_score",
    "reid_score",
    "track_nms_iou",
    "birth_nms_iou",
    "motion",
    "motion_smoothing",
    "lost_motion",
    "patience",
)
"""Settings that are inputs of the file, each with the stored value as its default."""
NEVER: Final = 1.0
"""In place of an absent NMS threshold: no overlap exceeds it."""
STATE: Final = (
    "track_ids",
    "track_boxes",
    "track_displacements",
    "track_missed",
    "track_embeddings",
    "last_id",
)
"""Inputs that are the `next_...` outputs of the frame before; zeros at first."""
WHOLE: Final = ("track_ids", "track_missed", "last_id", "patience")
"""Inputs of type int64; the others are float32."""
SEEN: Final = ("ids", "boxes", "scores", "labels", "num_dropped")
"""Outputs that say what is seen: boxes are corners, as shares of the frame."""


class TrackerFile:
    """Tracks the objects of one video with a file that `trackformer export --tracker` wrote.

    Args:
        path: The file, or what `OnnxSession` made of it.
        device: As for `OnnxSession`; of one that is open already it is not asked.
        changes: Settings that are to differ from those stored in the file.

    Raises:
        ConfigError: onnxruntime is not installed or does not know the device, or a setting cannot
            be changed any more.
        CheckpointError: The file is missing, damaged, or no tracker.
    """

    def __init__(
        self,
        path: Path | OnnxSession,
        device: torch.device | str = "cpu",
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self._session = path if isinstance(path, OnnxSession) else OnnxSession(path, device)
        path = self._session.path
        self.settings = stored_settings(
            path, self._session.metadata, FORMAT, "a tracker that `trackformer export` wrote"
        )
        self._thresholds = _thresholds(path, self.settings.tracker, changes or {})
        self.num_dropped = 0
        """Tracks that were given up so far because all slots were full."""
        self._frame_index = -1
        self._state = self._no_tracks()

    def update(self, frame: Frame) -> TrackedObjects:
        """Take the next frame: height x width x 3, uint8, RGB; any size.

        Raises:
            DataError: It is no such array.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise DataError(
                "frame: expected height x width x 3 RGB pixels of type uint8, "
                f"got shape {frame.shape} of type {frame.dtype}"
            )
        height, width = frame.shape[:2]
        wanted = self.settings.input
        pixels = resize(frame, input_size((height, width), wanted), wanted.resampling)
        names = (*SEEN, *(f"next_{name}" for name in STATE))
        given = {"pixels": np.ascontiguousarray(pixels), **self._state, **self._thresholds}
        answers = dict(zip(names, self._session.run(names, given), strict=True))
        self._state = {name: answers[f"next_{name}"] for name in STATE}
        self._frame_index += 1
        self.num_dropped += int(answers["num_dropped"][0])
        sides = np.array([width, height, width, height], np.float32)
        # Any: the record's arrays are torch's everywhere else, and numpy's here.
        seen: dict[str, Any] = {
            "track_ids": answers["ids"],
            "boxes_xyxy": answers["boxes"] * sides,
            "scores": answers["scores"],
            "labels": answers["labels"],
        }
        return TrackedObjects(
            **seen, frame_index=self._frame_index, class_names=self.settings.class_names
        )

    def reset(self) -> None:
        """Forget all tracks and begin a new stream; ids start at 1 again."""
        self._frame_index = -1
        self._state = self._no_tracks()

    def _no_tracks(self) -> dict[str, np.ndarray]:
        shapes = {name: [int(side) for side in self._session.inputs[name]] for name in STATE}
        return {
            name: np.zeros(shape, np.int64 if name in WHOLE else np.float32)
            for name, shape in shapes.items()
        }


def opened_tracker(path: Path, device: torch.device | str = "cpu") -> OnnxSession | None:
    """A tracker's file, for `TrackerFile`; None: it is something else, or missing.

    Opening it takes a fifth of the time to the first frame: nobody should do so twice.

    Raises:
        ConfigError, CheckpointError: As `OnnxSession`.
    """
    if not path.is_file():
        return None
    session = OnnxSession(path, device)
    return session if session.metadata.get("format") == FORMAT else None


def _thresholds(
    path: Path, stored: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The inputs in place of whose defaults something else is wanted."""
    fixed = sorted(set(changes) - set(THRESHOLDS))
    if fixed:
        raise ConfigError(
            f"{path}: {fixed[0]}: fixed when the tracker was exported; what can be changed: "
            f"{', '.join(THRESHOLDS)}"
        )
    settings = settings_from(TrackerSettings, {**stored, **changes}, "tracker settings")
    return {name: as_input(name, getattr(settings, name)) for name in changes}


def as_input(name: str, value: float | int | None) -> np.ndarray:
    """A threshold as the file takes it."""
    if name in WHOLE:
        return np.array(value, np.int64)
    return np.array(NEVER if value is None else value, np.float32)
