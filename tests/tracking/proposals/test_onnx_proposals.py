"""Detectors in ONNX files: what they are shown, what of their answer counts, and which fit."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.video.frames import Frame

ROWS = [[0.0, 0.0, 64.0, 32.0, 0.9], [32.0, 0.0, 64.0, 64.0, 0.2], [0.0, 0.0, 9.0, 9.0, 0.8]]


def detector(
    path: Path,
    nodes: list,
    constants: dict[str, object],
    size=("h", "w"),
    outputs=("dets", "labels"),
) -> Path:
    """A network of a few operations."""
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, *size])],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["batch", "n", "five"]),
            helper.make_tensor_value_info(outputs[1], TensorProto.INT64, ["batch", "n"]),
        ],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def with_answer(path: Path, rows: list[list[float]], labels: list[int], **changes) -> Path:
    """Always answers the same."""
    outputs = changes.get("outputs", ("dets", "labels"))
    nodes = [helper.make_node("Identity", [f"the_{i}"], [outputs[i]]) for i in range(2)]
    constants = {"the_0": np.array([rows], np.float32), "the_1": np.array([labels], np.int64)}
    return detector(path, nodes, constants, **changes)


def with_first_value(path: Path, channel: int) -> Path:
    """Scores one box with what it sees in the upper left corner."""
    nodes = [
        helper.make_node("Slice", ["input", "begin", "end"], ["corner"]),
        helper.make_node("Reshape", ["corner", "shape"], ["score"]),
        helper.make_node("Concat", ["box", "score"], ["dets"], axis=2),
        helper.make_node("Identity", ["zero"], ["labels"]),
    ]
    constants = {
        "begin": [0, channel, 0, 0],
        "end": [1, channel + 1, 1, 1],
        "shape": [1, 1, 1],
        "box": np.array([[[0, 0, 9, 9]]], np.float32),
        "zero": [[0]],
    }
    return detector(path, nodes, constants)


def plain(height: int, width: int, colour=(0, 0, 0)) -> Frame:
    return Frame(np.full((height, width, 3), colour, dtype=np.uint8), 0, None)


def test_sure_boxes_come_back_in_pixels_of_the_frame(tmp_path: Path):
    path = with_answer(tmp_path / "a.onnx", ROWS, [0, 0, -1], size=(32, 64))
    # 64 x 128 pixels are shown at half their size; the last row is one that NMS left empty.
    found = OnnxProposals(path, min_score=0.3).in_frame(plain(64, 128))
    assert found.xyxy.tolist() == [[0, 0, 128, 64]]
    assert found.confidence.tolist() == pytest.approx([0.9])
    assert found.class_id.tolist() == [0]
    assert len(OnnxProposals(path, min_score=0.1).in_frame(plain(64, 128))) == 2


def test_the_proportions_of_a_frame_stay(tmp_path: Path):
    path = with_answer(tmp_path / "a.onnx", ROWS[:1], [0], size=(32, 64))
    # 128 x 128 pixels fill the left half of 32 x 64: both sides are a quarter.
    found = OnnxProposals(path, min_score=0.3).in_frame(plain(128, 128))
    assert found.xyxy.tolist() == [[0, 0, 256, 128]]


def test_a_size_left_open_is_chosen_after_the_frame(tmp_path: Path):
    path = with_answer(tmp_path / "a.onnx", ROWS[:1], [0])
    # 540 x 960 become 384 x 672, of which the picture covers 378 x 672.
    found = OnnxProposals(path, min_score=0.3).in_frame(plain(540, 960))
    assert found.xyxy[0].tolist() == pytest.approx([0, 0, 64 / 0.7, 32 / 0.7], rel=1e-5)


def test_channels_are_blue_green_red_as_rtmdet_knows_them(tmp_path: Path):
    orange = (255, 128, 0)
    normal = [(0 - 103.53) / 57.375, (128 - 116.28) / 57.12, (255 - 123.675) / 58.395]
    for channel, expected in enumerate(normal):
        path = with_first_value(tmp_path / f"{channel}.onnx", channel)
        found = OnnxProposals(path, min_score=-9.0).in_frame(plain(64, 64, orange))
        assert found.confidence.tolist() == pytest.approx([expected], abs=1e-4)


def test_other_outputs_are_refused(tmp_path: Path):
    path = with_answer(tmp_path / "a.onnx", ROWS, [0] * 3, outputs=("boxes", "scores"))
    message = r"a\.onnx: expected one input .* got input \[.*\] and the outputs boxes, scores"
    with pytest.raises(CheckpointError, match=message):
        OnnxProposals(path, min_score=0.3)
    path = with_answer(tmp_path / "b.onnx", [row[:4] for row in ROWS], [0] * 3)
    with pytest.raises(CheckpointError, match=r"b\.onnx: expected .* got \(1, 3, 4\)"):
        OnnxProposals(path, min_score=0.3).in_frame(plain(64, 64))


def test_an_answer_that_is_not_finite_is_refused(tmp_path: Path):
    path = with_answer(tmp_path / "a.onnx", [[0.0, 0.0, np.nan, 9.0, 0.9]], [0])
    with pytest.raises(DataError, match=r"a\.onnx: expected finite boxes, got others in frame 1"):
        OnnxProposals(path, min_score=0.3).in_frame(plain(64, 64))


def test_what_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="no such file"):
        OnnxProposals(tmp_path / "no.onnx", min_score=0.3)
    (tmp_path / "text.onnx").write_text("frame,id,left,top\n")
    with pytest.raises(CheckpointError, match="expected an ONNX model"):
        OnnxProposals(tmp_path / "text.onnx", min_score=0.3)


def test_without_onnxruntime_one_line_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"needs onnxruntime: pip install onnxruntime"):
        OnnxProposals(tmp_path / "a.onnx", min_score=0.3)
