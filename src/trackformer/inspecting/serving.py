"""The folder of a run on this machine's own address: its page can save corrections there."""

from __future__ import annotations

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from trackformer.atomic_files import whole_file
from trackformer.errors import DataError, TrackFormerError
from trackformer.inspecting.corrections import parse_corrections
from trackformer.inspecting.run_folder import CORRECTIONS_NAME

ADDRESS: Final = "127.0.0.1"
MOST_BYTES: Final = 1_000_000
"""Of corrections: more were not made by hand."""


def server_of(folder: Path, port: int) -> ThreadingHTTPServer:
    """Serves the files of a folder to this machine alone, and takes its `corrections.json`.

    Args:
        folder: Of a run.
        port: 0: any that is free (`server_port` tells).

    Raises:
        DataError: The port is taken.
    """
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(_Requests, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise DataError(f"port {port}: cannot be listened on: {error}") from error


class _Requests(SimpleHTTPRequestHandler):
    def do_PUT(self) -> None:
        # Pages of elsewhere must not write here, whatever name they have for this machine.
        host = self.headers.get("Host", "").rpartition(":")[0]
        origin = self.headers.get("Origin", f"http://{self.headers.get('Host')}")
        if self.path != f"/{CORRECTIONS_NAME}" or host not in (ADDRESS, "localhost"):
            return self._answer(403, "only corrections.json can be written")
        if origin != f"http://{self.headers.get('Host')}":
            return self._answer(403, "another page cannot write here")
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 < size <= MOST_BYTES:
            return self._answer(413, f"expected 1 to {MOST_BYTES} bytes")
        try:
            content = self.rfile.read(size)
            parse_corrections(json.loads(content), CORRECTIONS_NAME)
            with whole_file(Path(self.directory) / CORRECTIONS_NAME) as unfinished:
                unfinished.write_bytes(content)
        except (ValueError, TrackFormerError) as error:
            return self._answer(400, str(error))
        return self._answer(204, "")

    def _answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_message: Any) -> None:
        """Silent: the terminal tells the address only."""
