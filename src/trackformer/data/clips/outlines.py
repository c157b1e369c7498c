"""How annotated outlines become the masks of a training target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.clips.transforms import Crop, crop_mask
from trackformer.data.masks import decode_mask
from trackformer.types import Target


def with_outlines(
    target: Target,
    frame: AnnotatedFrame,
    image_size: tuple[int, int],
    crop: Crop,
    canvas: tuple[int, int],
) -> Target:
    """The same objects with their pixels in what a crop shows.

    Args:
        target: Objects of `frame`, told by their track ids.
        frame: Where an outline is missing, the mask is empty: there is nothing to learn from.
        image_size: (height, width) of the frame's image.
        crop: What the network sees of it.
        canvas: (height, width) at which it does.
    """
    masks = np.zeros((len(target.track_ids), *canvas), dtype=bool)
    outlines = dict(zip(frame.track_ids.tolist(), frame.segmentations, strict=False))
    for row, track_id in enumerate(target.track_ids.tolist()):
        outline = outlines.get(track_id)
        if outline is not None:
            masks[row] = crop_mask(decode_mask(outline, image_size), crop, canvas)
    return replace(target, masks=torch.from_numpy(masks))
