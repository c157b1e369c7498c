"""Which model a published file's tensors belong to, and what only its arguments tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ConfigDict, PositiveInt
from torch import Tensor

from trackformer.checkpoints.coco_classes import NO_CATEGORY, coco_names_by_id
from trackformer.config import Settings
from trackformer.errors import CheckpointError
from trackformer.models.settings import (
    BackboneSettings,
    DeformableDetrSettings,
    DetrSettings,
    ModelSettings,
)

TRACKFORMER_KEYS = frozenset({"tracking", "deformable", "focal_loss"})
"""Arguments that only TrackFormer's published training script has."""
DETECTOR_KEYS = frozenset({"dataset_file", "remove_difficult"})
"""Arguments that only the two published detectors' training scripts have."""
TRACKFORMER_CLASSES = 20
"""Classes of TrackFormer's pedestrian models; all but the first were never trained."""
PUBLISHED_TRACKER = {
    "birth_score": 0.4,
    "keep_score": 0.4,
    "reid_score": 0.4,
    "patience": 5,
    "track_nms_iou": 0.9,
    "birth_nms_iou": 0.9,
    "motion": 0.0,
}
"""What TrackFormer's results were made with, re-identification included; its reference boxes never
move on, in training neither."""
NUM_SHOWN_NAMES = 4
ENCODER_OFFSETS = "transformer.encoder.layers.0.self_attn.sampling_offsets.bias"
MASK_HEAD = "mask_head.lay1.weight"
DECODER_OFFSETS = "transformer.decoder.layers.0.cross_attn.sampling_offsets.bias"

ResNetName = Literal["resnet18", "resnet34", "resnet50", "resnet101"]
Classification = Literal["softmax", "sigmoid"]
MultiFrame = Literal["none", "separate_encoder", "joint_encoder"]


class PublishedArguments(Settings):
    """What shapes do not tell; the defaults are those of the published training scripts."""

    model_config = ConfigDict(extra="ignore")

    nheads: PositiveInt = 8
    num_queries: PositiveInt = 300
    """Read for two-stage models only; others have a tensor of this many rows."""
    dilation: bool = False
    dropout: float = 0.1
    focal_loss: bool | None = None
    """TrackFormer: sigmoid instead of softmax; absent: as usual for the architecture."""
    multi_frame_encoding: bool | None = None
    """TrackFormer on two frames: positions in time, too; absent: where the size allows it."""
    overflow_boxes: bool = True
    """TrackFormer: boxes may reach beyond the image; absent: as for its pedestrian models."""


@dataclass(frozen=True, slots=True, eq=False)
class PublishedWeights:
    """The tensors of one published file, and what else is known about it."""

    tensors: Mapping[str, Tensor]
    """Under the published names, without prefixes of wrappers."""
    arguments: PublishedArguments
    is_trackformer: bool
    """Trained by TrackFormer's published code, which differs from the two detectors'."""
    where: str
    """Begins the message of an error."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; CheckpointError if it is missing."""
        if name not in self.tensors:
            raise CheckpointError(f"{self.where}: no tensor {name!r}")
        return tuple(self.tensors[name].shape)

    def rows(self, name: str) -> int:
        """The first axis of a tensor; CheckpointError if it is missing or a single number."""
        shape = self.shape(name)
        if not shape:
            raise CheckpointError(f"{self.where}: expected rows in tensor {name!r}, got a number")
        return shape[0]


def settings_of(weights: PublishedWeights) -> ModelSettings:
    """Settings that build the model of `weights`.

    Raises:
        CheckpointError: It is none of the models known here; the message lists what was found.
    """
    names = weights.tensors.keys()
    if {"class_embed.weight", "transformer.decoder.norm.weight"} <= names:
        return _detr(weights)
    if {"class_embed.0.weight", "transformer.level_embed"} <= names:
        return _deformable_detr(weights)
    shown = ", ".join(name[:80] for name in sorted(names)[:NUM_SHOWN_NAMES]) or "none"
    raise CheckpointError(
        f"{weights.where}: expected DETR (class_embed.weight, transformer.decoder.norm.weight), "
        "Deformable DETR or TrackFormer (class_embed.0.weight, transformer.level_embed); "
        f"got {len(names)} tensors: {shown}{', ...' if len(names) > NUM_SHOWN_NAMES else ''}"
    )


