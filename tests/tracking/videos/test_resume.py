"""A run that was killed goes on, and its results are those of a run that was not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from commands import Run
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.videos.run import track_video
from trackformer.tracking.videos.run_state import read_run
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.sources import open_source

NUM_FRAMES = 60
KILLED_IN_FRAME_25 = """
import os, signal, sys
from trackformer import cli
from trackformer.tracking.videos.saved_video import SavedVideo
begin_frame = SavedVideo.begin_frame
def begin_or_die(video, writer):
    if video.num_frames == 25:
        os.kill(os.getpid(), signal.SIGKILL)
    begin_frame(video, writer)
SavedVideo.begin_frame = begin_or_die
cli.run(sys.argv[1:])
"""
EAGER = TrackerSettings(birth_score=0.05, keep_score=0.05, reid_score=0.05, patience=2)


def noise(seed: int) -> np.ndarray:
    """Big squares of random colours: they also survive being encoded."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return small.repeat(8, axis=0).repeat(8, axis=1)


def recording(
    before_frame: Callable[[int], object] = lambda index: None, num_frames: int = NUM_FRAMES
) -> FrameSource:
    def frames() -> Iterator[Frame]:
        for index in range(num_frames):
            before_frame(index)
            yield Frame(noise(index), index, None)

    return FrameSource("recording.mp4", 25.0, NUM_FRAMES, frames(), release=lambda: None)


def track(model: TrackFormer, source: FrameSource, output: Path, **changes):
    return track_video(model, source, output, EAGER, save_every=10, **changes)


def rows_in(folder: Path) -> tuple[str, str]:
    return (folder / "tracks.txt").read_text(), (folder / "tracks.jsonl").read_text()


def pixels_in(folder: Path) -> list[np.ndarray]:
    with open_source(folder / "video.mp4") as source:
        return [frame.pixels for frame in source]


