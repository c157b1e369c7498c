"""Boxes of another detector as object queries, in every model whose queries start from a place."""

import pytest
import torch
from torch import tensor

from models.conftest import small_deformable_detr
from tiny_models import MODEL_TYPES, tiny_config, tiny_model
from trackformer.errors import ConfigError
from trackformer.models.build import build_model
from trackformer.models.parts.proposed_queries import cells_under, most_overlapping
from trackformer.models.settings import ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, Memory, ProposalBoxes, TrackQueries

NEAR = {"atol": 2e-3, "rtol": 1e-2}  # another batch size, another order of float32 sums
OURS = {
    "points": {},
    "refinement": {"box_refinement": True},
    "anchors": {"box_anchors": True, "box_position": True, "box_refinement": True},
    "two_stage": {"two_stage": True, "box_refinement": True},
    "two_frames": {"two_stage": True, "multi_frame": "separate_encoder"},
}


@pytest.fixture(scope="module", params=[*MODEL_TYPES, *OURS])
def model(request) -> TrackFormer:
    if request.param in MODEL_TYPES:
        return tiny_model(request.param)
    return TrackFormer(small_deformable_detr(num_levels=2, **OURS[request.param]), TINY)


TINY = ModelSettings.model_validate({"detector": {"kind": "deformable_detr"}})


def images(*seeds: int) -> Images:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return Images.from_list([torch.rand(3, 64, 96, generator=each) for each in generators])


def proposed(*boxes: list[list[float]]) -> ProposalBoxes:
    """Per image as many boxes; of size 0 where there is none."""
    stacked = tensor(boxes)
    is_padding = stacked[..., 2] == 0
    return ProposalBoxes(stacked.masked_fill(is_padding[..., None], 0.5), is_padding)


A, B, C, NONE = [0.2, 0.4, 0.1, 0.3], [0.6, 0.5, 0.2, 0.1], [0.95, 0.9, 0.1, 0.2], [0.0] * 4


@torch.no_grad()
def test_proposals_are_the_last_object_queries_and_start_from_their_boxes(model):
    memory = model.encode(images(0))
    own = model.detector.object_queries(memory)
    queries = model.detector.object_queries(memory, proposed([A, B, C]))
    num_own, size = own.reference.shape[1:]
    assert torch.equal(queries.reference[:, :num_own], own.reference)
    assert torch.equal(queries.content[:, :num_own], own.content)
    assert torch.equal(queries.reference[:, num_own:], tensor([[A, B, C]])[..., :size])
    assert queries.is_padding.sum() == 0
    assert queries.content[:, num_own:].isfinite().all()


@torch.no_grad()
def test_the_model_answers_them_behind_tracks_and_its_own_queries(model):
    tracks = TrackQueries(torch.randn(1, 2, 32), tensor([[A, B]]), torch.zeros(1, 2).bool())
    plain = model(images(0), tracks)
    asked = model(images(0), tracks, proposed=proposed([C]))
    assert asked.num_track_queries == 2
    assert asked.boxes.shape[2] == plain.boxes.shape[2] + 1
    # The others see it: it is one of them.
    assert not torch.allclose(asked.embeddings[:, :-1], plain.embeddings, atol=1e-5)


@torch.no_grad()
def test_no_proposals_and_padding_alone_change_nothing(model):
    plain = model(images(0, 1))
    none = ProposalBoxes(torch.zeros(2, 0, 4), torch.zeros(2, 0).bool())
    assert torch.equal(model(images(0, 1), proposed=none).boxes, plain.boxes)
    padded = model(images(0, 1), proposed=proposed([NONE, NONE], [NONE, NONE]))
    torch.testing.assert_close(padded.boxes[:, :, :-2], plain.boxes, **NEAR)
    assert padded.is_padding[:, -2:].all()
    assert padded.boxes.isfinite().all()


