"""Tables of boxes and videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.parts.assembly import Entry, assemble_frames
from trackformer.data.formats.parts.malformed import refuse
from trackformer.data.read import read_annotations
from trackformer.errors import DataError


@pytest.fixture
def written(tmp_path: Path) -> Path:
    entries = [
        Entry("", 0, (1, 2, 3.5, 4), track_id=7, score=0.5),
        Entry("", 2, (2, 2, 4.5, 4), track_id=7, score=0.25, is_filled=True),
    ]
    frames = assemble_frames(entries, (None,) * 3, refuse)
    sequence = AnnotatedSequence("street, day", frames, (48, 160), 10.0, is_video=True)
    data = AnnotatedData((sequence,), ("person",))
    write_annotations(data, tmp_path / "out", "csv")
    return tmp_path / "out"


def test_a_row_is_a_box(written: Path):
    assert (written / "boxes.csv").read_text().splitlines() == [
        "video,frame_index,time_s,track_id,label,score,left,top,right,bottom,visibility,is_filled",
        '"street, day",0,0.0,7,person,0.5,1.0,2.0,3.5,4.0,1.0,False',
        '"street, day",2,0.2,7,person,0.25,2.0,2.0,4.5,4.0,1.0,True',
    ]
    assert (written / "videos.csv").read_text().splitlines()[1] == (
        '"street, day",True,3,160,48,10.0'
    )


def test_what_is_wrong_with_a_row_is_said(written: Path):
    with (written / "boxes.csv").open("a") as file:
        file.write("street,0,0,x,person,1,1,2,3,4,1,False\n")
    with pytest.raises(DataError, match=r"boxes\.csv:4: expected numbers"):
        read_annotations(written)


def test_a_missing_column_is_named(written: Path):
    text = (written / "boxes.csv").read_text().replace("track_id", "id")
    (written / "boxes.csv").write_text(text)
    with pytest.raises(DataError, match=r"boxes\.csv: expected the columns .*, got no track_id"):
        read_annotations(written)


def test_a_video_that_is_not_listed_is_named(written: Path):
    text = (written / "videos.csv").read_text().replace("street", "road")
    (written / "videos.csv").write_text(text)
    with pytest.raises(DataError, match=r"expected a video of videos\.csv, got street, day"):
        read_annotations(written)


def test_a_video_or_column_twice_is_named(written: Path):
    videos = (written / "videos.csv").read_text()
    (written / "videos.csv").write_text(videos + videos.splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"videos\.csv: expected each video once, got street"):
        read_annotations(written)
    (written / "videos.csv").write_text(videos.replace("width", "height"))
    with pytest.raises(DataError, match=r"videos\.csv: expected each column once"):
        read_annotations(written)


def test_a_video_all_of_whose_rows_are_wrong_is_no_surprise(written: Path):
    header = (written / "boxes.csv").read_text().splitlines()[0]
    (written / "boxes.csv").write_text(f"{header}\nroad,0,0,1,person,.5,inf,2,3,4,1,False\n")
    mistakes: list[Exception] = []
    read_annotations(written, report=mistakes.append)
    (mistake,) = mistakes
    assert "row 1: expected numbers and a label" in str(mistake)


def test_parquet_is_read_by_pyarrow_with_numbers_as_numbers(written: Path, tmp_path: Path):
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow.parquet import read_table

    write_annotations(read_annotations(written), tmp_path / "parquet", "parquet")
    table = read_table(tmp_path / "parquet" / "boxes.parquet")
    assert table.schema.field("track_id").type == pyarrow.int64()
    assert table.column("right").to_pylist() == [3.5, 4.5]
    assert table.column("is_filled").to_pylist() == [False, True]


@pytest.mark.parametrize("damaged", [b"stre\xbet", b"street"[:3] + b"\xff" * 3])
def test_texts_of_parquet_that_are_none_are_refused(written: Path, tmp_path: Path, damaged: bytes):
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    write_annotations(read_annotations(written), tmp_path / "parquet", "parquet")
    for name in ("boxes.parquet", "videos.parquet"):
        content = (tmp_path / "parquet" / name).read_bytes()
        (tmp_path / "parquet" / name).write_bytes(content.replace(b"street", damaged))
    with pytest.raises(DataError, match=r"\.parquet: expected a table of Parquet"):
        read_annotations(tmp_path / "parquet")
