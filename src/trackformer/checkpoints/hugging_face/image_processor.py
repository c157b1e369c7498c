"""The image processor stored in a Hugging Face folder as our input settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, Field, FiniteFloat, PositiveFloat

from trackformer.checkpoints.hugging_face.files import read_config
from trackformer.config import Settings, settings_from
from trackformer.errors import CheckpointError, ConfigError
from trackformer.input_settings import LARGEST_SIDE, InputSettings, Side, Spread

OWN_FILE: Final = "preprocessor_config.json"
SHARED_FILE: Final = "processor_config.json"
"""Where newer versions nest what they used to write into a file of its own."""
KNOWN_PROCESSORS: Final = re.compile(
    r"^(?:(?:Conditional|Deformable)?Detr|RTDetr)(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$"
)
"""All of them do the same steps; of others one would have to guess."""
RESAMPLING: Final[dict[int, Literal["bilinear", "bicubic"]]] = {2: "bilinear", 3: "bicubic"}
"""By Pillow's numbers."""
UNCHANGED: Final[tuple[tuple[float, ...], tuple[float, ...]]] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Mean and spread."""

Colours = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Spreads = tuple[Spread, Spread, Spread]


class StoredProcessor(Settings):
    """The keys of transformers' image processors that change what a network sees."""

    model_config = ConfigDict(extra="ignore")

    do_resize: bool = True
    size: object = None
    """One number, [height, width], or sides by name; `_sides` looks."""
    max_size: Side | None = None
    resample: int | None = None
    do_rescale: bool = True
    rescale_factor: PositiveFloat = 1 / 255
    do_normalize: bool
    image_mean: Colours = InputSettings.model_fields["mean"].default
    image_std: Spreads = InputSettings.model_fields["std"].default
    do_pad: bool
    pad_and_return_pixel_mask: bool | None = None
    """An older name of `do_pad`."""
    pad_size: object = None
    do_center_crop: bool = False
    processor: str | None = Field(default=None, alias="image_processor_type")
    extractor: str | None = Field(default=None, alias="feature_extractor_type")


def stored_input(folder: Path, kind: Literal["detr", "real_time"]) -> InputSettings | None:
    """How the folder's own processor prepares an image; None where none is stored.

    Args:
        folder: Saved by transformers.
        kind: What a file leaves out differs between the processors of the two families.

    Raises:
        CheckpointError: The file is damaged, or says something that cannot be honoured: the message
            names it.
    """
    path = folder / SHARED_FILE
    stored = read_config(path).get("image_processor") if path.exists() else None
    if stored is None:
        path = folder / OWN_FILE
        stored = read_config(path) if path.exists() else None
    if stored is None:
        return None
    if not isinstance(stored, dict):
        raise CheckpointError(f"{path}: expected a mapping, got {type(stored).__name__}")
    defaults = {"do_normalize": kind == "detr", "do_pad": kind == "detr"}
    try:
        given = {key: value for key, value in stored.items() if value is not None}
        processor = settings_from(StoredProcessor, defaults | given, str(path))
        _refuse_other_steps(processor)
        sides = _sides(processor, kind)
        values = _scale(processor) | _padding(processor, sides)
        content = {"rounding": "transformers", "resampling": _resampling(processor)}
        return settings_from(InputSettings, {**content, **sides, **values}, str(path))
    except ConfigError as error:
        raise CheckpointError(_after(path, str(error))) from error


def _refuse_other_steps(processor: StoredProcessor) -> None:
    name = processor.processor or processor.extractor
    if name is not None and not KNOWN_PROCESSORS.match(name):
        raise ConfigError(
            f"image_processor_type: expected one of DETR, Deformable DETR or RT-DETR, got {name!r}"
        )
    if not processor.do_resize:
        raise ConfigError("do_resize: expected true, got false: every frame is resized here")
    if processor.do_center_crop:
        raise ConfigError("do_center_crop: expected false, got true: whole frames are seen here")


def _sides(processor: StoredProcessor, kind: Literal["detr", "real_time"]) -> dict[str, int]:
    """The rule of size, under our names."""
    size = processor.size
    if size is None:
        size = {"height": 640, "width": 640}
        if kind == "detr":
            size = {"shortest_edge": 800, "longest_edge": 1333}
    elif isinstance(size, int):
        # RT-DETR's processor takes it for the shorter side alone, too, and then refuses it.
        longest = processor.max_size or (1333 if kind == "detr" else None)
        size = {"shortest_edge": size, "longest_edge": longest}
    by_name = _by_name(size, "size")
    rules = {
        ("shortest_edge", "longest_edge"): ("shorter_side", "longest_side"),
        ("max_height", "max_width"): ("max_height", "max_width"),
        ("height", "width"): ("height", "width"),
    }
    for theirs, ours in rules.items():
        if set(theirs) == by_name.keys():
            return {our: by_name[their] for our, their in zip(ours, theirs, strict=True)}
    raise ConfigError(
        "size: expected [height, width], or height and width, shortest_edge and "
        f"longest_edge, or max_height and max_width, got {processor.size!r}"
    )


def _by_name(size: object, key: str) -> dict[str, int]:
    by_name = size
    if isinstance(size, int):
        by_name = {"height": size, "width": size}
    elif isinstance(size, list) and len(size) == 2:
        by_name = {"height": size[0], "width": size[1]}
    if not isinstance(by_name, Mapping):
        raise ConfigError(f"{key}: expected sides by name or [height, width], got {size!r}")
    sides = {name: side for name, side in by_name.items() if side is not None}
    for name, side in sides.items():
        if not isinstance(side, int) or not 1 <= side <= LARGEST_SIDE:
            raise ConfigError(
                f"{key}: expected a whole number up to {LARGEST_SIDE} as {name}, got {side!r}"
            )
    return sides


def _padding(processor: StoredProcessor, sides: Mapping[str, int]) -> dict[str, int]:
    """To which size every picture is padded; nothing where that is its own."""
    pads = processor.do_pad
    if processor.pad_and_return_pixel_mask is not None:
        pads = processor.pad_and_return_pixel_mask
    if not pads or processor.pad_size is None:
        return {}
    padded = _by_name(processor.pad_size, "pad_size")
    if padded.keys() != {"height", "width"}:
        raise ConfigError(f"pad_size: expected height and width, got {processor.pad_size!r}")
    if padded == sides:
        return {}
    return {"padded_height": padded["height"], "padded_width": padded["width"]}


def _scale(processor: StoredProcessor) -> dict[str, object]:
    """Mean and spread of values in [0, 1] that do what rescaling and normalising do."""
    factor = processor.rescale_factor if processor.do_rescale else 1.0
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mean, std = UNCHANGED
    if processor.do_normalize:
        mean, std = processor.image_mean, processor.image_std
    if factor != 1 / 255:
        mean, std = (tuple(each / (255 * factor) for each in values) for values in (mean, std))
    return {"mean": mean, "std": std}


def _resampling(processor: StoredProcessor) -> Literal["bilinear", "bicubic"]:
    number = 2 if processor.resample is None else processor.resample
    if number not in RESAMPLING:
        raise ConfigError(f"resample: expected 2 (bilinear) or 3 (bicubic), got {number}")
    return RESAMPLING[number]


def _after(path: Path, message: str) -> str:
    return message if message.startswith(str(path)) else f"{path}: {message}"
