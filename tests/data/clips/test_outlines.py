"""Masks of training targets: what a crop shows of the annotated outlines."""

import cv2
import numpy as np
import pytest

from data.clips.test_clips import PLAIN, frame_of
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.clips.draw import ClipDataset, target_of
from trackformer.data.clips.outlines import with_outlines
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop, crop_mask
from trackformer.data.masks import MaskImage, Polygons

SQUARE = Polygons(((10.0, 20.0, 30.0, 20.0, 30.0, 40.0, 10.0, 40.0),))
WHOLE = Crop(0.0, 0.0, 96.0, 64.0)


def annotated(*outlines, picture=None):
    boxes = [[10, 20, 30, 40], [50, 20, 70, 40]][: len(outlines)]
    frame = frame_of(0, boxes, picture, ids=[5, 9][: len(outlines)])
    return type(frame)(
        **{name: getattr(frame, name) for name in frame.__slots__ if name != "segmentations"},
        segmentations=outlines,
    )


def masks_of(frame, crop, canvas=(64, 96)):
    target = target_of(frame, crop, min_visibility=0.05)
    return with_outlines(target, frame, (64, 96), crop, canvas).masks


def test_a_mask_lies_where_its_box_does():
    masks = masks_of(annotated(SQUARE), WHOLE)
    assert masks.shape == (1, 64, 96)
    assert masks.sum() == 20 * 20
    assert masks[0, 20:40, 10:30].all()


def test_a_mask_is_mirrored_with_the_image():
    masks = masks_of(annotated(SQUARE), Crop(0.0, 0.0, 96.0, 64.0, is_mirrored=True))
    assert masks[0, 20:40, 96 - 30 : 96 - 10].all()
    assert masks.sum() == 20 * 20


def test_a_mask_is_cut_and_enlarged_with_the_image():
    # The left 11 of 20 columns at twice the size.
    masks = masks_of(annotated(SQUARE), Crop(-27.0, 10.0, 48.0, 32.0))
    assert masks[0, 20:60, 74:96].all()
    assert masks.sum() == 40 * 22


def test_an_object_without_outline_has_an_empty_mask():
    masks = masks_of(annotated(None, SQUARE), WHOLE)
    assert masks.flatten(1).sum(1).tolist() == [0, 400]


def test_only_objects_of_the_target_have_masks():
    masks = masks_of(annotated(SQUARE, SQUARE), Crop(0.0, 0.0, 42.0, 28.0 * 1.5))
    assert len(masks) == 1


def test_a_frame_without_outlines_has_empty_masks():
    assert masks_of(frame_of(0, [[10, 20, 30, 40]]), WHOLE).sum() == 0


def test_pixels_count_that_show_the_object_to_more_than_a_half():
    mask = np.array([[True, False, False, True, True, False]])
    shown = crop_mask(mask, Crop(0.0, 0.0, 6.0, 1.0), (1, 2))
    assert shown.tolist() == [[False, True]]


@pytest.fixture
def still(tmp_path):
    pixels = np.zeros((64, 96, 3), dtype=np.uint8)
    pixels[20:40, 10:30] = 255
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "m.png"), pixels[..., 0] // 255 * 3)
    frame = annotated(MaskImage(tmp_path / "m.png", 3), picture=tmp_path / "a.png")
    sequence = AnnotatedSequence("a", (frame,), (64, 96), None, is_video=False)
    return AnnotatedData((sequence,), ("person",))


def test_masks_move_with_the_pixels_of_a_clip(still):
    settings = ClipSettings(canvas=(64, 96), length=(3, 3), zoom=(1, 1.5), colour_jitter=0)
    for clip in (
        ClipDataset([(still, 1.0)], 2, settings, PLAIN, 0, 3, with_masks=True)[i] for i in range(3)
    ):
        for images, targets in zip(clip.images, clip.targets, strict=True):
            for pixels, target in zip(images.pixels, targets, strict=True):
                bright = pixels[0] > 0.5
                mask = target.masks.any(0) if len(target.masks) else bright & False
                assert (bright ^ mask).sum() <= 0.1 * bright.sum() or len(target.masks) == 0


def test_without_being_asked_for_there_are_none(still):
    clip = ClipDataset([(still, 1.0)], 1, ClipSettings(canvas=(64, 96)), PLAIN, 0, 1)[0]
    assert clip.targets[0][0].masks is None
