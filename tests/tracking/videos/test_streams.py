"""Several videos at once are as each alone."""

import json
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from commands import HANGS_S
from tiny_models import tiny_model
from trackformer.errors import DataError
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.run import track_video
from trackformer.tracking.videos.streams import stream_folders, track_streams
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading, live_source
from tracking.test_two_frames import small_model

EAGER = TrackerSettings(birth_score=0.3, keep_score=0.3, reid_score=0.3, patience=1)


def video(path: Path, num_frames: int, size=(48, 64), seed=0) -> Path:
    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for _ in range(num_frames):
            pixels = random.integers(0, 255, (*size, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def objects_in(path: Path) -> list[list[dict]]:
    return [json.loads(line)["objects"] for line in path.read_text().splitlines()]


def assert_same_results(together: Path, alone: Path) -> None:
    """The same ids and boxes: equal frames are one batch, so only the order of sums differs."""
    for ours, expected in zip(objects_in(together), objects_in(alone), strict=True):
        assert [each["track_id"] for each in ours] == [each["track_id"] for each in expected]
        boxes = [[each["box_xyxy"] for each in found] for found in (ours, expected)]
        assert np.allclose(*boxes, atol=0.01)  # pixels; written with three decimals


@pytest.fixture(scope="module")
def model():
    return tiny_model("rt_detr")


def test_streams_of_any_size_and_length_are_as_each_alone(model, tmp_path):
    sources = [
        video(tmp_path / "a.mp4", 5, seed=0),
        video(tmp_path / "b.mp4", 3, seed=1),
        video(tmp_path / "c.mp4", 4, size=(64, 48), seed=2),
    ]
    runs = track_streams(model, sources, tmp_path / "all", EAGER, write_video=False)
    assert [run.num_frames for run in runs] == [5, 3, 4]
    assert [run.broken_off for run in runs] == [None] * 3
    for source, run in zip(sources, runs, strict=True):
        alone = tmp_path / "alone" / source.stem
        assert track_video(model, source, alone, EAGER, write_video=False).num_objects > 0
        assert run.files[1] == tmp_path / "all" / source.stem / "tracks.jsonl"
        assert_same_results(run.files[1], alone / "tracks.jsonl")


def test_a_stream_that_fails_does_not_stop_the_others(model, tmp_path):
    def two_then_gone():
        for index in range(2):
            yield Frame(np.full((48, 64, 3), 90, dtype=np.uint8), index, None)
        raise DataError("camera 7: no picture any more, 2 frames read")

    camera = FrameSource("camera 7", 25.0, None, two_then_gone(), release=lambda: None)
    sources = [tmp_path / "missing.mp4", camera, video(tmp_path / "whole.mp4", 4)]
    missing, cut, whole = track_streams(model, sources, tmp_path / "out", EAGER)
    assert "no such file" in missing.broken_off
    assert (missing.num_frames, missing.files) == (0, ())
    assert not (tmp_path / "out" / "missing").exists()
    assert (cut.num_frames, cut.broken_off) == (2, "camera 7: no picture any more, 2 frames read")
    assert (whole.num_frames, whole.broken_off) == (4, None)
    assert [path.name for path in whole.files] == ["tracks.txt", "tracks.jsonl", "video.mp4"]


@pytest.mark.parametrize("every_frame", [False, True])
def test_a_slow_camera_does_not_hold_back_a_file_beside_it(model, tmp_path, every_frame):
    file_is_read = threading.Event()
    picture = np.full((48, 64, 3), 90, dtype=np.uint8)

    def camera_frames():
        assert file_is_read.wait(HANGS_S)
        yield Frame(picture, 0, None)
        raise DataError("camera 7: no picture any more")

    def file_frames():
        yield from (Frame(picture, index, index / 10) for index in range(3))
        file_is_read.set()

    slow = FrameSource("camera 7", 25.0, None, camera_frames(), release=lambda: None)
    camera = live_source(slow, lambda: slow, LiveReading(every_frame=every_frame, reconnect=0))
    recording = FrameSource("recording", 10.0, 3, file_frames(), release=lambda: None)
    runs = track_streams(model, [camera, recording], tmp_path / "out", EAGER, write_video=False)
    assert [run.num_frames for run in runs] == [1, 3]
    assert [run.broken_off for run in runs] == ["camera 7: no picture any more", None]


def test_results_are_replaced_only_on_request(model, tmp_path):
    source = video(tmp_path / "a.mp4", 2)
    track_streams(model, [source], tmp_path / "out", EAGER, write_video=False)
    with pytest.raises(DataError, match="exists already"):
        track_streams(model, [source], tmp_path / "out", EAGER, write_video=False)
    track_streams(model, [source], tmp_path / "out", EAGER, write_video=False, overwrite=True)


def test_no_source_is_refused(model, tmp_path):
    with pytest.raises(DataError, match="at least one video"):
        track_streams(model, [], tmp_path)


def test_folders_are_named_after_their_sources():
    sources = ["a/x.mp4", "b/x.mp4", 0, "rtsp://host/live 1", Path("MOT17-02")]
    names = [folder.name for folder in stream_folders(sources, Path("out"))]
    assert names == ["x", "x-2", "camera-0", "live-1", "MOT17-02"]


@pytest.mark.parametrize("seeds", [(0, 1, 2), (3, 4)])
def test_models_of_two_frames_keep_each_streams_frame(seeds):
    model = small_model(multi_frame="separate_encoder")
    frames = np.random.default_rng(7).integers(0, 256, (3, 3, 64, 96, 3), dtype=np.uint8)
    settings = TrackerSettings(birth_score=0.0, keep_score=0.0)
    together = [Tracker(model, settings) for _ in seeds]
    alone = [Tracker(model, settings) for _ in seeds]
    for step in range(3):
        pictures = [frames[step, seed % 3] for seed in seeds]
        prepared = [prepare_frame(model, picture) for picture in pictures]
        found = update_together(model, together, prepared, slots_of=4)
        for objects, tracker, picture in zip(found, alone, pictures, strict=True):
            expected = tracker.update(picture)
            assert objects.track_ids.tolist() == expected.track_ids.tolist()
            torch.testing.assert_close(
                objects.boxes_xyxy, expected.boxes_xyxy, atol=1e-3, rtol=1e-4
            )
