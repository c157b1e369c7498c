"""The outlines of what a frame shows, from the embeddings of the queries that found it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.devices import sent
from trackformer.masks import Size, disjoint_masks_at, mask_probabilities
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.lifecycle.tracks import Tracks
from trackformer.types import Images, Memory


def track_masks(
    model: FrameModel, memory: Memory, tracks: Tracks, images: Images, frame_size: Size
) -> Bool[Tensor, "N H W"]:
    """Masks of the tracks seen in the current frame: every pixel belongs to one at most.

    Args:
        model: One that predicts masks.
        memory: Of the current frame.
        tracks: After it: a track that it shows has its embedding of this frame.
        images: What the network saw of it.
        frame_size: (height, width) of the frame, and of the masks.
    """
    seen = sent(tracks.embeddings[tracks.frames_missed == 0], memory.tokens.device)
    seen = seen.to(memory.tokens.dtype)
    return disjoint_masks_at(_probabilities(model, memory, seen, images), frame_size).cpu()


def _probabilities(
    model: FrameModel, memory: Memory, embeddings: Float[Tensor, "N C"], images: Images
) -> Float[Tensor, "N H W"]:
    everyone = torch.ones((1, len(embeddings)), dtype=torch.bool, device=embeddings.device)
    logits = model.masks_of(memory, embeddings[None], everyone)
    padded_size = (images.pixels.shape[-2], images.pixels.shape[-1])
    height, width = images.image_sizes[0].tolist()
    return mask_probabilities(logits, padded_size, (height, width))
