"""What one frame hands to the next: who is carried, who is dropped, what is made up."""

import pytest
import torch
from torch import tensor

from trackformer.training.matching import match
from trackformer.training.queries.track_queries import (
    CarriedObjects,
    as_batch,
    augment,
    carried_targets,
    carry,
    expecting,
    nothing_carried,
)
from trackformer.training.settings import MatchingSettings, TrackQuerySettings
from trackformer.types import NO_OBJECT, PADDING
from training.worlds import box, nobody_carried, output, target

LEFT, MIDDLE, RIGHT, FAR = box(0.2, 0.5), box(0.5, 0.5), box(0.8, 0.5), box(0.5, 0.05)
PATIENT = TrackQuerySettings(patience=1)


def rows(*boxes, ids=None, displacements=None, missed=None) -> CarriedObjects:
    count = len(boxes)
    return CarriedObjects(
        track_ids=tensor(ids or range(1, count + 1), dtype=torch.long),
        boxes=tensor(boxes, dtype=torch.float).reshape(-1, 4),
        displacements=tensor(displacements or [[0.0, 0.0]] * count).reshape(-1, 2),
        embeddings=torch.arange(100.0, 100 + count)[:, None].repeat(1, 4),
        frames_missed=tensor(missed or [0] * count, dtype=torch.long),
        unseen_for=tensor(missed or [0] * count, dtype=torch.float),
    )


def index_of(answer, seen, carried=None):
    carried = nobody_carried() if carried is None else carried
    return match(answer, [seen], carried, MatchingSettings())[-1, 0]


class Story:
    """Some frames, one after the other (those of figures/training_story.py have their own test)."""

    def __init__(self, settings):
        self.settings = settings
        self.carried = nothing_carried(torch.zeros(1, 4))
        self.history = []

    def frame(self, answer, seen):
        asked = carried_targets([self.carried], [seen])
        index = index_of(answer, seen, asked)
        self.carried = carry(self.carried, answer, 0, index, seen, self.settings)
        self.history.append((asked[0].tolist(), index.tolist(), self.carried.track_ids.tolist()))
        return self


def test_without_patience_the_first_must_be_found_anew():
    story = Story(TrackQuerySettings(patience=0))
    story.frame(output([[LEFT, FAR]]), target([LEFT]))
    story.frame(output([[LEFT, FAR, FAR]], tracks=1), target())
    story.frame(output([[LEFT, FAR]]), target([LEFT]))
    assert [carried for _, _, carried in story.history] == [[1], [], [1]]
    assert story.history[2][1] == [0, NO_OBJECT]


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_a_lost_object_is_asked_for_patience_frames(patience):
    carried = rows(LEFT)
    settings = TrackQuerySettings(patience=patience)
    for frame in range(patience + 1):
        assert carried.frames_missed.tolist() == [frame]
        answer = output([[LEFT, FAR]], tracks=1)
        carried = carry(carried, answer, 0, tensor([NO_OBJECT, NO_OBJECT]), target(), settings)
    assert len(carried.track_ids) == 0


def test_a_lost_object_keeps_what_it_had():
    before = rows(LEFT, displacements=[[0.1, 0.0]])
    answer = output([[RIGHT, FAR]], tracks=1)
    after = carry(before, answer, 0, tensor([NO_OBJECT, NO_OBJECT]), target(), PATIENT)
    torch.testing.assert_close(after.boxes, before.boxes)
    torch.testing.assert_close(after.displacements, before.displacements)
    torch.testing.assert_close(after.embeddings, before.embeddings)


def test_a_found_object_gets_the_predicted_box_and_embedding():
    answer = output([[MIDDLE, FAR]], tracks=1)
    after = carry(rows(LEFT), answer, 0, tensor([0, NO_OBJECT]), target([RIGHT]), PATIENT)
    torch.testing.assert_close(after.boxes, tensor([MIDDLE]))
    assert after.embeddings.tolist() == [[0.0] * 4]  # of query 0


@pytest.mark.parametrize(("lost_score", "box_after", "missed"), [(0.4, MIDDLE, 0), (0.6, LEFT, 1)])
def test_an_unsure_answer_leaves_a_track_as_it_was(lost_score, box_after, missed):
    settings = TrackQuerySettings(lost_score=lost_score)
    answer = output([[MIDDLE, FAR]], tracks=1)  # scores of 0.5
    before = rows(LEFT, displacements=[[0.1, 0.0]])
    after = carry(before, answer, 0, tensor([0, NO_OBJECT]), target([RIGHT]), settings)
    torch.testing.assert_close(after.boxes, tensor([box_after]))
    assert (after.track_ids.tolist(), after.frames_missed.tolist()) == ([1], [missed])
    assert after.embeddings[0, 0] == (100 if missed else 0)


