"""A loss that parts the embeddings of different people and joins those of the same one over time.

Track queries are told apart by their embeddings, but nothing in the set prediction loss asks for
embeddings that differ between two people who look alike. A supervised contrastive loss does
(Khosla et al. 2020, equation 2; on query embeddings for tracking: FDTA, 2026). It looks at them
through a projection that exists in training only, so a trained model is no larger and no slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from trackformer.boxes import cxcywh_to_xyxy, paired_iou, sanitise
from trackformer.training.settings import IdentitySettings
from trackformer.training.watching.observation import ObservedFrame

SAME_PLACE = 0.5
"""IoU with its object from which an embedding is taken for the object's."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Embeddings of the objects of one image's clip, and whose they are."""

    embeddings: Float[Tensor, "R C"]
    track_ids: Int[Tensor, " R"]
    frames: Int[Tensor, " R"]
    """In which frame of the clip."""


class IdentityLoss(nn.Module):
    """The projection and the loss behind it.

    Args:
        settings: Weight, size of the projection, temperature.
        embedding_size: C.
    """

    def __init__(self, settings: IdentitySettings, embedding_size: int) -> None:
        super().__init__()
        self.settings = settings
        self.projection = nn.Sequential(
            nn.Linear(embedding_size, embedding_size),
            nn.ReLU(),
            nn.Linear(embedding_size, settings.projection_size),
        )

    def forward(self, frames: Sequence[ObservedFrame]) -> Float[Tensor, ""]:
        """Mean over all sightings of a batch of clips that have another sighting to be joined with.

        Args:
            frames: The frames of the clips in order, with gradient.
        """
        losses = []
        for image in range(len(frames[0].targets)):
            seen = sightings(frames, image)
            projected = F.normalize(self.projection(seen.embeddings.float()), dim=1)
            losses.append(
                contrastive_losses(
                    projected, seen.track_ids, seen.frames, self.settings.temperature
                )
            )
        each = torch.cat(losses)
        # The sum of nothing keeps the projection in the graph: all processes have its gradient.
        return each.mean() if len(each) > 0 else sum_of_nothing(self.projection)


def sum_of_nothing(module: nn.Module) -> Float[Tensor, ""]:
    """0, with a gradient of 0 for all weights of a module."""
    return torch.stack([weight.sum() * 0 for weight in module.parameters()]).sum()


def sightings(frames: Sequence[ObservedFrame], image: int) -> Sightings:
    """All queries of an image's frames that found the object they had to find."""
    embeddings, track_ids, numbers = [], [], []
    for number, frame in enumerate(frames):
        target = frame.targets[image]
        index = frame.target_index[-1, image]
        rows = torch.nonzero(index >= 0)[:, 0]
        boxes = cxcywh_to_xyxy(sanitise(frame.output.boxes[-1, image, rows].detach().float()))
        wanted = cxcywh_to_xyxy(target.boxes[index[rows]].float())
        rows = rows[paired_iou(boxes, wanted) >= SAME_PLACE]
        embeddings.append(frame.output.embeddings[image, rows])
        track_ids.append(target.track_ids[index[rows]])
        numbers.append(torch.full_like(rows, number))
    return Sightings(torch.cat(embeddings), torch.cat(track_ids), torch.cat(numbers))


def contrastive_losses(
    projected: Float[Tensor, "R P"],
    track_ids: Int[Tensor, " R"],
    frames: Int[Tensor, " R"],
    temperature: float,
) -> Float[Tensor, " _"]:
    """Minus the log of how much likelier the same object is taken than all others.

    Args:
        projected: Of length 1 each.
        track_ids: Whose.
        frames: When.
        temperature: Smaller: only the nearest others count.

    Returns:
        One loss (0 or more) for each sighting of an object that is also seen in another frame;
        that of an object seen alone in all frames is 0.
    """
    similarity = projected @ projected.T / temperature
    is_same = track_ids[:, None] == track_ids[None]
    is_joined = is_same & (frames[:, None] != frames[None])
    other = similarity.masked_fill(is_same, -torch.inf)
    # Each pair of the same object against all others, not against its own further sightings.
    rows, columns = torch.nonzero(is_joined, as_tuple=True)
    against = torch.cat([similarity[rows, columns][:, None], other[rows]], dim=1)
    pairs = against.logsumexp(1) - against[:, 0]
    sums = pairs.new_zeros(len(projected)).index_add(0, rows, pairs)
    counts = is_joined.sum(1)
    return sums[counts > 0] / counts[counts > 0]
