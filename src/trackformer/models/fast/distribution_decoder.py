"""The decoder of D-FINE and DEIMv2 for inference: only what the answers asked for need."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.boxes import inverse_sigmoid
from trackformer.models.deimv2.decoder import DecoderAnswer
from trackformer.models.deimv2.edges import edge_support, moved_boxes


class DistributionDecoder(nn.Module):
    """transformers' decoder, whose layers refine a distribution over the places of box edges.

    Peng et al. 2024 (D-FINE), section 4.1. The distribution's support is a constant there computed
    anew for every frame, and the box of each edge in a dozen calls.

    Args:
        decoder: transformers' own, with its heads; its parts become this module's.
        every_layer: Every layer answers; otherwise the last one alone.
    """

    support: Tensor

    # Any: transformers' modules are known here by their attributes only.
    def __init__(self, decoder: Any, *, every_layer: bool) -> None:
        super().__init__()
        self.layers: nn.ModuleList = decoder.layers
        self.query_pos_head: nn.Module = decoder.query_pos_head
        self.pre_bbox_head: nn.Module = decoder.pre_bbox_head
        self.bbox_embed: nn.ModuleList = decoder.bbox_embed
        self.answering = range(0 if every_layer else decoder.eval_idx, decoder.eval_idx + 1)
        self.class_heads = nn.ModuleList(decoder.class_embed[layer] for layer in self.answering)
        self.quality_heads = nn.ModuleList(decoder.lqe_layers[layer] for layer in self.answering)
        self.num_bins: int = decoder.max_num_bins + 1
        self.reach = float(decoder.reg_scale.detach().abs())
        support = edge_support(decoder.max_num_bins, decoder.up.detach().abs(), self.reach)
        self.register_buffer("support", support, persistent=False)

    def forward(
        self,
        inputs_embeds: Float[Tensor, "B Q C"],
        reference_points: Float[Tensor, "B Q 4"],
        encoder_hidden_states: Float[Tensor, "B S C"],
        encoder_attention_mask: Tensor | None,
        spatial_shapes: Tensor,
        spatial_shapes_list: list[tuple[int, int]],
        **_others: object,
    ) -> DecoderAnswer:
        """What transformers' decoder is called with: references before the sigmoid."""
        hidden, boxes = inputs_embeds, reference_points.sigmoid()
        initial = boxes
        before: Tensor | None = None
        edges: Tensor | None = None
        scores, places = [], []
        for index, layer in enumerate(self.layers):
            hidden = layer(
                hidden,
                position_embeddings=self.query_pos_head(boxes).clamp(min=-10, max=10),
                reference_points=boxes[:, :, None],
                spatial_shapes=spatial_shapes,
                spatial_shapes_list=spatial_shapes_list,
                encoder_hidden_states=encoder_hidden_states,
                encoder_attention_mask=encoder_attention_mask,
            )
            if index == 0:
                initial = (self.pre_bbox_head(hidden) + inverse_sigmoid(boxes)).sigmoid()
            change = self.bbox_embed[index](hidden if before is None else hidden + before)
            edges = change if edges is None else edges + change
            boxes = self._boxes(initial, edges)
            before = hidden
            if index in self.answering:
                head = index - self.answering.start
                logits = self.class_heads[head](hidden)
                scores.append(self.quality_heads[head](logits, edges))
                places.append(boxes)
        return DecoderAnswer(hidden, torch.stack(scores, dim=1), torch.stack(places, dim=1))

    def _boxes(self, initial: Float[Tensor, "B Q 4"], edges: Tensor) -> Float[Tensor, "B Q 4"]:
        """Each side of the initial box moved by the mean of its distribution, in box sizes."""
        shares = edges.reshape(*edges.shape[:-1], 4, self.num_bins).softmax(-1)
        return moved_boxes(initial, shares @ self.support.to(shares.dtype), self.reach)


def distribution_decoder(module: nn.Module, *, every_layer: bool = False) -> nn.Module | None:
    """The fast form of D-FINE's or DEIMv2's decoder, None for anything else."""
    decoder: Any = module
    if type(module).__name__ not in ("DFineDecoder", "Deimv2Decoder"):
        return None
    # A decoder that is asked for a layer before its last goes on to layers of another width.
    is_whole = decoder.eval_idx + 1 == len(decoder.layers)
    return DistributionDecoder(decoder, every_layer=every_layer) if is_whole else None
