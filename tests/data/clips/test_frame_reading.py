"""Frames that are kept or reduced make the same clips."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence, frame_without_objects
from trackformer.data.clips.draw import ClipDataset
from trackformer.data.clips.frame_reading import FrameReader
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.errors import DataError
from trackformer.input_settings import InputSettings

PLAIN = InputSettings(area=48 * 64, mean=(0, 0, 0), std=(1, 1, 1))
SIZE = (203, 271)
"""Of the photographs; no multiple of 2."""
BOX = np.array([[80.0, 60.0, 160.0, 120.0]])


def photograph(seed: int) -> np.ndarray:
    """Smooth colours with a white rectangle at BOX."""
    coarse = np.random.default_rng(seed).integers(40, 160, (6, 8, 3), dtype=np.uint8)
    pixels = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    left, top, right, bottom = BOX[0].astype(int)
    pixels[top:bottom, left:right] = 255
    return pixels


def video(folder, ending="jpg", count=6) -> AnnotatedData:
    frames = []
    for index in range(count):
        path = folder / f"{index}.{ending}"
        cv2.imwrite(str(path), photograph(index))
        empty = frame_without_objects(index, path)
        frames.append(
            replace(
                empty,
                boxes_xyxy=BOX,
                labels=np.zeros(1, dtype=np.int64),
                track_ids=np.ones(1, dtype=np.int64),
                visibility=np.ones(1),
            )
        )
    return sequence_of(tuple(frames), is_video=True)


def sequence_of(frames, *, is_video) -> AnnotatedData:
    sequence = AnnotatedSequence("made up", frames, SIZE, 25.0, is_video=is_video)
    return AnnotatedData((sequence,), ("person",))


def clips(data, **settings) -> ClipDataset:
    chosen = {"canvas": (48, 64), "length": (3, 3), "zoom": (0.8, 1.9)} | settings
    return ClipDataset([(data, 1.0)], 2, ClipSettings(**chosen), PLAIN, 0, 100)


def assert_same(first, second, *, pixels=0.0) -> None:
    """`pixels`: how much the images may differ on average."""
    for one, other in zip(first.images, second.images, strict=True):
        assert (one.pixels - other.pixels).abs().mean() <= pixels
    for one, other in zip(first.targets, second.targets, strict=True):
        for target, same in zip(one, other, strict=True):
            assert torch.equal(target.boxes, same.boxes)
            assert torch.equal(target.ignore_boxes, same.ignore_boxes)


@pytest.mark.parametrize("reduces", [False, True])
def test_a_batch_is_the_same_with_any_cache(tmp_path, reduces):
    data = video(tmp_path)
    without, small, large = (
        clips(data, cache_megabytes=megabytes, reduced_decoding=reduces) for megabytes in (0, 1, 64)
    )
    for index in (3, 0, 3, 5):
        assert_same(without[index], small[index])
        assert_same(without[index], large[index])


def test_a_cache_forgets_what_was_not_used_for_longest(tmp_path):
    sequence = video(tmp_path, count=3).sequences[0]
    two_frames = 2 * SIZE[0] * SIZE[1] * 3
    reader = FrameReader(two_frames, reduces=False)
    first, second = reader.read(sequence, 0), reader.read(sequence, 1)
    assert reader.read(sequence, 0) is first
    reader.read(sequence, 2)
    assert reader.read(sequence, 0) is first
    assert reader.read(sequence, 1) is not second


def test_drawn_frames_are_kept_as_well():
    sequence = synthetic_data(SyntheticSettings(sequences=1, frames=4, size=(48, 64))).sequences[0]
    reader = FrameReader(2**20, reduces=True)
    first = reader.read(sequence, 2, 2)
    assert reader.read(sequence, 2, 2) is first
    assert first.factor == 1
    assert reader.image_size(sequence, 1) == (48, 64)


@pytest.mark.parametrize(
    ("size", "factor"), [((47, 64), 1), ((95, 200), 1), ((96, 128), 2), ((192, 256), 4)]
)
def test_the_factor_leaves_as_many_pixels_as_the_canvas_has(size, factor):
    large = Crop(0.0, 0.0, 640.0, 480.0)
    crop = Crop(0.0, 0.0, float(size[1]), float(size[0]))
    assert FrameReader(0, reduces=True).reduction([large, crop], (48, 64)) == factor
    assert FrameReader(0, reduces=False).reduction([large, crop], (48, 64)) == 1


def test_reduced_clips_have_the_same_boxes_and_nearly_the_same_pixels(tmp_path):
    data = video(tmp_path)
    plain, reduced = clips(data), clips(data, reduced_decoding=True)
    for index in range(6):
        assert_same(plain[index], reduced[index], pixels=2 / 255)
    stills = [sequence_of(data.sequences[0].frames[:1], is_video=False)] * 2
    plain, reduced = clips(stills[0]), clips(stills[1], reduced_decoding=True)
    assert_same(plain[0], reduced[0], pixels=2 / 255)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(
    ("left", "top", "zoom"), [(0.0, 0.0, 1.0), (13.3, 7.9, 1.4), (-20.0, 3.0, 1.0)]
)
def test_what_is_shown_lies_where_it_lies_without_reduction(tmp_path, left, top, zoom, is_mirrored):
    sequence = video(tmp_path, count=1).sequences[0]
    crop = Crop(left, top, 271 / zoom, 203 / zoom, is_mirrored)
    reader = FrameReader(0, reduces=True)
    whole, half = (reader.read(sequence, 0, factor).shown(crop, (60, 80)) for factor in (1, 2))
    assert half.shape == whole.shape
    for axis in (0, 1):
        assert abs(middle_of_white(half, axis) - middle_of_white(whole, axis)) < 0.05


def middle_of_white(pixels, axis) -> float:
    weights = np.clip(pixels[..., 0].astype(float) - 180, 0, None).sum(1 - axis)
    return float((weights * np.arange(len(weights))).sum() / weights.sum())


def test_other_formats_are_read_whole(tmp_path):
    data = video(tmp_path, ending="png", count=2)
    read = FrameReader(0, reduces=True).read(data.sequences[0], 0, 4)
    assert (read.factor, read.pixels.shape[:2], read.image_size) == (1, SIZE, SIZE)


def test_a_broken_jpeg_is_named(tmp_path):
    sequence = video(tmp_path, count=1).sequences[0]
    path = sequence.frames[0].image_path
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"0\.jpg"):
        FrameReader(0, reduces=True).read(sequence, 0, 2)
