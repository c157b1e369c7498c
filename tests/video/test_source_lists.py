"""Which videos a folder, a pattern and a list mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackformer.errors import DataError
from trackformer.video.source_lists import listed_sources


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("b.mp4", "a.MKV", "notes.md", ".hidden.mp4"):
        (folder / name).touch()
    return folder


def test_a_folder_of_videos_means_each_of_them_in_order(videos: Path):
    assert listed_sources(str(videos)) == (str(videos / "a.MKV"), str(videos / "b.mp4"))


def test_a_pattern_means_the_videos_that_it_matches(videos: Path):
    assert listed_sources(str(videos / "*.mp4")) == (str(videos / "b.mp4"),)


def test_a_list_names_one_source_a_line_beside_itself(videos: Path):
    lines = "b.mp4\n# night\n\n/far/c.mp4\nrtsp://camera/1\ns3://bucket/d.mp4\n"
    (videos / "list.txt").write_text(lines, encoding="utf-8-sig")
    expected = (str(videos / "b.mp4"), "/far/c.mp4", "rtsp://camera/1", "s3://bucket/d.mp4")
    assert listed_sources(str(videos / "list.txt")) == expected


def test_an_empty_list_is_refused(tmp_path: Path):
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match=r"list\.txt: expected one video a line, got none"):
        listed_sources(str(tmp_path / "list.txt"))


def test_what_is_a_source_itself_is_no_list(videos: Path, tmp_path: Path):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("1.jpg", "2.jpg", "made_from_them.mp4"):
        (images / name).touch()
    for source in (images, images / "*.jpg", videos / "b.mp4", "0", "http://host/v.mp4", "no.mp4"):
        assert listed_sources(str(source)) is None
