"""What a tracked or detected video leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from trackformer.data.formats.mot.reading import read_mot_results
from trackformer.errors import DataError
from trackformer.models.trackformer import TrackFormer
from trackformer.objects import Detections, TrackedObjects
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.videos.outputs import as_record
from trackformer.tracking.videos.run import detect_video, track_video
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.sources import open_source


def records_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def num_frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def two_frames_then(stop: BaseException) -> FrameSource:
    def frames():
        for index in range(2):
            yield Frame(np.full((48, 64, 3), 90, dtype=np.uint8), index, None)
        raise stop

    return FrameSource("camera 7", 25.0, None, frames(), release=lambda: None)


def test_the_three_files_of_a_tracked_video_agree(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    run = track_video(eager_model, make_clip(6), tmp_path / "out")
    assert [path.name for path in run.files] == ["tracks.txt", "tracks.jsonl", "video.mp4"]
    records, rows = records_in(run.files[1]), read_mot_results(run.files[0])
    assert [record["frame_index"] for record in records] == [0, 1, 2, 3, 4, 5]
    assert [record["time_s"] for record in records] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    by_frame = {frame.frame_index: frame for frame in rows}
    for record in records:
        frame = by_frame[record["frame_index"]]
        assert [entry["track_id"] for entry in record["objects"]] == frame.track_ids.tolist()
        boxes = [entry["box_xyxy"] for entry in record["objects"]]
        assert np.allclose(boxes, frame.boxes_xyxy, atol=0.002)
    assert run.num_objects == sum(len(record["objects"]) for record in records) > 0
    assert num_frames_in(run.files[2]) == run.num_frames == 6
    assert run.broken_off is None


def test_as_published_boxes_in_the_file_are_a_pixel_larger(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    settings = TrackerSettings(**eager_model.settings.tracker, compatibility="reference")
    run = track_video(eager_model, make_clip(2), tmp_path / "out", settings, write_video=False)
    first, frame = records_in(run.files[1])[0]["objects"], read_mot_results(run.files[0])[0]
    found = np.array([entry["box_xyxy"] for entry in first])
    assert np.allclose(frame.boxes_xyxy - found, [0, 0, 1, 1], atol=0.002)
    assert set(frame.scores) == {-1}


def test_detections_have_no_identities(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    settings = DetectSettings(min_score=0.05)
    run = detect_video(eager_model, make_clip(3), tmp_path / "out", settings)
    assert [path.name for path in run.files] == ["detections.txt", "detections.jsonl", "video.mp4"]
    records = records_in(run.files[1])
    assert run.num_objects > 0
    assert all(set(e) == {"box_xyxy", "score", "label"} for r in records for e in r["objects"])
    assert all((frame.track_ids == -1).all() for frame in read_mot_results(run.files[0]))


def test_a_refused_video_is_not_written(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    run = track_video(eager_model, make_clip(2), tmp_path / "out", write_video=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "state.safetensors",
        "tracks.jsonl",
        "tracks.txt",
    ]
    assert len(run.files) == 2


def test_frames_without_objects_have_lines_too(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    settings = TrackerSettings(birth_score=1.0)
    run = track_video(eager_model, make_clip(2), tmp_path / "out", settings)
    assert [record["objects"] for record in records_in(run.files[1])] == [[], []]
    assert (tmp_path / "out" / "tracks.txt").read_text() == ""


def test_frames_before_a_cut_are_kept_and_the_cut_is_reported(
    eager_model: TrackFormer, cut_clip: Path, tmp_path: Path
):
    run = track_video(eager_model, cut_clip, tmp_path / "out")
    assert 10 <= run.num_frames <= 30
    assert run.broken_off is not None
    assert f"{run.num_frames} of 40 frames read" in run.broken_off
    assert len(records_in(run.files[1])) == num_frames_in(run.files[2]) == run.num_frames


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), RuntimeError("out of memory")])
def test_whatever_stops_a_run_the_files_hold_the_frames_so_far(
    eager_model: TrackFormer, tmp_path: Path, stop: BaseException
):
    with pytest.raises(type(stop)):
        track_video(eager_model, two_frames_then(stop), tmp_path / "out")
    assert len(records_in(tmp_path / "out" / "tracks.jsonl")) == 2
    assert len(read_mot_results(tmp_path / "out" / "tracks.txt")) == 2
    assert num_frames_in(tmp_path / "out" / "video.mp4") == 2


def test_a_line_is_on_disk_before_the_next_frame_is_read(eager_model: TrackFormer, tmp_path: Path):
    written = []

    def frames():
        for index in range(3):
            yield Frame(np.zeros((48, 64, 3), dtype=np.uint8), index, None)
            written.append(len(records_in(tmp_path / "tracks.jsonl")))

    source = FrameSource("camera 7", 25.0, None, frames(), release=lambda: None)
    track_video(eager_model, source, tmp_path)
    assert written == [1, 2, 3]


def test_results_are_replaced_only_on_request(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    clip = make_clip(2)
    track_video(eager_model, clip, tmp_path / "out")
    with pytest.raises(DataError, match=r"tracks\.txt: exists already.*--overwrite"):
        track_video(eager_model, clip, tmp_path / "out")
    assert track_video(eager_model, clip, tmp_path / "out", overwrite=True).num_frames == 2


def test_a_video_without_frames_leaves_earlier_results_alone(
    eager_model: TrackFormer, tmp_path: Path
):
    (tmp_path / "tracks.txt").write_text("1,1,1,1,1,1,1,-1,-1,-1\n")
    empty = FrameSource("camera 7", 25.0, None, (frame for frame in ()), release=lambda: None)
    with pytest.raises(DataError, match="camera 7: expected at least one frame, got none"):
        track_video(eager_model, empty, tmp_path, overwrite=True)
    assert (tmp_path / "tracks.txt").read_text().startswith("1,1")


def test_an_output_folder_that_cannot_be_made_is_named(eager_model: TrackFormer, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/out: cannot be written to: Not a directory"):
        track_video(eager_model, "clip.mp4", tmp_path / "file" / "out")


def test_a_folder_in_the_place_of_a_result_is_named(eager_model: TrackFormer, tmp_path: Path):
    (tmp_path / "tracks.jsonl").mkdir()
    with pytest.raises(
        DataError, match=r"tracks\.jsonl: expected a file to write to, got a folder"
    ):
        track_video(eager_model, "clip.mp4", tmp_path, overwrite=True)


def test_a_source_given_open_is_left_open(
    eager_model: TrackFormer, make_clip: Callable[..., Path], tmp_path: Path
):
    released = []
    with open_source(make_clip(2)) as inner:
        source = FrameSource(
            "clip", 10.0, 2, (frame for frame in inner), release=lambda: released.append(1)
        )
        assert track_video(eager_model, source, tmp_path / "out").num_frames == 2
    assert released == []


def test_a_record_says_what_was_found_in_plain_numbers():
    frame = Frame(np.zeros((4, 4, 3), dtype=np.uint8), 5, 0.123456)
    boxes, scores = torch.tensor([[0.5, 1.0, 2.0, 3.0]]), torch.tensor([0.25])
    labels = torch.tensor([1])
    tracked = TrackedObjects(torch.tensor([9]), boxes, scores, labels, 5, ("person", "dog"))
    entry = {"box_xyxy": [0.5, 1.0, 2.0, 3.0], "score": 0.25, "label": "dog"}
    assert as_record(frame, tracked) == {
        "frame_index": 5,
        "time_s": 0.1235,
        "objects": [{"track_id": 9, **entry}],
    }
    unnamed = Detections(boxes, scores, labels, 5)
    assert as_record(frame, unnamed)["objects"] == [entry | {"label": "1"}]
