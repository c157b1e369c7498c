"""A model for inference answers as the model does."""

import pytest
import torch
from torch import nn

from models.conftest import BACKBONE, SIZES, random_images
from tiny_models import MODEL_TYPES, tiny_model
from trackformer.checkpoints.model_files import save_model
from trackformer.errors import CheckpointError, ConfigError
from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.fast.convolution import FusedConvolution, summed
from trackformer.models.fast.feed_forward import ROWS, FusedFeedForward
from trackformer.models.fast.linear import WORTHWHILE, PackedLinear
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.fast.remembered import RememberedEncoding
from trackformer.models.fast.residual_blocks import FusedResidualBlock
from trackformer.models.parts.position_encoding import SinePositionEncoding
from trackformer.models.parts.sublayers import FeedForward
from trackformer.models.settings import DeformableDetrSettings, DetrSettings, ModelSettings
from trackformer.types import Images, TrackQueries

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
ROUNDED = {"atol": 2e-4, "rtol": 2e-4}  # these random weights amplify float32's rounding
VARIANTS = {
    "detr": DetrSettings(**SIZES),
    "detr_bottlenecks": DetrSettings(
        **SIZES | {"backbone": BACKBONE.model_copy(update={"name": "resnet50"})}
    ),
    "deformable": DeformableDetrSettings(**SIZES),
    "refinement_two_stage": DeformableDetrSettings(**SIZES, box_refinement=True, two_stage=True),
    "two_frames": DeformableDetrSettings(
        **SIZES | {"embedding_size": 48},
        multi_frame="separate_encoder",
        position_encoding="sine_time",
    ),
    "learned_positions": DetrSettings(**SIZES, position_encoding="learned"),
}


def own_model(settings):
    torch.manual_seed(0)
    model = build_model(
        ModelSettings(
            detector=settings,
            class_names=("person", "dog"),
            input=InputSettings(shorter_side=64),
        )
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    return model


def track_queries(model, num_tracks=3, batch_size=1) -> TrackQueries:
    generator = torch.Generator().manual_seed(5)
    size = model.embedding_size
    return TrackQueries(
        torch.randn(batch_size, num_tracks, size, generator=generator),
        torch.rand(batch_size, num_tracks, 4, generator=generator) * 0.3 + 0.3,
        torch.zeros(batch_size, num_tracks, dtype=torch.bool),
    )


def one_image(dtype=torch.float32) -> Images:
    generator = torch.Generator().manual_seed(6)
    return Images.from_list([torch.rand(3, 64, 96, generator=generator).to(dtype)])


def assert_same_answer(model, fast, images: Images, **tolerance: float) -> None:
    tolerance = tolerance or CLOSE
    queries = track_queries(model, batch_size=len(images.pixels))
    expected, answer = model(images, queries), fast(images, queries)
    torch.testing.assert_close(answer.boxes[-1], expected.boxes[-1], **tolerance)
    torch.testing.assert_close(answer.class_scores(), expected.class_scores(), **tolerance)


@torch.inference_mode()
@pytest.mark.parametrize("name", VARIANTS)
def test_our_detectors_answer_the_same(name):
    model = own_model(VARIANTS[name])
    fast = optimize_for_inference(model)
    for images in (random_images((64, 96)), random_images((96, 64), (64, 96))):
        assert_same_answer(model, fast, images)
        assert_same_answer(model, fast, images)  # now from what was remembered


@torch.inference_mode()
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_real_time_detectors_answer_the_same(model_type):
    model = tiny_model(model_type)
    assert_same_answer(model, optimize_for_inference(model), one_image(), **ROUNDED)
    model.double()
    assert_same_answer(model, optimize_for_inference(model), one_image(torch.float64))


@torch.inference_mode()
def test_unequal_points_learned_scales_and_folded_norms_answer_the_same():
    # As in DEIMv2's small models.
    config = tiny_model("deimv2").settings.detector.config
    backbone = config["backbone_config"] | {"use_learnable_affine_block": True}
    changed = config | {"decoder_n_points": [3, 1, 2], "backbone_config": backbone}
    model = tiny_model("deimv2", config=changed, batch_norm="folded", mlp_activation="silu")
    assert_same_answer(model, optimize_for_inference(model), one_image(), **ROUNDED)
    model.double()
    assert_same_answer(model, optimize_for_inference(model), one_image(torch.float64))


@torch.inference_mode()
def test_no_norm_and_no_plain_layer_is_left():
    fast = optimize_for_inference(tiny_model("deimv2"))
    kinds = {type(part).__name__ for part in fast.detector.modules()}
    assert not kinds & {"BatchNorm2d", "FrozenBatchNorm2d", "Conv2d", "Linear"}
    assert kinds >= {"FusedConvolution", "PackedLinear", "FastSampling", "DistributionDecoder"}


@torch.inference_mode()
def test_only_the_last_layer_answers():
    images = random_images((64, 96))
    for name in ("detr", "deformable", "refinement_two_stage"):
        model = own_model(VARIANTS[name])
        assert len(model(images).boxes) == 2
        answer = optimize_for_inference(model)(images)
        assert (len(answer.boxes), len(answer.class_logits)) == (1, 1)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["detr", "deimv2"])
