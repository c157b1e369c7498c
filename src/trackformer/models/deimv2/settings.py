"""Which of transformers' DEIMv2 configurations are built here, and what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

FIXED: Final = {
    "encoder_type": "lite",
    "encode_proj_layers": [],
    "decoder_method": "default",
    "eval_idx": -1,
    "freeze_backbone_batch_norms": False,
    "layer_scale": 1.0,
    "share_bbox_head": True,
    "use_gateway": False,
    "learn_initial_query": False,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
}
"""What a configuration must say to be built here; everything else is left to transformers."""
FIXED_BACKBONE: Final = {
    "model_type": "hgnet_v2",
    "hidden_act": "relu",
    "use_learnable_affine_block": True,
    "num_channels": 3,
}


@dataclass(frozen=True, slots=True)
class HGNetV2Config:
    """An HGNetV2, stage by stage."""

    stem_channels: list[int]
    stem_strides: list[int]
    stage_in_channels: list[int]
    stage_mid_channels: list[int]
    stage_out_channels: list[int]
    stage_num_blocks: list[int]
    stage_numb_of_layers: list[int]
    stage_downsample: list[bool]
    stage_downsample_strides: list[int]
    stage_light_block: list[bool]
    stage_kernel_size: list[int]
    out_features: list[str]


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Encoder, query selection and decoder, by transformers' names."""

    d_model: int
    encoder_hidden_dim: int
    encoder_in_channels: list[int]
    activation_function: str
    depth_mult: float
    hidden_expansion: float
    encoder_has_trailing_conv: bool
    batch_norm_eps: float
    decoder_layers: int
    decoder_attention_heads: int
    decoder_ffn_dim: int
    decoder_n_points: list[int]
    decoder_offset_scale: float
    decoder_in_channels: list[int]
    num_feature_levels: int
    max_num_bins: int
    reg_scale: float
    up: float
    lqe_hidden_dim: int
    lqe_layers: int
    top_prob_values: int
    model_type: str
    learn_initial_query: bool


def lite_configs(config: Mapping[str, Any]) -> tuple[LiteConfig, HGNetV2Config] | None:
    """The two parts of a configuration; None: it leaves something open, or is built otherwise.

    Args:
        config: What `HuggingFaceSettings.config` holds. Files written by this library say all.
    """
    backbone = config.get("backbone_config")
    if not isinstance(backbone, Mapping):
        return None
    whole = {**config, "model_type": "deimv2"}
    is_known = _agrees(whole, FIXED) and _agrees(backbone, FIXED_BACKBONE)
    is_whole = _has_all(whole, LiteConfig) and _has_all(backbone, HGNetV2Config)
    if not (is_known and is_whole and _is_plain(whole, backbone)):
        return None
    return LiteConfig(**_read(whole, LiteConfig)), HGNetV2Config(**_read(backbone, HGNetV2Config))


def _is_plain(config: Mapping[str, Any], backbone: Mapping[str, Any]) -> bool:
    """One map of the backbone, two levels as wide as the decoder."""
    widths = [config["d_model"]] * config["num_feature_levels"]
    return (
        config["num_feature_levels"] == 2
        and config["encoder_hidden_dim"] == config["d_model"]
        and config["decoder_in_channels"] == widths
        and isinstance(config["decoder_n_points"], list)
        and config["activation_function"] == "silu"
        and len(backbone["out_features"]) == len(config["encoder_in_channels"]) == 1
    )


def _agrees(config: Mapping[str, Any], fixed: Mapping[str, Any]) -> bool:
    return all(config.get(key, not value) == value for key, value in fixed.items())


def _has_all(config: Mapping[str, Any], record: type) -> bool:
    return all(field.name in config for field in fields(record))


def _read(config: Mapping[str, Any], record: type) -> dict[str, Any]:
    return {field.name: config[field.name] for field in fields(record)}
