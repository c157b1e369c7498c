"""No file of annotations makes us open, copy or link a file outside of its data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from trackformer import cli
from trackformer.data.read import read_annotations
from trackformer.errors import DataError

BOX = {"box2d": {"x1": 0, "y1": 0, "x2": 5, "y2": 5}, "category": "car", "id": "1"}


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((8, 8, 3), dtype=np.uint8))
    return path


def coco(folder: Path, name: str) -> Path:
    image = {"id": 1, "file_name": name, "height": 8, "width": 8}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]}
    content = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "car"}]}
    return written(folder / "a.json", json.dumps(content))


def scalabel(folder: Path, name: str) -> Path:
    return written(folder / "a.json", json.dumps([{"name": name, "labels": [BOX]}]))


def cvat(folder: Path, name: str) -> Path:
    box = '<box label="car" xtl="0" ytl="0" xbr="5" ybr="5"/>'
    image = f'<image name="{name}" height="8" width="8">{box}</image>'
    return written(folder / "annotations.xml", f"<annotations>{image}</annotations>")


def crowdhuman(folder: Path, name: str) -> Path:
    content = {"ID": name, "gtboxes": [{"tag": "car", "fbox": [0, 0, 5, 5]}]}
    return written(folder / "a.odgt", json.dumps(content))


def yolo(folder: Path, name: str) -> Path:
    written(folder / "train.txt", name + "\n")
    return written(folder / "data.yaml", "train: train.txt\nnames: [car]\n")


def yolo_folder(folder: Path, name: str) -> Path:
    place = str(Path(name).parent)
    return written(folder / "data.yaml", f"path: {place}\ntrain: .\nnames: [car]\n")


def seqinfo(folder: Path, name: str) -> Path:
    written(folder / "gt/gt.txt", "1,1,1,1,5,5,1,1,1\n")
    written(folder / "seqinfo.ini", f"[Sequence]\nimDir={Path(name).parent}\n")
    return folder


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


WRITERS = (coco, scalabel, cvat, crowdhuman, yolo, yolo_folder, seqinfo)


def message_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_annotations(path)
    return str(caught.value)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("way", ["absolute", "upwards", "link"])
def test_an_image_elsewhere_is_refused_whatever_leads_there(tmp_path: Path, write, way: str):
    secret = write_image(tmp_path / "private/secret.jpg")
    data = tmp_path / "data"
    name = {"absolute": str(secret), "upwards": "../private/secret.jpg", "link": "in/secret.jpg"}
    data.mkdir()
    if way == "link":
        (data / "in").symlink_to(secret.parent)
    path = write(data, name[way].removesuffix(".jpg" if write is crowdhuman else "\0"))
    message = message_of(path)
    # Names count from `images` in some formats, where there is no such file: no less refused.
    assert "leads out of it" in message or "got no" in message, message
    assert cli.run(["data", "convert", str(path), str(tmp_path / "out"), "--to", "coco"]) == 2
    assert not list(tmp_path.glob("out/**/*.jpg"))


def test_a_link_to_a_file_elsewhere_is_refused(tmp_path: Path):
    secret = write_image(tmp_path / "private/secret.jpg")
    path = coco(tmp_path / "data", "1.jpg")
    (tmp_path / "data/1.jpg").symlink_to(secret)
    assert f"got '{tmp_path}/data/1.jpg', which leads out of it" in message_of(path)


def test_a_linked_folder_of_images_is_read_where_a_person_names_it(tmp_path: Path):
    write_image(tmp_path / "disk/1.jpg")
    path = coco(tmp_path / "data", "1.jpg")
    (tmp_path / "data/images").symlink_to(tmp_path / "disk")
    assert "--image-folder" in message_of(path)
    data = read_annotations(path, image_folders=[tmp_path / "disk"])
    assert len(data.sequences) == 1


def test_images_beside_the_folder_of_annotations_belong_to_the_data(tmp_path: Path):
    write_image(tmp_path / "train2017/1.jpg")
    path = coco(tmp_path / "annotations", "1.jpg").rename(
        tmp_path / "annotations/instances_train2017.json"
    )
    (still,) = read_annotations(path).sequences
    assert still.frames[0].image_path == tmp_path / "annotations/../train2017/1.jpg" or (
        still.frames[0].image_path == tmp_path / "train2017/1.jpg"
    )


def test_what_is_no_image_is_never_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = coco(tmp_path / "data", "1.jpg")
    (tmp_path / "data/1.jpg").write_text("a secret")
    assert cli.run(["data", "convert", str(path), str(tmp_path / "out"), "--to", "coco"]) == 2
    assert "1.jpg: expected an image to copy, got a file that is none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
