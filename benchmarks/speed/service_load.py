"""More than a service can do: eight clients at once, each as fast as it can.

Run: `python -m benchmarks.speed.service_load [SECONDS]` (Linux). Eight sessions, half of them over
WebSockets, which send without waiting for answers until pictures are refused (429). Every picture
has to be answered or refused once, and what a session got has to be what a tracker of its own finds
in the pictures that were not refused: the same ids, boxes within 0.02 pixels. The service is a
process of its own; the model is tiny, so that the clients do not wait for it alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import torch
from websockets.asyncio.client import connect

from benchmarks.long_stream import settings_amid, tiny_model
from trackformer import Tracker, TrackerSettings, TrackFormer, optimize_for_inference
from trackformer.serving.run import listen, name_of, server_of
from trackformer.serving.service import Service
from trackformer.serving.settings import ServeSettings
from trackformer.tracking.videos.outputs import object_records

SECONDS = 60.0
CLIENTS = 8
SIZE = (64, 96)
UNHEARD = 8
"""Pictures that a client sends over a WebSocket before it listens: twice what may wait."""
NEARLY = 0.02


@dataclass(slots=True)
class Client:
    """What one of them sent and got."""

    seed: int
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    waited_s: list[float] = field(default_factory=list)

    def picture(self, number: int) -> np.ndarray:
        """Another one for every client and number."""
        random = np.random.default_rng([self.seed, number])
        small = random.integers(0, 255, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
        return small.repeat(8, 0).repeat(8, 1)

    def png(self, number: int) -> bytes:
        """As it is sent."""
        return bytes(cv2.imencode(".png", self.picture(number)[..., ::-1])[1])

    def heard(self, number: int, status: int, answer: dict[str, Any], since: float) -> None:
        """Note an answer, which may come once only."""
        assert number not in self.answers
        self.statuses[status] += 1
        self.waited_s.append(time.monotonic() - since)
        if status == 200:
            self.answers[number] = answer


async def over_http(client: Client, address: str, session: str, end_s: float) -> None:
    """One picture after another, each once."""
    async with httpx.AsyncClient(base_url=address, timeout=600) as http:
        number = 0
        while (now := time.monotonic()) < end_s:
            answer = await http.put(
                f"/sessions/{session}/frames/{number}", content=client.png(number)
            )
            client.heard(number, answer.status_code, answer.json(), now)
            number += 1


async def over_websocket(client: Client, address: str, session: str, end_s: float) -> None:
    """Several at a time; refused ones are not sent again."""
    number = 0
    async with connect(f"{address.replace('http', 'ws')}/sessions/{session}/frames") as socket:
        await socket.recv()
        while (now := time.monotonic()) < end_s:
            for each in range(number, number + UNHEARD):
                await socket.send(client.png(each))
            for _ in range(UNHEARD):
                answer = json.loads(await socket.recv())
                client.heard(answer["frame"], answer.get("status", 200), answer, now)
            number += UNHEARD


async def load(address: str, seconds: float) -> list[Client]:
    """All clients for so long."""
    async with httpx.AsyncClient(base_url=address, timeout=600) as http:
        begun = [(await http.post("/sessions", json={})).json() for _ in range(CLIENTS)]
    clients = [Client(seed) for seed in range(CLIENTS)]
    end_s = time.monotonic() + seconds
    async with asyncio.TaskGroup() as all_of_them:
        for number, client in enumerate(clients):
            way = over_websocket if number % 2 else over_http
            all_of_them.create_task(way(client, address, begun[number]["session"], end_s))
    return clients


def is_as_alone(client: Client, model: TrackFormer, settings: TrackerSettings) -> bool:
    """Whether the answers are those of a tracker that saw the same pictures."""
    tracker = Tracker(model, settings)
    for index, (number, answer) in enumerate(sorted(client.answers.items())):
        expected = object_records(tracker.update(client.picture(number)))
        found = answer["objects"]
        if (answer["frame"], answer["frame_index"]) != (number, index):
            return False
        if [each["track_id"] for each in found] != [each["track_id"] for each in expected]:
            return False
        pairs = zip(found, expected, strict=True)
        if not all(np.allclose(a["box_xyxy"], b["box_xyxy"], atol=NEARLY) for a, b in pairs):
            return False
    return True


def main(arguments: Sequence[str]) -> None:
    """Load, then compare, then the counts."""
    seconds = float(arguments[0]) if arguments else SECONDS
    torch.set_num_threads(1)
    model = optimize_for_inference(tiny_model())
    settings = settings_amid(model)
    with tempfile.TemporaryDirectory() as folder:
        listening = listen("127.0.0.1", 0, has_token=False)
        address = name_of(listening)
        process = os.fork()
        if process == 0:
            changes = settings.model_dump(mode="json")
            service = Service(model, Path(folder), ServeSettings(), changes)
            server_of(service, None).run(sockets=[listening])
            os._exit(0)
        listening.close()
        try:
            clients = asyncio.run(load(address, seconds))
            counted = httpx.get(f"{address}/metrics").text
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
    statuses = sum((each.statuses for each in clients), Counter[int]())
    waited = np.concatenate([each.waited_s for each in clients])
    print(f"{seconds:.0f} s, {CLIENTS} sessions: {sum(statuses.values())} pictures, by status:")
    print(", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())))
    print(f"answered after {np.median(waited) * 1000:.0f} ms (median)")
    print(
        "\n".join(line for line in counted.splitlines() if line.startswith("trackformer_frames_t"))
    )
    same = sum(is_as_alone(each, model, settings) for each in clients)
    print(f"{same} of {CLIENTS} sessions as those of a tracker of their own")


if __name__ == "__main__":
    main(sys.argv[1:])
