"""What one sees of a run: a progress bar, TensorBoard, CSVs, pictures, and how it was made."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
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
from torch.utils.tensorboard import SummaryWriter

from trackformer.atomic_files import atomic_path
from trackformer.data.annotations import AnnotatedData
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracker import settings_for
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import MetricsFile
from trackformer.training.watching.observation import ObservedFrame
from trackformer.training.watching.sample_frames import draw_frames, write_picture
from trackformer.training.watching.trackers import OWN, Trackers
from trackformer.types import Clip

SHOWN = (
    "HOTA",
    "DetA",
    "AssA",
    "MOTA",
    "IDF1",
    "IDSW",
    "AP",
    "AP50",
    "AP75",
    "AP_S",
    "AP_M",
    "AP_L",
)
"""Validation scores that are printed: of tracks, or of detections."""
PLAIN_EVERY_S = 60.0
"""Seconds between lines when the output is a file, where a bar would be noise."""


class RunLog:
    """Writes the log of one run; silent in all processes but the main one."""

    def __init__(
        self, settings: TrainingSettings, trackers: Trackers, *, is_main: bool, first_step: int
    ) -> None:
        self._settings = settings
        self._trackers = trackers
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
        self._arrived = time.perf_counter()
        self._data_seconds = 0.0
        self._said_at = self._began_at = time.monotonic()

    def __enter__(self) -> RunLog:
        if self._is_main:
            output = self._settings.output
            output.mkdir(parents=True, exist_ok=True)
            self._metrics = MetricsFile(output / "metrics.csv", self._first_step)
            self._validation = MetricsFile(output / "validation.csv", self._first_step)
            if OWN in self._settings.log:
                self._writer = SummaryWriter(str(output), purge_step=self._first_step + 1)
        self._trackers.start()
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
        self._trackers.finish()
        if self._writer is not None:
            self._writer.close()

    def timed(self, batches: Iterable[Clip]) -> Iterator[Clip]:
        """The same batches; how long each was waited for becomes a number of its step."""
        started = time.perf_counter()
        for clip in batches:
            self._arrived = time.perf_counter()
            self._data_seconds = self._arrived - started
            yield clip
            started = time.perf_counter()

    def step(self, step: int, metrics: dict[str, float]) -> None:
        """One optimizer step."""
        if not self._is_main or self._task is None:
            return
        seconds = time.perf_counter() - self._arrived
        metrics = metrics | {"data_seconds": self._data_seconds, "step_seconds": seconds}
        self._curves("train", step, metrics)
        self._metrics.append({"step": step, **metrics})
        self._progress.update(self._task, completed=step, text=f"loss {metrics['loss']:.3f}")
        if self._progress.disable:
            self._say_now_and_then(step, metrics)

    def _say_now_and_then(self, step: int, metrics: dict[str, float]) -> None:
        """The first step tells that it works, the last one how it ended."""
        steps = self._settings.optimizer.steps
        is_due = time.monotonic() - self._said_at >= PLAIN_EVERY_S
        if is_due or step in (self._first_step + 1, steps):
            self._said_at = time.monotonic()
            pace = (self._said_at - self._began_at) / (step - self._first_step)
            self.say(
                f"step {step}/{steps} loss {metrics['loss']:.3f} "
                f"rate {metrics['learning_rate']:.1e} {pace:.2f} s a step, "
                f"{timedelta(seconds=round(pace * (steps - step)))} left"
            )

    def picture(self, step: int, frames: list[ObservedFrame], model: TrackFormer) -> None:
        """A clip with its targets and the model's answers."""
        if not self._is_main:
            return
        pixels = draw_frames(frames, model.settings.input, settings_for(model))
        write_picture(pixels, self._settings.output / "samples" / f"step_{step:07}.jpg")
        if self._writer is not None:
            self._writer.add_image("sample", pixels, step, dataformats="HWC")

    def scores(self, step: int, scores: dict[str, float | int]) -> None:
        """Validation scores."""
        if not self._is_main:
            return
        self._curves("validation", step, scores)
        self._validation.append({"step": step, **scores})
        shown = [f"{name} {scores[name]:.1f}" for name in SHOWN if name in scores]
        self.say(f"step {step}: " + "  ".join(shown))

    def _curves(self, part: str, step: int, numbers: Mapping[str, float | int]) -> None:
        if self._writer is not None:
            for name, value in numbers.items():
                self._writer.add_scalar(f"{part}/{name}", value, step)
        self._trackers.log(part, step, numbers)

    def say_what_is_left(self, why_settled: str) -> None:
        """Nothing, where a run that is resumed had come to its end, or had settled before."""
        if self._first_step >= self._settings.optimizer.steps:
            done = f"all {self._first_step} steps are done"
            self.say(f"{self._settings.output}: nothing left to do, {done}")
        elif why_settled:
            done = f"stopped after step {self._first_step}{why_settled}"
            self.say(f"{self._settings.output}: nothing left to do, {done} (validation.patience)")

    def say(self, text: str) -> None:
        """One line above the progress bar."""
        # Not broken into lines: paths in it are copied.
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def record_run(
        self, sources: list[tuple[AnnotatedData, float]], found: Mapping[str, Any]
    ) -> None:
        """Write how this run can be repeated: settings and what was found of them, data, versions.

        Args:
            sources: The data.
            found: How a setting `auto` came to its value; empty: none was.
        """
        if not self._is_main:
            return
        record = {
            "settings": self._settings.model_dump(mode="json"),
            **({"found_batch_size": dict(found)} if found else {}),
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


def fingerprint(data: AnnotatedData) -> dict[str, Any]:
    """Counts and a hash of all annotations, to tell whether two runs saw the same data.

    Of scenes drawn on demand: a hash of their settings; their objects are not counted.
    """
    digest = hashlib.sha256()
    for sequence in data.sequences:
        digest.update(sequence.name.encode())
        if not isinstance(sequence.frames, tuple):
            # Drawn on demand by settings that say all; drawing them here would take minutes.
            digest.update(repr(sequence.frames).encode())
            continue
        for frame in sequence.frames:
            digest.update(frame.boxes_xyxy.tobytes() + frame.track_ids.tobytes())
    return {
        "sequences": len(data.sequences),
        "frames": sum(len(sequence.frames) for sequence in data.sequences),
        "objects": sum(
            len(frame.track_ids)
            for sequence in data.sequences
            if isinstance(sequence.frames, tuple)
            for frame in sequence.frames
        ),
        "sha256": digest.hexdigest(),
    }
