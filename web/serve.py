"""Serve web/dist on this machine alone: `python web/serve.py [PORT]`."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

DIST = Path(__file__).parent / "dist"
PORT = 8050


class Handler(SimpleHTTPRequestHandler):
    """Files, with the headers without which browsers give a page no threads."""

    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """Add ours."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def server(folder: Path = DIST, port: int = PORT) -> ThreadingHTTPServer:
    """A server of the built page; port 0: any that is free."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=folder))


if __name__ == "__main__":
    served = server(port=int(sys.argv[1]) if len(sys.argv) > 1 else PORT)
    print(f"http://127.0.0.1:{served.server_port}", flush=True)
    try:
        served.serve_forever()
    except KeyboardInterrupt:
        print()
