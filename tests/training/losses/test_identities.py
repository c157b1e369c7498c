"""The loss that parts people: what it asks of which embeddings, and that it is off by default."""

import math

import pytest
import torch

from synthetic_videos import write_crossing
from tiny_models import tiny_model, tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.errors import ConfigError
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.losses.identities import IdentityLoss, contrastive_losses, sightings
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import (
    IdentitySettings,
    LossSettings,
    MatchingSettings,
    TrackQuerySettings,
    TrainingSettings,
)
from trackformer.training.watching.observation import ObservedFrame
from trackformer.types import NO_OBJECT, Images
from training.test_clip_loss import TWO, clip_of
from training.worlds import box, output

ALONG_X, ALONG_Y = [1.0, 0.0], [0.0, 1.0]


def losses(projected, track_ids, frames, temperature=1.0) -> list[float]:
    rows = torch.tensor(projected).view(-1, 2)
    whose, when = torch.tensor(track_ids), torch.tensor(frames)
    return contrastive_losses(rows, whose.long(), when.long(), temperature).tolist()


def test_an_own_sighting_must_be_more_similar_than_those_of_others():
    # Similarities: 1 to the own one, 0 to the other one.
    expected = -math.log(math.e / (math.e + 1))
    found = losses([ALONG_X, ALONG_X, ALONG_Y], [1, 1, 2], [0, 1, 1])
    assert found == pytest.approx([expected, expected])


def test_a_smaller_temperature_looks_at_the_nearest_only():
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    found = losses([ALONG_X, ALONG_X, ALONG_Y], [1, 1, 2], [0, 1, 1], temperature=0.5)
    assert found == pytest.approx([expected, expected])


def test_two_people_who_look_the_same_cost_one_bit():
    assert losses([ALONG_X] * 3, [1, 1, 2], [0, 1, 1]) == pytest.approx([math.log(2)] * 2)


def test_further_sightings_of_the_same_person_are_no_others():
    assert losses([ALONG_X, ALONG_X, ALONG_Y], [1, 1, 1], [0, 1, 2]) == [0.0, 0.0, 0.0]


def test_who_is_seen_once_has_nothing_to_be_joined_with():
    assert losses([ALONG_X, ALONG_Y], [1, 2], [0, 1]) == []
    assert losses([], [], []) == []


def same(count: torch.Tensor) -> torch.Tensor:
    """The mean over one process."""
    return count


def test_only_queries_that_found_their_object_are_its_sightings():
    first, second = TWO[0].boxes.tolist()
    answers = output([[second, box(0.9, 0.9), first]])
    # The middle query had to find the first object, and lies elsewhere; the last found nothing.
    index = torch.tensor([[[1, 0, NO_OBJECT]]])
    images = Images.from_list([torch.zeros(3, 8, 8)])
    seen = sightings([ObservedFrame(images, (TWO[0],), None, answers, index)], image=0)
    assert torch.equal(seen.embeddings, answers.embeddings[0, :1])
    assert seen.track_ids.tolist() == [TWO[0].track_ids[1].item()]
    assert seen.frames.tolist() == [0]


def test_the_loss_of_a_clip_has_one_more_term_and_moves_the_embeddings():
    settings = ClipLossSettings(
        TrackQuerySettings(loss_frames="all", carry_gradient=True, drop_rate=0),
        MatchingSettings(),
        LossSettings(),
    )
    model, clip = tiny_model().train(), clip_of(TWO, TWO)
    identities = IdentityLoss(IdentitySettings(weight=2.0), model.embedding_size)
    plain, more = (
        clip_loss(model, clip, settings, torch.Generator().manual_seed(0), same, identities=each)
        for each in (None, identities)
    )
    assert "identities" not in plain.terms
    torch.testing.assert_close(more.total, plain.total + more.terms["identities"])
    more.total.backward()
    assert all(weight.grad is not None for weight in identities.parameters())


def test_a_negative_weight_is_refused():
    with pytest.raises(ConfigError, match="weight"):
        IdentitySettings(weight=-1)


def test_a_run_that_parts_people_resumes_to_the_bit_and_its_weights_file_is_no_larger(tmp_path):
    video = str(write_crossing(tmp_path / "crossing", num_frames=6))

    def run(name, steps, *, resume=False):
        recipe = {
            "output": str(tmp_path / name),
            "sources": [{"path": video}],
            "model": tiny_settings().model_dump(mode="json"),
            "batch_size": 1,
            "clips": {"canvas": [64, 96]},
            "identities": {"weight": 1.0, "projection_size": 8},
            "track_queries": {"swap_rate": 0.5, "loss_frames": "all"},
            "optimizer": {"steps": steps, "warmup_steps": 1, "schedule": "constant"},
            "workers": 0,
        }
        return train(TrainingSettings.model_validate(recipe), resume=resume)

    whole, parts = run("whole", 2), run("parts", 1)
    run("parts", 2, resume=True)
    expected, found = (load_state(each / "last.pt").identities for each in (whole, parts))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert expected["projection.2.bias"].shape == (8,)
    weights = load_model(parts / "last.safetensors").state_dict()
    assert not any("projection.2" in name for name in weights)
    same = load_model(whole / "last.safetensors").state_dict()
    assert all(torch.equal(weights[name], same[name]) for name in same)