def test_a_new_object_is_carried_however_unsure():
    settings = TrackQuerySettings(lost_score=0.9)
    answer = output([[MIDDLE]])
    after = carry(
        nothing_carried(answer.embeddings), answer, 0, tensor([0]), target([MIDDLE]), settings
    )
    torch.testing.assert_close(after.boxes, tensor([MIDDLE]))
    assert after.frames_missed.tolist() == [0]


def test_displacement_is_measured_between_consecutive_sightings_only():
    found = tensor([0, 1, 2])
    answer = output([[MIDDLE, MIDDLE, MIDDLE]], tracks=2)
    before = rows(LEFT, LEFT, missed=[0, 1], displacements=[[0.0, 0.0], [0.7, 0.0]])
    after = carry(before, answer, 0, found, target([MIDDLE] * 3), PATIENT)
    expected = tensor([[0.3, 0.0], [0.7, 0.0], [0.0, 0.0]])  # seen, was lost, new
    torch.testing.assert_close(after.displacements, expected)
    assert after.frames_missed.tolist() == [0, 0, 0]


def test_displacement_is_smoothed_as_the_tracker_does():
    smoothing = TrackQuerySettings(motion_smoothing=0.7)
    before = rows(LEFT, displacements=[[0.1, 0.0]])
    after = carry(before, output([[MIDDLE]], tracks=1), 0, tensor([0]), target([MIDDLE]), smoothing)
    # 70 % of 0.1 and 30 % of 0.3.
    torch.testing.assert_close(after.displacements, tensor([[0.16, 0.0]]))


def test_padding_and_false_positives_are_never_lost_objects():
    before = rows(LEFT, RIGHT, ids=[NO_OBJECT, NO_OBJECT])
    answer = output([[LEFT, RIGHT, FAR]], tracks=2)
    after = carry(before, answer, 0, tensor([NO_OBJECT, PADDING, NO_OBJECT]), target(), PATIENT)
    assert len(after.track_ids) == 0


def test_carried_boxes_have_no_gradient_and_embeddings_only_if_asked():
    answer = output([[LEFT]])
    answer.boxes.requires_grad_()
    answer.embeddings.requires_grad_()
    before = nothing_carried(answer.embeddings)
    for gradient in (False, True):
        settings = TrackQuerySettings(carry_gradient=gradient)
        after = carry(before, answer, 0, tensor([0]), target([LEFT]), settings)
        assert not after.boxes.requires_grad
        assert after.embeddings.requires_grad == gradient


def test_broken_boxes_are_carried_as_finite_ones():
    answer = output([[[torch.nan, torch.inf, -1.0, 0.1]]])
    before = nothing_carried(answer.embeddings)
    after = carry(before, answer, 0, tensor([0]), target([LEFT]), PATIENT)
    assert after.boxes.isfinite().all()


