"""`trackformer export`, and the files it must not leave behind."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnx
import pytest

from commands import Run
from models.conftest import SIZES
from trackformer.checkpoints.model_files import save_model
from trackformer.demo_clip import ground_truth_file
from trackformer.exporting import onnx_file
from trackformer.exporting.agreement import largest_difference
from trackformer.models.build import build_model
from trackformer.models.settings import DetrSettings, ModelSettings


@pytest.fixture
def translated(nano_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of torch's translation, which takes half a minute, a file made before."""
    monkeypatch.setattr(onnx_file, "translated", lambda *_: nano_file.read_bytes())


@pytest.mark.usefixtures("translated")
def test_it_prints_the_file_and_how_well_it_agrees(run: Run, tmp_path: Path):
    path = tmp_path / "new" / "nano.onnx"
    code, output, error = run("export", "--output", path)
    assert (code, error) == (0, "")
    name, agreement = output.splitlines()
    assert name == str(path)
    assert agreement.startswith("onnxruntime answers as the model does (largest difference ")
    assert [each.name for each in path.parent.iterdir()] == ["nano.onnx"]


@pytest.mark.usefixtures("translated")
def test_a_file_that_answers_otherwise_is_not_kept(run: Run, tmp_path: Path):
    path = tmp_path / "other.onnx"
    # What is compared is nano's file, with another model's answers.
    code, _, error = run("export", "--model", "nano-open", "--output", path)
    assert code == 2
    assert error.startswith(
        f"error: {path}: not written: its answers would differ from the model's"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said_before_anything_slow(run: Run, tmp_path: Path, monkeypatch):
    assert run("export", "--output", "nano.pt")[2] == (
        "error: nano.pt: expected a name that ends in .onnx\n"
    )
    there = tmp_path / "there.onnx"
    there.touch()
    assert (
        "exists already; it is replaced only with --overwrite"
        in run("export", "--output", there)[2]
    )
    assert (
        "a.onnx: expected weights, got an exported model"
        in run("export", "--model", "a.onnx", "--output", tmp_path / "b.onnx")[2]
    )
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name)
    )
    assert run("export", "--output", tmp_path / "b.onnx")[2] == (
        f"error: {tmp_path}/b.onnx: needs onnxscript: pip install onnxscript\n"
    )


def test_masks_are_refused(run: Run, tmp_path: Path):
    settings = ModelSettings(detector=DetrSettings(**SIZES, masks=True))
    save_model(build_model(settings).eval(), tmp_path / "masks.safetensors")
    code, _, error = run(
        "export", "--model", tmp_path / "masks.safetensors", "--output", tmp_path / "a.onnx"
    )
    assert code == 2
    assert error == "error: masks cannot be exported: expected a model without a mask head\n"


def test_the_file_says_nothing_of_the_machine_it_was_made_on(nano_file: Path):
    content = nano_file.read_bytes()
    assert str(Path(onnx_file.__file__).parents[3]).encode() not in content
    assert b"site-packages" not in content
    file = onnx.load(nano_file)
    assert (file.producer_name, file.opset_import[0].version) == ("trackformer", 20)
    assert {node.domain for node in file.graph.node} == {""}


def test_a_difference_is_seen_wherever_it_is(nano, weights):
    assert largest_difference(weights, nano) < 1e-3
    assert largest_difference(nano, nano) == 0


def test_tracking_takes_the_file(run: Run, nano_file: Path, make_clip, tmp_path: Path):
    arguments = ("--model", nano_file, "--output", tmp_path / "out", "--no-video")
    code, output, error = run("track", make_clip(2), *arguments)
    assert (code, error) == (0, "")
    assert output.startswith("2 frames, ")


def test_the_file_keeps_its_dtype(run: Run, nano_file: Path, make_clip, tmp_path: Path):
    arguments = ("--model", nano_file, "--output", tmp_path / "out", "--dtype", "bfloat16")
    code, _, error = run("track", make_clip(2), *arguments)
    expected = f"--dtype: expected float32 for {nano_file}, since it was exported so"
    assert (code, error) == (2, f"error: {expected}\n")


def test_tuning_and_comparing_need_weights(run: Run, nano_file: Path, tmp_path: Path):
    message = "expected weights, got an exported model, which can only track and detect"
    with ground_truth_file() as annotated:
        assert message in run("benchmark", annotated, "--model", nano_file)[2]
        found = ("--output", tmp_path / "found.yaml")
        assert message in run("tune", annotated, "--model", nano_file, *found)[2]
