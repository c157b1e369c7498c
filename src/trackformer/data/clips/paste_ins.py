"""People cut out of other images, walking across a clip: crossings that are in no video.

Copying objects (Ghiasi et al. 2021, "Simple Copy-Paste") with a motion and an identity: whoever is
pasted hides others for some frames, so that track queries learn to let nobody else take them over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.clips.frame_reading import FrameReader
from trackformer.data.masks import decode_mask
from trackformer.errors import ConfigError
from trackformer.types import Target

FIRST_ID: Final = 2**40
"""Track ids of who is pasted: beyond all that data have."""
SMALLEST_HEIGHT: Final = 64
"""Pixels that a cutout is high at least, or it would be blown up from too few."""
MOST: Final = 3
"""Cutouts in one clip."""
FASTEST: Final = 0.35
"""Way along x from frame to frame, in heights."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """One annotated object with an outline."""

    sequence: AnnotatedSequence
    row: int
    """Of the sequence's frames."""
    object_row: int
    """Of the frame's objects."""


@dataclass(frozen=True, slots=True)
class PasteIn:
    """Everything that is random about one who is pasted; drawing it reads no image."""

    cutout: int
    meets: float
    """Which of the clip's objects is met, as a share of their number."""
    frame: int
    """In which frame."""
    height: float
    """Relative to who is met."""
    aside: float
    """How far the two are apart then, in heights along x."""
    nearer: float
    """How much lower in the image the feet are, in heights: in front."""
    step: tuple[float, float]
    """(x, y) way from frame to frame, in heights."""
    is_mirrored: bool


class PasteIns:
    """All that can be cut out of the sources, and how it comes into a clip.

    Args:
        sources: Annotated data; objects with outlines are cut out.
        reader: Reads their images.

    Raises:
        ConfigError: No object of any source has an outline.
    """

    def __init__(self, sources: Sequence[AnnotatedData], reader: FrameReader) -> None:
        self._cutouts = [cutout for data in sources for cutout in _cutouts_of(data)]
        self._reader = reader
        self._pictures: dict[int, UInt8[np.ndarray, "h w 4"]] = {}
        if not self._cutouts:
            raise ConfigError(
                "clips.paste_rate: expected a source with outlines of objects at least "
                f"{SMALLEST_HEIGHT} pixels high to cut out, such as COCO with segmentations; "
                "got none"
            )

    def draw(self, length: int, random: np.random.Generator) -> tuple[PasteIn, ...]:
        """One to `MOST` who cross a clip of `length` frames."""
        return tuple(
            PasteIn(
                cutout=int(random.integers(len(self._cutouts))),
                meets=float(random.random()),
                frame=int(random.integers(length)),
                height=float(random.uniform(0.85, 1.25)),
                aside=float(random.uniform(-0.3, 0.3)),
                nearer=float(random.uniform(0.0, 0.15)),
                step=(
                    float(random.uniform(-FASTEST, FASTEST)),
                    float(random.uniform(-FASTEST, FASTEST)) / 10,
                ),
                is_mirrored=bool(random.random() < 0.5),
            )
            for _ in range(int(random.integers(1, MOST + 1)))
        )

    def paste(
        self,
        plans: Sequence[PasteIn],
        images: Sequence[UInt8[np.ndarray, "H W 3"]],
        targets: Sequence[Target],
        min_visibility: float,
    ) -> tuple[list[UInt8[np.ndarray, "H W 3"]], list[Target]]:
        """The frames of a clip with some more objects in front of all others.

        Args:
            plans: Who is pasted; later ones hide earlier ones.
            images: The frames as the network sees them, before normalisation; not changed.
            targets: Their objects.
            min_visibility: Objects that are hidden more than this become ignore regions.
        """
        images, targets = [image.copy() for image in images], list(targets)
        for number, plan in enumerate(plans):
            met = _met(plan, targets)
            if met is None:
                continue
            picture, label = self._picture(plan.cutout), self._label(plan.cutout)
            if plan.is_mirrored:
                picture = picture[:, ::-1]
            for frame, image in enumerate(images):
                box = _box_in(plan, met, picture.shape, image.shape, frame)
                covered = _blend(image, picture, box)
                added = _object(box, image.shape, label, FIRST_ID + number, targets[frame], covered)
                targets[frame] = _hidden(targets[frame], covered, min_visibility, added)
        return images, targets

    def _picture(self, index: int) -> UInt8[np.ndarray, "h w 4"]:
        """The object's pixels and opacity; kept, since reading its whole image takes long."""
        if index not in self._pictures:
            cutout = self._cutouts[index]
            read = self._reader.read(cutout.sequence, cutout.row)
            outline = read.frame.segmentations[cutout.object_row]
            assert outline is not None  # only such objects are cut out
            mask = decode_mask(outline, read.image_size)
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            window = (
                slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0),
                slice(columns[0], columns[-1] + 1) if len(columns) else slice(0, 0),
            )
            opacity = mask[window].astype(np.uint8) * 255
            self._pictures[index] = np.dstack([read.pixels[window], opacity])
        return self._pictures[index]

    def _label(self, index: int) -> int:
        cutout = self._cutouts[index]
        return int(cutout.sequence.frames[cutout.row].labels[cutout.object_row])


