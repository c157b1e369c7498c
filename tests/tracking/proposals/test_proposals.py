"""Another detector's boxes: which are asked about, and that tracks may begin there."""

from pathlib import Path

import numpy as np
import pytest
import supervision
import torch
from torch import tensor

from tiny_models import tiny_model
from trackformer.errors import DataError
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import no_tracks
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.proposals.places import (
    FileProposals,
    places_in,
    propose_together,
    read_proposals,
    untracked,
)
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.streams import track_streams
from trackformer.video.frames import Frame, FrameSource

# Random models are sure of nothing: every query is a track at once.
EAGER = TrackerSettings(
    birth_score=0, keep_score=0, reid_score=0, track_nms_iou=None, birth_nms_iou=None
)
NUM_OWN = 6
"""Object queries of the tiny models."""


@pytest.fixture(scope="module")
def model():
    return tiny_model("deimv2")


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def seen(*boxes_xyxy: list[float]) -> supervision.Detections:
    return supervision.Detections(xyxy=np.array(boxes_xyxy, dtype=np.float64).reshape(-1, 4))


LEFT, RIGHT = [8.0, 6.0, 24.0, 30.0], [40.0, 15.0, 60.0, 45.0]


def test_places_are_relative_to_the_frame_and_cut_at_its_borders():
    places = places_in(seen(LEFT, [60, 30, 100, 90]), (60, 80))
    expected = [[0.2, 0.3, 0.2, 0.4], [0.875, 0.75, 0.25, 0.5]]
    torch.testing.assert_close(places, tensor(expected))


def test_boxes_without_area_inside_the_frame_are_no_places():
    nowhere = seen([5, 5, 5, 20], [20, 20, 10, 30], [90, 5, 95, 10], [0, 0, 0, 0])
    assert places_in(nowhere, (60, 80)).shape == (0, 4)
    assert places_in(supervision.Detections.empty(), (60, 80)).shape == (0, 4)


def test_a_box_that_is_not_finite_is_refused():
    message = r"proposals: expected finite boxes, got \[0\.0, 0\.0, nan, 5\.0\] in row 1"
    proposals = seen(LEFT, [0, 0, 5, 5])
    proposals.xyxy[1, 2] = np.nan
    with pytest.raises(DataError, match=message):
        places_in(proposals, (60, 80))


def test_where_a_track_is_asked_nothing_is_proposed():
    places = tensor([[0.5, 0.5, 0.2, 0.2], [0.8, 0.5, 0.2, 0.2]])
    born = Predictions(
        scores=torch.ones(1),
        labels=torch.zeros(1, dtype=torch.long),
        boxes=tensor([[0.5, 0.5, 0.2, 0.3]]),  # overlaps the first by 2/3
        embeddings=torch.zeros(1, 4),
    )
    track = advance(no_tracks(4), born, EAGER)
    for most, left in ((0.5, places[1:]), (0.7, places), (None, places)):
        settings = EAGER.model_copy(update={"proposal_iou": most})
        assert untracked(places, track, settings).tolist() == left.tolist()
    assert untracked(places, no_tracks(4), EAGER).tolist() == places.tolist()


def test_images_with_fewer_proposals_are_padded():
    two, one = torch.full((2, 4), 0.1), torch.full((1, 4), 0.2)
    cpu = torch.device("cpu")
    together = propose_together([two, None, one], cpu)
    assert together.is_padding.tolist() == [[False, False], [True, True], [False, True]]
    assert together.boxes[2, 0].tolist() == one[0].tolist()
    assert propose_together([two], cpu, slots_of=8).boxes.shape == (1, 8, 4)
    assert propose_together([None, two[:0]], cpu) is None


def test_a_file_counts_from_one_and_its_scores_decide(tmp_path: Path):
    lines = ["1,-1,11,21,5,6,0.9,-1,-1,-1", "1,-1,1,1,5,6,0.2,-1,-1,-1"]
    (tmp_path / "det.txt").write_text("\n".join(lines))
    proposals = read_proposals(tmp_path / "det.txt", min_score=0.3)
    assert proposals.in_frame(Frame(picture(), 0, None)).xyxy.tolist() == [[10, 20, 15, 26]]
    assert len(proposals.in_frame(Frame(picture(), 1, None))) == 0
    with pytest.raises(DataError, match="no such file"):
        read_proposals(tmp_path / "no.txt", min_score=0.3)


def test_a_track_may_begin_at_a_proposal(model):
    alone = Tracker(model, EAGER).update(picture())
    asked = Tracker(model, EAGER).update(picture(), proposals=seen(LEFT, RIGHT))
    assert len(alone) == NUM_OWN
    assert asked.track_ids.tolist() == list(range(1, NUM_OWN + 3))
    none = Tracker(model, EAGER).update(picture(), proposals=seen())
    torch.testing.assert_close(none.boxes_xyxy, alone.boxes_xyxy)


def test_the_model_decides_whether_it_begins(model):
    sure = EAGER.model_copy(update={"birth_score": 1.0})
    assert len(Tracker(model, sure).update(picture(), proposals=seen(LEFT, RIGHT))) == 0


def test_a_tracked_place_is_not_proposed_again(model):
    tracker = Tracker(model, EAGER)
    found = tracker.update(picture(0), proposals=seen(LEFT))
    again = supervision.Detections(xyxy=found.boxes_xyxy.clamp(min=0).numpy())
    still = EAGER.model_copy(update={"motion": 0.0})
    tracker.settings = still
    assert len(tracker.update(picture(1), proposals=again)) == 2 * NUM_OWN + 1
    everywhere = Tracker(model, still.model_copy(update={"proposal_iou": None}))
    found = everywhere.update(picture(0), proposals=seen(LEFT))
    num_places = len(places_in(again, (60, 80)))
    found = everywhere.update(picture(1), proposals=again)
    assert len(found) == 2 * NUM_OWN + 1 + num_places


def test_streams_with_proposals_are_as_each_alone(model):
    proposals = [seen(LEFT, RIGHT), None, seen(RIGHT)]
    together, alone = ([Tracker(model, EAGER) for _ in proposals] for _ in range(2))
    for step in range(2):
        frames = [prepare_frame(model, picture(step + 5 * stream)) for stream in range(3)]
        places = [None if own is None else places_in(own, (60, 80)) for own in proposals]
        found = update_together(model, together, frames, slots_of=4, places=places)
        for stream, tracker in enumerate(alone):
            expected = tracker.update(frames[stream], proposals=proposals[stream])
            assert found[stream].track_ids.tolist() == expected.track_ids.tolist()
            torch.testing.assert_close(
                found[stream].boxes_xyxy, expected.boxes_xyxy, atol=0.05, rtol=1e-2
            )


def test_a_proposal_that_cannot_be_used_ends_its_stream_alone(model, tmp_path: Path):
    def frames():
        for index in range(2):
            yield Frame(picture(index), index, None)

    sources = [FrameSource(name, 25.0, 2, frames(), release=lambda: None) for name in "ab"]

    class Broken:
        def in_frame(self, frame: Frame) -> supervision.Detections:
            if frame.frame_index == 1:
                raise DataError("expected finite boxes")
            return seen(LEFT)

    proposals = [FileProposals({}), Broken()]
    good, bad = track_streams(
        model, sources, tmp_path, EAGER, proposals=proposals, write_video=False
    )
    assert (good.num_frames, good.broken_off) == (2, None)
    assert bad.num_frames == 1
    assert bad.broken_off == "expected finite boxes"
