"""`trackformer serve`: pictures of clients in, their tracks out, until it is stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.settings_flags import add_settings_flags, given_settings
from trackformer.verbs.flags.classes import add_classes_argument, only_asked
from trackformer.verbs.flags.model import add_model_arguments, load
from trackformer.verbs.flags.settings_file import changes_in

SUMMARY: Final = "Track the streams of clients, over HTTP and WebSocket."
HOST: Final = "127.0.0.1"
PORT: Final = 8021
EXTRA: Final = ("fastapi", "uvicorn", "websockets", "prometheus_client")
"""What `pip install trackformer[serve]` brings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "--sessions",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder where sessions are kept: they go on after a restart or a kill",
    )
    parser.add_argument(
        "--host",
        default=HOST,
        help=f"address to listen on; others than this machine's own want a token (default: {HOST})",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"0: any free one (default: {PORT})")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="only clients that know its first line are answered (Authorization: Bearer)",
    )
    add_model_arguments(parser)
    add_classes_argument(parser, "others are not looked for")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="tracker settings that differ from the model's own; a session may have others still",
    )
    add_settings_flags(
        parser, "trackformer.serving.settings", "ServeSettings", "What is refused beyond it."
    )


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    from trackformer.config import settings_from
    from trackformer.serving.settings import ServeSettings

    _refuse_missing()
    from trackformer.folder_lock import only_writer
    from trackformer.serving.run import listen, name_of, read_token, server_of
    from trackformer.serving.service import Service

    limits = settings_from(ServeSettings, given_settings(options), "command line")
    changes = changes_in(options.settings)
    token = None if options.token_file is None else read_token(options.token_file)
    # Before the model is loaded: mistakes are told at once.
    with listen(options.host, options.port, has_token=token is not None) as address:
        model = only_asked(load(options), options)
        with only_writer(options.sessions):
            service = Service(model, options.sessions, limits, changes)
            print(name_of(address), flush=True)
            server_of(service, token).run(sockets=[address])
    return 0


def _refuse_missing() -> None:
    from importlib.util import find_spec

    from trackformer.errors import ConfigError

    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise ConfigError(f"serving needs {', '.join(missing)}: pip install 'trackformer[serve]'")