def _cutouts_of(data: AnnotatedData) -> list[Cutout]:
    return [
        Cutout(sequence, row, object_row)
        for sequence in data.sequences
        # Frames that are drawn when asked for would all have to be drawn.
        if isinstance(sequence.frames, tuple)
        for row, frame in enumerate(sequence.frames)
        for object_row, outline in enumerate(frame.segmentations)
        if outline is not None and _is_large_enough(frame.boxes_xyxy[object_row])
    ]


def _is_large_enough(box: Float[np.ndarray, " 4"]) -> bool:
    return bool(box[3] - box[1] >= SMALLEST_HEIGHT)


def _met(plan: PasteIn, targets: Sequence[Target]) -> Float[Tensor, " 4"] | None:
    """The box (relative cxcywh) of the object that is met; None in an empty clip."""
    boxes = targets[plan.frame].boxes
    return boxes[int(plan.meets * len(boxes))] if len(boxes) else None


def _box_in(
    plan: PasteIn,
    met: Float[Tensor, " 4"],
    cutout_shape: tuple[int, ...],
    image_shape: tuple[int, ...],
    frame: int,
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of who is pasted, in whole pixels of the canvas."""
    height_px, width_px = image_shape[:2]
    x, y, _, met_height = (met * torch.tensor([width_px, height_px, width_px, height_px])).tolist()
    height = plan.height * met_height
    width = height * cutout_shape[1] / max(cutout_shape[0], 1)
    passed = frame - plan.frame
    feet_x = x + (plan.aside + passed * plan.step[0]) * height
    feet_y = y + met_height / 2 + (plan.nearer + passed * plan.step[1]) * height
    left, top = round(feet_x - width / 2), round(feet_y - height)
    return left, top, left + max(1, round(width)), top + max(1, round(height))


def _blend(
    image: UInt8[np.ndarray, "H W 3"],
    picture: UInt8[np.ndarray, "h w 4"],
    box: tuple[int, int, int, int],
) -> Bool[np.ndarray, "H W"]:
    """Draws into `image`; returns which of its pixels now show the picture."""
    covered = np.zeros(image.shape[:2], dtype=bool)
    left, top, right, bottom = box
    shown = (slice(max(top, 0), bottom), slice(max(left, 0), right))
    if picture.size == 0 or bottom <= 0 or right <= 0 or image[shown].size == 0:
        return covered
    shrinks = picture.shape[0] > bottom - top
    resized = cv2.resize(
        picture,
        (right - left, bottom - top),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    height, width = image[shown].shape[:2]
    seen = resized[shown[0].start - top :, shown[1].start - left :][:height, :width]
    # Cut edges are no sign of a person in real images: blurred, they tell less.
    opacity = cv2.blur(seen[..., 3], (3, 3)).astype(np.float32)[..., None] / 255
    mixed = opacity * seen[..., :3] + (1 - opacity) * image[shown]
    image[shown] = np.rint(mixed).astype(np.uint8)
    covered[shown] = seen[..., 3] > 127
    return covered


def _object(
    box: tuple[int, int, int, int],
    image_shape: tuple[int, ...],
    label: int,
    track_id: int,
    like: Target,
    covered: Bool[np.ndarray, "H W"],
) -> Target:
    """Who is pasted, as a target; nobody while the middle of the box is outside the image."""
    height, width = image_shape[:2]
    left, top, right, bottom = box
    boxes = torch.tensor(
        [
            [
                (left + right) / 2 / width,
                (top + bottom) / 2 / height,
                (right - left) / width,
                (bottom - top) / height,
            ]
        ]
    )
    inside = (min(right, width) - max(left, 0)) * (min(bottom, height) - max(top, 0))
    added = Target(
        boxes=boxes,
        labels=torch.tensor([label]),
        track_ids=torch.tensor([track_id]),
        visibility=torch.tensor([max(inside, 0) / ((right - left) * (bottom - top))]),
        ignore_boxes=like.ignore_boxes[:0],
        masks=None if like.masks is None else torch.from_numpy(covered)[None],
    )
    return added.select(((boxes[:, :2] > 0) & (boxes[:, :2] < 1)).all(1))


def _hidden(
    target: Target, covered: Bool[np.ndarray, "H W"], min_visibility: float, added: Target
) -> Target:
    """The objects of before, less visible where someone stands in front of them, and who does."""
    visibility = target.visibility * (1 - _covered_shares(target.boxes, covered))
    masks = None if target.masks is None else target.masks & ~torch.from_numpy(covered)
    stays = visibility >= min_visibility
    before = replace(target, visibility=visibility, masks=masks).select(stays)
    return Target(
        boxes=torch.cat([before.boxes, added.boxes]),
        labels=torch.cat([before.labels, added.labels]),
        track_ids=torch.cat([before.track_ids, added.track_ids]),
        visibility=torch.cat([before.visibility, added.visibility]),
        ignore_boxes=torch.cat([before.ignore_boxes, target.boxes[~stays]]),
        masks=None
        if before.masks is None or added.masks is None
        else torch.cat([before.masks, added.masks]),
    )


def _covered_shares(
    boxes: Float[Tensor, "G 4"], covered: Bool[np.ndarray, "H W"]
) -> Float[Tensor, " G"]:
    """The share of each box inside the image that is covered."""
    height, width = covered.shape
    sums = cv2.integral(covered.astype(np.uint8))
    scale = np.array([width, height] * 2)
    low_high = np.concatenate(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1
    )
    left, top, right, bottom = np.rint(np.clip(low_high * scale, 0, scale)).astype(int).T
    area = np.maximum((right - left) * (bottom - top), 1)
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return torch.from_numpy(inside / area).float()
