"""The same training run with several seeds: how much of a score is luck."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerate import PartialState
from rich.table import Table

from trackformer.atomic_files import atomic_path
from trackformer.errors import ConfigError
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import read_metrics


@dataclass(frozen=True, slots=True)
class Spread:
    """One validation score over the seeds."""

    mean: float
    deviation: float
    """Standard deviation of the sample, over n - 1."""
    lowest: float
    highest: float
    by_seed: dict[int, float]


def train_seeds(
    settings: TrainingSettings, num_seeds: int, *, resume: bool = False
) -> dict[str, Spread]:
    """Train with `settings.seed`, `settings.seed + 1`, ... into `output/seed_N`, one after another.

    Returns:
        The spread of every score of the last validation, by its published name; also written to
        `output/seeds.json`.

    Raises:
        ConfigError: Fewer than two seeds, or no validation to compare them by.
        DataError, CheckpointError: As of `train`.
    """
    if num_seeds < 2:
        raise ConfigError(f"--seeds: expected 2 or more, got {num_seeds}")
    if settings.validation is None:
        raise ConfigError("--seeds: expected the setting validation, whose scores are compared")
    rows: dict[int, dict[str, str]] = {}
    batch_size = settings.batch_size
    for seed in range(settings.seed, settings.seed + num_seeds):
        output = settings.output / f"seed_{seed}"
        # A run that had not begun when the others were stopped begins now.
        is_begun = resume and (output / "last.pt").exists()
        changes = {"seed": seed, "output": output, "batch_size": batch_size}
        train(settings.model_copy(update=changes), resume=is_begun)
        PartialState().wait_for_everyone()  # Only the main one writes the scores.
        rows[seed] = _last_validation(output, settings)
        # Found once: runs of other sizes would not be comparable.
        batch_size = _recorded_batch_size(output)
    spread = {
        name: _spread({seed: float(row[name]) for seed, row in rows.items()})
        for name in next(iter(rows.values()))
        if name != "step"
    }
    if PartialState().is_main_process:
        _write(spread, settings.output / "seeds.json")
    return spread


def spread_table(spread: dict[str, Spread]) -> Table:
    """One row per score, to print with rich."""
    table = Table("score", "mean", "deviation", "lowest", "highest")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in spread.items():
        numbers = (row.mean, row.deviation, row.lowest, row.highest)
        table.add_row(name, *(f"{number:.1f}" for number in numbers))
    return table


def _last_validation(output: Path, settings: TrainingSettings) -> dict[str, str]:
    rows = read_metrics(output / "validation.csv")
    if not rows or int(rows[-1]["step"]) < settings.optimizer.steps:
        assert settings.validation is not None, "refused before"
        patience = settings.validation.patience
        # A run that got no better has come to its end, too.
        if patience is None or load_state(output / "last.pt").evaluations_since_best < patience:
            raise ConfigError(f"{output}: stopped before its end; go on with --seeds and --resume")
    return rows[-1]


def _recorded_batch_size(output: Path) -> int:
    record = json.loads((output / "run.json").read_text(encoding="utf-8"))
    return int(record["settings"]["batch_size"])


def _spread(by_seed: dict[int, float]) -> Spread:
    scores = list(by_seed.values())
    return Spread(
        mean=statistics.fmean(scores),
        deviation=statistics.stdev(scores),
        lowest=min(scores),
        highest=max(scores),
        by_seed=by_seed,
    )


def _write(spread: dict[str, Spread], path: Path) -> None:
    content = {name: asdict(row) for name, row in spread.items()}
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
