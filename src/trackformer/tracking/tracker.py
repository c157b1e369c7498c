"""One stream: frames in, tracked objects out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from trackformer.boxes import to_pixels_xyxy
from trackformer.config import settings_from
from trackformer.models.frame_model import FrameModel
from trackformer.models.parts.slots import in_slots
from trackformer.objects import TrackedObjects
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.decisions import nobody
from trackformer.tracking.lifecycle.starting import starting
from trackformer.tracking.lifecycle.tracks import Tracks, expecting, no_tracks
from trackformer.tracking.masks import track_masks
from trackformer.tracking.prepared_frame import FrameLike, PreparedFrame, prepare_frame
from trackformer.tracking.proposals.places import places_asked, places_in, propose_together
from trackformer.tracking.query_batch import answers_apart, ask_together
from trackformer.tracking.sessions.tracker_state import TrackerState, state_from_bytes
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.writing import Trace
from trackformer.types import FrameFeatures, Memory, ProposalBoxes

if TYPE_CHECKING:
    import supervision


class Tracker:
    """Tracks the objects of one video, frame by frame; several trackers may share one model.

    Args:
        model: In evaluation mode, on any device.
        settings: Thresholds; by default those stored with the model's weights.
        slots_of: Track queries are padded to a multiple of this, so that a compiled model sees few
            different shapes: 16, say. 1, the default, is fastest where nothing is compiled.
        trace: Where to write what was asked, answered and decided (`docs/why.md`); None: nowhere.

    Example:
        >>> tracker = Tracker(load_model("nano"))      # doctest: +SKIP
        >>> objects = tracker.update(frame)            # doctest: +SKIP
        >>> objects.track_ids, objects.boxes_xyxy      # doctest: +SKIP
    """

    def __init__(
        self,
        model: FrameModel,
        settings: TrackerSettings | None = None,
        slots_of: int = 1,
        trace: Trace | None = None,
    ) -> None:
        self._model = model
        self._trace = trace
        self._slots_of = slots_of
        self._device = model.device
        self.settings = settings if settings is not None else settings_for(model)
        self._fingerprint = ""
        self.tracks: Tracks = self._no_tracks()
        # Filled only where the model looks at two frames.
        self._last_frames: deque[FrameFeatures | None] = deque(
            maxlen=self.settings.previous_frame_distance
        )

    @property
    def is_traced(self) -> bool:
        """Whether `take` wants answers with their origins."""
        return self._trace is not None

    @property
    def previous_frame(self) -> FrameFeatures | None:
        """What the model will look at beside the next frame; None: that frame alone."""
        is_full = len(self._last_frames) == self.settings.previous_frame_distance
        return self._last_frames[0] if is_full else None

    def update(
        self,
        frame: FrameLike | PreparedFrame,
        public_xyxy: Float[np.ndarray, "P 4"] | None = None,
        proposals: supervision.Detections | None = None,
        *,
        time_s: float | None = None,
    ) -> TrackedObjects:
        """Take the next frame.

        Args:
            frame: Height x width x 3, uint8, RGB; any size, which may change between frames. Or
                what `prepare_frame` made of it.
            public_xyxy: Detections, in pixels of the frame, without which no track may begin
                (`TrackerSettings.public_rule`); None: every track may.
            proposals: Where another detector sees objects, in pixels of the frame. The model is
                asked about these places, too, and decides what is there (`docs/proposals.md`).
            time_s: When the frame was taken, in seconds from any moment on: objects are looked for
                where they are by then. Of every frame or of none: then each counts the same.

        Returns:
            The objects seen in this frame, in pixels of it.

        Raises:
            DataError: `frame` is not an HWC uint8 RGB image, a proposal is not finite, or `time_s`
                is not later than that of the frame before.
            ConfigError: There are proposals, but the model's queries do not start from a place; or
                patience is in seconds, but there is no `time_s`.
        """
        prepared = prepare_frame(self._model, frame)
        self.expect(time_s)
        with torch.inference_mode():
            slots = in_slots(len(self.tracks.ids), self._slots_of)
            output = self._model(
                prepared.images,
                ask_together([self.tracks], [self.settings], self._device, slots),
                previous=self.previous_frame,
                proposed=self._proposed(proposals, prepared.image_size),
            )
            (answer,) = answers_apart(output, [self.tracks], with_origins=self.is_traced)
            return self.take(answer, output.memory, prepared, public_xyxy)

    def start(
        self, boxes_xyxy: Shaped[np.ndarray, "S 4"], labels: Sequence[int] | None = None
    ) -> Int[np.ndarray, " S"]:
        """Begin tracks where a user says so, in the frame that `update` takes next.

        Each goes on with the object query nearest to its box, whatever that scores (one made of
        the box, where queries start from a place), and is given up by `patience` only. A track of
        the tracker's own on the same object (`birth_nms_iou`) ends with it.

        Args:
            boxes_xyxy: In pixels of the next frame, left < right and top < bottom.
            labels: Index in `class_names` of each; None: what the model takes it for.

        Returns:
            The identities that they will have.

        Raises:
            ConfigError, DataError: See `starting`.
        """
        first = self.tracks.next_id + len(self.tracks.starting)
        names = self._model.settings.class_names
        self.tracks = starting(self.tracks, boxes_xyxy, labels, len(names), self.settings)
        return np.arange(first, self.tracks.next_id + len(self.tracks.starting))

    def expect(self, time_s: float | None) -> None:
        """The part of `update` before the model: when the next frame was taken."""
        self.settings.check_times(has_times=time_s is not None)
        self.tracks = expecting(self.tracks, time_s)

    def take(
        self,
        answer: Predictions,
        memory: Memory,
        frame: PreparedFrame,
        public_xyxy: Float[np.ndarray, "P 4"] | None = None,
    ) -> TrackedObjects:
        """The part of `update` behind the model.

        Args:
            answer: Predictions for the tracks' queries, in their order, then the object queries;
                on the processor.
            memory: What the encoder made of this frame alone.
            frame: The frame.
            public_xyxy: As for `update`.
        """
        self._last_frames.append(memory.frame)
        before = self.tracks
        self.tracks = advance(
            self.tracks,
            answer,
            self.settings,
            frame.image_size,
            None if public_xyxy is None else torch.from_numpy(public_xyxy).float(),
            nobody if self._trace is None else self._trace.hear,
        )
        if self._trace is not None:
            self._trace.end_step(before, answer, self.settings, frame.image_size)
        objects = as_objects(self.tracks, frame.image_size, self._model.settings.class_names)
        if self._model.predicts_masks:
            masks = track_masks(self._model, memory, self.tracks, frame.images, frame.image_size)
            objects = replace(objects, masks=masks)
        return objects

    def state(self) -> bytes:
        """All that is known of the stream, a few kilobytes, for `restore` in any process.

        It is a safetensors file with JSON in its header; nothing in it can be executed. Where the
        model looks at two frames it also holds what was seen in those before, which is more.
        """
        self._fingerprint = self._fingerprint or self._model.fingerprint()
        frames = tuple(self._last_frames)
        known = TrackerState(self._fingerprint, self.settings, self._slots_of, self.tracks, frames)
        return known.to_bytes()

    @classmethod
    def restore(cls, model: FrameModel, state: bytes) -> Tracker:
        """A tracker that goes on bit for bit where `state` was taken, with the settings of then.

        Raises:
            CheckpointError: `state` is damaged, of another version, or of another model.
        """
        known = state_from_bytes(state, model)
        tracker = cls(model, known.settings, known.slots_of)
        tracker.tracks = known.tracks
        tracker._last_frames.extend(known.last_frames)
        tracker._fingerprint = known.fingerprint
        return tracker

    def reset(self) -> None:
        """Forget all tracks and begin a new stream; ids start at 1 again."""
        self.tracks = self._no_tracks()
        self._last_frames.clear()

    def _proposed(
        self, proposals: supervision.Detections | None, image_size: tuple[int, int]
    ) -> ProposalBoxes | None:
        places = None if proposals is None else places_in(proposals, image_size)
        places = places_asked(places, self.tracks, self.settings, image_size, self._model)
        return propose_together([places], self._device, self._slots_of)

    def _no_tracks(self) -> Tracks:
        return no_tracks(self._model.embedding_size)


def settings_for(model: FrameModel) -> TrackerSettings:
    """The tracker settings stored with a model's weights, or the defaults."""
    return settings_from(TrackerSettings, model.settings.tracker, "tracker settings of the model")


def as_objects(
    tracks: Tracks, image_size: tuple[int, int], class_names: tuple[str, ...]
) -> TrackedObjects:
    """The tracks seen in the current frame, in its pixels."""
    is_seen = tracks.frames_missed == 0
    return TrackedObjects(
        track_ids=tracks.ids[is_seen],
        boxes_xyxy=to_pixels_xyxy(tracks.boxes[is_seen], image_size),
        scores=tracks.scores[is_seen],
        labels=tracks.labels[is_seen],
        frame_index=tracks.frame_index,
        class_names=class_names,
    )
