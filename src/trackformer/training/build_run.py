"""What a training run consists of, built from its settings."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, Subset

from trackformer.checkpoints.classes import with_classes
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.published.imagenet import load_imagenet
from trackformer.data.annotations import AnnotatedData
from trackformer.data.clips.draw import BatchShare, ClipDataset
from trackformer.errors import ConfigError
from trackformer.evaluation.trials.validation import Validation, read_validation
from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.trackformer import TrackFormer
from trackformer.training.clip_loss import ClipLoss, clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.losses.identities import IdentityLoss
from trackformer.training.optimizer import build_optimizer, build_schedule
from trackformer.training.queries.denoising import Denoiser
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.observation import Observer
from trackformer.training.watching.trackers import other_trackers
from trackformer.types import Clip


class ClipTrainer(nn.Module):
    """A model and its loss as one module, so that one forward pass is one step in any wrapper."""

    def __init__(
        self,
        model: TrackFormer,
        settings: ClipLossSettings,
        denoiser: Denoiser | None,
        identities: IdentityLoss | None,
    ) -> None:
        super().__init__()
        self.model = model
        self.denoiser = denoiser
        self.identities = identities
        self.settings = settings
        self.mean_over_processes = _identity

    def forward(
        self, clip: Clip, generator: torch.Generator, observe: Observer
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The clip's loss and its parts."""
        loss: ClipLoss = clip_loss(
            self.model,
            clip,
            self.settings,
            generator,
            self.mean_over_processes,
            observe,
            self.denoiser,
            self.identities,
        )
        return loss.total, loss.terms


@dataclass(slots=True)
class Run:
    """The objects of a run; only `step` and what is known of scores are in none of them."""

    settings: TrainingSettings
    accelerator: Accelerator
    model: TrackFormer
    averaged: AveragedModel | None
    denoiser: Denoiser | None
    identities: IdentityLoss | None
    trainer: nn.Module
    optimizer: Any
    schedule: Any
    validation: Validation | None
    step: int = 0
    best_score: float | None = None
    evaluations_since_best: int = 0
    stop_requested: bool = field(default=False)

    @property
    def is_settled(self) -> bool:
        """Whether no score was better for as long as `validation.patience` allows."""
        wanted = self.settings.validation
        patience = None if wanted is None else wanted.patience
        return patience is not None and self.evaluations_since_best >= patience

    def is_due(self, every: int) -> bool:
        """Whether the step just done is one of every so many; 0: never."""
        return every > 0 and self.step % every == 0


def build_run(settings: TrainingSettings) -> Run:
    """The model, optimizer, schedule and average of a run at step 0.

    Raises:
        ConfigError, CheckpointError, DataError: The settings do not fit each other, or what they
            name cannot be read.
    """
    accelerator = Accelerator(
        mixed_precision=settings.precision,
        log_with=other_trackers(settings) or None,
        # A batch without any track query leaves the carry projection unused.
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=True),
            # The main process validates alone, and the others wait.
            InitProcessGroupKwargs(timeout=timedelta(hours=6)),
        ],
    )
    torch.manual_seed(settings.seed)
    model = _initial_model(settings).train().to(accelerator.device)
    _check_loss(model, settings)
    denoiser = _build_denoiser(model, settings)
    identities = None
    if settings.identities.weight > 0:
        identities = IdentityLoss(settings.identities, model.embedding_size).to(model.device)
    if settings.proposals.rate > 0:
        _check_places(model, "proposals")
    decay = settings.optimizer.ema_decay
    averaged = None
    if decay > 0:
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
    trainer = ClipTrainer(
        model,
        ClipLossSettings(
            settings.track_queries,
            settings.matching,
            settings.loss,
            settings.checkpoint_frames,
            settings.proposals,
        ),
        denoiser,
        identities,
    )
    if accelerator.num_processes > 1:
        trainer.mean_over_processes = lambda count: accelerator.reduce(count, reduction="mean")
    optimizer = build_optimizer(trainer, settings.optimizer)
    schedule = build_schedule(optimizer, settings.optimizer)
    prepared, optimizer = accelerator.prepare(trainer, optimizer)
    validation = None
    if settings.validation is not None:
        wanted = settings.validation
        validation = read_validation(
            wanted.path,
            wanted.format,
            settings.class_names,
            wanted.metric,
            wanted.image_folders,
            wanted.classes,
        )
    return Run(
        settings=settings,
        accelerator=accelerator,
        model=model,
        averaged=averaged,
        denoiser=denoiser,
        identities=identities,
        trainer=prepared,
        optimizer=optimizer,
        schedule=schedule,
        validation=validation,
    )


