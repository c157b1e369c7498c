"""A service that is killed goes on: every id stays, and no answer is given twice differently."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from commands import HANGS_S
from serving.conftest import begun, pictures, png
from trackformer import Tracker, load_model, optimize_for_inference
from trackformer.tracking.videos.outputs import object_records

NUM_FRAMES = 12
KILLS_AT = (0, 3, 4, 9)
"""Frames that are under way, or nearly, when the service is killed."""
PROGRAM = """
import os, sys
import trackformer.serving.run, trackformer.serving.service
from trackformer import cli, load_model, optimize_for_inference
sessions, model = sys.argv[1:]
optimize_for_inference(load_model(model))
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(cli.run(["serve", "--sessions", sessions, "--model", model, "--port", "0"]))
    print("process", child, flush=True)
    os.waitpid(child, 0)
"""
"""Loads everything once; each line that it reads is a service, which it prints."""


@dataclass
class Killed:
    """A service that is started again whenever it was killed."""

    starter: subprocess.Popen[str]
    process: int = 0
    client: httpx.Client = field(default_factory=httpx.Client)

    def start(self) -> None:
        assert self.starter.stdin is not None
        assert self.starter.stdout is not None
        self.starter.stdin.write("one more\n")
        self.starter.stdin.flush()
        lines = sorted(self.starter.stdout.readline() for _ in range(2))
        self.process = int(lines[1].split()[1])
        self.client.close()
        self.client = httpx.Client(base_url=lines[0].strip(), timeout=HANGS_S)

    def kill(self) -> None:
        # A late timer may find it gone.
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def put(self, address: str, content: bytes) -> httpx.Response:
        """Sent again until there is an answer."""
        while True:
            try:
                return self.client.put(address, content=content)
            except httpx.TransportError:
                self.start()


@contextmanager
def started(folder: Path, model_file: Path) -> Iterator[Killed]:
    command = [sys.executable, "-c", PROGRAM, folder, model_file]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as starter:
        service = Killed(starter)
        service.start()
        try:
            yield service
        finally:
            service.kill()
            service.client.close()
            assert starter.stdin is not None
            starter.stdin.close()


def test_a_killed_service_keeps_every_id(model_file: Path, tmp_path: Path):
    frames = pictures(NUM_FRAMES)
    random = np.random.default_rng(0)
    answers = []
    with started(tmp_path / "sessions", model_file) as service:
        session = begun(service.client)
        for number, frame in enumerate(frames):
            if number in KILLS_AT:
                threading.Timer(random.uniform(0, 0.05), service.kill).start()
            answer = service.put(f"{session}/frames/{number}", png(frame))
            assert answer.status_code == 200
            answers.append(answer.json())
        last = service.client.get(session).json()
    tracker = Tracker(optimize_for_inference(load_model(str(model_file))))
    for number, (frame, answer) in enumerate(zip(frames, answers, strict=True)):
        assert (answer["frame"], answer["frame_index"]) == (number, number)
        assert answer["objects"] == json.loads(json.dumps(object_records(tracker.update(frame))))
    assert (last["next_frame"], last["last"]) == (NUM_FRAMES, answers[-1])
    names = [each.name for each in (tmp_path / "sessions").rglob("*") if each.is_file()]
    assert names == ["session.safetensors"]
