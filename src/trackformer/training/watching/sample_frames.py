"""What the model saw and said, as a picture: the frames of one training clip, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from trackformer.atomic_files import atomic_path
from trackformer.boxes import to_pixels_xyxy
from trackformer.input_settings import InputSettings
from trackformer.predictions import predictions_of
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.watching.observation import ObservedFrame
from trackformer.video.drawing import track_colour

TARGET_COLOUR: Final = (255, 255, 255)
NOBODY_COLOUR: Final = (255, 0, 0)
"""Of answers that should not be there."""
COLUMNS: Final = 2

Pixels = UInt8[np.ndarray, "_ _ 3"]


def draw_frames(
    frames: Sequence[ObservedFrame], input_settings: InputSettings, thresholds: TrackerSettings
) -> Pixels:
    """The batch's first clip as RGB, two frames a row, in the order of the reading eye.

    Thin white boxes are targets. Thick boxes are answers that the tracker would believe, in the
    colour of the identity they had to find: `track` with its score for a track query, `new` for an
    object query. Red answers had nothing to find.
    """
    pictures = [_draw_frame(frame, input_settings, thresholds) for frame in frames]
    missing = -len(pictures) % min(COLUMNS, len(pictures))
    pictures += [np.zeros_like(pictures[0])] * missing
    rows = [
        np.concatenate(pictures[first : first + COLUMNS], axis=1)
        for first in range(0, len(pictures), COLUMNS)
    ]
    return np.concatenate(rows, axis=0)


def write_picture(pixels: Pixels, path: Path) -> None:
    """Store RGB pixels as JPEG, atomically."""
    content = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
    with atomic_path(path) as partial:
        partial.write_bytes(content.tobytes())


def _draw_frame(
    frame: ObservedFrame, input_settings: InputSettings, thresholds: TrackerSettings
) -> Pixels:
    height, width = (int(side) for side in frame.images.image_sizes[0])
    mean = torch.tensor(input_settings.mean)[:, None, None]
    std = torch.tensor(input_settings.std)[:, None, None]
    image = frame.images.pixels[0, :, :height, :width].float().cpu() * std + mean
    shown = np.ascontiguousarray((image * 255).round().clamp(0, 255).byte().permute(1, 2, 0))
    target, index = frame.targets[0], frame.target_index[-1, 0].tolist()
    for corners in _corners(target.boxes, (height, width)):
        cv2.rectangle(shown, corners[:2], corners[2:], TARGET_COLOUR, 1)
    found = predictions_of(frame.output)
    track_ids = target.track_ids.tolist()
    answers = zip(_corners(found.boxes, (height, width)), found.scores.tolist(), strict=True)
    for query, (corners, score) in enumerate(answers):
        is_track = query < frame.output.num_track_queries
        if score <= (thresholds.keep_score if is_track else thresholds.birth_score):
            continue
        wanted = index[query]
        colour = track_colour(track_ids[wanted]) if wanted >= 0 else NOBODY_COLOUR
        cv2.rectangle(shown, corners[:2], corners[2:], colour, 2)
        text = f"{'track' if is_track else 'new'} {score:.2f}"
        place = corners[0], max(10, corners[1] - 3)
        cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return shown


def _corners(boxes: torch.Tensor, image_size: tuple[int, int]) -> list[list[int]]:
    """Whole-pixel left, top, right, bottom, within 16 bits: OpenCV draws nonsense beyond."""
    pixels = to_pixels_xyxy(boxes.detach().float().cpu(), image_size).nan_to_num()
    corners: list[list[int]] = pixels.round().clamp(-9999, 9999).long().tolist()
    return corners
