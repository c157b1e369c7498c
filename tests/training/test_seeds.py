"""Several seeds: each a run of its own, and what they have in common."""

import json
import statistics

import pytest

from synthetic_videos import write_crossing
from tiny_models import tiny_settings
from trackformer.errors import ConfigError
from trackformer.training.run_state import load_state
from trackformer.training.seeds import spread_table, train_seeds
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import read_metrics


@pytest.fixture
def settings(tmp_path):
    video = str(write_crossing(tmp_path / "crossing", num_frames=4))
    return TrainingSettings.model_validate(
        {
            "output": str(tmp_path / "runs"),
            "sources": [{"path": video}],
            "model": tiny_settings().model_dump(mode="json"),
            "batch_size": 1,
            "clips": {"canvas": [64, 96]},
            "optimizer": {"steps": 1},
            "validation": {"path": video, "every": 1},
            "tracker": {"birth_score": 0.05, "keep_score": 0.05, "reid_score": 0.05},
            "seed": 5,
            "workers": 0,
        }
    )


def test_each_seed_is_a_run_and_the_spread_is_over_their_last_validation(settings):
    spread = train_seeds(settings, 2)
    rows = {
        seed: read_metrics(settings.output / f"seed_{seed}" / "validation.csv")[-1]
        for seed in (5, 6)
    }
    false_positives = [float(row["FP"]) for row in rows.values()]
    assert false_positives[0] != false_positives[1]
    assert spread["FP"].by_seed == dict(zip((5, 6), false_positives, strict=True))
    assert spread["FP"].mean == statistics.fmean(false_positives)
    assert spread["FP"].deviation == pytest.approx(
        abs(false_positives[0] - false_positives[1]) / 2**0.5
    )
    written = json.loads((settings.output / "seeds.json").read_text())
    assert written["FP"]["mean"] == spread["FP"].mean
    assert spread_table(spread).row_count == len(written)
    # Resuming finished runs changes nothing.
    assert train_seeds(settings, 2, resume=True) == spread
    # One seed more, in addition to those that are done.
    assert set(train_seeds(settings, 3, resume=True)["FP"].by_seed) == {5, 6, 7}
    assert load_state(settings.output / "seed_7" / "last.pt").step == 1


def test_a_spread_needs_seeds_and_scores(settings):
    with pytest.raises(ConfigError, match="expected 2 or more, got 1"):
        train_seeds(settings, 1)
    with pytest.raises(ConfigError, match="expected the setting validation"):
        train_seeds(settings.model_copy(update={"validation": None}), 2)
