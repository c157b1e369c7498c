"""Who crosses a line, and who is in a zone: counted while a video is tracked, through supervision.

Objects count where they stand: at the middle of their box's lower edge. A line counts crossings
from its right to its left, looking from its first point to its second, as `in`, others as `out`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from trackformer.atomic_files import whole_file
from trackformer.errors import ConfigError, DataError
from trackformer.objects import TrackedObjects
from trackformer.video.drawing import Pen, draw_label
from trackformer.video.frames import Frame

if TYPE_CHECKING:
    import supervision

COUNTS: Final = "zones.csv"
HEAT_MAP: Final = "heat_map.jpg"
COLUMNS: Final = (
    "frame_index",
    "time_s",
    "zone",
    "event",
    "track_id",
    "label",
    "in",
    "out",
    "inside",
)
COLOUR: Final = (255, 215, 0)

Pixels = UInt8[np.ndarray, "H W 3"]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to count."""

    lines: tuple[Points, ...] = ()
    """Two points each, in pixels."""
    zones: tuple[tuple[str, Points], ...] = ()
    """Name and corners of each."""
    heat_map: bool = False
    """Also a picture of where objects stood."""


def parse_line(text: str) -> Points:
    """Two points out of `x1,y1,x2,y2`.

    Raises:
        ConfigError: These are not four numbers, or one point twice.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not np.isfinite(numbers).all() or numbers[:2] == numbers[2:]:
        raise ConfigError(f"--line: expected x1,y1,x2,y2 of two points in pixels, got {text!r}")
    return (numbers[0], numbers[1]), (numbers[2], numbers[3])


def read_zones(path: Path) -> tuple[tuple[str, Points], ...]:
    """The zones of a json file: `{"door": [[x, y], [x, y], [x, y]], ...}`, in pixels.

    Raises:
        DataError: It is missing or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        zones = tuple(
            (str(name), tuple((float(x), float(y)) for x, y in corners))
            for name, corners in content.items()
        )
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f'{path}: expected {{"NAME": [[x, y], [x, y], [x, y], ...], ...}}: {error}'
        ) from error
    for name, corners in zones:
        if len(corners) < 3:
            raise DataError(
                f"{path}: zone {name}: expected three corners or more, got {len(corners)}"
            )
    return zones


@dataclass(frozen=True, slots=True)
class Tally:
    """What a line or zone has counted up to a frame."""

    name: str
    points: Points
    came: int
    """Crossings to the left of a line; objects that entered a zone."""
    went: int
    inside: int | None
    """Objects that stand in a zone now; None for lines."""

    def text(self) -> str:
        """As it is drawn."""
        inside = "" if self.inside is None else f", inside {self.inside}"
        return f"{self.name}: in {self.came}, out {self.went}{inside}"


class ZoneCounter:
    """Counts through one video, in a `with` statement, into `zones.csv` of a folder."""

    def __init__(self, asked: Asked, folder: Path) -> None:
        self._folder = folder
        self._counters: list[_Line | _Zone] = [
            _Line(f"line {number}", points) for number, points in enumerate(asked.lines, start=1)
        ]
        self._counters += [_Zone(name, corners) for name, corners in asked.zones]
        self._heat = _heat_map() if asked.heat_map else None
        self._heated: Pixels | None = None
        self._file: TextIO | None = None

    def paths(self) -> tuple[Path, ...]:
        """The files it writes."""
        counts = (self._folder / COUNTS,) if self._counters else ()
        return counts + ((self._folder / HEAT_MAP,) if self._heat is not None else ())

    def written(self) -> tuple[Path, ...]:
        """Those that exist."""
        return tuple(path for path in self.paths() if path.exists())

    def __enter__(self) -> ZoneCounter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._heated is not None:
            with whole_file(self._folder / HEAT_MAP) as partial:
                encoded = cv2.imencode(".jpg", self._heated)[1]
                partial.write_bytes(encoded.tobytes())

    def count(self, frame: Frame, objects: TrackedObjects) -> tuple[Tally, ...]:
        """Take the next frame; what was counted up to it.

        Raises:
            DataError: The file cannot be written.
        """
        detections = objects.to_supervision()
        if self._heat is not None and len(objects):
            # Over the newest picture: where objects stood since the beginning.
            # Its colours are meant for OpenCV's order of channels.
            scene = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
            self._heated = self._heat.annotate(scene, detections)
        rows: list[tuple[Any, ...]] = []
        for counter in self._counters:
            for event, row in counter.events(detections):
                tally = counter.tally()
                label = str(detections.data["class_name"][row])
                time = None if frame.time_s is None else round(frame.time_s, 4)
                rows.append(
                    (frame.frame_index, time, tally.name, event, int(objects.track_ids[row]), label,
                     tally.came, tally.went, tally.inside)
                )  # fmt: skip
        if self._counters:
            self._write(rows)
        return tuple(counter.tally() for counter in self._counters)

    def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            if self._file is None:
                # Line by line: what was counted survives a killed process.
                self._file = (self._folder / COUNTS).open(
                    "w", newline="", encoding="utf-8", buffering=1
                )
                csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
            csv.writer(self._file, lineterminator="\n").writerows(rows)
        except OSError as error:
            raise DataError(f"{COUNTS} cannot be written: {error.strerror}") from error


