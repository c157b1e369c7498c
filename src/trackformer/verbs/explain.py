"""`trackformer explain`: one identity in one traced frame, asked again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.flags.model import WEIGHTS_HELP, add_running_arguments, load_network

if TYPE_CHECKING:
    from trackformer.inspecting.explain import Explanation

SUMMARY: Final = "Say why a track was kept, lost or born in a frame, and where its query looked."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "trace", type=Path, metavar="OUT", help="results of trackformer track --trace"
    )
    parser.add_argument(
        "--frame", type=int, metavar="N", required=True, help="frame index, counted from 0"
    )
    parser.add_argument("--track", type=int, metavar="ID", required=True, help="identity")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.jpg",
        help="also draw where the query looked, layer by layer; replaced if it exists",
    )
    parser.add_argument(
        "--video", metavar="SOURCE", help="the video that was tracked (default: as the trace says)"
    )
    parser.add_argument("--model", help=f"{WEIGHTS_HELP} (default: as the trace says)")
    add_running_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """One identity in one frame, asked again."""
    from trackformer.errors import ConfigError
    from trackformer.tracking.tracing.reading import open_trace_file

    trace = open_trace_file(options.trace)
    # Before the model is loaded: a mistyped identity is reported at once.
    from trackformer.inspecting.explain import explain, query_of

    query_of(trace.frame(options.frame), options.track)
    options.model = options.model or trace.header.names.model
    if options.model is None:
        raise ConfigError("--model: expected the model that was traced, which the trace names not")
    model = load_network(options, every_layer=True)
    made = explain(model, trace, options.frame, options.track, options.video)
    _print(made)
    if options.picture is not None:
        import cv2

        from trackformer.atomic_files import whole_file
        from trackformer.inspecting.explain_picture import picture_of

        bgr = cv2.cvtColor(picture_of(made), cv2.COLOR_RGB2BGR)
        with whole_file(options.picture) as unfinished:
            unfinished.write_bytes(cv2.imencode(".jpg", bgr)[1].tobytes())
        print(options.picture)
    return 0


def _print(made: Explanation) -> None:
    from trackformer.inspecting.words import in_words, origin_in_words

    print(f"#{made.query.track_id} in frame {made.frame.frame_index}")
    print(f"  asked: {origin_in_words(made.query)}")
    for decision in made.query.decisions:
        print(f"  {in_words(decision)}")
    for number, layer in enumerate(made.query.layers, start=1):
        x, y, width, height = layer.box
        place = f"centre {x:.3f}, {y:.3f}, size {width:.3f} x {height:.3f}"
        print(f"  after decoder layer {number}: score {layer.score:.2f}, {place}")
    attended = ", ".join(f"{each.name} ({100 * each.weight:.0f} %)" for each in made.others)
    print(f"  attended most to: {attended or 'nobody else'}")
    print(f"what it answers when something is left out (now: score {made.score:.2f})")
    for change in made.changes:
        answer = f"score {change.score:.2f}, overlap with its box {change.overlap:.2f}"
        print(f"  without {change.without}: {answer}")
