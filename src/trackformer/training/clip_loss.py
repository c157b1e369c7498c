"""One clip through the model: frame after frame, and the loss over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from trackformer.devices import sent
from trackformer.models.trackformer import TrackFormer
from trackformer.training.losses.frame import ClipLossSettings, frame_loss, weighted
from trackformer.training.losses.identities import IdentityLoss
from trackformer.training.matching import match
from trackformer.training.queries.denoising import Denoiser, NoisyCopies, denoising_losses
from trackformer.training.queries.published_augmentation import GeneratorDraws, augment_as_published
from trackformer.training.queries.sampled_proposals import sample_proposals, sample_shown
from trackformer.training.queries.swapped_places import with_swapped_places
from trackformer.training.queries.track_queries import (
    CarriedObjects,
    as_batch,
    augment,
    carried_targets,
    carry,
    expecting,
    nothing_carried,
)
from trackformer.training.settings import TrackQuerySettings
from trackformer.training.watching.observation import ObservedFrame, Observer
from trackformer.types import (
    Clip,
    DecoderOutput,
    FrameFeatures,
    Images,
    ModelOutput,
    ProposalBoxes,
    Target,
    TrackQueries,
)


@dataclass(frozen=True, slots=True, eq=False)
class ClipLoss:
    """The loss of a clip, and what one wants to see of it while training."""

    total: Float[Tensor, ""]
    """Mean over the trained frames, to be minimised."""
    terms: dict[str, Float[Tensor, ""]]
    """Weighted parts of `total` and counts, detached."""


def _nobody_looks(_frame: ObservedFrame) -> None:
    pass


def clip_loss(  # noqa: PLR0913 - what is trained, on what, beside whom, and who looks
    model: TrackFormer,
    clip: Clip,
    settings: ClipLossSettings,
    generator: torch.Generator,
    mean_over_processes: Callable[[Tensor], Tensor],
    observe: Observer = _nobody_looks,
    denoiser: Denoiser | None = None,
    identities: IdentityLoss | None = None,
) -> ClipLoss:
    """Run the frames in order, each asked for the objects found in the one before.

    Args:
        model: In training mode.
        clip: A batch of clips.
        settings: See `ClipLossSettings`.
        generator: Of the track-query augmentation and of the proposals; on the CPU.
        mean_over_processes: Averages a count over all processes (the identity for one).
        observe: Called with every frame.
        denoiser: Adds noisy copies of objects and tracks.
        identities: Adds a loss that parts the embeddings of different people.
    """
    batch_size = len(clip.targets[0])
    motions = _draw_motions(batch_size, settings.track_queries, generator)
    is_shown = sample_shown(batch_size, settings.proposals, generator)
    carried: list[CarriedObjects] | None = None
    previous: FrameFeatures | None = None
    losses: list[Tensor] = []
    trained: list[ObservedFrame] = []
    terms: dict[str, Tensor] = {}
    last = len(clip.images) - 1
    first_trained = 0 if settings.track_queries.loss_frames == "all" else last
    for frame, (images, targets) in enumerate(zip(clip.images, clip.targets, strict=True)):
        is_trained = frame >= first_trained
        if carried is not None and clip.intervals is not None:
            elapsed = clip.intervals[frame].tolist()
            carried = [expecting(*each) for each in zip(carried, elapsed, strict=True)]
        queries, index = _asked(carried, targets, motions, settings.track_queries, generator)
        proposed = sample_proposals(targets, is_shown, settings.proposals, generator)
        # Without gradient, earlier frames are a given for this step (the paper's two frames).
        with torch.set_grad_enabled(is_trained or settings.track_queries.carry_gradient):
            copies = None
            if denoiser is not None and is_trained:
                copies = denoiser(model, queries, index, targets, generator)
            answer = _checkpointed if settings.checkpoint_frames else _answer
            output, beside = answer(model, images, queries, previous, copies, proposed)
        previous = _left_for_the_next(output, settings.track_queries)
        target_index = match(output, targets, index, settings.matching)
        observed = ObservedFrame(images, targets, queries, output, target_index)
        observe(observed)
        if is_trained:
            trained.append(observed)
            num_objects = _num_objects(targets, output, mean_over_processes)
            loss, parts = frame_loss(model, output, target_index, targets, num_objects, settings)
            if denoiser is not None:
                noisy = denoising_losses(beside, copies, targets, num_objects, settings.loss)
                loss = loss + denoiser.settings.weight * noisy.total(settings.loss)
                parts |= weighted("denoising", noisy, settings.loss, denoiser.settings.weight)
            losses.append(loss)
            for name, value in parts.items():
                terms[name] = terms.get(name, torch.zeros_like(value)) + value
        if frame < last:
            carried = _hand_over(
                carried, output, target_index[-1], clip.targets[frame:], settings, generator
            )
    mean = ClipLoss(
        total=torch.stack(losses).sum() / len(losses),
        terms={name: value / len(losses) for name, value in terms.items()},
    )
    return mean if identities is None else _with_identities(mean, identities, trained)


def _with_identities(
    loss: ClipLoss, identities: IdentityLoss, trained: Sequence[ObservedFrame]
) -> ClipLoss:
    """The loss with one more term, which is of whole clips and not of frames."""
    parting = identities.settings.weight * identities(trained)
    return ClipLoss(loss.total + parting, loss.terms | {"identities": parting.detach()})


def _asked(
    carried: list[CarriedObjects] | None,
    targets: Sequence[Target],
    motions: Float[Tensor, " B"],
    settings: TrackQuerySettings,
    generator: torch.Generator,
) -> tuple[TrackQueries | None, Int[Tensor, "B T"]]:
    """The track queries of a frame and the target each must predict."""
    if carried is None or all(len(rows.track_ids) == 0 for rows in carried):
        device = targets[0].boxes.device
        return None, torch.zeros((len(targets), 0), dtype=torch.long, device=device)
    asked = as_batch(carried, motions, settings.lost_motion)
    if settings.swap_rate > 0:
        asked = with_swapped_places(asked, settings.swap_rate, generator)
    return asked, carried_targets(carried, targets)


def _answer(
    model: TrackFormer,
    images: Images,
    queries: TrackQueries | None,
    previous: FrameFeatures | None,
    copies: NoisyCopies | None,
    proposed: ProposalBoxes | None,
) -> tuple[ModelOutput, DecoderOutput | None]:
    """The model's answer, and that to the noisy copies."""
    memory = model.encode(images, previous)
    if copies is None:
        return model.decode(memory, queries, proposed), None
    return model.decode_beside(memory, queries, copies.queries, proposed)


