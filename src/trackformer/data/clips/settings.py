"""What training draws its clips from and how they are varied (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from trackformer.config import Settings
from trackformer.data.formats.names import FormatName
from trackformer.data.synthetic.settings import SyntheticSettings

Rate = Annotated[float, Field(ge=0, le=1)]


class SourceSettings(Settings):
    """One set of annotated videos or still images."""

    path: Path | None = None
    """Annotations of any known format (see docs/data.md)."""
    format: FormatName | None = None
    """Read them as this format instead of the one the path looks like."""
    image_folders: tuple[Path, ...] = ()
    """Folders that images may lie in besides the data's own (links and absolute names in files)."""
    synthetic: SyntheticSettings | None = None
    """Or scenes drawn on the spot."""
    classes: dict[str, str] = Field(default_factory=dict)
    """Classes of the source that count as another: {van: car}. Those that are not in `class_names`
    are left out."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """How often clips come from here, relative to the other sources."""

    @model_validator(mode="after")
    def _one_kind(self) -> SourceSettings:
        if (self.path is None) == (self.synthetic is None):
            raise ValueError("expected exactly one of path and synthetic")
        return self


class ClipSettings(Settings):
    """How clips are cut from the sources and varied."""

    canvas: tuple[PositiveInt, PositiveInt] = (384, 640)
    """(height, width) of every training image; crops have this aspect ratio."""
    length: tuple[PositiveInt, PositiveInt] = (2, 2)
    """Fewest and most frames of a clip, drawn evenly; all clips of a batch share it."""
    length_schedule: tuple[tuple[NonNegativeInt, PositiveInt], ...] = ()
    """Clips that grow, as [optimizer step, frames]: [[0, 2], [1000, 3]] means two frames, and three
    from step 1000 on. Replaces `length`; empty: `length` all the time."""
    max_gap: PositiveInt = 5
    """Frames between two frames of a clip are drawn from 1 .. max_gap."""
    gaps: Literal["even", "random"] = "even"
    """even: the same between all frames of a clip. random: drawn anew for each, as of a camera that
    drops frames, and displacements of objects count in time, as in tracking with times."""
    reverse_rate: Rate = 0.5
    """Share of clips played backwards."""
    flip_rate: Rate = 0.5
    """Share of clips mirrored left to right."""
    zoom: tuple[float, float] = (0.9, 1.8)
    """Range of the zoom, drawn evenly in its logarithm; 1 shows the whole frame."""
    colour_jitter: Rate = 0.3
    """Largest relative change of brightness, contrast and saturation, the same in a whole clip."""
    camera_jitter: Rate = 0.01
    """Largest shift of the crop between two frames of a video, in shares of its size."""
    still_motion: Rate = 0.15
    """The same for still images, whose frames are crops along such a path; also their zoom."""
    repeat_threshold: NonNegativeFloat = 0.0
    """Frames with a class that fewer than this share of a source's frames show are drawn more often
    (LVIS's repeat factor sampling; 0.001 there); 0: every frame of a source equally often."""
    paste_rate: Rate = 0.0
    """Share of clips into which up to three objects, cut out of images with outlines (COCO's
    segmentations, for example), are pasted so that they cross those that are there."""
    min_visibility: Rate = 0.05
    """Objects seen less than this are gone for their track query, and no loss for object queries
    that see them."""
    clip_boxes: bool = False
    """Cut boxes at the borders of the crop: a model then says how much of an object it sees."""
    cache_megabytes: NonNegativeInt = 256
    """Decoded or drawn frames that each process preparing batches keeps for later clips; the clips
    are the same with any number."""
    reduced_decoding: bool = False
    """Decode JPEG files at a half or a quarter of their size where the crop has at least twice or
    four times the canvas' pixels along each side. Faster; boxes stay the same, pixels nearly."""
    compatibility: Literal["none", "reference"] = "none"
    """reference: ask for the objects that the published TrackFormer asks for, defects included (see
    docs/compatibility.md)."""

    @model_validator(mode="after")
    def _ordered(self) -> ClipSettings:
        if self.length[0] > self.length[1]:
            raise ValueError("length: the fewest frames must not exceed the most")
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise ValueError("zoom: expected 0 < smallest <= largest")
        steps = [step for step, _ in self.length_schedule]
        if steps and (steps[0] != 0 or sorted(set(steps)) != steps):
            raise ValueError("length_schedule: expected rising steps that begin with 0")
        return self

    def length_at(self, step: int) -> tuple[int, int]:
        """Fewest and most frames of the clips of an optimizer step (0-based)."""
        if not self.length_schedule:
            return self.length
        frames = [frames for first, frames in self.length_schedule if first <= step][-1]
        return frames, frames
