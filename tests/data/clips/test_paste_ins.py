"""People pasted into clips: where they are, whom they hide, and who they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence, frame_without_objects
from trackformer.data.clips.draw import ClipDataset
from trackformer.data.clips.frame_reading import FrameReader
from trackformer.data.clips.paste_ins import FIRST_ID, PasteIn, PasteIns
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.masks import Polygons
from trackformer.errors import ConfigError
from trackformer.input_settings import InputSettings
from trackformer.types import Target

RED = np.array([200, 0, 0], dtype=np.uint8)
CANVAS = np.zeros((100, 200, 3), dtype=np.uint8)
UNMOVED = PasteIn(0, 0.0, 0, 1.0, 0.0, 0.0, (0.0, 0.0), is_mirrored=False)
"""Stands where the first object of the first frame stands, and is as high."""


def red_board(*, outline=True) -> AnnotatedData:
    """A still image with one object: a red board, 40 wide and 80 high, on a black ground."""
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[10:90, 30:70] = RED
    corners = Polygons(((30.0, 10.0, 70.0, 10.0, 70.0, 90.0, 30.0, 90.0),))
    frame = replace(
        frame_without_objects(0, None),
        pixels=pixels,
        boxes_xyxy=np.array([[30.0, 10.0, 70.0, 90.0]]),
        labels=np.zeros(1, dtype=np.int64),
        track_ids=np.zeros(1, dtype=np.int64),
        visibility=np.ones(1),
        segmentations=(corners,) if outline else (),
    )
    still = AnnotatedSequence("board", (frame,), (100, 100), None, is_video=False)
    return AnnotatedData((still,), ("person",))


def target(*boxes) -> Target:
    return Target(
        boxes=torch.tensor(boxes).reshape(-1, 4),
        labels=torch.zeros(len(boxes), dtype=torch.long),
        track_ids=torch.arange(len(boxes)),
        visibility=torch.ones(len(boxes)),
        ignore_boxes=torch.zeros((0, 4)),
    )


def pasted(plan, targets, min_visibility=0.0):
    boards = PasteIns([red_board()], FrameReader(0, reduces=False))
    return boards.paste([plan], [CANVAS] * len(targets), targets, min_visibility)


def test_who_is_pasted_stands_before_whom_it_meets_and_is_an_object():
    # 60 pixels high with its feet at row 90; half as wide as high, as the board is.
    images, (seen,) = pasted(UNMOVED, [target([0.5, 0.6, 0.1, 0.6])])
    assert images[0][60, 100].tolist() == RED.tolist()
    assert seen.boxes[1].tolist() == pytest.approx([0.5, 0.6, 0.15, 0.6])
    assert seen.track_ids.tolist() == [0, FIRST_ID]
    assert CANVAS.max() == 0


def test_who_is_hidden_is_less_visible_by_what_is_covered():
    # The board covers columns 85 to 115; the second box, 80 to 120, lies behind it up to a quarter.
    _, (seen,) = pasted(UNMOVED, [target([0.5, 0.6, 0.1, 0.6], [0.5, 0.6, 0.2, 0.6])])
    assert seen.visibility.tolist() == pytest.approx([0.0, 0.25, 1.0], abs=0.01)


def test_who_is_hidden_too_much_becomes_an_ignore_region():
    _, (seen,) = pasted(UNMOVED, [target([0.5, 0.6, 0.1, 0.6])], min_visibility=0.05)
    assert seen.track_ids.tolist() == [FIRST_ID]
    assert seen.ignore_boxes[0].tolist() == pytest.approx([0.5, 0.6, 0.1, 0.6])


def test_it_walks_on_from_where_it_met_someone_with_one_identity():
    plan = replace(UNMOVED, frame=1, step=(0.5, 0.0))
    met = target([0.5, 0.6, 0.1, 0.6])
    _, seen = pasted(plan, [met, met, met])
    # Half of its height of 60 pixels to the right in each frame.
    assert [each.boxes[-1, 0].item() * 200 for each in seen] == pytest.approx([70, 100, 130], abs=1)
    assert {int(each.track_ids[-1]) for each in seen} == {FIRST_ID}


def test_whose_middle_has_left_the_image_is_no_object():
    plan = replace(UNMOVED, step=(2.0, 0.0))
    met = target([0.5, 0.6, 0.1, 0.6])
    _, seen = pasted(plan, [met, met])
    assert [len(each.boxes) for each in seen] == [2, 1]


def test_an_empty_clip_stays_empty():
    images, (seen,) = pasted(UNMOVED, [target()])
    assert images[0].max() == 0
    assert len(seen.boxes) == 0


def test_masks_lose_what_is_covered():
    whole = torch.zeros((1, 100, 200), dtype=torch.bool)
    whole[0, 30:90, 80:120] = True
    behind = replace(target([0.5, 0.6, 0.2, 0.6]), masks=whole)
    _, (seen,) = pasted(UNMOVED, [behind])
    assert seen.masks.flatten(1).sum(1).tolist() == [60 * 10, 60 * 30]


def clips(rate, source) -> ClipDataset:
    settings = ClipSettings(canvas=(64, 96), length=(2, 2), paste_rate=rate)
    plain = InputSettings(area=64 * 96, mean=(0, 0, 0), std=(1, 1, 1))
    return ClipDataset([(source, 1.0)], 4, settings, plain, seed=0, num_batches=2)


def test_clips_with_pasted_objects_follow_from_seed_and_index():
    first, again = clips(1.0, red_board())[1], clips(1.0, red_board())[1]
    assert torch.equal(first.images[1].pixels, again.images[1].pixels)
    ids = torch.cat([each.track_ids for each in first.targets[0]])
    assert (ids >= FIRST_ID).any()


def test_without_outlines_nobody_can_be_cut_out():
    with pytest.raises(ConfigError, match=r"clips\.paste_rate: expected a source with outlines"):
        clips(0.5, red_board(outline=False))
