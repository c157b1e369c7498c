"""Who is let in, and how much a request may bring: looked at before anything else."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS: Final = ("/", "/healthz", "/openapi.json")
"""Nothing of any session is told there."""
SLOWEST_BODY_S: Final = 30.0
"""Between two pieces of a request's body."""
HERE: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Gate:
    """Around the whole application."""

    app: ASGIApp
    token: str | None
    """None: everybody on this machine may come in."""
    most_bytes: int
    """Of a body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let in what is bounded."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif scope["type"] == "websocket":
            # Its messages have a limit of the server's own.
            await self.app(scope, receive, send)
        else:
            await self.app(scope, _bounded(receive, self.most_bytes), send)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        # A page of elsewhere, open in a browser on this machine, must not use the service.
        if origin is not None and urlsplit(origin).netloc != host:
            return _said(403, "another page's requests are not answered")
        if self.token is None and not is_loopback(_name(host)):
            return _said(403, f"expected a name of this machine as Host, got {host!r}")
        if scope["path"] not in OPEN_PATHS and not self._is_known(headers):
            response = _said(401, "expected Authorization: Bearer with the service's token")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.most_bytes:
            return _said(413, f"expected at most {self.most_bytes} bytes")
        return None

    def _is_known(self, headers: Headers) -> bool:
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # In constant time: how long it takes must not tell how much was right.
        is_equal = hmac.compare_digest(given.strip().encode(), self.token.encode())
        return is_equal and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == HERE


def _name(host: str) -> str:
    """A Host header without its port; numbers of version 6 stand in brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    """Whoever sends more than was announced, or too slowly, is told so."""
    num_bytes, is_whole = 0, False

    async def bounded() -> Message:
        nonlocal num_bytes, is_whole
        if is_whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SLOWEST_BODY_S)
        except TimeoutError as error:
            raise HTTPException(408, "the rest of the body did not come") from error
        num_bytes += len(message.get("body", b""))
        if num_bytes > most_bytes:
            raise HTTPException(413, f"expected at most {most_bytes} bytes")
        is_whole = not message.get("more_body", False)
        return message

    return bounded


def _said(status: int, text: str) -> JSONResponse:
    return JSONResponse({"detail": text}, status)
