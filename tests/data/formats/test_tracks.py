"""What `trackformer track` wrote becomes annotations in every format, without any image."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.commands import Run

from trackformer.data.convert import convert_annotations
from trackformer.data.read import read_annotations, recognised_format
from trackformer.errors import DataError

VIDEO = {
    "name": "street",
    "width": 64,
    "height": 48,
    "frame_rate": 10.0,
    "class_names": ["person", "big dog"],
}


def found(track_id: int, left: float, label: str = "person", **more: object) -> dict[str, object]:
    box = [left, 0.0, left + 20, 40.0]
    return {"track_id": track_id, "box_xyxy": box, "score": 0.5, "label": label} | more


FRAMES = (
    [found(1, 0), found(2, 30, "big dog")],
    [found(1, 1), found(2, 30, "big dog", is_filled=True)],
    [found(1, 2)],
    [],
    [found(1, 4)],
)
"""Track 1 walks and has a gap at frame 3; track 2 stands and is gone from frame 2 on."""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results of one video."""
    folder = tmp_path / "results"
    folder.mkdir()
    lines = [{"frame_index": i, "time_s": i / 10, "objects": own} for i, own in enumerate(FRAMES)]
    lines[0]["video"] = VIDEO
    (folder / "tracks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "tracks.txt").write_text("1,1,1,1,20,40,0.5,-1,-1,-1\n")
    return folder


@pytest.mark.parametrize("name", ["", "tracks.jsonl", "tracks.txt"])
def test_results_are_recognised_by_any_of_their_names(results: Path, name: str):
    assert recognised_format(results / name) == "tracks"


def test_results_tell_size_rate_classes_and_scores(results: Path):
    data = read_annotations(results)
    (street,) = data.sequences
    assert data.class_names == ("person", "big dog")
    assert (street.name, street.image_size, street.frame_rate) == ("street", (48, 64), 10.0)
    assert street.frames[0].scores.tolist() == [0.5, 0.5]
    assert street.frames[1].is_filled.tolist() == [False, True]
    assert [len(frame.track_ids) for frame in street.frames] == [2, 2, 1, 0, 1]


def test_a_line_that_is_no_frame_is_named(results: Path):
    with (results / "tracks.jsonl").open("a") as file:
        file.write('{"frame_index": 5, "obj')
    with pytest.raises(DataError, match=r"tracks\.jsonl:6: expected json"):
        read_annotations(results)


def test_an_object_without_a_box_is_named(results: Path):
    with (results / "tracks.jsonl").open("a") as file:
        file.write('{"frame_index": 5, "objects": [{"track_id": 1, "label": "person"}]}\n')
    with pytest.raises(DataError, match=r"tracks\.jsonl:6: object 1: expected track_id, box_xyxy"):
        read_annotations(results)


def test_older_results_have_no_size(results: Path, tmp_path: Path):
    text = (results / "tracks.jsonl").read_text()
    (results / "tracks.jsonl").write_text(text.replace('"video": {', '"other": {'))
    assert read_annotations(results).class_names == ("person", "big dog")
    with pytest.raises(DataError, match="results: expected images, or tracks that tell their size"):
        convert_annotations(results, tmp_path / "out", "cvat")


@pytest.mark.parametrize("to", ["tracks", "csv", "cvat", "label-studio", "mot", "kitti"])
def test_tracks_come_back_from_a_format(results: Path, tmp_path: Path, to):
    convert_annotations(results, tmp_path / "out", to, key_frame_iou=1.0)
    (before,) = read_annotations(results).sequences
    (after,) = read_annotations(tmp_path / "out").sequences
    assert len(after.frames) == len(before.frames)
    for old, new in zip(before.frames, after.frames, strict=True):
        order = np.argsort(new.track_ids)
        assert new.track_ids[order].tolist() == old.track_ids.tolist()
        assert new.boxes_xyxy[order] == pytest.approx(old.boxes_xyxy, abs=1e-4)


def test_cvat_gets_few_key_frames_and_the_end_of_every_stretch(results: Path, tmp_path: Path):
    convert_annotations(results, tmp_path / "out", "cvat")
    root = ElementTree.parse(tmp_path / "out" / "street" / "annotations.xml").getroot()
    walker, dog = root.findall("track")
    shown = [(box.get("frame"), box.get("outside")) for box in walker]
    assert shown == [("0", "0"), ("2", "0"), ("3", "1"), ("4", "0")]
    assert [(box.get("frame"), box.get("outside")) for box in dog] == [
        ("0", "0"),
        ("1", "0"),
        ("2", "1"),
    ]
    assert dog.get("label") == "big dog"
    assert walker.get("source") == "auto"
    names = [name.text for name in root.iterfind("./meta/task/labels/label/name")]
    assert names == ["person", "big dog"]


def test_kitti_has_the_score_in_its_last_column(results: Path, tmp_path: Path):
    convert_annotations(results, tmp_path / "out", "kitti")
    first = (tmp_path / "out" / "label_02" / "street.txt").read_text().splitlines()[0].split()
    assert (len(first), first[2], first[17]) == (18, "Pedestrian", "0.5")


def test_coco_reads_back_by_pycocotools_with_its_scores(results: Path, tmp_path: Path):
    from pycocotools.coco import COCO

    convert_annotations(results, tmp_path / "out", "coco")
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    assert [image["height"] for image in coco.dataset["images"]] == [48] * 5
    dogs = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["big dog"])))
    assert [(dog["image_id"], dog["track_id"], dog["score"]) for dog in dogs] == [
        (1, 2, 0.5),
        (2, 2, 0.5),
    ]


def test_the_command_says_what_is_lost_and_refuses_what_has_no_key_frames(
    results: Path, tmp_path: Path, run: Run
):
    code, output, _ = run("data", "convert", results, tmp_path / "out", "--to", "kitti")
    assert code == 0
    assert output.splitlines()[:2] == [
        "1 sequences, 5 frames, 6 boxes",
        "kitti cannot hold: class names (KITTI's own where it has one: Pedestrian for person), "
        "frame rate, spaces in class names (become underscores), "
        "which boxes were filled in",
    ]
    code, _, error = run(
        "data", "convert", results, tmp_path / "b", "--to", "coco", "--key-frame-iou", "0.9"
    )
    assert code == 2
    assert error == "error: --key-frame-iou: only for --to cvat, label-studio, got coco\n"
