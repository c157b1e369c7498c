"""Which parameter learns how fast, and how the rate changes over the run."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from trackformer.training.settings import OptimizerSettings

SAMPLING_NAMES = ("sampling_offsets", "reference_points")


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW with one group per learning rate and weight decay.

    Norms, biases and other vectors are not decayed. A scale of 0 freezes its parameters: they get
    no gradient, and the backward pass stops before them.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        scale = _scale(name, settings)
        if scale == 0:
            parameter.requires_grad_(False)  # noqa: FBT003 - torch's own signature
        if not parameter.requires_grad:
            continue
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((settings.learning_rate * scale, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]
    )


def build_schedule(optimizer: torch.optim.Optimizer, settings: OptimizerSettings) -> LambdaLR:
    """Linear warm-up, then constant, a cosine, or one step down."""
    return LambdaLR(optimizer, lambda step: rate_factor(step, settings))


def rate_factor(step: int, settings: OptimizerSettings) -> float:
    """Learning rate at `step` relative to its full value.

    >>> rate_factor(0, OptimizerSettings(steps=100, warmup_steps=10))
    0.1
    >>> rate_factor(100, OptimizerSettings(steps=100, warmup_steps=0, final_scale=0.05))
    0.05
    """
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    match settings.schedule:
        case "constant":
            return 1.0
        case "step":
            return 0.1 if step >= settings.step_at * settings.steps else 1.0
        case "cosine":
            length = max(1, settings.steps - settings.warmup_steps)
            progress = min(1.0, (step - settings.warmup_steps) / length)
            cosine = (1 + math.cos(math.pi * progress)) / 2
            return settings.final_scale + (1 - settings.final_scale) * cosine


def _scale(name: str, settings: OptimizerSettings) -> float:
    parts = name.split(".")
    if "backbone" in parts or "conv_encoder" in parts:  # conv_encoder: transformers' DEIMv2
        return settings.backbone_scale
    scale = settings.sampling_scale if any(part in SAMPLING_NAMES for part in parts) else 1.0
    return scale * (settings.encoder_scale if "encoder" in parts else 1.0)
