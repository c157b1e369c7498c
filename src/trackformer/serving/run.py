"""What a service listens on, and what serves it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

import uvicorn

from trackformer.errors import ConfigError, DataError
from trackformer.serving.app import app_of
from trackformer.serving.gate import is_loopback
from trackformer.serving.service import Service

SHORTEST_TOKEN: Final = 16
"""Characters; fewer can be guessed."""
GRACE_S: Final = 10
"""For answers that are under way when the service is stopped."""


def listen(host: str, port: int, *, has_token: bool) -> socket.socket:
    """An address to serve on.

    Args:
        host: An address of this machine.
        port: 0: any that is free.
        has_token: Whether clients have to know one.

    Raises:
        ConfigError: Others could reach it, and there is no token.
        DataError: It cannot be listened on.
    """
    if not (has_token or is_loopback(host)):
        raise ConfigError(
            f"--host: {host} can be reached by others, expected a token (--token-file)"
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise DataError(f"{host}, port {port}: cannot be listened on: {error}") from error


def read_token(path: Path) -> str:
    """What clients have to know: the first line of a file.

    Raises:
        ConfigError: It cannot be read, or is too short.
    """
    try:
        token = path.read_text(encoding="ascii").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a file with a token: {error}") from error
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(
            f"{path}: expected a token of {SHORTEST_TOKEN} characters or more, got {len(token)}"
        )
    return token


def name_of(address: socket.socket) -> str:
    """As clients write it."""
    host, port = address.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server_of(service: Service, token: str | None) -> uvicorn.Server:
    """What serves, once its `run` is given the sockets of `listen`.

    Args:
        service: Its folder is this process's alone (`only_writer`).
        token: What clients have to know.
    """
    config = uvicorn.Config(
        app_of(service, token),
        log_level="warning",
        access_log=False,
        # Bodies are bounded by `Gate`, messages here; what is compressed already stays so.
        ws="websockets-sansio",
        ws_max_size=service.limits.most_bytes,
        ws_per_message_deflate=False,
        limit_concurrency=service.limits.most_connections,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    return uvicorn.Server(config)
