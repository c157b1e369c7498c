"""Which sources are addresses of streams, and how they may be printed."""

from __future__ import annotations

import re
from typing import Final

URL_SCHEMES: Final = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "rtp", "tcp")


def is_url(source: str) -> bool:
    """Whether `source` is an address `open_stream` understands."""
    scheme, separator, _ = source.partition("://")
    return bool(separator) and scheme.lower() in URL_SCHEMES


def without_credentials(url: str) -> str:
    """The address as it may be printed.

    >>> without_credentials("rtsp://admin:secret@camera/1")
    'rtsp://camera/1'
    """
    return re.sub(r"^(\w+://)[^/]*@", r"\1", url)
