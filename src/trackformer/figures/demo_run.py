"""The bundled clip and what the bundled model answers on it: what pictures of real frames show."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, to_relative_cxcywh
from trackformer.checkpoints.load import load_model
from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.formats.mot.reading import read_mot_ground_truth
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.inspecting.looks import Looks, decode_watched
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.tracing.reading import TRACE_NAME, open_trace_file
from trackformer.tracking.tracing.records import RunNames, TracedFrame, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import Tracker, settings_for
from trackformer.types import Memory, ModelOutput, Target, TrackQueries
from trackformer.video.sources import open_source

MODEL: Final = "nano"
TRACKED: Final = 31
"""Frames that are tracked: all that pictures show."""

Pixels = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """One frame, asked without track queries."""

    pixels: Pixels
    backbone: Float[Tensor, "1 C h w"]
    """The map that the encoder reads."""
    memory: Memory
    output: ModelOutput
    """Of all decoder layers."""
    looks: Looks
    people: Target
    """Who is annotated."""

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) in pixels."""
        height, width = self.pixels.shape[:2]
        return float(width), float(height)

    def strength(self, level: int) -> Float[Tensor, "h w"]:
        """How strong the encoder's answer is in every cell of a level: the length of its token."""
        sizes = [height * width for height, width in self.memory.level_shapes]
        tokens = torch.split(self.memory.tokens[0], sizes)[level]
        strength: Tensor = tokens.norm(dim=-1).view(self.memory.level_shapes[level])
        return strength

    def corners(self, boxes: Float[Tensor, "*rows 4"]) -> Float[np.ndarray, "*rows 4"]:
        """Relative cxcywh as (left, top, right, bottom) in pixels."""
        corners: Float[np.ndarray, "*rows 4"] = cxcywh_to_xyxy(boxes).numpy() * np.tile(
            np.array(self.size), 2
        )
        return corners


class DemoRun:
    """Frames, model and tracks, each made when a picture first wants it."""

    @cached_property
    def model(self) -> TrackFormer:
        """The bundled weights, with the answers of every decoder layer."""
        return optimize_for_inference(load_model(MODEL), every_layer=True)

    @cached_property
    def frames(self) -> tuple[Pixels, ...]:
        """The whole clip, RGB."""
        with clip_file() as path, open_source(path) as source:
            return tuple(frame.pixels for frame in source)

    @cached_property
    def truth(self) -> AnnotatedSequence:
        """The clip's annotation."""
        with ground_truth_file() as path:
            return read_mot_ground_truth(path)

    @cached_property
    def tracked(self) -> Mapping[int, TracedFrame]:
        """What was asked, answered and decided in the first frames, by their index."""
        settings = settings_for(self.model)
        header = TraceHeader(
            RunNames(),
            settings.model_dump(mode="json"),
            ("person",),
            self.model.embedding_size,
            None,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / TRACE_NAME
            with Trace(path, header) as trace:
                tracker = Tracker(self.model, settings, trace=trace)
                for pixels in self.frames[:TRACKED]:
                    tracker.update(pixels)
            return {frame.frame_index: frame for frame in open_trace_file(path).frames()}

    def people(self, frame_index: int) -> Target:
        """Who is annotated in a frame."""
        annotated = self.truth.frames[frame_index]
        height, width = self.frames[frame_index].shape[:2]
        boxes = torch.from_numpy(annotated.boxes_xyxy).float()
        return Target(
            boxes=to_relative_cxcywh(boxes, (height, width)),
            labels=torch.zeros(len(boxes), dtype=torch.long),
            track_ids=torch.from_numpy(annotated.track_ids).long(),
            visibility=torch.ones(len(boxes)),
            ignore_boxes=torch.zeros(0, 4),
        )

    def answered(self, frame_index: int) -> Answered:
        """Ask the object queries alone, as in the first frame of a video."""
        pixels = self.frames[frame_index]
        with torch.inference_mode(), _heard(self.model) as backbone:
            memory = self.model.encode(prepare_frame(self.model, pixels).images)
        nobody = TrackQueries(
            torch.zeros(1, 0, self.model.embedding_size),
            torch.zeros(1, 0, 4),
            torch.zeros(1, 0, dtype=torch.bool),
        )
        output, looks = decode_watched(self.model, memory, nobody)
        return Answered(pixels, backbone[0], memory, output, looks, self.people(frame_index))


@contextmanager
def _heard(model: TrackFormer) -> Iterator[list[Tensor]]:
    """What the backbone answers while the block runs."""
    heard: list[Tensor] = []
    handle = model.get_submodule("detector.network.conv_encoder").register_forward_hook(
        lambda _module, _images, maps: heard.append(maps[0].float())
    )
    try:
        yield heard
    finally:
        handle.remove()
