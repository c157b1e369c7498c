"""The names of COCO's 80 categories, in the order of their ids."""

from __future__ import annotations

from typing import Final

COCO_CLASSES: Final[tuple[str, ...]] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
NO_CATEGORY: Final = "N/A"
"""Name of a class index that stands for nothing."""
UNUSED_IDS: Final = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""COCO's category ids up to 90 that no category has."""


def coco_names_by_id() -> tuple[str, ...]:
    """Names of COCO's category ids 0 to 90, `NO_CATEGORY` where an id is not used.

    >>> coco_names_by_id()[1], coco_names_by_id()[90], coco_names_by_id()[12]
    ('person', 'toothbrush', 'N/A')
    """
    names = iter(COCO_CLASSES)
    num_ids = len(COCO_CLASSES) + len(UNUSED_IDS)
    return tuple(NO_CATEGORY if index in UNUSED_IDS else next(names) for index in range(num_ids))
