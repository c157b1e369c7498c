"""What is printed: both sides on every scene, then boxes, then association; means and spreads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.held_out.choices import OURS, best_choice, chosen_on_the_others
from benchmarks.held_out.scores import SHOWN, TAKEOVERS, Scores

Runs = Sequence[Mapping[str, Scores]]
"""One for each seed; by scene."""


def report(runs: Runs, theirs: Mapping[str, Scores]) -> Iterator[str]:
    """The lines of all tables."""
    yield from tracking_table(runs, theirs)
    yield ""
    yield from detection_table(runs)
    yield ""
    yield from association_table(runs)
    yield ""
    yield from choices_lines(runs)


def tracking_table(runs: Runs, theirs: Mapping[str, Scores]) -> Iterator[str]:
    """Every scene with the thresholds that are best on the others."""
    names = (*SHOWN, TAKEOVERS)
    yield f"| held out | {' | '.join(f'{name} ours / theirs' for name in names)} |"
    yield "|---" * (len(names) + 1) + "|"
    ours = [chosen_on_the_others(_choices(run)) for run in runs]
    peer = chosen_on_the_others(_choices(theirs))
    for scene in peer:
        cells = [
            f"{spread([run[scene][name] for run in ours])} / {peer[scene][name]:.1f}"
            for name in names
        ]
        yield f"| {scene} | {' | '.join(cells)} |"
    means = [
        f"{spread([_mean(run, name) for run in ours])} / {_mean(peer, name):.1f}" for name in names
    ]
    yield f"| **mean** | {' | '.join(means)} |"


def detection_table(runs: Runs) -> Iterator[str]:
    """Boxes and scores of single frames."""
    names = list(next(iter(runs[0].values())).detection)
    yield f"| held out | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for scene in runs[0]:
        cells = [spread([run[scene].detection[name] for run in runs], 2) for name in names]
        yield f"| {scene} | {' | '.join(cells)} |"
    means = [
        spread([float(np.mean([each.detection[name] for each in run.values()])) for run in runs], 2)
        for name in names
    ]
    yield f"| **mean** | {' | '.join(means)} |"


def association_table(runs: Runs) -> Iterator[str]:
    """Means over the scenes, for every gap."""
    gaps = next(iter(runs[0].values())).association
    names = list(next(iter(gaps.values())))
    yield f"| frames between | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for gap in gaps:
        cells = [
            spread(
                [
                    float(np.nanmean([each.association[gap][name] for each in run.values()]))
                    for run in runs
                ]
            )
            for name in names
        ]
        yield f"| {gap} | {' | '.join(cells)} |"


def choices_lines(runs: Runs) -> Iterator[str]:
    """Over all choices of thresholds, and with the one that is best on all scenes.

    The first hangs on no choice; the second is one that nobody could know.
    """
    tables = [_choices(run) for run in runs]
    for name in ("HOTA", "DetA", "AssA", "LocA", "IDF1", TAKEOVERS):
        means = [
            float(np.mean([each[name] for choices in table.values() for each in choices]))
            for table in tables
        ]
        yield f"mean {name} over all choices of thresholds: {spread(means)}"
    best = best_choice([scores for table in tables for scores in table.values()])
    mean = spread(
        [float(np.mean([scores[best]["HOTA"] for scores in table.values()])) for table in tables]
    )
    yield f"mean HOTA with the one choice that is best on all scenes: {mean}, of"
    yield OURS[best].model_dump_json(exclude_unset=True)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The mean, and over several seeds the sample's standard deviation.

    >>> spread([50.0]), spread([49.0, 50.0, 51.0])
    ('50.0', '50.0±1.0')
    """
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean}±{np.std(values, ddof=1):.{digits}f}"


def _choices(run: Mapping[str, Scores]) -> dict[str, Sequence[Mapping[str, float]]]:
    return {scene: scores.choices for scene, scores in run.items()}


def _mean(scenes: Mapping[str, Mapping[str, float]], name: str) -> float:
    return float(np.mean([scores[name] for scores in scenes.values()]))
