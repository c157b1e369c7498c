"""`python -m trackformer.figures OUT [NAME ...]`: the pictures of docs/how-it-works.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trackformer.errors import TrackFormerError


def main() -> int:
    """Draw, and print what each picture says; 2 and one line where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m trackformer.figures", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUT", help="where the pictures go")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all by default")
    options = parser.parse_args()
    from trackformer.figures.draw import draw_figures

    try:
        for name, says in draw_figures(options.folder, options.names).items():
            print(f"{name}: {says}")
    except TrackFormerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
