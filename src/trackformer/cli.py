"""The command line: what is typed becomes settings, and one function is called with them.

Only argparse is imported before a verb runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.errors import ConfigError, TrackFormerError
from trackformer.settings_flags import add_settings_flags

if TYPE_CHECKING:
    from trackformer.commands import Command

BAD_INPUT: Final = 2
"""Exit code where nothing could be done with what was given; argparse's own, too."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells know it."""

_MODEL_HELP = (
    "a bundled name (see `trackformer info`), a .safetensors file, a published .pth file or a "
    "Hugging Face folder"
)
_SETTINGS_MODULE = "trackformer.tracking.settings"


def main() -> None:
    """Entry point of the `trackformer` program."""
    # A service manager's stop ends a run as gently as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the program's exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.version:
        import trackformer

        print(f"trackformer {trackformer.__version__}")
        return 0
    if options.verb is None:
        parser.print_help(sys.stderr)
        return BAD_INPUT
    try:
        _take_rest(options, rest)
        command: Command = _command(options.verb)
        return command(options)
    except TrackFormerError as error:
        message = "; ".join([str(error), *getattr(error, "__notes__", [])])
        print("error: " + message.replace("\n", " "), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _command(verb: str) -> Command:
    from trackformer import commands

    return {
        "track": commands.track,
        "detect": commands.detect,
        "train": commands.train,
        "evaluate": commands.evaluate,
        "convert": commands.convert,
        "demo": commands.demo,
        "info": commands.info,
    }[verb]


def _take_rest(options: argparse.Namespace, rest: list[str]) -> None:
    """`key=value` may also follow a flag, which argparse does not see; all else is unknown."""
    if options.verb == "train":
        options.overrides += [word for word in rest if _is_override(word)]
        rest = [word for word in rest if not _is_override(word)]
    if not rest:
        return
    unknown = next((word for word in rest if word.startswith("-")), rest[0])
    known = re.findall(r"--[a-z-]+", options.usage)
    nearest = difflib.get_close_matches(unknown.partition("=")[0], known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"see `trackformer {options.verb} --help`"
    raise ConfigError(f"unknown argument {unknown!r}; {hint}")


def _is_override(word: str) -> bool:
    return "=" in word and not word.startswith("-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trackformer",
        description="Detect and track objects in video with transformers, end to end.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = parser.add_subparsers(dest="verb", title="verbs", metavar="VERB")
    for name, summary, add_arguments in (
        ("track", "Track the objects of a video.", _add_track),
        ("detect", "Detect the objects of a video, without identities.", _add_detect),
        ("train", "Train a model.", _add_train),
        ("evaluate", "Score tracks against ground truth.", _add_evaluate),
        ("convert", "Write any weights that load as one .safetensors file.", _add_convert),
        ("demo", "Track the bundled clip with a bundled model.", _add_demo),
        ("info", "Show versions, devices and bundled models.", _add_nothing),
    ):
        verb = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        add_arguments(verb)
        verb.set_defaults(usage=verb.format_usage())
    return parser


def _add_track(parser: argparse.ArgumentParser) -> None:
    _add_video_arguments(parser, "tracks.txt, tracks.jsonl and video.mp4")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="tracker settings that differ from the model's own (flags win over the file)",
    )
    parser.add_argument(
        "--public-detections",
        type=Path,
        metavar="det.txt",
        help="MOTChallenge detections of the video: tracks begin only where they show an object",
    )
    add_settings_flags(
        parser,
        _SETTINGS_MODULE,
        "TrackerSettings",
        "Scores and IoUs lie in [0, 1]. What is not given stays as stored with the model; the "
        "defaults below are for models that store none.",
    )


def _add_detect(parser: argparse.ArgumentParser) -> None:
    _add_video_arguments(parser, "detections.txt, detections.jsonl and video.mp4")
    add_settings_flags(parser, _SETTINGS_MODULE, "DetectSettings", "Scores and IoUs lie in [0, 1].")


def _add_video_arguments(parser: argparse.ArgumentParser, files: str) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a video file, a folder or quoted pattern of images, a MOTChallenge sequence, a "
        "camera's index (0 is the first), or the address of a stream (RTSP, HTTP)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", required=True, help=f"folder for {files}"
    )
    _add_model_arguments(parser)
    parser.add_argument("--no-video", action="store_true", help="do not write video.mp4")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace results that DIR holds already"
    )


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="nano", help=f"{_MODEL_HELP} (default: nano)")
    parser.add_argument(
        "--device",
        default="auto",
        help="cpu, cuda, cuda:1, mps, or auto: cuda where there is one (default: auto)",
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", type=Path, metavar="CONFIG.yaml", help="settings of the run (see configs/)"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings to change, for example optimizer.steps=2000",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from last.pt in the run's output folder"
    )


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="DIR",
        required=True,
        help="MOTChallenge: a folder of sequences, one sequence, or one gt.txt",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder with NAME.txt or NAME/tracks.txt for each sequence NAME",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the scores, in [0, 100], to FILE"
    )


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help=_MODEL_HELP)
    parser.add_argument(
        "destination", type=Path, metavar="DST", help="the file to write, ending in .safetensors"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="run probe images through both, print a fingerprint of the outputs, and fail if they "
        "differ",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace DST if it exists")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("runs/demo"),
        help="folder for tracks, video and metrics.json, replaced (default: runs/demo)",
    )
    _add_model_arguments(parser)


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    """A verb without arguments."""
