"""A training run from settings to weights."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, Subset

from trackformer.checkpoints.classes import with_classes
from trackformer.checkpoints.load import load_model
from trackformer.checkpoints.model_files import save_model
from trackformer.data.annotations import AnnotatedData
from trackformer.data.clips import ClipDataset
from trackformer.data.read import read_annotations
from trackformer.errors import ConfigError, DataError
from trackformer.evaluation.model_scores import evaluate_model
from trackformer.evaluation.report import scores_by_published_name
from trackformer.models.build import build_model
from trackformer.models.trackformer import TrackFormer
from trackformer.training.clip_loss import ClipLoss, ClipLossSettings, clip_loss
from trackformer.training.optimizer import build_optimizer, build_schedule
from trackformer.training.progress import RunLog
from trackformer.training.run_state import RunState, load_state, save_state
from trackformer.training.settings import TrainingSettings
from trackformer.types import Clip


class ClipTrainer(nn.Module):
    """A model and its loss as one module, so that one forward pass is one step in any wrapper."""

    def __init__(self, model: TrackFormer, settings: ClipLossSettings) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.mean_over_processes = _identity

    def forward(self, clip: Clip, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The clip's loss and its parts."""
        loss: ClipLoss = clip_loss(
            self.model, clip, self.settings, generator, self.mean_over_processes
        )
        return loss.total, loss.terms


@dataclass(slots=True)
class Run:
    """The objects of a run; `step` and `best_score` are all that is not in one of them."""

    settings: TrainingSettings
    accelerator: Accelerator
    model: TrackFormer
    averaged: AveragedModel | None
    trainer: nn.Module
    optimizer: Any
    schedule: Any
    validation: AnnotatedData | None
    step: int = 0
    best_score: float | None = None
    stop_requested: bool = field(default=False)


def train(settings: TrainingSettings, *, resume: bool = False) -> Path:
    """Train until `settings.optimizer.steps`; returns the output folder.

    The folder holds `last.pt` (to resume), `last.safetensors`, `best.safetensors` (by validation),
    `run.json` (settings, versions, data) and TensorBoard curves. Ctrl-C and SIGTERM finish the
    current step and save; a killed process loses at most `save_every` steps.

    Raises:
        ConfigError, DataError, CheckpointError: Before the first step.
    """
    _refuse_to_overwrite(settings.output, resume=resume)
    sources = [(read_annotations(source.path), source.weight) for source in settings.sources]
    _check_classes(sources, settings)
    run = _build(settings)
    if resume:
        _restore(run, load_state(settings.output / "last.pt"))
    batches = _loader(sources, run)
    log = RunLog(settings, is_main=run.accelerator.is_main_process, first_step=run.step)
    with log, _stopping_gently(run):
        log.record_run(sources)
        for clip in batches:
            loss, terms, norm = _step(run, clip)
            log.step(run.step, loss, terms, norm, run.schedule.get_last_lr()[-1])
            is_last = run.step == settings.optimizer.steps
            if _is_due(run.step, settings.validation and settings.validation.every, is_last):
                _validate(run, log)
            if _is_due(run.step, settings.save_every, is_last) or run.stop_requested:
                _save(run)
            if run.stop_requested:
                log.say(f"stopped after step {run.step}; go on with --resume")
                break
    return settings.output


def _step(run: Run, clip: Clip) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """One optimizer step: forward, backward, clip, update, average."""
    settings = run.settings
    accelerator = run.accelerator
    # Seeded by the step: dropout and augmentation do not depend on what ran before a resume.
    seed = hash((settings.seed, run.step, accelerator.process_index)) % 2**63
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    run.model.train()
    with accelerator.autocast():
        loss, terms = run.trainer(clip.to(accelerator.device), generator)
    if not torch.isfinite(loss):
        raise DataError(
            f"step {run.step}: the loss is {float(loss)}; lower optimizer.learning_rate or "
            "check the annotations"
        )
    run.optimizer.zero_grad()
    accelerator.backward(loss)
    norm = accelerator.clip_grad_norm_(
        run.trainer.parameters(), settings.optimizer.max_gradient_norm
    )
    run.optimizer.step()
    run.schedule.step()
    if run.averaged is not None:
        run.averaged.update_parameters(run.model)
    run.step += 1
    return loss.detach(), terms, norm