def trained_by_trackformer(arguments: Set[str], tensors: Mapping[str, Tensor]) -> bool:
    """Whether TrackFormer's code wrote a file; where arguments do not tell, its class head does."""
    if arguments & TRACKFORMER_KEYS:
        return True
    if arguments & DETECTOR_KEYS:
        return False
    heads = [tensors[n] for n in ("class_embed.weight", "class_embed.0.weight") if n in tensors]
    sizes = (TRACKFORMER_CLASSES, TRACKFORMER_CLASSES + 1)
    return any(head.ndim == 2 and len(head) in sizes for head in heads)


def count_layers(names: Set[str], prefix: str) -> int:
    """How many numbered parts there are below `prefix`: `prefix`0., `prefix`1., ...

    >>> count_layers({"layers.0.a", "layers.1.a", "layers.1.b"}, "layers.")
    2
    """
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    return len({match[1] for name in names if (match := pattern.match(name))})


def resnet_name(names: Set[str], prefix: str, where: str) -> ResNetName:
    """Which ResNet has parameters named `prefix`layer1.0.conv1.weight and so on.

    Raises:
        CheckpointError: None of the known ones.
    """
    blocks = tuple(count_layers(names, f"{prefix}layer{stage}.") for stage in (1, 2, 3, 4))
    has_bottleneck = f"{prefix}layer1.0.conv3.weight" in names
    known: dict[tuple[tuple[int, ...], bool], ResNetName] = {
        ((2, 2, 2, 2), False): "resnet18",
        ((3, 4, 6, 3), False): "resnet34",
        ((3, 4, 6, 3), True): "resnet50",
        ((3, 4, 23, 3), True): "resnet101",
    }
    if (blocks, has_bottleneck) not in known:
        raise CheckpointError(
            f"{where}: expected a backbone of {', '.join(known.values())}, got a network with "
            f"{blocks} blocks in its stages"
        )
    return known[blocks, has_bottleneck]


def _detr(weights: PublishedWeights) -> ModelSettings:
    names, arguments = weights.tensors.keys(), weights.arguments
    classification: Classification = "sigmoid" if arguments.focal_loss else "softmax"
    num_queries, embedding_size = _two_axes(weights, "query_embed.weight")
    sine: Literal["sine", "sine_centred"] = "sine_centred" if weights.is_trackformer else "sine"
    has_learned_positions = "backbone.1.row_embed.weight" in names
    return ModelSettings(
        detector=DetrSettings(
            backbone=_backbone(weights),
            embedding_size=embedding_size,
            num_heads=arguments.nheads,
            num_encoder_layers=count_layers(names, "transformer.encoder.layers."),
            num_decoder_layers=count_layers(names, "transformer.decoder.layers."),
            feedforward_size=weights.rows("transformer.decoder.layers.0.linear1.weight"),
            dropout=arguments.dropout,
            num_queries=num_queries,
            pre_norm="transformer.encoder.norm.weight" in names,
            position_encoding="learned" if has_learned_positions else sine,
            classification=classification,
            masks=MASK_HEAD in names,
        ),
        class_names=_class_names(weights, weights.rows("class_embed.weight"), classification),
        tracker=_tracker(weights),
    )


