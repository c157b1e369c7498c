"""Exported models: what they refuse, and what is said of files that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import supervision
import torch

from trackformer import Tracker, load_model, optimize_for_inference, save_model
from trackformer.checkpoints.convert import convert
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.models.frame_model import FrameModel
from trackformer.types import Images, TrackQueries
from tracking.proposals.test_onnx_proposals import with_answer


def test_one_call_loads_it_for_trackers(nano_file: Path):
    model = load_model(nano_file)
    assert isinstance(model, OnnxModel)
    assert isinstance(model, FrameModel)


def test_a_frame_of_another_shape_than_rgb_is_refused_as_by_weights(nano: OnnxModel):
    with pytest.raises(DataError, match="expected height x width x 3 RGB pixels"):
        Tracker(nano).update(np.zeros((64, 64), dtype=np.uint8))


def test_images_of_different_sizes_are_refused(nano: OnnxModel):
    images = Images.from_list([torch.zeros(3, 64, 96), torch.zeros(3, 96, 64)])
    with pytest.raises(DataError, match=r"images of one size together, got \[\[64, 96\], \[96, 64"):
        nano(images)


def test_what_a_file_does_not_take_is_one_line(nano: OnnxModel):
    queries = TrackQueries(
        torch.zeros(1, 2, 8), torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool)
    )
    message = r"nano\.onnx: onnxruntime refuses .* track_embeddings \(1, 2, 8\), .*Expected: 96"
    with pytest.raises(CheckpointError, match=message):
        nano(Images.from_list([torch.zeros(3, 64, 64)]), queries)


def test_proposals_and_masks_are_refused(nano: OnnxModel):
    message = r"nano\.onnx: exported models have no proposals; use the weights it was exported from"
    places = supervision.Detections(xyxy=np.array([[8.0, 8, 32, 32]]))
    with pytest.raises(ConfigError, match=message):
        Tracker(nano).update(np.zeros((96, 96, 3), dtype=np.uint8), proposals=places)
    memory = nano(Images.from_list([torch.zeros(3, 256, 256)])).memory
    with pytest.raises(ConfigError, match="exported models have no masks"):
        nano.masks_of(memory, torch.zeros(1, 0, 96), torch.zeros(1, 0, dtype=torch.bool))


def test_only_weights_are_converted_trained_saved_and_optimised(nano: OnnxModel, tmp_path: Path):
    message = "expected weights, got an exported model, which can only track and detect"
    with pytest.raises(CheckpointError, match=rf"a\.onnx: {message}"):
        load_weights("a.onnx")
    with pytest.raises(CheckpointError, match=message):
        convert("a.onnx", tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="got one for inference only"):
        save_model(nano, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="got an exported model, which is fast as it is"):
        optimize_for_inference(nano)


def test_files_that_are_not_exported_models(nano_file: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no\.onnx: no such file"):
        load_model(tmp_path / "no.onnx")
    (tmp_path / "cut.onnx").write_bytes(nano_file.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"cut\.onnx: expected an ONNX model"):
        load_model(tmp_path / "cut.onnx")
    detector = with_answer(tmp_path / "detector.onnx", [[0.0] * 5], [0])
    with pytest.raises(CheckpointError, match=r"`trackformer export` .* got format 'unknown'"):
        load_model(detector)


def test_settings_of_another_version_are_refused(nano_file: Path, tmp_path: Path):
    file = onnx.load(nano_file)
    for entry in file.metadata_props:
        if entry.key == "settings":
            entry.value = entry.value.replace('"birth_score"', '"old_score"').replace(
                '"class_names"', '"klass_names"'
            )
    onnx.save(file, tmp_path / "other.onnx")
    message = r"other\.onnx: the stored settings cannot be used: .*klass_names"
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path / "other.onnx")


def test_devices_are_those_of_onnxruntime(nano_file: Path, monkeypatch: pytest.MonkeyPatch):
    assert load_model(nano_file, "auto").device == torch.device("cpu")
    message = r"device 'cuda:1': onnxruntime has not got it; it has cpu \(onnxruntime-gpu adds cuda"
    with pytest.raises(ConfigError, match=message):
        load_model(nano_file, torch.device("cuda:1"))
    asked = []

    def remember(_path, _options, providers):
        asked.append(providers)
        raise RuntimeError("enough")

    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    monkeypatch.setattr(onnxruntime, "InferenceSession", remember)
    for device in ("auto", "cuda:1", "cpu"):
        with pytest.raises(CheckpointError, match="enough"):
            load_model(nano_file, device)
    cuda, cpu = available
    assert asked == [[(cuda, {"device_id": 0}), cpu], [(cuda, {"device_id": 1}), cpu], [cpu]]
    with pytest.raises(ConfigError, match="device 'mps': onnxruntime has not got it; it has cpu, "):
        load_model(nano_file, "mps")


def test_without_onnxruntime_one_line_says_what_to_install(
    nano_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="needs onnxruntime: pip install onnxruntime"):
        load_model(nano_file)
