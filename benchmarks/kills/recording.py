"""Runs that are killed (SIGKILL) at random moments, and whether their results are whole afterwards.

A tiny model tracks a recording, a file in which one can seek; a run is killed after a random part
of the time that a whole run takes, and goes on with `resume`, which is killed in half of the cases,
too. Then rows and ids have to equal those of a run that was not killed, byte for byte, every frame
has to be in the video, and what lay there after the kill has to have been playable. Each run is a
process of its own, forked from one that has loaded everything.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch

from benchmarks.long_stream import settings_amid, tiny_model
from trackformer import TrackFormer, optimize_for_inference, track_video

NUM_FRAMES = 120
SAVE_EVERY = 10
WHOLE_EVERY = 16
"""Frames from one that can be decoded alone, to which a run may seek, to the next."""
SIZE = (64, 96)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one killed run."""

    frames_at_kill: int
    frames_of_state: int
    is_equal: bool
    is_playable: bool


def write_recording(path: Path) -> None:
    """Frames of big squares in random colours."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": str(WHOLE_EVERY)})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(NUM_FRAMES):
            small = random.integers(0, 255, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
            pixels = small.repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def measure(num_kills: int) -> Iterator[Outcome]:
    """Each as soon as it is known."""
    torch.set_num_threads(1)
    model = optimize_for_inference(tiny_model())
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        recording, whole = Path(folder, "recording.mp4"), Path(folder, "whole")
        write_recording(recording)
        start = time.monotonic()
        _track(model, recording, whole, kill_after=None)
        seconds = time.monotonic() - start
        for number in range(num_kills):
            output = Path(folder, str(number))
            _track(model, recording, output, kill_after=seconds * random.uniform())
            at_kill, is_playable = _num_lines(output), _is_playable(output)
            if random.uniform() < 0.5:
                _track(model, recording, output, kill_after=seconds * random.uniform())
                is_playable &= _is_playable(output)
            run = track_video(
                model, recording, output, settings_amid(model), resume=True, save_every=SAVE_EVERY
            )
            yield Outcome(at_kill, run.num_frames_before, _is_same(output, whole), is_playable)
            shutil.rmtree(output)


def _track(model: TrackFormer, recording: Path, output: Path, kill_after: float | None) -> None:
    """Track in a process of its own, which may not live for long."""
    child = os.fork()
    if child == 0:
        track_video(
            model, recording, output, settings_amid(model), resume=True, save_every=SAVE_EVERY
        )
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _num_lines(output: Path) -> int:
    path = output / "tracks.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def _is_playable(output: Path) -> bool:
    """A video that has no frame yet is not there, or has nothing in it."""
    path = output / "video.mp4"
    if not path.exists() or path.stat().st_size == 0:
        return True
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return all(packet.pts is not None for packet in packets)


def _is_same(output: Path, whole: Path) -> bool:
    names = ("tracks.txt", "tracks.jsonl")
    rows = [(output / name).read_bytes() == (whole / name).read_bytes() for name in names]
    with av.open(str(output / "video.mp4")) as container:
        num_frames = sum(1 for _ in container.decode(video=0))
    # Nothing that had not got its name yet is left either.
    is_tidy = {path.name for path in output.iterdir()} == {path.name for path in whole.iterdir()}
    return all(rows) and num_frames == NUM_FRAMES and is_tidy


def report(num_kills: int) -> None:
    """The table, line by line."""
    outcomes = []
    for outcome in measure(num_kills):
        outcomes.append(outcome)
        print(
            f"killed behind frame {outcome.frames_at_kill:3}, went on behind "
            f"{outcome.frames_of_state:3}: "
            f"{'equal' if outcome.is_equal else 'DIFFERENT'}, "
            f"{'playable' if outcome.is_playable else 'NOT PLAYABLE'}",
            flush=True,
        )
    num_good = sum(each.is_equal and each.is_playable for each in outcomes)
    print(f"{num_good} of {len(outcomes)} killed runs ended as if nothing had happened")
