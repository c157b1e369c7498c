"""Annotations as other programs spell them: read right, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from trackformer.data.formats.parts.malformed import MalformedError
from trackformer.data.read import read_annotations
from trackformer.evaluation.metrics.coco import evaluate_detections

WIDTH, HEIGHT = 100, 50


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))
    return path


def frames_of(path: Path):
    return read_annotations(path).sequences[0].frames


def mistakes_of(path: Path) -> list[MalformedError]:
    mistakes: list[MalformedError] = []
    read_annotations(path, report=mistakes.append)
    return mistakes


# MOTChallenge's columns of others


def test_visdrone_has_classes_ignore_regions_and_pixels_from_0(tmp_path: Path):
    rows = "1,1,10,20,5,5,1,4,0,0\n1,2,0,0,9,9,0,0,0,0\n1,3,30,20,5,5,1,9,0,2\n"
    path = written(tmp_path / "gt/gt.txt", rows)
    data = read_annotations(path)
    (frame,) = data.sequences[0].frames
    assert [data.class_names[label] for label in frame.labels] == ["car", "bus"]
    assert frame.boxes_xyxy.tolist() == [[10, 20, 15, 25], [30, 20, 35, 25]]
    assert frame.ignore_boxes_xyxy.tolist() == [[0, 0, 9, 9]]
    assert frame.visibility.tolist() == [1, 0.25]


def test_visdrone_is_found_in_its_own_folders(tmp_path: Path):
    written(tmp_path / "annotations/uav1.txt", "1,1,10,20,5,5,1,1,0,0\n")
    image = write_image(tmp_path / "sequences/uav1/0000001.jpg")
    (sequence,) = read_annotations(tmp_path).sequences
    assert (sequence.name, sequence.frames[0].image_path) == ("uav1", image)


def test_uavdt_has_its_category_in_the_ninth_column(tmp_path: Path):
    path = written(tmp_path / "M0101_gt_whole.txt", "1,1,10,20,5,5,1,2,1\n1,2,30,20,5,5,2,1,3\n")
    data = read_annotations(path)
    assert data.sequences[0].name == "M0101"
    assert [data.class_names[label] for label in frames_of(path)[0].labels] == ["car", "bus"]


def test_world_coordinates_stay_what_they_are(tmp_path: Path):
    for row in ("1,1,1,1,5,5,1,-1,-1,-1", "1,1,1,1,5,5,1,3.2,-1.5,0", "1,1,1,1,5,5,1,0,0,0"):
        path = written(tmp_path / "gt/gt.txt", row + "\n")
        assert read_annotations(path).class_names == ("person",)
        assert len(frames_of(path)[0].boxes_xyxy) == 1


def test_considered_rows_of_another_class_are_a_doubt_for_the_check_alone(tmp_path: Path):
    path = written(tmp_path / "gt/gt.txt", "1,1,1,1,5,5,1,3,1\n1,2,9,1,5,5,1,1,1\n")
    (mistake,) = mistakes_of(path)
    assert (mistake.mistake, mistake.where) == ("considered-class", f"{path}:1")
    assert len(frames_of(path)[0].boxes_xyxy) == 1


def test_ids_keep_all_their_digits(tmp_path: Path):
    path = written(tmp_path / "gt/gt.txt", f"1,{2**53 + 1},1,1,5,5\n1,{2**53},9,1,5,5\n")
    assert frames_of(path)[0].track_ids.tolist() == [2**53 + 1, 2**53]


# YOLO


def write_yolo(folder: Path, rows: str, settings: str = "names: [cat, dog]\n") -> Path:
    write_image(folder / "images/a.png")
    written(folder / "labels/a.txt", rows)
    return written(folder / "data.yaml", "train: images\n" + settings)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5 0.2 0.4 0.91 1", "got 7 fields that end in a whole number"),
        ("0 0.5 0.5 0.2 0.4 0.91 17", "got 7 fields that end in a whole number"),
        ("0 0.5 0.5 0.2 0.4 0.91", "got 6 fields"),
        ("0 0.5 0.5 0.2 0.4 0.3 0.3 2 0.4 0.4 2", "expected shares of the image from 0 to 1"),
        ("0 50 25 20 20", "expected shares of the image from 0 to 1"),
    ],
)
def test_columns_of_trackers_and_poses_are_no_polygons(tmp_path: Path, row: str, message: str):
    (mistake,) = mistakes_of(write_yolo(tmp_path, row))
    assert message in mistake.what


def test_a_triangle_is_a_polygon(tmp_path: Path):
    path = write_yolo(tmp_path, "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0 0 1 0 1 1\n")
    assert frames_of(path)[0].boxes_xyxy.tolist() == [[10, 5, 50, 25], [0, 0, 100, 50]]


def test_boxes_with_keypoints_are_read_where_their_shape_is_said(tmp_path: Path):
    row = "1 0.5 0.5 0.2 0.4 0.45 0.5 2 0.55 0.5 0\n"
    path = write_yolo(tmp_path, row, "names: [cat, dog]\nkpt_shape: [2, 3]\n")
    assert frames_of(path)[0].boxes_xyxy.tolist() == [pytest.approx([40, 15, 60, 35])]
    assert not frames_of(path)[0].segmentations


def test_keypoints_nobody_announced_are_told_from_polygons(tmp_path: Path):
    path = write_yolo(tmp_path, "0 0.5 0.5 0.4 0.4 0.45 0.55 0.5 0.6 0.6 0.5\n" * 3)
    assert "look like boxes with keypoints" in mistakes_of(path)[0].what


def test_yolo_folders_are_read_at_any_depth(tmp_path: Path):
    path = write_yolo(tmp_path, "0 0.5 0.5 0.2 0.4\n")
    write_image(tmp_path / "images/day/a.png")
    written(tmp_path / "labels/day/a.txt", "1 0.5 0.5 0.2 0.4\n")
    data = read_annotations(path)
    assert [(still.name, still.frames[0].labels.tolist()) for still in data.sequences] == [
        ("a.png", [0]),
        ("day/a.png", [1]),
    ]


@pytest.mark.parametrize(
    "line",
    ["./images/my a.png", ".\\images\\my a.png", "images/my a.png\r", "data/images/my a.png"],
)
def test_lists_of_images_may_have_spaces_and_be_of_any_system(tmp_path: Path, line: str):
    write_image(tmp_path / "images/my a.png")
    written(tmp_path / "labels/my a.txt", "1 0.5 0.5 0.2 0.4\n")
    written(tmp_path / "train.txt", f"{line}\n")
    path = written(tmp_path / "data.yaml", "train: train.txt\nnames: [cat, dog]\n")
    assert frames_of(path)[0].labels.tolist() == [1]


def test_an_image_of_a_list_that_is_not_there_is_named(tmp_path: Path):
    path = write_yolo(tmp_path, "", "names: [cat]\n")
    written(tmp_path / "train.txt", "images/a.png\nimages/b.png\n")
    path.write_text("train: train.txt\nnames: [cat]\n")
    (mistake,) = mistakes_of(path)
    assert (mistake.where, "images/b.png" in mistake.what) == (f"{tmp_path}/train.txt:2", True)


def test_labels_beside_the_images_or_without_one_are_reported(tmp_path: Path):
    path = write_yolo(tmp_path, "0 0.5 0.5 0.2 0.4\n")
    write_image(tmp_path / "images/b.png")
    beside = written(tmp_path / "images/b.txt", "0 0.5 0.5 0.2 0.4\n")
    lonely = written(tmp_path / "labels/c.txt", "0 0.5 0.5 0.2 0.4\n")
    written(tmp_path / "labels/classes.txt", "cat\ndog\n")
    assert {mistake.where for mistake in mistakes_of(path)} == {str(beside), str(lonely)}


def test_darknet_and_label_studio_are_yolo_too(tmp_path: Path):
    cvat, studio = tmp_path / "cvat", tmp_path / "studio"
    write_image(cvat / "obj_train_data/f 1.png")
    written(cvat / "obj_train_data/f 1.txt", "1 0.5 0.5 0.2 0.4\n")
    written(cvat / "train.txt", "data/obj_train_data/f 1.png\n")
    written(cvat / "obj.names", "cat\ndog\n")
    written(cvat / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    write_image(studio / "images/a.png")
    written(studio / "labels/a.txt", "1 0.5 0.5 0.2 0.4\n")
    written(studio / "classes.txt", "cat\ndog\n")
    for folder in (cvat, studio):
        data = read_annotations(folder)
        assert data.class_names == ("cat", "dog")
        assert data.sequences[0].frames[0].labels.tolist() == [1]


def test_a_number_of_classes_may_be_a_text_but_has_to_be_a_number(tmp_path: Path):
    assert len(frames_of(write_yolo(tmp_path, "", 'names: [cat, dog]\nnc: "2"\n'))) == 1
    with pytest.raises(Exception, match=r"expected nc, a number of classes .*, got 'two'"):
        frames_of(write_yolo(tmp_path, "", "names: [cat, dog]\nnc: two\n"))


# COCO


def write_coco(folder: Path, annotation: dict, image: dict | None = None, **more: object) -> Path:
    picture = {"id": 0, "file_name": "a.png", "height": HEIGHT, "width": WIDTH} | (image or {})
    picture = {key: value for key, value in picture.items() if value != "absent"}
    write_image(folder / "images/a.png")
    base = {"id": 0, "image_id": 0, "category_id": 0, "bbox": [10, 10, 20, 10]}
    content = {
        "images": [picture],
        "annotations": [base | annotation],
        "categories": [{"id": 0, "name": "cat"}],
        **more,
    }
    return written(folder / "a.json", json.dumps(content))


def test_annotation_ids_from_0_are_scored_like_any_other(tmp_path: Path):
    path = write_coco(tmp_path, {"id": 0})
    found = {"image_id": 0, "category_id": 0, "bbox": [10, 10, 20, 10], "score": 1.0}
    assert evaluate_detections(path, [found]).combined.ap == pytest.approx(100)


def test_sizes_that_coco_leaves_out_are_those_of_the_image(tmp_path: Path):
    path = write_coco(tmp_path, {}, {"height": "absent", "width": "absent"})
    assert read_annotations(path).sequences[0].image_size == (HEIGHT, WIDTH)


def test_no_video_is_a_still_image_and_videos_may_be_named_like_files(tmp_path: Path):
    still = write_coco(tmp_path / "still", {}, {"video_id": None})
    assert not read_annotations(still).sequences[0].is_video
    film = write_coco(
        tmp_path / "film",
        {"track_id": 3},
        {"video_id": 1, "frame_id": 0},
        videos=[{"id": 1, "file_name": "cam1"}],
    )
    assert read_annotations(film).sequences[0].name == "cam1"


def test_texts_in_messages_stand_in_quotation_marks(tmp_path: Path):
    (mistake,) = mistakes_of(write_coco(tmp_path, {"category_id": "0"}))
    assert mistake.what == "expected a category of [0], got category_id '0'"


# Boxes that were turned


def test_a_turned_box_becomes_the_upright_one_around_it(tmp_path: Path):
    path = write_coco(tmp_path, {"bbox": [10, 10, 20, 10], "attributes": {"rotation": 90.0}})
    assert frames_of(path)[0].boxes_xyxy.tolist() == [[15, 5, 25, 25]]
    box = '<box label="car" rotation="90" xtl="10" ytl="10" xbr="30" ybr="20"/>'
    image = f'<image name="a" height="{HEIGHT}" width="{WIDTH}">{box}</image>'
    write_image(tmp_path / "cvat/images/a.PNG")
    cvat = written(tmp_path / "cvat/annotations.xml", f"<annotations>{image}</annotations>")
    assert frames_of(cvat)[0].boxes_xyxy.tolist() == [[15, 5, 25, 25]]


def test_turned_boxes_of_coco_are_scored_upright(tmp_path: Path):
    path = write_coco(tmp_path, {"attributes": {"rotation": 90.0}})
    found = {"image_id": 0, "category_id": 0, "bbox": [15, 5, 10, 20], "score": 1.0}
    assert evaluate_detections(path, [found]).combined.ap == pytest.approx(100)


def track(task: int, number: int, *boxes: str) -> str:
    return f'<track id="{number}" label="car" task_id="{task}">{"".join(boxes)}</track>'


def box_at(frame: int, rotation: float = 0.0) -> str:
    corners = 'xtl="10" ytl="10" xbr="30" ybr="20"'
    return f'<box frame="{frame}" outside="0" rotation="{rotation}" {corners}/>'


def test_a_box_is_turned_evenly_between_keyframes(tmp_path: Path):
    path = written(
        tmp_path / "annotations.xml",
        f"<annotations>{track(1, 0, box_at(0), box_at(2, 180))}</annotations>",
    )
    # Half way it stands upright.
    assert frames_of(path)[1].boxes_xyxy.tolist() == [[15, 5, 25, 25]]


def test_the_tasks_of_a_project_are_videos_of_their_own(tmp_path: Path):
    tasks = "".join(
        f"<task><id>{number}</id><name>cam{number}</name><size>2</size></task>" for number in (1, 2)
    )
    head = f"<meta><project><tasks>{tasks}</tasks></project></meta>"
    tracks = track(1, 0, box_at(0), box_at(1)) + track(2, 1, box_at(2), box_at(3))
    path = written(tmp_path / "annotations.xml", f"<annotations>{head}{tracks}</annotations>")
    assert [
        (video.name, [frame.track_ids.tolist() for frame in video.frames])
        for video in read_annotations(path).sequences
    ] == [("cam1", [[0], [0]]), ("cam2", [[1], [1]])]


def test_a_mask_of_cvat_is_an_outline_with_its_box(tmp_path: Path):
    mask = '<mask label="car" rle="1,2,1" left="3" top="4" width="2" height="2"/>'
    image = f'<image name="a.png" height="{HEIGHT}" width="{WIDTH}">{mask}</image>'
    write_image(tmp_path / "images/a.png")
    path = written(tmp_path / "annotations.xml", f"<annotations>{image}</annotations>")
    (frame,) = frames_of(path)
    assert frame.boxes_xyxy.tolist() == [[3, 4, 5, 6]]
    from trackformer.data.masks import decode_mask

    assert frame.segmentations[0] is not None
    pixels = decode_mask(frame.segmentations[0], (HEIGHT, WIDTH))
    assert np.argwhere(pixels).tolist() == [[4, 4], [5, 3]]
