"""MOTS20 and KITTI-MOTS: one line a mask, frames from 1 or from 0, no overlaps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trackformer.data.formats.mot.mots import (
    MotsFrame,
    is_mots,
    mots_frame_of,
    read_mots,
    read_mots_results,
    write_mots_results,
)
from trackformer.data.formats.mot.mots_rows import boxes_of
from trackformer.data.masks import RunLengths, decode_mask, encode_mask
from trackformer.data.read import read_annotations
from trackformer.errors import DataError
from trackformer.objects import TrackedObjects

SIZE = (6, 8)


def block(left: int, top: int, right: int, bottom: int) -> RunLengths:
    mask = np.zeros(SIZE, dtype=bool)
    mask[top:bottom, left:right] = True
    return encode_mask(mask)


def line(frame: int, track_id: int, class_id: int, outline: RunLengths) -> str:
    return f"{frame} {track_id} {class_id} {SIZE[0]} {SIZE[1]} {outline.counts}\n"


LEFT, RIGHT = block(0, 0, 3, 4), block(4, 2, 8, 6)


def mots20(folder: Path, *lines: str, name: str = "MOTS20-02", length: int = 3) -> Path:
    (folder / name / "gt").mkdir(parents=True)
    (folder / name / "gt" / "gt.txt").write_text("".join(lines))
    (folder / name / "seqinfo.ini").write_text(
        f"[Sequence]\nseqLength={length}\nimHeight={SIZE[0]}\nimWidth={SIZE[1]}\nframeRate=30\n"
    )
    return folder / name


def test_a_mask_comes_back_from_its_run_lengths():
    mask = np.random.default_rng(0).random((17, 23)) > 0.5
    assert (decode_mask(encode_mask(mask), (17, 23)) == mask).all()


def test_boxes_are_the_smallest_around_the_masks():
    assert boxes_of([LEFT, RIGHT]).tolist() == [[0, 0, 3, 4], [4, 2, 8, 6]]


def test_mots20_counts_frames_from_one(tmp_path: Path):
    lines = (line(2, 2001, 2, LEFT), line(2, 2007, 2, RIGHT), line(3, 2001, 2, LEFT))
    data = read_mots(mots20(tmp_path, *lines))
    (sequence,) = data.sequences
    assert (sequence.name, sequence.image_size, sequence.frame_rate) == ("MOTS20-02", SIZE, 30)
    assert [frame.track_ids.tolist() for frame in sequence.frames] == [[], [2001, 2007], [2001]]
    assert sequence.frames[1].boxes_xyxy.tolist() == [[0, 0, 3, 4], [4, 2, 8, 6]]
    assert sequence.frames[1].segmentations == (LEFT, RIGHT)
    assert data.class_names == ("person",)


def test_ignore_regions_keep_their_outline(tmp_path: Path):
    folder = mots20(tmp_path, line(1, 2001, 2, LEFT), line(1, 10000, 10, RIGHT))
    frame = read_mots(folder).sequences[0].frames[0]
    assert frame.track_ids.tolist() == [2001]
    assert frame.ignore_segmentations == (RIGHT,)
    assert frame.ignore_boxes_xyxy.tolist() == [[4, 2, 8, 6]]


def test_kitti_counts_frames_from_zero_and_knows_cars(tmp_path: Path):
    (tmp_path / "instances_txt").mkdir()
    file = tmp_path / "instances_txt" / "0002.txt"
    file.write_text(line(0, 1000, 1, LEFT) + line(1, 2000, 2, RIGHT))
    data = read_mots(tmp_path)
    assert data.class_names == ("person", "car")
    frames = data.sequences[0].frames
    assert [frame.labels.tolist() for frame in frames] == [[1], [0]]


def test_any_command_recognises_masks_among_text_files(tmp_path: Path):
    folder = mots20(tmp_path, line(1, 2001, 2, LEFT))
    assert is_mots(folder)
    assert is_mots(tmp_path)
    assert read_annotations(tmp_path).sequences[0].frames[0].segmentations == (LEFT,)
    (folder / "gt" / "gt.txt").write_text("1,1,1,1,5,5,1,1,1\n")
    assert not is_mots(folder)


def test_a_folder_of_sequences_is_read_in_order(tmp_path: Path):
    for name in ("MOTS20-05", "MOTS20-02"):
        mots20(tmp_path, line(1, 2001, 2, LEFT), name=name)
    names = [sequence.name for sequence in read_mots(tmp_path).sequences]
    assert names == ["MOTS20-02", "MOTS20-05"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", "gt.txt:1: expected 6 columns"),
        ("1 x 2 6 8 abc\n", "gt.txt:1: expected five whole numbers"),
        ("0 2001 2 6 8 a1\n", "gt.txt:1: expected a frame from 1 on"),
        ("1 2001 5 6 8 a1\n", "gt.txt:1: expected class 1"),
        ("1 2001 2 6 8 a0\n", "gt.txt:1: expected run lengths of 48 pixels"),
        ("1 2001 2 6 8 `1\n", "gt.txt:1: expected a mask with at least one pixel"),
        (line(1, 1, 2, LEFT) + line(1, 1, 2, RIGHT), "gt.txt:2: expected each id once"),
        (line(9, 1, 2, LEFT), "gt.txt:1: expected at most 3 frames"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError) as caught:
        read_mots(mots20(tmp_path, text))
    assert message in str(caught.value)


def test_results_come_back(tmp_path: Path):
    frames = [
        MotsFrame(0, np.array([3, 1]), np.array([2, 1]), (LEFT, RIGHT)),
        MotsFrame(4, np.array([3]), np.array([2]), (RIGHT,)),
    ]
    write_mots_results(tmp_path / "tracks_mots.txt", frames)
    again = read_mots_results(tmp_path / "tracks_mots.txt")
    assert [frame.frame_index for frame in again] == [0, 4]
    assert again[0].track_ids.tolist() == [3, 1]
    assert again[0].class_ids.tolist() == [2, 1]
    assert again[0].outlines == (LEFT, RIGHT)


def test_results_that_overlap_are_refused(tmp_path: Path):
    overlapping = line(1, 1, 2, block(0, 0, 5, 5)) + line(1, 2, 2, RIGHT)
    (tmp_path / "a.txt").write_text(overlapping)
    with pytest.raises(DataError, match=r"a\.txt:2: expected masks of a frame that do not overlap"):
        read_mots_results(tmp_path / "a.txt")


def test_a_trackers_masks_are_written_for_the_classes_of_mots():
    masks = torch.zeros(4, *SIZE, dtype=torch.bool)
    masks[0, :2], masks[1, 2:4], masks[3, 4:] = True, True, True
    objects = TrackedObjects(
        track_ids=torch.tensor([5, 6, 7, 8]),
        boxes_xyxy=torch.zeros(4, 4),
        scores=torch.ones(4),
        labels=torch.tensor([0, 1, 0, 2]),
        frame_index=3,
        class_names=("person", "dog", "car"),
        masks=masks,
    )
    frame = mots_frame_of(objects)
    # The dog is no class of MOTS, and the second person is hidden.
    assert (frame.frame_index, frame.track_ids.tolist()) == (3, [5, 8])
    assert frame.class_ids.tolist() == [2, 1]
    assert (decode_mask(frame.outlines[1], SIZE) == masks[3].numpy()).all()
