"""A training run from settings to weights."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch
from accelerate import Accelerator
from torch import Tensor

from trackformer.checkpoints.model_files import save_model
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.folder_lock import only_writer
from trackformer.last_resort import stop_signals
from trackformer.models.trackformer import TrackFormer
from trackformer.training.batch_size import FoundBatchSize, with_batch_size
from trackformer.training.build_run import (
    Run,
    build_loader,
    build_run,
    check_model_is_named,
)
from trackformer.training.run_state import RunState, load_state, save_state
from trackformer.training.settings import TrainingSettings
from trackformer.training.sources import read_sources
from trackformer.training.watching.look import Look
from trackformer.training.watching.observation import ObservedFrame
from trackformer.training.watching.progress import RunLog
from trackformer.training.watching.trackers import Trackers
from trackformer.types import Clip

RESUMABLE: Final = "; go on with --resume"


def train(settings: TrainingSettings, *, resume: bool = False) -> Path:
    """Train until `settings.optimizer.steps`; returns the output folder.

    The folder holds `last.pt` (to resume), `last.safetensors`, `best.safetensors` (by validation),
    `run.json` (settings, versions, data) and TensorBoard curves. Ctrl-C and SIGTERM finish the
    current step and save; a killed process loses at most `save_every` steps.

    Raises:
        ConfigError, DataError, CheckpointError: Before the first step.
    """
    _refuse_to_overwrite(settings.output, resume=resume)
    check_model_is_named(settings)
    sources, notes = read_sources(settings)
    run = build_run(settings)
    if resume:
        _restore(run, load_state(settings.output / "last.pt"))
    is_main = run.accelerator.is_main_process
    found = with_batch_size(run, sources, resume=resume)
    settings = run.settings = found.settings
    batches = build_loader(sources, run)
    log = RunLog(
        settings, Trackers(run.accelerator, settings), is_main=is_main, first_step=run.step
    )
    with _alone_in(settings.output, is_main=is_main), log, _stopping_gently(run):
        # Once more: another run may have ended since.
        _refuse_to_overwrite(settings.output, resume=resume or not is_main)
        log.say_what_is_left(_why_settled(run))
        log.record_run(sources, found.record)
        for note in (*_found_notes(found), *(f"note: {note}" for note in notes)):
            log.say(note)
        for clip in log.timed(batches):
            result = _step(run, clip)
            log.step(run.step, result.metrics)
            if run.is_due(settings.diagnostics.pictures_every):
                log.picture(run.step, result.frames, run.model)
            is_last = run.step == settings.optimizer.steps
            every = settings.validation.every if settings.validation is not None else None
            if every is not None and (is_last or run.step % every == 0):
                _validate(run, log)
            must_stop = _is_stop_requested(run)
            if is_last or run.step % settings.save_every == 0 or must_stop:
                _save(run)
            if must_stop:
                log.say(f"stopped after step {run.step}{_why_settled(run) or RESUMABLE}")
                break
        log.say(_kept(run))
    return settings.output


def _found_notes(found: FoundBatchSize) -> list[str]:
    if not found.record:
        return []
    return [f"batch_size: auto is {found.settings.batch_size}: {found.record['because']}"]


@dataclass(frozen=True, slots=True, eq=False)
class StepResult:
    """What a step leaves behind for the log."""

    metrics: dict[str, float]
    frames: list[ObservedFrame]
    """Empty where nobody wants to look at them."""


def _step(run: Run, clip: Clip) -> StepResult:
    """One optimizer step: forward, backward, clip, update, average."""
    settings = run.settings
    accelerator = run.accelerator
    # Seeded by the step: dropout and augmentation do not depend on what ran before a resume.
    seed = hash((settings.seed, run.step, accelerator.process_index)) % 2**63
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    run.model.train()
    look = Look(run)
    with accelerator.autocast():
        loss, terms = run.trainer(clip.to(accelerator.device), generator, look.observe)
    metrics = _means_over_processes({"loss": loss.detach(), **terms}, accelerator)
    if not math.isfinite(metrics["loss"]):
        raise DataError(
            f"step {run.step}: the loss is {metrics['loss']}; lower "
            "optimizer.learning_rate or check the annotations"
        )
    run.optimizer.zero_grad()
    accelerator.backward(loss)
    look.at_gradients()
    norm = accelerator.clip_grad_norm_(
        run.trainer.parameters(), settings.optimizer.max_gradient_norm
    )
    metrics |= {"gradient_norm": float(norm), "learning_rate": run.schedule.get_last_lr()[-1]}
    run.optimizer.step()
    run.schedule.step()
    if run.averaged is not None:
        run.averaged.update_parameters(run.model)
    run.step += 1
    return StepResult(metrics | look.numbers(), look.frames)


def _means_over_processes(values: dict[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Every process sees the same numbers, and so all stop where one has an infinite loss."""
    means = accelerator.reduce(torch.stack(list(values.values())), reduction="mean")
    return dict(zip(values, means.tolist(), strict=True))


