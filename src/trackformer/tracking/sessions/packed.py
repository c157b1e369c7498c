"""How a state becomes bytes and back: tensors as safetensors, the rest as JSON in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trackformer.errors import CheckpointError

_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header."""


def packed(file_format: str, plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """One file of a format; `plain` holds what JSON can say."""
    on_processor = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"format": file_format, "state": json.dumps(plain)}
    data: bytes = safetensors.torch.save(on_processor, metadata=metadata)
    return data


def unpacked(file_format: str, data: bytes, what: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `packed` was given; nothing of it is executed.

    Args:
        file_format: What the file has to be.
        data: Its content.
        what: It, in words, for the message: "state.safetensors: the saved run".

    Raises:
        CheckpointError: It is damaged, or of another format.
    """
    try:
        # Views of a buffer that cannot be written to make torch warn.
        tensors = safetensors.torch.load(bytes(data))
        header = json.loads(data[_LENGTH_BYTES:][: int.from_bytes(data[:_LENGTH_BYTES], "little")])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{what}: damaged or no saved state: {error}") from error
    metadata = header.get("__metadata__", {})
    if metadata.get("format") != file_format:
        raise CheckpointError(
            f"{what}: expected format {file_format!r}, got {metadata.get('format', 'unknown')!r}"
        )
    try:
        plain = json.loads(metadata["state"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{what}: damaged: {error}") from error
    if not isinstance(plain, dict):
        raise CheckpointError(f"{what}: damaged: expected named values, got {plain!r}")
    return plain, tensors


def read_packed(
    file_format: str, path: Path, what: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is packed in a file; as `unpacked`, which also names its errors.

    Raises:
        CheckpointError: The file cannot be read, too.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{what}: cannot be read: {error.strerror}") from error
    return unpacked(file_format, data, what)


def as_tensor(data: bytes) -> Tensor:
    """Bytes among tensors."""
    # torch refuses an empty buffer.
    return torch.frombuffer(bytearray(data) or bytearray(1), dtype=torch.uint8)[: len(data)]


def as_bytes(tensor: Tensor) -> bytes:
    """The inverse of `as_tensor`."""
    return tensor.numpy().tobytes()
