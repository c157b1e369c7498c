"""Our DEIMv2 is transformers': the same names, the same numbers, the same gradients."""

import copy

import pytest
import torch

from trackformer import load_model
from trackformer.models.deimv2.network import Deimv2Network, deimv2_network
from trackformer.models.hugging_face import HuggingFaceDetector, random_network
from trackformer.models.settings import HuggingFaceSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, TrackQueries


@pytest.fixture(scope="module")
def ours() -> TrackFormer:
    return load_model("nano")


@pytest.fixture(scope="module")
def theirs(ours) -> TrackFormer:
    settings = ours.settings.detector
    network = random_network(settings, num_classes=1)
    network.load_state_dict(ours.detector.network.state_dict())
    detector = HuggingFaceDetector(network, settings.num_queries)
    model = TrackFormer(detector, ours.settings)
    model.carry = copy.deepcopy(ours.carry)
    return model.eval()


def asked() -> tuple[Images, TrackQueries]:
    generator = torch.Generator().manual_seed(0)
    pixels = [torch.rand(3, 96, width, generator=generator) for width in (160, 128)]
    boxes = torch.rand(2, 3, 4, generator=generator) * 0.5 + 0.2
    padding = torch.tensor([[False] * 3, [False, True, True]])
    queries = TrackQueries(torch.randn(2, 3, 96, generator=generator), boxes, padding)
    return Images.from_list(pixels), queries


def test_the_bundled_models_are_built_without_transformers(ours, theirs):
    assert type(ours.detector.network) is Deimv2Network
    assert type(theirs.detector.network).__module__.startswith("transformers.")


@pytest.mark.parametrize("is_training", [False, True])
def test_answers_and_gradients_are_those_of_transformers_to_the_last_bit(ours, theirs, is_training):
    answers, gradients = [], []
    for model in (ours, theirs):
        model = copy.deepcopy(model).train(is_training)
        output = model(*asked())
        (output.class_logits.sum() + output.boxes.square().sum()).backward()
        answers.append((output.class_logits, output.boxes, output.embeddings))
        gradients.append({name: each.grad for name, each in model.named_parameters()})
    for first, second in zip(*answers, strict=True):
        assert torch.equal(first, second)
    assert len(answers[0][1]) == (4 if is_training else 1)  # layers; one more box head first
    assert list(gradients[0]) == list(gradients[1])
    for name, gradient in gradients[0].items():
        other = gradients[1][name]
        assert (gradient is None) == (other is None)
        assert gradient is None or torch.equal(gradient, other), name


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "d_fine"},
        {"encoder_projection": True},
        {"mlp_activation": None},
        {"config": {}},
        {"config": {"encoder_type": "hybrid"}},
        {"config": {"dropout": 0.1}},
        {"config": {"num_feature_levels": 3}},
    ],
)
def test_what_is_built_otherwise_is_left_to_transformers(ours, change):
    kept = ours.settings.detector.model_dump()
    if change.get("config"):
        change = {"config": kept["config"] | change["config"]}
    changed = kept | change
    assert deimv2_network(HuggingFaceSettings.model_validate(changed), num_classes=1) is None
