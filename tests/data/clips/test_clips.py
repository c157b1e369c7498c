"""Clips: a function of seed and index alone, with identities that mean something."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.clips.draw import BatchShare, ClipDataset, target_of
from trackformer.data.clips.frame_sampling import repeat_factors
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop
from trackformer.errors import ConfigError, DataError
from trackformer.input_settings import InputSettings

PLAIN = InputSettings(area=64 * 96, mean=(0, 0, 0), std=(1, 1, 1))
ALONE = BatchShare()
WHOLE = Crop(0.0, 0.0, 96.0, 64.0)


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    return path


def frame_of(index, boxes, picture=None, *, ids=None, visibility=None, ignore=()):
    count = len(boxes)
    empty = frame_without_objects(index, picture)
    return AnnotatedFrame(
        frame_index=index,
        image_path=picture,
        boxes_xyxy=np.array(boxes, dtype=float).reshape(-1, 4),
        labels=np.zeros(count, dtype=np.int64),
        track_ids=np.array(ids or range(count), dtype=np.int64),
        visibility=np.array(visibility or [1.0] * count),
        ignore_boxes_xyxy=np.array(ignore, dtype=float).reshape(-1, 4),
        ignore_is_distractor=np.zeros(len(ignore), dtype=bool),
        other_boxes_xyxy=empty.other_boxes_xyxy,
    )


def data(picture, num_frames: int) -> AnnotatedData:
    """One object whose width in pixels is 10 plus its frame's number: the frame can be told."""
    frames = tuple(frame_of(i, [[40, 20, 50 + i, 40]], picture, ids=[7]) for i in range(num_frames))
    sequence = AnnotatedSequence("made up", frames, (64, 96), 25.0, is_video=num_frames > 1)
    return AnnotatedData((sequence,), ("person",))


def clips(sources, batch_size=1, seed=0, share=ALONE, **settings) -> ClipDataset:
    still = {"canvas": (64, 96), "zoom": (1, 1), "flip_rate": 0, "camera_jitter": 0}
    chosen = ClipSettings(**still | {"colour_jitter": 0} | settings)
    return ClipDataset(
        [(source, 1.0) for source in sources], batch_size, chosen, PLAIN, seed, 100, share
    )


def frames_of(clip) -> list[int]:
    return [round(float(targets[0].boxes[0, 2]) * 96) - 10 for targets in clip.targets]


def same(first, second) -> bool:
    return len(first.images) == len(second.images) and all(
        torch.equal(one.pixels, other.pixels)
        for one, other in zip(first.images, second.images, strict=True)
    )


def test_a_batch_depends_on_seed_and_index_alone(picture):
    vary = {"length": (2, 4), "zoom": (0.9, 1.8), "flip_rate": 0.5, "colour_jitter": 0.3}
    first, second = (clips([data(picture, 20)], batch_size=2, **vary) for _ in range(2))
    _ = first[3]
    assert same(first[5], second[5])
    assert not same(first[5], first[6])
    assert not same(first[5], clips([data(picture, 20)], batch_size=2, seed=1, **vary)[5])


def test_processes_share_the_batch_of_one_process_with_as_many_clips(picture):
    sources = [data(picture, 20), data(picture, 1)]
    vary = {"length": (2, 5), "zoom": (0.9, 1.8), "camera_jitter": 0.1, "colour_jitter": 0.3}
    whole = clips(sources, batch_size=6, **vary)
    parts = [
        clips(sources, batch_size=2, share=BatchShare(process, 3), **vary) for process in range(3)
    ]
    for step in range(5):
        for frame, images in enumerate(whole[step].images):
            pixels = torch.cat([part[step].images[frame].pixels for part in parts])
            torch.testing.assert_close(pixels, images.pixels, rtol=0, atol=0)


def test_clips_grow_by_schedule(picture):
    growing = clips([data(picture, 20)], length_schedule=((0, 2), (3, 3), (4, 5)))
    assert [len(growing[step].images) for step in range(6)] == [2, 2, 2, 3, 5, 5]


@pytest.mark.parametrize("schedule", [((1, 2),), ((0, 2), (0, 3)), ((0, 2), (9, 3), (5, 4))])
def test_a_schedule_begins_at_0_and_rises(schedule):
    with pytest.raises(ConfigError, match="expected rising steps that begin with 0"):
        ClipSettings(length_schedule=schedule)


