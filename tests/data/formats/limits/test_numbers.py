"""Numbers that no image, video or array can hold are refused where they are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trackformer.data.formats.limits.numbers import finite, size_of, video_length, whole
from trackformer.data.formats.parts.malformed import MalformedError
from trackformer.data.read import read_annotations
from trackformer.errors import DataError

HUGE = ("1000000000000", "9" * 30, "9" * 5000, "1e400", "nan", "-5")


@pytest.mark.parametrize("text", [*HUGE, "", "1.5", "two", "٣"])
def test_a_whole_number_is_one_within_its_bounds(text: str):
    with pytest.raises(ValueError, match="expected a frame from 0 to 9, got"):
        whole(text, "a frame", 0, 9)


@pytest.mark.parametrize("value", [10**400, float("inf"), "nan", None, True, [1]])
def test_a_coordinate_is_a_finite_number(value: object):
    with pytest.raises(ValueError, match="expected a corner of at most 1e"):
        finite(value, "a corner")


def test_an_image_has_a_size_that_can_be_decoded():
    assert size_of("48", 64.0) == (48, 64)
    with pytest.raises(ValueError, match="expected at most 1073741824 pixels"):
        size_of(2**20, 2**20)


def test_a_video_is_as_long_as_what_is_known_of_it():
    reported: list[MalformedError] = []

    def length(**known: object) -> int:
        given = {"num_images": 0, "stated": 0, "annotated": ()} | known
        return video_length("here", reported.append, **given)  # type: ignore[arg-type]

    assert length(num_images=3, annotated=[9]) == 3
    assert length(stated=5, annotated=[1]) == 5
    assert length(annotated=[0, 7]) == 8
    assert reported == []
    assert length(stated=10**9, annotated=[1]) == 2
    assert [error.mistake for error in reported] == ["malformed"]
    assert length(annotated=[0, 10**6]) == 20_200


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mot(folder: Path, number: str) -> Path:
    return written(folder / "gt/gt.txt", f"{number},{number},1,1,{number},5\n")


def seqinfo(folder: Path, number: str) -> Path:
    written(folder / "gt/gt.txt", "1,1,1,1,5,5\n")
    sizes = "".join(f"{key}={number}\n" for key in ("seqLength", "imHeight", "imWidth"))
    written(folder / "seqinfo.ini", f"[Sequence]\n{sizes}")
    return folder


def kitti(folder: Path, number: str) -> Path:
    row = f"{number} {number} Car 0 {number} 0 1 1 {number} 9 0 0 0 0 0 0 0\n"
    return written(folder / "label_02/0000.txt", row)


def cvat(folder: Path, number: str) -> Path:
    corners = f'xtl="1" ytl="1" xbr="{number}" ybr="9"'
    boxes = f'<box frame="0" {corners}/><box frame="{number}" {corners}/>'
    head = (
        f"<meta><task><size>{number}</size><stop_frame>{number}</stop_frame>"
        f"<frame_filter>step={number}</frame_filter></task></meta>"
    )
    tracks = f'<track id="{number}" label="car">{boxes}</track>'
    return written(folder / "annotations.xml", f"<annotations>{head}{tracks}</annotations>")


def coco(folder: Path, number: str) -> Path:
    value = json.loads(number) if number[0] in "0123456789-" and len(number) < 400 else number
    image = {"id": 1, "file_name": "a.jpg", "height": value, "width": value, "video_id": 1}
    box = {"id": value, "image_id": 1, "category_id": 1, "bbox": [1, 1, value, 5]}
    content = {
        "images": [image | {"frame_id": value}],
        "annotations": [box | {"track_id": value}],
        "categories": [{"id": 1, "name": "car"}],
    }
    return written(folder / "a.json", json.dumps(content))


def scalabel(folder: Path, number: str) -> Path:
    sides = {"x1": 0, "y1": 0, "x2": number, "y2": 5}
    frame = {
        "name": "a.jpg",
        "videoName": "v",
        "frameIndex": number,
        "size": {"height": number, "width": number},
        "labels": [{"category": "car", "id": number, "box2d": sides}],
    }
    return written(folder / "a.json", json.dumps([frame]))


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("write", [mot, seqinfo, kitti, cvat, coco, scalabel])
def test_no_number_of_a_file_is_more_than_a_mistake(tmp_path: Path, write, number: str):
    with pytest.raises(DataError):
        read_annotations(write(tmp_path, number))


def test_a_step_of_0_frames_is_refused(tmp_path: Path):
    head = "<meta><task><frame_filter>step=0</frame_filter></task></meta>"
    path = written(tmp_path / "annotations.xml", f"<annotations>{head}</annotations>")
    with pytest.raises(DataError, match="expected a step of frames from 1 to"):
        read_annotations(path)


def test_a_name_longer_than_files_have_is_a_missing_image(tmp_path: Path):
    image = {"id": 1, "file_name": "a" * 5000 + ".jpg", "height": 5, "width": 5}
    content = {"images": [image], "annotations": [], "categories": []}
    with pytest.raises(DataError, match="expected all 1 images"):
        read_annotations(written(tmp_path / "a.json", json.dumps(content)))