def _is_stop_requested(run: Run) -> bool:
    """Whether any process was asked to stop: all must, or the others wait for it forever."""
    wants = float(run.stop_requested or run.is_settled)
    asked = torch.tensor(wants, device=run.accelerator.device)
    return bool(run.accelerator.reduce(asked, reduction="sum") > 0)


def _validate(run: Run, log: RunLog) -> None:
    """Score the averaged weights; keep them if they are the best so far."""
    if run.validation is None or not run.accelerator.is_main_process:
        return
    model = _weights_to_keep(run).eval()
    scores = run.validation.scores(model)
    log.scores(run.step, scores)
    score = float(scores[run.validation.metric])
    run.evaluations_since_best += 1
    if run.best_score is None or score > run.best_score:
        run.best_score, run.evaluations_since_best = score, 0
        save_model(model, run.settings.output / "best.safetensors", _notes(run, scores))


def _why_settled(run: Run) -> str:
    """Empty for a run that may go on."""
    if run.validation is None or not run.is_settled:
        return ""
    count, metric = run.evaluations_since_best, run.validation.metric
    return f": no better {metric} in {count} evaluations"


def _kept(run: Run) -> str:
    """Which weights to go on with, and why."""
    if run.validation is None or run.best_score is None:
        return str(run.settings.output / "last.safetensors")
    best = run.settings.output / "best.safetensors"
    return f"best {run.validation.metric} {run.best_score:.1f}: {best}"


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
        evaluations_since_best=run.evaluations_since_best,
        denoiser=None if run.denoiser is None else run.denoiser.state_dict(),
        identities=None if run.identities is None else run.identities.state_dict(),
    )
    save_state(state, run.settings.output / "last.pt")
    save_model(_weights_to_keep(run), run.settings.output / "last.safetensors", _notes(run, {}))


def _restore(run: Run, state: RunState) -> None:
    try:
        run.model.load_state_dict(state.model)
        if run.averaged is not None and state.averaged is not None:
            run.averaged.load_state_dict(state.averaged)
        if run.denoiser is not None and state.denoiser is not None:
            run.denoiser.load_state_dict(state.denoiser)
        if run.identities is not None and state.identities is not None:
            run.identities.load_state_dict(state.identities)
        run.optimizer.load_state_dict(state.optimizer)
        run.schedule.load_state_dict(state.schedule)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{run.settings.output}: the interrupted run had another model or other parameter "
            f"groups than these settings: {_first_difference(error)}"
        ) from error
    run.step = state.step
    run.best_score = state.best_score
    run.evaluations_since_best = state.evaluations_since_best


def _first_difference(error: Exception) -> str:
    """The first of the tensors that do not fit, of which torch names one a line."""
    heading, *differences = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not differences:
        return heading
    more = f", and {len(differences) - 1} more" if len(differences) > 1 else ""
    return differences[0].rstrip(". ") + more


def _weights_to_keep(run: Run) -> TrackFormer:
    # The cast: AveragedModel does not say that its module is a copy of ours.
    return run.model if run.averaged is None else cast(TrackFormer, run.averaged.module)


def _notes(run: Run, scores: dict[str, float | int]) -> dict[str, str]:
    notes = {"training": run.settings.model_dump_json(), "step": str(run.step)}
    return notes | {"scores": str(scores)} if scores else notes


def _refuse_to_overwrite(output: Path, *, resume: bool) -> None:
    if (output / "last.pt").exists() and not resume:
        raise ConfigError(
            f"{output}: holds a training run already; go on with --resume or choose another output"
        )


def _alone_in(output: Path, *, is_main: bool) -> AbstractContextManager[None]:
    """Of the processes of a run only one writes."""
    return only_writer(output) if is_main else nullcontext()


@contextmanager
def _stopping_gently(run: Run) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end the run after the current step; a second one at once."""

    def request(_number: int, _frame: Any) -> None:
        if run.stop_requested:
            raise KeyboardInterrupt
        run.stop_requested = True

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, *stop_signals())}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
