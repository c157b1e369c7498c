"""Masks and their losses equal those of the published code."""

import numpy as np
import pytest
import torch
from torch import Tensor

from golden.answers import answer, recorded_answer
from golden.published_models import in_precision, published_trackformer
from golden.recordings import published_weights, read_recording, recorded_images
from golden.spread import beyond_spread
from trackformer.checkpoints.published.names import from_published_detr
from trackformer.masks import mask_probabilities, masks_at
from trackformer.training.losses.masks import mask_losses
from trackformer.types import Target

PANOPTIC = "detr_r50_small_segm_panoptic"
TRACKING = "trackformer_vanilla_segm_small"
ORIGINAL_SIZE = 3
"""The images came at three times the size that the network saw."""


@pytest.mark.parametrize(
    ("name", "run"), [(PANOPTIC, "no_track"), (TRACKING, "no_track"), (TRACKING, "with_track")]
)
def test_masks_are_the_published_ones(name, run):
    ours, recorded = (
        answer(in_precision(name, torch.float64), name, run),
        recorded_answer(name, run),
    )
    assert "masks" in recorded.outputs
    assert not beyond_spread(f"{name}, {run}", ours, recorded)


def test_masks_in_pixels_are_the_published_ones():
    recording = read_recording(TRACKING)
    masks = every_mask(TRACKING)
    for image, (height, width) in enumerate(recording["image_sizes"]):
        probabilities = mask_probabilities(masks[image], (160, 224), (height, width))
        # Original pixels 0, 8, 16, ... show the network's pixels 0, 2, 5, ...
        rows, columns = (
            torch.arange(0, side * ORIGINAL_SIZE, 8) // ORIGINAL_SIZE for side in (height, width)
        )
        ours = probabilities[0:6:3, rows][..., columns]
        recorded = recording["segm_probs_sub"][image]
        torch.testing.assert_close(ours, recorded, atol=1e-5, rtol=0)
        original = (height * ORIGINAL_SIZE, width * ORIGINAL_SIZE)
        areas = masks_at(probabilities, original).flatten(1).sum(1)
        published = recording["segm_binary_area"][image]
        # Pixels within rounding of 0.5 may fall on the other side: nine original ones each.
        assert (areas - published).abs().max() <= 4 * ORIGINAL_SIZE**2


def test_masks_of_detr_in_pixels_are_the_published_ones():
    recording, all_masks = read_recording(PANOPTIC), every_mask(PANOPTIC)
    for image, (height, width) in enumerate(recording["image_sizes"]):
        original = (height * ORIGINAL_SIZE, width * ORIGINAL_SIZE)
        probabilities = mask_probabilities(all_masks[image], (160, 224), (height, width))
        masks = masks_at(probabilities, original)
        published = recording["segm_results_packed"][image]
        difference = masks[:2, None, ::4, ::4] ^ published["first2_sub4"].bool()
        assert difference.sum() <= 2
        areas = masks.flatten(1).sum(1)
        assert (areas - published["masks_u8_sum"]).abs().max() <= 4 * ORIGINAL_SIZE**2


def test_mask_losses_and_gradients_are_the_published_ones():
    recording = read_recording(PANOPTIC)
    model = in_precision(PANOPTIC, torch.float64)
    output = model(recorded_images(recording, torch.float64))
    index = torch.full(output.is_padding.shape, -1)
    for image, (queries, targets) in enumerate(recording["matcher_indices"]):
        index[image, queries] = targets

    losses = mask_losses(model, output, index, targets_of(recording), num_objects=8.0)
    (losses.focal + losses.dice).backward()

    torch.testing.assert_close(losses.focal.float(), recording["losses"]["loss_mask"])
    torch.testing.assert_close(losses.dice.float(), recording["losses"]["loss_dice"])
    gradients = {name: each.grad for name, each in model.detector.named_parameters()}
    for name, norm in recording["grad_norms"].items():
        if name.startswith(("mask_head.", "bbox_attention.")):
            ours = next(iter(from_published_detr({name: torch.zeros(1)})))
            # Some are zero but for rounding, which is 1e-8 in the recording's float32.
            norms = gradients[ours].norm().item(), norm
            assert norms[0] == pytest.approx(norms[1], rel=1e-3, abs=2e-8), name


def test_every_published_weight_has_its_place():
    ours = published_trackformer(PANOPTIC).detector.state_dict().keys()
    assert from_published_detr(published_weights(PANOPTIC)).keys() == ours


@torch.no_grad()
def every_mask(name: str) -> Tensor:
    model = in_precision(name, torch.float64)
    return model.with_masks(model(recorded_images(read_recording(name), torch.float64))).masks


def targets_of(recording: dict) -> list[Target]:
    targets = []
    for each in recording["targets"]:
        shape = (len(each["labels"]), *each["size"].tolist())
        bits = np.unpackbits(each["mask_bits"].numpy(), count=int(np.prod(shape)))
        targets.append(
            Target(
                boxes=each["boxes"],
                labels=each["labels"],
                track_ids=torch.arange(len(each["labels"])),
                visibility=torch.ones(len(each["labels"])),
                ignore_boxes=torch.zeros(0, 4),
                masks=torch.from_numpy(bits.reshape(shape)).bool(),
            )
        )
    return targets
