"""A seed gives the published training step: two frames, random track queries, losses, gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor

from golden.published_models import published_trackformer
from golden.recordings import read_recording, recorded_images
from models.test_trackformer_parity import previous_images
from trackformer.training.clip_loss import ClipLoss, clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import Clip, Target
from training.test_published_training import gradient_norms

PLAIN = "trackformer_vanilla_small"
STEPS = [
    (PLAIN, "train_seed0"),
    (PLAIN, "train_seed1"),
    ("trackformer_deformable_singleframe_small", "train_seed2"),
    ("trackformer_deformable_multiframe_small", "train_seed1"),
    ("trackformer_deformable_multiframe_small", "train_seed0_backprop"),
    ("trackformer_deformable_mergefeatures_small", "train_seed0"),
]
TERMS = {
    "decoder_class": ("loss_ce", None),
    "decoder_l1": ("loss_bbox", 5.0),
    "decoder_giou": ("loss_giou", 2.0),
}
"""Our weighted sums over all layers, the published terms that they consist of, and weights."""


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_a_seed_gives_the_published_step(name, step):
    published = read_recording("training_steps")[name]
    model = published_trackformer(name)
    model.train().zero_grad()

    losses = step_of(name, step, published["targets"], LossSettings().lost_track_weight)
    losses.total.backward()
    model.eval()

    published = published[step]
    assert losses.total.item() == pytest.approx(published["loss_total"], rel=1e-5)
    for ours, (term, weight) in TERMS.items():
        layers = sum(value for key, value in published["losses"].items() if key.startswith(term))
        expected = layers * (weight or class_weight(name))
        assert losses.terms[ours].item() == pytest.approx(expected, rel=1e-4)
    norms = gradient_norms(model, name, published["grad_norms"].keys())
    assert norms == pytest.approx(published["grad_norms"], rel=5e-3)
    squares = [each.grad.square().sum() for each in model.parameters() if each.grad is not None]
    total = float(torch.stack(squares).sum().sqrt())
    assert total == pytest.approx(published["grad_norm_total"], rel=1e-3)


@torch.no_grad()
def test_lost_tracks_of_plain_detr_may_weigh_as_little_as_background():
    # Published: track_query_false_positive_eos_weight, on by default.
    targets = read_recording("training_steps")[PLAIN]["targets"]
    full, little = (step_of(PLAIN, "train_seed0", targets, weight) for weight in (1.0, 0.1))
    published = read_recording("training_steps")[PLAIN]["train_seed0"]["losses"]
    sums = sum(value for key, value in published.items() if key.startswith("loss_ce"))
    assert full.terms["decoder_class"].item() == pytest.approx(sums, rel=1e-5)
    assert little.terms["decoder_class"].item() != pytest.approx(sums, rel=1e-2)


def step_of(
    name: str, step: str, targets: list[dict[str, Any]], lost_track_weight: float
) -> ClipLoss:
    recording = read_recording(name)
    clip = Clip(
        images=(previous_images(recording), recorded_images(recording)),
        targets=(
            tuple(target_of(each["prev_target"]) for each in targets),
            tuple(target_of(each) for each in targets),
        ),
    )
    weight = class_weight(name)
    settings = ClipLossSettings(
        TrackQuerySettings(
            drop_rate=0.4,
            false_positive_rate=0.5,
            carry_gradient=step.endswith("_backprop"),
            compatibility="reference",
        ),
        MatchingSettings(class_cost=weight),
        LossSettings(
            classification="cross_entropy" if name == PLAIN else "focal",
            class_weight=weight,
            lost_track_weight=lost_track_weight,
        ),
    )
    seed = int(step.removeprefix("train_seed").removesuffix("_backprop"))
    generator = torch.Generator().manual_seed(seed)
    return clip_loss(published_trackformer(name), clip, settings, generator, unchanged)


def class_weight(name: str) -> float:
    return 1.0 if name == PLAIN else 2.0


def target_of(published: dict[str, Tensor]) -> Target:
    count = len(published["labels"])
    return Target(
        boxes=published["boxes"],
        labels=published["labels"],
        track_ids=published["track_ids"],
        visibility=torch.ones(count),
        ignore_boxes=torch.zeros(0, 4),
    )


def unchanged(count: Tensor) -> Tensor:
    return count
