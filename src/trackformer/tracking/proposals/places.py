"""Where another detector sees objects: places that the model is asked about, frame by frame.

MOTRv2 (Zhang et al. 2023) has a detector's boxes for its only object queries; here they join the
model's own. The model decides what is an object: proposals are no detections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_iou, to_relative_cxcywh, xyxy_to_cxcywh
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.data.formats.mot.reading import read_mot_results
from trackformer.devices import sent
from trackformer.errors import DataError
from trackformer.models.frame_model import FrameModel
from trackformer.models.parts.slots import HARMLESS, in_slots
from trackformer.tracking.lifecycle.starting import places_of
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import ProposalBoxes

if TYPE_CHECKING:
    import supervision

    from trackformer.video.frames import Frame


@runtime_checkable
class ProposalSource(Protocol):
    """Another detector, or what it once answered."""

    def in_frame(self, frame: Frame) -> supervision.Detections:
        """The proposals for a frame, in its pixels."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FileProposals:
    """The proposals of a whole video; made by `read_proposals`."""

    boxes_xyxy: Mapping[int, Float[np.ndarray, "_ 4"]]
    """By 0-based frame, in 0-based pixels; absent frames have none."""

    def in_frame(self, frame: Frame) -> supervision.Detections:
        """Those of one frame."""
        import supervision  # at its first use: it takes as long to import as torch

        boxes = self.boxes_xyxy.get(frame.frame_index)
        if boxes is None:
            return supervision.Detections.empty()
        return supervision.Detections(xyxy=boxes)


def read_proposals(path: Path, min_score: float) -> FileProposals:
    """Read the proposals of `min_score` or more from a MOTChallenge `det.txt`.

    Raises:
        DataError: The file is missing or malformed.
    """
    return FileProposals(
        {
            frame.frame_index: frame.boxes_xyxy[frame.scores >= min_score]
            for frame in read_mot_results(path)
        }
    )


def places_in(
    proposals: supervision.Detections, image_size: tuple[int, int]
) -> Float[Tensor, "P 4"]:
    """Proposals as relative cxcywh, cut at the borders of the frame.

    Those of which nothing is inside the frame, or nothing at all, are left out.

    Args:
        proposals: In pixels of the frame.
        image_size: (height, width) of the frame.

    Raises:
        DataError: A box is not finite.
    """
    boxes_xyxy = torch.from_numpy(np.asarray(proposals.xyxy, dtype=np.float32))
    is_finite = torch.isfinite(boxes_xyxy).all(-1)
    if not is_finite.all():
        row = int(is_finite.long().argmin())
        raise DataError(
            f"proposals: expected finite boxes, got {boxes_xyxy[row].tolist()} in row {row}"
        )
    height, width = image_size
    limits = boxes_xyxy.new_tensor([width, height, width, height])
    inside = torch.minimum(boxes_xyxy.clamp(min=0), limits)
    has_area = (inside[:, 2:] > inside[:, :2]).all(-1)
    return to_relative_cxcywh(inside[has_area], image_size)


def untracked(
    places: Float[Tensor, "P 4"], tracks: Tracks, settings: TrackerSettings
) -> Float[Tensor, "_ 4"]:
    """The proposals where no track is asked already: two queries at a place may become two tracks.

    Args:
        places: Relative cxcywh.
        tracks: Asked in the same frame.
        settings: How their reference boxes move on, and how much a proposal may overlap one.
    """
    if settings.proposal_iou is None:
        return places
    asked = as_track_queries(tracks, settings).boxes[0]
    overlap = pairwise_iou(cxcywh_to_xyxy(places), cxcywh_to_xyxy(asked))
    return places[~(overlap > settings.proposal_iou).any(1)]


def places_asked(
    places: Float[Tensor, "P 4"] | None,
    tracks: Tracks,
    settings: TrackerSettings,
    image_size: tuple[int, int],
    model: FrameModel,
) -> Float[Tensor, "_ 4"] | None:
    """Where the model is asked besides its own queries; None: nowhere.

    Args:
        places: Another detector's, relative cxcywh.
        tracks: Asked in the same frame, and what a user begins in it.
        settings: As for `untracked`.
        image_size: (height, width) of the frame.
        model: Its queries may start from a place, or not: a user's boxes then have those only.
    """
    asked = None if places is None else untracked(places, tracks, settings)
    if not tracks.starting or not _can_be_asked(model):
        return asked
    # As another detector's, they are cut at the borders of the frame.
    own = xyxy_to_cxcywh(cxcywh_to_xyxy(places_of(tracks, image_size)).clamp(0, 1))
    return own if asked is None else torch.cat([own, asked])


def _can_be_asked(model: FrameModel) -> bool:
    """Exported models take no proposals, and DETR's queries have no place."""
    return not isinstance(model, OnnxModel) and model.settings.detector.kind != "detr"


def propose_together(
    places: Sequence[Float[Tensor, "_ 4"] | None], device: torch.device, slots_of: int = 1
) -> ProposalBoxes | None:
    """The proposals of B images as one batch; None where no image has any.

    Args:
        places: Relative cxcywh, of each image; None: it has none.
        device: Where they are wanted.
        slots_of: Their number is padded to a multiple of this.
    """
    known = {image: boxes for image, boxes in enumerate(places) if boxes is not None}
    slots = in_slots(max((len(boxes) for boxes in known.values()), default=0), slots_of)
    if slots == 0:
        return None
    boxes = torch.full((len(places), slots, 4), HARMLESS)
    is_padding = torch.ones((len(places), slots), dtype=torch.bool)
    for image, own in known.items():
        boxes[image, : len(own)] = own
        is_padding[image, : len(own)] = False
    return ProposalBoxes(sent(boxes, device), sent(is_padding, device))
