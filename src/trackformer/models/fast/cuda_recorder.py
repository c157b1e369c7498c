"""How work for a CUDA device is recorded: as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

AnswerT = TypeVar("AnswerT")


class CudaRecorder:
    """Records on a queue of its own, as torch asks for, into memory that all its graphs share.

    Sharing is safe where graphs are replayed one after the other and their answers are copied at
    once, as `Recordings` does.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def rehearse(self, call: Callable[[], object]) -> None:
        """On the queue where it will be recorded: libraries keep memory for each."""
        current = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            call()
        current.wait_stream(self._stream)

    def record(self, call: Callable[[], AnswerT]) -> tuple[AnswerT, Callable[[], object]]:
        """Nothing runs; the answer has numbers after the first replay."""
        graph = torch.cuda.CUDAGraph()
        # The outer blocks: where recording fails, torch stays on the queue it recorded on.
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.device(self.device), torch.cuda.stream(current):
            # thread_local: another thread may be uploading the next frame.
            recording = torch.cuda.graph(
                graph, self._pool, self._stream, capture_error_mode="thread_local"
            )
            with recording:
                answer = call()
        return answer, graph.replay
