"""SIGKILL at random moments, and whether all is whole afterwards (Linux)."""

from __future__ import annotations

import argparse


def main() -> None:
    """Of both, one after the other, or of one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("recording", "served"), help="default: both")
    parser.add_argument("--kills", type=int, default=50, help="of each (default: 50)")
    options = parser.parse_args()
    from benchmarks.kills import recording, served

    if options.part != "served":
        recording.report(options.kills)
    if options.part != "recording":
        served.report(options.kills)


if __name__ == "__main__":
    main()
