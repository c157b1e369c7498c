"""How far boxes that a person draws are followed, by `keep_score` of `trackformer.cvat`.

Each person of the bundled clip is drawn once, in their first frame, and followed as CVAT has it
done until the last frame in which they are annotated; `nano`. A box on nobody is worse than none:
the annotator has to find it.

Needs the extra `cvat`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from cvat_sdk.auto_annotation import TrackableShape
from PIL import Image

from trackformer.boxes import pairwise_iou
from trackformer.cvat import SHAPE, BoxFollower, create
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.video.sources import open_source

SCORES = (0.35, 0.1, 0.05, 0.02, 0.01)
LEAST_IOU = 0.5

People = dict[int, dict[int, list[float]]]
"""Their boxes (pixels, xyxy), by frame."""


@dataclass(slots=True)
class Followed:
    """Frames after the one in which a box was drawn."""

    on_them: int = 0
    on_others: int = 0
    """Shown, at an IoU below 0.5 with the person."""
    nowhere: int = 0


def _people() -> People:
    with ground_truth_file() as path:
        rows = np.loadtxt(path, delimiter=",")
    people: People = {}
    for number, person, left, top, width, height in rows[:, :6].tolist():
        box = [left - 1, top - 1, left + width - 1, top + height - 1]
        people.setdefault(int(person), {})[int(number) - 1] = box
    return people


def follow(follower: BoxFollower, frames: list[Image.Image], people: People) -> Followed:
    """Frame by frame, all boxes in each, as CVAT asks."""
    context = cast(Any, None)  # It knows labels and images' names, which nobody reads.
    trackers, counts = {}, Followed()
    for index, picture in enumerate(frames):
        frame = follower.preprocess_image(context, picture)
        for person, boxes in people.items():
            if index == min(boxes):
                shape = TrackableShape(type=SHAPE, points=boxes[index])
                trackers[person] = follower.init_tracking_state(context, frame, shape)
            elif min(boxes) < index <= max(boxes):
                found = follower.track(context, frame, trackers[person])
                if found is None:
                    counts.nowhere += 1
                elif index in boxes and _iou(found.points, boxes[index]) >= LEAST_IOU:
                    counts.on_them += 1
                else:
                    counts.on_others += 1
    return counts


def _iou(one: list[float], other: list[float]) -> float:
    return float(pairwise_iou(torch.tensor([one]), torch.tensor([other])))


def main() -> None:
    """A line for each score."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drawn_boxes", description=__doc__)
    parser.add_argument("--scores", type=float, nargs="+", default=SCORES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    people = _people()
    with clip_file() as path, open_source(path) as source:
        frames = [Image.fromarray(frame.pixels) for frame in source]
    for score in options.scores:
        counts = follow(create(keep_score=score), frames, people)
        total = counts.on_them + counts.on_others + counts.nowhere
        shares = (100 * part / total for part in (counts.on_them, counts.on_others, counts.nowhere))
        on_them, on_others, nowhere = shares
        print(
            f"keep_score {score:g}: {len(people)} people, {total} frames: {on_them:.1f} % on "
            f"them, {on_others:.1f} % elsewhere, {nowhere:.1f} % without a box",
            flush=True,
        )


if __name__ == "__main__":
    main()
