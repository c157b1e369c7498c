"""A hundred files of weights that lie are refused in one line; none runs, asks or takes memory."""

import resource
import socket

import pytest
import torch

from checkpoints.hostile_weights import HOSTILE, with_settings, with_tensors
from trackformer import load_model
from trackformer.checkpoints.model_files import save_model
from trackformer.errors import TrackFormerError
from trackformer.models.build import build_model
from trackformer.models.settings import BackboneSettings, DetrSettings, ModelSettings

LONGEST_LINE = 600
"""Characters: paths and a reason."""
MOST_MEMORY = 2**20
"""Kilobytes that loading one file may add to the largest size of this process so far."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever asks for a connection or a name fails the test."""

    def refuse(*asked, **_named):
        pytest.fail(f"the network was asked for {asked[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_there_are_a_hundred_of_them():
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_lies_is_refused_in_one_line(make, model_file, tmp_path):
    path = make(model_file, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(TrackFormerError) as refused:
        load_model(path)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < LONGEST_LINE


def test_an_honest_file_loads_without_asking_the_network(model_file, tmp_path):
    again = with_settings("tracker", {"birth_score": 0.5})(model_file, tmp_path)
    assert load_model(again).settings.tracker == {"birth_score": 0.5}
    assert load_model("nano").settings.class_names == ("person",)


def test_weights_that_began_with_others_do_not_fetch_them_again(tmp_path):
    """A backbone from ImageNet is in the file; its name in the settings is a note."""
    backbone = BackboneSettings(name="resnet18")
    sizes = {"embedding_size": 32, "num_heads": 4, "num_encoder_layers": 1, "num_decoder_layers": 1}
    model = build_model(ModelSettings(detector=DetrSettings(backbone=backbone, **sizes)))
    save_model(model, tmp_path / "honest.safetensors")
    noted = with_settings("detector.backbone.weights", "imagenet")
    loaded = load_model(noted(tmp_path / "honest.safetensors", tmp_path))
    assert loaded.settings.detector.backbone.weights == "imagenet"
    tensors = loaded.state_dict()
    assert all(torch.equal(tensors[name], each) for name, each in model.state_dict().items())


def test_the_tensor_that_is_not_finite_is_named(model_file, tmp_path):
    path = with_tensors(lambda tensors: tensors["carry.type_embedding"].fill_(float("nan")))
    with pytest.raises(TrackFormerError) as refused:
        load_model(path(model_file, tmp_path))
    assert str(refused.value).endswith(
        "expected finite weights, got 32 of 32 values that are not a number or infinite in "
        "carry.type_embedding"
    )