def _deformable_detr(weights: PublishedWeights) -> ModelSettings:
    names, arguments = weights.tensors.keys(), weights.arguments
    two_stage = "transformer.enc_output.weight" in names
    num_queries = arguments.num_queries if two_stage else weights.rows("query_embed.weight")
    classification: Classification = "softmax" if arguments.focal_loss is False else "sigmoid"
    num_levels = count_layers(names, "input_proj.")
    num_decoder_levels, embedding_size = _two_axes(weights, "transformer.level_embed")
    multi_frame: MultiFrame = "none"
    if num_decoder_levels == 2 * num_levels:
        # An encoder that sees both frames has as many offsets as the decoder.
        is_joint = weights.rows(ENCODER_OFFSETS) == weights.rows(DECODER_OFFSETS)
        multi_frame = "joint_encoder" if is_joint else "separate_encoder"
    # One offset has an x and a y, for every head and level.
    num_offsets_per_point = max(1, 2 * arguments.nheads * num_decoder_levels)
    return ModelSettings(
        detector=DeformableDetrSettings(
            backbone=_backbone(weights),
            embedding_size=embedding_size,
            num_heads=arguments.nheads,
            num_encoder_layers=count_layers(names, "transformer.encoder.layers."),
            num_decoder_layers=count_layers(names, "transformer.decoder.layers."),
            feedforward_size=weights.rows("transformer.decoder.layers.0.linear1.weight"),
            dropout=arguments.dropout,
            num_queries=num_queries,
            num_levels=num_levels,
            num_points=weights.rows(DECODER_OFFSETS) // num_offsets_per_point,
            position_encoding=_deformable_positions(weights, embedding_size, multi_frame),
            box_refinement=count_layers(names, "transformer.decoder.bbox_embed.") > 0,
            two_stage=two_stage,
            multi_frame=multi_frame,
            merge_features="merge_features.0.weight" in names,
            compatibility="reference" if weights.is_trackformer else "none",
            classification=classification,
            masks=MASK_HEAD in names,
        ),
        class_names=_class_names(weights, weights.rows("class_embed.0.weight"), classification),
        tracker=_tracker(weights),
    )


def _deformable_positions(
    weights: PublishedWeights, embedding_size: int, multi_frame: MultiFrame
) -> Literal["sine", "sine_time", "learned"]:
    if "backbone.1.row_embed.weight" in weights.tensors:
        return "learned"
    has_time = weights.arguments.multi_frame_encoding
    if has_time is None:
        # Time, row and column each get an even share of the channels.
        has_time = embedding_size % 6 == 0
    return "sine_time" if has_time and multi_frame != "none" else "sine"


def _tracker(weights: PublishedWeights) -> dict[str, Any]:
    """Of a tracker: the published thresholds. Detectors are not known to track: our defaults."""
    if not weights.is_trackformer:
        return {}
    return {**PUBLISHED_TRACKER, "clip_boxes": not weights.arguments.overflow_boxes}


def _backbone(weights: PublishedWeights) -> BackboneSettings:
    name = resnet_name(weights.tensors.keys(), "backbone.0.body.", weights.where)
    return BackboneSettings(name=name, dilation=weights.arguments.dilation)


def _two_axes(weights: PublishedWeights, name: str) -> tuple[int, int]:
    shape = weights.shape(name)
    if len(shape) != 2:
        raise CheckpointError(f"{weights.where}: expected a matrix in {name!r}, got shape {shape}")
    return shape[0], shape[1]


def _class_names(
    weights: PublishedWeights, num_logits: int, classification: Classification
) -> tuple[str, ...]:
    num_classes = num_logits - (classification == "softmax")
    by_id = coco_names_by_id()
    if weights.is_trackformer:
        if num_classes == TRACKFORMER_CLASSES:
            return ("person", *[NO_CATEGORY] * (TRACKFORMER_CLASSES - 1))
        # Its COCO labels are category ids less one, which leaves the last index without one.
        by_id = (*by_id[1:], NO_CATEGORY)
    if num_classes < len(by_id):
        return tuple(f"class {index}" for index in range(num_classes))
    # Panoptic models go on with the ids of COCO's stuff categories.
    return (*by_id, *(f"category {index}" for index in range(len(by_id), num_classes)))
