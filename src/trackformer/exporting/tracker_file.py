"""A tracker as one ONNX file, compared with `Tracker` before it is handed over."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from trackformer.atomic_files import whole_file
from trackformer.demo_clip import clip_file
from trackformer.errors import CheckpointError, ConfigError
from trackformer.exporting.int8 import quantized
from trackformer.exporting.onnx_file import AS_IT_IS, Form, check_can_export, translated
from trackformer.exporting.tracker_graph import check_settings, with_tracker
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracker import Tracker, settings_for
from trackformer.tracking.tracker_file import FORMAT, TrackerFile
from trackformer.video.sources import open_source

CLOSE: Final = 0.01
"""Largest difference of boxes, as a share of the frame; rounding makes 1e-5."""


@dataclass(frozen=True, slots=True)
class SameFrames:
    """How many frames of the bundled clip were compared, and have the identities of `Tracker`."""

    exact: int
    """As it was translated: all of them."""
    quantized: int | None
    """In eight bits; None: it was left as it is."""


def export_tracker(
    model: TrackFormer,
    path: Path,
    slots: int,
    form: Form = AS_IT_IS,
    *,
    overwrite: bool = False,
) -> SameFrames:
    """Write a model and its tracker to one ONNX file, and track the bundled clip with both.

    Args:
        model: In evaluation mode.
        path: Ends in `.onnx`.
        slots: Most tracks at a time; beyond, those lost for longest are given up first.
        form: What is written otherwise than the model is.
        overwrite: Replace a file that is there already.

    Raises:
        ConfigError: As `export_onnx`; or `slots` is less than 1, or the model or its tracker is
            one that cannot be written so.
        CheckpointError: The file's ids or boxes differ; it is not kept.
        DataError: The file cannot be written.
    """
    check_can_export(path, overwrite=overwrite)
    check_slots(slots)
    settings = settings_for(model)
    check_settings(settings)
    model = copy.deepcopy(model).cpu()
    frame = translated(model, form)
    limited = settings.model_copy(update={"max_tracks": min(slots, settings.max_tracks)})
    ours = Tracker(optimize_for_inference(model), limited)
    with whole_file(path) as partial:
        partial.write_bytes(tracker_content(frame, model, slots))
        identities = _compared(ours, TrackerFile(partial), path)
        if not form.examples:
            return SameFrames(len(identities), None)
        partial.write_bytes(tracker_content(quantized(frame, form.examples), model, slots))
        return SameFrames(len(identities), _num_same(identities, TrackerFile(partial)))


def check_slots(slots: int) -> None:
    """Whether a tracker can have so many rows.

    Raises:
        ConfigError: It cannot.
    """
    if slots < 1:
        raise ConfigError(f"slots: expected 1 or more, got {slots}")


def tracker_content(frame: bytes, model: TrackFormer, slots: int) -> bytes:
    """The file's content, not compared with the model yet.

    Args:
        frame: What `translated` made of the model.
        model: Says thresholds, classes and input.
        slots: Most tracks at a time.
    """
    import onnx

    inner = onnx.load_from_string(frame)
    if len(inner.graph.input) > 4:
        raise ConfigError("a tracker in one file looks at one frame: the model looks at two")
    tracker = settings_for(model)
    # Any: onnx's records are made at run time.
    file: Any = with_tracker(inner, tracker, model.settings.input, slots)
    stored = model.settings.model_copy(update={"tracker": tracker.model_dump()})
    file.producer_name, file.producer_version = "trackformer", version("trackformer")
    for key, text in (("format", FORMAT), ("settings", stored.model_dump_json())):
        file.metadata_props.add(key=key, value=text)
    content: bytes = file.SerializeToString()
    return content


def _compared(ours: Tracker, file: TrackerFile, path: Path) -> list[list[int]]:
    """The identities of `ours` in each frame of the bundled clip; `file` sees the same."""
    identities = []
    for frame in _clip():
        expected, got = ours.update(frame), file.update(frame)
        ids, wanted = np.asarray(got.track_ids).tolist(), expected.track_ids.tolist()
        moved = np.inf
        if ids == wanted:
            boxes = np.asarray(got.boxes_xyxy) - expected.boxes_xyxy.numpy()
            moved = np.abs(boxes).max(initial=0) / max(frame.shape)
        identities.append(wanted)
        if not moved <= CLOSE:
            raise CheckpointError(
                f"{path}: not written: in frame {len(identities)} of the bundled clip it would see "
                f"tracks {ids}, expected {wanted} and the same boxes"
            )
    return identities


def _num_same(identities: Sequence[list[int]], file: TrackerFile) -> int:
    """In how many frames of the bundled clip a file sees these."""
    pairs = zip(identities, _clip(), strict=True)
    return sum(np.asarray(file.update(frame).track_ids).tolist() == ids for ids, frame in pairs)


def _clip() -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    with clip_file() as clip, open_source(clip) as source:
        for frame in source:
            yield frame.pixels