def augmented(carried, answer, index, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    chosen = TrackQuerySettings(**{"drop_rate": 0, "false_positive_rate": 0} | settings)
    return augment(carried, answer, 0, tensor(index), chosen, generator)


@pytest.mark.parametrize("rate", [0.4, 0.9])
def test_every_object_is_dropped_with_the_rate_itself(rate):
    many = rows(*[LEFT] * 4000)
    kept = augmented(many, output([[FAR]]), [NO_OBJECT], drop_rate=rate)
    assert len(kept.track_ids) / 4000 == pytest.approx(1 - rate, abs=0.03)


@pytest.mark.parametrize(("rate", "kept"), [(0, [1, 2, 3]), (1, [])])
def test_rates_of_zero_and_one_are_exact(rate, kept):
    for seed in range(20):
        after = augmented(
            rows(LEFT, MIDDLE, RIGHT), output([[FAR]]), [NO_OBJECT], seed, drop_rate=rate
        )
        assert after.track_ids.tolist() == kept


def test_false_positives_are_unmatched_outputs_without_identity():
    answer = output([[LEFT, RIGHT]])
    after = augmented(rows(LEFT), answer, [0, NO_OBJECT], false_positive_rate=1)
    assert after.track_ids.tolist() == [1, NO_OBJECT]
    torch.testing.assert_close(after.boxes[1], tensor(RIGHT))
    assert after.embeddings[1].tolist() == [1.0] * 4  # of query 1
    assert carried_targets([after], [target([LEFT])]).tolist() == [[0, NO_OBJECT]]


def test_a_dropped_object_is_never_a_false_positive():
    for seed in range(20):
        after = augmented(
            rows(LEFT),
            output([[LEFT, FAR]]),
            [0, NO_OBJECT],
            seed,
            drop_rate=1,
            false_positive_rate=1,
        )
        torch.testing.assert_close(after.boxes, tensor([FAR]))


def test_track_queries_excused_queries_and_padding_are_no_false_positives():
    padding = tensor([[False, False, True, False]])
    answer = output([[LEFT, LEFT, LEFT, FAR]], tracks=1, padding=padding)
    after = augmented(
        rows(*[LEFT] * 9),
        answer,
        [NO_OBJECT, PADDING, NO_OBJECT, NO_OBJECT],
        false_positive_rate=1,
    )
    torch.testing.assert_close(after.boxes[9:], tensor([FAR]))


def test_near_false_positives_are_likelier_and_x_and_y_count_alike():
    beside, below = box(0.25, 0.5), box(0.2, 0.55)  # half a box away, to the right and down
    answer = output([[beside, below, FAR]])
    chosen = [
        augmented(rows(LEFT), answer, [NO_OBJECT] * 3, seed, false_positive_rate=1).embeddings[1, 0]
        for seed in range(600)
    ]
    beside_count, below_count, far_count = torch.stack(chosen).long().bincount(minlength=3).tolist()
    assert beside_count / below_count == pytest.approx(1, abs=0.25)
    assert far_count < beside_count / 3  # 0.05 against 1/3 + 0.05
    assert far_count > 0


def test_without_objects_nothing_is_made_up():
    none = nothing_carried(torch.zeros(1, 4))
    after = augmented(none, output([[LEFT]]), [NO_OBJECT], drop_rate=1, false_positive_rate=1)
    assert len(after.track_ids) == 0


def test_ragged_rows_become_one_batch():
    batch = as_batch([rows(LEFT, RIGHT), rows(MIDDLE), rows()], torch.zeros(3), lost_motion=0.0)
    assert batch.is_padding.tolist() == [[False, False], [False, True], [True, True]]
    torch.testing.assert_close(batch.boxes[1, 0], tensor(MIDDLE))
    assert batch.boxes.isfinite().all()
    assert batch.embeddings[2].eq(0).all()


def test_boxes_move_on_by_their_share_of_the_displacement():
    moving = rows(LEFT, displacements=[[0.1, -0.2]])
    batch = as_batch([moving, moving], tensor([0.5, 0.0]), lost_motion=0.0)
    torch.testing.assert_close(batch.boxes[0, 0], tensor([0.25, 0.4, 0.1, 0.1]))
    torch.testing.assert_close(batch.boxes[1, 0], tensor(LEFT))


def test_a_lost_object_is_looked_for_where_it_would_be_by_now():
    lost = rows(LEFT, displacements=[[0.1, 0.0]], missed=[2])
    going_on = as_batch([lost], tensor([1.0]), lost_motion=0.5).boxes[0, 0]
    # One frame at full speed and two at half: 0.2 and two times 0.1.
    torch.testing.assert_close(going_on, tensor([0.4, 0.5, 0.1, 0.1]))
    waiting = as_batch([lost], tensor([1.0]), lost_motion=0.0).boxes[0, 0]
    torch.testing.assert_close(waiting, tensor([0.3, 0.5, 0.1, 0.1]))


def test_where_frames_are_unevenly_apart_displacements_are_per_unit_of_time():
    # Frames at 0, 1 and 5: seen at 0.2 and 0.5, so 0.3 in one unit, and 4 units until it is asked.
    seen = expecting(rows(LEFT), 1.0)
    after = carry(seen, output([[MIDDLE]], tracks=1), 0, tensor([0]), target([MIDDLE]), PATIENT)
    torch.testing.assert_close(after.displacements, tensor([[0.3, 0.0]]))
    asked = as_batch([expecting(after, 4.0)], tensor([0.25]), lost_motion=0.0).boxes[0, 0]
    torch.testing.assert_close(asked, tensor([0.8, 0.5, 0.1, 0.1]))  # 0.5 + 0.25 * 4 * 0.3
    # Seen again after 4 units, 0.3 further: 0.075 in each.
    later = carry(
        expecting(rows(MIDDLE), 4.0),
        output([[RIGHT]], tracks=1),
        0,
        tensor([0]),
        target([RIGHT]),
        PATIENT,
    )
    torch.testing.assert_close(later.displacements, tensor([[0.075, 0.0]]))


def test_a_lost_object_was_unseen_for_all_the_time_that_has_passed():
    lost = expecting(rows(LEFT, displacements=[[0.1, 0.0]]), 3.0)
    nowhere = tensor([NO_OBJECT])
    after = carry(lost, output([[FAR]], tracks=1), 0, nowhere, target(), PATIENT)
    assert (after.frames_missed.tolist(), after.unseen_for.tolist()) == ([1], [3.0])
    asked = as_batch([expecting(after, 2.0)], tensor([1.0]), lost_motion=0.5).boxes[0, 0]
    # Two units at full speed, three at half of it: 0.2 + 0.15.
    torch.testing.assert_close(asked, tensor([0.55, 0.5, 0.1, 0.1]))


def test_targets_of_ragged_rows():
    index = carried_targets(
        [rows(LEFT, RIGHT, ids=[7, NO_OBJECT]), rows(LEFT, ids=[9])],
        [target([LEFT, RIGHT], ids=[8, 7]), target()],
    )
    assert index.tolist() == [[1, NO_OBJECT], [NO_OBJECT, PADDING]]
