"""How a model's answer becomes one label per pixel: things one by one, stuff as regions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.errors import ConfigError
from trackformer.masks import Size
from trackformer.types import Images, ModelOutput

SMALLEST_AREA: Final = 4
"""Segments of so many pixels or fewer are taken for noise."""
NO_SEGMENT: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticSettings:
    """What becomes a segment."""

    things: Collection[int]
    """Class indices whose objects are counted; regions of any other class are one segment."""
    min_score: float = 0.85
    """A query below this score, [0, 1], shows nothing."""
    compatibility: Literal["none", "reference"] = "none"
    """reference: as the published code does it, defects included (docs/compatibility.md)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One object, or all regions of one class of stuff."""

    label: int
    """Class index."""
    is_thing: bool
    score: float
    """[0, 1]; of stuff, the best region's."""
    area: int
    """In pixels of the result."""


@dataclass(frozen=True, slots=True, eq=False)
class PanopticImage:
    """Every pixel's segment."""

    segment_of_pixel: Int[Tensor, "H W"]
    """Place in `segments`; `NO_SEGMENT` everywhere if there are none."""
    segments: tuple[Segment, ...]


def panoptic_images(
    output: ModelOutput, images: Images, frame_sizes: Sequence[Size], settings: PanopticSettings
) -> list[PanopticImage]:
    """The panoptic segmentation of every image (Carion et al. 2020, section 4.4).

    Each pixel goes to the likeliest of the segments that are sure enough, however unlikely. Those
    that nearly vanish give their pixels to the others.

    Args:
        output: With masks (`TrackFormer.with_masks`).
        images: What it is the answer to.
        frame_sizes: (height, width) of each result.
        settings: Which classes are things, and how sure a query must be.

    Raises:
        ConfigError: The answer has no masks.
    """
    if output.masks is None:
        raise ConfigError("panoptic segmentation: expected an answer with masks (with_masks)")
    padded_size = (images.pixels.shape[-2], images.pixels.shape[-1])
    result = []
    for index, frame_size in enumerate(frame_sizes):
        height, width = images.image_sizes[index].tolist()
        found = _sure_ones(output, index, settings)
        logits = output.masks[index][found.rows].float()
        if settings.compatibility == "reference":
            # The published code squeezes the padding into the image.
            logits = _resized(logits, (height, width))
            result.append(_as_published(logits, found, frame_size, settings))
        else:
            logits = _resized(logits, padded_size)[:, :height, :width]
            result.append(_segmented(*_stuff_merged(logits, found, settings), frame_size, settings))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Queries that show something, in their order."""

    rows: Int[Tensor, " N"]
    labels: Int[Tensor, " N"]
    scores: Float[Tensor, " N"]

    def __getitem__(self, chosen: Tensor) -> _Found:
        return _Found(self.rows[chosen], self.labels[chosen], self.scores[chosen])


def _sure_ones(output: ModelOutput, index: int, settings: PanopticSettings) -> _Found:
    scores, labels = output.class_scores()[index].max(-1)
    sure = scores > settings.min_score
    if output.has_no_object_class:
        sure &= output.class_logits[-1, index].argmax(-1) != output.class_logits.shape[-1] - 1
    rows = torch.nonzero(sure)[:, 0]
    return _Found(rows, labels[rows], scores[rows])


def _stuff_merged(
    logits: Float[Tensor, "N H W"], found: _Found, settings: PanopticSettings
) -> tuple[Float[Tensor, "M H W"], _Found]:
    """One row for each thing and each class of stuff: a region is as likely as its best query."""
    first_of_stuff: dict[int, int] = {}
    owner = list(range(len(found.labels)))
    for row, label in enumerate(found.labels.tolist()):
        if label not in settings.things:
            owner[row] = first_of_stuff.setdefault(label, row)
    stays = sorted(set(owner))
    members = [[row for row, first in enumerate(owner) if first == each] for each in stays]
    if not members:
        return logits, found
    merged = _Found(
        found.rows[stays],
        found.labels[stays],
        torch.stack([found.scores[rows].amax() for rows in members]),
    )
    return torch.stack([logits[rows].amax(0) for rows in members]), merged


def _segmented(
    logits: Float[Tensor, "N H W"], found: _Found, frame_size: Size, settings: PanopticSettings
) -> PanopticImage:
    """Give every pixel to its likeliest row, again and again without the rows that vanish."""
    while True:
        owners = _owners(logits, frame_size)
        areas = torch.bincount(owners.flatten().clamp(min=0), minlength=len(found.labels))
        large = areas[: len(found.labels)] > SMALLEST_AREA
        if large.all():
            return PanopticImage(owners, _segments(areas, found, settings))
        logits, found = logits[large], found[large]


def _as_published(
    logits: Float[Tensor, "N H W"], found: _Found, frame_size: Size, settings: PanopticSettings
) -> PanopticImage:
    """The published steps: a second region of the same stuff vanishes, its pixels go to anyone."""
    owners = _owners(logits, frame_size)
    areas = torch.bincount(owners.flatten().clamp(min=0), minlength=len(found.labels))
    first_of_stuff: dict[int, int] = {}
    for row, label in enumerate(found.labels.tolist()):
        first = row if label in settings.things else first_of_stuff.setdefault(label, row)
        if first != row:
            areas[first] += areas[row]
            areas[row] = 0
    large = areas[: len(found.labels)] > SMALLEST_AREA
    return _segmented(logits[large], found[large], frame_size, settings)


def _segments(
    areas: Int[Tensor, " _"], found: _Found, settings: PanopticSettings
) -> tuple[Segment, ...]:
    return tuple(
        Segment(label, label in settings.things, score, area)
        for label, score, area in zip(
            found.labels.tolist(), found.scores.tolist(), areas.tolist(), strict=False
        )
    )


def _owners(logits: Float[Tensor, "N H W"], frame_size: Size) -> Int[Tensor, "H_f W_f"]:
    if len(logits) == 0:
        return torch.full(frame_size, NO_SEGMENT, dtype=torch.long, device=logits.device)
    owners = logits.argmax(0)[None, None].float()
    return F.interpolate(owners, size=frame_size, mode="nearest-exact")[0, 0].long()


def _resized(logits: Float[Tensor, "N h w"], size: Size) -> Float[Tensor, "N H W"]:
    return F.interpolate(logits[:, None], size=size, mode="bilinear")[:, 0]
