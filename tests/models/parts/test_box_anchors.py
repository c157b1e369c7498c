"""Queries of Deformable DETR that start from boxes and tell their place by them (DAB-DETR)."""

import pytest
import torch

from trackformer.models.build import build_model
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.types import Images, TrackQueries


def anchored(**changes):
    torch.manual_seed(0)
    sizes = {"embedding_size": 32, "num_heads": 4, "feedforward_size": 32, "num_queries": 5}
    layers = {"num_encoder_layers": 1, "num_decoder_layers": 2, "num_levels": 2}
    chosen = {"backbone": {"name": "resnet18"}, "box_refinement": True} | sizes | layers | changes
    detector = DeformableDetrSettings.model_validate(chosen)
    return build_model(ModelSettings(detector=detector)).eval()


@torch.no_grad()
def test_anchored_queries_start_from_boxes_and_so_do_tracks():
    model = anchored(box_anchors=True)
    images = Images.from_list([torch.rand(3, 64, 64)])
    references = model.detector.object_queries(model.encode(images)).reference
    assert references.shape == (1, 5, 4)
    torch.testing.assert_close(references[..., 2:], torch.full((1, 5, 2), -2.0).sigmoid())
    # Before training the first layer's boxes are the references: the tracks' whole boxes, too.
    boxes = torch.tensor([[[0.3, 0.4, 0.1, 0.3], [0.6, 0.5, 0.2, 0.1]]])
    tracks = TrackQueries(torch.randn(1, 2, 32), boxes, torch.zeros(1, 2, dtype=torch.bool))
    found = model(images, tracks).boxes[0]
    torch.testing.assert_close(found[:, :2], boxes)
    torch.testing.assert_close(found[:, 2:], references)
    points = anchored()(images, tracks).boxes[0, :, :2]
    torch.testing.assert_close(points[..., :2], boxes[..., :2])
    assert not torch.allclose(points[..., 2:], boxes[..., 2:])


@torch.no_grad()
def test_the_position_of_a_query_follows_its_box():
    model = anchored(box_anchors=True, box_position=True)
    memory = model.encode(Images.from_list([torch.rand(3, 64, 64)]))
    queries = model.detector.object_queries(memory)
    here, there = (
        model.detector.box_position(queries, torch.full((1, 5, 4), place)) for place in (0.2, 0.7)
    )
    assert not torch.allclose(here.position, there.position)
    assert torch.equal(here.content, queries.content)
    learned = queries.position
    torch.testing.assert_close(
        here.position - learned, (here.position - learned)[:, :1].expand(-1, 5, -1)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box_position": True}, "expected box_anchors or two_stage"),
        ({"box_anchors": True, "two_stage": True}, "are boxes already"),
    ],
)
def test_box_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DeformableDetrSettings.model_validate(changes)
