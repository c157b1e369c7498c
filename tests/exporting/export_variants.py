"""Tests run this: export models, in a process without the tests' shape checks.

torch cannot look through those checks where sizes are unknown.
"""

import sys
import warnings
from pathlib import Path

import torch

from exporting.attention_alone import write_gathered
from exporting.variants import VARIANTS, tiny_deformable_detr
from trackformer.checkpoints.load import load_weights
from trackformer.exporting.onnx_file import export_onnx
from trackformer.exporting.tracked_frame import tracked_frame_program


def write(path: Path) -> None:
    """A variant's or bundled model's ONNX file; a `.pt2` file is torch's own form of a program."""
    if path.suffix == ".pt2":
        torch.export.save(tracked_frame_program(tiny_deformable_detr()), path)
    elif path.stem == "gathered_attention":
        with warnings.catch_warnings():
            # torch copies records of its own that warn when they are made.
            warnings.filterwarnings("ignore", "`isinstance", FutureWarning)
            write_gathered(path)
    else:
        name = path.stem
        export_onnx(VARIANTS[name]() if name in VARIANTS else load_weights(name), path)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
