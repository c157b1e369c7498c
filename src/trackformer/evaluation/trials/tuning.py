"""The search for tracker settings that suit a model and a scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trackformer.config import settings_from
from trackformer.data.annotations import AnnotatedData
from trackformer.errors import ConfigError
from trackformer.evaluation.metrics.tracking import EvaluationTable, evaluate_tracking
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.encoded import EncodedVideo, track_encoded
from trackformer.evaluation.trials.search_space import (
    NUM_NEIGHBOURS,
    SEARCHED,
    check_names,
    neighbours,
    on_grid,
    suggested,
)
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import settings_for


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of settings and what it scored."""

    values: Mapping[str, float | int]
    table: EvaluationTable

    def score(self, metric: str) -> float:
        """The combined score, in percent."""
        return _score(self.table, metric)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found."""

    metric: str
    stored: EvaluationTable
    """What the model's own settings score."""
    trials: tuple[Trial, ...]
    """In the order they were made."""
    neighbours: tuple[Trial, ...]
    """The best of `trials` with one setting changed, each."""

    @property
    def centre(self) -> Trial:
        """The best that the search itself found; the first of equals."""
        return max(self.trials, key=lambda trial: trial.score(self.metric))

    @property
    def best(self) -> Trial:
        """The best of all, those around the centre among them."""
        both = (*self.trials, *self.neighbours)
        return max(both, key=lambda trial: trial.score(self.metric))

    def sensitivity(self) -> dict[str, list[tuple[float, float]]]:
        """For each setting (value, score) at the centre and around it, in order of the values."""
        centre = self.centre
        curves = {}
        for name, value in centre.values.items():
            points = [
                (trial.values[name], trial.score(self.metric))
                for trial in self.neighbours
                if trial.values[name] != value
            ]
            curves[name] = sorted([*points, (value, centre.score(self.metric))])
        return curves

    def left_out_scores(self) -> dict[str, float]:
        """For each sequence its score with the settings that are best on the *other* sequences.

        What tuning is worth on a video that it has not seen; nothing with one sequence.
        """
        names = [row.name for row in self.best.table.sequences]
        if len(names) < 2:
            return {}
        scores = np.array([_scores_by_sequence(trial.table, self.metric) for trial in self.trials])
        others = scores.sum(1, keepdims=True) - scores
        chosen = others.argmax(0)
        return {name: float(scores[chosen[i], i]) for i, name in enumerate(names)}


def tune(  # noqa: PLR0913 - what to search, on what, how long, from which seed
    model: TrackFormer,
    data: AnnotatedData,
    videos: Sequence[EncodedVideo],
    *,
    names: Sequence[str] = SEARCHED,
    metric: str = "HOTA",
    num_trials: int = 64,
    batch_size: int = 4,
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> Tuning:
    """Search tracker settings by Optuna's tree-structured Parzen estimator.

    Args:
        model: The one that encoded the videos.
        data: Their annotations.
        videos: Every sequence of `data`, encoded.
        names: Settings to search, from `RANGES`; the others stay as stored with the model.
        metric: What to maximise: a score of the evaluation, by its published name.
        num_trials: How many choices are tried; the first is nearest to the model's own settings.
        batch_size: Trials that share a decoder pass; they do not learn from each other.
        seed: Of the search. The same seed gives the same trials.
        on_trial: Called after each trial (progress).

    Raises:
        ConfigError: A name is not in `RANGES`, or Optuna is not installed.
    """
    check_names(names)
    stored = settings_for(model)
    study = _study(seed)
    study.enqueue_trial({name: on_grid(name, getattr(stored, name)) for name in names})

    def evaluate(choices: Sequence[Mapping[str, float | int]]) -> list[Trial]:
        settings = [changed_settings(stored, choice) for choice in choices]
        answers = {video.name: track_encoded(model, video, settings) for video in videos}
        done = [
            Trial(
                choice, evaluate_tracking(data, {name: all_[i] for name, all_ in answers.items()})
            )
            for i, choice in enumerate(choices)
        ]
        for trial in done:
            on_trial(trial)
        return done

    own = evaluate([{}])[0].table
    trials: list[Trial] = []
    while len(trials) < num_trials:
        asked = [study.ask() for _ in range(min(batch_size, num_trials - len(trials)))]
        done = evaluate([{name: suggested(each, name) for name in names} for each in asked])
        for each, trial in zip(asked, done, strict=True):
            study.tell(each, trial.score(metric))
        trials += done
    around = neighbours(Tuning(metric, own, tuple(trials), ()).centre.values)
    near = [
        trial
        for first in range(0, len(around), batch_size)
        for trial in evaluate(around[first : first + batch_size])
    ]
    return Tuning(metric, own, tuple(trials), tuple(near))


def num_evaluations(num_trials: int, num_names: int) -> int:
    """The most trials that a search makes: the stored settings, its own, those around the best."""
    return 1 + num_trials + 2 * NUM_NEIGHBOURS * num_names


def changed_settings(stored: TrackerSettings, choice: Mapping[str, float | int]) -> TrackerSettings:
    """The stored settings with some chosen anew."""
    return settings_from(TrackerSettings, stored.model_dump() | dict(choice), "trial")


def _score(table: EvaluationTable, metric: str) -> float:
    return float(scores_by_published_name(table.combined)[metric])


def _scores_by_sequence(table: EvaluationTable, metric: str) -> list[float]:
    return [float(scores_by_published_name(row)[metric]) for row in table.sequences]


def _study(seed: int) -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ConfigError(
            "tuning needs Optuna, which is not installed: pip install optuna"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Trials of one batch do not know each other's scores: the constant liar keeps them apart.
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return optuna.create_study(direction="maximize", sampler=sampler)
