"""A network camera that drops its connection three times: everybody keeps their identity."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from benchmarks.live.mjpeg import as_jpeg, mjpeg_server
from torch import Tensor

from tiny_models import tiny_settings
from trackformer.models.settings import ModelSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.videos.run import track_video
from trackformer.types import (
    FrameFeatures,
    Images,
    Memory,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading
from trackformer.video.sources import open_source

CONNECTIONS, PICTURES = 4, 6
SIZE = (96, 128)
SIDE, SPEED = 16, 4.0
"""Of the squares, in pixels and pixels a second: also a very slow machine loses none of them."""
SETTINGS = TrackerSettings(patience_s=30.0)
BACK_AT_ONCE = LiveReading(reconnect=1, first_wait_s=0.05)


def picture_at(seconds: float) -> np.ndarray:
    """A red, a green and a blue square, each on a row of its own; the middle one goes left."""
    pixels = np.zeros((*SIZE, 3), dtype=np.uint8)
    way = round(SPEED * seconds)
    for row, left in enumerate((way, SIZE[1] - SIDE - way, 10 + way)):
        top = 8 + 32 * row
        pixels[top : top + SIDE, max(left, 0) : left + SIDE, row] = 255
    return pixels


class SeesSquares:
    """A model that finds each square where it is, by its colour, and a track's if it is near."""

    settings: ModelSettings = tiny_settings()
    device = torch.device("cpu")
    embedding_size = 4
    predicts_masks = False

    def fingerprint(self) -> str:
        return "squares"

    def __call__(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        squares = torch.stack([square_in(colour) for colour in images.pixels[0]])
        asked = torch.zeros(0, 4) if track_queries is None else track_queries.boxes[0]
        near = (asked[:, None, :2] - squares[None, :, :2]).abs().amax(-1) < squares[:, 2]
        found = squares[near.float().argmax(1)] if len(asked) else asked
        boxes = torch.cat([found, squares])
        is_there = torch.cat([near.any(1), torch.ones(len(squares), dtype=torch.bool)])
        logits = torch.full((1, 1, len(boxes), 2), -9.0)
        logits[0, 0, is_there, 0] = 9.0
        return ModelOutput(
            class_logits=logits,
            boxes=boxes[None, None],
            embeddings=torch.zeros(1, len(boxes), 4),
            is_padding=torch.zeros(1, len(boxes), dtype=torch.bool),
            memory=no_memory(),
            num_track_queries=len(asked),
            has_no_object_class=False,
        )

    def masks_of(self, memory: Memory, embeddings: Tensor, chosen: Tensor) -> Tensor:
        raise NotImplementedError


def square_in(colour: Tensor) -> Tensor:
    """Relative cxcywh of what is bright."""
    rows, columns = torch.nonzero(colour > 0.5, as_tuple=True)
    height, width = colour.shape
    ends = [columns.min() / width, rows.min() / height]
    ends += [(columns.max() + 1) / width, (rows.max() + 1) / height]
    left, top, right, bottom = ends
    return torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def no_memory() -> Memory:
    return Memory(
        tokens=torch.zeros(1, 0, 4),
        is_padding=torch.zeros(1, 0, dtype=torch.bool),
        level_shapes=(),
        valid_ratios=torch.zeros(1, 0, 2),
    )


def dropping_camera() -> AbstractContextManager[str]:
    """Closes each connection behind a few pictures; after the last it is gone."""
    start, connections = time.monotonic(), itertools.count()

    def pictures() -> Iterator[bytes]:
        for _ in range(PICTURES):
            yield as_jpeg(picture_at(time.monotonic() - start))
            time.sleep(0.04)

    return mjpeg_server(lambda: pictures() if next(connections) < CONNECTIONS else None)


def overheard(source: FrameSource, heard: list[Frame]) -> FrameSource:
    """The same source; what it gives is kept."""

    def frames() -> Iterator[Frame]:
        for frame in source:
            heard.append(frame)
            yield frame

    return FrameSource(
        source.name, source.frame_rate, None, frames(), source.close, is_live=source.is_live
    )


def replayed(frames: list[Frame], name: str) -> FrameSource:
    """Without a network."""
    return FrameSource(name, 25.0, len(frames), (each for each in frames), lambda: None)


def colours_by_identity(results: Path, frames: list[Frame]) -> set[tuple[int, int]]:
    """(identity, colour) of every object: the colour that is in the middle of its box."""
    lines = (results / "tracks.jsonl").read_text().splitlines()
    found = set()
    for line, frame in zip(lines, frames, strict=True):
        for each in json.loads(line)["objects"]:
            left, top, right, bottom = each["box_xyxy"]
            middle = frame.pixels[round((top + bottom) / 2), round((left + right) / 2)]
            found.add((each["track_id"], int(middle.argmax())))
    return found


def test_identities_outlive_three_drops_of_a_network_camera(tmp_path: Path):
    heard: list[Frame] = []
    with dropping_camera() as url, open_source(url, BACK_AT_ONCE) as camera:
        source = overheard(camera, heard)
        run = track_video(SeesSquares(), source, tmp_path / "live", SETTINGS, write_video=False)
        assert any("connected again 3 times" in each for each in camera.remarks)
    assert run.broken_off is not None
    identities = colours_by_identity(tmp_path / "live", heard)
    assert len(identities) == 3
    assert {identity for identity, _ in identities} == {1, 2, 3}
    track_video(SeesSquares(), replayed(heard, url), tmp_path / "kept", SETTINGS, write_video=False)
    for name in ("tracks.txt", "tracks.jsonl"):
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "kept" / name).read_bytes()
