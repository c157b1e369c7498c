"""A detector in an ONNX file as a source of proposals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from trackformer.checkpoints.onnx_session import OnnxSession
from trackformer.errors import CheckpointError, DataError
from trackformer.input_settings import InputSettings
from trackformer.preprocessing import normalise
from trackformer.resizing import input_size

if TYPE_CHECKING:
    import supervision

    from trackformer.video.frames import Frame

AREA: Final = 384 * 640
"""Pixels of the input where the file leaves its size open."""
STRIDE: Final = 32
PADDING_GREY: Final = 114
"""What these detectors were trained to see beside the picture."""
INPUT: Final = InputSettings(
    area=AREA,
    multiple_of=STRIDE,
    # RTMDet's, in its order: blue, green, red.
    mean=(103.53 / 255, 116.28 / 255, 123.675 / 255),
    std=(57.375 / 255, 57.12 / 255, 58.395 / 255),
)
EXPECTED: Final = (
    "expected one input of images (batch, 3, height, width) and the outputs dets (batch, N, 5) and "
    "labels (batch, N), as MMDeploy exports detectors"
)


class OnnxProposals:
    """What a detector of MMDetection, exported by MMDeploy, sees; RTMDet for example.

    Its input is BGR, normalised as RTMDet's; its outputs are `dets`, boxes (left, top, right,
    bottom in pixels of the input) with a score, and `labels`. It runs on the processor.

    Args:
        path: The ONNX file.
        min_score: Lowest score of a proposal.
        area: Pixels of the input, where the file leaves its size open.

    Raises:
        ConfigError: onnxruntime, the extra `onnx`, is not installed.
        CheckpointError: The file cannot be read, or has other inputs or outputs.
    """

    def __init__(self, path: Path, min_score: float, area: int = AREA) -> None:
        self._path = path
        self._input = INPUT.model_copy(update={"area": area})
        self._min_score = min_score
        self._session = OnnxSession(path)
        shapes = list(self._session.inputs.values())
        outputs = self._session.outputs.keys()
        if len(shapes) != 1 or len(shapes[0]) != 4 or not {"dets", "labels"} <= outputs:
            got = ", ".join(f"{name} {list(shape)}" for name, shape in self._session.inputs.items())
            raise CheckpointError(
                f"{path}: {EXPECTED}, got {got} and the outputs {', '.join(sorted(outputs))}"
            )
        (self._input_name,) = self._session.inputs
        sides = [side for side in shapes[0][2:] if isinstance(side, int)]
        self._fixed_size = (sides[0], sides[1]) if len(sides) == 2 else None

    def in_frame(self, frame: Frame) -> supervision.Detections:
        """The detector's answer for a frame, in its pixels.

        Raises:
            CheckpointError: The answer has another shape.
            DataError: It is not finite.
        """
        import supervision

        picture, scale = self._picture(frame.pixels)
        pixels = normalise(picture[..., ::-1], INPUT)[None].numpy()
        found, labels = self._session.run(
            ["dets", "labels"], {self._input_name: np.ascontiguousarray(pixels)}
        )
        if found.ndim != 3 or found.shape[2] != 5 or labels.shape != found.shape[:2]:
            raise CheckpointError(f"{self._path}: {EXPECTED}, got {found.shape} and {labels.shape}")
        if not np.isfinite(found).all():
            raise DataError(
                f"{self._path}: expected finite boxes, got others in frame {frame.frame_index + 1}"
            )
        # Rows that NMS left empty have a score of 0 or a label of -1.
        is_sure = (found[0, :, 4] >= self._min_score) & (labels[0] >= 0)
        return supervision.Detections(
            xyxy=found[0, is_sure, :4] / scale,
            confidence=found[0, is_sure, 4],
            class_id=labels[0, is_sure].astype(np.int64),
        )

    def _picture(
        self, pixels: UInt8[np.ndarray, "H W 3"]
    ) -> tuple[UInt8[np.ndarray, "_ _ 3"], Float[np.ndarray, " 4"]]:
        """The frame at the input's size, and how much larger (x, y, x, y) it is there."""
        size = (pixels.shape[0], pixels.shape[1])
        height, width = self._fixed_size or input_size(size, self._input)
        # The proportions stay; the rest of the input, at the right and bottom, is grey.
        scale = min(height / size[0], width / size[1])
        shown = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        picture = np.full((height, width, 3), PADDING_GREY, dtype=np.uint8)
        # Interpolated as in their training, not averaged.
        picture[: shown[0], : shown[1]] = cv2.resize(pixels, shown[::-1])
        ratio = np.array([shown[1] / size[1], shown[0] / size[0]], dtype=np.float32)
        return picture, np.tile(ratio, 2)
