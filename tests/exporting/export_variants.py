"""Tests run this: export models, in a process without the tests' shape checks.

torch cannot look through those checks where sizes are unknown. One process for all files, as it
takes long to import what exports: a path a line comes in, and goes out when that file is there.
"""

import sys
import warnings
from pathlib import Path
from unittest.mock import patch

import torch

from exporting.attention_alone import write_gathered
from exporting.variants import VARIANTS
from trackformer.checkpoints.load import load_weights
from trackformer.exporting import onnx_file
from trackformer.exporting.tracked_frame import tracked_frame_program


def write(path: Path) -> None:
    """A variant's or bundled model's ONNX file; beside a variant's, torch's form of the graph."""
    name = path.stem
    if name == "gathered_attention":
        with warnings.catch_warnings():
            # torch copies records of its own that warn when they are made.
            warnings.filterwarnings("ignore", "`isinstance", FutureWarning)
            write_gathered(path)
        return
    if name not in VARIANTS:
        onnx_file.export_onnx(load_weights(name), path)
        return
    model = VARIANTS[name]()
    program = tracked_frame_program(model)
    torch.export.save(program, path.with_suffix(".pt2"))
    # Made once: it takes as long as its translation.
    with patch.object(onnx_file, "tracked_frame_program", lambda _model: program):
        onnx_file.export_onnx(model, path)


if __name__ == "__main__":
    for line in sys.stdin:
        write(Path(line.rstrip("\n")))
        print(line, end="", flush=True)  # noqa: T201 - read by the tests