def two_classes(picture) -> AnnotatedData:
    """100 frames of class 0; in the last 4 of them there is class 1, too."""
    frames = [frame_of(i, [[40, 20, 50 + i, 40]], picture) for i in range(96)]
    for i in range(96, 100):
        both = frame_of(i, [[40, 20, 50, 40], [5, 5, 9, 9]], picture)
        frames.append(replace(both, labels=np.array([0, 1])))
    videos = [
        AnnotatedSequence(name, tuple(part), (64, 96), 25.0, is_video=True)
        for name, part in (("first", frames[:50]), ("second", frames[50:]))
    ]
    return AnnotatedData(tuple(videos), ("person", "dog"))


def test_repeat_factors_are_those_of_the_rarest_class(picture):
    factors = repeat_factors(two_classes(picture), 0.16)
    assert factors.tolist() == [1.0] * 96 + [2.0] * 4  # sqrt(0.16 / 0.04)


@pytest.mark.parametrize(("threshold", "share"), [(0.0, 0.04), (36.0, 30 * 4 / (96 * 6 + 30 * 4))])
def test_rare_classes_are_drawn_by_their_repeat_factors(picture, threshold, share):
    # Class 0 is in all frames: factor sqrt(36) = 6; class 1 in 4 of 100: sqrt(900) = 30.
    batch = clips(
        [two_classes(picture)], batch_size=1500, length=(1, 1), repeat_threshold=threshold
    )
    plans = [batch._plan(1, np.random.default_rng(i)) for i in range(1500)]
    found = np.mean([len(plan.sequence.frames[plan.rows[0]].labels) == 2 for plan in plans])
    assert found == pytest.approx(share, abs=0.02)


def test_clips_lie_around_the_repeated_frame(picture):
    batch = clips([two_classes(picture)], repeat_threshold=1e6, max_gap=2)
    plans = [batch._plan(3, np.random.default_rng(i)) for i in range(200)]
    has_rare = [
        any(len(plan.sequence.frames[row].labels) == 2 for row in plan.rows) for plan in plans
    ]
    # The factors are 1000 and 5000: 4 * 5000 / (96 * 1000 + 4 * 5000) = 17 %, and some more whose
    # anchor lies just before.
    assert 0.14 < np.mean(has_rare) < 0.26


def test_frames_are_evenly_spaced_within_the_gap_in_both_directions(picture):
    batches = clips([data(picture, 30)], length=(3, 3), max_gap=4, reverse_rate=0.5)
    steps = [np.diff(frames_of(batches[i])) for i in range(60)]
    assert all(step[0] == step[1] for step in steps)
    assert {int(step[0]) for step in steps} == {-4, -3, -2, -1, 1, 2, 3, 4}


def test_frames_may_be_unevenly_spaced_and_say_how_far_apart_they_are(picture):
    batches = clips([data(picture, 30)], length=(4, 4), max_gap=4, gaps="random")
    steps = []
    for i in range(40):
        clip = batches[i]
        step = np.abs(np.diff(frames_of(clip)))
        assert clip.intervals.tolist() == [[1.0], *([float(each)] for each in step)]
        steps.append(step)
    assert {int(each) for each in np.concatenate(steps)} == {1, 2, 3, 4}
    assert any(len(set(step)) == 3 for step in steps)
    assert clips([data(picture, 30)], max_gap=4)[0].intervals is None


def test_clips_may_run_forwards_only(picture):
    batches = clips([data(picture, 30)], max_gap=3, reverse_rate=0)
    assert all(np.diff(frames_of(batches[i]))[0] > 0 for i in range(20))


def test_a_reversed_clip_keeps_boxes_with_their_pixels(tmp_path):
    frames = []
    for i in range(6):
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), np.full((64, 96, 3), 40 * i, dtype=np.uint8))
        frames.append(frame_of(i, [[40, 20, 50 + i, 40]], path))
    sequence = AnnotatedSequence("grey", tuple(frames), (64, 96), None, is_video=True)
    clip = clips([AnnotatedData((sequence,), ("person",))], reverse_rate=1)[0]
    shown = [round(float(images.pixels.mean()) * 255 / 40) for images in clip.images]
    assert shown == frames_of(clip)
    assert shown[0] > shown[1]


def test_a_short_video_repeats_its_last_frames(picture):
    clip = clips([data(picture, 2)], length=(4, 4), reverse_rate=0)[0]
    assert frames_of(clip) == [0, 1, 1, 1]


def test_every_frame_can_begin_a_clip(picture):
    batches = clips([data(picture, 5)], length=(1, 1))
    assert {frames_of(batches[i])[0] for i in range(60)} == {0, 1, 2, 3, 4}