@pytest.fixture(scope="module")
def uninterrupted(eager_model: TrackFormer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results, and what kills before some frames leave, as copies: `killed/7`, ..."""
    folder = tmp_path_factory.mktemp("runs")

    def copy(index: int) -> None:
        state = folder / "whole" / "state.safetensors"
        if 40 < index < 59 and read_run(state).streams[0].num_frames == 0:
            # On a machine so busy that the encoder came to nothing so far.
            time.sleep(0.5)
        if index in (0, 7, 33, 59):
            # The encoder is some frames behind: it does not matter how many.
            time.sleep(0.1)
            shutil.copytree(folder / "whole", folder / "killed" / str(index))

    run = track(eager_model, recording(copy), folder / "whole")
    assert run.num_objects > NUM_FRAMES
    return folder


@pytest.mark.parametrize("killed_at", [0, 7, 33, 59])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    eager_model: TrackFormer, uninterrupted: Path, tmp_path: Path, killed_at: int
):
    folder, whole = tmp_path / "out", uninterrupted / "whole"
    shutil.copytree(uninterrupted / "killed" / str(killed_at), folder)
    if killed_at > 0:
        (folder / ".state.safetensors.1.partial").touch()
    run = track(eager_model, recording(), folder, resume=True)
    assert not list(folder.glob(".*"))
    assert run.num_frames == NUM_FRAMES
    assert run.num_frames_before % 10 == 0
    assert run.num_frames_before <= killed_at
    assert killed_at < 50 or run.num_frames_before > 0
    assert rows_in(folder) == rows_in(whole)
    found, expected = pixels_in(folder), pixels_in(whole)
    assert len(found) == len(expected) == NUM_FRAMES
    # Encoded in other pieces, but with the same boxes, labels and trails in it.
    differences = [np.abs(a.astype(int) - b).mean() for a, b in zip(found, expected, strict=True)]
    assert max(differences) < 15


def test_a_finished_run_has_nothing_left_to_do(eager_model: TrackFormer, uninterrupted: Path):
    before = rows_in(uninterrupted / "whole")

    def no_more(index: int) -> None:
        raise AssertionError("nothing has to be read")

    run = track(eager_model, recording(no_more), uninterrupted / "whole", resume=True)
    assert (run.num_frames, run.num_frames_before, run.seconds) == (NUM_FRAMES, NUM_FRAMES, 0)
    assert rows_in(uninterrupted / "whole") == before


def test_a_recording_that_broke_off_goes_on_once_it_is_longer(
    eager_model: TrackFormer, uninterrupted: Path, tmp_path: Path
):
    def breaks_off(index: int) -> None:
        if index == 25:
            raise DataError("recording.mp4: cut off")

    for _ in range(2):
        # The second time it breaks off where it did before, without a frame.
        run = track(eager_model, recording(breaks_off), tmp_path / "out", resume=True)
        assert (run.num_frames, run.broken_off) == (25, "recording.mp4: cut off")
    run = track(eager_model, recording(), tmp_path / "out", resume=True)
    assert (run.num_frames, run.num_frames_before) == (NUM_FRAMES, 25)
    assert rows_in(tmp_path / "out") == rows_in(uninterrupted / "whole")


def test_an_interrupted_run_goes_on(eager_model: TrackFormer, uninterrupted: Path, tmp_path: Path):
    def interrupt(index: int) -> None:
        if index == 45:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(eager_model, recording(interrupt), tmp_path / "out")
    run = track(eager_model, recording(), tmp_path / "out", resume=True)
    assert run.num_frames_before == 40
    assert rows_in(tmp_path / "out") == rows_in(uninterrupted / "whole")


@pytest.fixture
def killed(uninterrupted: Path, tmp_path: Path) -> Path:
    shutil.copytree(uninterrupted / "killed" / "33", tmp_path / "out")
    return tmp_path / "out"


def test_another_recording_is_refused(eager_model: TrackFormer, killed: Path):
    other = FrameSource("other.mp4", 25.0, 9, recording().__iter__(), release=lambda: None)
    message = (
        r"state\.safetensors: expected to go on with recording\.mp4 with 60 frames at 25 a second, "
        r"got other\.mp4 with 9 frames"
    )
    with pytest.raises(ConfigError, match=message):
        track(eager_model, other, killed, resume=True)


def test_other_settings_are_refused(eager_model: TrackFormer, killed: Path):
    changed = EAGER.model_copy(update={"patience": 5})
    with pytest.raises(ConfigError, match="expected to go on with patience 2, got 5"):
        track_video(eager_model, recording(), killed, changed, resume=True)


def test_other_files_are_refused(eager_model: TrackFormer, killed: Path):
    message = r"go on writing tracks\.txt, tracks\.jsonl, video\.mp4, got tracks\.txt, tracks\.json"
    with pytest.raises(ConfigError, match=message):
        track(eager_model, recording(), killed, resume=True, write_video=False)


def test_a_damaged_state_is_refused(eager_model: TrackFormer, killed: Path):
    (killed / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"state\.safetensors: state of a run: damaged or no"):
        track(eager_model, recording(), killed, resume=True)


def test_results_that_lost_rows_are_refused(eager_model: TrackFormer, killed: Path):
    (killed / "tracks.jsonl").write_text("")
    with pytest.raises(DataError, match=r"tracks\.jsonl: expected at least \d+ bytes of earlier"):
        track(eager_model, recording(), killed, resume=True)


def test_a_recording_that_became_shorter_is_refused(eager_model: TrackFormer, killed: Path):
    with pytest.raises(DataError, match=r"expected the \d+ frames that were tracked before, got 5"):
        track(eager_model, recording(num_frames=5), killed, resume=True)


def test_results_are_replaced_or_continued_only_on_request(eager_model: TrackFormer, killed: Path):
    with pytest.raises(DataError, match=r"go on with it \(--resume\), or replace it"):
        track(eager_model, recording(), killed)
    (killed / "state.safetensors").unlink()
    with pytest.raises(DataError, match=r"exists already; choose another output folder, or repla"):
        track(eager_model, recording(), killed, resume=True)


def test_the_command_line_goes_on_after_a_kill(
    run: Run, make_clip: Callable[..., Path], model_file: Path, tmp_path: Path
):
    clip, output = make_clip(40), tmp_path / "out"
    words = ["track", str(clip), "--model", str(model_file), "--save-every", "10", "--no-video"]
    program = [sys.executable, "-c", KILLED_IN_FRAME_25, *words, "--output", str(output)]
    killed = subprocess.run(program, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    lines = output / "tracks.jsonl"
    num_before = len(lines.read_text().splitlines())
    assert 20 <= num_before <= 25
    code, printed, _ = run(*words, "--output", output, "--resume")
    assert code == 0
    assert f"({num_before // 10 * 10} were there)" in printed
    code, printed, _ = run(*words, "--output", output, "--resume")
    assert (code, printed.splitlines()[0][-24:]) == (0, ", nothing was left to do")
    run(*words, "--output", tmp_path / "whole")
    assert rows_in(output) == rows_in(tmp_path / "whole")
    indices = [json.loads(line)["frame_index"] for line in lines.read_text().splitlines()]
    assert indices == list(range(40))
