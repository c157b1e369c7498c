"""Which parameters learn how fast."""

import pytest
from torch import nn

from tiny_models import tiny_model
from trackformer.training.optimizer import (
    build_optimizer,
    layers_behind,
    rate_factor,
    rates_by_part,
)
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


def test_every_layer_learns_slower_than_the_one_after_it():
    names = [
        "detector.backbone.stem.conv1.weight",
        "detector.backbone.layer1.0.conv1.weight",
        "detector.backbone.layer2.0.conv1.weight",
        "detector.encoder.layers.0.feedforward.expand.weight",
        "detector.encoder.layers.1.feedforward.expand.weight",
        "detector.decoder_layers.0.self_attention.query.weight",
        "detector.decoder_layers.2.self_attention.query.weight",
        "detector.box_heads.0.layers.1.weight",
        "carry.projection.weight",
    ]
    assert list(layers_behind(names).values()) == [2, 1, 0, 1, 0, 2, 0, 0, 0]


def test_layers_of_hugging_face_models_are_told_apart():
    names = [
        "detector.network.conv_encoder.model.embedder.stem1.convolution.weight",
        "detector.network.conv_encoder.model.encoder.stages.0.blocks.1.weight",
        "detector.network.conv_encoder.model.encoder.stages.1.blocks.0.weight",
        "detector.network.decoder.layers.0.mlp.up_proj.weight",
        "detector.network.decoder.layers.1.mlp.up_proj.weight",
        "detector.network.decoder.bbox_embed.0.layers.0.weight",
    ]
    assert list(layers_behind(names).values()) == [2, 1, 0, 1, 0, 0]


def test_the_decay_multiplies_the_rates_of_the_parts():
    model = tiny_model("deimv2")
    settings = OptimizerSettings(learning_rate=1, backbone_scale=0.1, layer_decay=0.5)
    optimizer = build_optimizer(model, settings)
    rate = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    backbone = model.detector.network.conv_encoder.model.encoder.stages
    assert [rate[next(stage.parameters())] for stage in backbone] == pytest.approx(
        [0.1 * 0.5 ** (len(backbone) - 1 - i) for i in range(len(backbone))]
    )
    layers = model.detector.network.decoder.layers
    assert [rate[layer.mlp.up_proj.weight] for layer in layers] == [0.5, 1]
    found = rates_by_part(model, optimizer)
    assert found["carry"] == 1
    assert set(found) == {"backbone", "encoder", "decoder", "carry"}


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
