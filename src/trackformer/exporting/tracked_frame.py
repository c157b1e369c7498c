"""One tracked frame as a function of tensors alone, which torch can make a graph of."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.errors import ConfigError
from trackformer.exporting.shifts import shift_in_bias
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.fast.replacing import replace_modules
from trackformer.models.trackformer import TrackFormer
from trackformer.types import FrameFeatures, Images, TrackQueries

IMAGE_SIZE = (131, 170)
PREVIOUS_SIZE = (99, 203)
"""(height, width) of examples: no multiples, and never equal, so that no side is taken for another
or for a constant. The graph knows no size."""
NUM_IMAGES = 2
NUM_TRACKS = 3


class TrackedFrame(nn.Module):
    """A model's answer for images without padding.

    Args:
        model: In its form for inference.
    """

    def __init__(self, model: TrackFormer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        pixels: Float[Tensor, "B 3 H W"],
        track_embeddings: Float[Tensor, "B T C"],
        track_boxes: Float[Tensor, "B T 4"],
        track_padding: Bool[Tensor, "B T"],
        previous_maps: tuple[Tensor, ...],
    ) -> tuple[Tensor, ...]:
        """Scores (B Q K), boxes and embeddings, then the maps for the next frame, if any.

        Args:
            pixels: Normalised.
            track_embeddings: As in `TrackQueries`.
            track_boxes: Likewise.
            track_padding: Likewise.
            previous_maps: What a model of two frames answered last for the frame before.
        """
        output = self.model(
            _whole_images(pixels),
            TrackQueries(track_embeddings, track_boxes, track_padding),
            previous=_whole_frame(previous_maps) if previous_maps else None,
        )
        maps = () if output.memory.frame is None else output.memory.frame.maps
        return output.class_scores(), output.boxes[-1], output.embeddings, *maps


def tracked_frame_program(model: TrackFormer) -> torch.export.ExportedProgram:
    """The graph of `TrackedFrame` for any number of images, of any size, and of track queries.

    Multi-scale deformable attention is one node, `trackformer::ms_deform_attn`; the others are
    torch's own.

    Args:
        model: In evaluation mode, on the processor; unchanged.

    Raises:
        ConfigError: It predicts masks, wants padding of a fixed size, is in training mode, or is
            one for inference already.
    """
    if model.predicts_masks:
        raise ConfigError("masks cannot be exported: expected a model without a mask head")
    if model.settings.input.canvas is not None:
        raise ConfigError(
            "padded_height: frames of a fixed padded size cannot be exported: expected a model "
            "without one"
        )
    frame = TrackedFrame(optimize_for_inference(model))
    replace_modules(frame, shift_in_bias)
    # Weights in the usual order, for whoever reads them.
    frame.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    anything = torch.export.Dim.DYNAMIC
    with torch.no_grad():
        pixels, *queries, maps = _example(model)
        of_maps = dict.fromkeys((0, 2, 3), anything)
        of_queries = dict.fromkeys((0, 1), anything)
        sides = (of_maps, *(of_queries for _ in queries), tuple(of_maps for _ in maps))
        return torch.export.export(
            frame, (pixels, *queries, maps), dynamic_shapes=sides, strict=False
        )


def _example(model: TrackFormer) -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.rand((NUM_IMAGES, *shape), generator=generator)

    before = model(_whole_images(random(3, *PREVIOUS_SIZE))).memory.frame
    return (
        random(3, *IMAGE_SIZE),
        random(NUM_TRACKS, model.embedding_size),
        random(NUM_TRACKS, 4),
        torch.zeros(NUM_IMAGES, NUM_TRACKS, dtype=torch.bool),
        () if before is None else before.maps,
    )


def _whole_images(pixels: Float[Tensor, "B 3 H W"]) -> Images:
    """Images of which nothing is padding."""
    batch_size, _, height, width = pixels.shape
    return Images(
        pixels,
        is_padding=pixels.new_zeros((batch_size, height, width), dtype=torch.bool),
        image_sizes=torch.tensor([[height, width]]).expand(batch_size, -1),
    )


def _whole_frame(maps: tuple[Tensor, ...]) -> FrameFeatures:
    """A frame of which nothing was padding: at any size the mask of the finest map says so."""
    return FrameFeatures(maps, torch.zeros_like(maps[0][:, 0], dtype=torch.bool))
