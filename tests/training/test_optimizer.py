"""Which parameters learn how fast."""

import pytest
from torch import nn

from trackformer.training.optimizer import build_optimizer, rate_factor
from trackformer.training.settings import OptimizerSettings


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.encoder = nn.ModuleDict({"sampling_offsets": nn.Linear(2, 2), "rest": nn.Linear(2, 2)})
        self.decoder = nn.Linear(2, 2)


def rates(**settings) -> dict[str, tuple[float, float]]:
    network = Network()
    optimizer = build_optimizer(network, OptimizerSettings(learning_rate=1, **settings))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_each_part_has_its_rate():
    found = rates(backbone_scale=0.1, encoder_scale=0.5, sampling_scale=0.2)
    assert found["backbone.weight"][0] == 0.1
    assert found["encoder.rest.weight"][0] == 0.5
    assert found["encoder.sampling_offsets.weight"][0] == pytest.approx(0.1)
    assert found["decoder.weight"][0] == 1


def test_biases_are_not_decayed():
    found = rates(weight_decay=0.3)
    assert found["decoder.weight"][1] == 0.3
    assert found["decoder.bias"][1] == 0


def test_a_scale_of_zero_freezes():
    assert not any(name.startswith("backbone") for name in rates(backbone_scale=0))
    network = Network()
    build_optimizer(network, OptimizerSettings(backbone_scale=0))
    assert not network.backbone.weight.requires_grad
    assert network.decoder.weight.requires_grad


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("constant", 0, 0.1),  # warm-up of ten steps
        ("constant", 9, 1.0),
        ("constant", 99, 1.0),
        ("step", 79, 1.0),
        ("step", 80, 0.1),
        ("cosine", 10, 1.0),
        ("cosine", 55, 0.55),  # half-way between 1 and 0.1
        ("cosine", 100, 0.1),
        ("cosine", 200, 0.1),
    ],
)
def test_the_rate_over_the_run(schedule, step, factor):
    settings = OptimizerSettings(steps=100, warmup_steps=10, schedule=schedule, final_scale=0.1)
    assert rate_factor(step, settings) == pytest.approx(factor)
