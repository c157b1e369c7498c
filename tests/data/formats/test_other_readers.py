"""What we write, read by programs that we did not write."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.parts.assembly import Entry, assemble_frames
from trackformer.data.formats.parts.malformed import refuse

BOXES = {
    7: {0: (10, 4, 30, 44), 1: (12, 4, 32, 44), 2: (14, 4, 34, 44), 4: (18, 4, 38, 44)},
    9: {1: (40, 8, 60, 28), 2: (40, 8, 60, 28)},
}
"""Of two tracks, by frame: one walks and has a gap, the other stands and is a car."""


def street(*, scores: bool) -> AnnotatedData:
    entries = [
        Entry(
            "",
            frame,
            box,
            label=int(track_id == 9),
            track_id=track_id,
            score=0.25 + frame / 8 if scores else None,
        )
        for track_id, boxes in BOXES.items()
        for frame, box in boxes.items()
    ]
    frames = assemble_frames(entries, (None,) * 5, refuse)
    sequence = AnnotatedSequence("street", frames, (48, 64), 10.0, is_video=True)
    return AnnotatedData((sequence,), ("person", "car"))


def test_trackevals_motchallenge_loader_reads_annotations(tmp_path: Path):
    trackeval = pytest.importorskip("trackeval")
    write_annotations(street(scores=False), tmp_path / "gt", "mot")
    (tmp_path / "results" / "ours" / "data").mkdir(parents=True)
    (tmp_path / "results" / "ours" / "data" / "street.txt").touch()
    with contextlib.redirect_stdout(io.StringIO()):
        loader = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(tmp_path / "gt"),
                "TRACKERS_FOLDER": str(tmp_path / "results"),
                "SKIP_SPLIT_FOL": True,
                # None: the length is that of seqinfo.ini.
                "SEQ_INFO": {"street": None},
            }
        )
    raw = loader.get_raw_seq_data("ours", "street")
    assert [ids.tolist() for ids in raw["gt_ids"]] == [[7], [7, 9], [7, 9], [], [7]]
    # Left, top, width and height, where the first pixel is 1; classes count gt/labels.txt.
    assert raw["gt_dets"][1].tolist() == [[13, 5, 20, 40], [41, 9, 20, 20]]
    assert raw["gt_classes"][1].tolist() == [1, 2]


def test_supervision_reads_a_yolo_folder(tmp_path: Path):
    from supervision import DetectionDataset

    write_annotations(street(scores=False), tmp_path / "out", "yolo")
    (tmp_path / "out" / "images").mkdir()
    for each in (tmp_path / "out" / "labels").iterdir():
        cv2.imwrite(
            str(tmp_path / "out" / "images" / f"{each.stem}.png"), np.zeros((48, 64, 3), np.uint8)
        )
    folders = (str(tmp_path / "out" / name) for name in ("images", "labels", "data.yaml"))
    data = DetectionDataset.from_yolo(*folders)
    assert data.classes == ["person", "car"]
    found = {Path(name).stem: boxes for name, boxes in data.annotations.items()}
    assert [len(found[f"street_{frame:06d}"]) for frame in range(5)] == [1, 2, 2, 0, 1]
    both = found["street_000001"]
    assert np.allclose(both.xyxy, [[12, 4, 32, 44], [40, 8, 60, 28]], atol=1e-4)
    assert both.class_id.tolist() == [0, 1]


def test_scalabels_own_reader_takes_what_we_write(tmp_path: Path):
    scalabel = pytest.importorskip(
        "scalabel.label.io",
        reason="scalabel wants releases of pydantic and NumPy that are older than ours",
    )
    write_annotations(street(scores=True), tmp_path / "out", "scalabel")
    frames = scalabel.load(str(tmp_path / "out" / "annotations.json"), nprocs=1).frames
    assert [(frame.videoName, frame.frameIndex) for frame in frames] == [
        ("street", number) for number in range(5)
    ]
    walker, car = frames[1].labels
    assert (walker.category, walker.score, car.category) == ("person", 0.375, "car")
    # Its corners are those of the last pixels inside.
    assert (car.box2d.x1, car.box2d.y1, car.box2d.x2, car.box2d.y2) == (40, 8, 59, 27)


def test_trackevals_kitti_loader_reads_annotations_and_results(tmp_path: Path):
    trackeval = pytest.importorskip("trackeval")
    write_annotations(street(scores=False), tmp_path / "gt", "kitti")
    write_annotations(street(scores=True), tmp_path / "results" / "ours", "kitti")
    with contextlib.redirect_stdout(io.StringIO()):
        loader = trackeval.datasets.Kitti2DBox(
            {
                "GT_FOLDER": str(tmp_path / "gt"),
                "TRACKERS_FOLDER": str(tmp_path / "results"),
                "TRACKER_SUB_FOLDER": "label_02",
            }
        )
    raw = loader.get_raw_seq_data("ours", "street")
    assert [ids.tolist() for ids in raw["gt_ids"]] == [[7], [7, 9], [7, 9], [], [7]]
    assert [ids.tolist() for ids in raw["tracker_ids"]] == [[7], [7, 9], [7, 9], [], [7]]
    assert raw["gt_dets"][1].tolist() == [[12, 4, 32, 44], [40, 8, 60, 28]]
    # Its own numbers: 4 is a pedestrian, 1 a car.
    assert raw["gt_classes"][1].tolist() == [4, 1]
    assert raw["tracker_confidences"][2].tolist() == [0.5, 0.5]


def test_pyarrow_reads_csv_and_parquet_as_the_same_table(tmp_path: Path):
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow.csv import read_csv
    from pyarrow.parquet import read_table

    for name in ("csv", "parquet"):
        write_annotations(street(scores=True), tmp_path / name, name)
    for table in ("boxes", "videos"):
        text = read_csv(tmp_path / "csv" / f"{table}.csv").to_pydict()
        assert text == read_table(tmp_path / "parquet" / f"{table}.parquet").to_pydict()
    boxes = read_csv(tmp_path / "csv" / "boxes.csv").to_pydict()
    assert boxes["track_id"] == [7, 7, 9, 7, 9, 7]
    assert boxes["label"] == ["person", "person", "car", "person", "car", "person"]
    assert boxes["left"] == [10, 12, 40, 14, 40, 18]


def test_datumaro_reads_what_goes_into_cvat(tmp_path: Path):
    datumaro = pytest.importorskip(
        "datumaro",
        reason="datumaro is not among the tests' packages: it brings a whole inference engine",
    )
    write_annotations(street(scores=True), tmp_path / "out", "cvat", key_frame_iou=1.0)
    data = datumaro.Dataset.import_from(str(tmp_path / "out" / "street"), "cvat")
    found = {
        (box.attributes["track_id"], int(item.attributes["frame"])): box.points
        for item in data
        for box in item.annotations
        if not box.attributes.get("outside")
    }
    assert found == {
        (track_id, frame): [float(side) for side in box]
        for track_id, boxes in BOXES.items()
        for frame, box in boxes.items()
    }


def test_label_studios_own_checks_accept_tasks_and_predictions(tmp_path: Path):
    sdk = pytest.importorskip(
        "label_studio_sdk.label_interface",
        reason="label-studio-sdk brings a second OpenCV (opencv-python-headless)",
    )
    write_annotations(street(scores=True), tmp_path / "out", "label-studio", key_frame_iou=0.9)
    interface = sdk.LabelInterface((tmp_path / "out" / "labeling_config.xml").read_text())
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert interface.validate_prediction(task["predictions"][0], return_errors=True) == []
    assert interface.validate_task({"data": task["data"]})
    (labels,) = [control.labels for control in interface.controls if control.labels]
    assert labels == ["person", "car"]
