"""What a folder saved by transformers holds: its configuration and its tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import safetensors.torch
from torch import Tensor

from trackformer.checkpoints.problems import one_line
from trackformer.checkpoints.safe_pickle import check_plain_tensors, read_pickle
from trackformer.errors import CheckpointError

LARGEST_CONFIG: Final = 2**24
"""Bytes; the longest lists of class names take a hundredth of it."""


def read_config(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        CheckpointError: The file is missing, or is not a JSON mapping.
    """
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise CheckpointError(f"{path}: expected at most {LARGEST_CONFIG} bytes of JSON")
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; expected a Hugging Face folder") from error
    except (OSError, ValueError, RecursionError) as error:
        # RecursionError: lists within lists, a thousand deep.
        raise CheckpointError(f"{path}: expected a JSON file: {one_line(error)}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: expected a JSON mapping, got {type(config).__name__}")
    return config


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of `model.safetensors`, `pytorch_model.bin` or `state.pt`; no code is executed.

    Raises:
        CheckpointError: There is none of them, or it cannot be read.
    """
    if (folder / "model.safetensors").exists():
        try:
            return safetensors.torch.load_file(folder / "model.safetensors")
        except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
            raise CheckpointError(
                f"{folder}: the weights cannot be read: {one_line(error)}"
            ) from error
    for name in ("pytorch_model.bin", "state.pt"):
        if (folder / name).exists():
            tensors = _only_tensors(read_pickle(folder / name), folder / name)
            check_plain_tensors(tensors, folder / name)
            return tensors
    raise CheckpointError(
        f"{folder}: no weights; expected model.safetensors, pytorch_model.bin or state.pt"
    )


def _only_tensors(content: object, path: Path) -> dict[str, Tensor]:
    if isinstance(content, dict) and all(isinstance(each, Tensor) for each in content.values()):
        return {str(name): tensor for name, tensor in content.items()}
    raise CheckpointError(f"{path}: expected a mapping of tensors")
