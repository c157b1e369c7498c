"""A growing file ends with a whole line: on a full disk, too; and says so when it is taken away."""

import errno

import pytest

from full_disk import no_file_beyond
from trackformer.errors import DataError
from trackformer.growing_files import open_growing


def test_lines_are_on_disk_as_soon_as_they_are_written(tmp_path):
    with open_growing(tmp_path / "new" / "rows.txt") as lines:
        lines.write(b"one\n")
        assert (tmp_path / "new" / "rows.txt").read_bytes() == b"one\n"


def test_a_full_disk_tears_no_line(tmp_path):
    with open_growing(tmp_path / "rows.txt") as lines, no_file_beyond(10):
        lines.write(b"12345\n")
        with pytest.raises(OSError, match="too large") as refused:
            lines.write(b"67890\n")
    assert refused.value.errno == errno.EFBIG
    assert (tmp_path / "rows.txt").read_bytes() == b"12345\n"


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_is_taken_away_is_noticed(change, tmp_path):
    path = tmp_path / "rows.txt"
    with open_growing(path) as lines:
        lines.write(b"1\n")
        path.unlink()
        if change == "replaced":
            path.write_bytes(b"of another run\n")
        with pytest.raises(DataError, match=r"rows\.txt: was removed or replaced"):
            lines.write(b"2\n")
