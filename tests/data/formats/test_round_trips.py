"""What is written in a format and read again is what the format can hold of it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tests.data.formats.annotation_records import CLASSES, SIZE, Plan, data_of, kept, plans

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.kitti import written_names
from trackformer.data.formats.known import FORMATS
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.assembly import Entry, Kind, assemble_frame
from trackformer.data.masks import MaskImage, Polygons, RunLengths, decode_mask
from trackformer.data.read import read_annotations, recognised_format
from trackformer.image_files import image_size

FORMAT_NAMES = get_args(FormatName)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    path = tmp_path_factory.mktemp("image") / "frame.png"
    cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8))
    return path


@pytest.mark.parametrize("to", FORMAT_NAMES)
@settings(max_examples=10, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(plan=plans)
def test_what_a_format_holds_comes_back(to: FormatName, image: Path, plan: Plan):
    if to == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
    data = data_of(plan, image)
    folder = Path(tempfile.mkdtemp())
    try:
        write_annotations(data, folder / "out", to)
        assert recognised_format(folder / "out") == to
        again = read_annotations(folder / "out")
    finally:
        shutil.rmtree(folder)
    holds = FORMATS[to].holds
    if to == "kitti":
        # The three steps of its occlusion are the three shares drawn.
        holds = holds | {"visibility"}
        data = replace(data, class_names=tuple(written_names(data.class_names)))
    videos = [sequence.name for sequence in data.sequences if sequence.is_video]
    assert kept(again, holds, videos) == kept(data, holds, videos)
    assert {sequence.image_size for sequence in again.sequences} == {SIZE}
    if to not in ("kitti", "crowdhuman", "csv", "parquet"):
        assert again.class_names == data.class_names


def one_frame(image: Path, *entries: Entry) -> AnnotatedData:
    frame = assemble_frame(0, image, entries)
    sequence = AnnotatedSequence("A", (frame,), SIZE, 25.0, is_video=True)
    return AnnotatedData((sequence,), CLASSES[:1])


def test_distractors_and_other_things_come_back_from_mot(image: Path, tmp_path: Path):
    kinds = (Kind.OBJECT, Kind.DISTRACTOR, Kind.IGNORED, Kind.OTHER)
    entries = [
        Entry("", 0, (place, 0, place + 5, 5), kind, track_id=3) for place, kind in enumerate(kinds)
    ]
    made = write_annotations(one_frame(image, *entries), tmp_path / "out", "mot")
    (frame,) = read_annotations(tmp_path / "out").sequences[0].frames
    assert made.not_held == ()
    assert frame.ignore_boxes_xyxy[:, 0].tolist() == [1, 2]
    assert frame.ignore_is_distractor.tolist() == [True, False]
    assert frame.other_boxes_xyxy[:, 0].tolist() == [3]


@pytest.mark.parametrize(
    "outline", [Polygons(((1.0, 1.0, 9.0, 1.0, 5.0, 8.0),)), RunLengths((2, 2, 68), (8, 9))]
)
def test_outlines_and_visible_boxes_come_back_from_coco(image: Path, tmp_path: Path, outline):
    entry = Entry(
        "", 0, (0, 0, 9, 9), track_id=1, segmentation=outline, visible_box_xyxy=(1, 1, 9, 8)
    )
    write_annotations(one_frame(image, entry), tmp_path / "out", "coco")
    (frame,) = read_annotations(tmp_path / "out").sequences[0].frames
    assert frame.segmentations == (outline,)
    assert frame.visible_boxes_xyxy.tolist() == [[1, 1, 9, 8]]


def test_mask_images_become_run_lengths_in_coco(image: Path, tmp_path: Path):
    import cv2

    mask = np.zeros(SIZE, np.uint8)
    mask[:3, 2:4] = 7
    mask[0, 0] = 7
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    outline = MaskImage(tmp_path / "mask.png", 7)
    entry = Entry("", 0, (0, 0, 4, 3), track_id=1, segmentation=outline)
    write_annotations(one_frame(image, entry), tmp_path / "out", "coco")
    (again,) = read_annotations(tmp_path / "out").sequences[0].frames[0].segmentations
    assert isinstance(again, RunLengths)
    assert np.array_equal(decode_mask(again, SIZE), mask == 7)


def test_visible_boxes_come_back_from_crowdhuman(image: Path, tmp_path: Path):
    entry = Entry("", 0, (-2, 0, 8, 10), track_id=1, visible_box_xyxy=(0, 0, 8, 5))
    write_annotations(one_frame(image, entry), tmp_path / "out", "crowdhuman")
    (frame,) = read_annotations(tmp_path / "out").sequences[0].frames
    assert frame.boxes_xyxy.tolist() == [[-2, 0, 8, 10]]
    assert frame.visible_boxes_xyxy.tolist() == [[0, 0, 8, 5]]
    assert frame.visibility.tolist() == [0.4]


def test_what_is_lost_is_said(image: Path, tmp_path: Path):
    ignored = Entry("", 0, (0, 0, 9, 9), Kind.IGNORED)
    data = one_frame(image, Entry("", 0, (-1, 0, 9, 9), track_id=1), ignored)
    made = write_annotations(data, tmp_path / "out", "yolo")
    assert made.not_held == (
        "boxes beyond the image (cut at its border)",
        "frame rate",
        "ignore regions",
        "track ids",
        "videos",
    )


@pytest.mark.parametrize(("mode", "num_names"), [("link", 2), ("copy", 1)])
def test_images_are_linked_or_copied(image: Path, tmp_path: Path, mode, num_names):
    source = tmp_path / "source.png"
    shutil.copy(image, source)
    write_annotations(one_frame(source), tmp_path / "out", "mot", images=mode)
    placed = tmp_path / "out" / "A" / "img1" / "000001.png"
    assert placed.stat().st_nlink == num_names
    assert image_size(placed) == SIZE


def test_annotations_alone_can_be_written(image: Path, tmp_path: Path):
    write_annotations(one_frame(image), tmp_path / "out", "mot", images="none")
    assert not (tmp_path / "out" / "A" / "img1").exists()
    assert read_annotations(tmp_path / "out").sequences[0].image_size == SIZE
