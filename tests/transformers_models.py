"""Tiny random detectors of transformers itself, to save and to compare with."""

import torch

from tiny_models import tiny_config
from trackformer.models.torchvision_import import ensure_torchvision

SIZES = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_queries": 12,
    "num_labels": 5,
}
VARIANTS = {
    "detr": {},
    "detr_learned": {"position_embedding_type": "learned"},
    "deformable_detr": {"decoder_n_points": 3, "encoder_n_points": 3},
    "deformable_detr_single_scale": {"num_feature_levels": 1},
    "deformable_detr_refine": {"with_box_refine": True},
    "deformable_detr_two_stage": {
        "with_box_refine": True,
        "two_stage": True,
        "two_stage_num_proposals": 9,
    },
}


def transformers_model(variant: str, backbone: dict | None = None):
    ensure_torchvision()
    import transformers

    kind = "Deformable" * variant.startswith("deformable") + "Detr"
    stages = ["stage2", "stage3", "stage4"]
    if kind == "Detr" or "single_scale" in variant:
        stages = stages[-1:]
    resnet = {
        "embedding_size": 64,
        "hidden_sizes": [64, 128, 256, 512],
        "depths": [2, 2, 2, 2],
        "layer_type": "basic",
        **(backbone or {}),
    }
    config = getattr(transformers, f"{kind}Config")(
        **SIZES,
        **VARIANTS[variant],
        use_timm_backbone=False,
        backbone_config=transformers.ResNetConfig(out_features=stages, **resnet),
    )
    model = getattr(transformers, f"{kind}ForObjectDetection")(config).eval()
    randomise(model)
    return model


@torch.no_grad()
def randomise(model):
    """Weights of a trained model's sizes: the initial ones make all queries answer alike."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim == 1:
            low, high = (0.7, 1.3) if "norm" in name and name.endswith("weight") else (-0.3, 0.3)
            tensor.uniform_(low, high, generator=generator)
        else:
            fan_in = tensor[0].numel() if "embeddings" not in name else 1
            tensor.normal_(0, (2 / fan_in) ** 0.5, generator=generator)


def real_time_model(model_type: str):
    """One of the real-time detectors, with three classes."""
    ensure_torchvision()
    from transformers import AutoConfig, AutoModelForObjectDetection

    torch.manual_seed(2)
    config = AutoConfig.for_model(model_type, **tiny_config(model_type), num_queries=6)
    config.id2label = {0: "cat", 1: "person", 2: "dog"}
    model = AutoModelForObjectDetection.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # `up` and `reg_scale` are constants of the box distribution.
            if name.split(".")[-1] not in ("up", "reg_scale"):
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return model
