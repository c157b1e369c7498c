"""A person draws a box in CVAT, and a track query of ours follows it (docs/cvat.md).

A module as CVAT's command line wants one: `cvat-cli function run-agent ID --function-module
trackformer.cvat`. CVAT calls `create`, then for every frame `preprocess_image` once and
`init_tracking_state` or `track` once for each box.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from cvat_sdk.auto_annotation import (
    TrackableShape,
    TrackingFunctionContext,
    TrackingFunctionShapeContext,
    TrackingFunctionSpec,
)
from PIL.Image import Image

from trackformer.checkpoints.load import load_weights
from trackformer.config import settings_from
from trackformer.devices import choose_device
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.trackformer import TrackFormer
from trackformer.models.wrapped_model import WrappedModel
from trackformer.tracking.prepared_frame import PreparedFrame, prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker, settings_for
from trackformer.types import (
    FrameFeatures,
    Images,
    Memory,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)

SHAPE: Final = "rectangle"


def create(
    model: str = "nano", device: str = "cpu", keep_score: float = 0.02, patience: int = 30
) -> BoxFollower:
    """What CVAT asks for; each argument can be given as `-p NAME=TYPE:VALUE`.

    Args:
        model: Weights, as for `trackformer track --model`.
        device: Where it computes: auto, cpu, cuda.
        keep_score: A box is shown above this score. Lower than for tracking alone: a person looks
            (measured: docs/cvat.md).
        patience: Frames in a row that it may be unseen before it is given up.

    Raises:
        CheckpointError, ConfigError: There is no such model, or a number is out of range.
    """
    network = optimize_for_inference(load_weights(model, choose_device(device)))
    changes: dict[str, Any] = {
        "keep_score": keep_score,
        "reid_score": keep_score,
        "patience": patience,
        "patience_s": None,  # CVAT tells no times
        "birth_score": 1.0,  # above every score: no track begins but a person's
        "compatibility": "none",
    }
    stored = settings_for(network).model_dump(mode="json")
    return BoxFollower(
        network, settings_from(TrackerSettings, stored | changes, "trackformer.cvat")
    )


class BoxFollower:
    """A tracking function of CVAT's SDK: every box has a tracker with one track of its own."""

    spec = TrackingFunctionSpec(supported_shape_types={SHAPE})

    def __init__(self, model: TrackFormer, settings: TrackerSettings) -> None:
        self._model = EncodedOnce(model)
        self._settings = settings

    def preprocess_image(self, _context: TrackingFunctionContext, image: Image) -> PreparedFrame:
        """What does not depend on boxes."""
        return prepare_frame(self._model, np.asarray(image.convert("RGB")))

    def init_tracking_state(
        self,
        _context: TrackingFunctionShapeContext,
        frame: PreparedFrame,
        shape: TrackableShape,
    ) -> Tracker:
        """A tracker that has begun with the box, in pixels of the frame."""
        tracker = Tracker(self._model, self._settings)
        left, top, right, bottom = shape.points
        # Drawn from any corner.
        box = [min(left, right), min(top, bottom), max(left, right), max(top, bottom)]
        tracker.start(np.array([box]))
        tracker.update(frame)
        return tracker

    def track(
        self, _context: TrackingFunctionShapeContext, frame: PreparedFrame, state: Tracker
    ) -> TrackableShape | None:
        """The box in the next frame; None where it is not seen."""
        boxes = state.update(frame).boxes_xyxy
        return TrackableShape(type=SHAPE, points=boxes[0].tolist()) if len(boxes) else None


class EncodedOnce(WrappedModel[TrackFormer]):
    """A model that remembers what it made of the newest frame: its boxes are asked one by one."""

    def __init__(self, model: TrackFormer) -> None:
        super().__init__(model)
        self._newest: tuple[Images, Memory] | None = None

    @property
    def predicts_masks(self) -> bool:
        """Boxes are what CVAT tracks."""
        return False

    def __call__(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """See `FrameModel`; the encoder runs once for the same images."""
        if previous is not None:
            # Each box may have another frame before this one.
            return self._inner.decode(self._inner.encode(images, previous), track_queries, proposed)
        if self._newest is None or self._newest[0] is not images:
            self._newest = images, self._inner.encode(images)
        return self._inner.decode(self._newest[1], track_queries, proposed)
