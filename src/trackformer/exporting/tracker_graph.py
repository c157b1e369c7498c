"""A tracked frame's graph with the tracker around it: pixels and state in, identities out."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import numpy as np

from trackformer.errors import ConfigError
from trackformer.input_settings import InputSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker_file import THRESHOLDS, as_input

PREFIX: Final = "frame_"
"""Of all names of the tracked frame's own graph."""
LAST_ROW: Final = np.iinfo(np.int64).max
KEY_OF_NONE: Final = 2**62
"""Behind every row that is kept."""
IR_VERSION: Final = 9
"""Belongs to operator set 20; defaults of inputs need 4."""


def check_settings(settings: TrackerSettings) -> None:
    """Whether the graph knows all that a tracker is asked to do.

    Raises:
        ConfigError: It does not.
    """
    plain = {
        "compatibility": "none",
        "patience_s": None,
        "reid_embedding_distance": None,
        "reid_center_distance": None,
        "previous_frame_distance": 1,
        "clip_boxes": False,
    }
    for name, expected in plain.items():
        got = getattr(settings, name)
        if got != expected:
            raise ConfigError(
                f"a tracker in one file knows no {name}: expected {expected!r}, got {got!r}"
            )


# Any: onnx's records are made at run time.
def with_tracker(frame: Any, settings: TrackerSettings, pixels: InputSettings, slots: int) -> Any:
    """One graph that keeps its tracks in `slots` rows of state.

    Args:
        frame: The graph of one tracked frame, as `trackformer export` writes it.
        settings: Thresholds, which become defaults of inputs.
        pixels: How the network wants its pixels normalised.
        slots: Most tracks at a time, 1 or more.

    Raises:
        ConfigError: The tracker is one that the graph cannot be.
    """
    import onnx
    import onnx.compose

    check_settings(settings)
    inner = onnx.compose.add_prefix_graph(frame.graph, PREFIX)
    before, after = _part("before_frame.txt"), _part("after_frame.txt")
    channels = inner.input[1].type.tensor_type.shape.dim[2].dim_value
    inputs = _inputs(slots, channels)
    defaults = _defaults(settings)
    graph = onnx.helper.make_graph(
        [*before.node, *inner.node, *after.node],
        "tracker",
        [*inputs, *(_scalar(name, value) for name, value in defaults.items())],
        _outputs(inputs),
        [*inner.initializer, *_arrays({**defaults, **_constants(settings, pixels, slots)})],
    )
    model = onnx.helper.make_model(graph, opset_imports=frame.opset_import)
    model.ir_version = IR_VERSION
    return model


def _part(name: str) -> Any:
    import onnx.parser

    text = resources.files("trackformer.exporting").joinpath(name).read_text("utf-8")
    return onnx.parser.parse_graph(text)


def _inputs(slots: int, channels: int) -> list[Any]:
    """The frame, then the state: all zeros before the first frame."""
    from onnx import TensorProto
    from onnx.helper import make_tensor_value_info

    real, whole = TensorProto.FLOAT, TensorProto.INT64
    return [
        make_tensor_value_info("pixels", TensorProto.UINT8, ["height", "width", 3]),
        make_tensor_value_info("track_ids", whole, [slots]),
        make_tensor_value_info("track_boxes", real, [slots, 4]),
        make_tensor_value_info("track_displacements", real, [slots, 2]),
        make_tensor_value_info("track_missed", whole, [slots]),
        make_tensor_value_info("track_embeddings", real, [slots, channels]),
        make_tensor_value_info("last_id", whole, [1]),
    ]


def _outputs(inputs: list[Any]) -> list[Any]:
    from onnx import TensorProto
    from onnx.helper import make_tensor_value_info

    seen = [
        make_tensor_value_info("ids", TensorProto.INT64, ["objects"]),
        make_tensor_value_info("boxes", TensorProto.FLOAT, ["objects", 4]),
        make_tensor_value_info("scores", TensorProto.FLOAT, ["objects"]),
        make_tensor_value_info("labels", TensorProto.INT64, ["objects"]),
        make_tensor_value_info("num_dropped", TensorProto.INT64, [1]),
    ]
    following = []
    for state in inputs[1:]:
        later = type(state)()
        later.CopyFrom(state)
        later.name = f"next_{state.name}"
        following.append(later)
    return seen + following


def _scalar(name: str, value: np.ndarray) -> Any:
    from onnx.helper import make_tensor_value_info, np_dtype_to_tensor_dtype

    return make_tensor_value_info(name, np_dtype_to_tensor_dtype(value.dtype), [])


def _defaults(settings: TrackerSettings) -> dict[str, np.ndarray]:
    return {name: as_input(name, getattr(settings, name)) for name in THRESHOLDS}


def _constants(
    settings: TrackerSettings, pixels: InputSettings, slots: int
) -> dict[str, np.ndarray]:
    """What the parts' texts call by name."""
    reals = {"0": 0.0, "1": 1.0, "half": 0.5, "minus_1": -1.0, "tiny": 1e-12}
    wholes = {
        "whole_0": 0,
        "whole_1": 1,
        "whole_2": 2,
        "whole_most": KEY_OF_NONE,
        "whole_termination": settings.termination_steps - 1,
        "termination_steps": settings.termination_steps,
        "capacity": min(settings.max_tracks, slots),
    }
    lists = {
        "axis_0": [0],
        "axis_1": [1],
        "axis_last": [-1],
        "axes_0_1": [0, 1],
        "last_row": [LAST_ROW],
        "slots": [slots],
    }
    return (
        {f"real_{name}": np.array(value, np.float32) for name, value in reals.items()}
        | {name: np.array(value, np.int64) for name, value in (wholes | lists).items()}
        | {"no": np.zeros((), np.bool_)}
        | {
            "mean": 255 * np.array(pixels.mean, np.float32)[:, None, None],
            "deviation": 255 * np.array(pixels.std, np.float32)[:, None, None],
        }
    )


def _arrays(values: dict[str, np.ndarray]) -> list[Any]:
    from onnx.numpy_helper import from_array

    return [from_array(array, name) for name, array in values.items()]
