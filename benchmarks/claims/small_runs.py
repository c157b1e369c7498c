"""Training runs that are made once: the next start finds them, and an interrupted one goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from trackformer.config import settings_from
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings

RUNS = Path("runs/claims")
"""Data, weights and curves of all commands; delete it to begin anew."""
BACKBONE = {"name": "resnet18", "batch_norm": "trainable", "frozen_stages": 0}
"""Nothing pretrained: everything here is made by these commands."""
SIZES = {
    "backbone": BACKBONE,
    "embedding_size": 96,
    "num_heads": 4,
    "num_encoder_layers": 2,
    "num_decoder_layers": 3,
    "feedforward_size": 192,
    "dropout": 0.0,
    "num_queries": 30,
}
"""Of all detectors here."""


def trained(output: Path, content: dict[str, Any]) -> Path:
    """The last weights of a run with these settings, trained now unless they are there already."""
    quiet = {"diagnostics": {"every": 0, "pictures_every": 0}, "workers": 0}
    settings = settings_from(TrainingSettings, {"output": output, **quiet, **content}, str(output))
    state, weights = output / "last.pt", output / "last.safetensors"
    if _is_finished(state, settings):
        return weights
    torch.set_num_threads(1)
    start = time.process_time()
    try:
        train(settings, resume=state.exists())
    finally:
        with (output / "cpu_seconds").open("a", encoding="utf-8") as file:
            file.write(f"{time.process_time() - start:.1f}\n")
    if not _is_finished(state, settings):
        raise SystemExit(f"{output}: stopped early; the same command goes on")
    return weights


def _is_finished(state: Path, settings: TrainingSettings) -> bool:
    return state.exists() and load_state(state).step >= settings.optimizer.steps


def cpu_minutes(folder: Path) -> float:
    """What all training runs below a folder took, interruptions included."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("cpu_seconds")]
    return sum(float(line) for text in texts for line in text.split()) / 60
