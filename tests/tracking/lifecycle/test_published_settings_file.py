"""A published settings file says of our tracker what it says of the published one."""

from pathlib import Path

import pytest

from trackformer.errors import ConfigError
from trackformer.tracking.settings import TrackerSettings
from trackformer.verbs.flags.settings_file import changes_in


def written(folder: Path, text: str) -> Path:
    path = folder / "track.yaml"
    path.write_text(text)
    return path


def test_the_section_of_a_whole_file_is_translated(tmp_path: Path):
    text = "seed: 666\ntracker_cfg: {inactive_patience: 5, track_nms_thresh: 0, prev_frame_dist: 2}"
    changes = changes_in(written(tmp_path, text))
    assert changes["patience"] == 5
    assert changes["track_nms_iou"] is None
    assert changes["previous_frame_distance"] == 2
    assert (changes["motion"], changes["compatibility"]) == (0, "reference")


def test_a_score_above_1_switches_coming_back_by_score_off(tmp_path: Path):
    text = "inactive_patience: 5\nreid_score_thresh: 1.1\nreid_sim_threshold: 2.5"
    changes = changes_in(written(tmp_path, text))
    assert changes["reid_score"] == 1.1
    assert changes["reid_embedding_distance"] == 2.5
    assert TrackerSettings(**changes).reid_score == 1.1


def test_a_squared_distance_becomes_pixels(tmp_path: Path):
    text = "inactive_patience: 5\nreid_sim_threshold: 400\nreid_greedy_matching: true"
    assert changes_in(written(tmp_path, text))["reid_center_distance"] == 20


def test_what_has_no_equal_here_is_refused_by_name(tmp_path: Path):
    path = written(tmp_path, "tracker_cfg: {reid_sim_only: true}")
    with pytest.raises(ConfigError, match=r"track\.yaml: reid_sim_only: true has no equal here"):
        changes_in(path)


def test_an_unknown_published_name_is_refused_with_the_nearest(tmp_path: Path):
    path = written(tmp_path, "tracker_cfg: {inactive_patienc: 5}")
    with pytest.raises(ConfigError, match="did you mean 'inactive_patience'"):
        changes_in(path)


def test_our_own_names_are_read_as_before(tmp_path: Path):
    assert changes_in(written(tmp_path, "patience: 3")) == {"patience": 3}
