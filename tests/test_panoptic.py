"""Panoptic segmentation by hand-checkable masks, and as recorded."""

import pytest
import torch

from golden.published_models import published_trackformer
from golden.recordings import read_recording, recorded_images
from trackformer.errors import ConfigError
from trackformer.panoptic import PanopticSettings, panoptic_images
from trackformer.types import Images, Memory, ModelOutput

PERSON, SKY = 0, 1
NO_MEMORY = Memory(
    torch.zeros(1, 0, 1), torch.zeros(1, 0, dtype=torch.bool), (), torch.ones(1, 0, 2)
)
SETTINGS = PanopticSettings(things=(PERSON,), min_score=0.5)


def answer(labels: list[int], rows: list[list[float]]) -> ModelOutput:
    """Queries sure of their labels; masks two pixels high whose columns have these logits."""
    logits = torch.full((1, 1, len(labels), 3), -5.0)
    logits[0, 0, torch.arange(len(labels)), labels] = 5.0
    masks = torch.tensor(rows)[:, None].expand(-1, 2, -1)
    return ModelOutput(
        class_logits=logits,
        boxes=torch.full((1, 1, len(labels), 4), 0.5),
        embeddings=torch.zeros(1, len(labels), 1),
        is_padding=torch.zeros((1, len(labels)), dtype=torch.bool),
        memory=NO_MEMORY,
        num_track_queries=0,
        has_no_object_class=True,
        masks=masks[None],
    )


def segmented(output, width=8, padded=8, **changes):
    images = Images(
        torch.zeros(1, 3, 2, padded), torch.zeros(1, 2, padded, dtype=torch.bool),
        torch.tensor([[2, width]]),
    )  # fmt: skip
    settings = PanopticSettings(things=(PERSON,), min_score=0.5, **changes)
    return panoptic_images(output, images, [(2, width)], settings)[0]


def test_pixels_go_to_the_likeliest_segment():
    people = answer([PERSON, PERSON], [[4, 4, 4, 4, 0, 0, 0, 0.0], [1, 1, 1, 1, -1, 2, 2, 2.0]])
    result = segmented(people)
    assert result.segment_of_pixel.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]] * 2
    assert [(s.label, s.is_thing, s.area) for s in result.segments] == [(0, True, 10), (0, True, 6)]


def test_regions_of_stuff_are_one_segment_and_things_are_not():
    sky = answer(
        [SKY, PERSON, SKY],
        [[5, 5, 5, 0, 0, 0, 0, 0.0], [1, 1, 1, 6, 6, 6, 1, 1.0], [0, 0, 0, 0, 0, 0, 3, 3.0]],
    )
    result = segmented(sky)
    assert result.segment_of_pixel.tolist() == [[0, 0, 0, 1, 1, 1, 0, 0]] * 2
    assert [(s.label, s.area) for s in result.segments] == [(SKY, 10), (PERSON, 6)]


def test_the_published_code_gives_a_second_region_to_anyone():
    sky = answer(
        [SKY, PERSON, SKY],
        [[5, 5, 5, 0, 0, 0, 0, 0.0], [1, 1, 1, 6, 6, 6, 1, 1.0], [0, 0, 0, 0, 0, 0, 3, 3.0]],
    )
    result = segmented(sky, compatibility="reference")
    assert result.segment_of_pixel.tolist() == [[0, 0, 0, 1, 1, 1, 1, 1]] * 2


def test_a_segment_that_nearly_vanishes_gives_its_pixels_away():
    noise = answer([PERSON, PERSON], [[1, 1, 1, 1, 1, 1, 1, 1.0], [0, 0, 0, 2, 2, 0, 0, 0.0]])
    result = segmented(noise)
    assert result.segment_of_pixel.unique().tolist() == [0]
    assert [s.area for s in result.segments] == [16]


def test_background_and_unsure_queries_show_nothing():
    result = segmented(answer([2, 2], [[9] * 8, [9.0] * 8]))
    assert result.segments == ()
    assert result.segment_of_pixel.unique().tolist() == [-1]


def test_padding_is_cut_off_unless_as_published():
    # Twelve columns of masks for an image of eight: the last four are padding.
    halves = [[4] * 4 + [0] * 4 + [9] * 4, [0] * 4 + [4] * 4 + [0.0] * 4]
    people = answer([PERSON, PERSON], halves)
    cut = segmented(people, padded=12).segment_of_pixel
    assert cut.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]] * 2
    squeezed = segmented(people, padded=12, compatibility="reference").segment_of_pixel
    assert squeezed[0, -1] == 0


def test_an_answer_without_masks_is_refused():
    model = published_trackformer("detr_r50_small_segm_panoptic")
    images = recorded_images(read_recording("detr_r50_small_segm_panoptic"))
    with torch.no_grad(), pytest.raises(ConfigError, match="expected an answer with masks"):
        panoptic_images(model(images), images, [(4, 4)] * 2, SETTINGS)


@torch.no_grad()
def test_the_recorded_segmentation():
    recording = read_recording("detr_r50_small_segm_panoptic")
    model, images = (
        published_trackformer("detr_r50_small_segm_panoptic"),
        recorded_images(recording),
    )
    sizes = [tuple(target["orig_size"].tolist()) for target in recording["targets"]]
    settings = PanopticSettings(
        # COCO's things have ids up to 90.
        things=range(1, 91),
        min_score=recording["panoptic_threshold"],
        compatibility="reference",
    )
    results = panoptic_images(model.with_masks(model(images)), images, sizes, settings)
    for result, published in zip(results, recording["panoptic"], strict=True):
        expected = published["segments_info"]
        ours = [
            {"id": i, "isthing": s.is_thing, "category_id": s.label, "area": s.area}
            for i, s in enumerate(result.segments)
        ]
        assert ours == expected
        assert torch.equal(result.segment_of_pixel[::4, ::4], published["id_map"].long())
