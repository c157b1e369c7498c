"""Triton's config.pbtxt for a tracker in one file.

Run: `python scripts/triton_config.py FILE.onnx > config.pbtxt`. The file's state becomes implicit
state of the server's sequences, zero where one begins; thresholds keep their defaults. After
Triton's documentation of `sequence_batching`; not run with a server yet.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from trackformer.checkpoints.onnx_session import OnnxSession
from trackformer.errors import CheckpointError, TrackFormerError
from trackformer.tracking.tracker_file import FORMAT, SEEN, STATE, WHOLE

IDLE_MICROSECONDS = 5_000_000
"""A stream that sends nothing for so long has ended."""


def config(path: Path) -> str:
    """The text for a file.

    Raises:
        CheckpointError: It is missing or no tracker.
    """
    session = OnnxSession(path)
    if session.metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path}: expected a tracker that `trackformer export` wrote")
    inputs, outputs = session.inputs, session.outputs
    pixels = f'  {{ name: "pixels" data_type: TYPE_UINT8 dims: {_dims(inputs["pixels"])} }}'
    seen = [
        f'  {{ name: "{name}" data_type: {_type(name)} dims: {_dims(outputs[name])} }}'
        for name in SEEN
    ]
    state = [_state(name, inputs[name]) for name in STATE]
    return "\n".join(
        [
            f'name: "{path.stem}"',
            'backend: "onnxruntime"',
            "max_batch_size: 0",
            "input [",
            pixels,
            "]",
            "output [",
            ",\n".join(seen),
            "]",
            "sequence_batching {",
            f"  max_sequence_idle_microseconds: {IDLE_MICROSECONDS}",
            "  state [",
            ",\n".join(state),
            "  ]",
            "}",
        ]
    )


def _state(name: str, shape: tuple[Any, ...]) -> str:
    kind, dims = _type(name), _dims(shape)
    return (
        f'    {{ input_name: "{name}" output_name: "next_{name}" data_type: {kind} dims: {dims}\n'
        f"      initial_state: {{ data_type: {kind} dims: {dims} zero_data: true "
        f'name: "no {name}" }} }}'
    )


def _type(name: str) -> str:
    return "TYPE_INT64" if name in {*WHOLE, "ids", "labels", "num_dropped"} else "TYPE_FP32"


def _dims(shape: tuple[Any, ...]) -> str:
    return f"[ {', '.join(str(side) if isinstance(side, int) else '-1' for side in shape)} ]"


if __name__ == "__main__":
    try:
        print(config(Path(sys.argv[1])))
    except IndexError:
        sys.exit("error: expected FILE.onnx")
    except TrackFormerError as error:
        sys.exit(f"error: {error}")
