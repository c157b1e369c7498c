"""What every detector of ours promises behind `encode`, `object_queries` and `decode`."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.conftest import (
    one_image_of,
    random_images,
    small_deformable_detr,
    small_detr,
    with_tracks_in_front,
)
from trackformer.errors import ConfigError
from trackformer.models.parts.backbone import FeatureMap
from trackformer.models.parts.padding import padding_at
from trackformer.models.settings import BackboneSettings


def answer(model, images):
    memory = model.encode(images)
    return model.decode(memory, model.object_queries(memory))


def assert_same(actual, expected, rows=slice(None)):
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(actual.class_logits[:, :, rows], expected.class_logits, **close)
    torch.testing.assert_close(actual.boxes[:, :, rows], expected.boxes, **close)
    torch.testing.assert_close(actual.embeddings[:, rows], expected.embeddings, **close)


@torch.no_grad()
def test_every_layer_answers_every_query(detector, images):
    output = answer(detector, images)
    num_logits = 3 + detector.has_no_object_class
    assert output.class_logits.shape == (2, 2, 5, num_logits)
    assert output.boxes.shape == (2, 2, 5, 4)
    assert output.embeddings.shape == (2, 5, detector.embedding_size)
    assert ((output.boxes >= 0) & (output.boxes <= 1)).all()


@torch.no_grad()
def test_no_tracks_are_no_rows(detector, images):
    memory = detector.encode(images)
    queries = detector.object_queries(memory)
    joined = with_tracks_in_front(queries, torch.zeros(2, 0, dtype=torch.bool))
    assert_same(detector.decode(memory, joined), detector.decode(memory, queries))


@torch.no_grad()
def test_padded_rows_change_no_other_row(detector, images):
    memory = detector.encode(images)
    queries = detector.object_queries(memory)
    joined = with_tracks_in_front(queries, torch.ones(2, 3, dtype=torch.bool))
    output = detector.decode(memory, joined)
    assert output.boxes.isfinite().all()
    assert_same(output, detector.decode(memory, queries), rows=slice(3, None))


@torch.no_grad()
def test_real_tracks_do_change_other_rows(detector, images):
    memory = detector.encode(images)
    queries = detector.object_queries(memory)
    joined = with_tracks_in_front(queries, torch.zeros(2, 3, dtype=torch.bool))
    objects = detector.decode(memory, joined).embeddings[:, 3:]
    assert (objects - detector.decode(memory, queries).embeddings).abs().max() > 1e-4


@torch.no_grad()
def test_a_ragged_batch_is_answered_as_each_image_alone(detector, images):
    memory = detector.encode(images)
    queries = detector.object_queries(memory)
    is_padding = torch.tensor([[False, True, False], [True, True, True]])
    joined = with_tracks_in_front(queries, is_padding)
    output = detector.decode(memory, joined)
    alone = one_image_of(memory, 1)
    output_alone = detector.decode(alone, detector.object_queries(alone))
    torch.testing.assert_close(output.boxes[:, 1:, 3:], output_alone.boxes, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_batch_of_two_is_each_image_alone(detector):
    images = random_images((64, 96), (64, 96))
    output = answer(detector, images)
    for index in range(2):
        alone = answer(detector, random_images_of(images, index))
        torch.testing.assert_close(output.boxes[:, [index]], alone.boxes, atol=1e-4, rtol=0)


def random_images_of(images, index):
    return type(images)(
        images.pixels[[index]], images.is_padding[[index]], images.image_sizes[[index]]
    )


class PatchBackbone(nn.Module):
    """Looks at every cell alone, so that padding can only matter behind it.

    A real backbone's convolutions see the padding beside an image, in the published code too.
    """

    def __init__(self, num_channels, strides):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(3, channels, stride, stride, bias=False)
            for channels, stride in zip(num_channels, strides, strict=True)
        )

    def forward(self, images):
        maps = [layer(images.pixels) for layer in self.layers]
        return tuple(FeatureMap(each, padding_at(images.is_padding, each)) for each in maps)


def detr_that_sees_cells():
    model = small_detr()
    model.backbone = PatchBackbone([512], [32])
    return model


def deformable_detr_that_sees_cells():
    model = small_deformable_detr(num_levels=3, box_refinement=True, two_stage=True)
    model.backbone = PatchBackbone([128, 256, 512], [8, 16, 32])
    for projection in model.input_projections:
        # GroupNorm takes its statistics over padding too, as published.
        projection.norm = nn.Identity()
    return model


@pytest.mark.parametrize("build", [detr_that_sees_cells, deformable_detr_that_sees_cells])
@torch.no_grad()
def test_padding_of_an_image_changes_nothing(build):
    model = build()
    images = random_images((96, 64), (64, 96))
    padded = answer(model, images)
    alone = random_images_of(images, 1)
    cropped = type(alone)(alone.pixels[..., :64, :], alone.is_padding[:, :64], alone.image_sizes)
    output = answer(model, cropped)
    torch.testing.assert_close(padded.boxes[:, [1]], output.boxes, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        padded.class_logits[:, [1]], output.class_logits, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("build", [small_detr, small_deformable_detr])
@pytest.mark.parametrize("num_heads", [1, 3, 5])
@torch.no_grad()
def test_any_number_of_heads_works(build, num_heads, images):
    model = build(embedding_size=60, num_heads=num_heads)
    assert answer(model, images).embeddings.isfinite().all()


@pytest.mark.parametrize("build", [small_detr, small_deformable_detr])
def test_heads_that_cannot_share_the_channels_are_refused(build):
    with pytest.raises(ConfigError, match="multiple of num_heads, got 32 and 5"):
        build(num_heads=5)


@pytest.mark.parametrize("build", [small_detr, small_deformable_detr])
@torch.no_grad()
def test_positions_can_be_learned(build, images):
    model = build(position_encoding="learned")
    before = answer(model, images).embeddings
    model.position_encoding.row_embedding.normal_()
    assert (answer(model, images).embeddings - before).abs().max() > 1e-4


@pytest.mark.parametrize("build", [small_detr, small_deformable_detr])
@pytest.mark.parametrize("classification", ["softmax", "sigmoid"])
@torch.no_grad()
def test_softmax_has_one_more_logit_for_no_object(build, classification, images):
    model = build(classification=classification)
    assert model.has_no_object_class == (classification == "softmax")
    num_logits = answer(model, images).class_logits.shape[-1]
    assert num_logits == (4 if classification == "softmax" else 3)


@pytest.mark.parametrize("num_levels", [1, 2, 3, 4, 5])
@torch.no_grad()
def test_levels_beyond_the_backbone_halve_the_map(num_levels):
    model = small_deformable_detr(num_levels=num_levels)
    memory = model.encode(random_images((96, 128)))
    shapes = [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]
    first = max(0, 3 - num_levels)
    assert memory.level_shapes == tuple(shapes[first : first + num_levels])
    assert [tuple(each.shape[-2:]) for each in memory.features] == list(memory.level_shapes)


def test_every_parameter_that_is_trained_gets_a_gradient(detector, images):
    detector.train()
    memory = detector.encode(images)
    queries = detector.object_queries(memory)
    output = detector.decode(memory, queries)
    loss = output.class_logits.square().mean() + output.boxes.square().mean()
    if queries.proposals is not None:
        loss = loss + queries.proposals.class_logits.square().mean()
        loss = loss + queries.proposals.boxes.square().mean()
    loss.backward()
    without = [n for n, p in detector.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert all(p.grad.isfinite().all() for p in detector.parameters() if p.grad is not None)


def test_refinement_trains_each_layer_for_its_own_correction_only(images):
    model = small_deformable_detr(box_refinement=True)
    output = answer(model, images)
    output.boxes[1].sum().backward()
    first, second = (head.layers[-1].bias.grad.abs().sum() for head in model.box_heads)
    assert first == 0
    assert second > 0


@torch.no_grad()
def test_a_small_image_yields_as_many_proposals_as_it_has_cells():
    model = small_deformable_detr(two_stage=True, num_levels=1, num_queries=50)
    output = answer(model, random_images((64, 96)))
    assert output.boxes.shape[2] == 6
    assert output.boxes.isfinite().all()


@pytest.mark.parametrize("build", [small_detr, small_deformable_detr])
@torch.no_grad()
def test_half_precision_by_autocast_stays_near(build, images):
    model = build()
    expected = answer(model, images).boxes
    with torch.autocast("cpu", dtype=torch.bfloat16):
        boxes = answer(model, images).boxes
    assert F.l1_loss(boxes.float(), expected) < 0.02


@torch.no_grad()
def test_dilation_doubles_the_map(images):
    backbone = BackboneSettings(name="resnet50", dilation=True)
    memory = small_detr(backbone=backbone).encode(images)
    assert memory.level_shapes == ((6, 6),)
