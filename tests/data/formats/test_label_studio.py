"""Tasks for Label Studio, and its exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.parts.assembly import Entry, assemble_frames
from trackformer.data.formats.parts.malformed import refuse
from trackformer.data.read import read_annotations, recognised_format
from trackformer.errors import DataError


def street(score: float | None) -> AnnotatedData:
    """One object that walks through frames 0 to 2 and is back in frame 4."""
    entries = [
        Entry("", at, (16 * at, 0, 16 * at + 16, 24), track_id=7, score=score)
        for at in (0, 1, 2, 4)
    ]
    frames = assemble_frames(entries, (None,) * 6, refuse)
    sequence = AnnotatedSequence("street", frames, (48, 160), 10.0, is_video=True)
    return AnnotatedData((sequence,), ("person", "car"))


def test_tracks_become_predictions_in_percent_counted_from_1(tmp_path: Path):
    write_annotations(street(0.5), tmp_path / "out", "label-studio", key_frame_iou=0.9)
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    (answer,) = task["predictions"]
    (region,) = answer["result"]
    keys = [(key["frame"], key["enabled"], key["x"]) for key in region["value"]["sequence"]]
    # Switched off in the last frame of each stretch, where it is still shown.
    assert keys == [(1, True, 0), (3, False, 20), (5, False, 40)]
    assert region["value"]["sequence"][0]["width"] == 10
    assert region["value"]["sequence"][0]["height"] == 50
    assert (region["value"]["labels"], region["score"], answer["score"]) == (["person"], 0.5, 0.5)


def test_annotations_become_annotations_and_the_interface_lists_all_classes(tmp_path: Path):
    write_annotations(street(None), tmp_path / "out", "label-studio")
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert "predictions" not in task
    assert len(task["annotations"][0]["result"][0]["value"]["sequence"]) == 4
    config = (tmp_path / "out" / "labeling_config.xml").read_text()
    assert '<Label value="car" />' in config
    assert 'framerate="10"' in config


EXPORT = [
    {
        "id": 3,
        "annotations": [
            {"was_cancelled": True, "result": []},
            {
                "result": [
                    {
                        "id": "aZ3_q",
                        "type": "videorectangle",
                        "value": {
                            "framesCount": 5,
                            "labels": ["car"],
                            "sequence": [
                                {"frame": 1, "enabled": True, "x": 0, "y": 0, "width": 10,
                                 "height": 50, "rotation": 0, "time": 0},
                                {"frame": 3, "enabled": True, "x": 20, "y": 0, "width": 10,
                                 "height": 50, "rotation": 0, "time": 0.2},
                            ],
                        },
                    }
                ]
            },
        ],
        "data": {"video": "/data/upload/street.mp4", "width": 160, "height": 48},
    }
]  # fmt: skip


def test_an_export_of_a_person_moves_evenly_and_stays_to_the_end(tmp_path: Path):
    (tmp_path / "export.json").write_text(json.dumps(EXPORT))
    assert recognised_format(tmp_path / "export.json") == "label-studio"
    data = read_annotations(tmp_path / "export.json")
    (sequence,) = data.sequences
    assert (sequence.name, data.class_names) == ("street", ("car",))
    assert [frame.boxes_xyxy[:, 0].tolist() for frame in sequence.frames] == [
        [0], [16], [32], [32], [32],
    ]  # fmt: skip
    assert sequence.frames[0].track_ids.tolist() == [1_000_000_000]


def test_an_export_without_the_size_of_the_video_is_refused(tmp_path: Path):
    export = [EXPORT[0] | {"data": {"video": "street.mp4"}}]
    (tmp_path / "export.json").write_text(json.dumps(export))
    with pytest.raises(DataError, match="task street: expected width and height of the video"):
        read_annotations(tmp_path / "export.json")
