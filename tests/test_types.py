"""Records: padding is at the right and bottom, and batches move as a whole."""

import pytest
import torch
from torch import tensor

from trackformer.types import Clip, Images, Target


def test_images_are_padded_right_and_bottom():
    images = Images.from_list([torch.ones(3, 2, 3), torch.ones(3, 3, 1)])
    assert images.pixels.shape == (2, 3, 3, 3)
    assert images.image_sizes.tolist() == [[2, 3], [3, 1]]
    assert images.is_padding[0].tolist() == [[False] * 3, [False] * 3, [True] * 3]
    assert images.is_padding[1].tolist() == [[False, True, True]] * 3


def test_padding_is_black():
    images = Images.from_list([torch.ones(3, 2, 3), torch.ones(3, 3, 1)])
    assert torch.equal(images.pixels[:, 0] == 0, images.is_padding)


def test_the_common_size_is_a_multiple():
    images = Images.from_list([torch.ones(3, 33, 64)], multiple_of=32)
    assert images.pixels.shape == (1, 3, 64, 64)
    assert images.image_sizes.tolist() == [[33, 64]]


def test_selecting_objects_keeps_ignore_regions_and_masks_in_step():
    target = Target(
        boxes=torch.rand(3, 4),
        labels=tensor([0, 1, 2]),
        track_ids=tensor([5, 6, 7]),
        visibility=torch.ones(3),
        ignore_boxes=torch.rand(2, 4),
        masks=torch.eye(3, dtype=torch.bool)[:, None],
    )
    chosen = target.select(tensor([True, False, True]))
    assert chosen.track_ids.tolist() == [5, 7]
    assert len(chosen.ignore_boxes) == 2
    assert chosen.masks[1].tolist() == [[False, False, True]]


def empty_clip() -> Clip:
    images = Images.from_list([torch.ones(3, 2, 2)])
    none = torch.zeros(0, 4)
    empty = tensor([], dtype=torch.long)
    target = Target(none, empty, empty, torch.zeros(0), none)
    return Clip((images, images), ((target,), (target,)))


def test_a_clip_moves_as_a_whole():
    moved = empty_clip().to("meta")
    assert {str(part.pixels.device) for part in moved.images} == {"meta"}
    assert moved.targets[1][0].ignore_boxes.device.type == "meta"


def test_all_of_a_clip_is_put_where_a_gpu_fetches_it(monkeypatch: pytest.MonkeyPatch):
    # Pinning needs a GPU's driver: here it is moving to a device without memory.
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda rows: rows.to("meta"))
    pinned = empty_clip().pin_memory()
    parts = [part for images in pinned.images for part in (images.pixels, images.is_padding)]
    parts += [images.image_sizes for images in pinned.images]
    for (target,) in pinned.targets:
        parts += [target.boxes, target.labels, target.track_ids, target.visibility]
        parts.append(target.ignore_boxes)
    assert {part.device.type for part in parts} == {"meta"}
