"""Recorded losses and gradients of training steps, and those of our code.

Ours in float64: then they are the same on every processor, and what is left of a difference is the
recording's own float32 rounding (`spread.py` says how much that may be).
"""

import math
import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from golden.published_models import in_precision
from golden.recordings import (
    previous_images,
    published_weights,
    read_recording,
    recorded_images,
)
from golden.spread import Numbers
from trackformer.checkpoints.published.names import from_published_trackformer
from trackformer.models.trackformer import TrackFormer
from trackformer.training.clip_loss import ClipLoss, clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import Clip, Target

PLAIN = "trackformer_vanilla_small"
WHOLE_STEPS = [
    (PLAIN, "train_seed0"),
    (PLAIN, "train_seed1"),
    ("trackformer_deformable_singleframe_small", "train_seed2"),
    ("trackformer_deformable_multiframe_small", "train_seed1"),
    ("trackformer_deformable_multiframe_small", "train_seed0_backprop"),
    ("trackformer_deformable_mergefeatures_small", "train_seed0"),
]
"""Two frames, track queries drawn from the seed, losses, gradients."""
TERMS = {
    "decoder_class": ("loss_ce", None),
    "decoder_l1": ("loss_bbox", 5.0),
    "decoder_giou": ("loss_giou", 2.0),
}
"""Our weighted sums over all layers, the published terms that they consist of, and weights."""
REPEATED = re.compile(r"^transformer\.decoder\.(?=bbox_embed|class_embed)")


def whole_step(
    name: str, step: str, dtype: torch.dtype = torch.float64, **changes: float
) -> Numbers:
    """Our numbers of one of `WHOLE_STEPS`; `changes` of the loss's weights make it a wrong one."""
    model = in_precision(name, dtype).train()
    model.zero_grad()
    losses = whole_losses(model, name, step, **changes)
    losses.total.backward()
    published = read_recording("training_steps")[name][step]
    return Numbers(
        loss=losses.total.item(),
        terms=[losses.terms[each].item() for each in TERMS],
        gradients=gradient_norms(model, name, published["grad_norms"]),
        gradient=gradient_of_all(model),
    )


def recorded_whole_step(name: str, step: str) -> Numbers:
    published = read_recording("training_steps")[name][step]
    terms = []
    for term, weight in TERMS.values():
        layers = sum(value for key, value in published["losses"].items() if key.startswith(term))
        terms.append(float(layers) * (weight or class_weight(name)))
    return Numbers(
        loss=float(published["loss_total"]),
        terms=terms,
        gradients=published["grad_norms"],
        gradient=float(published["grad_norm_total"]),
    )


def frame_step(name: str, dtype: torch.dtype = torch.float64) -> Numbers:
    """Our numbers of one frame without tracks; gradients of detectors only."""
    model = in_precision(name, dtype)
    model.zero_grad()
    losses = frame_losses(model, name)
    published = read_recording("detection_steps")[name]
    if "grad_norms" not in published:
        return Numbers(loss=losses.total.item())
    losses.total.backward()
    norms = gradient_norms(model, name, published["grad_norms"])
    return Numbers(loss=losses.total.item(), gradients=norms, gradient=norm_of(norms))


def recorded_frame_step(name: str) -> Numbers:
    published = read_recording("detection_steps")[name]
    norms = published.get("grad_norms", {})
    return Numbers(
        loss=float(published["loss_total"]),
        gradients=norms,
        gradient=norm_of(norms) if norms else None,
    )


def whole_losses(model: TrackFormer, name: str, step: str, **changes: float) -> ClipLoss:
    """Of a clip of two frames, with the track queries that follow from the seed in `step`."""
    recording, dtype = read_recording(name), next(model.parameters()).dtype
    targets = read_recording("training_steps")[name]["targets"]
    clip = Clip(
        images=(previous_images(recording, dtype), recorded_images(recording, dtype)),
        targets=(
            tuple(target_of(each["prev_target"]) for each in targets),
            tuple(target_of(each) for each in targets),
        ),
    )
    track_queries = TrackQuerySettings(
        drop_rate=0.4,
        false_positive_rate=0.5,
        carry_gradient=step.endswith("_backprop"),
        compatibility="reference",
    )
    seed = int(step.removeprefix("train_seed").removesuffix("_backprop"))
    return _losses(model, name, clip, track_queries, seed, **changes)


def frame_losses(model: TrackFormer, name: str) -> ClipLoss:
    """Of one frame, without track queries."""
    dtype = next(model.parameters()).dtype
    targets = tuple(target_of(each) for each in read_recording("detection_steps")[name]["targets"])
    clip = Clip((recorded_images(read_recording(name), dtype),), (targets,))
    return _losses(model, name, clip, TrackQuerySettings(), seed=0)


def _losses(
    model: TrackFormer,
    name: str,
    clip: Clip,
    track_queries: TrackQuerySettings,
    seed: int,
    **changes: float,
) -> ClipLoss:
    has_no_object_class = name.startswith("detr") or "vanilla" in name
    weight = class_weight(name)
    loss = LossSettings(
        classification="cross_entropy" if has_no_object_class else "focal", class_weight=weight
    )
    settings = ClipLossSettings(
        track_queries, MatchingSettings(class_cost=weight), loss.model_copy(update=changes)
    )
    return clip_loss(model, clip, settings, torch.Generator().manual_seed(seed), unchanged)


def class_weight(name: str) -> float:
    return 1.0 if name.startswith("detr") or "vanilla" in name else 2.0


def target_of(published: dict[str, Any]) -> Target:
    count = len(published["labels"])
    return Target(
        boxes=published["boxes"],
        labels=published["labels"],
        track_ids=published.get("track_ids", torch.arange(count)),
        visibility=torch.ones(count),
        ignore_boxes=torch.zeros(0, 4),
    )


def unchanged(count: Tensor) -> Tensor:
    """The mean over one process."""
    return count


def gradient_norms(
    model: TrackFormer, name: str, published_names: Iterable[str]
) -> dict[str, float]:
    """Of our parameters under the names that the published code has for them."""
    weights = published_weights(name)
    names = list(weights)
    # Every published tensor holds its own number, which tells where it goes.
    numbered = {each: torch.full_like(weights[each], i) for i, each in enumerate(names)}
    squares = dict.fromkeys(names, 0.0)
    gradients = {key: each.grad for key, each in model.named_parameters()}
    for key, numbers in from_published_trackformer(numbered).items():
        if gradients.get(key) is not None:
            # As the recordings: in float32 this norm of a million numbers is off by 1e-4 itself.
            squares[names[int(numbers.flatten()[0])]] += gradients[key].norm().item() ** 2
    # Of heads that the decoder refers to as well, the first name is the stored one.
    stored = {each: REPEATED.sub("", each) for each in published_names}
    return {each: squares[stored[each]] ** 0.5 for each in published_names}


def gradient_of_all(model: TrackFormer) -> float:
    return norm_of(
        {
            name: each.grad.norm().item()
            for name, each in model.named_parameters()
            if each.grad is not None
        }
    )


def norm_of(norms: dict[str, float]) -> float:
    """Of all together."""
    return math.hypot(*norms.values())
