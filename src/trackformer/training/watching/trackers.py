"""Experiment trackers that a run's numbers also go to, through accelerate's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers

from trackformer.errors import ConfigError
from trackformer.last_resort import shown_in_one_line
from trackformer.training.settings import TrainingSettings

PROJECT: Final = "trackformer"
OWN: Final = "tensorboard"
"""Written by the run's own log, which also has pictures and goes on after a resume."""


def other_trackers(settings: TrainingSettings) -> list[str]:
    """The trackers to hand to `Accelerator(log_with=...)`.

    Raises:
        ConfigError: The package of one is not installed.
    """
    wanted: list[str] = [name for name in settings.log if name != OWN]
    there = {str(tracker) for tracker in get_available_trackers()}
    for name in wanted:
        if name not in there:
            raise ConfigError(
                f"log: expected the package of {name}, which is not installed: pip install {name}"
            )
    return wanted


class Trackers:
    """Sends numbers on; does nothing where no other tracker is asked for, or in other processes."""

    def __init__(self, accelerator: Accelerator, settings: TrainingSettings) -> None:
        self._accelerator = accelerator
        self._settings = settings

    def start(self) -> None:
        """Begin an experiment, with the run's settings as its own.

        Raises:
            ConfigError: A tracker cannot begin one: it is not set up, or not reached.
        """
        names = other_trackers(self._settings)
        if not names:
            return
        flat = dict(_flat(self._settings.model_dump(mode="json")))
        try:
            self._accelerator.init_trackers(PROJECT, config=flat)
        except Exception as error:
            # Every tracker has errors of its own.
            what = f"{', '.join(names)} cannot begin an experiment"
            raise ConfigError(f"log: {what}: {shown_in_one_line(str(error))}") from error

    def log(self, part: str, step: int, numbers: Mapping[str, float | int]) -> None:
        """Numbers of a step, named `part/name`."""
        if self._accelerator.trackers:
            named = {f"{part}/{name}": value for name, value in numbers.items()}
            self._accelerator.log(named, step=step)

    def finish(self) -> None:
        """End the experiment; not by `end_training`, which also ends the group of processes."""
        for tracker in self._accelerator.trackers:
            tracker.finish()


def _flat(content: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Nested settings by dotted names, lists as text: what every tracker takes.

    >>> _flat({"a": {"b": 1}, "c": [1, 2], "d": None})
    [('a.b', 1), ('c', '[1, 2]'), ('d', 'None')]
    """
    rows: list[tuple[str, Any]] = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{above}{name}.")
        else:
            is_plain = isinstance(value, str | int | float)
            rows.append((f"{above}{name}", value if is_plain else str(value)))
    return rows
