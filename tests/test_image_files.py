"""Image files as pixels: bits, orientation, and files of several pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from trackformer.errors import DataError
from trackformer.image_files import decode_image, image_size, num_pictures, read_image


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(("most", "shift"), [(200, 0), (1000, 2), (4000, 4), (9000, 6), (60000, 8)])
def test_two_bytes_a_channel_keep_the_bits_in_use(
    tmp_path: Path, suffix: str, most: int, shift: int
):
    deep = np.array([[0, most // 2, most]], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), deep)
    pixels = decode_image(tmp_path / f"a.{suffix}")
    assert pixels is not None
    assert pixels[0, :, 0].tolist() == (deep[0] >> shift).tolist()


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_a_size_is_that_of_the_upright_image_in_every_format(tmp_path: Path, suffix: str):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        path = tmp_path / f"{orientation}.{suffix}"
        Image.new("RGB", (6, 4)).save(path, exif=exif)
        pixels = decode_image(path)
        assert pixels is not None
        assert image_size(path) == pixels.shape[:2] == ((4, 6) if orientation < 5 else (6, 4))


@pytest.mark.parametrize("suffix", ["tif", "webp", "png"])
def test_a_file_of_several_pictures_is_no_image(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    pictures = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 80, 160)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    assert num_pictures(path) == 3
    with pytest.raises(DataError, match="expected one picture, got a file of 3"):
        read_image(path)
    pictures[0].save(path)
    assert num_pictures(path) == 1


def test_a_header_that_claims_millions_of_columns_is_no_image(tmp_path: Path):
    path = tmp_path / "wide.bmp"
    cv2.imwrite(str(path), np.zeros((2, 2, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[18:22] = (2**25).to_bytes(4, "little")
    path.write_bytes(content)
    assert decode_image(path) is None