@torch.no_grad()
def test_a_ragged_batch_is_its_images_alone(model):
    both = model(images(0, 1), proposed=proposed([A, B], [C, NONE])).boxes
    first = model(images(0), proposed=proposed([A, B])).boxes
    second = model(images(1), proposed=proposed([C])).boxes
    torch.testing.assert_close(both[:, :1], first, **NEAR)
    torch.testing.assert_close(both[:, 1:, :-1], second, **NEAR)


@torch.no_grad()
def test_real_time_detectors_ask_with_a_cell_under_the_box():
    model = tiny_model("deimv2")
    memory = model.encode(images(0))
    queries = model.detector.object_queries(memory, proposed([B]))
    under = cells_under(tensor([[B]]), memory)[0, 0]
    selected = model.detector.network.enc_output(memory.tokens)[0, under]
    distance = (selected - queries.content[0, -1]).abs().amax(-1)
    assert distance.min() < 1e-5
    assert len(distance) == 3  # one of each level


@torch.no_grad()
def test_learned_contents_are_given_by_rank():
    config = tiny_config("rt_detr") | {"learn_initial_query": True}
    model = tiny_model("rt_detr", config=config)
    many = proposed([A, B, C] * 3)
    queries = model.detector.object_queries(model.encode(images(0)), many)
    learned = model.detector.network.weight_embedding.weight
    assert torch.equal(queries.content[0, :6], learned)
    assert torch.equal(queries.content[0, 6:], learned[[0, 1, 2, 3, 4, 5, 0, 1, 2]])


@torch.no_grad()
def test_two_stages_ask_about_a_box_as_if_it_were_their_own():
    detector = small_deformable_detr(two_stage=True, box_refinement=True)
    memory = detector.encode(images(0))
    own = detector.object_queries(memory)
    again = detector.object_queries(
        memory, ProposalBoxes(own.reference, torch.zeros_like(own.is_padding))
    )
    torch.testing.assert_close(again.content[:, 5:], own.content)
    torch.testing.assert_close(again.position[:, 5:], own.position)


@torch.no_grad()
def test_learned_queries_ask_as_the_nearest_of_them():
    detector = small_deformable_detr(box_anchors=True)
    detector.query_source.anchors[:, :2] = tensor(
        [[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9], [0.5, 0.5]]
    ).logit()
    queries = detector.object_queries(detector.encode(images(0)), proposed([C, A]))
    assert torch.equal(queries.content[0, 5:], queries.content[0, [3, 4]])
    assert torch.equal(queries.position[0, 5:], queries.position[0, [3, 4]])


def test_queries_that_start_from_no_place_cannot_be_proposed():
    detector = {"kind": "detr", "backbone": {"name": "resnet18"}, "num_decoder_layers": 1}
    model = build_model(ModelSettings.model_validate({"detector": detector})).eval()
    with pytest.raises(ConfigError, match="proposals: expected a model whose queries start from"):
        model(images(0), proposed=proposed([A]))


def test_the_cells_under_a_box_are_one_of_each_level():
    # Levels of 2 x 4 and 1 x 2 cells; the second image covers the left half of its canvas.
    ratios = tensor([[[1.0, 1.0]] * 2, [[0.5, 1.0]] * 2])
    memory = Memory(torch.zeros(2, 10, 1), torch.zeros(2, 10).bool(), ((2, 4), (1, 2)), ratios)
    boxes = tensor([[[0.9, 0.6, 0.1, 0.1], [1.0, 1.0, 0.1, 0.1]]] * 2)
    assert cells_under(boxes, memory).tolist() == [[[7, 9], [7, 9]], [[5, 8], [6, 9]]]


def test_the_candidate_with_the_largest_overlap_is_chosen():
    boxes = tensor([[[0.5, 0.5, 0.2, 0.2]]])
    candidates = tensor([[[[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.2, 0.15], [0.9, 0.9, 0.2, 0.2]]]])
    assert most_overlapping(candidates, boxes).tolist() == [[1]]
