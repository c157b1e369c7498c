"""Single frames in, detections out: a tracker without memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from trackformer.boxes import non_maximum_suppression, to_pixels_xyxy
from trackformer.devices import fetched_together
from trackformer.models.frame_model import FrameModel
from trackformer.models.parts.best_pairs import best_pairs
from trackformer.objects import Detections
from trackformer.predictions import predictions_of
from trackformer.tracking.prepared_frame import FrameLike, PreparedFrame, prepare_frame
from trackformer.tracking.query_batch import refuse_no_numbers
from trackformer.tracking.settings import DetectSettings
from trackformer.types import ModelOutput


@dataclass(frozen=True)
class ObjectDetector:
    """Detects objects in single frames: a tracker without memory."""

    model: FrameModel
    settings: DetectSettings = field(default_factory=DetectSettings)

    def detect(self, frame: FrameLike | PreparedFrame, frame_index: int = 0) -> Detections:
        """Objects of one frame (height x width x 3, uint8, RGB), best first, in its pixels."""
        prepared = prepare_frame(self.model, frame)
        with torch.inference_mode():
            return detections_of(
                self.model(prepared.images),
                prepared.image_size,
                self.settings,
                frame_index,
                self.model.settings.class_names,
            )


def detections_of(
    output: ModelOutput,
    image_size: tuple[int, int],
    settings: DetectSettings,
    frame_index: int,
    class_names: tuple[str, ...],
) -> Detections:
    """The objects of one frame, best first, in its pixels, on the CPU."""
    found = best_pairs(output) if settings.every_class else predictions_of(output)
    scores, labels, boxes = fetched_together([found.scores, found.labels, found.boxes])
    refuse_no_numbers(scores)
    labels, boxes = labels.long(), to_pixels_xyxy(boxes, image_size)
    is_real = torch.isfinite(boxes).all(-1) & (boxes[:, 2:] > boxes[:, :2]).all(-1)
    rows = torch.nonzero(is_real & (scores > settings.min_score))[:, 0]
    rows = rows[scores[rows].sort(descending=True, stable=True).indices]
    if settings.nms_iou is not None:
        rows = rows[non_maximum_suppression(boxes[rows], scores[rows], settings.nms_iou)]
    return Detections(
        boxes_xyxy=boxes[rows],
        scores=scores[rows],
        labels=labels[rows],
        frame_index=frame_index,
        class_names=class_names,
    )
