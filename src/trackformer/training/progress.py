"""What one sees of a run: a progress bar, TensorBoard curves, a CSV, and a record of how it ran."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from trackformer.checkpoints.model_files import atomic_path
from trackformer.data.annotations import AnnotatedData
from trackformer.training.settings import TrainingSettings

PLAIN_EVERY = 50
"""Steps between lines when the output is a file, where a bar would be noise."""


class RunLog:
    """Writes the log of one run; silent in all processes but the main one."""

    def __init__(self, settings: TrainingSettings, *, is_main: bool, first_step: int) -> None:
        self._settings = settings
        self._is_main = is_main
        self._first_step = first_step
        self._console = Console(quiet=not is_main)
        self._progress = Progress(
            TextColumn("[bold]train"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not (is_main and self._console.is_terminal),
        )
        self._task: TaskID | None = None
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> RunLog:
        if self._is_main:
            self._settings.output.mkdir(parents=True, exist_ok=True)
            self._writer = SummaryWriter(
                str(self._settings.output), purge_step=self._first_step + 1
            )
        self._progress.start()
        self._task = self._progress.add_task(
            "train", total=self._settings.optimizer.steps, completed=self._first_step, text=""
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._writer is not None:
            self._writer.close()

    def step(
        self, step: int, loss: Tensor, terms: dict[str, Tensor], norm: Tensor, rate: float
    ) -> None:
        """One optimizer step."""
        if self._writer is None or self._task is None:
            return
        values = {"loss": float(loss), "gradient_norm": float(norm), "learning_rate": rate}
        values |= {name: float(value) for name, value in terms.items()}
        for name, value in values.items():
            self._writer.add_scalar(f"train/{name}", value, step)
        self._progress.update(self._task, completed=step, text=f"loss {values['loss']:.3f}")
        if self._progress.disable and step % PLAIN_EVERY == 0:
            self.say(f"step {step}/{self._settings.optimizer.steps} loss {values['loss']:.3f}")

    def scores(self, step: int, scores: dict[str, float | int]) -> None:
        """Validation scores."""
        if self._writer is None:
            return
        for name, value in scores.items():
            self._writer.add_scalar(f"validation/{name}", value, step)
        self._append_row({"step": step, **scores})
        shown = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
        self.say(f"step {step}: " + "  ".join(f"{name} {scores[name]:.1f}" for name in shown))

    def say(self, text: str) -> None:
        """One line above the progress bar."""
        self._console.print(text, highlight=False)

    def record_run(self, sources: list[tuple[AnnotatedData, float]]) -> None:
        """Write how this run can be repeated: settings, data fingerprint, versions."""
        if not self._is_main:
            return
        record = {
            "settings": self._settings.model_dump(mode="json"),
            "data": [fingerprint(data) for data, _ in sources],
            "python": sys.version,
            "machine": platform.platform(),
            "versions": {
                name: version(name) for name in ("trackformer", "torch", "transformers", "numpy")
            },
        }
        path = self._settings.output / "run.json"
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(record, indent=2), encoding="utf-8")

    def _append_row(self, row: dict[str, Any]) -> None:
        path: Path = self._settings.output / "validation.csv"
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)


def fingerprint(data: AnnotatedData) -> dict[str, Any]:
    """Counts and a hash of all annotations, to tell whether two runs saw the same data."""
    digest = hashlib.sha256()
    for sequence in data.sequences:
        digest.update(sequence.name.encode())
        for frame in sequence.frames:
            digest.update(frame.boxes_xyxy.tobytes() + frame.track_ids.tobytes())
    return {
        "sequences": len(data.sequences),
        "frames": sum(len(sequence.frames) for sequence in data.sequences),
        "objects": sum(
            len(frame.track_ids) for sequence in data.sequences for frame in sequence.frames
        ),
        "sha256": digest.hexdigest(),
    }
