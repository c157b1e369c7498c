"""Proposals made of the annotation: how they err, and that a clip learns with them."""

import pytest
import torch
from torch import tensor

from tiny_models import tiny_model
from trackformer.errors import ConfigError
from trackformer.training.build_run import build_run
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.matching import match
from trackformer.training.queries.sampled_proposals import sample_proposals, sample_shown
from trackformer.training.settings import (
    LossSettings,
    MatchingSettings,
    ProposalSettings,
    TrackQuerySettings,
    TrainingSettings,
)
from trackformer.types import NO_OBJECT, PADDING
from training.test_clip_loss import ONE, TWO, clip_of
from training.worlds import box, nobody_carried, output, target

EXACT = {"rate": 1.0, "drop_rate": 0.0, "false_positive_rate": 0.0, "box_noise": 0.0}
BOXES = [box(0.3, 0.3), box(0.7, 0.7, 0.3)]
SIGMOID_DETR = {
    "kind": "detr",
    "backbone": {"name": "resnet18"},
    "num_encoder_layers": 1,
    "num_decoder_layers": 1,
    "classification": "sigmoid",
}


def proposals_for(*targets, seed=0, **settings):
    return sample_proposals(
        targets,
        torch.ones(len(targets), dtype=torch.bool),
        ProposalSettings(**EXACT | settings),
        torch.Generator().manual_seed(seed),
    )


def test_without_errors_they_are_the_objects():
    proposed = proposals_for(target(BOXES), target(BOXES[:1]))
    torch.testing.assert_close(proposed.boxes[0], tensor(BOXES))
    assert proposed.is_padding.tolist() == [[False, False], [False, True]]


def test_objects_may_be_missed():
    assert proposals_for(target(BOXES), drop_rate=1.0) is None
    proposed = proposals_for(target(BOXES * 50), drop_rate=0.3)
    assert 60 <= proposed.boxes.shape[1] <= 80


def test_boxes_may_be_inexact():
    proposed = proposals_for(target(BOXES * 50), box_noise=0.2)
    change = (proposed.boxes[0] - tensor(BOXES * 50)).abs() / tensor([[0.1], [0.3]] * 50)
    assert 0.05 < float(change[:, :2].max()) <= 0.1 + 1e-5
    assert 0.1 < float(change[:, 2:].max()) <= 0.2 + 1e-5


def test_false_ones_have_the_sizes_of_objects_but_other_places():
    proposed = proposals_for(target([box(0.3, 0.3)]), drop_rate=1.0, false_positive_rate=1.0)
    assert proposed.boxes.shape == (1, 1, 4)
    assert float((proposed.boxes[0, 0, :2] - 0.3).abs().max()) > 0.05
    assert float(proposed.boxes[0, 0, 2:].max()) <= 0.1 + 1e-5


def test_boxes_are_cut_at_the_border():
    proposed = proposals_for(target([[0.0, 0.5, 0.2, 0.2]]))
    torch.testing.assert_close(proposed.boxes[0, 0], tensor([0.05, 0.5, 0.1, 0.2]))


def test_the_rate_decides_by_clip_and_draws_nothing_where_it_is_zero():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert sample_shown(3, ProposalSettings(), generator).tolist() == [False] * 3
    assert torch.equal(generator.get_state(), before)
    assert sample_shown(3, ProposalSettings(rate=1.0), generator).tolist() == [True] * 3
    assert 20 <= int(sample_shown(100, ProposalSettings(rate=0.3), generator).sum()) <= 40
    targets = [target(BOXES)]
    assert sample_proposals(targets, tensor([False]), ProposalSettings(**EXACT), generator) is None


def test_padded_proposals_are_never_matched():
    right = box(0.8, 0.5)
    padding = tensor([[False, False, True]])
    answer = output([[box(0.2, 0.2), box(0.4, 0.2), right]], padding=padding)
    index = match(answer, [target([right])], nobody_carried(), MatchingSettings())[0, 0].tolist()
    assert index in ([0, NO_OBJECT, PADDING], [NO_OBJECT, 0, PADDING])
    many = match(answer, [target([right] * 3)], nobody_carried(), MatchingSettings())[0, 0]
    assert int(many[2]) == PADDING


@pytest.mark.parametrize("checkpoint_frames", [False, True])
@pytest.mark.parametrize("model_type", ["rt_detr", "deimv2"])
def test_a_ragged_batch_with_proposals_learns(model_type, checkpoint_frames):
    settings = ClipLossSettings(
        TrackQuerySettings(carry_gradient=True, loss_frames="all"),
        MatchingSettings(),
        LossSettings(),
        checkpoint_frames,
        ProposalSettings(**EXACT),
    )
    model = tiny_model(model_type).train()
    clip = clip_of([*ONE, *TWO], [*TWO, target()])
    frames = []
    loss = clip_loss(
        model, clip, settings, torch.Generator().manual_seed(0), lambda count: count, frames.append
    )
    loss.total.backward()
    assert loss.total.isfinite()
    # Six own queries, and proposals for one object and for two.
    assert frames[0].output.is_padding[:, 6:].tolist() == [[False, True], [False, False]]
    assert (frames[0].target_index[:, 0, 7] == PADDING).all()
    assert all(
        parameter.grad is None or parameter.grad.isfinite().all()
        for parameter in model.parameters()
    )


def test_models_whose_queries_start_from_no_place_are_refused(tmp_path):
    settings = TrainingSettings.model_validate(
        {
            "output": tmp_path / "run",
            "sources": [{"synthetic": {}}],
            "model": {"detector": SIGMOID_DETR},
            "proposals": {"rate": 0.5},
        }
    )
    with pytest.raises(ConfigError, match="proposals: expected a model whose queries start from"):
        build_run(settings)
