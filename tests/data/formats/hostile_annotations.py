"""Small files of every format, and what damage, bad luck or malice make of them."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from trackformer.checking.check import check_data
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.assembly import Entry, Kind, assemble_frame
from trackformer.data.formats.names import FormatName
from trackformer.data.masks import encode_mask
from trackformer.data.read import read_annotations
from trackformer.errors import TrackFormerError

SIZE: Final = (48, 64)
TEXT_FORMATS: Final[tuple[FormatName, ...]] = (
    "mot", "tracks", "coco", "yolo", "kitti", "cvat", "scalabel", "crowdhuman", "label-studio",
    "csv",
)  # fmt: skip
TEXTS: Final = (".txt", ".json", ".jsonl", ".xml", ".yaml", ".ini", ".odgt", ".csv", ".seqmap")
NUMBERS: Final = (
    "0", "-1", "1", "0.5", "-0.0", "255", "2000000000", "1000000000000", "9" * 19, "9" * 30,
    "9" * 5000, "1e308", "1e400", "-1e400", "inf", "nan", "NaN", "Infinity", "null", "true", "[]",
    "{}", '""', '"x"', "٣", "1e", "0x10", "1_000", "", "-9223372036854775808",
)  # fmt: skip
NAMES: Final = (
    "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "..", ".", "", "a" * 300,
    "a" * 5000, "a\\u0000b", "\\ud800", "%s%n", "a\nb", "&lol;", "*a", "&a [*a, *a]", "CON",
    "\x1b[2J",
    "!!python/object/apply:os.system ['true']", "~", "{x}",
)  # fmt: skip
INSERTED: Final = (
    "[" * 3000, "{" * 50, '{"a":' * 3000, "<a>" * 3000, "\x00", "\ufeff", "\r", "\t", ",", ";",
    "\n\n",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>", "&b;", "- - - - ", "---\n",
)  # fmt: skip
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_TEXT: Final = re.compile(r'"[^"\n]*"|(?<==)[^\n]+|[A-Za-z_][\w./-]*')


def write_seed(folder: Path, to: FormatName) -> Path:
    """A video of two frames and a still image, with an outline and a region, in one format."""
    image = folder.parent / "frame.png"
    cv2.imwrite(str(image), np.zeros((*SIZE, 3), np.uint8))
    mask = np.zeros(SIZE, dtype=bool)
    mask[10:20, 10:30] = True
    person = Entry("", 0, (10, 10, 30, 20), track_id=1, segmentation=encode_mask(mask))
    car = Entry("", 0, (1, 2, 20.5, 30), label=1, track_id=2, visibility=0.6)
    region = Entry("", 0, (40, 0, 60, 40), Kind.IGNORED)
    frames = tuple(assemble_frame(index, image, [person, car, region]) for index in range(2))
    sequences = [AnnotatedSequence("A", frames, SIZE, 25.0, is_video=True)]
    if to not in ("mot", "kitti", "cvat", "tracks", "label-studio"):
        sequences.append(AnnotatedSequence("b", frames[:1], SIZE, None, is_video=False))
    write_annotations(AnnotatedData(tuple(sequences), ("person", "car")), folder, to)
    return folder


def damage(folder: Path, seed: int) -> None:
    """Change one of the text files of a folder, the same way for the same seed."""
    draw = random.Random(seed)
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in TEXTS and path.name != "conversion.yaml" and path.stat().st_size
    )
    path = draw.choice(files)
    text = path.read_text(encoding="utf-8")
    for _ in range(draw.randint(1, 3)):
        text = draw.choice(_DAMAGES)(text, draw)
    content = text.encode("utf-8", errors="surrogatepass")
    if draw.random() < 0.1 and content:
        at = draw.randrange(len(content))
        content = content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    path.write_bytes(content)


def survives(folder: Path, to: FormatName) -> None:
    """Check, read and convert a folder; anything but success or a clear error is raised."""
    try:
        check_data(folder, format_name=to)
    except TrackFormerError as error:
        _check_message(error)
    out = folder.parent / f"{folder.name}-out"
    try:
        write_annotations(read_annotations(folder, to), out, "coco", images="none")
    except TrackFormerError as error:
        _check_message(error)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _check_message(error: TrackFormerError) -> None:
    message = str(error)
    assert message, "an error without a word"
    assert len(message) < 20_000, f"an error of {len(message)} letters"


def _number(text: str, draw: random.Random) -> str:
    return _replaced(text, _NUMBER, draw.choice(NUMBERS), draw)


def _name(text: str, draw: random.Random) -> str:
    name = draw.choice(NAMES)
    return _replaced(text, _TEXT, f'"{name}"' if draw.random() < 0.7 else name, draw)


def _replaced(text: str, pattern: re.Pattern[str], new: str, draw: random.Random) -> str:
    places = list(pattern.finditer(text))
    if not places:
        return text + new
    place = draw.choice(places)
    return text[: place.start()] + new + text[place.end() :]


def _span(text: str, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(len(text) + 1)
    return start, min(len(text), start + draw.choice((1, 2, 8, 40, 400)))


def _cut_out(text: str, draw: random.Random) -> str:
    start, end = _span(text, draw)
    return text[:start] + text[end:]


def _twice(text: str, draw: random.Random) -> str:
    start, end = _span(text, draw)
    return text[:end] + text[start:end] * draw.choice((1, 1, 50)) + text[end:]


def _cut_off(text: str, draw: random.Random) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _insert(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(INSERTED) + text[at:]


_DAMAGES: Final = (_number, _number, _number, _name, _name, _cut_out, _twice, _cut_off, _insert)
