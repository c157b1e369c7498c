"""The scores by which checkpoints of a training run are compared: of tracks, or of detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.coco.results import still_images_file
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.class_lists import (
    check_objects,
    with_only_classes,
    without_unused,
)
from trackformer.data.read import read_annotations
from trackformer.errors import ConfigError
from trackformer.evaluation.reports.detection import detection_scores_by_name
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.detector_scores import evaluate_detector
from trackformer.evaluation.trials.model_scores import evaluate_model
from trackformer.models.trackformer import TrackFormer

TRACKING_METRICS: Final = ("HOTA", "DetA", "AssA", "MOTA", "IDF1")
DETECTION_METRICS: Final = ("AP", "AP50", "AP75")


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Data on which checkpoints are compared: videos, or the still images of a COCO file."""

    path: Path
    data: AnnotatedData
    metric: str
    """The checkpoint with the highest value is the best."""

    def scores(self, model: TrackFormer) -> dict[str, float | int]:
        """The scores of a model in evaluation mode by their published names, in percent."""
        if self.metric in TRACKING_METRICS:
            return scores_by_published_name(evaluate_model(model, self.data).combined)
        scores = detection_scores_by_name(evaluate_detector(model, self.path).combined)
        # Sizes of which there is no object have no score.
        return {name: score for name, score in scores.items() if score is not None}


def read_validation(
    path: Path,
    format_name: FormatName | None,
    class_names: tuple[str, ...],
    metric: str | None,
    image_folders: Sequence[Path] = (),
    renamed: Mapping[str, str] | None = None,
) -> Validation:
    """Read the data; without a metric, videos are compared by HOTA and images by AP.

    Raises:
        ConfigError: The data are partly videos and partly images, or have no such score.
        DataError: They cannot be read.
    """
    renamed = renamed or {}
    whole = read_annotations(path, format_name, image_folders=image_folders)
    whole = without_unused(whole, (*class_names, *renamed))
    data = with_only_classes(whole, class_names, renamed)
    check_objects(data, str(path))
    kinds = {sequence.is_video for sequence in data.sequences}
    if len(kinds) != 1:
        raise ConfigError(f"{path}: expected videos or still images to validate on, got both")
    images_file = still_images_file(path)
    if False in kinds and images_file is None:
        raise ConfigError(f"{path}: expected still images to validate on in a COCO json file")
    if False in kinds and not set(whole.class_names) <= set(class_names):
        # AP is a mean over the file's categories, and its file is scored as it is.
        raise ConfigError(
            f"{path}: expected still images of the classes {', '.join(class_names)} only, got "
            f"{', '.join(whole.class_names)}"
        )
    known = TRACKING_METRICS if kinds.pop() else DETECTION_METRICS
    if metric is not None and metric not in known:
        raise ConfigError(f"validation.metric: {path} has {', '.join(known)}, got {metric}")
    return Validation(images_file or path, data, metric or known[0])
