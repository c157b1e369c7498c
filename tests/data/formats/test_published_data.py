"""Sizes, boxes and MOTChallenge files as the published code has them."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.recordings import FOLDER
from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.clips.published_targets import FrameInClip, target_as_published
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop
from trackformer.data.formats.mot.published_results import read_as_published, written_as_published
from trackformer.data.formats.mot.reading import (
    read_mot_ground_truth,
    read_mot_results,
    write_mot_results,
)
from trackformer.data.results import ResultFrame
from trackformer.input_settings import InputSettings
from trackformer.resizing import input_size
from trackformer.types import Target

RECORDED: dict[str, Any] = json.loads((FOLDER / "data.json").read_text())
TRANSFORMS, FILES = RECORDED["transforms"], RECORDED["mot_files"]
IMAGE_SIZE = (480, 640)
WINDOWS = [(30, 40, 300, 400), (0, 0, 480, 640), (100, 300, 200, 300)]
"""(top, left, height, width), as the published code writes them."""
JITTERED = [(30, 20, 610, 457), (69, 13, 546, 409), (87, 24, 526, 394), (2, 2, 572, 429)]
"""(left, top, width, height) that the recorded seeds 0 to 3 drew."""
WHOLE = Crop(0.0, 0.0, 640.0, 480.0)


@pytest.mark.parametrize("case", TRANSFORMS["resize_hw"])
def test_images_are_resized_to_the_published_sizes(case):
    before, limits = case.split("->")
    width, height = map(int, before.split("x"))
    shorter, longest = limits.split(",")
    settings = InputSettings(
        shorter_side=int(shorter), longest_side=None if longest == "None" else int(longest)
    )
    assert list(input_size((height, width), settings)) == TRANSFORMS["resize_hw"][case]


@pytest.mark.parametrize("overflows", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_crop_has_the_published_boxes(window, overflows):
    recorded = TRANSFORMS[f"crop_{window}_overflow{overflows}"]
    top, left, height, width = window
    target = seen(Crop(*map(float, (left, top, width, height))), clip_boxes=not overflows)
    assert target.track_ids.tolist() == recorded["track_ids"]
    assert target.labels.tolist() == recorded["labels"]
    assert_boxes(target, (height, width), recorded["boxes"])


def test_a_mirrored_image_has_the_published_boxes():
    target = seen(replace(WHOLE, is_mirrored=True))
    # The one outside is only left out by the crop.
    shown = [row for i, row in enumerate(TRANSFORMS["hflip"]) if i != 4]
    assert_boxes(target, IMAGE_SIZE, shown)


def test_boxes_relative_to_the_image_are_the_published_ones():
    shown = [row for i, row in enumerate(TRANSFORMS["normalize_boxes"]) if i != 4]
    np.testing.assert_allclose(seen(WHOLE).boxes, shown, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_jitter_of_the_previous_frame_cuts_its_boxes(seed):
    recorded = TRANSFORMS["prev_frame_jitter_0.2"][seed]
    left, top, width, height = JITTERED[seed]
    target = seen(Crop(*map(float, (left, top, width, height))), is_last=False)
    assert target.track_ids.tolist() == recorded["track_ids"]
    assert_boxes(target, IMAGE_SIZE, recorded["boxes"])


def test_still_images_are_cut_at_their_own_borders():
    # A crop that shows 100 pixels beyond the image: the second object begins at -30.
    wide = Crop(-100.0, 0.0, 740.0, 480.0)
    video, still = (seen(wide, is_video=is_video) for is_video in (True, False))
    assert_boxes(video, (480, 740), [[70.0, 50.0, 160.0, 300.0]], rows=[1])
    assert_boxes(still, (480, 740), [[100.0, 50.0, 160.0, 300.0]], rows=[1])


def test_objects_seen_a_quarter_are_left_out_and_nothing_is_excused():
    frame = frame_with(visibility=[0.25, 0.26, 1, 1, 1, 1])
    target = target_as_published(frame, WHOLE, ClipSettings(min_visibility=0.25), place())
    assert target.track_ids.tolist() == [11, 12, 13, 15]
    assert len(target.ignore_boxes) == 0


def test_ground_truth_is_read_as_published(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("\n".join(FILES["gt_lines"]))
    for frame, recorded in zip(read_mot_ground_truth(path).frames, FILES["frames"], strict=True):
        boxes = dict(zip(map(str, frame.track_ids), frame.boxes_xyxy, strict=True))
        assert boxes.keys() == recorded["gt_xyxy"].keys()
        for track_id, box in boxes.items():
            assert read_as_published(box[None])[0].tolist() == recorded["gt_xyxy"][track_id]
        seen_share = dict(zip(map(str, frame.track_ids), frame.visibility, strict=True))
        assert seen_share == pytest.approx(recorded["vis"])


def test_public_detections_are_read_as_published(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("\n".join(FILES["det_lines"]))
    frames = {frame.frame_index: frame.boxes_xyxy for frame in read_mot_results(path)}
    for index, recorded in enumerate(FILES["frames"]):
        boxes = read_as_published(frames.get(index, np.zeros((0, 4))))
        expected = np.array(recorded["dets_xyxy"]).reshape(-1, 4)
        np.testing.assert_allclose(boxes, expected, atol=1e-3)


def test_results_are_written_and_read_as_published(tmp_path):
    path = tmp_path / FILES["results_file_name"]
    frames = published_results()
    write_mot_results(path, [written_as_published(frame) for frame in frames])
    # The published file has the lines of one track after the other; here frame after frame.
    assert rows_of(path.read_text()) == rows_of(FILES["results_file"])
    for frame, read in zip(frames, read_mot_results(path), strict=True):
        np.testing.assert_allclose(read_as_published(read.boxes_xyxy), frame.boxes_xyxy)


def test_by_default_what_is_written_is_what_was_found(tmp_path):
    path = tmp_path / "tracks.txt"
    write_mot_results(path, published_results())
    width = rows_of(path.read_text())[0][4]
    assert width == 110.75 - 10.5


def seen(
    crop: Crop, *, clip_boxes: bool = False, is_video: bool = True, is_last: bool = True
) -> Target:
    settings = ClipSettings(clip_boxes=clip_boxes, min_visibility=0, compatibility="reference")
    frame = frame_with(visibility=[1] * 6, first_pixel=1 if is_video else 0)
    return target_as_published(frame, crop, settings, place(is_video=is_video, is_last=is_last))


def place(*, is_video: bool = True, is_last: bool = True) -> FrameInClip:
    return FrameInClip(IMAGE_SIZE, is_video=is_video, is_last=is_last)


def frame_with(visibility: list[float], first_pixel: int = 1) -> AnnotatedFrame:
    """The recorded boxes as our readers would have them: videos' counted from 0."""
    return AnnotatedFrame(
        frame_index=0,
        image_path=None,
        boxes_xyxy=np.array(TRANSFORMS["boxes"]) - first_pixel,
        labels=np.arange(6),
        track_ids=np.arange(10, 16),
        visibility=np.array(visibility, dtype=float),
        ignore_boxes_xyxy=np.zeros((0, 4)),
        ignore_is_distractor=np.zeros(0, dtype=bool),
        other_boxes_xyxy=np.zeros((0, 4)),
    )


def assert_boxes(
    target: Target,
    size: tuple[int, int],
    expected: list[list[float]],
    rows: list[int] | None = None,
) -> None:
    """Compare in pixels of an image of (height, width)."""
    height, width = size
    boxes = target.boxes.double().numpy() * [width, height, width, height]
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    chosen = corners if rows is None else corners[rows]
    np.testing.assert_allclose(chosen, np.array(expected).reshape(-1, 4), atol=1e-3)


def published_results() -> list[ResultFrame]:
    """The recorded results, by frame instead of by track; ids from 1 as in the file."""
    by_frame: dict[int, list[tuple[int, list[float]]]] = {}
    for track, boxes in FILES["results_in"].items():
        for frame, box in boxes.items():
            by_frame.setdefault(int(frame), []).append((int(track) + 1, box))
    return [
        ResultFrame(
            frame_index=frame,
            track_ids=np.array([track for track, _ in found]),
            boxes_xyxy=np.array([box for _, box in found]),
            scores=np.ones(len(found)),
        )
        for frame, found in sorted(by_frame.items())
    ]


def rows_of(text: str) -> list[list[float]]:
    return sorted([float(number) for number in line.split(",")] for line in text.splitlines())
