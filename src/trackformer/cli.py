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
from typing import Final

from trackformer.errors import ConfigError, TrackFormerError
from trackformer.verbs import (
    benchmark,
    convert,
    data,
    demo,
    detect,
    evaluate,
    explain,
    export,
    info,
    inspect,
    track,
    train,
    tune,
)

BAD_INPUT: Final = 2
"""Exit code where nothing could be done with what was given; argparse's own, too."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells know it."""


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
        exit_code: int = options.run(options)
    except TrackFormerError as error:
        message = "; ".join([str(error), *getattr(error, "__notes__", [])])
        print("error: " + message.replace("\n", " "), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return exit_code


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
    hint = (
        f"did you mean {nearest[0]}?" if nearest else f"see `trackformer {options.command} --help`"
    )
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
    modules = (
        *(track, detect, inspect, explain, train, evaluate, tune, benchmark),
        *(data, convert, export, demo, info),
    )
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        verb = verbs.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, allow_abbrev=False
        )
        verb.set_defaults(run=module.run, command=name)
        module.add_arguments(verb)
        verb.set_defaults(usage=verb.format_usage())
    return parser
