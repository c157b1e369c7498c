"""Synthetic scenes: each skill does what its name says, and the truth about it is exact."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from trackformer.data.synthetic import roles
from trackformer.data.synthetic.build import build_scene
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.people import sample_person
from trackformer.data.synthetic.render import render
from trackformer.data.synthetic.scene import Actor, Scene
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.data.synthetic.skills import GRADES, SceneNumbers
from trackformer.data.synthetic.sprites import STANDING, texture_of

FRAMES = 40
DIFFICULTIES = range(1, 6)


@dataclass(frozen=True)
class Block:
    """A square that fills its whole height: pixels can be counted by hand."""

    width: float = 1.0
    num_phases: int = 1
    stride: float = 1.0

    def draw(self, canvas, phase):
        canvas.polygon([(-0.5, 0.0), (0.5, 0.0), (0.5, 1.0), (-0.5, 1.0)], (255, 255, 255))


def settings(skill, difficulty=3, **changes) -> SyntheticSettings:
    small = {"frames": FRAMES, "size": (96, 160), "sequences": 1}
    return SyntheticSettings(skill=skill, difficulty=difficulty, **small | changes)


def scene(skill, difficulty=3, **changes) -> Scene:
    return build_scene(settings(skill, difficulty, **changes), 0)


def frames(skill, difficulty=3, **changes):
    shown = scene(skill, difficulty, **changes)
    return [render(shown, index) for index in range(shown.num_frames)]


def column(actor: Actor) -> np.ndarray:
    return np.array([actor.trajectory.feet(time)[0] for time in range(FRAMES)])


def pairs_of(shown: Scene) -> list[tuple[Actor, Actor]]:
    return list(zip(shown.actors[::2], shown.actors[1::2], strict=True))


def num_swaps(first: Actor, second: Actor) -> int:
    side = np.sign(column(first) - column(second))
    return int(np.count_nonzero(np.diff(side[side != 0])))


def blocks(*places, camera=(0.0, 0.0, 1.0)) -> Scene:
    """Squares of 20 pixels with their feet at `places`, over black, 100 pixels wide, 60 high."""
    actors = tuple(
        Actor(number, "shape", Block(), roles.standing(float(x), float(y), 1), 20.0)
        for number, (x, y) in enumerate(places, start=1)
    )
    dark = np.zeros((90, 150, 3), dtype=np.uint8)
    return Scene((60, 100), dark, actors, np.array([camera]), np.ones((1, 3)), np.zeros((1, 2)))


def test_boxes_are_those_of_the_whole_objects_and_visibility_counts_pixels():
    frame = render(blocks((30, 40), (40, 41)), 0)
    assert np.allclose(frame.boxes_xyxy, [[20, 20, 40, 40], [30, 21, 50, 41]], atol=0.5)
    # The second is in front: it hides 10 x 19 of the first's 20 x 20 pixels.
    assert frame.visibility == pytest.approx([1 - 190 / 400, 1], abs=0.06)
    assert frame.mask(2).sum() == pytest.approx(400, abs=40)
    assert (frame.shown_ids > 0).sum() == pytest.approx(610, abs=60)


def test_what_the_image_cuts_off_counts_as_hidden():
    frame = render(blocks((0, 40), (-30, 40)), 0)
    assert frame.track_ids.tolist() == [1]
    assert np.allclose(frame.boxes_xyxy, [[-10, 20, 10, 40]], atol=0.5)
    assert frame.visibility == pytest.approx([0.5], abs=0.06)


def test_zoom_and_pan_move_pixels_and_boxes_together():
    # Zoom 2 about the image's middle (50, 30), which shows what was 10 pixels to its right.
    frame = render(blocks((60, 40), camera=(10.0, 0.0, 2.0)), 0)
    assert np.allclose(frame.boxes_xyxy, [[30, 10, 70, 50]], atol=0.7)
    rows, columns = np.nonzero(frame.pixels[..., 0] > 127)
    assert [columns.min(), rows.min()] == pytest.approx([30, 10], abs=1)
    assert [columns.max() + 1, rows.max() + 1] == pytest.approx([70, 50], abs=1)


def test_a_walking_person_is_as_large_as_its_box():
    for frame in frames("plain", size=(192, 320))[::7]:
        for box, identity in zip(frame.boxes_xyxy, frame.track_ids.tolist(), strict=True):
            rows, columns = np.nonzero(frame.mask(identity))
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert found == pytest.approx(box.tolist(), abs=1.5)


def test_a_frame_depends_on_the_seed_and_its_number_alone():
    wanted = settings("mixed", seed=5)
    forwards = [render(build_scene(wanted, 0), index) for index in range(6)]
    build_scene.cache_clear()
    texture_of.cache_clear()
    backwards = [render(build_scene(wanted, 0), index) for index in reversed(range(6))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert (one.pixels == other.pixels).all()
        assert (one.boxes_xyxy == other.boxes_xyxy).all()
    assert (render(scene("mixed", seed=6), 0).pixels != forwards[0].pixels).any()


def test_a_skill_changes_only_its_own_numbers():
    plain = SceneNumbers()
    for skill, grades in GRADES.items():
        for name, values in grades.items():
            assert len(values) == 5
            assert name in SceneNumbers.__dataclass_fields__, skill
    assert (plain.pairs, plain.zoom, plain.empty_share) == (0, 1.0, 0.0)


def test_walkers_of_a_plain_scene_are_never_hidden():
    for difficulty in DIFFICULTIES:
        for frame in frames("plain", difficulty)[::5]:
            assert frame.visibility.tolist() == [1.0] * (difficulty + 1)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_two_who_cross_change_sides_exactly_once(difficulty):
    shown = scene("crossing", difficulty)
    assert len(shown.actors) == 2 * difficulty
    assert [num_swaps(*pair) for pair in pairs_of(shown)] == [1] * difficulty


def test_one_who_crosses_hides_the_other():
    for frame in frames("crossing", 1, seed=3):
        assert frame.track_ids.tolist() == [1, 2]
    assert min(frame.visibility.min() for frame in frames("crossing", 1, seed=3)) < 0.6


def test_lookalikes_have_the_same_pixels():
    pairs = pairs_of(scene("lookalikes", 2))
    assert all(first.sprite == second.sprite for first, second in pairs)
    assert pairs[0][0].sprite != pairs[1][0].sprite
    first, second = (texture_of(actor.sprite, 3, 50) for actor in pairs[0])
    assert (first.pixels == second.pixels).all()
    assert len({actor.sprite for actor in scene("lookalikes", 3).actors}) == 1


def test_half_of_the_difficult_lookalikes_turn_back():
    swaps = [num_swaps(*pair) for pair in pairs_of(scene("lookalikes", 4))]
    assert sorted(swaps) == [0, 0, 1, 1]


def test_behind_a_wide_wall_somebody_disappears_and_keeps_the_id():
    seen = [frame.visibility for frame in frames("occlusion", 5, frames=60)]
    assert all(len(visibility) == 4 for visibility in seen)
    hidden = np.stack(seen) == 0
    assert hidden.any()
    assert not hidden.all(axis=0).any()


@pytest.mark.parametrize("difficulty", [1, 4])
def test_who_leaves_comes_back_with_the_same_id(difficulty):
    away = GRADES["reentry"]["away_frames"][difficulty - 1]
    present = [set(frame.track_ids.tolist()) for frame in frames("reentry", difficulty)]
    # Number 1 stays; of the others, each is away once.
    for identity in range(2, 2 + difficulty):
        is_there = np.array([identity in ids for ids in present])
        assert is_there[0]
        assert is_there[-1]
        assert (~is_there).sum() >= away
        assert np.count_nonzero(np.diff(is_there)) == 2


def test_half_of_the_difficult_ones_come_back_on_the_other_side():
    paths = [actor.trajectory for actor in scene("reentry", 4).actors[1:]]
    outside = [[x for x in path.xs if not 0 <= x <= 160] for path in paths]
    assert sum((xs[0] < 0) != (xs[-1] < 0) for xs in outside) == 2


def test_who_leaves_for_good_is_followed_by_somebody_new():
    present = [set(frame.track_ids.tolist()) for frame in frames("exits", 3)]
    first, last = present[0], present[-1]
    assert len(first) == len(last) == 4
    assert first & last == {1}


def test_walkers_stand_still_for_as_long_as_asked():
    for actor in scene("stops", 1).actors:
        still = [not actor.trajectory.is_moving(time) for time in range(FRAMES)]
        assert sum(still) == 5
        steps = [b - a for a, b in pairwise(column(actor))]
        assert sum(step == 0 for step in steps) >= 4


def test_empty_frames_are_in_the_middle_and_others_come_after_them():
    counts = [len(frame.track_ids) for frame in frames("empty", 3)]
    empty = [index for index, count in enumerate(counts) if count == 0]
    assert FRAMES / 2 <= len(empty) <= FRAMES / 2 + 8
    assert empty == list(range(empty[0], empty[-1] + 1))
    shown = scene("empty", 3)
    before, after = render(shown, 0), render(shown, FRAMES - 1)
    assert not set(before.track_ids) & set(after.track_ids)


def test_a_crowd_is_many_and_small_people_are_small():
    assert [len(scene("crowd", grade).actors) for grade in DIFFICULTIES] == [8, 12, 18, 26, 36]
    heights = [max(actor.height for actor in scene("small", grade).actors) for grade in (1, 5)]
    assert 0 < heights[1] < heights[0] / 3 < 0.16 * 96 / 3


def test_other_classes_are_objects_only_where_they_are_asked_for():
    everything = settings("classes", 1, class_names=("person", "vehicle", "shape"))
    frame = synthetic_data(everything).sequences[0].frames[0]
    assert sorted(frame.labels.tolist()) == [0, 0, 1, 2]
    people = synthetic_data(settings("classes", 1)).sequences[0].frames[0]
    assert people.labels.tolist() == [0, 0]
    assert len(people.other_boxes_xyxy) == 2
    assert (people.pixels == frame.pixels).all()


def test_light_and_blur_change_pixels_and_no_box():
    plain, changed = frames("plain", 3), [frames("lighting", 3), frames("blur", 3)]
    brightness = [frame.pixels.mean() for frame in changed[0]]
    assert max(brightness) > 1.5 * min(brightness)
    sharpness = [np.abs(np.diff(frame.pixels.astype(int), axis=1)).mean() for frame in changed[1]]
    assert max(sharpness) > 1.3 * min(sharpness)
    counts = {len(frame.track_ids) for sequence in (plain, *changed) for frame in sequence}
    assert counts == {4}


def test_the_camera_moves_what_stands_still():
    shown = scene("camera", 3)
    assert np.ptp(shown.camera, axis=0)[2] > 0.1
    assert (scene("plain", 3).camera == [0, 0, 1]).all()


def test_people_walk_with_their_feet_on_the_ground_and_stand_on_both_legs():
    person = sample_person(np.random.default_rng(0))
    standing = texture_of(person, STANDING, 100)
    widths = [np.subtract(*texture_of(person, phase, 100).extent[2::-2]) for phase in range(12)]
    assert max(widths) > 1.4 * (standing.extent[2] - standing.extent[0])
    for phase in range(12):
        assert texture_of(person, phase, 100).extent[3] == pytest.approx(0, abs=0.06)


def test_whoever_comes_back_on_the_other_side_does_not_walk_through_the_image():
    stage = roles.Stage(width=100.0, num_frames=50, margin=5.0)
    path = roles.returning((1, -1), (10.0, 30.0), 40.0, 2.0, stage)
    assert path.feet(10) == (105.0, 40.0)
    assert path.feet(20)[1] > 1000
    assert path.feet(30) == (-5.0, 40.0)
    assert path.feet(50) == (35.0, 40.0)


def test_pacing_turns_at_the_ends_and_waits_at_stops():
    path = roles.pacing((10.0, 5.0), (0.0, 20.0), 2.0, 30, stops=[(3.0, 4.0)])
    # To 16 by frame 3, still until 7, at the right end by 9, at the left one by 19.
    assert [path.feet(time)[0] for time in (0, 3, 7, 9, 14, 19, 24)] == [10, 16, 16, 20, 10, 0, 10]
    assert [path.direction(time) for time in (5, 8, 10, 20)] == [1, 1, -1, 1]