def _checkpointed(
    model: TrackFormer,
    images: Images,
    queries: TrackQueries | None,
    previous: FrameFeatures | None,
    copies: NoisyCopies | None,
    proposed: ProposalBoxes | None,
) -> tuple[ModelOutput, DecoderOutput | None]:
    """The same; the backward pass computes it again, with the same dropout, instead of storing."""
    if not torch.is_grad_enabled():
        return _answer(model, images, queries, previous, copies, proposed)
    again: tuple[ModelOutput, DecoderOutput | None] = checkpoint(
        _answer, model, images, queries, previous, copies, proposed, use_reentrant=False
    )
    return again


def _left_for_the_next(output: ModelOutput, settings: TrackQuerySettings) -> FrameFeatures | None:
    """What a model of two frames sees of this one: a given, unless gradients are carried."""
    frame = output.memory.frame
    return frame if frame is None or settings.carry_gradient else frame.detach()


def _hand_over(
    before: list[CarriedObjects] | None,
    output: ModelOutput,
    target_index: Int[Tensor, "B Q"],
    targets: Sequence[Sequence[Target]],
    settings: ClipLossSettings,
    generator: torch.Generator,
) -> list[CarriedObjects]:
    """What the next frame is asked for; `targets`: of this frame and all that follow."""
    asked = before or [nothing_carried(output.embeddings) for _ in targets[0]]
    tracks = settings.track_queries
    rows = [
        carry(
            _padded_like(asked[image], output.num_track_queries),
            output,
            image,
            target_index[image],
            target,
            tracks,
        )
        for image, target in enumerate(targets[0])
    ]
    if tracks.compatibility == "reference":
        return augment_as_published(
            rows,
            output,
            target_index,
            targets[1],
            tracks,
            GeneratorDraws(generator),
            adds_false_positives=len(targets) == 2,
        )
    return [
        augment(each, output, image, target_index[image], tracks, generator)
        for image, each in enumerate(rows)
    ]


def _num_objects(
    targets: Sequence[Target],
    output: ModelOutput,
    mean_over_processes: Callable[[Tensor], Tensor],
) -> float:
    """Objects in the batch, averaged over processes: many small batches equal a large one."""
    count = sum(len(target.labels) for target in targets)
    mean = mean_over_processes(sent(torch.tensor(float(count)), output.boxes.device))
    return max(float(mean), 1.0)


def _draw_motions(
    batch_size: int, settings: TrackQuerySettings, generator: torch.Generator
) -> Float[Tensor, " B"]:
    low, high = settings.motion
    if high == 0:
        return torch.zeros(batch_size)
    motions = low + (high - low) * torch.rand(batch_size, generator=generator)
    moves = torch.rand(batch_size, generator=generator) < settings.motion_rate
    return torch.where(moves, motions, 0.0)


def _padded_like(rows: CarriedObjects, num_rows: int) -> CarriedObjects:
    """Rows as the model was asked them: padded to the batch's number of track queries."""
    missing = num_rows - len(rows.track_ids)
    if missing == 0:
        return rows
    absent = rows.track_ids.new_full((missing,), -1)
    return CarriedObjects(
        track_ids=torch.cat([rows.track_ids, absent]),
        boxes=torch.cat([rows.boxes, rows.boxes.new_zeros((missing, 4))]),
        displacements=torch.cat([rows.displacements, rows.displacements.new_zeros((missing, 2))]),
        embeddings=torch.cat(
            [rows.embeddings, rows.embeddings.new_zeros((missing, rows.embeddings.shape[-1]))]
        ),
        frames_missed=torch.cat([rows.frames_missed, torch.zeros_like(absent)]),
        unseen_for=torch.cat([rows.unseen_for, rows.unseen_for.new_zeros(missing)]),
        elapsed=rows.elapsed,
    )
