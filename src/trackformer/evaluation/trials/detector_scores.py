"""A model's detections on the images of a COCO file, and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackformer.data.formats.coco.results import (
    CocoImages,
    as_coco_results,
    matching_categories,
    read_coco_images,
)
from trackformer.evaluation.metrics.coco import DetectionTable, evaluate_detections
from trackformer.image_files import read_image
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.object_detector import ObjectDetector
from trackformer.tracking.settings import DetectSettings
from trackformer.tracking.videos.progress import progress_bar

EVERYTHING = DetectSettings(min_score=0.0, nms_iou=None, every_class=True)
"""AP ranks all that a model answers: a threshold or suppression could only take hits away."""


def evaluate_detector(model: FrameModel, ground_truth: Path) -> DetectionTable:
    """Detect the objects in all images of a COCO file and score them.

    Args:
        model: In evaluation mode.
        ground_truth: The json file, with its images.
    """
    return evaluate_detections(ground_truth, detect_images(model, read_coco_images(ground_truth)))


def detect_images(
    model: FrameModel, images: CocoImages, settings: DetectSettings = EVERYTHING
) -> list[dict[str, Any]]:
    """Detections in all images in COCO's form, with a bar on a terminal's error output.

    Raises:
        ConfigError: The model has none of the file's classes.
        DataError: An image cannot be read.
    """
    category_of = matching_categories(images, model.settings.class_names)
    detector = ObjectDetector(model, settings)
    results: list[dict[str, Any]] = []
    with progress_bar() as progress:
        for image_id, path in progress.track(images.images.items(), description=images.path.name):
            found = detector.detect(read_image(path))
            results += as_coco_results(image_id, found, category_of)
    return results
