import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from commands import HANGS_S
from trackformer.devices import available_devices, choose_device, constant_beside, sent
from trackformer.errors import ConfigError


def test_the_processor_is_always_there():
    assert available_devices()[0] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"device 'cuda': not on this machine; available: cpu"):
        choose_device("cuda")


class Parcel(torch.Tensor):
    """Writes down how it is sent."""

    def to(self, device, non_blocking):
        self.sent_to = (str(device), non_blocking)
        return self


@pytest.mark.parametrize(
    ("device", "is_left_alone"), [("cuda:1", True), ("cpu", False), ("mps", False)]
)
def test_only_what_nobody_reads_too_early_is_sent_without_waiting(device: str, is_left_alone: bool):
    assert sent(Parcel([1.0]), device).sent_to == (device, is_left_alone)


def test_a_constant_is_made_once_and_can_be_trained_with():
    beside = torch.empty(0, device="meta")
    with torch.inference_mode():
        first = constant_beside(beside, ((1, 2), (3, 4)), torch.int32)
    assert first is constant_beside(beside, [[1, 2], [3, 4]], torch.int32)
    assert not first.is_inference()
    assert (first.shape, first.dtype, first.device.type) == ((2, 2), torch.int32, "meta")


def test_a_constant_has_its_numbers():
    numbers = constant_beside(torch.empty(0), ((1, 2), (3, 4)), torch.float64)
    assert numbers.tolist() == [[1.0, 2.0], [3.0, 4.0]]


FORKED = """
import os, torch
from tiny_models import tiny_model
torch.set_num_threads(2)
model = tiny_model()
product = torch.ones(600, 600)
expected = (product @ product).sum()
child = os.fork()
if child == 0:
    os._exit(0 if (product @ product).sum() == expected and torch.get_num_threads() == 1 else 1)
print(os.waitpid(child, 0)[1], torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_child_computes_with_one_thread_instead_of_waiting_for_those_it_lacks():
    answer = subprocess.run(
        [sys.executable, "-c", FORKED],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=True,
    )
    assert answer.stdout == "0 2\n"
