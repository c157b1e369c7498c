"""Which records travel between the parts, with the shape, unit and range of every field.

Axis letters: B images in a batch, T track queries, N object queries, Q = T + N (track queries
first), P proposals of another detector (the last of the object queries), G ground-truth objects,
C embedding channels, D decoder layers, K class logits, L feature levels, S tokens over all levels,
H W rows and columns.

Boxes are relative ``cxcywh`` in [0, 1] of the image without its padding. What users get of a frame
is in `objects.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.devices import constant_beside, sent

NO_OBJECT: Final = -1
"""`target_index` of a query that must predict background."""
PADDING: Final = -2
"""`target_index` of a row without loss: padding, or a query in an ignore region."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A batch of images of any sizes, padded at the right and bottom to a common size."""

    pixels: Float[Tensor, "B 3 H W"]
    """Normalised as the model wants it; 0 in the padding."""
    is_padding: Bool[Tensor, "B H W"]
    image_sizes: Int[Tensor, "B 2"]
    """(height, width) of each image before padding."""

    @classmethod
    def from_list(
        cls,
        images: Sequence[Float[Tensor, "3 _ _"]],
        multiple_of: int = 1,
        canvas: tuple[int, int] | None = None,
    ) -> Images:
        """Pad `images` (each 3 x height x width) to a common size.

        Args:
            images: Of any sizes.
            multiple_of: Both sides are multiples of this.
            canvas: (height, width) to pad to, at least as large as all images; None: as needed.
        """
        shapes = [image.shape[-2:] for image in images]
        height, width = canvas or (
            -(-max(side) // multiple_of) * multiple_of for side in zip(*shapes, strict=True)
        )
        sizes = constant_beside(images[0], shapes, torch.long)
        if len(images) == 1 and images[0].shape[-2:] == (height, width):
            # Nothing to pad: no copy, and the order in memory stays.
            is_padding = torch.zeros((1, height, width), dtype=torch.bool, device=images[0].device)
            return cls(images[0][None], is_padding, sizes)
        pixels = images[0].new_zeros((len(images), 3, height, width))
        is_padding = torch.ones(
            (len(images), height, width), dtype=torch.bool, device=images[0].device
        )
        for index, image in enumerate(images):
            pixels[index, :, : image.shape[1], : image.shape[2]] = image
            is_padding[index, : image.shape[1], : image.shape[2]] = False
        return cls(pixels, is_padding, sizes)

    def pin_memory(self) -> Images:
        """The same batch where a GPU can fetch it by itself."""
        return Images(
            self.pixels.pin_memory(), self.is_padding.pin_memory(), self.image_sizes.pin_memory()
        )

    def to(self, device: torch.device | str) -> Images:
        """The same batch on another device."""
        return Images(
            sent(self.pixels, device),
            sent(self.is_padding, device),
            sent(self.image_sizes, device),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The annotated objects of one image."""

    boxes: Float[Tensor, "G 4"]
    """Relative cxcywh; may reach beyond the image."""
    labels: Int[Tensor, " G"]
    """Class index in [0, number of classes)."""
    track_ids: Int[Tensor, " G"]
    """Identity over the frames of a clip; unique within an image."""
    visibility: Float[Tensor, " G"]
    """Share of the object that can be seen, [0, 1]; 1 where the data do not say."""
    ignore_boxes: Float[Tensor, "I 4"]
    """Regions (relative cxcywh) where unannotated objects may be: no loss for queries inside."""
    masks: Bool[Tensor, "G H W"] | None = None
    """Pixels of each object; a row without any means that the outline is not known."""

    def pin_memory(self) -> Target:
        """The same objects where a GPU can fetch them by itself."""
        return self._each(lambda rows: rows.pin_memory(), self.ignore_boxes.pin_memory())

    def to(self, device: torch.device | str) -> Target:
        """The same objects on another device."""
        regions = sent(self.ignore_boxes, device)
        return self._each(lambda rows: sent(rows, device), regions)

    def select(self, keep: Bool[Tensor, " G"] | Int[Tensor, " _"]) -> Target:
        """Only the objects chosen by a mask or by indices; ignore regions stay."""
        return self._each(lambda rows: rows[keep], self.ignore_boxes)

    def _each(self, change: Callable[[Tensor], Tensor], ignore_boxes: Tensor) -> Target:
        return Target(
            change(self.boxes),
            change(self.labels),
            change(self.track_ids),
            change(self.visibility),
            ignore_boxes,
            None if self.masks is None else change(self.masks),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A batch of short videos: per frame one batch of images and one target per image."""

    images: tuple[Images, ...]
    targets: tuple[tuple[Target, ...], ...]
    """Indexed [frame][image]."""
    intervals: Float[Tensor, "F B"] | None = None
    """How long before each frame the one before was taken, in any unit of time, on the processor;
    the first row means nothing. None: always 1."""

    def pin_memory(self) -> Clip:
        """The same clip where a GPU can fetch it by itself; a loader of data calls this."""
        targets = tuple(tuple(target.pin_memory() for target in frame) for frame in self.targets)
        return Clip(tuple(images.pin_memory() for images in self.images), targets, self.intervals)

    def to(self, device: torch.device | str) -> Clip:
        """The same clip on another device."""
        targets = tuple(tuple(target.to(device) for target in frame) for frame in self.targets)
        return Clip(tuple(images.to(device) for images in self.images), targets, self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class TrackQueries:
    """Objects of the previous frame that ask to be found again."""

    embeddings: Float[Tensor, "B T C"]
    """Decoder output embeddings of the frame where each object was last seen."""
    boxes: Float[Tensor, "B T 4"]
    """Where to look, relative cxcywh."""
    is_padding: Bool[Tensor, "B T"]
    """Rows that are not queries: batches have ragged numbers of tracks."""

    def to(self, device: torch.device | str) -> TrackQueries:
        """The same queries on another device."""
        return TrackQueries(
            sent(self.embeddings, device),
            sent(self.boxes, device),
            sent(self.is_padding, device),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ProposalBoxes:
    """Where another detector sees objects: places to ask about, not detections."""

    boxes: Float[Tensor, "B P 4"]
    """Relative cxcywh, inside the image."""
    is_padding: Bool[Tensor, "B P"]
    """Rows that are no boxes: batches have ragged numbers of proposals."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """What a backbone saw in a batch of frames: all that models of several frames keep of them."""

    maps: tuple[Tensor, ...]
    """The backbone's outputs, finest first (B C_l H_l W_l)."""
    is_padding: Bool[Tensor, "B H W"]
    """Of the images."""

    def detach(self) -> FrameFeatures:
        """The same features as a given: no gradient flows into their frame."""
        return FrameFeatures(tuple(each.detach() for each in self.maps), self.is_padding)


@dataclass(frozen=True, slots=True, eq=False)
class MaskInput:
    """What a mask head sees of a batch of images."""

    encoded: Float[Tensor, "B C H W"]
    """The encoder's output on the level where masks begin."""
    projected: Float[Tensor, "B C H W"]
    """What the encoder was given there."""
    is_padding: Bool[Tensor, "B H W"]
    finer_maps: tuple[Tensor, ...]
    """The backbone's maps of strides 16, 8 and 4, in this order (B C_l H_l W_l)."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What an encoder made of a batch of images; everything a decoder may look at."""

    tokens: Float[Tensor, "B S C"]
    """Encoder output, levels one after the other, each row by row."""
    is_padding: Bool[Tensor, "B S"]
    level_shapes: tuple[tuple[int, int], ...]
    """(height, width) of each level."""
    valid_ratios: Float[Tensor, "B L 2"]
    """Share of each level's (width, height) that is not padding."""
    position: Float[Tensor, "B S C"] | None = None
    """Position encoding of the tokens, where the decoder adds one (DETR)."""
    features: tuple[Tensor, ...] = ()
    """Projected maps of the frame (B C_l H_l W_l)."""
    frame: FrameFeatures | None = None
    """For the next frame, where the detector looks at two."""
    mask_input: MaskInput | None = None
    """Where the detector predicts masks."""
    image_share: Float[Tensor, "B 2"] | None = None
    """Share of the padded (width, height) that the image fills, where the network's boxes are
    shares of both together; None: they are shares of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """First-stage predictions of a two-stage detector, trained like a decoder layer."""

    class_logits: Float[Tensor, "B _ _"]
    boxes: Float[Tensor, "B _ 4"]
    class_agnostic: bool = False
    """True: every target counts as class 0 (Deformable DETR's two-stage)."""


@dataclass(frozen=True, slots=True, eq=False)
class DecoderQueries:
    """What the decoder is asked: track queries first, object queries behind them."""

    content: Float[Tensor, "B Q C"]
    position: Float[Tensor, "B Q C"]
    reference: Float[Tensor, "B Q R"]
    """Relative reference points (R = 2: x, y) or boxes (R = 4: cxcywh)."""
    is_padding: Bool[Tensor, "B Q"]
    proposals: Proposals | None = None
    groups: Int[Tensor, "B Q"] | None = None
    """Queries attend to those of their own group only; None: all are one group."""


@dataclass(frozen=True, slots=True, eq=False)
class DecoderOutput:
    """What a detector's decoder answers; the last of the D layers is the prediction."""

    class_logits: Float[Tensor, "D B Q K"]
    boxes: Float[Tensor, "D B Q 4"]
    embeddings: Float[Tensor, "B Q C"]


@dataclass(frozen=True, slots=True, eq=False)
class ModelOutput:
    """A model's answer for a batch of images, track queries first."""

    class_logits: Float[Tensor, "D B Q K"]
    boxes: Float[Tensor, "D B Q 4"]
    """Relative cxcywh."""
    embeddings: Float[Tensor, "B Q C"]
    """Last decoder layer's output: what a track query carries into the next frame."""
    is_padding: Bool[Tensor, "B Q"]
    memory: Memory
    num_track_queries: int
    has_no_object_class: bool
    """True: softmax over K logits, the last one 'no object'. False: K independent sigmoids."""
    proposals: Proposals | None = None
    references: Float[Tensor, "B Q R"] | None = None
    """Where the queries began (`DecoderQueries.reference`); None where it is not known."""
    num_proposed: int = 0
    """How many of the last object queries are about places of another detector."""
    masks: Float[Tensor, "B Q h w"] | None = None
    """Mask logits at a quarter of the images' size, only if asked for: `TrackFormer.with_masks`."""

    def class_scores(self, layer: int = -1) -> Float[Tensor, "B Q _"]:
        """Scores in [0, 1] of a layer, the last by default, without the no-object class."""
        if self.has_no_object_class:
            return self.class_logits[layer].float().softmax(-1)[..., :-1]
        return self.class_logits[layer].float().sigmoid()
