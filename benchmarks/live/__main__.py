"""A camera that is faster than the model, and one that drops its connection (Linux)."""

from __future__ import annotations

import argparse


def main() -> None:
    """Of both, one after the other, or of one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("ages", "identities"), help="default: both")
    parser.add_argument("--seconds", type=float, default=60.0, help="of ages (default: 60)")
    options = parser.parse_args()
    from benchmarks.live import ages, identities

    if options.part != "identities":
        ages.report(options.seconds)
    if options.part != "ages":
        identities.report()


if __name__ == "__main__":
    main()
