import pytest
import torch

from golden.recordings import published_weights
from tiny_models import tiny_model
from trackformer import load_model
from trackformer.checkpoints.convert import (
    Comparison,
    compare,
    convert,
    fingerprint,
    probe_outputs,
)
from trackformer.checkpoints.model_files import save_model
from trackformer.errors import CheckpointError, ConfigError


@pytest.fixture(scope="module")
def published_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "checkpoint.pth"
    torch.save({"model": published_weights("deformable_r50_small_refine")}, path)
    return path


def test_a_published_file_becomes_ours_and_answers_the_same(published_file, tmp_path):
    written = tmp_path / "ours.safetensors"

    source = convert(published_file, written)

    assert load_model(written).settings == source.settings
    comparison = compare(source, written)
    assert comparison.agrees
    assert comparison.source == comparison.written
    # Two images with 20 queries, then 3 track queries in front; 91 classes.
    assert comparison.source.shapes == ((2, 20, 91), (2, 20, 4), (2, 23, 91), (2, 23, 4))


def test_a_model_with_a_carry_projection_keeps_it(tmp_path):
    save_model(tiny_model(), tmp_path / "source.safetensors")

    source = convert(tmp_path / "source.safetensors", tmp_path / "copy.safetensors")

    assert compare(source, tmp_path / "copy.safetensors").largest_difference == 0


def test_another_model_is_noticed(tmp_path):
    save_model(tiny_model(seed=1), tmp_path / "other.safetensors")

    comparison = compare(tiny_model(seed=0), tmp_path / "other.safetensors")

    assert not comparison.agrees
    assert comparison.source.digest != comparison.written.digest


def test_outputs_of_other_shapes_do_not_agree(tmp_path):
    save_model(tiny_model(num_queries=5), tmp_path / "other.safetensors")
    assert not compare(tiny_model(), tmp_path / "other.safetensors").agrees


def test_outputs_that_are_not_numbers_do_not_agree():
    bad = fingerprint([torch.zeros(1, 1, 1)])
    assert not Comparison(bad, bad, largest_difference=float("nan")).agrees


def test_a_fingerprint_depends_on_every_output_but_not_on_rounding():
    outputs = probe_outputs(tiny_model())
    nudged = [*outputs[:-1], outputs[-1] + 0.01]
    assert fingerprint(outputs) == fingerprint([each.clone() for each in outputs])
    assert fingerprint(outputs).digest != fingerprint(nudged).digest


def test_a_fingerprint_is_one_line_to_read():
    text = str(fingerprint([torch.full((1, 2, 3), 0.5), torch.zeros(1, 2, 4)]))
    assert text.endswith("(outputs 1x2x3, 1x2x4; first logits 0.500 0.500 0.500 0.500 0.500 0.500)")


def test_a_file_that_is_there_is_kept(published_file, tmp_path):
    written = tmp_path / "ours.safetensors"
    written.write_text("precious")
    with pytest.raises(ConfigError, match="--overwrite"):
        convert(published_file, written)
    assert written.read_text() == "precious"


def test_a_file_that_is_there_is_replaced_where_asked(tmp_path):
    save_model(tiny_model(), tmp_path / "source.safetensors")
    written = tmp_path / "ours.safetensors"
    written.write_text("old")
    source = convert(tmp_path / "source.safetensors", written, overwrite=True)
    assert load_model(written).settings == source.settings


def test_another_ending_is_refused(published_file, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.safetensors"):
        convert(published_file, tmp_path / "ours.pth")


def test_a_source_that_does_not_load_writes_nothing(tmp_path):
    with pytest.raises(CheckpointError):
        convert(tmp_path / "missing.pth", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()
