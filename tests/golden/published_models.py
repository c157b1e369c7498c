"""Our models with the published settings and weights of a recording."""

import copy
import functools
from typing import Any

import torch
from torch import nn

from golden.recordings import published_weights, read_recording
from trackformer.checkpoints.published.names import (
    from_published_deformable_detr,
    from_published_detr,
    from_published_trackformer,
)
from trackformer.models.build import build_model
from trackformer.models.deformable_detr import DeformableDetr
from trackformer.models.detr import Detr
from trackformer.models.settings import (
    BackboneSettings,
    DeformableDetrSettings,
    DetrSettings,
    ModelSettings,
)
from trackformer.models.trackformer import TrackFormer


def published_detector(name: str) -> nn.Module:
    recording = read_recording(name)
    num_logits = outputs_of(recording)["pred_logits"].shape[-1]
    settings = published_settings(name)
    if isinstance(settings, DeformableDetrSettings):
        deformable = DeformableDetr(settings, num_logits)
        deformable.load_state_dict(from_published_deformable_detr(published_weights(name)))
        return deformable.eval()
    detr = Detr(settings, num_logits - 1)
    detr.load_state_dict(from_published_detr(published_weights(name)))
    return detr.eval()


@functools.cache
def published_trackformer(name: str, **changes: Any) -> TrackFormer:
    num_logits = outputs_of(read_recording(name))["pred_logits"].shape[-1]
    detector = published_settings(name).model_copy(update=changes)
    num_classes = num_logits - (detector.classification == "softmax")
    class_names = tuple(f"class {index}" for index in range(num_classes))
    model = build_model(ModelSettings(detector=detector, class_names=class_names))
    model.load_state_dict(from_published_trackformer(published_weights(name)))
    return model.eval()


def in_precision(name: str, dtype: torch.dtype) -> TrackFormer:
    """A copy of the published model; in float64 no processor's kernels make a difference."""
    return copy.deepcopy(published_trackformer(name)).to(dtype)


def published_settings(name: str) -> DetrSettings | DeformableDetrSettings:
    args = read_recording(name)["args"]
    sizes = {
        "backbone": BackboneSettings(dilation=args["dilation"]),
        "embedding_size": args["hidden_dim"],
        "num_heads": args["nheads"],
        "num_encoder_layers": args["enc_layers"],
        "num_decoder_layers": args["dec_layers"],
        "feedforward_size": args["dim_feedforward"],
        "num_queries": args["num_queries"],
        "masks": args.get("masks", False),
        # The recordings were made without.
        "dropout": 0.0,
    }
    is_trackformer = "trackformer" in name
    if "deformable" in name:
        return DeformableDetrSettings(
            **sizes,
            num_levels=args["num_feature_levels"],
            box_refinement=args["with_box_refine"],
            two_stage=args["two_stage"],
            compatibility="reference" if is_trackformer else "none",
            **(multi_frame_settings(args) if is_trackformer else {}),
        )
    return DetrSettings(
        **sizes,
        pre_norm=args["pre_norm"],
        position_encoding="sine_centred" if is_trackformer else "sine",
    )


def multi_frame_settings(args: dict[str, Any]) -> dict[str, Any]:
    merge = {"merge_features": args.get("merge_frame_features", False)}
    if not args.get("multi_frame_attention", False):
        return merge
    is_separate = args["multi_frame_attention_separate_encoder"]
    return merge | {
        "multi_frame": "separate_encoder" if is_separate else "joint_encoder",
        "position_encoding": "sine_time" if args["multi_frame_encoding"] else "sine",
    }


def outputs_of(recording: dict[str, Any]) -> dict[str, Any]:
    return recording["no_track"]["outputs"] if "no_track" in recording else recording["outputs"]
