"""`trackformer convert SRC DST [--check]`: what it prints, writes and returns."""

import dataclasses
import warnings

import pytest

from tiny_models import tiny_model
from trackformer import cli, load_model
from trackformer.checkpoints import convert
from trackformer.checkpoints.model_files import load_file, save_model


@pytest.fixture
def source(tmp_path):
    save_model(tiny_model(), tmp_path / "source.safetensors", notes={"training": "{}"})
    return tmp_path / "source.safetensors"


def test_a_checked_conversion_prints_both_fingerprints(source, tmp_path, capsys):
    written = tmp_path / "written.safetensors"

    code = cli.run(["convert", str(source), str(written), "--check"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0] == str(written)
    assert lines[1].removeprefix("source:  ") == lines[2].removeprefix("written: ")
    assert lines[3] == "they agree (largest difference 0.0e+00)"


def test_tracker_settings_come_to_stay_with_the_weights(source, tmp_path):
    tuned, first, second = (
        tmp_path / name for name in ("t.yaml", "1.safetensors", "2.safetensors")
    )
    tuned.write_text("birth_score: 0.6\n", encoding="utf-8")
    assert cli.run(["convert", str(source), str(first), "--settings", str(tuned)]) == 0
    tuned.write_text("patience: 3\n", encoding="utf-8")
    assert cli.run(["convert", str(first), str(second), "--settings", str(tuned)]) == 0
    model, notes = load_file(second)
    assert model.settings.tracker == {"birth_score": 0.6, "patience": 3}
    assert notes["training"] == "{}"


def test_a_difference_is_an_error(source, tmp_path, capsys, monkeypatch):
    def differ(model, written):
        same = compare(model, written)
        return dataclasses.replace(same, largest_difference=0.5)

    compare = convert.compare
    monkeypatch.setattr(convert, "compare", differ)

    code = cli.run(["convert", str(source), str(tmp_path / "written.safetensors"), "--check"])

    assert code == 1
    assert "outputs differ from the source's by up to 5.0e-01" in capsys.readouterr().err


def test_what_is_left_out_is_said_in_one_line(source, tmp_path, capsys, monkeypatch):
    def load_a_part(path):
        warnings.warn("its mask head is left out", stacklevel=1)
        return load_model(path)

    monkeypatch.setattr(convert, "load_weights", load_a_part)
    written = tmp_path / "written.safetensors"

    code = cli.run(["convert", str(source), str(written)])

    error = capsys.readouterr().err
    assert code == 0
    assert error.startswith("warning: ")
    assert error.count("\n") == 1
    assert load_model(written).settings.detector.kind == "hugging_face"


def test_a_file_that_is_there_is_one_line(source, capsys):
    code = cli.run(["convert", str(source), str(source)])
    assert (code, capsys.readouterr().err.count("\n")) == (2, 1)