def test_bfloat16_is_near_and_answers_in_float32(name):
    model = tiny_model(name) if name in MODEL_TYPES else own_model(VARIANTS[name])
    fast = optimize_for_inference(model, torch.bfloat16)
    images = one_image()
    expected, answer = model.encode(images).tokens, fast.encode(images).tokens
    assert (answer.float() - expected).abs().max() < 0.1 * expected.abs().max()
    output = fast(images, track_queries(model))
    assert output.boxes.dtype == output.embeddings.dtype == torch.float32
    assert output.boxes.isfinite().all()


def test_the_model_itself_does_not_change():
    model = tiny_model("rt_detr")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimize_for_inference(model)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(parameter.requires_grad for parameter in model.detector.network.decoder.parameters())


def test_it_can_be_neither_saved_nor_optimised_again(tmp_path):
    fast = optimize_for_inference(tiny_model("rt_detr"))
    with pytest.raises(CheckpointError, match="save the model it was made from"):
        save_model(fast, tmp_path / "fast.safetensors")
    with pytest.raises(ConfigError, match="not optimised for inference yet"):
        optimize_for_inference(fast)


def test_training_models_and_other_types_are_refused():
    with pytest.raises(ConfigError, match="evaluation mode"):
        optimize_for_inference(tiny_model("rt_detr").train())
    with pytest.raises(ConfigError, match="float16"):
        optimize_for_inference(tiny_model("rt_detr"), torch.float16)


@torch.inference_mode()
def test_two_parallel_convolutions_are_one():
    torch.manual_seed(0)
    wide, narrow = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 6, 1)
    features = torch.randn(1, 4, 5, 7)
    together = FusedConvolution(summed(wide, narrow), nn.SiLU())(features)
    expected = nn.functional.silu(wide(features) + narrow(features))
    torch.testing.assert_close(together, expected)


@torch.inference_mode()
def test_a_fused_convolution_without_onednn_is_the_same(monkeypatch):
    torch.manual_seed(0)
    layer = FusedConvolution(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU(), shift=0.5)
    features, shortcut = torch.randn(2, 4, 9, 7), torch.randn(2, 6, 5, 4)
    fast, fast_sum = layer(features), layer(features, shortcut)
    monkeypatch.setattr(layer, "_operation", None)
    torch.testing.assert_close(layer(features), fast)
    torch.testing.assert_close(layer(features, shortcut), fast_sum)
    assert fast.min() == 0.5


@torch.inference_mode()
def test_large_and_small_linear_layers_are_the_same():
    torch.manual_seed(0)
    linear = nn.Linear(128, 64)
    packed = PackedLinear(linear)
    for num_rows in (3, WORTHWHILE // (128 * 64) + 1):
        rows = torch.randn(2, num_rows, 128)
        torch.testing.assert_close(packed(rows), linear(rows), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("num_tokens", [3, ROWS + 5])
def test_a_feed_forward_network_in_parts_is_the_same(num_tokens):
    torch.manual_seed(0)
    network = FeedForward(64, 256, dropout=0.0).eval()
    tokens = torch.randn(2, num_tokens, 64)
    torch.testing.assert_close(FusedFeedForward(network)(tokens), network(tokens), **CLOSE)


@torch.inference_mode()
def test_a_residual_block_is_the_same():
    from trackformer.models.torchvision_import import ensure_torchvision

    ensure_torchvision()
    from torchvision.models.resnet import Bottleneck

    torch.manual_seed(0)
    block = Bottleneck(16, 4).eval()
    for name in ("bn1", "bn2", "bn3"):
        setattr(block, name, nn.Identity())
    features = torch.randn(2, 16, 6, 5)
    torch.testing.assert_close(FusedResidualBlock(block)(features), block(features))


@torch.inference_mode()
def test_positions_are_computed_once_per_padding():
    calls = []
    encoding = SinePositionEncoding(8, offset=0.0)
    encoding.register_forward_hook(lambda *_: calls.append(1))
    remembered = RememberedEncoding(encoding)
    whole = torch.zeros(1, 4, 6, dtype=torch.bool)
    padded = whole.clone()
    padded[:, 3:] = True
    for mask in (whole, whole.clone(), padded, padded, whole):
        torch.testing.assert_close(remembered(mask), SinePositionEncoding(8, offset=0.0)(mask))
    assert len(calls) == 3
