"""What a client is answered instead of tracks."""

from __future__ import annotations

from trackformer.errors import TrackFormerError


class Refusal(TrackFormerError):  # noqa: N818 - an answer, and nobody's error
    """A request that is not done, with the status that HTTP has for the reason."""

    def __init__(self, status: int, text: str, retry_after_s: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s
        """When asking again may help; None: it will not."""
