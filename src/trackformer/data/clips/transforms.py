"""How an image and its boxes are cropped, resized, mirrored and recoloured together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from trackformer.resizing import resize


@dataclass(frozen=True, slots=True)
class Crop:
    """A window of the source image, in its pixels; may reach beyond it."""

    left: float
    top: float
    width: float
    height: float
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True)
class ColourChange:
    """Factors around 1."""

    brightness: float
    contrast: float
    saturation: float


def whole_frame_crop(image_size: tuple[int, int], canvas: tuple[int, int]) -> Crop:
    """The smallest window of the canvas' aspect ratio that shows the whole image."""
    height, width = image_size
    scale = max(height / canvas[0], width / canvas[1])
    window_height, window_width = canvas[0] * scale, canvas[1] * scale
    return Crop(
        (width - window_width) / 2, (height - window_height) / 2, window_width, window_height
    )


def crop_image(
    pixels: UInt8[np.ndarray, "_ _ *channels"], crop: Crop, canvas: tuple[int, int]
) -> UInt8[np.ndarray, "H W *channels"]:
    """What `crop` shows, at the size of `canvas`; black where there is no image."""
    place = _place(pixels.shape[:2], crop, canvas)
    shown = np.zeros((*canvas, *pixels.shape[2:]), dtype=np.uint8)
    if place is not None:
        (left, top, right, bottom), rows, columns = place
        size = (rows.stop - rows.start, columns.stop - columns.start)
        shown[rows, columns] = resize(pixels[top:bottom, left:right], size)
    return np.ascontiguousarray(shown[:, ::-1]) if crop.is_mirrored else shown


def crop_reduced_image(
    pixels: UInt8[np.ndarray, "_ _ 3"],
    factor: int,
    image_size: tuple[int, int],
    crop: Crop,
    canvas: tuple[int, int],
) -> UInt8[np.ndarray, "H W 3"]:
    """The same of an image in which each pixel is the mean of `factor` x `factor`.

    What is where on the canvas is the same to a fraction of a pixel: sampled between the pixels,
    as windows rarely begin at a multiple of `factor`. For canvases with at most as many pixels as
    `crop` has reduced ones, and not less than half as many along a side, or it would alias.

    Args:
        pixels: The reduced image.
        factor: See above.
        image_size: (height, width) of the image before.
        crop: In pixels of the image before.
        canvas: (height, width) of what comes out.
    """
    place = _place(image_size, crop, canvas)
    shown = np.zeros((*canvas, 3), dtype=np.uint8)
    if place is not None:
        (left, top, right, bottom), rows, columns = place
        size = np.array([columns.stop - columns.start, rows.stop - rows.start])
        step = np.array([right - left, bottom - top]) / factor / size
        # Pixel centres at integers, as OpenCV counts.
        first = np.array([left, top]) / factor + step / 2 - 0.5
        shown[rows, columns] = cv2.warpAffine(
            pixels,
            np.array([[step[0], 0, first[0]], [0, step[1], first[1]]]),
            size.tolist(),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return np.ascontiguousarray(shown[:, ::-1]) if crop.is_mirrored else shown


def _place(
    image_size: tuple[int, ...], crop: Crop, canvas: tuple[int, int]
) -> tuple[tuple[int, int, int, int], slice, slice] | None:
    """The part of the image in a crop (left, top, right, bottom), and its rows and columns there.

    None where no pixel of the canvas shows the image.
    """
    height, width = image_size
    left, top = max(0, round(crop.left)), max(0, round(crop.top))
    right = min(width, round(crop.left + crop.width))
    bottom = min(height, round(crop.top + crop.height))
    if right <= left or bottom <= top:
        return None
    to_canvas = np.array([canvas[1] / crop.width, canvas[0] / crop.height])
    corners = np.array([[left, top], [right, bottom]]) - [crop.left, crop.top]
    low, high = np.clip(np.rint(corners * to_canvas), 0, canvas[::-1]).astype(int).tolist()
    if high[0] <= low[0] or high[1] <= low[1]:
        return None
    return (left, top, right, bottom), slice(low[1], high[1]), slice(low[0], high[0])


def crop_mask(
    mask: Bool[np.ndarray, "_ _"], crop: Crop, canvas: tuple[int, int]
) -> Bool[np.ndarray, "H W"]:
    """Which pixels of the canvas show the object to more than a half."""
    return crop_image(mask.astype(np.uint8) * 255, crop, canvas) > 127


def crop_boxes(boxes_xyxy: Float[np.ndarray, "G 4"], crop: Crop) -> Float[np.ndarray, "G 4"]:
    """Pixel xyxy boxes of the source image as relative cxcywh of the crop; not clipped."""
    origin = np.array([crop.left, crop.top] * 2)
    size = np.array([crop.width, crop.height] * 2)
    low_high = (boxes_xyxy - origin) / size
    if crop.is_mirrored:
        low_high = np.stack(
            [1 - low_high[:, 2], low_high[:, 1], 1 - low_high[:, 0], low_high[:, 3]], axis=1
        )
    low, high = low_high[:, :2], low_high[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def cut_at_borders(boxes: Float[np.ndarray, "G 4"]) -> Float[np.ndarray, "G 4"]:
    """Relative cxcywh boxes without what lies outside the crop; empty where nothing is left."""
    low = np.clip(boxes[:, :2] - boxes[:, 2:] / 2, 0, 1)
    high = np.clip(boxes[:, :2] + boxes[:, 2:] / 2, 0, 1)
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def recolour(
    pixels: UInt8[np.ndarray, "H W 3"], change: ColourChange
) -> UInt8[np.ndarray, "H W 3"]:
    """Scale contrast about mid-grey and brightness, then blend with grey for saturation."""
    gain = change.contrast * change.brightness
    offset = 127.5 * (1 - change.contrast) * change.brightness
    lookup = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
    shown = cv2.LUT(pixels, lookup)
    grey = cv2.cvtColor(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(shown, change.saturation, grey, 1 - change.saturation, 0.0))
