"""Each format as its own tools write it, and how a path is recognised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from trackformer.data.convert import convert_annotations
from trackformer.data.formats.known import FORMATS
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.traits import Trait
from trackformer.data.read import read_annotations, recognised_format
from trackformer.errors import DataError
from trackformer.verbs.data.convert import FORMAT_NAMES


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))


def collected(path: Path) -> list[tuple[str, str, str]]:
    mistakes = []
    read_annotations(path, report=mistakes.append)
    return [(error.mistake, Path(error.where).name, error.what) for error in mistakes]


def message_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_annotations(path)
    return str(caught.value)


def test_flags_settings_and_table_name_the_same_formats():
    assert set(FORMAT_NAMES) == set(get_args(FormatName)) == set(FORMATS)


def test_the_page_says_what_each_format_holds():
    lines = (Path(__file__).parents[3] / "docs" / "data.md").read_text().splitlines()
    assert "| | " + " | ".join(FORMATS) + " |" in lines
    for trait in get_args(Trait):
        cells = (
            "yes" if trait in known.holds else known.remarks.get(trait, "-")
            for known in FORMATS.values()
        )
        assert f"| {trait} | {' | '.join(cells)} |" in lines


def test_a_path_of_no_known_format_says_what_was_looked_for(tmp_path: Path):
    message = message_of(tmp_path)
    assert message.startswith(f"{tmp_path}: expected annotations of a known format, found none of ")
    assert all(f"{name}: " in message for name in FORMATS)
    assert message_of(tmp_path / "no") == f"{tmp_path / 'no'}: no such file or folder"


def test_the_format_can_be_forced(tmp_path: Path):
    path = tmp_path / "gt.data"
    path.write_text("1,1,1,1,5,5\n")
    assert read_annotations(path, "mot").sequences[0].frames[0].boxes_xyxy.tolist() == [
        [0, 0, 5, 5]
    ]


KITTI = """0 -1 DontCare -1 -1 -10 20 0 30 10 -1000 -1000 -1000 -10 -1 -1 -1
0 2 Pedestrian 0 1 -2.5 1.5 2.5 11 22 1.7 0.6 0.9 1 1.5 8 -2.4
2 2 Pedestrian 0 0 -2.5 2.5 2.5 12 22 1.7 0.6 0.9 1 1.5 8 -2.4
2 0 Car 0 2 -2.5 30 2 60 22 1.7 0.6 0.9 1 1.5 8 -2.4
"""


def test_kitti_counts_from_zero_and_has_regions_to_ignore(tmp_path: Path):
    (tmp_path / "label_02").mkdir()
    (tmp_path / "label_02" / "0003.txt").write_text(KITTI)
    data = read_annotations(tmp_path)
    assert data.class_names == ("Car", "Pedestrian")
    (sequence,) = data.sequences
    assert (sequence.name, len(sequence.frames), sequence.frame_rate) == ("0003", 3, 10.0)
    first, _, last = sequence.frames
    assert first.boxes_xyxy.tolist() == [[1.5, 2.5, 11, 22]]
    assert first.ignore_boxes_xyxy.tolist() == [[20, 0, 30, 10]]
    assert (first.visibility.tolist(), last.labels.tolist()) == ([0.6], [1, 0])
    assert sequence.forgives_ignored


def test_crowdhuman_has_whole_and_visible_boxes_and_ignored_people(tmp_path: Path):
    write_image(tmp_path / "Images" / "27,a.jpg")
    people = [
        {"tag": "person", "fbox": [-5, 0, 20, 40], "vbox": [0, 0, 15, 20], "extra": {"box_id": 0}},
        {"tag": "person", "fbox": [9, 9, 4, 4], "vbox": [9, 9, 4, 4], "extra": {"ignore": 1}},
        {"tag": "mask", "fbox": [0, 0, 5, 5], "vbox": [0, 0, 5, 5], "extra": {"ignore": 1}},
    ]
    line = json.dumps({"ID": "27,a", "gtboxes": people})
    (tmp_path / "annotation_val.odgt").write_text(line + "\n")
    (still,) = read_annotations(tmp_path).sequences
    (frame,) = still.frames
    assert (still.image_size, still.is_video) == ((48, 64), False)
    assert frame.boxes_xyxy.tolist() == [[-5, 0, 15, 40]]
    assert frame.visible_boxes_xyxy.tolist() == [[0, 0, 15, 20]]
    assert frame.visibility.tolist() == [15 * 20 / (20 * 40)]
    assert len(frame.ignore_boxes_xyxy) == 2


def write_yolo_folder(folder: Path, labels: str) -> Path:
    write_image(folder / "train" / "images" / "a.png")
    (folder / "train" / "labels").mkdir()
    (folder / "train" / "labels" / "a.txt").write_text(labels)
    (folder / "data.yaml").write_text("train: ../train/images\nnc: 2\nnames: ['cat', 'dog']\n")
    return folder


def test_yolo_boxes_and_polygons_are_shares_of_the_image(tmp_path: Path):
    write_yolo_folder(tmp_path, "1 0.5 0.5 0.25 0.5\n0 0 0 0.5 0 0.5 0.5\n")
    for path in (tmp_path, tmp_path / "data.yaml", tmp_path / "train" / "images"):
        data = read_annotations(path)
        (frame,) = data.sequences[0].frames
        assert (data.class_names, frame.labels.tolist()) == (("cat", "dog"), [1, 0])
        assert frame.boxes_xyxy.tolist() == [[24, 12, 40, 36], [0, 0, 32, 24]]


def test_all_bad_lines_of_yolo_are_reported(tmp_path: Path):
    write_yolo_folder(tmp_path, "2 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2\n1 0.5 0.5 0 0.2\nx 1 1 1 1\n")
    assert [(mistake, where) for mistake, where, _ in collected(tmp_path)] == [
        ("unknown-class", "a.txt:1"),
        ("malformed", "a.txt:2"),
        ("malformed", "a.txt:4"),
        ("no-area", "a.txt:3"),
    ]


BOX = '<box frame="{}" outside="{}" occluded="0" keyframe="1" xtl="{}" ytl="0" xbr="{}" ybr="9"/>'


def write_cvat_video(folder: Path, *tracks: str) -> Path:
    folder.mkdir(exist_ok=True)
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("car", "ignore", "dog"))
    head = (
        "<meta><task><size>4</size><mode>interpolation</mode><start_frame>10</start_frame>"
        f"<stop_frame>16</stop_frame><frame_filter>step=2</frame_filter><labels>{labels}</labels>"
        "<original_size><width>64</width><height>48</height></original_size></task></meta>"
    )
    text = f"<annotations><version>1.1</version>{head}{''.join(tracks)}</annotations>"
    (folder / "annotations.xml").write_text(text)
    return folder


def track(number: int, label: str, *boxes: str) -> str:
    return f'<track id="{number}" label="{label}">{"".join(boxes)}</track>'


def test_a_cvat_track_moves_evenly_between_keyframes_until_it_is_outside(tmp_path: Path):
    seen = [BOX.format(10, 0, 0, 8), BOX.format(14, 0, 4, 12), BOX.format(16, 1, 4, 12)]
    write_cvat_video(
        tmp_path / "clip", track(0, "dog", *seen), track(1, "ignore", BOX.format(16, 0, 5, 6))
    )
    data = read_annotations(tmp_path)
    (sequence,) = data.sequences
    assert (data.class_names, sequence.name, sequence.image_size) == (
        ("car", "dog"),
        "clip",
        (48, 64),
    )
    lefts = [frame.boxes_xyxy[:, 0].tolist() for frame in sequence.frames]
    assert lefts == [[0], [2], [4], []]
    assert sequence.frames[0].labels.tolist() == [1]
    assert sequence.frames[3].ignore_boxes_xyxy.tolist() == [[5, 0, 6, 9]]


def test_the_mistakes_of_a_cvat_export_are_reported(tmp_path: Path):
    twice = track(3, "dog", BOX.format(10, 0, 0, 8))
    late = track(4, "car", BOX.format(18, 0, 0, 8))
    unknown = track(5, "Dog", BOX.format(10, 0, 0, 8))
    flat = track(6, "car", BOX.format(10, 0, 8, 8))
    write_cvat_video(tmp_path / "clip", twice, twice, late, unknown, flat)
    mistakes = [mistake for mistake, _, _ in collected(tmp_path)]
    assert sorted(mistakes) == ["beyond-end", "no-area", "shared-id", "unknown-class"]


def test_cvat_images_are_still_images(tmp_path: Path):
    write_image(tmp_path / "images" / "a.png")
    shape = '<box label="dog" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>'
    (tmp_path / "annotations.xml").write_text(
        f'<annotations><image id="0" name="a.png" width="64" height="48">{shape}</image>'
        "</annotations>"
    )
    data = read_annotations(tmp_path)
    assert data.class_names == ("dog",)
    assert not data.sequences[0].is_video
    assert data.sequences[0].frames[0].boxes_xyxy.tolist() == [[1, 2, 3, 4]]


def bdd_frame(index: int, *labels: dict[str, object]) -> dict[str, object]:
    name = f"b1-{index}.jpg"
    return {"videoName": "b1", "frameIndex": index, "name": name, "labels": list(labels)}


def bdd_label(number: str, category: str, **attributes: bool) -> dict[str, object]:
    box = {"x1": 1, "y1": 2, "x2": 11, "y2": 22}
    return {"id": number, "category": category, "attributes": attributes, "box2d": box}


def test_bdd100k_has_a_file_for_each_video_and_ignores_crowds(tmp_path: Path):
    first = bdd_frame(0, bdd_label("00007", "car"), bdd_label("8", "pedestrian", crowd=True))
    second = bdd_frame(1, bdd_label("00007", "car"), bdd_label("9", "other person"))
    for index in (0, 1):
        write_image(tmp_path / "images" / "b1" / f"b1-{index}.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "b1.json").write_text(json.dumps([second, first]))
    assert recognised_format(tmp_path / "labels") == "scalabel"
    data = read_annotations(tmp_path / "labels")
    (sequence,) = data.sequences
    assert (data.class_names, sequence.image_size) == (("car",), (48, 64))
    assert [frame.track_ids.tolist() for frame in sequence.frames] == [[7], [7]]
    # x2 and y2 are the last pixel inside.
    assert sequence.frames[0].boxes_xyxy.tolist() == [[1, 2, 12, 23]]
    assert [len(frame.ignore_boxes_xyxy) for frame in sequence.frames] == [1, 1]


def test_labels_beside_a_mot_file_name_its_classes(tmp_path: Path):
    (tmp_path / "A" / "gt").mkdir(parents=True)
    (tmp_path / "A" / "gt" / "gt.txt").write_text("1,1,1,1,5,5,1,2,1\n1,2,1,1,5,5,0,1,1\n")
    (tmp_path / "A" / "gt" / "labels.txt").write_text("cat\ndog\n")
    data = read_annotations(tmp_path)
    (frame,) = data.sequences[0].frames
    assert (data.class_names, frame.labels.tolist()) == (("cat", "dog"), [1])
    assert len(frame.ignore_boxes_xyxy) == 1


def test_a_folder_is_replaced_only_if_a_conversion_made_it(tmp_path: Path):
    source = write_yolo_folder(tmp_path / "in", "1 0.5 0.5 0.25 0.5\n")
    convert_annotations(source, tmp_path / "out", "coco")
    convert_annotations(source, tmp_path / "out", "mot", overwrite=True)
    assert recognised_format(tmp_path / "out") == "mot"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    with pytest.raises(DataError, match="exists; give another name"):
        convert_annotations(source, tmp_path / "out", "coco")
    with pytest.raises(DataError, match="that an earlier conversion made"):
        convert_annotations(source, source, "coco", overwrite=True)


def test_two_images_of_one_name_are_refused(tmp_path: Path):
    write_image(tmp_path / "images" / "1.png")
    write_image(tmp_path / "images" / "1.bmp")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    with pytest.raises(DataError, match=r"expected a name unlike that of 1\.bmp"):
        convert_annotations(tmp_path, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()


def scalabel_labels(tmp_path: Path, *labels: dict) -> Path:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((200, 200, 3), np.uint8))
    (tmp_path / "a.json").write_text(json.dumps([{"name": "1.png", "labels": list(labels)}]))
    return tmp_path / "a.json"


def test_a_turned_box_of_scalabel_becomes_the_upright_one_around_it(tmp_path: Path):
    turned = {"cx": 100, "cy": 120, "w": 100, "h": 40, "a": 90}
    path = scalabel_labels(tmp_path, {"category": "car", "rbox": turned})
    (frame,) = read_annotations(path).sequences[0].frames
    assert frame.boxes_xyxy.tolist() == [[80, 70, 120, 170]]


def test_outlines_of_scalabel_are_passed_over_where_their_category_has_no_boxes(tmp_path: Path):
    box = {"x1": 1, "y1": 2, "x2": 30, "y2": 40}
    lane, car = {"category": "lane", "poly2d": []}, {"category": "car", "poly2d": []}
    boxed = {"category": "car", "box2d": box}
    (frame,) = read_annotations(scalabel_labels(tmp_path, lane, boxed)).sequences[0].frames
    assert len(frame.boxes_xyxy) == 1
    with pytest.raises(
        DataError, match="expected a box2d or rbox, as other labels of its category"
    ):
        read_annotations(scalabel_labels(tmp_path, lane, boxed, car))
