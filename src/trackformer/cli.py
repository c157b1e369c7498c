"""The command line: what is typed becomes settings, and one function is called with them.

Only argparse is imported before a verb runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from trackformer.errors import ConfigError, TrackFormerError
from trackformer.last_resort import in_one_line, shown_in_one_line, stop_signals
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
    serve,
    track,
    train,
    tune,
)

BAD_INPUT: Final = 2
"""Exit code where nothing could be done with what was given; argparse's own, too."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells know it."""
READER_GONE: Final = 141
"""Exit code where whoever read the output has closed it, as shells know it."""


def main() -> None:
    """Entry point of the `trackformer` program."""
    # What is wrong with a picture is said once, by us: OpenCV and Pillow would say it, too.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # A service manager's stop, or a closed terminal, ends a run as gently as Ctrl-C does.
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the program's exit code."""
    try:
        return _flushed(arguments)
    except (Exception, KeyboardInterrupt) as error:
        ending = _ending(error)
        if ending is None:
            raise
        code, text = ending
        print(text, file=sys.stderr)
        return code


def _flushed(arguments: Sequence[str]) -> int:
    """Here a reader who has gone is noticed; Python itself flushes too late."""
    try:
        exit_code = _answer(arguments)
    except SystemExit as end:
        # argparse leaves so after its help, and rich where the reader of its tables has gone.
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from end
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return exit_code


def _answer(arguments: Sequence[str]) -> int:
    parser = _parser()
    _refuse_empty(arguments)
    options, rest = parser.parse_known_args(_joined(arguments))
    if options.version:
        import trackformer

        print(f"trackformer {trackformer.__version__}")
        return 0
    if options.verb is None:
        parser.print_help(sys.stderr)
        return BAD_INPUT
    _take_rest(options, rest)
    exit_code: int = options.run(options)
    return exit_code


def _refuse_empty(arguments: Sequence[str]) -> None:
    """An unset variable of a shell: as a folder it would be the current one."""
    for before, word in pairwise(("trackformer", *arguments)):
        if word == "" or re.fullmatch(r"--[a-z-]+=", word):
            behind = word.rstrip("=") or before
            raise ConfigError(f"expected a word behind {behind!r}, got ''")


def _joined(arguments: Sequence[str]) -> list[str]:
    """Coordinates may begin with a minus, which argparse takes for a flag of its own.

    >>> _joined(["--line", "-9,0,9,0", "--patience", "-1"])
    ['--line=-9,0,9,0', '--patience', '-1']
    """
    words: list[str] = []
    for word in arguments:
        if words and words[-1].startswith("--") and re.match(r"-[\d.]+,", word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _ending(error: BaseException) -> tuple[int, str] | None:
    """Exit code and line of an error; None for one of the program itself, which has a traceback."""
    if isinstance(error, TrackFormerError):
        message = "; ".join([str(error), *getattr(error, "__notes__", [])])
        return BAD_INPUT, f"error: {shown_in_one_line(message)}"
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, BrokenPipeError):
        _let_go_of_output()
        return READER_GONE, "stopped: whoever read the output has closed it"
    text = in_one_line(error)
    return None if text is None else (BAD_INPUT, f"error: {text}")


def _let_go_of_output() -> None:
    """Python would try to write what nobody reads while it ends, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


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
        *(data, convert, export, serve, demo, info),
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
