"""How many clips of a step fit into memory, found by trying."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from trackformer.data.annotations import AnnotatedData
from trackformer.data.clips.draw import ClipDataset
from trackformer.data.clips.settings import ClipSettings
from trackformer.errors import ConfigError
from trackformer.training.build_run import ClipTrainer, Run
from trackformer.training.optimizer import build_optimizer
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.observation import ObservedFrame

LARGEST: Final = 64
LARGEST_ON_PROCESSOR: Final = 16
"""Clips: more are not tried. Larger batches are slower to learn from, and a processor is no faster
with them."""
SHARE_OF_DEVICE: Final = 0.9
SHARE_OF_HOST: Final = 0.5
"""Of what is free at the beginning. On a processor the workers' frames lie in the same memory, and
running out of it does not raise an error: the system ends a process."""
SAMPLED_EVERY_S: Final = 0.005

Attempt = Callable[[int], int]
"""Takes a step with that many clips and says how many bytes it took; raises torch's error where
there were not enough."""


@dataclass(frozen=True, slots=True)
class FoundBatchSize:
    """Settings with a number, and how it was found; `record` is empty if it was given."""

    settings: TrainingSettings
    record: dict[str, Any]


def with_batch_size(
    run: Run, sources: list[tuple[AnnotatedData, float]], *, resume: bool
) -> FoundBatchSize:
    """The run's settings with `batch_size: auto` replaced by what fits; the same in all processes.

    Raises:
        ConfigError: Not even one clip fits.
    """
    settings = run.settings
    if settings.batch_size != "auto":
        return FoundBatchSize(settings, {})
    record = _found_before(settings.output / "run.json") if resume else None
    if record is None:
        # Once: a process may keep what an attempt has freed.
        before = _taken_bytes(run.accelerator.device)
        is_cuda = run.accelerator.device.type == "cuda"
        record = find_batch_size(
            lambda clips: _take_step(run, sources, clips) - before,
            _free_bytes(run),
            LARGEST if is_cuda else LARGEST_ON_PROCESSOR,
        )
        sizes = torch.tensor([record["clips"]], device=run.accelerator.device)
        record["clips"] = int(run.accelerator.gather(sizes).min())
    return FoundBatchSize(settings.model_copy(update={"batch_size": record["clips"]}), record)


def find_batch_size(attempt: Attempt, free_bytes: int, largest: int = LARGEST) -> dict[str, Any]:
    """Double the clips of a step for as long as they fit.

    A size is only tried if twice the bytes of the one before are free.

    Args:
        attempt: See `Attempt`.
        free_bytes: That a step may take.
        largest: No more clips are tried.

    Returns:
        `clips`: the largest that fits; `megabytes` by number of clips tried; `because`: in words.

    Raises:
        ConfigError: Not even one clip fits.
    """
    megabytes: dict[str, float] = {}
    free = f"{free_bytes / 2**20:.0f} MB may be taken"
    found, because = 0, f"no more than {largest} are tried"
    clips = 1
    while clips <= largest:
        try:
            used = attempt(clips)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            because = f"{clips} did not fit into memory"
            break
        megabytes[str(clips)] = round(used / 2**20, 1)
        if used > free_bytes:
            because = f"{clips} took {used / 2**20:.0f} MB, and {free}"
            break
        found, clips = clips, 2 * clips
        if 2 * used > free_bytes:
            because = f"{clips} would take about {2 * used / 2**20:.0f} MB, and {free}"
            break
    if found == 0:
        raise ConfigError(
            f"batch_size: expected memory for a clip at least; {because}; lower clips.canvas or "
            "clips.length, or set checkpoint_frames"
        )
    return {"clips": found, "megabytes": megabytes, "because": because}


def _found_before(path: Path) -> dict[str, Any] | None:
    """What the run that is resumed had found; None: it had been given a number, or no record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))["found_batch_size"]
        return dict(record) if int(record["clips"]) > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _take_step(run: Run, sources: list[tuple[AnnotatedData, float]], clips: int) -> int:
    """A whole step on a copy of what is trained; the most bytes that this process then took.

    Gradients and the optimizer's state count, too. The run itself stays as it was, so that it goes
    on as if the number had been given.
    """
    settings = run.settings
    trainer: ClipTrainer = copy.deepcopy(run.accelerator.unwrap_model(run.trainer))
    trainer.mean_over_processes = _identity  # each process tries alone
    optimizer = build_optimizer(trainer, settings.optimizer)
    batches = ClipDataset(
        sources,
        clips,
        _longest(settings.clips, settings.optimizer.steps),
        run.model.settings.input,
        settings.seed,
        num_batches=1,
        with_masks=run.model.predicts_masks,
    )
    clip, device = batches[0], run.accelerator.device
    try:
        with _peak(device) as peak:
            torch.manual_seed(settings.seed)
            generator = torch.Generator().manual_seed(settings.seed)
            with run.accelerator.autocast():
                loss, _ = trainer(clip.to(device), generator, _nobody_looks)
            loss.backward()
            optimizer.step()
    finally:
        del trainer, optimizer
        clear_device_cache(garbage_collection=True)
    return peak.num_bytes


def _longest(settings: ClipSettings, steps: int) -> ClipSettings:
    """Clips as long as any of the run's."""
    most = max(settings.length_at(step)[1] for step in range(steps))
    return settings.model_copy(update={"length": (most, most), "length_schedule": ()})


def _free_bytes(run: Run) -> int:
    device = run.accelerator.device
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(SHARE_OF_DEVICE * (free + torch.cuda.memory_reserved(device)))
    return int(SHARE_OF_HOST * min(psutil.virtual_memory().available, _container_bytes()))


def _container_bytes() -> float:
    """What a container (cgroup v2) may still take; the system's own count knows nothing of it."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text())
        return limit - int((folder / "memory.current").read_text())
    except (OSError, ValueError):
        # ValueError: "max", no limit.
        return float("inf")


@dataclass(slots=True)
class _Peak:
    num_bytes: int = 0


@contextmanager
def _peak(device: torch.device) -> Iterator[_Peak]:
    """The most bytes that were taken while it was open."""
    peak = _Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.num_bytes = torch.cuda.max_memory_allocated(device)
        return
    done = threading.Event()

    def watch() -> None:
        # Not the kernel's highest mark, which begins with that of the program's start.
        while not done.wait(SAMPLED_EVERY_S):
            peak.num_bytes = max(peak.num_bytes, _taken_bytes(device))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
    peak.num_bytes = max(peak.num_bytes, _taken_bytes(device))


def _taken_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def _identity(count: torch.Tensor) -> torch.Tensor:
    return count


def _nobody_looks(_frame: ObservedFrame) -> None:
    pass
