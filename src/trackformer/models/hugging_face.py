"""How transformers' real-time detectors (RT-DETR, RT-DETRv2, D-FINE, DEIMv2) offer our three calls.

The four share one decoder interface, so track queries go in front of their selected object queries
without any change to the library. We call their sub-modules one by one (backbone, encoder, query
selection, decoder) instead of hooking their `forward`: copies, export and a second decoder pass
over the same memory then simply work.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.boxes import exact, inverse_sigmoid
from trackformer.devices import constant_beside, is_at_hand
from trackformer.models.deimv2.network import deimv2_network
from trackformer.models.hugging_face_sampling import use_fast_sampling
from trackformer.models.parts.frozen_batch_norm import fold_batch_norms, freeze_batch_norms
from trackformer.models.parts.proposed_queries import cells_under, most_overlapping, with_proposed
from trackformer.models.parts.query_groups import hidden_queries
from trackformer.models.settings import HuggingFaceSettings
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    Memory,
    ProposalBoxes,
    Proposals,
)

HIDDEN = -1e4
"""Added to attention logits of padded rows: zero after softmax, also in half precision."""
STRIDE = 32
"""Of the coarsest map: these networks add upsampled maps, so sides must be multiples of it."""


class HuggingFaceDetector(nn.Module):
    """One of transformers' real-time detectors, behind `encode / object_queries / decode`.

    These networks know no padding: their boxes are relative to the padded canvas. Ours are relative
    to the image, so both directions are converted, and no query is selected from the padding.
    While training, `decode` returns all decoder layers (D-FINE and DEIMv2 with one extra layer in
    front, their initial box head); otherwise D-FINE and DEIMv2 return the last layer only.

    Args:
        network: What `random_network` or `network_for_weights` built.
        num_queries: N.
    """

    has_no_object_class = False

    # Any: transformers' networks, and ours in their place, are known by their attributes only.
    def __init__(self, network: Any, num_queries: int) -> None:
        super().__init__()
        # channels_last: the convolutions are a fifth faster on CPU, and no slower on GPU.
        self.network = network.to(memory_format=torch.channels_last)
        self.num_queries = num_queries
        self.embedding_size: int = self.network.config.d_model

    def encode(self, images: Images, _previous: FrameFeatures | None = None, /) -> Memory:
        """Backbone, hybrid encoder, and the flattened levels the decoder reads."""
        pixels = _padded_to_stride(images.pixels)
        maps = self._encoder_maps(pixels.contiguous(memory_format=torch.channels_last))
        projections = self.network.decoder_input_proj
        levels = [
            projection(maps[min(i, len(maps) - 1)]) for i, projection in enumerate(projections)
        ]
        canvas = constant_beside(pixels, pixels.shape[-2:], images.image_sizes.dtype)
        ratios = (images.image_sizes / canvas).flip(-1)
        level_shapes = tuple((level.shape[-2], level.shape[-1]) for level in levels)
        return Memory(
            tokens=torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1),
            is_padding=_padding_of_cells(level_shapes, ratios),
            level_shapes=level_shapes,
            valid_ratios=ratios[:, None].expand(-1, len(levels), -1),
        )

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """The encoder cells that look most like an object (query selection)."""
        network = self.network
        dtype = torch.promote_types(memory.tokens.dtype, torch.float32)  # of places
        anchors, is_valid = network.generate_anchors(
            memory.level_shapes, device=memory.tokens.device, dtype=dtype
        )
        selected = network.enc_output(is_valid.to(memory.tokens.dtype) * memory.tokens)
        class_logits = network.enc_score_head(selected)
        scores = class_logits.amax(-1).masked_fill(memory.is_padding, -torch.inf)
        rows = scores.topk(min(self.num_queries, scores.shape[1]), dim=1).indices[..., None]
        chosen = selected.gather(1, rows.expand(-1, -1, selected.shape[-1]))
        # Boxes of the chosen cells only: their head costs as much as a decoder layer.
        anchors = anchors.expand(rows.shape[0], -1, -1)
        box_logits = exact(network.enc_bbox_head(chosen))
        box_logits = box_logits + anchors.gather(1, rows.expand(-1, -1, 4))
        boxes = box_logits.sigmoid() / _canvas_ratio(memory)
        if network.config.learn_initial_query:
            content = network.weight_embedding.weight[: rows.shape[1]].expand(rows.shape[0], -1, -1)
        else:
            content = chosen.detach()
        queries = DecoderQueries(
            content=content,
            position=torch.zeros_like(content),  # computed from the reference box in the decoder
            reference=boxes.detach(),
            is_padding=torch.zeros(content.shape[:2], dtype=torch.bool, device=content.device),
            proposals=Proposals(
                class_logits.gather(1, rows.expand(-1, -1, class_logits.shape[-1])), boxes
            ),
        )
        if proposed is None:
            return queries
        if network.config.learn_initial_query:
            # Learned by rank, not by place: the first are those of the surest objects.
            ranks = torch.arange(proposed.boxes.shape[1], device=content.device) % content.shape[1]
            asked = content[:, ranks]
        else:
            asked = self._contents_at(memory, proposed.boxes, selected, anchors)
        return with_proposed(queries, proposed, asked, torch.zeros_like(asked))

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Transformers' own decoder over any number of queries."""
        ratio = _canvas_ratio(memory)
        shapes = constant_beside(memory.tokens, memory.level_shapes, torch.long)
        starts = torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])
        answer = self.network.decoder(
            inputs_embeds=queries.content,
            encoder_hidden_states=memory.tokens,
            encoder_attention_mask=_attention_mask(queries),
            reference_points=inverse_sigmoid(queries.reference * ratio),
            spatial_shapes=shapes,
            spatial_shapes_list=list(memory.level_shapes),
            level_start_index=starts,
        )
        boxes = answer.intermediate_reference_points.transpose(0, 1) / ratio
        return DecoderOutput(
            class_logits=answer.intermediate_logits.transpose(0, 1),
            boxes=boxes,
            embeddings=answer.last_hidden_state,
        )

    @torch.no_grad()
    def _contents_at(
        self,
        memory: Memory,
        boxes: Float[Tensor, "B P 4"],
        selected: Float[Tensor, "B S C"],
        anchors: Float[Tensor, "B S 4"],
    ) -> Float[Tensor, "B P C"]:
        """What query selection would have taken for an object in each box.

        Of the cells under the box's centre, one a level, the one whose own box is most like it.
        """
        network = self.network
        cells = cells_under(boxes, memory)
        rows = cells.flatten(1)[..., None]
        under = selected.gather(1, rows.expand(-1, -1, selected.shape[-1]))
        box_logits = network.enc_bbox_head(under) + anchors.gather(1, rows.expand(-1, -1, 4))
        own = (box_logits.sigmoid() / _canvas_ratio(memory)).view(*cells.shape, 4)
        best = most_overlapping(own, boxes)[..., None, None]
        under = under.view(*cells.shape, -1)
        return under.gather(2, best.expand(-1, -1, 1, under.shape[-1]))[:, :, 0]

    def _encoder_maps(self, pixels: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        network = self.network
        if network.config.model_type == "deimv2":
            return list(network.encoder(network.conv_encoder(pixels)).feature_maps)
        no_padding = torch.ones_like(pixels[:, 0])
        features = [features for features, _ in network.backbone(pixels, no_padding)]
        projected = [
            projection(features)
            for projection, features in zip(network.encoder_input_proj, features, strict=True)
        ]
        return list(network.encoder(projected).last_hidden_state)


def network_for_weights(settings: HuggingFaceSettings, num_classes: int) -> Any:
    """The network where all weights are loaded afterwards: without transformers where we can."""
    network = deimv2_network(settings, num_classes)
    if network is None:
        return random_network(settings, num_classes)
    _settle_batch_norms(network, settings)
    return network


def random_network(settings: HuggingFaceSettings, num_classes: int) -> Any:
    """The `...Model` of transformers with its prediction heads, randomly initialised."""
    ensure_torchvision()  # before transformers' modelling code, which imports torchvision
    from transformers import AutoConfig, AutoModelForObjectDetection

    chosen = {key: value for key, value in settings.config.items() if key != "model_type"}
    config = AutoConfig.for_model(settings.model_type, **chosen)
    config.num_labels = num_classes
    config.num_denoising = 0  # transformers' own training groups; ours are built outside
    config.num_queries = settings.num_queries
    config.anchor_image_size = None  # anchors follow the image, any size
    # The outer class only adds its own loss; its heads already sit in the decoder.
    network = AutoModelForObjectDetection.from_config(config).model
    if not settings.encoder_projection:
        network.enc_output = nn.Identity()
    if settings.mlp_activation is not None:
        activation = {"relu": nn.ReLU, "silu": nn.SiLU}[settings.mlp_activation]
        for module in network.modules():
            if type(module).__name__ == "Deimv2MLP":
                module.act = activation()
    _settle_batch_norms(network, settings)
    use_fast_sampling(network)
    return network


def _settle_batch_norms(network: nn.Module, settings: HuggingFaceSettings) -> None:
    if settings.batch_norm != "trainable":
        freeze_batch_norms(network)
    if settings.batch_norm == "folded":
        fold_batch_norms(network)


def _padded_to_stride(pixels: Float[Tensor, "B 3 _ _"]) -> Float[Tensor, "B 3 H W"]:
    height, width = pixels.shape[-2:]
    return F.pad(pixels, (0, -width % STRIDE, 0, -height % STRIDE))


def _canvas_ratio(memory: Memory) -> Float[Tensor, "B 1 4"]:
    """Image size over padded size, for (x, y, width, height)."""
    return memory.valid_ratios[:, :1].repeat(1, 1, 2)


def _padding_of_cells(
    level_shapes: tuple[tuple[int, int], ...], ratios: Float[Tensor, "B 2"]
) -> Tensor:
    """Which cells of each level have their centre in the padding: B S."""
    masks = []
    for height, width in level_shapes:
        x = (torch.arange(width, device=ratios.device) + 0.5) / width
        y = (torch.arange(height, device=ratios.device) + 0.5) / height
        outside = (y[None, :, None] > ratios[:, 1, None, None]) | (
            x[None, None] > ratios[:, 0, None, None]
        )
        masks.append(outside.flatten(1))
    return torch.cat(masks, dim=1)


def _attention_mask(queries: DecoderQueries) -> Tensor | None:
    """Additive self-attention mask (B 1 Q Q) that hides padded rows from all others."""
    is_hidden = hidden_queries(queries)
    # Only a single stream is worth the look: batches of several almost always have padded rows.
    may_look = is_at_hand(queries.is_padding) and queries.is_padding.shape[0] == 1
    if may_look and is_hidden is None and not queries.is_padding.any():
        return None
    rows = queries.is_padding.to(queries.content.dtype) * HIDDEN
    mask = rows[:, None, None, :].expand(-1, 1, rows.shape[1], -1)
    return mask if is_hidden is None else mask.masked_fill(is_hidden[:, None], HIDDEN)