def test_still_images_move_evenly_and_keep_identities(picture):
    batches = clips([data(picture, 1)], length=(3, 3), still_motion=0.1, zoom=(1.5, 1.5))
    moves = []
    for i in range(20):
        targets = [frame[0] for frame in batches[i].targets]
        if any(len(target.boxes) == 0 for target in targets):
            continue
        assert {tuple(target.track_ids.tolist()) for target in targets} == {(7,)}
        centres = torch.stack([target.boxes[0, :2] for target in targets])
        moves.append(centres.diff(dim=0))
    moves = torch.stack(moves)
    assert len(moves) > 10
    assert moves.abs().amax() < 0.2
    assert moves[:, 0].abs().amax() > 0.03
    assert (moves[:, 0] - moves[:, 1]).abs().amax() < 0.05  # even but for some shake


def test_stills_show_other_pixels_in_each_frame(picture):
    clip = clips([data(picture, 1)], still_motion=0.2)[0]
    assert not torch.equal(clip.images[0].pixels, clip.images[1].pixels)


def test_a_still_image_without_motion_stands(picture):
    clip = clips([data(picture, 1)], still_motion=0)[0]
    assert torch.equal(clip.images[0].pixels, clip.images[1].pixels)


def test_images_without_objects_make_clips(picture):
    empty = AnnotatedSequence(
        "empty", (frame_without_objects(0, picture),), (64, 96), None, is_video=False
    )
    clip = clips([AnnotatedData((empty,), ("person",))], batch_size=2)[0]
    assert [len(target.boxes) for target in clip.targets[1]] == [0, 0]
    assert clip.targets[0][0].boxes.shape == (0, 4)
    assert clip.images[0].pixels.shape == (2, 3, 64, 96)


def test_sources_are_drawn_by_weight(picture):
    sources = [(data(picture, 5), 3.0), (data(picture, 1), 1.0)]
    settings = ClipSettings(canvas=(64, 96), length=(1, 1), zoom=(1, 1))
    batches = ClipDataset(sources, 400, settings, PLAIN, 0, 1)
    stills = sum(target.boxes[0, 2].item() * 96 < 10.5 for target in batches[0].targets[0])
    # Frame 0 of the video looks like the still: 3/4 / 5 + 1/4.
    assert stills / 400 == pytest.approx(0.4, abs=0.08)


def test_the_target_of_a_whole_frame():
    target = target_of(frame_of(0, [[48, 16, 96, 48]], visibility=[0.4], ids=[9]), WHOLE, 0.05)
    torch.testing.assert_close(target.boxes, torch.tensor([[0.75, 0.5, 0.5, 0.5]]))
    assert target.visibility.tolist() == pytest.approx([0.4])
    assert target.track_ids.tolist() == [9]
    assert target.ignore_boxes.shape == (0, 4)


def test_an_object_half_outside_is_half_visible():
    target = target_of(frame_of(0, [[-8, 0, 12, 64]], visibility=[0.5]), WHOLE, 0.05)
    assert target.visibility.tolist() == pytest.approx([0.5 * 12 / 20])


@pytest.mark.parametrize(
    ("box", "visibility"),
    [
        ([-30, 0, 10, 64], 1.0),  # its centre has left
        ([40, 0, 60, 64], 0.04),  # hidden by others
    ],
)
def test_objects_that_cannot_be_asked_for_are_ignore_regions(box, visibility):
    target = target_of(frame_of(0, [box], visibility=[visibility]), WHOLE, 0.05)
    assert len(target.boxes) == 0
    assert len(target.ignore_boxes) == 1


def test_objects_outside_leave_no_trace():
    target = target_of(frame_of(0, [[200, 0, 220, 64]]), WHOLE, 0.05)
    assert (len(target.boxes), len(target.ignore_boxes)) == (0, 0)


def test_ignore_regions_are_cropped_like_boxes():
    target = target_of(frame_of(0, [], ignore=[[0, 0, 48, 64]]), Crop(0.0, 0.0, 48.0, 64.0), 0.05)
    torch.testing.assert_close(target.ignore_boxes, torch.tensor([[0.5, 0.5, 1.0, 1.0]]))


def test_annotations_without_images_cannot_train():
    with pytest.raises(DataError, match="expected images, got annotations only"):
        clips([data(None, 3)])[0]


def test_an_unreadable_image_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.png: expected a readable image"):
        clips([data(tmp_path / "broken.png", 1)])[0]
