"""The search for tracker settings, on a crossing of two objects and a tiny random model."""

import numpy as np
import pytest
import yaml

from synthetic_videos import write_crossing
from tiny_models import tiny_model
from trackformer.cli import run
from trackformer.data.formats.mot.reading import read_mot
from trackformer.data.results import result_of
from trackformer.errors import ConfigError
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.evaluation.trials.model_scores import track_sequence
from trackformer.evaluation.trials.search_space import RANGES, Grid, neighbours, on_grid
from trackformer.evaluation.trials.tuning import num_evaluations, tune
from trackformer.tracking.settings import TrackerSettings

pytest.importorskip("optuna")
EAGER = TrackerSettings(
    birth_score=0, keep_score=0, reid_score=0, track_nms_iou=None, birth_nms_iou=0.5, max_tracks=6
)
PICKY = EAGER.model_copy(update={"birth_score": 0.55, "keep_score": 0.5})


@pytest.fixture(scope="module")
def model():
    model = tiny_model("rt_detr")
    model.settings = model.settings.model_copy(update={"tracker": EAGER.model_dump()})
    return model


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_mot(write_crossing(tmp_path_factory.mktemp("crossing") / "crossing", num_frames=4))


@pytest.fixture(scope="module")
def videos(model, data):
    return [encode_video(model, sequence) for sequence in data.sequences]


def test_trackers_that_share_a_pass_answer_as_they_do_alone(model, data, videos):
    together = track_encoded(model, videos[0], [EAGER, PICKY, EAGER])
    for settings, results in zip([EAGER, PICKY, EAGER], together, strict=True):
        alone = track_sequence(model, data.sequences[0], result_of, settings)
        assert [each.frame_index for each in results] == [0, 1, 2, 3]
        for ours, expected in zip(results, alone, strict=True):
            assert ours.track_ids.tolist() == expected.track_ids.tolist()
            np.testing.assert_allclose(ours.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)


def test_a_search_counts_its_trials_and_is_the_same_with_the_same_seed(model, data, videos):
    seen = []
    names = ("birth_score", "patience")
    first, second = (
        tune(model, data, videos, names=names, num_trials=5, batch_size=2, on_trial=seen.append)
        for _ in range(2)
    )
    assert [trial.values for trial in first.trials] == [trial.values for trial in second.trials]
    assert len(first.trials) == 5
    assert len(seen) / 2 == 1 + len(first.trials) + len(first.neighbours)
    assert len(seen) / 2 <= num_evaluations(5, len(names))
    assert first.best.score("HOTA") >= first.centre.score("HOTA") >= 0
    assert first.trials[0].values == {"birth_score": 0.2, "patience": 8}  # nearest to the model's


def test_sensitivity_moves_one_setting_at_a_time(model, data, videos):
    tuning = tune(model, data, videos, names=("keep_score", "patience"), num_trials=2)
    centre = tuning.centre.values
    for name, points in tuning.sensitivity().items():
        values = [value for value, _ in points]
        assert values == sorted(values)
        assert centre[name] in values
    for trial in tuning.neighbours:
        assert sum(trial.values[name] != centre[name] for name in centre) == 1


def test_one_sequence_leaves_nothing_to_be_judged_on(model, data, videos):
    tuning = tune(model, data, videos, names=("keep_score",), num_trials=1)
    assert tuning.left_out_scores() == {}


def test_values_of_the_grid_are_those_one_would_type():
    assert Grid(0.1, 0.8, 0.05).nearest(0.3333) == 0.35
    assert Grid(0.1, 0.8, 0.05).nearest(2) == 0.8
    assert on_grid("track_nms_iou", None) == RANGES["track_nms_iou"].highest
    assert isinstance(on_grid("patience", 8), int)


def test_neighbours_stay_on_the_grid():
    moved = neighbours({"keep_score": 0.15, "patience": 8})
    assert [each["keep_score"] for each in moved[:3]] == [0.1, 0.2, 0.25]
    assert [each["patience"] for each in moved[3:]] == [0, 4, 12, 16]


def test_what_cannot_be_searched_is_refused(model, data, videos):
    with pytest.raises(ConfigError, match=r"expected some of birth_score, .*; got 'max_tracks'"):
        tune(model, data, videos, names=("max_tracks",))


def test_the_command_writes_settings_that_can_be_read(model_file, tmp_path, capsys):
    folder = write_crossing(tmp_path / "crossing", num_frames=3)
    output = tmp_path / "found.yaml"
    words = ["tune", str(folder), "--model", str(model_file), "--output", str(output)]
    words += ["--trials", "2", "--search", "keep_score", "--held-out", str(folder)]
    assert run(words) == 0
    printed = capsys.readouterr().out
    assert "stored with the model" in printed
    assert "on videos held out" in printed
    TrackerSettings(**yaml.safe_load(output.read_text()))
    assert run(words) == 2
    assert "replaced only with --overwrite" in capsys.readouterr().err
