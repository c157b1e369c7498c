"""Which model a verb uses, and where it runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.models.trackformer import TrackFormer

WEIGHTS_HELP: Final = (
    "a bundled name (see `trackformer info`), a .safetensors file, a published .pth file or a "
    "Hugging Face folder"
)
MODEL_HELP: Final = f"{WEIGHTS_HELP}, or an .onnx file of `trackformer export`"


def add_model_arguments(parser: argparse.ArgumentParser, models: str = MODEL_HELP) -> None:
    """`--model`, `--device` and `--dtype`; `models` says what may be named."""
    parser.add_argument("--model", default="nano", help=f"{models} (default: nano)")
    add_running_arguments(parser)


def add_running_arguments(parser: argparse.ArgumentParser) -> None:
    """`--device` and `--dtype`: how a model runs."""
    parser.add_argument(
        "--device",
        default="auto",
        help="where the model runs: cpu, cuda, cuda:1, mps, or auto: cuda where there is one "
        "(default: auto)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16: large models in less time on GPUs, and on processors that have it; boxes "
        "differ a little (docs/speed.md) (default: float32)",
    )


def load(options: argparse.Namespace, *, every_layer: bool = False) -> FrameModel:
    """The model that was asked for, in its form for inference.

    `every_layer`: all decoder layers answer; exported models have the last one only.
    """
    from trackformer.checkpoints.load import is_exported, load_model
    from trackformer.errors import ConfigError
    from trackformer.freed_memory import keep_freed_memory

    if not is_exported(options.model):
        return load_network(options, every_layer=every_layer)
    if options.dtype != "float32":
        raise ConfigError(
            f"--dtype: expected float32 for {options.model}, since it was exported so"
        )
    keep_freed_memory()
    return load_model(options.model, options.device)


def load_network(options: argparse.Namespace, *, every_layer: bool = False) -> TrackFormer:
    """The same for verbs that call backbone, encoder and decoder one by one."""
    import torch

    from trackformer.checkpoints.load import load_weights
    from trackformer.devices import choose_device
    from trackformer.freed_memory import keep_freed_memory
    from trackformer.models.fast.optimize import optimize_for_inference

    keep_freed_memory()
    model = load_weights(options.model, choose_device(options.device))
    dtype = getattr(torch, options.dtype)
    return optimize_for_inference(model, dtype, every_layer=every_layer)
