"""Several trackers whose queries share a decoder pass."""

import pytest
import torch

from tiny_models import tiny_model
from trackformer.predictions import predictions_of
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks, select_tracks
from trackformer.tracking.query_batch import answers_apart, ask_together
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import Images

PLAIN = TrackerSettings(motion=0)


@pytest.fixture(scope="module")
def model():
    return tiny_model("rt_detr")


def tracks_of(model, count: int) -> Tracks:
    """`count` tracks from the first object queries of an image."""
    from trackformer.tracking.lifecycle.tracks import add_births

    found = predictions_of(model(image()))
    everything = add_births(no_tracks(model.embedding_size), found, torch.arange(count))
    return select_tracks(everything, torch.arange(count))


def image() -> Images:
    return Images.from_list([torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))])


def test_rows_are_padded_to_the_most_tracks(model):
    states = [tracks_of(model, 3), tracks_of(model, 1), no_tracks(model.embedding_size)]
    asked = ask_together(states, [PLAIN] * 3, "cpu")
    assert asked.is_padding.tolist() == [
        [False, False, False],
        [False, True, True],
        [True, True, True],
    ]


def test_more_slots_may_be_asked_for(model):
    asked = ask_together([tracks_of(model, 3)], [PLAIN], "cpu", slots=5)
    assert asked.is_padding.tolist() == [[False, False, False, True, True]]


def test_each_tracker_gets_what_it_gets_alone(model):
    states = [tracks_of(model, 3), tracks_of(model, 1), no_tracks(model.embedding_size)]
    with torch.inference_mode():
        batch = Images.from_list([image().pixels[0]] * 3)
        together = model(batch, ask_together(states, [PLAIN] * 3, "cpu"))
        for state, answer in zip(states, answers_apart(together, states), strict=True):
            alone = predictions_of(model(image(), as_track_queries(state, PLAIN)))
            assert answer.boxes.shape == alone.boxes.shape
            torch.testing.assert_close(answer.boxes, alone.boxes, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(answer.scores, alone.scores, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(answer.embeddings, alone.embeddings, atol=1e-4, rtol=1e-3)
