"""Several videos side by side that were killed go on together, bit for bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trackformer.errors import ConfigError, DataError
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.videos.streams import track_streams
from trackformer.video.frames import Frame, FrameSource
from tracking.videos.test_resume import EAGER, noise, rows_in

NUM_FRAMES = {"a": 30, "b": 12, "c": 30}


def recording(name: str, before_frame: Callable[[int], object] = lambda index: None) -> FrameSource:
    def frames():
        for index in range(NUM_FRAMES[name]):
            before_frame(index)
            yield Frame(noise(100 * ord(name) + index), index, None)

    return FrameSource(f"{name}.mp4", 25.0, NUM_FRAMES[name], frames(), release=lambda: None)


def track(model: TrackFormer, sources: list, output: Path, **changes):
    return track_streams(model, sources, output, EAGER, save_every=5, **changes)


def recordings() -> list:
    return [recording(name) for name in "abc"]


@pytest.fixture(scope="module")
def uninterrupted(eager_model: TrackFormer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results, and what a kill leaves before frame 22 of c is read, when b is over."""
    folder = tmp_path_factory.mktemp("streams")

    def copy(index: int) -> None:
        if index == 22:
            shutil.copytree(folder / "whole", folder / "killed")

    sources = [recording("a"), recording("b"), recording("c", copy)]
    track(eager_model, sources, folder / "whole", write_video=False)
    return folder


def test_killed_streams_go_on_together(
    eager_model: TrackFormer, uninterrupted: Path, tmp_path: Path
):
    shutil.copytree(uninterrupted / "killed", tmp_path / "out")
    runs = track(eager_model, recordings(), tmp_path / "out", resume=True, write_video=False)
    assert [run.num_frames for run in runs] == [30, 12, 30]
    assert [run.num_frames_before for run in runs] == [20, 12, 20]
    for name in NUM_FRAMES:
        assert rows_in(tmp_path / "out" / name) == rows_in(uninterrupted / "whole" / name)


def test_finished_streams_have_nothing_left_to_do(eager_model: TrackFormer, uninterrupted: Path):
    whole = uninterrupted / "whole"
    runs = track(eager_model, recordings(), whole, resume=True, write_video=False)
    assert [run.num_frames_before for run in runs] == [30, 12, 30]
    assert [run.broken_off for run in runs] == [None] * 3


def test_a_source_that_was_missing_is_tried_again(
    eager_model: TrackFormer, uninterrupted: Path, tmp_path: Path
):
    def missing(index: int) -> None:
        raise DataError("b.mp4: cannot be opened")

    sources = [recording("a"), recording("b", missing), recording("c")]
    first = track(eager_model, sources, tmp_path / "out", write_video=False)
    assert [run.broken_off for run in first] == [None, "b.mp4: cannot be opened", None]
    again = track(eager_model, recordings(), tmp_path / "out", resume=True, write_video=False)
    assert [(run.num_frames_before, run.num_frames) for run in again] == [
        (30, 30),
        (0, 12),
        (30, 30),
    ]


def test_another_number_of_streams_is_refused(eager_model: TrackFormer, uninterrupted: Path):
    with pytest.raises(ConfigError, match="expected to go on with the same 3 videos, got 1"):
        track(eager_model, [recording("a")], uninterrupted / "whole", resume=True)


def test_streams_with_videos_go_on(eager_model: TrackFormer, tmp_path: Path):
    def interrupt(index: int) -> None:
        if index == 22:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(eager_model, [recording("a"), recording("c", interrupt)], tmp_path / "out")
    runs = track(eager_model, [recording("a"), recording("c")], tmp_path / "out", resume=True)
    assert [(run.num_frames_before, run.num_frames) for run in runs] == [(20, 30), (20, 30)]
    assert all((tmp_path / "out" / name / "video.mp4").stat().st_size > 0 for name in "ac")
