"""Recorded answers to one frame or two, and our model's answers to the same frames.

Ours in float64: then they are the same on every processor, and what is left of a difference is the
recording's own float32 rounding (`spread.py` says how much that may be).
"""

from typing import Any

import torch
from torch import Tensor

from golden.recordings import (
    all_layers,
    previous_images,
    read_recording,
    recorded_images,
    recorded_tracks,
)
from golden.spread import Numbers
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, ModelOutput

DETECTORS = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "detr_r50_small_segm_panoptic",
    "deformable_r50_small",
    "deformable_r50_small_refine",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
TRACKFORMERS = [
    "trackformer_vanilla_small",
    "trackformer_vanilla_segm_small",
    "trackformer_deformable_singleframe_small",
    "trackformer_deformable_multiframe_small",
    "trackformer_deformable_mergefeatures_small",
]
OF_TWO_FRAMES = TRACKFORMERS[3:]
RUNS = [
    *((name, "no_track") for name in DETECTORS + TRACKFORMERS),
    ("deformable_r50_small_refine_twostage", "proposals"),
    *((name, "with_track") for name in TRACKFORMERS),
    *((name, "with_track_overflow_ref") for name in TRACKFORMERS[2:]),
    *(
        (name, run)
        for run in ("prev_frame", "with_track_prevfeat_none", "with_track_prev_padding_differs")
        for name in OF_TWO_FRAMES
    ),
]
"""Models and what they were asked."""


@torch.no_grad()
def answer(model: TrackFormer, name: str, run: str) -> Numbers:
    """Our numbers of one of `RUNS`, in the model's precision."""
    recording, dtype = read_recording(name), next(model.parameters()).dtype
    now = recorded_images(recording, dtype)
    if run == "no_track":
        return said(model, model(now))
    if run == "proposals":
        proposals = model.detector.object_queries(model.detector.encode(now)).proposals
        outputs = {"logits": proposals.class_logits[..., 0], "boxes": proposals.boxes}
        return Numbers(outputs=outputs)
    if run == "prev_frame":
        return said(model, model(previous_images(recording, dtype)))
    return _of_two_frames(model, recording, run, now)


def _of_two_frames(model: TrackFormer, recording: dict[str, Any], run: str, now: Images) -> Numbers:
    dtype = now.pixels.dtype
    tracks = recorded_tracks(recording["with_track"], dtype)
    previous = previous_images(recording, dtype)
    if run == "with_track_prevfeat_none":
        return said(model, model(now, tracks))
    if run == "with_track_overflow_ref":
        tracks.boxes[:, 0] = torch.tensor([-0.05, 1.08, 0.3, 0.4])
    if run == "with_track_prev_padding_differs":
        tracks = recorded_tracks(recording[run], dtype)
        sizes = {"image_sizes": recording[run]["prev_image_sizes"]}
        previous = previous_images(recording | sizes, dtype)
    before = model(previous)
    numbers = said(model, model(now, tracks, before))
    also = {"logits before": before.class_logits[-1]}
    if run == "with_track":
        rows = recording[run]["selected_prev_queries"]
        also = {"carried": torch.stack([before.embeddings[i, row] for i, row in enumerate(rows)])}
    return Numbers(outputs={**numbers.outputs, **also})


def recorded_answer(name: str, run: str) -> Numbers:
    recording = read_recording(name)
    if run == "no_track":
        return Numbers(outputs=_recorded(recording.get(run, recording)["outputs"]))
    if run == "proposals":
        published = recording["enc_outputs"]
        logits, boxes = published["pred_logits_class0"], published["pred_boxes"]
        return Numbers(outputs={"logits": logits, "boxes": boxes})
    outputs = _recorded(recording[run]["outputs"])
    if run == "with_track":
        outputs["carried"] = recorded_tracks(recording[run]).embeddings
    if run == "with_track_prev_padding_differs":
        outputs["logits before"] = recording[run]["prev_pred_logits"]
    return Numbers(outputs=outputs)


def said(model: TrackFormer, output: ModelOutput) -> Numbers:
    """All that a model's answer may be compared in."""
    outputs = {
        "logits": output.class_logits,
        "boxes": output.boxes,
        "last logits": output.class_logits[-1],
        "last boxes": output.boxes[-1],
        # What is carried into the next frame: for plain DETR from before the final LayerNorm.
        "embeddings": output.embeddings,
    }
    if model.predicts_masks:
        outputs["masks"] = model.with_masks(output).masks[:, ::3]
    return Numbers(outputs=outputs)


def _recorded(published: dict[str, Any]) -> dict[str, Tensor]:
    if "aux_outputs" in published:
        found = {"logits": all_layers(published, "pred_logits")}
        found |= {"boxes": all_layers(published, "pred_boxes")}
    else:
        found = {"last logits": published["pred_logits"], "last boxes": published["pred_boxes"]}
    also = {"embeddings": "hs_embed", "masks": "pred_masks_sub"}
    return found | {ours: published[key] for ours, key in also.items() if key in published}
