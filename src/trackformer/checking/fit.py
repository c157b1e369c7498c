"""Checks of whether the data suit a model: queries, classes, sizes at the input."""

from __future__ import annotations

from collections.abc import Iterator

from trackformer.checking.records import Finding, Inspected, ModelLimits, frame_place
from trackformer.checking.statistics import sides_at_input

FULL = 0.6
"""From this share of its queries on, a model begins to miss objects."""
TINY_SIDE = 8.0
"""Pixels at the model's input, the square root of the area: less than one cell of the finest
feature map that most detectors have."""
TINY_SHARE = 0.2


def check_queries(inspected: Inspected) -> Iterator[Finding]:
    """Frames with more objects than the model has queries."""
    model = inspected.model
    if model is None:
        return
    crowded = [
        (sequence, frame)
        for sequence in inspected.data.sequences
        for frame in sequence.frames
        if len(frame.boxes_xyxy) > FULL * model.num_queries
    ]
    if not crowded:
        return
    most = max(len(frame.boxes_xyxy) for _, frame in crowded)
    is_too_many = most > model.num_queries
    what = (
        f"{len(crowded)} frames have more than {FULL:.0%} of the {model.num_queries} objects that "
        f"{model.name} can find in a frame; the fullest has {most}"
    )
    yield Finding(
        "too-many-objects",
        "error" if is_too_many else "warning",
        what,
        "use a model with more queries (num_queries)",
        tuple(frame_place(sequence, frame) for sequence, frame in crowded),
    )


def check_tiny(inspected: Inspected) -> Iterator[Finding]:
    """Objects too small to be seen at the model's input size."""
    if inspected.model is None:
        return
    sides = sides_at_input(inspected.data, inspected.model.input)
    share = float((sides < TINY_SIDE).mean()) if len(sides) else 0.0
    if share > 0:
        what = f"{share:.1%} of objects are smaller than {TINY_SIDE:g} x {TINY_SIDE:g} pixels at "
        what += f"the input of {inspected.model.name}"
        remedy = "use a larger input size, or cut the images into parts"
        yield Finding("tiny", "warning" if share >= TINY_SHARE else "note", what, remedy)


def check_class_names(inspected: Inspected) -> Iterator[Finding]:
    """Classes that the model does not have."""
    model: ModelLimits | None = inspected.model
    unknown = set(inspected.data.class_names) - set(model.class_names) if model else set()
    if model and unknown:
        what = f"{model.name} has no class {', '.join(sorted(unknown))}"
        remedy = f"set class_names when training; {model.name} has {', '.join(model.class_names)}"
        yield Finding("model-classes", "note", what, remedy)


def check_validation_classes(inspected: Inspected) -> Iterator[Finding]:
    """Classes to validate on that are not trained."""
    if inspected.validation is None:
        return
    unknown = set(inspected.validation.data.class_names) - set(inspected.data.class_names)
    if unknown:
        what = (
            f"the validation data have classes that training has not: {', '.join(sorted(unknown))}"
        )
        yield Finding("validation-classes", "error", what, "give both the same names")
