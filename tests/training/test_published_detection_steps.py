"""One frame without tracks: its losses over all layers and stages, and every gradient."""

import pytest
import torch
from torch import Tensor

from golden.published_models import published_trackformer
from golden.recordings import read_recording, recorded_images
from trackformer.models.trackformer import TrackFormer
from trackformer.training.clip_loss import ClipLoss, ClipLossSettings, clip_loss
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import Clip
from training.test_published_training import DETECTION, gradient_norms, targets_of

TRACKING = [
    "trackformer_vanilla_small",
    "trackformer_deformable_singleframe_small",
    "trackformer_deformable_multiframe_small",
    "trackformer_deformable_mergefeatures_small",
]


@pytest.mark.parametrize("name", DETECTION)
def test_a_detector_has_the_published_loss_and_gradients(name):
    published = read_recording("detection_steps")[name]
    model = published_trackformer(name)
    model.zero_grad()

    losses = losses_of(model, name)
    losses.total.backward()

    assert losses.total.item() == pytest.approx(published["loss_total"], rel=1e-5)
    norms = gradient_norms(model, name, published["grad_norms"].keys())
    # Most are within 2e-3; sampling offsets of two images are what rounding changes most.
    assert norms == pytest.approx(published["grad_norms"], rel=2e-2, abs=1e-4)
    total = torch.tensor(list(norms.values())).norm()
    expected = torch.tensor(list(published["grad_norms"].values())).norm()
    torch.testing.assert_close(total, expected, rtol=2e-3, atol=0)


@pytest.mark.parametrize("name", TRACKING)
@torch.no_grad()
def test_evaluated_trackers_have_the_published_loss_of_object_queries_alone(name):
    published = read_recording("detection_steps")[name]
    losses = losses_of(published_trackformer(name), name)
    assert losses.total.item() == pytest.approx(published["loss_total"], rel=1e-5)


def losses_of(model: TrackFormer, name: str) -> ClipLoss:
    has_no_object_class = name.startswith("detr") or "vanilla" in name
    weight = 1.0 if has_no_object_class else 2.0
    settings = ClipLossSettings(
        TrackQuerySettings(),
        MatchingSettings(class_cost=weight),
        LossSettings(
            classification="cross_entropy" if has_no_object_class else "focal", class_weight=weight
        ),
    )
    targets = tuple(targets_of(read_recording("detection_steps")[name]))
    clip = Clip((recorded_images(read_recording(name)),), (targets,))
    return clip_loss(model, clip, settings, torch.Generator(), unchanged)


def unchanged(count: Tensor) -> Tensor:
    return count
