"""Backbone and encoder do not depend on a tracker's decisions: computed once for many trackers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.results import ResultFrame, result_of
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import no_tracks
from trackformer.tracking.prepared_frame import prepare
from trackformer.tracking.query_batch import answers_apart, ask_together
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import as_objects
from trackformer.types import FrameFeatures, Memory


@dataclass(frozen=True, slots=True, eq=False)
class EncodedVideo:
    """The encoder's output for every frame of one video."""

    name: str
    memories: tuple[Memory, ...]
    image_size: tuple[int, int]
    """(height, width) of the frames in pixels."""


def encode_video(
    model: TrackFormer,
    sequence: AnnotatedSequence,
    previous_frame_distance: int = 1,
    on_frame: Callable[[], None] = lambda: None,
) -> EncodedVideo:
    """Everything that trackers of one video share.

    Args:
        model: In evaluation mode.
        sequence: With images.
        previous_frame_distance: How many frames a model of two frames looks back.
        on_frame: Called after each frame (progress).

    Raises:
        DataError: The sequence has no images, or one cannot be read.
    """
    device = model.device
    last: deque[FrameFeatures | None] = deque(maxlen=previous_frame_distance)
    memories = []
    size = (0, 0)
    for frame in sequence.frames:
        pixels = frame.read_pixels()
        size = (pixels.shape[0], pixels.shape[1])
        with torch.inference_mode():
            previous = last[0] if len(last) == previous_frame_distance else None
            memory = model.encode(prepare(model, pixels, device), previous)
        last.append(memory.frame)
        # Only what the decoder looks at: backbone maps would fill the machine's memory.
        memories.append(replace(memory, features=(), frame=None))
        on_frame()
    return EncodedVideo(sequence.name, tuple(memories), size)


def track_encoded(
    model: TrackFormer,
    video: EncodedVideo,
    settings: Sequence[TrackerSettings],
    on_frame: Callable[[], None] = lambda: None,
) -> list[list[ResultFrame]]:
    """The results of several trackers, all of whose queries share one decoder pass per frame.

    Args:
        model: The one that encoded the video.
        video: See `encode_video`.
        settings: One tracker for each.
        on_frame: Called after each frame (progress).

    Returns:
        For each of `settings` the results, frame by frame.
    """
    device = model.device
    states = [no_tracks(model.embedding_size) for _ in settings]
    results: list[list[ResultFrame]] = [[] for _ in settings]
    for memory in video.memories:
        with torch.inference_mode():
            queries = ask_together(states, settings, device)
            output = model.decode(repeated(memory, len(settings)), queries)
            states = [
                advance(state, answers, own, video.image_size)
                for state, answers, own in zip(
                    states, answers_apart(output, states), settings, strict=True
                )
            ]
        for result, state in zip(results, states, strict=True):
            result.append(
                result_of(as_objects(state, video.image_size, model.settings.class_names))
            )
        on_frame()
    return results


def repeated(memory: Memory, count: int) -> Memory:
    """One frame's memory for each of several trackers, without copying it."""
    position, share = memory.position, memory.image_share
    return replace(
        memory,
        tokens=memory.tokens.expand(count, -1, -1),
        is_padding=memory.is_padding.expand(count, -1),
        valid_ratios=memory.valid_ratios.expand(count, -1, -1),
        position=None if position is None else position.expand(count, -1, -1),
        image_share=None if share is None else share.expand(count, -1),
    )
