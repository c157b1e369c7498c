"""Recorded steps in which the track queries are given, too: assignment, losses, gradients."""

from typing import Any

import torch
from torch import Tensor

from golden.published_models import in_precision
from golden.recordings import previous_images, read_recording, recorded_images
from golden.spread import Numbers
from golden.steps import gradient_norms, gradient_of_all, target_of
from trackformer.training.losses.set_prediction import set_prediction_loss
from trackformer.training.matching import match
from trackformer.training.settings import LossSettings, MatchingSettings
from trackformer.types import ModelOutput, Target, TrackQueries

STEPS = [
    ("trackformer_deformable_singleframe_small", "train_seed0"),
    ("trackformer_deformable_mergefeatures_small", "train_seed0"),
    ("trackformer_deformable_multiframe_small", "train_seed0"),
    ("trackformer_deformable_multiframe_small", "train_seed0_backprop"),
]
TERMS = {"classification": "loss_ce", "l1": "loss_bbox", "giou": "loss_giou"}
"""Our terms of a layer's losses, and the published ones."""


def given_tracks_step(
    name: str, step: str, dtype: torch.dtype = torch.float64
) -> tuple[Numbers, Tensor]:
    """Our numbers of one of `STEPS`, and which target every query of every layer has."""
    recording = read_recording(name)
    published = read_recording("trackformer_training")[name]
    targets, published = [target_of(each) for each in published["targets"]], published[step]
    model = in_precision(name, dtype).train()
    model.zero_grad()
    with torch.set_grad_enabled(published["backprop_prev_frame"]):
        before = model(previous_images(recording, dtype))
    tracks = tracks_of(published["targets_out"], before)
    output = model(recorded_images(recording, dtype), tracks, before)
    target_index = match(output, targets, carried_of(published["targets_out"]), MatchingSettings())
    terms, total = layer_losses(output, target_index, targets, LossSettings())
    total.backward()
    numbers = Numbers(
        loss=total.item(),
        terms=[terms[key].item() for key in sorted(terms)],
        gradients=gradient_norms(model, name, published["grad_norms"]),
        gradient=gradient_of_all(model),
        outputs={"last logits": output.class_logits[-1]},
    )
    return numbers, target_index


def recorded_given_tracks_step(name: str, step: str) -> Numbers:
    published = read_recording("trackformer_training")[name][step]
    losses = published["losses"]
    keys = sorted(key for key in losses if key.startswith(tuple(TERMS.values())))
    return Numbers(
        loss=float(published["loss_total"]),
        terms=[float(losses[key]) for key in keys],
        gradients=published["grad_norms"],
        gradient=float(published["grad_norm_total"]),
        outputs={"last logits": published["pred_logits"]},
    )


def layer_losses(
    output: ModelOutput, target_index: Tensor, targets: list[Target], settings: LossSettings
) -> tuple[dict[str, Tensor], Tensor]:
    """Every layer's terms by their published names; the weighted sum over all layers."""
    num_objects = float(sum(len(target.labels) for target in targets))
    terms, layers = {}, []
    for layer in range(len(output.boxes)):
        only = slice(layer, layer + 1)
        losses = set_prediction_loss(
            output.class_logits[only],
            output.boxes[only],
            target_index[only],
            targets,
            num_objects,
            settings,
        )
        suffix = "" if layer == len(output.boxes) - 1 else f"_{layer}"
        terms |= {key + suffix: getattr(losses, term) for term, key in TERMS.items()}
        layers.append(losses.total(settings))
    return terms, torch.stack(layers).sum()


def tracks_of(published: list[dict[str, Tensor]], before: ModelOutput) -> TrackQueries:
    """The recorded track queries, with the gradient of our own output that they equal."""
    dtype = before.embeddings.dtype
    embeddings = torch.stack([each["track_query_hs_embeds"] for each in published]).to(dtype)
    boxes = torch.stack([each["track_query_boxes"] for each in published]).to(dtype)
    rows = torch.cdist(embeddings, before.embeddings.detach()).argmin(-1)
    ours = before.embeddings.gather(1, rows[..., None].expand_as(embeddings))
    # The recorded values: rounding of one frame would add to that of the next.
    ours = ours + (embeddings - ours).detach()
    return TrackQueries(ours, boxes, torch.zeros(boxes.shape[:2], dtype=torch.bool))


def carried_of(published: list[dict[str, Any]]) -> Tensor:
    """Target of every track query; -1 for those that must find nothing."""
    carried = torch.full((len(published), len(published[0]["track_query_boxes"])), -1)
    for image, each in enumerate(published):
        is_real = each["track_queries_mask"] & ~each["track_queries_fal_pos_mask"]
        carried[image, torch.nonzero(is_real)[:, 0]] = each["track_query_match_ids"]
    return carried
