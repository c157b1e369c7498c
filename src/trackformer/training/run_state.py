"""What an interrupted run needs to go on as if it had not been interrupted."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trackformer.atomic_files import atomic_path
from trackformer.checkpoints.problems import one_line
from trackformer.errors import CheckpointError, DataError


@dataclass(frozen=True, slots=True, eq=False)
class RunState:
    """Everything that changes from step to step. All random draws follow from seed and step."""

    step: int
    """Optimizer steps done."""
    model: dict[str, Any]
    averaged: dict[str, Any] | None
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    best_score: float | None
    """Best validation score so far."""
    evaluations_since_best: int = 0
    """For how long no score was better."""
    denoiser: dict[str, Any] | None = None
    """Weights that exist in training only."""
    identities: dict[str, Any] | None = None
    """Likewise."""


def save_state(state: RunState, path: Path) -> None:
    """Write atomically: a run killed while saving keeps the state before.

    Raises:
        DataError: The file cannot be written.
    """
    with atomic_path(path) as partial:
        try:
            torch.save({name: getattr(state, name) for name in RunState.__slots__}, partial)
        except RuntimeError as error:
            # How torch says that the disk is full.
            raise DataError(f"{path}: cannot be written: is the disk full?") from error


def load_state(path: Path) -> RunState:
    """Read without executing code.

    Raises:
        CheckpointError: The file is missing, damaged or something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return RunState(**content)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint to resume from") from error
    except (OSError, RuntimeError, TypeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(
            f"{path}: expected a checkpoint of a training run: {one_line(error)}"
        ) from error
