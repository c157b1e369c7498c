"""A model as an ONNX file that says itself what it needs: settings, classes, thresholds."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from trackformer.atomic_files import refuse_existing, refuse_unwritable, whole_file
from trackformer.checkpoints.onnx_model import (
    ENDING,
    FORMAT,
    INPUTS,
    MAP,
    OUTPUTS,
    PREVIOUS,
    OnnxModel,
)
from trackformer.errors import CheckpointError, ConfigError
from trackformer.exporting.agreement import TOLERANCE, largest_difference
from trackformer.exporting.int8 import Pixels, quantized
from trackformer.exporting.padding import pad_by_convolution
from trackformer.exporting.tracked_frame import tracked_frame_program
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracker import settings_for

NEEDED: Final = ("onnx", "onnxscript", "onnxruntime")
SIDES: Final = {
    "pixels": ("batch", None, "height", "width"),
    "track_embeddings": ("batch", "tracks", None),
    "track_boxes": ("batch", "tracks", None),
    "track_padding": ("batch", "tracks"),
    "scores": ("batch", "queries", None),
    "boxes": ("batch", "queries", None),
    "embeddings": ("batch", "queries", None),
}
"""What the sides of inputs and outputs that may be of any length are called."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What is written otherwise than the model is."""

    examples: Sequence[Pixels] = ()
    """Frames to calibrate eight bits on (`drawn_examples`); none: float32."""
    gathers: bool = False
    """Deformable attention gathers cells, without GridSample."""


AS_IT_IS: Final = Form()


@dataclass(frozen=True, slots=True)
class Differences:
    """How far a file's answers are from its model's (`largest_difference`)."""

    exact: float
    """As it was translated."""
    quantized: float | None
    """In eight bits; None: it was left as it is."""


def export_onnx(
    model: TrackFormer, path: Path, form: Form = AS_IT_IS, *, overwrite: bool = False
) -> Differences:
    """Write a model to an ONNX file, and compare what the file answers with what it answers.

    Args:
        model: In evaluation mode.
        path: Ends in `.onnx`.
        form: What is written otherwise than the model is.
        overwrite: Replace a file that is there already.

    Raises:
        ConfigError: The extra `export` is not installed, `path` has another ending or exists, or
            the model predicts masks or is not one that can be exported.
        CheckpointError: The file's answers differ too much; it is not kept.
        DataError: The file cannot be written.
    """
    check_can_export(path, overwrite=overwrite)
    model = copy.deepcopy(model).cpu()
    # Its weights alone are as large; translating it takes a minute.
    refuse_unwritable(path, sum(each.numel() * each.element_size() for each in model.parameters()))
    content = translated(model, form)
    with whole_file(path) as partial:
        partial.write_bytes(content)
        difference = largest_difference(model, OnnxModel(partial))
        if not difference <= TOLERANCE:
            raise CheckpointError(
                f"{path}: not written: its answers would differ from the model's by up to "
                f"{difference:.1e}, expected {TOLERANCE:.0e} at most"
            )
        if not form.examples:
            return Differences(difference, None)
        partial.write_bytes(quantized(content, form.examples))
        return Differences(difference, largest_difference(model, OnnxModel(partial)))


def check_can_export(path: Path, *, overwrite: bool = False) -> None:
    """Fail before long work rather than after.

    Raises:
        ConfigError, DataError: As `export_onnx`, for what the model has no part in.
    """
    if path.suffix != ENDING:
        raise ConfigError(f"{path}: expected a name that ends in {ENDING}")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"{path}: needs {', '.join(missing)}: pip install {' '.join(missing)}")
    refuse_existing(path, overwrite=overwrite)
    refuse_unwritable(path)


def translated(model: TrackFormer, form: Form = AS_IT_IS) -> bytes:
    """The content of the file in float32, not compared with the model yet."""
    from trackformer.exporting.gathered_attention import gathered_ms_deform_attn
    from trackformer.exporting.onnx_attention import OPSET, onnx_ms_deform_attn

    program = tracked_frame_program(model)
    num_maps = len(program.graph_signature.user_inputs) - len(INPUTS)
    maps = [f"{MAP}{index}" for index in range(num_maps)]
    with warnings.catch_warnings():
        # torch copies records of its own that warn when they are made.
        warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)`", FutureWarning)
        made = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            custom_translation_table={
                torch.ops.trackformer.ms_deform_attn.default: (
                    gathered_ms_deform_attn if form.gathers else onnx_ms_deform_attn
                )
            },
            input_names=[*INPUTS, *(PREVIOUS + name for name in maps)],
            output_names=[*OUTPUTS, *maps],
        )
    assert made is not None
    # Any: onnx's records are made at run time.
    file: Any = made.model_proto
    pad_by_convolution(file.graph)
    _describe(file, model)
    content: bytes = file.SerializeToString()
    return content


def _describe(file: Any, model: TrackFormer) -> None:
    """Put into a file what it needs to be used, and nothing of the machine it was made on."""
    file.producer_name, file.producer_version = "trackformer", version("trackformer")
    # All thresholds: whoever reads them elsewhere does not know our defaults.
    tracker = settings_for(model).model_dump()
    settings = model.settings.model_copy(update={"tracker": tracker})
    del file.metadata_props[:]
    for key, text in (("format", FORMAT), ("settings", settings.model_dump_json())):
        file.metadata_props.add(key=key, value=text)
    # Where in whose source each node comes from.
    for node in file.graph.node:
        node.ClearField("metadata_props")
    del file.graph.value_info[:]
    for place in (*file.graph.input, *file.graph.output):
        names = SIDES.get(
            place.name, ("batch", None, f"{place.name}_height", f"{place.name}_width")
        )
        for side, name in zip(place.type.tensor_type.shape.dim, names, strict=True):
            if name is not None:
                side.dim_param = name