def draw_tallies(drawn: Pixels, tallies: Sequence[Tally]) -> Pixels:
    """A copy of an RGB picture with lines, zones and their counts."""
    drawn = drawn.copy()
    pen = Pen.for_size((drawn.shape[0], drawn.shape[1]))
    for tally in tallies:
        # It takes as long to import as torch, and few runs count.

        corners = np.rint(np.array(tally.points)).astype(np.int32)
        is_closed = tally.inside is not None
        cv2.polylines(drawn, [corners], is_closed, COLOUR, 2 * pen.thickness, cv2.LINE_AA)
        left, top = corners.min(0).tolist()
        draw_label(drawn, tally.text(), (left, top, left, top), COLOUR, pen)
    return drawn


def _heat_map() -> supervision.HeatMapAnnotator:
    import supervision

    return supervision.HeatMapAnnotator()


@dataclass(slots=True)
class _Line:
    name: str
    points: Points
    _zone: supervision.LineZone = field(init=False)

    def __post_init__(self) -> None:
        # It takes as long to import as torch, and few runs count.
        import supervision

        start, end = (supervision.Point(*point) for point in self.points)
        self._zone = supervision.LineZone(
            start, end, triggering_anchors=(supervision.Position.BOTTOM_CENTER,)
        )

    def events(self, detections: supervision.Detections) -> Iterator[tuple[str, int]]:
        """`in` or `out`, and the row of whoever crossed."""
        came, went = self._zone.trigger(detections)
        yield from (("in", int(row)) for row in np.flatnonzero(came))
        yield from (("out", int(row)) for row in np.flatnonzero(went))

    def tally(self) -> Tally:
        """So far."""
        return Tally(self.name, self.points, self._zone.in_count, self._zone.out_count, None)


@dataclass(slots=True)
class _Zone:
    name: str
    points: Points
    _zone: supervision.PolygonZone = field(init=False)
    _inside: set[int] = field(default_factory=set)
    _came: int = 0
    _went: int = 0
    _now: int = 0

    def __post_init__(self) -> None:
        # It takes as long to import as torch, and few runs count.
        import supervision

        corners = np.rint(np.array(self.points)).astype(np.int64)
        self._zone = supervision.PolygonZone(
            corners, triggering_anchors=(supervision.Position.BOTTOM_CENTER,)
        )

    def events(self, detections: supervision.Detections) -> Iterator[tuple[str, int]]:
        """`in` or `out`, and the row of whoever entered or left; nobody leaves unseen."""
        is_inside: Bool[np.ndarray, " N"] = self._zone.trigger(detections)
        self._now = int(is_inside.sum())
        for row, track_id in enumerate(detections.tracker_id.tolist()):
            if is_inside[row] and track_id not in self._inside:
                self._inside.add(track_id)
                self._came += 1
                yield "in", row
            elif not is_inside[row] and track_id in self._inside:
                self._inside.remove(track_id)
                self._went += 1
                yield "out", row

    def tally(self) -> Tally:
        """So far."""
        return Tally(self.name, self.points, self._came, self._went, self._now)
