"""`--line`, `--zone` and `--heat-map`: where to count."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackformer.tracking.videos.zones import ZoneCounter


def add_zone_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument(
        "--line",
        action="append",
        metavar="X1,Y1,X2,Y2",
        help="count who crosses this line, in pixels, into zones.csv and the video; to the left of "
        "it, looking from its first point to its second, is in (may be given several times)",
    )
    parser.add_argument(
        "--zone",
        type=Path,
        metavar="FILE.json",
        help='count who enters, leaves and is in zones: {"NAME": [[x, y], [x, y], [x, y]], ...}',
    )
    parser.add_argument(
        "--heat-map", action="store_true", help="write heat_map.jpg: where objects stood"
    )


def zone_counter(options: argparse.Namespace, *, is_alone: bool) -> ZoneCounter | None:
    """The counter that was asked for, refused before anything slow starts.

    Raises:
        ConfigError: A line is none, or there are several sources.
        DataError: The file of zones is none, or results are there already.
    """
    if not (options.line or options.zone or options.heat_map):
        return None
    from trackformer.errors import ConfigError, DataError
    from trackformer.tracking.videos.zones import Asked, ZoneCounter, parse_line, read_zones

    flags = "--line, --zone, --heat-map"
    if not is_alone or len(options.sources) > 1:
        raise ConfigError(f"{flags}: expected one SOURCE and a model, without --jobs")
    if options.resume:
        raise ConfigError(f"{flags}: expected a run from its beginning, got --resume")
    if str(options.output) == "-":
        raise ConfigError(f"{flags}: expected a folder for --output, got -")
    asked = Asked(
        lines=tuple(parse_line(text) for text in options.line or ()),
        zones=() if options.zone is None else read_zones(options.zone),
        heat_map=options.heat_map,
    )
    counter = ZoneCounter(asked, options.output)
    for path in counter.written():
        if not options.overwrite:
            raise DataError(
                f"{path}: exists already; choose another output folder, or replace it (--overwrite)"
            )
    return counter
