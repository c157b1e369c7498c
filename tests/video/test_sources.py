"""What open_source recognises, and what it says where it recognises nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from trackformer.errors import DataError
from trackformer.frame_files import natural_order
from trackformer.image_files import decode_image
from trackformer.video.addresses import is_url
from trackformer.video.sources import open_source

HEIGHT, WIDTH = 48, 64

SEQUENCE = "[Sequence]\nname=MOT-1\nimDir=pictures\nframeRate=14\nseqLength=2\nimExt=.jpg\n"


def levels_of(source: Path | str) -> list[int]:
    with open_source(source) as frames:
        return [int(frame.pixels[0, 0, 0]) for frame in frames]


def test_a_folder_is_read_in_natural_order(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    folder = make_images(["frame2.png", "frame10.png", "Frame1.png"])
    assert levels_of(folder) == [grey_level(2), grey_level(0), grey_level(1)]


def test_a_folder_knows_its_length_but_no_times(make_images: Callable[..., Path]):
    with open_source(make_images(["1.png", "2.bmp", "3.webp", "4.tif"])) as source:
        assert source.num_frames == 4
        assert source.frame_rate == 25
        assert [(frame.frame_index, frame.time_s) for frame in source] == [
            (0, None), (1, None), (2, None), (3, None),
        ]  # fmt: skip


def test_other_and_hidden_files_of_a_folder_are_passed_over(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    folder = make_images(["1.png"])
    (folder / "notes.txt").write_text("x")
    (folder / "._1.png").write_text("x")
    assert levels_of(folder) == [grey_level(0)]


def test_the_number_may_stand_anywhere_in_the_names(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    folder = make_images(["1_rgb.png", "10_rgb.png", "11_rgb.png", "2_rgb.png"])
    assert levels_of(folder) == [grey_level(0), grey_level(3), grey_level(1), grey_level(2)]


def test_a_gap_in_the_names_is_told(make_images: Callable[..., Path]):
    with open_source(make_images(["1.png", "2.png", "5.png", "6.png"])) as source:
        assert source.remarks == (
            "2 numbers are left out among the names, the first between 2.png and 5.png: results "
            "count images, not numbers in names",
        )


def test_an_image_that_is_no_frame_is_left_out_and_named(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    folder = make_images(["1.png", "2.png", "cover.png"])
    with open_source(folder) as source:
        assert source.remarks == ("expected frames named like 1.png, got also cover.png: left out",)
    assert levels_of(folder) == [grey_level(0), grey_level(1)]


def test_a_glob_chooses_files(make_images: Callable[..., Path], grey_level: Callable[[int], int]):
    folder = make_images(["left1.png", "right1.png", "left2.png"])
    assert levels_of(str(folder / "left*.png")) == [grey_level(0), grey_level(2)]


@pytest.mark.parametrize("suffix", ["tif", "webp", "png"])
def test_a_stack_or_animation_is_a_video_of_all_its_pictures(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    pictures = [Image.new("RGB", (8, 8), (level, level, level)) for level in (0, 80, 160)]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=200, lossless=suffix == "webp"
    )
    assert levels_of(path) == [0, 80, 160]
    with open_source(path) as source:
        times = [None] * 3 if suffix == "tif" else [0.0, pytest.approx(0.2), pytest.approx(0.4)]
        assert [frame.time_s for frame in source] == times
        assert source.frame_rate == (25 if suffix == "tif" else pytest.approx(5))


def test_a_stack_is_no_frame_of_a_folder(make_images: Callable[..., Path]):
    folder = make_images(["1.tif"])
    picture = Image.new("L", (8, 8))
    picture.save(folder / "2.tif", save_all=True, append_images=[picture])
    with (
        open_source(folder) as source,
        pytest.raises(DataError, match=r"2\.tif: expected one picture in each file of a folder"),
    ):
        list(source)


def test_an_image_is_a_video_of_one_frame(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    assert levels_of(make_images(["1.png"]) / "1.png") == [grey_level(0)]


def test_a_mot_sequence_says_where_its_images_are_and_how_fast(make_images: Callable[..., Path]):
    images = make_images(["000001.jpg", "000002.jpg"], "MOT-1/pictures")
    (images.parent / "seqinfo.ini").write_text(SEQUENCE)
    with open_source(images.parent) as source:
        assert (source.frame_rate, source.num_frames) == (14, 2)
        assert [frame.time_s for frame in source] == [0, 1 / 14]


def test_a_mot_sequence_without_its_file_is_read_too(
    make_images: Callable[..., Path], grey_level: Callable[[int], int]
):
    images = make_images(["000001.png", "000002.png"], "MOT-2/img1")
    assert levels_of(images.parent) == [grey_level(0), grey_level(1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[Sequence]\nimDir=pictures", r"seqinfo\.ini: expected frameRate to be .*, got ''"),
        ("[Sequence]\nimDir=pictures\nframeRate=fast", "positive number, got 'fast'"),
        ("[Sequence]\nimDir=nowhere\nframeRate=5", "nowhere: no such folder, though seqinfo.ini"),
        (SEQUENCE.replace(".jpg", ".png"), r"no images of the sequence MOT-1, expected \*\.png"),
        ("frameRate=5", r"expected a section \[Sequence\]"),
    ],
)
def test_a_malformed_sequence_file_is_explained(
    make_images: Callable[..., Path], content: str, message: str
):
    images = make_images(["000001.jpg"], "MOT-1/pictures")
    (images.parent / "seqinfo.ini").write_text(content)
    with pytest.raises(DataError, match=message):
        open_source(images.parent)


def test_an_unreadable_image_ends_the_folder_after_the_frames_before(
    make_images: Callable[..., Path],
):
    folder = make_images(["1.png", "2.png", "3.png"])
    (folder / "2.png").write_bytes(b"no image")
    with open_source(folder) as source:
        frames = iter(source)
        assert next(frames).frame_index == 0
        with pytest.raises(DataError, match=r"2\.png: expected an image.*frame 2 of 3; 1 read"):
            next(frames)


def test_a_folder_of_unreadable_images_says_how_many_were_tried(tmp_path: Path):
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"no readable image: 2 tried, the first is a\.png"):
        open_source(tmp_path)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path):
    with pytest.raises(
        DataError, match=r"no images in this folder, expected files ending in \.jpg"
    ):
        open_source(tmp_path)


def test_a_glob_without_match_and_one_without_images_differ(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no file matches this pattern"):
        open_source(str(tmp_path / "*.jpg"))
    with pytest.raises(DataError, match="1 matches, none of them an image"):
        open_source(str(tmp_path / "*.txt"))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"clip\.mp4: no such file or folder; expected a video"):
        open_source(tmp_path / "clip.mp4")


def test_a_missing_camera_is_named():
    with pytest.raises(DataError, match="camera 73: cannot be opened"):
        open_source("73")


def test_a_folder_with_a_number_for_a_name_is_no_camera(
    make_images: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    grey_level: Callable[[int], int],
):
    monkeypatch.chdir(make_images(["1.png"], "0001").parent)
    assert levels_of("0001") == [grey_level(0)]


def test_addresses_are_recognised_by_their_scheme():
    assert is_url("rtsp://camera/1")
    assert is_url("HTTPS://host/clip.mp4")
    assert not is_url("clip.mp4")
    assert not is_url("ftp://host/clip.mp4")


def test_numbers_in_names_are_compared_as_numbers():
    names = [Path(name) for name in ("a10b1", "a9b2", "a9b10", "a")]
    assert [path.name for path in sorted(names, key=natural_order)] == [
        "a", "a9b2", "a9b10", "a10b1",
    ]  # fmt: skip


@pytest.mark.parametrize("num_channels", [1, 4])
def test_grey_and_transparent_images_become_rgb(tmp_path: Path, num_channels: int):
    stored = np.full((HEIGHT, WIDTH, num_channels), 77, dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), stored)
    pixels = decode_image(tmp_path / "1.png")
    assert pixels is not None
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert (pixels == 77).all()


def test_red_is_the_first_channel(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((2, 2, 3), (0, 0, 255), dtype=np.uint8))
    pixels = decode_image(tmp_path / "1.png")
    assert pixels is not None
    assert pixels[0, 0].tolist() == [255, 0, 0]