def _build(settings: TrainingSettings) -> Run:
    accelerator = Accelerator(
        mixed_precision=settings.precision,
        # A batch without any track query leaves the carry projection unused.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    torch.manual_seed(settings.seed)
    model = _initial_model(settings).train().to(accelerator.device)
    _check_loss(model, settings)
    optimizer = build_optimizer(model, settings.optimizer)
    schedule = build_schedule(optimizer, settings.optimizer)
    decay = settings.optimizer.ema_decay
    averaged = (
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        if decay > 0
        else None
    )
    trainer = ClipTrainer(
        model, ClipLossSettings(settings.track_queries, settings.matching, settings.loss)
    )
    if accelerator.num_processes > 1:
        trainer.mean_over_processes = lambda count: accelerator.reduce(count, reduction="mean")
    prepared, optimizer = accelerator.prepare(trainer, optimizer)
    validation = None
    if settings.validation is not None:
        validation = read_annotations(settings.validation.path)
    return Run(settings, accelerator, model, averaged, prepared, optimizer, schedule, validation)


def _initial_model(settings: TrainingSettings) -> TrackFormer:
    if (settings.model is None) == (settings.initial is None):
        raise ConfigError("exactly one of model and initial must be set")
    changes: dict[str, Any] = {"tracker": settings.tracker.model_dump()}
    if settings.input is not None:
        changes["input"] = settings.input
    if settings.initial is not None:
        model = with_classes(load_model(settings.initial), settings.class_names)
    else:
        assert settings.model is not None
        model = build_model(
            settings.model.model_copy(update={"class_names": settings.class_names})
        )
    model.settings = model.settings.model_copy(update=changes)
    return model


def _check_loss(model: TrackFormer, settings: TrainingSettings) -> None:
    wants_softmax = settings.loss.classification == "cross_entropy"
    has_softmax = bool(model.detector.has_no_object_class)
    if wants_softmax != has_softmax:
        kind = "softmax with a no-object class" if has_softmax else "one sigmoid per class"
        fitting = "cross_entropy" if has_softmax else "focal or mal"
        raise ConfigError(
            f"loss.classification: the model has {kind}, expected {fitting}, "
            f"got {settings.loss.classification!r}"
        )


def _check_classes(
    sources: list[tuple[AnnotatedData, float]], settings: TrainingSettings
) -> None:
    for (data, _), source in zip(sources, settings.sources, strict=True):
        if data.class_names != settings.class_names:
            raise ConfigError(
                f"{source.path}: has classes {', '.join(data.class_names)}; "
                f"class_names are {', '.join(settings.class_names)}"
            )


def _loader(sources: list[tuple[AnnotatedData, float]], run: Run) -> DataLoader[Clip]:
    """This process' batches from the current step on: batch i goes to process i mod processes."""
    settings = run.settings
    processes = run.accelerator.num_processes
    batches: Dataset[Clip] = ClipDataset(
        sources,
        settings.batch_size,
        settings.clips,
        run.model.settings.input,
        settings.seed,
        settings.optimizer.steps * processes,
    )
    first = run.step * processes + run.accelerator.process_index
    mine = range(first, settings.optimizer.steps * processes, processes)
    return DataLoader(
        Subset(batches, mine),
        batch_size=None,
        num_workers=settings.workers,
        persistent_workers=False,
        prefetch_factor=2 if settings.workers else None,
        worker_init_fn=_quiet_worker,
    )


def _validate(run: Run, log: RunLog) -> None:
    """Score the averaged weights; keep them if they are the best so far."""
    if not run.accelerator.is_main_process:
        return
    model = _weights_to_keep(run)
    if run.validation is None or run.settings.validation is None:
        return
    model.eval()
    scores = scores_by_published_name(evaluate_model(model, run.validation).combined)
    log.scores(run.step, scores)
    score = float(scores[run.settings.validation.metric])
    if run.best_score is None or score > run.best_score:
        run.best_score = score
        save_model(model, run.settings.output / "best.safetensors", _notes(run, scores))


def _save(run: Run) -> None:
    if not run.accelerator.is_main_process:
        return
    state = RunState(
        step=run.step,
        model=run.model.state_dict(),
        averaged=None if run.averaged is None else run.averaged.state_dict(),
        optimizer=run.optimizer.state_dict(),
        schedule=run.schedule.state_dict(),
        best_score=run.best_score,
    )
    save_state(state, run.settings.output / "last.pt")
    save_model(_weights_to_keep(run), run.settings.output / "last.safetensors", _notes(run, {}))


def _restore(run: Run, state: RunState) -> None:
    run.model.load_state_dict(state.model)
    if run.averaged is not None and state.averaged is not None:
        run.averaged.load_state_dict(state.averaged)
    run.optimizer.load_state_dict(state.optimizer)
    run.schedule.load_state_dict(state.schedule)
    run.step = state.step
    run.best_score = state.best_score


def _weights_to_keep(run: Run) -> TrackFormer:
    return run.model if run.averaged is None else run.averaged.module


def _notes(run: Run, scores: dict[str, float | int]) -> dict[str, str]:
    notes = {"training": run.settings.model_dump_json(), "step": str(run.step)}
    return notes | {"scores": str(scores)} if scores else notes


def _is_due(step: int, every: int | None, is_last: bool) -> bool:  # noqa: FBT001
    return every is not None and (step % every == 0 or is_last)


def _refuse_to_overwrite(output: Path, *, resume: bool) -> None:
    if (output / "last.pt").exists() and not resume:
        raise ConfigError(
            f"{output}: holds a training run already; go on with --resume or choose another output"
        )


@contextmanager
def _stopping_gently(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the run to stop after the current step; a second one stops at once."""

    def request(number: int, _frame: Any) -> None:
        if run.stop_requested:
            raise KeyboardInterrupt
        run.stop_requested = True
        del number

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quiet_worker(_index: int) -> None:
    """Workers leave Ctrl-C to the main process, and leave the cores to it, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _identity(count: Tensor) -> Tensor:
    return count

