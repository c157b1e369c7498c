"""Failures as a user gets them: pictures, a table and a page."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.metrics.test_tracking_metrics import annotated_frame, data_of, result_frame
from synthetic_videos import HEIGHT, WIDTH, write_crossing
from trackformer.cli import run
from trackformer.evaluation.failures.find import find_failures
from trackformer.evaluation.failures.moments import moments_of
from trackformer.evaluation.failures.page import described
from trackformer.evaluation.failures.strips import CAPTION_HEIGHT, GAP, SIDE, draw_moment
from trackformer.evaluation.metrics.tracking import match_sequence
from trackformer.video.drawing import track_colour

PERSON = (20.0, 10.0, 40.0, 50.0)


@pytest.fixture
def street(tmp_path):
    """A sequence of two squares with results in which the red one's track ends in the middle."""
    write_crossing(tmp_path / "street")
    lines = (tmp_path / "street" / "gt" / "gt.txt").read_text().splitlines()
    rows = [line.split(",")[:6] for line in lines]
    for row in rows:
        if row[1] == "1" and int(row[0]) > 6:
            row[1] = "5"
    kept = [",".join([*row, "1,-1,-1,-1"]) for row in rows if row[:2] != ["3", "2"]]
    (tmp_path / "street.txt").write_text("\n".join(kept) + "\n")
    return tmp_path


def evaluate(folder, *words, truth="street"):
    given = ["--ground-truth", folder / truth, "--results", folder / "street.txt", *words]
    return run(["evaluate", *map(str, given)])


