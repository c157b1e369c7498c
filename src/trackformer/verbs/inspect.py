"""`trackformer inspect`: a folder of tracks in, a page to look at them out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

SUMMARY: Final = "Write a page that shows a run: who is who, why, and where that is doubtful."
PORT: Final = 8020


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="OUT",
        help="results of trackformer track, best with --trace: inspector.html comes beside them",
    )
    parser.add_argument(
        "--video", metavar="SOURCE", help="the video that was tracked (default: as the trace says)"
    )
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="OUT",
        action="append",
        default=[],
        help="another run on the same video, side by side; may be given again",
    )
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="GT",
        help="annotations of the video: identity switches are marked",
    )
    parser.add_argument(
        "--serve",
        action="store_true",
        help="then serve OUT on 127.0.0.1, where the page saves corrections.json into OUT",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"of --serve; 0: any free one (default: {PORT})"
    )


def run(options: argparse.Namespace) -> int:
    """A folder of tracks in, a page out."""
    from trackformer.inspecting.inspect_run import inspect_run

    made = inspect_run(
        options.folder,
        source=options.video,
        beside=options.beside,
        ground_truth=options.ground_truth,
    )
    switches = f", {made.num_switches} switches" if options.ground_truth is not None else ""
    print(f"{made.num_moments} suspicious moments{switches}")
    print(made.page)
    if options.serve:
        from trackformer.inspecting.serving import ADDRESS, server_of

        server = server_of(options.folder, options.port)
        print(f"http://{ADDRESS}:{server.server_port}/{made.page.name}", flush=True)
        with server:
            server.serve_forever()
    return 0
