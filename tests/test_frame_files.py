"""Which image files are frames, in which order, and what is odd about their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackformer.frame_files import frame_files, images_in


def files_of(*names):
    return frame_files(Path(name) for name in names)


def names_of(files):
    return [path.name for path in files.paths]


@pytest.mark.parametrize(
    "pattern",
    ["{}.jpg", "{}_rgb.jpg", "frame{}.color.jpg", "Image ({}).jpg", "cam2-{}.png", "{}.JPG"],
)
def test_frames_are_ordered_by_their_number_wherever_it_stands(pattern):
    files = files_of(*(pattern.format(number) for number in (10, 2, 1, 11, 9)))
    assert files.numbers == (1, 2, 9, 10, 11)
    assert names_of(files) == [pattern.format(number) for number in (1, 2, 9, 10, 11)]


def test_check_sums_behind_the_number_change_nothing():
    files = files_of("c-10_jpg.rf.0a1.jpg", "c-2_jpg.rf.99f.jpg", "c-1_jpg.rf.b7.jpg")
    assert files.numbers == (1, 2, 10)
    assert files_of("03_f0.jpg", "01_ab12.jpg", "02_9c.jpg").numbers == (1, 2, 3)


def test_numbers_left_out_are_counted():
    files = files_of("1_a.jpg", "2_a.jpg", "5_a.jpg")
    assert [(before.name, after.name, count) for before, after, count in files.gaps] == [
        ("2_a.jpg", "5_a.jpg", 2)
    ]
    assert not files.counts_times
    assert files_of("100.jpg", "150.jpg", "200.jpg").counts_times


def test_what_is_named_unlike_most_is_set_aside():
    files = files_of("1.jpg", "2.jpg", "3.jpg", "cover.jpg", "2 (1).jpg")
    assert names_of(files) == ["1.jpg", "2.jpg", "3.jpg"]
    assert files.strange_names() == (
        "expected frames named like 1.jpg, got also 2 (1).jpg, cover.jpg"
    )


def test_one_number_with_two_endings_is_one_frame():
    files = files_of("1.jpg", "2.jpg", "2.png", "3.jpg")
    assert (files.numbers, [path.name for path in files.strangers]) == ((1, 2, 3), ["2.png"])


def test_two_series_of_the_same_length_are_told_apart_by_nobody():
    files = files_of("1_rgb.jpg", "1_depth.jpg", "2_rgb.jpg", "2_depth.jpg")
    assert files.is_mixed
    assert files.strange_names().startswith("expected frames named alike, got 1_depth.jpg")


def test_dates_with_times_are_in_order_but_count_nothing():
    files = files_of("d2_t1.jpg", "d1_t9.jpg", "d1_t10.jpg")
    assert names_of(files) == ["d1_t9.jpg", "d1_t10.jpg", "d2_t1.jpg"]
    assert files.numbers is None


def test_pictures_of_no_series_are_all_there():
    files = files_of("dog.jpg", "cat.jpg")
    assert (names_of(files), files.strange_names()) == (["cat.jpg", "dog.jpg"], "")
    assert files_of().paths == ()


def test_a_folder_whose_name_no_disk_can_hold_has_no_images(tmp_path):
    assert images_in(tmp_path / ("a" * 5000)) == []
