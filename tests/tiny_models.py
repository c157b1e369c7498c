"""The smallest models of each kind, with random weights, that tests can run in milliseconds."""

import torch

from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.settings import HuggingFaceSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer

MODEL_TYPES = ("rt_detr", "rt_detr_v2", "d_fine", "deimv2")

RESNET = {
    "model_type": "rt_detr_resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_features": ["stage2", "stage3", "stage4"],
}
HGNET = {
    "model_type": "hgnet_v2",
    "embedding_size": 8,
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [16, 16, 24, 32],
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 16, 16, 24],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [16, 16, 24, 32],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_numb_of_layers": [1, 1, 1, 1],
    "out_features": ["stage2", "stage3", "stage4"],
}
SIZES = {
    "d_model": 32,
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [16, 24, 32],
    "encoder_ffn_dim": 32,
    "encoder_attention_heads": 4,
    "decoder_in_channels": [32, 32, 32],
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 4,
    "decoder_layers": 2,
    "decoder_n_points": 2,
    "hidden_expansion": 0.5,
}


def tiny_config(model_type: str) -> dict[str, object]:
    """A configuration for transformers with all sizes small."""
    backbone = RESNET if model_type.startswith("rt_detr") else HGNET
    config = SIZES | {"backbone_config": backbone}
    if model_type in ("d_fine", "deimv2"):
        config |= {"decoder_n_points": [2, 2, 2], "lqe_hidden_dim": 8, "max_num_bins": 8}
        config |= {"depth_mult": 0.34, "head_dim": 8}
    return config


def tiny_settings(model_type: str = "rt_detr", **changes: object) -> ModelSettings:
    """Settings of a tiny model with 6 queries for frames of about 64 x 64 pixels."""
    detector = {"model_type": model_type, "config": tiny_config(model_type), "num_queries": 6}
    return ModelSettings(
        detector=HuggingFaceSettings.model_validate(detector | changes),
        class_names=("person", "dog"),
        input=InputSettings(area=64 * 64, multiple_of=32, mean=(0, 0, 0), std=(1, 1, 1)),
        carry_projection=True,
    )


def tiny_model(model_type: str = "rt_detr", seed: int = 0, **changes: object) -> TrackFormer:
    """A tiny random model in evaluation mode; so random that its outputs depend on the image."""
    torch.manual_seed(seed)
    model = build_model(tiny_settings(model_type, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model
