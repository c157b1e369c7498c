import pytest
import torch

from models.conftest import SIZES, random_images, small_deformable_detr, small_detr
from trackformer.errors import ConfigError
from trackformer.models.build import build_model
from trackformer.models.parts.mask_head import AttentionMap, MaskHead
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import FrameFeatures, Images, MaskInput

BUILDERS = {
    "detr": lambda: small_detr(masks=True),
    "deformable": lambda: small_deformable_detr(masks=True),
    "one_level": lambda: small_deformable_detr(masks=True, num_levels=1),
    "two_stage": lambda: small_deformable_detr(masks=True, two_stage=True),
    "joint": lambda: small_deformable_detr(masks=True, multi_frame="joint_encoder"),
}


def small_trackformer(name: str) -> TrackFormer:
    detector = BUILDERS[name]()
    settings = ModelSettings(detector=DeformableDetrSettings(**SIZES))
    return TrackFormer(detector, settings).eval()


def view(is_padding: torch.Tensor | None = None) -> MaskInput:
    generator = torch.Generator().manual_seed(3)
    sizes = [(2, 3), (4, 6), (8, 12), (16, 24)]
    maps = [torch.randn(2, 16, *size, generator=generator) for size in sizes]
    if is_padding is None:
        is_padding = torch.zeros(2, 2, 3, dtype=torch.bool)
    return MaskInput(maps[0], maps[0] + 1, is_padding, tuple(maps[1:]))


def test_attention_sums_to_one_over_heads_and_image_together():
    torch.manual_seed(0)
    seen = view()
    weights = AttentionMap(16, 4)(torch.randn(2, 5, 16), seen.encoded, seen.is_padding)
    assert weights.shape == (2, 5, 4, 2, 3)
    torch.testing.assert_close(weights.sum((2, 3, 4)), torch.ones(2, 5))


def test_attention_by_hand():
    # One head, queries and keys as they are: scores 1 * 2 and 1 * 0 over sqrt(1).
    attention = AttentionMap(1, 1)
    for projection in (attention.query, attention.key):
        torch.nn.init.ones_(projection.weight)
    encoded = torch.tensor([[[[2.0, 0.0, 9.0]]]])
    is_padding = torch.tensor([[[False, False, True]]])
    weights = attention(torch.ones(1, 1, 1), encoded, is_padding)
    e2 = 2.718281828**2
    torch.testing.assert_close(weights.flatten(), torch.tensor([e2 / (e2 + 1), 1 / (e2 + 1), 0]))


@torch.no_grad()
def test_a_mask_does_not_depend_on_which_others_are_asked_for():
    torch.manual_seed(0)
    head, embeddings = MaskHead(16, 4, (16, 16, 16)), torch.randn(2, 20, 16)
    everything = head(view(), embeddings, torch.ones(2, 20, dtype=torch.bool))
    chosen = torch.zeros(2, 20, dtype=torch.bool)
    chosen[0, 3] = chosen[1, 0] = chosen[1, 19] = True
    some = head(view(), embeddings, chosen)
    assert some.shape == (3, 16, 24)
    torch.testing.assert_close(some, everything[chosen.flatten()])
    assert not torch.allclose(some[1], some[2])


@torch.no_grad()
def test_no_queries_have_no_masks():
    head = MaskHead(16, 4, (16, 16, 16))
    masks = head(view(), torch.randn(2, 5, 16), torch.zeros(2, 5, dtype=torch.bool))
    assert masks.shape == (0, 16, 24)


@pytest.mark.parametrize("name", BUILDERS)
@torch.no_grad()
def test_every_detector_outlines_at_a_quarter_of_the_size(name):
    model = small_trackformer(name)
    output = model.with_masks(model(random_images((96, 64), (64, 96))))
    assert output.masks.shape == (2, 5, 24, 24)
    assert output.masks.std() > 1e-3


@pytest.mark.parametrize("name", ["detr", "deformable"])
@torch.no_grad()
def test_a_batch_of_two_equals_two_batches_of_one(name):
    model = small_trackformer(name).double()
    alone, together = (
        model.with_masks(model(Images(each.pixels.double(), each.is_padding, each.image_sizes)))
        for each in (random_images((96, 64)), random_images((96, 64), (64, 64)))
    )
    torch.testing.assert_close(alone.masks[0], together.masks[0])


@pytest.mark.parametrize("multi_frame", ["separate_encoder", "joint_encoder"])
@torch.no_grad()
def test_masks_come_from_the_current_frame(multi_frame):
    """With `reference` and separate encoders from the previous one, as in the published code."""
    images = random_images((96, 64))
    before = Images(images.pixels.flip(-1), images.is_padding, images.image_sizes)
    for compatibility in ("none", "reference"):
        detector = small_deformable_detr(
            masks=True, multi_frame=multi_frame, compatibility=compatibility
        )
        maps = detector.backbone(before)[1:]
        previous = FrameFeatures(tuple(each.features for each in maps), before.is_padding)
        memory = detector.encode(images, previous)
        # Both frames have levels of strides 8, 16, 32 and 64.
        starts = [sum(h * w for h, w in memory.level_shapes[:i]) for i in (1, 5)]
        first, second = (memory.tokens[:, s : s + 6 * 4] for s in starts)
        is_first = compatibility == "none" and multi_frame == "separate_encoder"
        expected = first if is_first else second
        encoded = memory.mask_input.encoded.flatten(2).transpose(1, 2)
        assert encoded.shape[1] == 24
        torch.testing.assert_close(encoded, expected)


@torch.no_grad()
def test_merged_features_leave_the_mask_its_own_frame():
    detector = small_deformable_detr(masks=True, merge_features=True)
    memory = detector.encode(random_images((96, 64)))
    assert not torch.allclose(memory.mask_input.projected, memory.features[1])


def test_a_model_without_mask_head_says_how_to_get_one():
    model = build_model(ModelSettings(detector=DeformableDetrSettings(**SIZES))).eval()
    assert not model.predicts_masks
    with torch.no_grad():
        output = model(random_images((64, 64)))
    with pytest.raises(ConfigError, match="no mask head"):
        model.with_masks(output)
