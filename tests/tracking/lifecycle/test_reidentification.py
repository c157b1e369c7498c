"""Lost tracks found again by new detections, by embedding or by place."""

import pytest
import torch
from torch import tensor

from trackformer.config import settings_from
from trackformer.errors import ConfigError
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, no_tracks
from trackformer.tracking.settings import TrackerSettings

IMAGE_SIZE = (100, 100)
PLAIN = TrackerSettings(birth_score=0.5, keep_score=0.5, reid_score=0.9, patience=3)
BY_EMBEDDING = PLAIN.model_copy(update={"reid_embedding_distance": 2.0})
BY_CENTER = PLAIN.model_copy(update={"reid_center_distance": 8.0})
REFERENCE = {"compatibility": "reference"}
OLD, LOW = (0.9, 20.0, 0.0), (0.1, 20.0, 0.0)


def predictions(*queries: tuple, labels: list[int] | None = None) -> Predictions:
    """Queries are (score, centre x in pixels, embedding); boxes are 10 x 10 pixels."""
    return Predictions(
        scores=tensor([query[0] for query in queries]),
        labels=tensor(labels or [0] * len(queries)),
        boxes=tensor([[query[1] / 100, 0.5, 0.1, 0.1] for query in queries]),
        embeddings=tensor([[query[2]] for query in queries]),
    )


def after(settings: TrackerSettings, *frames: Predictions) -> Tracks:
    tracks = no_tracks(1)
    for frame in frames:
        tracks = advance(tracks, frame, settings, IMAGE_SIZE)
    return tracks


def seen(tracks: Tracks) -> list[int]:
    return tracks.ids[tracks.frames_missed == 0].tolist()


def test_a_detection_with_a_near_embedding_brings_a_track_back():
    lost = predictions(OLD), predictions(LOW)
    near, far = predictions(LOW, (0.8, 70.0, 2.0)), predictions(LOW, (0.8, 70.0, 2.1))
    back = after(BY_EMBEDDING, *lost, near)
    assert (back.ids.tolist(), seen(back), back.num_reidentified) == ([1], [1], 1)
    torch.testing.assert_close(back.boxes, tensor([[0.7, 0.5, 0.1, 0.1]]))
    assert back.embeddings.tolist() == [[2.0]]
    assert seen(after(BY_EMBEDDING, *lost, far)) == [2]
    assert seen(after(PLAIN, *lost, near)) == [2]


def test_it_comes_back_in_the_frame_where_its_query_loses_it():
    tracks = after(BY_EMBEDDING, predictions(OLD), predictions(LOW, (0.8, 23.0, 1.0)))
    assert (tracks.ids.tolist(), seen(tracks)) == ([1], [1])
    # Seen in both frames: its displacement is known.
    torch.testing.assert_close(tracks.displacements, tensor([[0.03, 0.0]]))


def test_embeddings_are_assigned_with_the_least_sum():
    begin = predictions((0.9, 20.0, 0.0), (0.9, 80.0, 1.0))
    again = predictions((0.1, 20.0, 0.0), (0.1, 80.0, 0.0), (0.8, 40.0, 1.5), (0.8, 60.0, 0.5))
    tracks = after(BY_EMBEDDING, begin, again)
    assert (tracks.ids.tolist(), tracks.embeddings[:, 0].tolist()) == ([1, 2], [0.5, 1.5])


def test_pairs_too_far_apart_do_not_displace_possible_ones():
    begin = predictions((0.9, 20.0, 0.0), (0.9, 80.0, 3.0))
    # Distances of track 1: 2.0, 5.5; of track 2: 1.0, 2.5. The least sum has 2.5, which is too far.
    again = predictions((0.1, 20.0, 0.0), (0.1, 80.0, 0.0), (0.8, 40.0, 2.0), (0.8, 60.0, 5.5))
    assert seen(after(BY_EMBEDDING, begin, again)) == [2, 3]
    assert seen(after(BY_EMBEDDING.model_copy(update=REFERENCE), begin, again)) == [1, 3]


def test_a_near_detection_brings_a_track_back():
    lost = predictions(OLD), predictions(LOW)
    assert seen(after(BY_CENTER, *lost, predictions(LOW, (0.8, 28.0, 9.0)))) == [1]
    assert seen(after(BY_CENTER, *lost, predictions(LOW, (0.8, 28.5, 9.0)))) == [2]


def test_nearness_also_means_the_size_of_the_boxes():
    # Boxes of 10 x 10 pixels reach 10 pixels far, whatever the setting says.
    wide = BY_CENTER.model_copy(update={"reid_center_distance": 50.0})
    lost = predictions(OLD), predictions(LOW)
    assert seen(after(wide, *lost, predictions(LOW, (0.8, 29.9, 9.0)))) == [1]
    assert seen(after(wide, *lost, predictions(LOW, (0.8, 30.5, 9.0)))) == [2]


def test_the_published_code_looks_at_the_size_of_the_boxes_only():
    published = BY_CENTER.model_copy(update=REFERENCE)
    tracks = after(published, predictions(OLD), predictions(LOW), predictions(LOW, (0.8, 29.5, 9)))
    assert seen(tracks) == [1]


def test_each_detection_brings_one_track_back():
    settings = BY_CENTER.model_copy(update={"track_nms_iou": None, "birth_nms_iou": None})
    begin = predictions((0.9, 20.0, 0.0), (0.9, 24.0, 0.0))
    low = (0.1, 20.0, 0.0)
    tracks = after(settings, begin, predictions(low, low), predictions(low, low, (0.8, 23.0, 0)))
    assert (seen(tracks), tracks.ids.tolist()) == ([1], [1, 2])


@pytest.mark.parametrize("settings", [BY_EMBEDDING, BY_CENTER])
def test_only_an_object_of_the_same_class_comes_back(settings: TrackerSettings):
    other = predictions(LOW, (0.8, 20.0, 0.0), labels=[0, 1])
    assert seen(after(settings, predictions(OLD), predictions(LOW), other)) == [2]


@pytest.mark.parametrize("settings", [BY_EMBEDDING, BY_CENTER])
def test_a_second_detection_of_a_seen_object_brings_nobody_back(settings: TrackerSettings):
    begin = predictions((0.9, 20.0, 0.0), (0.9, 26.0, 0.0))
    again = predictions((0.1, 20.0, 0.0), (0.9, 26.0, 0.0), (0.8, 26.0, 0.0))
    assert seen(after(settings, begin, again)) == [2]
    # The published tracker re-identifies first and looks for duplicates afterwards.
    published = settings.model_copy(update={**REFERENCE, "birth_nms_iou": None})
    assert seen(after(published, begin, again)) == [2, 1]


def test_embeddings_that_are_no_numbers_bring_nobody_back():
    broken = predictions(LOW, (0.8, 70.0, torch.nan))
    assert seen(after(BY_EMBEDDING, predictions(OLD), predictions(LOW), broken)) == [2]


def test_both_distances_at_once_are_refused():
    both = {"reid_embedding_distance": 1, "reid_center_distance": 1}
    with pytest.raises(ConfigError, match="at most one of reid_embedding_distance"):
        settings_from(TrackerSettings, both, "settings")
