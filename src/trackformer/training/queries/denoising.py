"""Noisy copies of objects and of track queries that the decoder must put right.

DN-DETR (Li et al. 2022) for objects, and the same idea for tracks. Which object a copy is of is
known, so they train the decoder without the matching. They exist in training only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trackformer.devices import sent
from trackformer.models.trackformer import TrackFormer
from trackformer.training.losses.set_prediction import (
    SetLosses,
    padded_targets,
    set_prediction_loss,
)
from trackformer.training.queries.box_noise import shaken
from trackformer.training.settings import DenoisingSettings, LossSettings
from trackformer.types import PADDING, DecoderOutput, DecoderQueries, Target, TrackQueries


@dataclass(frozen=True, slots=True, eq=False)
class NoisyCopies:
    """E queries beside those of a frame, copies of track queries first, and what they must find."""

    queries: DecoderQueries
    target_index: Int[Tensor, "B E"]
    num_of_tracks: int
    """How many are copies of track queries."""
    num_groups: int


class Denoiser(nn.Module):
    """Makes the copies; its only weights are the contents of objects' copies, one per class.

    Args:
        settings: How many copies, how noisy.
        num_classes: Without 'no object'.
        embedding_size: C.
    """

    def __init__(self, settings: DenoisingSettings, num_classes: int, embedding_size: int) -> None:
        super().__init__()
        self.settings = settings
        self.class_contents = (
            nn.Embedding(num_classes, embedding_size) if settings.object_groups > 0 else None
        )

    def forward(
        self,
        model: TrackFormer,
        tracks: TrackQueries | None,
        carried: Int[Tensor, "B T"],
        targets: Sequence[Target],
        generator: torch.Generator,
    ) -> NoisyCopies | None:
        """Copies for one frame; None where there is nothing to copy.

        Args:
            model: Whose decoder they are for.
            tracks: The frame's track queries.
            carried: The target of each.
            targets: The frame's objects.
            generator: On the CPU.
        """
        parts = []
        if tracks is not None and self.settings.track_groups > 0:
            parts.append(self._copies_of_tracks(model, tracks, carried, generator))
        num_of_tracks = sum(part.index.shape[1] for part in parts)
        if self.class_contents is not None and any(len(target.labels) for target in targets):
            parts.append(self._copies_of_objects(self.class_contents, targets, generator))
        if not parts:
            return None
        content, boxes, index, groups = (
            torch.cat([getattr(part, name) for part in parts], dim=1) for name in _Part.__slots__
        )
        is_padding = index == PADDING
        queries = DecoderQueries(
            content=content,
            position=torch.zeros_like(content),
            reference=boxes,
            is_padding=is_padding,
            # A group of padding alone would have nothing to attend to.
            groups=groups.masked_fill(is_padding, 0),
        )
        num_groups = self.settings.track_groups + self.settings.object_groups
        return NoisyCopies(queries, index, num_of_tracks, num_groups)

    def _copies_of_tracks(
        self,
        model: TrackFormer,
        tracks: TrackQueries,
        carried: Int[Tensor, "B T"],
        generator: torch.Generator,
    ) -> _Part:
        num_groups = self.settings.track_groups
        embeddings = tracks.embeddings.repeat(1, num_groups, 1)
        size = embeddings.detach().square().mean(-1, keepdim=True).sqrt()
        noise = sent(torch.randn(embeddings.shape, generator=generator), embeddings.device)
        noisy = embeddings + self.settings.embedding_noise * size * noise.to(embeddings.dtype)
        return _Part(
            model.as_content(noisy),
            shaken(tracks.boxes.repeat(1, num_groups, 1), self.settings.box_noise, generator),
            carried.repeat(1, num_groups),
            _groups(carried, num_groups, first=1),
        )

    def _copies_of_objects(
        self, class_contents: nn.Embedding, targets: Sequence[Target], generator: torch.Generator
    ) -> _Part:
        num_groups = self.settings.object_groups
        boxes, labels = padded_targets(targets, class_contents.weight)
        counts = sent(torch.tensor([len(target.labels) for target in targets]), labels.device)
        rows = torch.arange(labels.shape[1], device=labels.device).expand_as(labels)
        index = torch.where(rows < counts[:, None], rows, PADDING).repeat(1, num_groups)
        labels = labels.repeat(1, num_groups)
        wrong = torch.randint(class_contents.num_embeddings, labels.shape, generator=generator)
        is_wrong = torch.rand(labels.shape, generator=generator) < self.settings.label_noise
        shown = torch.where(sent(is_wrong, labels.device), sent(wrong, labels.device), labels)
        first = self.settings.track_groups + 1
        return _Part(
            class_contents(shown),
            shaken(boxes.repeat(1, num_groups, 1), self.settings.box_noise, generator),
            index,
            _groups(rows, num_groups, first),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The copies of one kind."""

    content: Float[Tensor, "B E C"]
    boxes: Float[Tensor, "B E 4"]
    index: Int[Tensor, "B E"]
    groups: Int[Tensor, "B E"]


def denoising_losses(
    answer: DecoderOutput | None,
    copies: NoisyCopies | None,
    targets: Sequence[Target],
    num_objects: float,
    settings: LossSettings,
) -> SetLosses:
    """The set prediction loss of the copies, per object and group, over all decoder layers.

    Zero where there are none.
    """
    if answer is None or copies is None:
        nothing = targets[0].boxes.new_zeros(())
        return SetLosses(nothing, nothing, nothing)
    index = copies.target_index.expand(len(answer.boxes), -1, -1)
    return set_prediction_loss(
        answer.class_logits,
        answer.boxes,
        index,
        targets,
        num_objects * copies.num_groups,
        settings,
        copies.num_of_tracks,
    )


def _groups(rows: Int[Tensor, "B T"], num_groups: int, first: int) -> Int[Tensor, "B E"]:
    """The group of each copy: all rows of the first one, then all of the next."""
    groups = torch.arange(first, first + num_groups, device=rows.device)
    return groups.repeat_interleave(rows.shape[1]).expand(len(rows), -1)
