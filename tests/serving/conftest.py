"""A service in a thread of the test's process, and pictures for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from commands import HANGS_S
from trackformer.models.trackformer import TrackFormer
from trackformer.serving.run import listen, name_of, server_of
from trackformer.serving.service import Service
from trackformer.serving.settings import ServeSettings

Begin = Callable[..., httpx.Client]
"""Starts a service with some limits; returns a client of it."""


@contextmanager
def serving(
    model: TrackFormer, folder: Path, token: str | None = None, **limits: float
) -> Iterator[tuple[str, Service]]:
    """The address of a service that runs as long as the statement."""
    folder.mkdir(exist_ok=True)
    service = Service(model, folder, ServeSettings(**limits))  # type: ignore[arg-type]
    with listen("127.0.0.1", 0, has_token=False) as address:
        server = server_of(service, token)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [address]})
        thread.start()
        try:
            yield name_of(address), service
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def begin(eager_model: TrackFormer, tmp_path: Path) -> Iterator[Begin]:
    with ExitStack() as stack:

        def start(token: str | None = None, **limits: float) -> httpx.Client:
            address, _ = stack.enter_context(
                serving(eager_model, tmp_path / "sessions", token, **limits)
            )
            return stack.enter_context(httpx.Client(base_url=address, timeout=HANGS_S))

        yield start


def pictures(num_frames: int, seed: int = 0, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Big squares in random colours, RGB."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (num_frames, size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    return list(small.repeat(8, 1).repeat(8, 2))


def png(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", pixels[..., ::-1])[1])


def begun(client: httpx.Client, **wanted: object) -> str:
    """The address of a new session."""
    answer = client.post("/sessions", json=wanted)
    assert answer.status_code == 201
    return f"/sessions/{answer.json()['session']}"
