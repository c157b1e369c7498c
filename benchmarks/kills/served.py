"""A service that is killed at random moments; its answers have to be those of one that was not.

A client sends the pictures of a session, one after another. Whenever there is no answer, the
service is started again on the same folder, and the same picture is sent again. In the end every
answer has to equal that of a tracker that was never interrupted, digit for digit. Each service is a
process of its own, forked from one that has loaded everything.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import torch

from benchmarks.long_stream import settings_amid, tiny_model
from trackformer import Tracker, TrackFormer, optimize_for_inference
from trackformer.serving.run import listen, name_of, server_of
from trackformer.serving.service import Service
from trackformer.serving.settings import ServeSettings
from trackformer.tracking.videos.outputs import object_records

SIZE = (64, 96)
LONGEST = 3.0
"""A service lives for a random part of this, in times that it takes to its first answer."""
LIMITS = ServeSettings(most_together=1)


@dataclass(slots=True)
class Served:
    """A service, started again whenever it was killed."""

    model: TrackFormer
    folder: Path
    changes: Mapping[str, Any]
    process: int = 0
    address: str = ""
    end: threading.Timer | None = field(default=None)

    def start(self) -> None:
        """In a process of its own, on a port of its own, where requests may wait for it."""
        listening = listen("127.0.0.1", 0, has_token=False)
        self.address = name_of(listening)
        self.process = os.fork()
        if self.process == 0:
            service = Service(self.model, self.folder, LIMITS, self.changes)
            server_of(service, None).run(sockets=[listening])
            os._exit(0)
        listening.close()

    def kill_after(self, seconds: float) -> None:
        """Without waiting for it."""
        self.end = threading.Timer(seconds, self.kill)
        self.end.start()

    def kill(self) -> None:
        """Returns when it is gone."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def put(self, address: str, picture: bytes) -> dict[str, Any] | None:
        """The answer; None if the service was killed meanwhile."""
        try:
            answer = httpx.put(f"{self.address}{address}", content=picture, timeout=600)
        except httpx.TransportError:
            assert self.end is not None
            self.end.join()
            return None
        answer.raise_for_status()
        known: dict[str, Any] = answer.json()
        return known


def report(num_kills: int) -> None:
    """Print what was killed where, and whether all answers are right."""
    torch.set_num_threads(1)
    model = optimize_for_inference(tiny_model())
    settings = settings_amid(model)
    random = np.random.default_rng(0)
    tracker = Tracker(model, settings)
    num_killed = num_equal = num_frames = 0
    with tempfile.TemporaryDirectory() as folder:
        served = Served(model, Path(folder), settings.model_dump(mode="json"))
        start = time.monotonic()
        served.start()
        begun = httpx.post(f"{served.address}/sessions", json={}, timeout=600).json()
        longest_s = LONGEST * (time.monotonic() - start)
        served.kill_after(random.uniform(0, longest_s))
        for number in count():
            small = random.integers(0, 255, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
            pixels = small.repeat(8, 0).repeat(8, 1)
            picture = bytes(cv2.imencode(".png", pixels[..., ::-1])[1])
            address = f"/sessions/{begun['session']}/frames/{number}"
            while (answer := served.put(address, picture)) is None:
                num_killed += 1
                print(f"killed at frame {number}", flush=True)
                served.start()
                if num_killed < num_kills:
                    served.kill_after(random.uniform(0, longest_s))
            num_frames += 1
            num_equal += answer == _expected(tracker, pixels, number)
            if num_killed == num_kills:
                break
        served.kill()
        files = [each.name for each in Path(folder).rglob("*") if each.is_file()]
    print(
        f"{num_killed} kills of a service: {num_equal} of {num_frames} answers equal those of a "
        f"tracker of one's own, {tracker.tracks.next_id - 1} identities, left: {' '.join(files)}"
    )


def _expected(tracker: Tracker, pixels: np.ndarray, number: int) -> dict[str, Any]:
    objects = json.loads(json.dumps(object_records(tracker.update(pixels))))
    return {"frame": number, "frame_index": number, "time_s": None, "objects": objects}
