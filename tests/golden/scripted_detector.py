"""A detector that answers from a script, so that only the tracker decides.

Eleven identities over twelve frames of 480 x 640 pixels. Each has an embedding, an object query
of its own, and in every frame where it is, a box, the score its object query gets, the score its
track query gets, and a label.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from golden.weights_recipe import uniform
from trackformer.types import Memory, ModelOutput

HEIGHT, WIDTH = 480, 640
NUM_FRAMES = 12
NUM_QUERIES, EMBEDDING_SIZE, NUM_CLASSES = 12, 32, 20
SUPPRESS = 0.4
"""An object query is silent where a track query already finds its object above this score."""


@dataclass(frozen=True)
class Seen:
    """One identity in one frame."""

    box: list[float]
    found: float
    tracked: float
    label: int = 0


Path = tuple[float, float, float, float, float, float]
"""Left and top in frame 0, width, height, pixels a frame to the right and down."""
Script = dict[str, dict[int, Seen]]
"""What there is to see, identity by identity; their order is that of the object queries."""


def box_at(path: Path, t: int) -> list[float]:
    x, y, width, height, right, down = path
    return [x + right * t, y + down * t, x + right * t + width, y + down * t + height]


def frames_of(path: Path, first: int, found, tracked, label=lambda t: 0) -> dict[int, Seen]:
    """From frame `first` on; the scores are functions of the frame."""
    return {
        t: Seen(box_at(path, t), found(t), tracked(t), label(t)) for t in range(first, NUM_FRAMES)
    }


def script() -> Script:
    always: Path = (50, 60, 60, 140, 8, 1)
    below: Path = (50, 260, 60, 140, 8, 1)
    on_always = [side + shift for side, shift in zip(box_at(always, 5), (1, 1, 0, 1), strict=True)]
    seen_c = (2, 3, 11)
    world = {"A": frames_of(always, 0, lambda t: 0.9, lambda t: 0.95)}
    # Hidden in 4..6, found again by its query.
    world["B"] = frames_of(
        (300, 100, 50, 120, -5, 2),
        1,
        lambda t: 0.2 if 4 <= t <= 6 else 0.8,
        lambda t: 0.3 if 4 <= t <= 6 else 0.85,
    )
    # Away for longer than the recorded patience.
    world["C"] = frames_of(
        (450, 200, 40, 100, 3, 0),
        2,
        lambda t: 0.75 if t in seen_c else 0.05,
        lambda t: 0.8 if t in seen_c else 0.05,
    )
    # Onto A at t=8, with a lower score.
    meets = frames_of(always, 8, lambda t: 0.05, lambda t: 0.72)
    world["D"] = frames_of(below, 3, lambda t: 0.7, lambda t: 0.72) | meets
    # A second detection on A.
    world["E"] = {5: Seen(on_always, 0.8, 0.01)}
    # Two detections of one new object.
    world["F1"] = frames_of(
        (500, 50, 60, 90, 0, 2), 6, lambda t: 0.7 if t == 6 else 0.01, lambda t: 0.66
    )
    world["F2"] = {6: Seen(box_at((501, 50, 60, 90, 0, 2), 6), 0.6, 0.01)}
    # Of the class that counts in 5..8 only.
    world["G"] = frames_of(
        (200, 320, 70, 120, 2, 0),
        4,
        lambda t: 0.9,
        lambda t: 0.9,
        lambda t: 0 if 5 <= t <= 8 else 3,
    )
    # Leaves to the right; its score falls two frames later.
    world["H"] = frames_of(
        (500, 250, 60, 150, 20, 0),
        1,
        lambda t: 0.8 if t < 8 else 0.05,
        lambda t: 0.9 if t < 9 else 0.2,
    )
    # Below the threshold for one frame, just above it in another.
    world["I"] = frames_of(
        (350, 300, 55, 130, -3, -1), 2, lambda t: 0.55, lambda t: {6: 0.38, 8: 0.41}.get(t, 0.6)
    )
    # Too weak to begin before t=7.
    world["J"] = frames_of(
        (120, 20, 30, 80, 1, 1), 3, lambda t: 0.39 if t < 7 else 0.42, lambda t: 0.5
    )
    # Away in 5..6, found again by an object query only.
    world["K"] = frames_of(
        (560, 330, 45, 110, -6, 0),
        2,
        lambda t: 0.05 if 5 <= t <= 6 else 0.77,
        lambda t: 0.8 if t < 5 or t > 7 else 0.1,
    )
    return world


@functools.cache
def embedding(name: str, t: int) -> Tensor:
    """Of an identity; it drifts with time."""
    fixed = torch.from_numpy(uniform(f"emb/{name}", (EMBEDDING_SIZE,), -1, 1))
    return fixed + 0.02 * t * torch.from_numpy(uniform(f"drift/{name}", (EMBEDDING_SIZE,), -1, 1))


def detect(world: Script, t: int, track_embeddings: Tensor, *, softmax: bool) -> ModelOutput:
    """Answers of the track queries (T C) and of the object queries behind them in frame t."""
    num_tracks = len(track_embeddings)
    count = num_tracks + NUM_QUERIES
    scores, labels = torch.full((count,), 0.01), torch.zeros(count, dtype=torch.long)
    boxes = torch.tensor([[5.0, 5.0, 9.0, 9.0]]).repeat(count, 1)
    embeddings = torch.zeros(count, EMBEDDING_SIZE)
    embeddings[num_tracks:] = torch.from_numpy(
        uniform("noise/obj", (NUM_QUERIES, EMBEDDING_SIZE), -0.1, 0.1)
    )
    tracked = set()
    for row in range(num_tracks):
        name = nearest(world, track_embeddings[row])
        seen = world[name].get(t, Seen([1, 1, 3, 3], 0.0, 0.02))
        scores[row], labels[row], boxes[row] = seen.tracked, seen.label, torch.tensor(seen.box)
        embeddings[row] = embedding(name, t)
        if seen.tracked > SUPPRESS and seen.label == 0:
            tracked.add(name)
    for row, (name, frames) in enumerate(world.items(), start=num_tracks):
        if t in frames and name not in tracked:
            seen = frames[t]
            scores[row], labels[row], boxes[row] = seen.found, seen.label, torch.tensor(seen.box)
            embeddings[row] = embedding(name, t)
    centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    relative = torch.cat([centers, sizes], 1) / torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return ModelOutput(
        class_logits=class_logits(scores, labels, softmax=softmax)[None, None],
        boxes=relative[None, None],
        embeddings=embeddings[None],
        is_padding=torch.zeros((1, count), dtype=torch.bool),
        memory=no_memory(),
        num_track_queries=num_tracks,
        has_no_object_class=softmax,
    )


def nearest(world: Script, track_embedding: Tensor) -> str:
    distances = torch.stack([(track_embedding - embedding(name, 0)).norm() for name in world])
    return list(world)[int(distances.argmin())]


def class_logits(scores: Tensor, labels: Tensor, *, softmax: bool) -> Tensor:
    """Logits that become these scores; with softmax, the rest is 'no object'."""
    logits = torch.full((len(scores), NUM_CLASSES + softmax), -30.0 if softmax else -6.0)
    if softmax:
        logits[:, -1] = 0.0
    logits[torch.arange(len(scores)), labels] = torch.tensor(
        [math.log(score / (1 - score)) for score in scores.tolist()]
    )
    return logits


def no_memory() -> Memory:
    return Memory(
        tokens=torch.zeros(1, 0, EMBEDDING_SIZE),
        is_padding=torch.zeros((1, 0), dtype=torch.bool),
        level_shapes=(),
        valid_ratios=torch.ones(1, 0, 2),
    )


def public_detections(world: Script, t: int) -> Tensor:
    """Pixel xyxy, N 4: some of what is there, shifted well, a little or badly; none at t=1."""
    found = []
    for index, (name, frames) in enumerate(world.items()):
        is_known = name not in ("J", "F1") and not (name == "B" and t < 3)
        if t != 1 and t in frames and is_known:
            shift = (0, 6, 25)[index % 3]
            left, top, right, bottom = frames[t].box
            found.append([left + shift, top + shift / 2, right + shift, bottom + shift / 2])
    return torch.tensor(found).reshape(-1, 4)
