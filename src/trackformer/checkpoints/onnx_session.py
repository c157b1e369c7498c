"""How an ONNX file is opened with onnxruntime, and what is said when it cannot be (torch-free)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trackformer.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    import numpy as np
    import torch

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


class OnnxSession:
    """An opened ONNX file.

    Args:
        path: The file.
        device: cpu, cuda, cuda:1, or auto: the first CUDA device where onnxruntime has one.

    Raises:
        ConfigError: onnxruntime, the extra `onnx`, is not installed, or does not know the device.
        CheckpointError: The file is missing or cannot be read.
    """

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        self.path = path
        # Any: onnxruntime publishes no type information.
        self._session: Any = _open(path, str(device))
        self.inputs = _shapes(self._session.get_inputs())
        self.outputs = _shapes(self._session.get_outputs())
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, outputs: Sequence[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Compute some of the outputs.

        Raises:
            CheckpointError: onnxruntime refuses: the inputs have other shapes than the file takes.
        """
        try:
            answer: list[np.ndarray] = self._session.run(list(outputs), inputs)
        except Exception as error:
            # onnxruntime's own exceptions have no common base but Exception.
            shapes = ", ".join(f"{name} {array.shape}" for name, array in inputs.items())
            raise CheckpointError(
                f"{self.path}: onnxruntime refuses the inputs {shapes}: {_one_line(error)}"
            ) from error
        return answer


def _open(path: Path, device: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"{path}: needs onnxruntime: pip install onnxruntime") from error
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    providers = _providers(path, device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path, options, providers=providers)
    except Exception as error:
        # onnxruntime's own exceptions have no common base but Exception.
        raise CheckpointError(f"{path}: expected an ONNX model: {_one_line(error)}") from error


def _num_threads() -> int:
    """As many as torch takes, where it is there; 0: as onnxruntime thinks best."""
    torch = sys.modules.get("torch")
    if torch is not None:
        count: int = torch.get_num_threads()
        return count
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() else 0


def _providers(path: Path, device: str, available: Sequence[str]) -> list[Any]:
    """What onnxruntime shall compute with, most wanted first."""
    kind, _, index = device.partition(":")
    if kind == "auto":
        kind = "cuda" if CUDA in available else "cpu"
    if kind == "cpu":
        return [CPU]
    if kind != "cuda" or CUDA not in available:
        known = "cpu, cuda" if CUDA in available else "cpu (onnxruntime-gpu adds cuda)"
        raise ConfigError(f"{path}: device {device!r}: onnxruntime has not got it; it has {known}")
    return [(CUDA, {"device_id": int(index or 0)}), CPU]


def _shapes(places: Sequence[Any]) -> dict[str, tuple[int | str, ...]]:
    """Each input's or output's sides, by name: numbers, or names where any number will do."""
    return {place.name: tuple(place.shape) for place in places}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
