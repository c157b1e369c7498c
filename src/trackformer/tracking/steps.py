"""One frame of several trackers, in as few passes of the model as sizes allow.

`query_batch` makes the tensors for a pass; `videos.streams` takes whole videos, step after step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.models.frame_model import FrameModel
from trackformer.models.parts.slots import in_slots
from trackformer.objects import TrackedObjects
from trackformer.tracking.prepared_frame import PreparedFrame
from trackformer.tracking.proposals.places import places_asked, propose_together
from trackformer.tracking.query_batch import answers_apart, ask_together
from trackformer.tracking.tracker import Tracker
from trackformer.types import FrameFeatures, Images, MaskInput, Memory


def update_together(
    model: FrameModel,
    trackers: Sequence[Tracker],
    frames: Sequence[PreparedFrame],
    slots_of: int = 1,
    places: Sequence[Float[Tensor, "_ 4"] | None] | None = None,
    times_s: Sequence[float | None] | None = None,
) -> list[TrackedObjects]:
    """What `Tracker.update` of each tracker would answer, within rounding.

    Args:
        model: Of all the trackers.
        trackers: Each of another stream.
        frames: The next frame of each. Those of equal size share a pass; nothing is padded but
            the track queries, whose padding no other query sees.
        slots_of: Track queries and proposals are padded to a multiple of this (`Tracker`).
        places: The proposals of each (`places_in`); None: there are none.
        times_s: When the frame of each was taken; None: it is not known of any.

    Raises:
        DataError: A time is not later than that of the frame before.
    """
    for tracker, time_s in zip(trackers, times_s or [None] * len(frames), strict=True):
        tracker.expect(time_s)
    places = [None] * len(frames) if places is None else places
    answers: dict[int, TrackedObjects] = {}
    for rows in _groups(trackers, frames):
        own = [trackers[row] for row in rows]
        with torch.inference_mode():
            found = _one_pass(
                model, own, [frames[row] for row in rows], slots_of, [places[row] for row in rows]
            )
        answers |= dict(zip(rows, found, strict=True))
    return [answers[row] for row in range(len(trackers))]


def _groups(trackers: Sequence[Tracker], frames: Sequence[PreparedFrame]) -> list[list[int]]:
    """Which frames can be one batch: of one size, and with or without a frame before."""
    groups: dict[object, list[int]] = {}
    for row, (tracker, frame) in enumerate(zip(trackers, frames, strict=True)):
        before = tracker.previous_frame
        shapes = None if before is None else tuple(each.shape for each in before.maps)
        groups.setdefault((frame.images.pixels.shape, shapes), []).append(row)
    return list(groups.values())


def _one_pass(
    model: FrameModel,
    trackers: list[Tracker],
    frames: list[PreparedFrame],
    slots_of: int,
    places: list[Float[Tensor, "_ 4"] | None],
) -> list[TrackedObjects]:
    tracks = [tracker.tracks for tracker in trackers]
    slots = in_slots(max(len(each.ids) for each in tracks), slots_of)
    device = frames[0].images.pixels.device
    new = [
        places_asked(own, tracker.tracks, tracker.settings, frame.image_size, model)
        for own, tracker, frame in zip(places, trackers, frames, strict=True)
    ]
    output = model(
        images_together([frame.images for frame in frames]),
        ask_together(tracks, [tracker.settings for tracker in trackers], device, slots),
        previous=_features_together([tracker.previous_frame for tracker in trackers]),
        proposed=propose_together(new, device, slots_of),
    )
    is_traced = any(tracker.is_traced for tracker in trackers)
    answers = answers_apart(output, tracks, with_origins=is_traced)
    return [
        tracker.take(answer, _of_one(output.memory, row), frame)
        for row, (tracker, answer, frame) in enumerate(zip(trackers, answers, frames, strict=True))
    ]


def images_together(images: Sequence[Images]) -> Images:
    """Images of one size as one batch."""
    if len(images) == 1:
        return images[0]
    return Images(
        torch.cat([each.pixels for each in images]),
        torch.cat([each.is_padding for each in images]),
        torch.cat([each.image_sizes for each in images]),
    )


def _features_together(frames: list[FrameFeatures | None]) -> FrameFeatures | None:
    known = [each for each in frames if each is not None]
    if len(known) <= 1:
        return known[0] if known else None
    maps = zip(*(each.maps for each in known), strict=True)
    return FrameFeatures(
        tuple(torch.cat(level) for level in maps), torch.cat([each.is_padding for each in known])
    )


def _of_one(memory: Memory, row: int) -> Memory:
    """What the encoder made of one image of a batch."""
    one = slice(row, row + 1)
    frame = memory.frame
    return replace(
        memory,
        tokens=memory.tokens[one],
        is_padding=memory.is_padding[one],
        valid_ratios=memory.valid_ratios[one],
        position=None if memory.position is None else memory.position[one],
        image_share=None if memory.image_share is None else memory.image_share[one],
        features=tuple(level[one] for level in memory.features),
        mask_input=None if memory.mask_input is None else _mask_input_of(memory.mask_input, one),
        frame=None
        if frame is None
        else FrameFeatures(tuple(level[one] for level in frame.maps), frame.is_padding[one]),
    )


def _mask_input_of(mask_input: MaskInput, one: slice) -> MaskInput:
    return MaskInput(
        mask_input.encoded[one],
        mask_input.projected[one],
        mask_input.is_padding[one],
        tuple(level[one] for level in mask_input.finer_maps),
    )
