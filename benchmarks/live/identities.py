"""Whether people keep their identities while a camera drops its connection.

The bundled clip is what a network camera sees, at its own pace of 10 frames a second, or slower
where the model is slower; waits are as much longer then, so that each drop lasts for a second of
the clip and what opening takes. There are three; people walk on until the camera is there again.
`nano` gets the newest picture, and has its patience in seconds. Of the people seen right before a
drop that are seen again within the patience, those are counted that are so under the same identity.
Beside it stand a tracker that counts frames, on the very same pictures, and one on the same
pictures and times from no network, whose rows have to be the same.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from benchmarks.live.camera import camera, number_below, numbered
from benchmarks.live.mjpeg import as_jpeg
from trackformer.boxes import pairwise_iou
from trackformer.checkpoints.load import load_weights
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker, settings_for
from trackformer.tracking.videos.run import track_video
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading
from trackformer.video.sources import open_source

PACE = 10.0
"""Frames of the clip a second."""
SPARE = 1.5
"""So much longer than the model needs is the time between two pictures."""
DROPS = (0.3, 0.5, 0.7)
FIRST_WAIT_S = 1.0
PATIENCE_S = 3.0
"""Of the clip."""
LEAST_IOU = 0.5
"""With a person's true box: it is them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that the tracker got."""

    frame: Frame
    number: int
    """0-based, in the clip."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of identities over one drop."""

    seconds: float
    """Of the clip, without pictures."""
    num_people: int
    """Seen right before, and again within the patience."""
    num_kept: int
    """Under the same identity."""


def follow(
    model: TrackFormer, pictures: Sequence[bytes], pace: float, output: Path
) -> tuple[list[Taken], tuple[str, ...]]:
    """Track the camera until the clip is over; the pictures that were taken, and what was said."""
    taken: list[Taken] = []

    def until_the_end(source: FrameSource) -> Iterator[Frame]:
        for frame in source:
            number, pixels = number_below(frame.pixels)
            taken.append(Taken(replace(frame, pixels=pixels), number))
            yield taken[-1].frame
            if number == len(pictures) - 1:
                return

    last = len(pictures) - 1
    length = len(pictures) / pace
    with (
        camera(
            lambda seconds: pictures[min(int(seconds * pace), last)],
            pace,
            tuple(length * share for share in DROPS),
        ) as url,
        open_source(url, LiveReading(first_wait_s=FIRST_WAIT_S * PACE / pace)) as live,
    ):
        shown = FrameSource("camera", pace, None, until_the_end(live), live.close, is_live=True)
        track_video(model, shown, output, timed_settings(model, pace), write_video=False)
        return taken, live.remarks


def timed_settings(model: TrackFormer, pace: float) -> TrackerSettings:
    """The model's own, with a patience in seconds."""
    patience_s = PATIENCE_S * PACE / pace
    return settings_for(model).model_copy(update={"patience_s": patience_s})


def pace_for(model: TrackFormer, pixels: UInt8[np.ndarray, "H W 3"]) -> float:
    """Frames a second that the model can follow, no more than the clip's own."""
    tracker = Tracker(model)
    start = 0.0
    for number in range(4):
        # The first prepares what is kept for all others.
        start = time.monotonic() if number == 1 else start
        tracker.update(pixels)
    return min(PACE, 3 / (SPARE * (time.monotonic() - start)))


def replay(
    model: TrackFormer,
    taken: Sequence[Taken],
    pace: float,
    settings: TrackerSettings,
    output: Path,
) -> None:
    """Track the pictures from memory; timed where the patience is in seconds."""
    frames = (each.frame for each in taken)
    source = FrameSource("camera", pace, None, frames, lambda: None)
    track_video(model, source, output, settings, write_video=False)


def over_drops(
    output: Path, taken: Sequence[Taken], truth: Sequence[dict[int, list[float]]], pace: float
) -> list[Kept]:
    """Of each drop, by the longest waits between two pictures."""
    lines = (output / "tracks.jsonl").read_text().splitlines()
    seen = [
        _identities(json.loads(line)["objects"], truth[each.number])
        for line, each in zip(lines, taken, strict=True)
    ]
    times = [float(each.frame.time_s or 0.0) * pace / PACE for each in taken]
    waits = [after - before for before, after in pairwise(times)]
    kept = []
    for row in sorted(sorted(range(len(waits)), key=waits.__getitem__)[-len(DROPS) :]):
        again: dict[int, int] = {}
        for later in range(row + 1, len(seen)):
            if times[later] - times[row] <= PATIENCE_S:
                again = seen[later] | again
        people = [person for person in seen[row] if person in again]
        same = sum(seen[row][person] == again[person] for person in people)
        kept.append(Kept(waits[row], len(people), same))
    return kept


def _identities(objects: Sequence[Any], people: dict[int, list[float]]) -> dict[int, int]:
    """The track of each person that has one."""
    if not objects or not people:
        return {}
    boxes = torch.tensor([each["box_xyxy"] for each in objects])
    overlap = pairwise_iou(torch.tensor(list(people.values())), boxes)
    rows, columns = linear_sum_assignment(-overlap.numpy())
    names = list(people)
    return {
        names[row]: int(objects[column]["track_id"])
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] >= LEAST_IOU
    }


def _clip() -> list[UInt8[np.ndarray, "H W 3"]]:
    with clip_file() as path, open_source(path) as source:
        return [frame.pixels for frame in source]


def _truth(num_frames: int) -> list[dict[int, list[float]]]:
    """The boxes (pixels, xyxy) of each frame, by person."""
    with ground_truth_file() as path:
        rows: Float[np.ndarray, "R _"] = np.loadtxt(path, delimiter=",")
    people: list[dict[int, list[float]]] = [{} for _ in range(num_frames)]
    for number, person, left, top, width, height in rows[:, :6]:
        people[int(number) - 1][int(person)] = [left, top, left + width, top + height]
    return people


def report() -> None:
    """The drops one by one, then whether all was as without a network."""
    torch.set_num_threads(1)
    model = optimize_for_inference(load_weights("nano"))
    clip = _clip()
    pace = pace_for(model, clip[0])
    print(f"{pace:.1f} frames a second", flush=True)
    pictures = [as_jpeg(numbered(pixels, number)) for number, pixels in enumerate(clip)]
    with tempfile.TemporaryDirectory() as folder:
        live, kept, counted = (Path(folder, name) for name in ("live", "kept", "counted"))
        taken, remarks = follow(model, pictures, pace, live)
        replay(model, taken, pace, timed_settings(model, pace), kept)
        replay(model, taken, pace, settings_for(model), counted)
        truth = _truth(len(clip))
        by_tracker = [over_drops(each, taken, truth, pace) for each in (live, counted)]
        names = ("tracks.txt", "tracks.jsonl")
        is_same = all((live / name).read_bytes() == (kept / name).read_bytes() for name in names)
    print(f"{len(taken)} of {len(clip)} pictures taken; {'; '.join(remarks)}")
    for timed, by_count in zip(*by_tracker, strict=True):
        print(
            f"{timed.seconds:.1f} s of the clip without pictures: {timed.num_kept} of "
            f"{timed.num_people} people under the same identity ({by_count.num_kept} of "
            f"{by_count.num_people} where frames are counted)"
        )
    print(f"rows {'equal' if is_same else 'DIFFERENT FROM'} those of the same pictures from memory")
