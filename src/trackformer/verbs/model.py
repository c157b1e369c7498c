"""Which model a verb uses, and where it runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trackformer.models.trackformer import TrackFormer

MODEL_HELP: Final = (
    "a bundled name (see `trackformer info`), a .safetensors file, a published .pth file or a "
    "Hugging Face folder"
)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model` and `--device`."""
    parser.add_argument("--model", default="nano", help=f"{MODEL_HELP} (default: nano)")
    parser.add_argument(
        "--device",
        default="auto",
        help="cpu, cuda, cuda:1, mps, or auto: cuda where there is one (default: auto)",
    )


def load(options: argparse.Namespace) -> TrackFormer:
    """The model that was asked for, in its form for inference."""
    from trackformer.checkpoints.load import load_model
    from trackformer.devices import choose_device
    from trackformer.freed_memory import keep_freed_memory
    from trackformer.models.fast.optimize import optimize_for_inference

    keep_freed_memory()
    return optimize_for_inference(load_model(options.model, choose_device(options.device)))
