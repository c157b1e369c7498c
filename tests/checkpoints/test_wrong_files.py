"""Files that cannot be used are refused, by name and reason, and nothing in them runs."""

import argparse
import os
import pickle

import pytest
import torch

from golden.recordings import published_weights
from trackformer import load_model
from trackformer.errors import CheckpointError

NAME = "detr_r50_small"
FEW_TENSORS = {"class_embed.weight": torch.zeros(2, 3), "class_embed.bias": torch.zeros(2)}


class RunsCommand:
    """Pickled, it is a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "damaged.pth"
    torch.save({"model": FEW_TENSORS}, path)
    path.write_bytes(path.read_bytes()[:500])

    with pytest.raises(CheckpointError, match=r"damaged\.pth: expected a file of torch\.save"):
        load_model(path)


@pytest.mark.parametrize("content", [b"\x00\x00\x00\x20ftypisom", b"hello world", b"PK\x03\x04"])
def test_another_kind_of_file_is_refused_in_our_own_words(content, tmp_path):
    (tmp_path / "video.mp4").write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        load_model(tmp_path / "video.mp4")
    assert str(refused.value) == (
        f"{tmp_path}/video.mp4: expected a file of torch.save with tensors and plain values, "
        "got another kind of file or a damaged one"
    )


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.pth"
    path.touch()

    with pytest.raises(CheckpointError, match=r"empty\.pth"):
        load_model(path)


@pytest.mark.parametrize("as_zip", [True, False])
def test_code_in_a_file_is_refused_and_not_run(as_zip, tmp_path):
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    content = {"model": FEW_TENSORS, "args": RunsCommand(f"touch {made}")}
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)

    with pytest.raises(CheckpointError, match=r"evil\.pth: .*refused to run \w+\.system"):
        load_model(path)
    assert not made.exists()


def test_code_in_a_plain_pickle_is_refused_and_not_run(tmp_path):
    path, made = tmp_path / "evil.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps(RunsCommand(f"touch {made}")))

    with pytest.raises(CheckpointError, match=r"evil\.pkl"):
        load_model(path)
    assert not made.exists()


def test_an_unknown_model_is_told_what_was_found_and_expected(tmp_path):
    path = tmp_path / "yolo.pth"
    torch.save({"model": {"model.0.conv.weight": torch.zeros(3)}}, path)

    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "yolo.pth: expected DETR (class_embed.weight" in message
    assert "model.0.conv.weight" in message


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"model": {"a": "b"}}, {"model": None}, torch.zeros(3)]
)
def test_files_without_tensors_by_name_are_refused(content, tmp_path):
    torch.save(content, tmp_path / "odd.pth")

    with pytest.raises(CheckpointError, match=r"odd\.pth: expected"):
        load_model(tmp_path / "odd.pth")


def test_missing_and_unexpected_and_misshaped_tensors_are_named(tmp_path):
    weights = published_weights(NAME)
    del weights["bbox_embed.layers.1.bias"]
    weights["a.new.head"] = torch.zeros(1)
    weights["input_proj.bias"] = torch.zeros(3)
    torch.save({"model": weights}, tmp_path / "other.pth")

    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "other.pth")
    message = str(caught.value)
    assert "1 missing (box_head.layers.1.bias)" in message
    assert "1 unexpected (a.new.head)" in message
    assert "input_projection.bias (3,) instead of (64,)" in message


@pytest.mark.parametrize(
    "missing", ["query_embed.weight", "transformer.decoder.layers.0.linear1.weight"]
)
def test_a_missing_tensor_that_tells_a_size_is_named(missing, tmp_path):
    weights = published_weights(NAME)
    del weights[missing]
    torch.save({"model": weights}, tmp_path / "part.pth")

    with pytest.raises(CheckpointError, match=f"no tensor '{missing}'"):
        load_model(tmp_path / "part.pth")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        (NAME, {"transformer.encoder.layers.0.self_attn.in_proj_bias": torch.zeros(2)}),
        (NAME, {"transformer.encoder.layers.0.self_attn.in_proj_bias": torch.tensor(1.0)}),
        ("deformable_r50_small", {"query_embed.weight": torch.zeros(5)}),
    ],
)
def test_a_packed_tensor_that_cannot_be_cut_is_refused(name, tensor, tmp_path):
    torch.save({"model": published_weights(name) | tensor}, tmp_path / "odd.pth")

    with pytest.raises(CheckpointError, match=r"odd\.pth: a packed tensor"):
        load_model(tmp_path / "odd.pth")


@pytest.mark.parametrize("arguments", [{"nheads": "many"}, {"nheads": 7}, {"dilation": [1]}])
def test_arguments_that_make_no_sense_are_refused(arguments, tmp_path):
    content = {"model": published_weights(NAME), "args": argparse.Namespace(**arguments)}
    torch.save(content, tmp_path / "odd.pth")

    with pytest.raises(CheckpointError, match=r"odd\.pth"):
        load_model(tmp_path / "odd.pth")


def test_an_unknown_backbone_is_refused(tmp_path):
    weights = {
        key: each for key, each in published_weights(NAME).items() if ".layer3.5." not in key
    }
    torch.save({"model": weights}, tmp_path / "other.pth")

    with pytest.raises(CheckpointError, match="expected a backbone of resnet18"):
        load_model(tmp_path / "other.pth")
