"""DEIMv2's decoder: every layer refines distributions over the places of each box's edges.

`models/fast/distribution_decoder.py` is its form for inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.boxes import inverse_sigmoid
from trackformer.models.deimv2.decoder_layers import DecoderLayer, Mlp, QualityHead
from trackformer.models.deimv2.edges import edge_support, moved_boxes
from trackformer.models.deimv2.settings import LiteConfig


@dataclass(frozen=True, slots=True, eq=False)
class DecoderAnswer:
    """The part of transformers' decoder output that the adapter reads."""

    last_hidden_state: Float[Tensor, "B Q C"]
    intermediate_logits: Float[Tensor, "B D Q K"]
    intermediate_reference_points: Float[Tensor, "B D Q 4"]


class Deimv2Decoder(nn.Module):
    """Contents, starting boxes and memory to classes and boxes."""

    def __init__(self, config: LiteConfig, num_classes: int) -> None:
        super().__init__()
        width, bins, count = config.d_model, config.max_num_bins, config.decoder_layers
        self.max_num_bins, self.eval_idx = bins, count - 1
        # Constants, but part of the files of weights.
        self.reg_scale = nn.Parameter(torch.tensor([config.reg_scale]), requires_grad=False)
        self.up = nn.Parameter(torch.tensor([config.up]), requires_grad=False)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(count))
        self.query_pos_head = Mlp(4, width, width, 3)
        self.pre_bbox_head = Mlp(width, width, 4, 3)
        self.lqe_layers = nn.ModuleList(QualityHead(config) for _ in range(count))
        self.class_embed = nn.ModuleList(nn.Linear(width, num_classes) for _ in range(count))
        shared = Mlp(width, width, 4 * (bins + 1), 3)
        self.bbox_embed = nn.ModuleList([shared] * count)

    def forward(
        self,
        inputs_embeds: Float[Tensor, "B Q C"],
        reference_points: Float[Tensor, "B Q 4"],
        encoder_hidden_states: Float[Tensor, "B S C"],
        encoder_attention_mask: Tensor | None,
        spatial_shapes_list: Sequence[tuple[int, int]],
        **_others: object,
    ) -> DecoderAnswer:
        """As transformers' decoder: references come before the sigmoid.

        In training the answers of all layers, with one more in front: the first layer's own box
        head. Otherwise the last layer's.
        """
        content, boxes = inputs_embeds, F.sigmoid(reference_points)
        initial = boxes
        edges: Tensor | None = None
        before: Tensor | None = None
        reach = self.reg_scale.abs()
        support = edge_support(self.max_num_bins, self.up.abs(), reach)
        answers: list[tuple[Tensor, Tensor]] = []
        for index, layer in enumerate(self.layers):
            content = layer(
                content,
                position_embeddings=self.query_pos_head(boxes).clamp(min=-10, max=10),
                reference_points=boxes[:, :, None],
                spatial_shapes_list=spatial_shapes_list,
                encoder_hidden_states=encoder_hidden_states,
                encoder_attention_mask=encoder_attention_mask,
            )
            if index == 0:
                first = F.sigmoid(self.pre_bbox_head(content) + inverse_sigmoid(boxes))
                initial = first.detach()
            change = self.bbox_embed[index](content if before is None else content + before)
            edges = change if edges is None else change + edges
            refined = moved_boxes(initial, self._distances(edges, support), reach)
            if self.training or index == self.eval_idx:
                logits = self.class_embed[index](content)
                if index == 0:
                    answers.append((logits, first))
                answers.append((self.lqe_layers[index](logits, edges), refined))
            # What a layer starts from is a given for it.
            boxes, before = refined.detach(), content.detach()
        all_logits, all_boxes = zip(*answers, strict=True)
        return DecoderAnswer(content, torch.stack(all_logits, dim=1), torch.stack(all_boxes, dim=1))

    def _distances(
        self, edges: Float[Tensor, "B Q _"], support: Float[Tensor, " bins"]
    ) -> Float[Tensor, "B Q 4"]:
        """The mean of each edge's distribution."""
        shares = edges.reshape(-1, self.max_num_bins + 1).softmax(dim=1)
        return F.linear(shares, support).reshape(*edges.shape[:-1], 4)
