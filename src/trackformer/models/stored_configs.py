"""Which parts of a configuration of transformers may decide what is built (torch-free).

A file of weights names its configuration, and it may come from anyone: it must not make the library
fetch anything, nor build a network of any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

BACKBONES: Final = (
    "rt_detr_resnet",
    "hgnet_v2",
    "resnet",
    "convnext",
    "convnextv2",
    "swin",
    "focalnet",
    "dinov2",
    "dinov3_vit",
    "dinov3_convnext",
)
"""They are built from their configuration alone; others would ask a hub for weights or settings."""
FETCHING: Final = ("backbone", "use_pretrained_backbone", "use_timm_backbone", "backbone_kwargs")
"""Beside `backbone_config` they say nothing, and without it they name what is to be fetched."""
FOREIGN: Final = ("auto_map", "_name_or_path", "name_or_path", "trust_remote_code")
"""Where code or weights came from: never followed."""
LARGEST_NUMBER: Final = 10**6
LONGEST_LIST: Final = 10**4
DEEPEST: Final = 6


def safe_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without what could fetch anything.

    Raises:
        ValueError: It names a backbone that is not described, or holds numbers that no model has.
    """
    _check_size(config, "config", depth=0)
    backbone = config.get("backbone_config")
    if backbone is None and config.get("backbone") is not None:
        raise ValueError(
            f"backbone {config['backbone']!r} would have to be fetched from a hub; expected its "
            "description as backbone_config"
        )
    kept = {key: value for key, value in config.items() if key not in (*FETCHING, *FOREIGN)}
    if backbone is not None:
        kept["backbone_config"] = _backbone(backbone)
    return kept


def _backbone(config: object) -> dict[str, Any]:
    kind = config.get("model_type") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or kind not in BACKBONES:
        raise ValueError(
            f"backbone_config: expected a model_type of {', '.join(BACKBONES)}, got {kind!r}"
        )
    return {key: value for key, value in config.items() if key not in (*FETCHING, *FOREIGN)}


def _check_size(value: object, name: str, depth: int) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A float beyond all bounds is written as infinity.
        if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
            raise ValueError(f"{name}: expected a number within {LARGEST_NUMBER:,}, got {value:g}")
        return
    if not isinstance(value, (Mapping, list, tuple)):
        return
    if depth == DEEPEST or len(value) > LONGEST_LIST:
        raise ValueError(f"{name}: expected lists and mappings as in a model's configuration")
    parts = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, part in parts:
        _check_size(part, str(key), depth + 1)
