"""Identities joined, split and deleted by hand, and what becomes of them as annotations."""

import json
from pathlib import Path

import numpy as np
import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.tracks import read_tracks
from trackformer.errors import DataError
from trackformer.inspecting.corrections import Delete, Join, Split, corrected, read_corrections


def write_run(folder: Path, *frames: dict[int, float]) -> Path:
    """Results whose frames are identity -> left side; every box is 10 x 20."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "frame_index": index,
            "time_s": index / 10,
            "objects": [
                {
                    "track_id": track_id,
                    "box_xyxy": [left, 10, left + 10, 30],
                    "score": 0.9,
                    "label": "person",
                }
                for track_id, left in frame.items()
            ],
        }
        for index, frame in enumerate(frames)
    ]
    (folder / "tracks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def ids_of(data: AnnotatedData) -> list[list[int]]:
    return [frame.track_ids.tolist() for frame in data.sequences[0].frames]


@pytest.fixture
def data(tmp_path) -> AnnotatedData:
    return read_tracks(write_run(tmp_path / "out", {1: 5}, {1: 6, 2: 30}, {2: 31}))


def test_a_joined_identity_has_the_first_ones_number_and_box_where_both_are_seen(data):
    joined = corrected(data, [Join(1, 2)])
    assert ids_of(joined) == [[1], [1], [1]]
    lefts = [frame.boxes_xyxy[0, 0] for frame in joined.sequences[0].frames]
    assert lefts == [5, 6, 31]


def test_a_split_identity_is_a_new_one_from_the_frame_on(data):
    assert ids_of(corrected(data, [Split(2, 2, 7)])) == [[1], [1, 2], [7]]


def test_a_deleted_identity_is_gone_and_all_columns_with_it(data):
    frame = corrected(data, [Delete(1)]).sequences[0].frames[1]
    assert (frame.track_ids.tolist(), len(frame.boxes_xyxy), len(frame.scores)) == ([2], 1, 1)


def test_corrections_are_applied_one_after_the_other(data):
    assert ids_of(corrected(data, [Split(1, 1, 3), Join(2, 3)])) == [[1], [2], [2]]
    with pytest.raises(DataError, match="no identity 1 any more"):
        corrected(data, [Delete(1), Delete(1)])


def test_several_videos_cannot_be_corrected(data):
    sequence: AnnotatedSequence = data.sequences[0]
    with pytest.raises(DataError, match="expected one video, got 2"):
        corrected(AnnotatedData((sequence, sequence), data.class_names), [Delete(1)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON"),
        ("[]", "expected {"),
        ('{"corrections": [{"do": "fly"}]}', 'correction 1: expected "do": join, split, delete'),
        ('{"corrections": [{"do": "delete", "track": "1"}]}', "expected whole numbers"),
        ('{"corrections": [{"do": "delete"}]}', "expected the fields of its kind"),
    ],
)
def test_what_is_no_correction_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "corrections.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_corrections(path)


def test_corrected_tracks_become_annotations_with_images(run, make_clip, tmp_path):
    out = write_run(tmp_path / "out", {1: 5}, {1: 6, 2: 30}, {2: 31})
    corrections = tmp_path / "corrections.json"
    corrections.write_text('{"corrections": [{"do": "join", "track": 1, "other": 2}]}')
    code, _, error = run(
        *("data", "convert", out, tmp_path / "mot", "--to", "mot"),
        *("--corrections", corrections, "--video", make_clip(num_frames=3)),
    )
    assert (code, error) == (0, "")
    (rows,) = (tmp_path / "mot").rglob("gt.txt")
    identities = np.loadtxt(rows, delimiter=",", usecols=(0, 1)).tolist()
    assert identities == [[1, 1], [2, 1], [3, 1]]
    assert len(list((tmp_path / "mot").rglob("*.jpg"))) == 3
    assert not list(tmp_path.glob(".frames.*"))


def test_a_video_shorter_than_the_tracks_is_refused(run, make_clip, tmp_path):
    out = write_run(tmp_path / "out", {1: 5}, {1: 6}, {1: 7})
    video = make_clip(num_frames=2)
    code, _, error = run("data", "convert", out, tmp_path / "x", "--to", "mot", "--video", video)
    assert code == 2
    assert "expected 3 frames as in the tracks, got 2" in error
