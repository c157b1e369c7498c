"""Which parameter learns how fast, and how the rate changes over the run."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from trackformer.training.settings import OptimizerSettings

Part = Literal["backbone", "encoder", "decoder", "carry"]
"""decoder: also the heads, and all else that is in no other part."""

LAYER_NUMBERS: Final[Mapping[Part, re.Pattern[str]]] = {
    "backbone": re.compile(r"\.(?:layer|stages\.)(\d+)\."),
    "encoder": re.compile(r"\bencoder\.layers\.(\d+)\."),
    "decoder": re.compile(r"\bdecoder(?:\.|_)layers\.(\d+)\."),
}
SAMPLING_NAMES = ("sampling_offsets", "reference_points")


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW with one group per learning rate and weight decay.

    Norms, biases and other vectors are not decayed. A scale of 0 freezes its parameters: they get
    no gradient, and the backward pass stops before them.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    depths = layers_behind(name for name, _ in model.named_parameters())
    for name, parameter in model.named_parameters():
        scale = _scale(name, settings) * settings.layer_decay ** depths[name]
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


def part_of(name: str) -> Part:
    """Which part of a model a parameter belongs to, by its name."""
    words = name.split(".")
    if "backbone" in words or "conv_encoder" in words:  # conv_encoder: transformers' DEIMv2
        return "backbone"
    if "encoder" in words:
        return "encoder"
    return "carry" if "carry" in words else "decoder"


def layers_behind(names: Iterable[str]) -> dict[str, int]:
    """How many stages or layers of its part come after that of each parameter.

    0 for whatever is in no numbered layer (heads, projections), except that a backbone's stem
    comes before its first stage.
    """
    found: dict[str, tuple[Part, int | None]] = {}
    for name in names:
        part = part_of(name)
        pattern = LAYER_NUMBERS.get(part)
        number = None if pattern is None else pattern.search(name)
        found[name] = part, None if number is None else int(number[1])
    numbers: dict[Part, list[int]] = {}
    for part, layer in found.values():
        if layer is not None:
            numbers.setdefault(part, []).append(layer)
    depths = {}
    for name, (part, layer) in found.items():
        of_part = numbers.get(part, [0])
        if layer is None:
            layer = min(of_part) - 1 if part == "backbone" else max(of_part)
        depths[name] = max(of_part) - layer
    return depths


def rates_by_part(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The present learning rate of each trained part: that of most of its parameters."""
    rates = {
        parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]
    }
    by_part: dict[Part, list[float]] = {}
    for name, parameter in model.named_parameters():
        if parameter in rates:
            by_part.setdefault(part_of(name), []).append(rates[parameter])
    return {part: statistics.mode(found) for part, found in by_part.items()}


def gradient_norms_by_part(model: nn.Module) -> dict[str, float]:
    """L2 norm of the gradients of each part that has some."""
    by_part: dict[Part, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            by_part.setdefault(part_of(name), []).append(parameter.grad)
    return {
        part: float(torch.stack([each.norm() for each in gradients]).norm())
        for part, gradients in by_part.items()
    }


def _scale(name: str, settings: OptimizerSettings) -> float:
    part = part_of(name)
    if part == "backbone":
        return settings.backbone_scale
    is_sampling = any(word in SAMPLING_NAMES for word in name.split("."))
    scale = settings.sampling_scale if is_sampling else 1.0
    return scale * (settings.encoder_scale if part == "encoder" else 1.0)
