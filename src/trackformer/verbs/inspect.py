"""`trackformer inspect`: a folder of tracks in, a page to look at them out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trackformer.inspecting.content import Looked

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
        "--no-attention",
        action="store_true",
        help="do not ask the traced model again where its queries looked",
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

    looked = {} if options.no_attention else _looked(options.folder, options.video)
    made = inspect_run(
        options.folder,
        source=options.video,
        beside=options.beside,
        ground_truth=options.ground_truth,
        looked=looked,
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


def _looked(folder: Path, video: str | None) -> Mapping[tuple[int, int], Looked]:
    """Where queries looked, if a trace names the model; exported ones cannot be watched."""
    from trackformer.inspecting.run_folder import read_run

    run = read_run(folder)
    name = None if run.trace is None else run.trace.header.names.model
    if name is None or name.endswith(".onnx"):
        return {}
    from trackformer.checkpoints.load import load_weights
    from trackformer.freed_memory import keep_freed_memory
    from trackformer.inspecting.looked_frames import looked_frames
    from trackformer.models.fast.optimize import optimize_for_inference

    keep_freed_memory()
    return looked_frames(optimize_for_inference(load_weights(name)), run, video)
