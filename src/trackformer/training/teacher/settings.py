"""From which scores on a teacher's boxes are labels (torch-free)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from trackformer.config import Settings

Score = Annotated[float, Field(ge=0, le=1)]


class LabelSettings(Settings):
    """What becomes of a teacher's boxes."""

    class_name: str = "person"
    """What the teacher's first class is called in the annotation."""
    object_score: Score = 0.6
    """From here on a box is an object: in still images, and in tracks of unannotated film."""
    ignore_score: Score = 0.3
    """From here on a box is an ignore region: training blames nobody for seeing something there."""
    same_place: Score = 0.5
    """Boxes that overlap an annotated object by this IoU are that object, and left out."""
    move_score: Score = 1.0
    """From here on the teacher's box replaces that of the annotated object which it overlaps most
    (`same_place`): for annotation whose boxes are loose, or run ahead. 1: never."""
    shortest_track: PositiveInt = 5
    """Boxes of film that belong to no track seen in as many frames are ignore regions."""
    area: PositiveInt = 544 * 960
    """Pixels of the teacher's input, where its file leaves the size open."""

    @model_validator(mode="after")
    def _ordered(self) -> LabelSettings:
        if self.ignore_score > self.object_score:
            raise ValueError("ignore_score: expected no more than object_score")
        return self