def _initial_model(settings: TrainingSettings) -> TrackFormer:
    if settings.initial is not None:
        model = with_classes(load_weights(settings.initial), settings.class_names)
    else:
        assert settings.model is not None
        model = build_model(settings.model.model_copy(update={"class_names": settings.class_names}))
        load_imagenet(model)
    # What is not given stays as it came with the initial weights.
    given = settings.tracker.model_dump(exclude_unset=True)
    changes: dict[str, Any] = {
        "tracker": settings.tracker.model_dump() | model.settings.tracker | given
    }
    if settings.input is not None:
        changes["input"] = _resized_input(model.settings.input, settings.input)
    model.settings = model.settings.model_copy(update=changes)
    return model


def _resized_input(stored: InputSettings, given: InputSettings) -> InputSettings:
    """The given size; the scale of values stays as the weights know it, unless it is given, too."""
    kept = stored.model_dump(include={"multiple_of", "rounding", "resampling", "mean", "std"})
    return InputSettings.model_validate(kept | given.model_dump(exclude_unset=True))


def _build_denoiser(model: TrackFormer, settings: TrainingSettings) -> Denoiser | None:
    wanted = settings.denoising
    if wanted.object_groups == 0 and wanted.track_groups == 0:
        return None
    _check_places(model, "denoising")
    denoiser = Denoiser(wanted, len(settings.class_names), model.embedding_size)
    return denoiser.to(model.device)


def _check_places(model: TrackFormer, setting: str) -> None:
    if model.settings.detector.kind == "detr":
        raise ConfigError(
            f"{setting}: expected a model whose queries start from a place (deformable_detr or "
            "hugging_face), got detr"
        )


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


def build_loader(sources: list[tuple[AnnotatedData, float]], run: Run) -> DataLoader[Clip]:
    """This process' share of the batches from the current step on; none of a settled run."""
    settings = run.settings
    assert settings.batch_size != "auto", "resolved before"
    batches: Dataset[Clip] = ClipDataset(
        sources,
        settings.batch_size,
        settings.clips,
        run.model.settings.input,
        settings.seed,
        settings.optimizer.steps,
        BatchShare(run.accelerator.process_index, run.accelerator.num_processes),
        with_masks=run.model.predicts_masks,
    )
    last = run.step if run.is_settled else settings.optimizer.steps
    return DataLoader(
        Subset(batches, range(run.step, last)),
        batch_size=None,
        num_workers=settings.workers,
        persistent_workers=False,
        prefetch_factor=2 if settings.workers else None,
        worker_init_fn=_quiet_worker,
        # A GPU then fetches a batch by itself, while the one before is still worked on.
        pin_memory=run.accelerator.device.type == "cuda",
    )


def leave_other_processes() -> None:
    """Say goodbye where several processes trained together; at the end of the program."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def check_model_is_named(settings: TrainingSettings) -> None:
    """Refuse settings with both or neither of `model` and `initial`."""
    if (settings.model is None) == (settings.initial is None):
        got = "neither" if settings.model is None else "both"
        raise ConfigError(f"expected exactly one of the settings model and initial, got {got}")


def _quiet_worker(_index: int) -> None:
    """Workers leave Ctrl-C to the main process, and leave the cores to it, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _identity(count: Tensor) -> Tensor:
    return count
