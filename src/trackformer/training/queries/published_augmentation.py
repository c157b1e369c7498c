"""Which track queries the published TrackFormer keeps, drops and adds, defects included.

Nothing here is better than `track_queries.augment`; it is what published weights were trained with
(docs/compatibility.md lists the differences).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.boxes import sanitise
from trackformer.training.queries.track_queries import (
    CarriedObjects,
    false_positives,
    joined,
    select_carried,
)
from trackformer.training.settings import TrackQuerySettings
from trackformer.types import ModelOutput, Target


@runtime_checkable
class Draws(Protocol):
    """Where random numbers come from: a generator, or a recording."""

    def whole(self, end: int) -> int:
        """One of 0 .. `end` - 1, all alike."""

    def order(self, count: int) -> list[int]:
        """0 .. `count` - 1 in random order."""

    def weighted(self, weights: Float[Tensor, " A"]) -> int:
        """A row, likelier the larger its weight."""


class GeneratorDraws:
    """The calls of the published code, in its order, from a generator on the CPU."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def whole(self, end: int) -> int:
        """`torch.randint`."""
        return int(torch.randint(end, (1,), generator=self._generator))

    def order(self, count: int) -> list[int]:
        """`torch.randperm`."""
        return [int(row) for row in torch.randperm(count, generator=self._generator)]

    def weighted(self, weights: Float[Tensor, " A"]) -> int:
        """`torch.multinomial`."""
        return int(torch.multinomial(weights.cpu(), 1, generator=self._generator))


def augment_as_published(  # noqa: PLR0913 - a batch's frame, the next one's objects, and chance
    carried: Sequence[CarriedObjects],
    output: ModelOutput,
    target_index: Int[Tensor, "B Q"],
    next_targets: Sequence[Target],
    settings: TrackQuerySettings,
    draws: Draws,
    *,
    adds_false_positives: bool,
) -> list[CarriedObjects]:
    """`augment` for a whole batch, as the published code does it.

    How many track queries are kept and how many false positives are added is drawn once for the
    batch: 0 to the fewest tracks of an image, and 0 to `ceil(false_positive_rate * kept)`. Each
    false positive belongs to a kept track that the next frame has, and is an unmatched output,
    likelier the farther it is from that track in x; other kept tracks get any.

    Args:
        carried: Per image all matched queries, in the order of the queries.
        output: The model's answer that they come from.
        target_index: Assignment of its last layer.
        next_targets: Of the frame that will be asked.
        settings: `drop_rate` counts only as zero or not.
        draws: Random numbers.
        adds_false_positives: The published code adds none to any but the last frame of a clip.

    Returns:
        Per image the kept rows in random order, then false positives.
    """
    fewest = min(len(rows.track_ids) for rows in carried)
    num_kept = draws.whole(fewest + 1) if fewest > 0 else 0
    most_false = math.ceil(settings.false_positive_rate * num_kept)
    num_false = draws.whole(most_false + 1) if num_kept > 0 else 0
    augmented = []
    for image, rows in enumerate(carried):
        chosen = torch.arange(len(rows.track_ids), device=rows.boxes.device)
        if settings.drop_rate > 0:
            chosen = chosen[draws.order(len(chosen))[:num_kept]]
        kept = select_carried(rows, chosen)
        matched = torch.nonzero(target_index[image] >= 0)[chosen, 0]
        false = matched[:0]
        if adds_false_positives:
            stays = torch.isin(kept.track_ids, next_targets[image].track_ids)
            which = draws.order(num_kept)[:num_false]
            false = _chosen_queries(output, image, matched, matched[stays], which, draws)
        added = false_positives(output, image, false, carries_gradient=settings.carry_gradient)
        augmented.append(joined(kept, added))
    return augmented


def _chosen_queries(
    output: ModelOutput,
    image: int,
    kept: Int[Tensor, " K"],
    staying: Int[Tensor, " S"],
    which: Sequence[int],
    draws: Draws,
) -> Int[Tensor, " F"]:
    """One query for each of some tracks, of those not kept; dropped ones are among them."""
    x = sanitise(output.boxes[-1, image].detach().float())[:, 0]
    is_free = ~output.is_padding[image]
    is_free[kept] = False
    free: list[int] = torch.nonzero(is_free)[:, 0].tolist()
    chosen = []
    for track in which:
        if track < len(staying):
            away = x[staying[track]] - x[free]
            # The published distance: x twice, y never.
            row = draws.weighted(torch.sqrt(away**2 + away**2))
        else:
            row = draws.order(len(free))[0]
        chosen.append(free.pop(row))
    return torch.tensor(chosen, dtype=torch.long, device=kept.device)
