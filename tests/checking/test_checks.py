"""Planted mistakes, each of which one check must find and name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trackformer.checking.check import run_checks
from trackformer.checking.images import look_at, look_at_images
from trackformer.checking.records import Finding, Inspected, ModelLimits
from trackformer.checking.statistics import distributions, sides_at_input
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Corners, Entry, assemble_frame
from trackformer.input_settings import InputSettings

SIZE = (90, 160)
"""(height, width)."""
Objects = dict[int, Corners]
"""Boxes by id."""


def walking(index: int) -> Objects:
    """Three objects that move two pixels in a frame."""
    return {i: (20 * i + 2 * index, 10, 20 * i + 12 + 2 * index, 40) for i in (1, 2, 3)}


def video(
    frames: list[Objects], images: list[Path] | None = None, name: str = "street"
) -> AnnotatedSequence:
    made = tuple(
        assemble_frame(
            index,
            images[index] if images else None,
            [Entry("", index, box, track_id=i) for i, box in objects.items()],
        )
        for index, objects in enumerate(frames)
    )
    return AnnotatedSequence(name, made, SIZE, 25.0, is_video=True)


def inspected(*sequences: AnnotatedSequence, model: ModelLimits | None = None) -> Inspected:
    data = AnnotatedData(sequences, ("person",))
    paths = [frame.image_path for sequence in sequences for frame in sequence.frames]
    images = look_at_images([path for path in paths if path is not None])
    return Inspected(data, (), images, model)


def found(*sequences: AnnotatedSequence, model: ModelLimits | None = None) -> dict[str, Finding]:
    """Findings by kind, without that images are missing."""
    findings = {f.check: f for f in run_checks(inspected(*sequences, model=model))}
    findings.pop("no-images", None)
    return findings


def pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Images of smooth noise, each unlike the others."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    paths = [folder / f"{index:06d}.jpg" for index in range(count)]
    for path in paths:
        coarse = generator.integers(0, 255, (9, 16, 3)).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    return paths


def clean(num_frames: int = 6) -> list[Objects]:
    return [walking(index) for index in range(num_frames)]


def test_nothing_is_wrong_with_clean_data(tmp_path: Path):
    assert run_checks(inspected(video(clean(), pictures(tmp_path, 6)))) == ()


@pytest.mark.parametrize(
    ("check", "severity", "frame", "track_id", "box"),
    [
        ("outside-image", "error", 2, 9, (170, 0, 190, 20)),
        ("larger-than-image", "error", 2, 9, (-10, -10, 200, 95)),
        ("huge", "warning", 2, 9, (0, 0, 160, 89)),
        ("degenerate", "warning", 2, 9, (100, 50, 101, 80)),
        ("annotated-twice", "warning", 2, 9, (24, 10, 36, 40)),
        ("mostly-outside", "note", 2, 9, (151, 0, 191, 20)),
        ("id-jumps", "error", 3, 1, (140, 60, 152, 90)),
    ],
)
def test_a_bad_box_is_named_with_frame_and_id(check, severity, frame, track_id, box):
    frames = clean(4)
    frames[frame][track_id] = box
    finding = found(video(frames))[check]
    (place,) = finding.places
    assert finding.severity == severity
    assert (place.sequence, place.frame_index, place.track_id) == ("street", frame, track_id)


def test_an_id_used_again_elsewhere_after_a_gap_is_named():
    frames = clean(8)
    for index in range(3):
        frames[index][9] = (5, 60, 15, 70)
    for index in (6, 7):
        frames[index][9] = (140, 60, 150, 70)
    (place,) = found(video(frames))["id-reused"].places
    assert (place.frame_index, place.track_id) == (6, 9)
    assert "id-jumps" not in found(video(frames))


def test_an_object_that_goes_on_after_a_gap_is_fine():
    frames = clean(8)
    for index in (3, 4, 5):
        del frames[index][3]
    assert found(video(frames)) == {}


def test_ids_that_are_new_in_every_frame_mean_nothing():
    frames = [{10 * index + i: box for i, box in walking(index).items()} for index in range(4)]
    assert found(video(frames))["ids-mean-nothing"].severity == "error"


def test_an_object_that_changes_its_class_is_named():
    sequence = video(clean(3))
    changed = replace(sequence.frames[2], labels=np.array([0, 1, 0]))
    sequence = replace(sequence, frames=(*sequence.frames[:2], changed))
    data = AnnotatedData((sequence,), ("person", "dog"))
    findings = {f.check: f for f in run_checks(Inspected(data, (), {}))}
    (place,) = findings["class-changes"].places
    assert (place.frame_index, place.track_id) == (2, 2)


def test_frames_without_the_objects_of_their_neighbours_are_named():
    frames = clean()
    frames[3] = {}
    (place,) = found(video(frames))["forgotten-frame"].places
    assert place.frame_index == 3


def test_a_video_annotated_at_every_third_frame_is_told_as_a_whole():
    frames = [walking(index) if index % 3 == 0 else {} for index in range(13)]
    findings = found(video(frames))
    assert findings["sparse-annotation"].severity == "error"
    assert "forgotten-frame" not in findings


def test_shares_of_the_image_are_not_pixels():
    shares = [{i: tuple(v / 160 for v in box) for i, box in walking(0).items()}] * 2
    assert found(video(shares))["normalised"].severity == "error"


def test_corners_in_place_of_sizes_are_no_boxes():
    # Left, top, right, bottom, read as left, top, width, height: no box stays in the image.
    taken = [{1: (90, 40, 90 + 130, 40 + 80), 2: (30, 20, 30 + 60, 20 + 70)}] * 2
    assert found(video(taken))["corners-as-sizes"].severity == "error"
    # As they are meant.
    assert "corners-as-sizes" not in found(video([{1: (90, 40, 130, 80), 2: (30, 20, 60, 70)}] * 2))
    # People who leave at the right side reach out, too.
    assert "corners-as-sizes" not in found(
        video([{1: (150, 40, 180, 80), 2: (30, 20, 60, 70)}] * 2)
    )


def test_data_without_objects_teach_nothing():
    assert found(video([{}, {}]))["no-objects"].severity == "error"
    assert found(video([{}, {}], name="empty"), video(clean()))["empty-video"].places[0].sequence


def test_a_first_class_that_never_occurs_may_be_a_number_off_by_one():
    sequence = video(clean(2))
    frames = tuple(replace(frame, labels=frame.labels + 1) for frame in sequence.frames)
    data = AnnotatedData((replace(sequence, frames=frames),), ("cat", "dog"))
    findings = {f.check: f for f in run_checks(Inspected(data, (), {}))}
    assert findings["unused-class"].severity == "warning"


def test_damaged_resized_and_frozen_images_are_named(tmp_path: Path):
    paths = pictures(tmp_path, 9)
    paths[1].write_bytes(paths[1].read_bytes()[:-200])
    cv2.imwrite(str(paths[2]), np.zeros((50, 80, 3), np.uint8))
    for path in paths[6:8]:
        path.write_bytes(paths[5].read_bytes())
    findings = found(video(clean(9), paths))
    assert [place.frame_index for place in findings["unreadable-image"].places] == [1]
    (resized,) = findings["image-size"].places
    assert resized.where.endswith("000002.jpg: 80 x 50, declared 160 x 90")
    assert [place.frame_index for place in findings["frozen-frames"].places] == [7]


def test_a_picture_scaled_and_compressed_again_is_the_same_and_another_is_not(tmp_path: Path):
    first, second = pictures(tmp_path, 2)
    copy = tmp_path / "copy.png"
    cv2.imwrite(str(copy), cv2.resize(cv2.imread(str(first)), (240, 135)))
    one, same, other = (look_at(path).fingerprint for path in (first, copy, second))
    assert one @ same >= 64 - 2 * 4
    assert one @ other < 64 - 2 * 12


def test_validation_images_among_the_training_images_are_an_error(tmp_path: Path):
    training = pictures(tmp_path / "a", 6)
    validation = pictures(tmp_path / "b", 6, seed=1)
    validation[4].write_bytes(training[1].read_bytes())
    own = replace(
        inspected(video(clean(), training)),
        validation=inspected(video(clean(), validation, name="other")),
    )
    findings = {f.check: f for f in run_checks(own)}
    (place,) = findings["leaked-image"].places
    assert "other, 000004.jpg is in training as street: street, 000001.jpg" in place.where
    assert "leaked-name" not in findings
    same = replace(own, validation=inspected(video(clean(), training)))
    assert {"leaked-image", "leaked-name", "leaked-scene"} <= {f.check for f in run_checks(same)}


def test_still_images_that_show_the_same_are_named(tmp_path: Path):
    paths = pictures(tmp_path, 2)
    paths[1].write_bytes(paths[0].read_bytes())
    stills = [replace(video(clean(1), [path], name=path.name), is_video=False) for path in paths]
    (place,) = found(*stills)["near-duplicate"].places
    assert place.sequence == "000001.jpg"


@pytest.mark.parametrize(("num_queries", "severity"), [(2, "error"), (4, "warning"), (5, None)])
def test_more_objects_than_queries_are_an_error(num_queries, severity):
    model = ModelLimits("tiny", num_queries, ("person",), InputSettings(shorter_side=90))
    finding = found(video(clean()), model=model).get("too-many-objects")
    assert (finding.severity if finding else None) == severity


def test_objects_too_small_at_the_input_are_counted():
    model = ModelLimits("tiny", 100, ("dog",), InputSettings(shorter_side=30))
    data = inspected(video(clean())).data
    # 10 x 30 and 12 x 30 pixels, at a third of the size.
    assert sides_at_input(data, model.input).max() == pytest.approx(np.sqrt(12 * 30) / 3, abs=0.1)
    findings = found(video(clean()), model=model)
    assert findings["tiny"].severity == "warning"
    assert findings["model-classes"].severity == "note"


def test_statistics_count_newborns_and_track_lengths():
    frames = clean(4)
    frames[2][9] = (100, 50, 120, 80)
    values = {d.name: d.values.tolist() for d in distributions(inspected(video(frames)))}
    assert values["objects per frame"] == [3, 3, 4, 3]
    assert values["newborn per frame"] == [0, 1, 0]
    assert values["track length"] == [4, 4, 4, 1]
