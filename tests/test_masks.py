import torch

from trackformer.masks import disjoint_masks_at, mask_probabilities, masks_at, owner_of_pixels

# Two objects in a row of four pixels.
TWO = torch.tensor([[[0.9, 0.6, 0.4, 0.7]], [[0.2, 0.8, 0.45, 0.7]]])


def test_a_pixel_belongs_to_the_likeliest_object_above_one_half():
    assert owner_of_pixels(TWO).tolist() == [[0, 1, -1, 0]]


def test_masks_alone_may_overlap():
    masks = masks_at(TWO, (1, 4))
    assert masks.long().tolist() == [[[1, 1, 0, 1]], [[0, 1, 0, 1]]]


def test_disjoint_masks_are_enlarged_by_the_nearest_pixel():
    masks = disjoint_masks_at(TWO, (2, 8))
    assert masks[0].long().tolist() == [[1, 1, 0, 0, 0, 0, 1, 1]] * 2
    assert masks[1].long().tolist() == [[0, 0, 1, 1, 0, 0, 0, 0]] * 2
    assert not (masks[0] & masks[1]).any()


def test_probabilities_are_those_of_the_image_without_its_padding():
    logits = torch.tensor([[[0.0, 20.0], [0.0, 20.0]]])
    probabilities = mask_probabilities(logits, padded_size=(4, 4), image_size=(4, 2))
    # Bilinear between cell centres: the first pixel lies beyond the first centre.
    torch.testing.assert_close(
        probabilities[0, 0], torch.tensor([0.5, torch.tensor(5.0).sigmoid()])
    )
    assert probabilities.shape == (1, 4, 2)


def test_no_objects_have_no_masks():
    probabilities = mask_probabilities(torch.zeros(0, 2, 3), (8, 12), (7, 9))
    assert masks_at(probabilities, (20, 30)).shape == (0, 20, 30)
    assert disjoint_masks_at(probabilities, (20, 30)).shape == (0, 20, 30)
    assert owner_of_pixels(probabilities).unique().tolist() == [-1]