def rows_of(folder):
    with (folder / "failures.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def failures_of_one(track_ids, frame_rate):
    frames = [annotated_frame(index, {7: PERSON}) for index in range(len(track_ids))]
    results = [
        result_frame(index, {track_id: PERSON} if track_id else {})
        for index, track_id in enumerate(track_ids)
    ]
    (sequence,) = data_of(*frames).sequences
    sequence = replace(sequence, frame_rate=frame_rate)
    return find_failures(sequence, match_sequence(sequence, results)), sequence


def test_all_failures_are_in_the_table_and_the_worst_in_pictures(street, capsys):
    assert evaluate(street, "--failures", street / "out", "--worst", "1") == 0
    assert capsys.readouterr().out.endswith(f"{street / 'out' / 'index.html'}\n")
    switch, miss = rows_of(street / "out")
    assert (switch["kind"], switch["frame"], switch["boxes"]) == ("switch", "7", "4")
    assert (switch["picture"], miss["picture"]) == ("worst-001.jpg", "")
    names = sorted(path.name for path in (street / "out").iterdir())
    assert names == ["failures.csv", "index.html", "worst-001.jpg"]


def test_the_page_groups_failures_by_cause_and_says_what_helps(street):
    evaluate(street, "--failures", street / "out")
    page = (street / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("What helps:") == 2
    assert 'src="worst-001.jpg"' in page
    assert "http" not in page


def test_pictures_of_an_earlier_report_go(street):
    (street / "out").mkdir()
    (street / "out" / "worst-099.jpg").write_bytes(b"old")
    evaluate(street, "--failures", street / "out")
    assert not (street / "out" / "worst-099.jpg").exists()


def test_frames_may_come_from_a_video_elsewhere(street):
    (street / "street" / "gt" / "gt.txt").rename(street / "walk.txt")
    (street / "street.txt").rename(street / "found.txt")
    words = ["--ground-truth", street / "walk.txt", "--results", street / "found.txt"]
    files = ["--failures", street / "out", "--video", street / "street" / "img1"]
    assert run(["evaluate", *map(str, [*words, *files])]) == 0
    assert rows_of(street / "out")[0]["picture"] == "worst-001.jpg"


def refusal(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_annotations_without_images_are_refused_in_one_line(street, capsys):
    words = ["--failures", street / "out"]
    assert evaluate(street, *words, truth=Path("street") / "gt" / "gt.txt") == 2
    assert "expected images beside the annotations" in refusal(capsys)


def test_a_video_that_is_too_short_is_refused_in_one_line(street, capsys):
    (street / "few").mkdir()
    image = street / "street" / "img1" / "000001.png"
    (street / "few" / "1.png").write_bytes(image.read_bytes())
    assert evaluate(street, "--failures", street / "out", "--video", street / "few") == 2
    assert "got 1" in refusal(capsys)


def test_an_unreadable_frame_is_refused_in_one_line(street, capsys):
    (street / "street" / "img1" / "000007.png").write_bytes(b"no image")
    assert evaluate(street, "--failures", street / "out") == 2
    assert "000007.png: expected a readable image" in refusal(capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--worst", "3"], "--worst: only with --failures"),
        (["--video", "x.mp4"], "--video: only with --failures"),
        (["--failures", "out", "--worst", "0"], "--worst: expected a number from 1 on, got 0"),
    ],
)
def test_options_without_meaning_are_refused(street, capsys, words, message):
    assert evaluate(street, *words) == 2
    assert message in refusal(capsys)


def test_a_video_belongs_to_one_sequence_only(tmp_path, capsys):
    for name in ("A", "B"):
        write_crossing(tmp_path / "split" / name)
        (tmp_path / f"{name}.txt").write_text("")
    words = ["--ground-truth", tmp_path / "split", "--results", tmp_path]
    files = ["--failures", tmp_path / "out", "--video", tmp_path / "split" / "A"]
    assert run(["evaluate", *map(str, [*words, *files])]) == 2
    assert "--video: expected one annotated video, got 2" in refusal(capsys)


def test_a_switch_is_shown_a_third_of_a_second_before_and_after():
    (failure,), sequence = failures_of_one([1] * 10 + [2] * 10, frame_rate=9.0)
    moments = moments_of(failure, sequence)
    assert [moment.frame_index + 1 for moment in moments] == [7, 10, 11, 14, 17]
    assert [moment.is_failure for moment in moments] == [False, False, True, True, True]


def test_a_miss_is_shown_from_the_frame_before_to_the_frame_after():
    (failure,), sequence = failures_of_one([1, 1] + [0] * 10 + [1, 1], frame_rate=None)
    moments = moments_of(failure, sequence)
    assert [moment.frame_index + 1 for moment in moments] == [2, 3, 6, 9, 12, 13]
    assert [moment.is_failure for moment in moments] == [False, True, True, True, True, False]


def test_between_annotations_the_object_is_looked_for_half_way():
    frames = [annotated_frame(0, {7: PERSON}), annotated_frame(1), annotated_frame(2, {7: PERSON})]
    moved = np.array([[60.0, 10.0, 80.0, 50.0]])
    (sequence,) = data_of(*frames[:2], replace(frames[2], boxes_xyxy=moved)).sequences
    found = [result_frame(0, {1: PERSON}), result_frame(2, {2: moved[0]})]
    (failure,) = find_failures(sequence, match_sequence(sequence, found))
    _, between, _ = moments_of(failure, sequence)
    assert between.box_xyxy.tolist() == [40, 10, 60, 50]
    assert between.visible is None


def test_one_line_says_what_happened():
    (failure,), _ = failures_of_one([1, 1, 0, 0], frame_rate=None)
    assert described(failure) == (
        "miss (small): street, frames 3-4, object 7, track #1 -> none, costs 2 boxes, 2.0 visible"
    )


def test_a_picture_shows_the_object_large_with_its_track_in_the_colour_of_its_identity():
    (failure, *_), sequence = failures_of_one([1, 2], frame_rate=None)
    grey = np.full((HEIGHT * 4, WIDTH * 4, 3), 90, dtype=np.uint8)
    moment = moments_of(failure, sequence)[-1]
    # 80 pixels of the frame become 240, so that the object's left edge lies at 3 * (20 - 0).
    picture = draw_moment(
        grey, moment, 80.0, sequence.frames[1], result_frame(1, {2: PERSON}), [1, 2]
    )
    assert picture.shape == (SIDE + CAPTION_HEIGHT, SIDE, 3)
    assert picture[90, 60].tolist() == [255, 255, 255]
    assert picture[90, 59].tolist() == list(track_colour(2))


def test_an_image_smaller_than_the_picture_is_framed():
    (failure, *_), sequence = failures_of_one([1, 2], frame_rate=None)
    grey = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    moment = moments_of(failure, sequence)[-1]
    picture = draw_moment(grey, moment, 120.0, sequence.frames[1], None, [])
    assert picture[2, 2].tolist() == [32, 32, 32]
    assert picture[SIDE // 2, SIDE // 2].tolist() == [90, 90, 90]


def test_strips_stand_in_files_of_their_size(street):
    evaluate(street, "--failures", street / "out", "--worst", "1")
    strip = cv2.imread(str(street / "out" / "worst-001.jpg"))
    # Of 10 frames at 10 a second: 3, 6, 7, 10.
    assert strip.shape == (SIDE + 2 * CAPTION_HEIGHT, 4 * SIDE + 3 * GAP, 3)
