import pytest
import torch

from trackformer.models.deformable_detr import DeformableDetr
from trackformer.models.detr import Detr
from trackformer.models.settings import BackboneSettings, DeformableDetrSettings, DetrSettings
from trackformer.types import DecoderQueries, Images, Memory

BACKBONE = BackboneSettings(name="resnet18")
SIZES = {
    "backbone": BACKBONE,
    "embedding_size": 32,
    "num_heads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "feedforward_size": 32,
    "num_queries": 5,
}


def small_detr(**changes) -> Detr:
    torch.manual_seed(0)
    return Detr(DetrSettings(**SIZES | changes), num_classes=3).eval()


def small_deformable_detr(**changes) -> DeformableDetr:
    torch.manual_seed(0)
    model = DeformableDetr(DeformableDetrSettings(**SIZES | changes), num_classes=3).eval()
    # Untrained heads and offsets ignore the image; tests want every path to matter.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "box_heads" in name or "sampling_offsets" in name or "attention_weights" in name:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


DETECTORS = {
    "detr": small_detr,
    "detr_pre_norm": lambda: small_detr(pre_norm=True),
    "deformable": small_deformable_detr,
    "refinement": lambda: small_deformable_detr(box_refinement=True),
    "two_stage": lambda: small_deformable_detr(two_stage=True),
    "refinement_two_stage": lambda: small_deformable_detr(box_refinement=True, two_stage=True),
}


@pytest.fixture(params=DETECTORS)
def detector(request):
    return DETECTORS[request.param]()


@pytest.fixture
def images() -> Images:
    return random_images((96, 64), (64, 96))


def random_images(*sizes: tuple[int, int]) -> Images:
    generator = torch.Generator().manual_seed(1)
    return Images.from_list(
        [torch.randn(3, height, width, generator=generator) for height, width in sizes]
    )


def with_tracks_in_front(
    queries: DecoderQueries, is_padding: torch.Tensor, reference: torch.Tensor | None = None
) -> DecoderQueries:
    """Random track queries (rows of `is_padding`, B T) before the object queries."""
    generator = torch.Generator().manual_seed(2)
    batch_size, num_tracks = is_padding.shape
    content = torch.randn((batch_size, num_tracks, queries.content.shape[-1]), generator=generator)
    if reference is None:
        reference = torch.rand(
            (batch_size, num_tracks, queries.reference.shape[-1]), generator=generator
        )
    return DecoderQueries(
        content=torch.cat([content, queries.content], 1),
        position=torch.cat([torch.zeros_like(content), queries.position], 1),
        reference=torch.cat([reference, queries.reference], 1),
        is_padding=torch.cat([is_padding, queries.is_padding], 1),
        proposals=queries.proposals,
    )


def one_image_of(memory: Memory, index: int) -> Memory:
    position = None if memory.position is None else memory.position[index : index + 1]
    return Memory(
        memory.tokens[index : index + 1],
        memory.is_padding[index : index + 1],
        memory.level_shapes,
        memory.valid_ratios[index : index + 1],
        position,
    )
