"""Deformable DETR: queries look at a few points of several feature maps (Zhu et al. 2021)."""

from __future__ import annotations

from collections import OrderedDict
from math import gcd

import torch
from torch import nn

from trackformer.models.backbone import Backbone, FeatureMap
from trackformer.models.deformable_transformer import DeformableDecoderLayer, DeformableEncoder
from trackformer.models.heads import MLP, build_box_head, build_class_head, shift_reference
from trackformer.models.padding import padding_at, valid_ratios
from trackformer.models.position_encoding import build_position_encoding
from trackformer.models.query_source import LearnedQueries, ProposalQueries
from trackformer.models.settings import DeformableDetrSettings
from trackformer.types import DecoderOutput, DecoderQueries, Images, Memory

NUM_BACKBONE_LEVELS = 3


class DeformableDetr(nn.Module):
    """Deformable DETR as a `Detector`: plain, with box refinement, with two stages, or both.

    Args:
        settings: Sizes and variants.
        num_classes: Without 'no object'.
    """

    def __init__(self, settings: DeformableDetrSettings, num_classes: int) -> None:
        super().__init__()
        size, num_levels = settings.embedding_size, settings.num_levels
        self.embedding_size = size
        self.has_no_object_class = settings.classification == "softmax"
        self.box_refinement = settings.box_refinement
        self.backbone = Backbone(settings.backbone, min(num_levels, NUM_BACKBONE_LEVELS))
        self.input_projections = _input_projections(self.backbone.num_channels, num_levels, size)
        self.position_encoding = build_position_encoding(
            "learned" if settings.position_encoding == "learned" else "sine_centred", size
        )
        self.level_embedding = nn.Parameter(torch.randn(num_levels, size))
        self.encoder = DeformableEncoder(settings)
        self.query_source = (ProposalQueries if settings.two_stage else LearnedQueries)(
            size, settings.num_queries
        )
        self.decoder_layers = nn.ModuleList(
            DeformableDecoderLayer(settings) for _ in range(settings.num_decoder_layers)
        )
        # One pair of heads for all layers, or with refinement one per layer and for proposals.
        num_heads = settings.num_decoder_layers + settings.two_stage
        num_heads = num_heads if settings.box_refinement else 1
        self.class_heads = nn.ModuleList(
            build_class_head(size, num_classes, settings.classification) for _ in range(num_heads)
        )
        self.box_heads = nn.ModuleList(build_box_head(size) for _ in range(num_heads))
        self._initialise_box_heads(settings)

    def encode(self, images: Images) -> Memory:
        """All levels as tokens; `features` are the projected maps, finest first (B C H_l W_l)."""
        levels = self._levels(images)
        position = torch.cat(
            [
                self.position_encoding(level.is_padding).flatten(2).transpose(1, 2) + embedding
                for level, embedding in zip(levels, self.level_embedding, strict=True)
            ],
            dim=1,
        )
        tokens = torch.cat([level.features.flatten(2).transpose(1, 2) for level in levels], dim=1)
        is_padding = torch.cat([level.is_padding.flatten(1) for level in levels], dim=1)
        level_shapes = tuple(
            (level.features.shape[-2], level.features.shape[-1]) for level in levels
        )
        ratios = valid_ratios([level.is_padding for level in levels])
        tokens = self.encoder(tokens, position.to(tokens.dtype), is_padding, level_shapes, ratios)
        return Memory(
            tokens=tokens,
            is_padding=is_padding,
            level_shapes=level_shapes,
            valid_ratios=ratios,
            features=tuple(level.features for level in levels),
        )

    def object_queries(self, memory: Memory) -> DecoderQueries:
        """Learned queries with reference points, or the best proposals with reference boxes."""
        queries: DecoderQueries
        if isinstance(self.query_source, ProposalQueries):
            queries = self.query_source(memory, self.class_heads[-1], self.box_heads[-1])
        else:
            queries = self.query_source(memory)
        return queries

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answer the queries; with refinement each layer starts from the boxes of the one before.

        There is no final LayerNorm, so `embeddings` are also what the last heads read.
        """
        embeddings, reference = queries.content, queries.reference
        class_logits, boxes = [], []
        for index, layer in enumerate(self.decoder_layers):
            embeddings = layer(embeddings, reference, queries, memory)
            class_head, box_head = self._heads(index)
            class_logits.append(class_head(embeddings))
            boxes.append(shift_reference(box_head(embeddings), reference))
            if self.box_refinement:
                # detach: each layer learns its own correction only (Zhu et al., appendix A.4).
                reference = boxes[-1].detach()
        return DecoderOutput(torch.stack(class_logits), torch.stack(boxes), embeddings)

    def _levels(self, images: Images) -> list[FeatureMap]:
        """The projected maps; those that the backbone lacks are made from the coarsest."""
        maps = self.backbone(images)
        levels: list[FeatureMap] = []
        for index, projection in enumerate(self.input_projections):
            if index < len(maps):
                source = maps[index].features
            elif index == len(maps):
                source = maps[-1].features
            else:
                source = levels[-1].features
            features = projection(source)
            levels.append(FeatureMap(features, padding_at(images.is_padding, features)))
        return levels

    def _heads(self, layer: int) -> tuple[nn.Module, nn.Module]:
        index = layer if self.box_refinement else 0
        return self.class_heads[index], self.box_heads[index]

    def _initialise_box_heads(self, settings: DeformableDetrSettings) -> None:
        """At first every box is its reference; a reference point gets a size of about 0.12."""
        for index, head in enumerate(self.box_heads):
            assert isinstance(head, MLP)
            last_layer = head.layers[-1]
            assert isinstance(last_layer, nn.Linear)
            nn.init.zeros_(last_layer.weight)
            nn.init.zeros_(last_layer.bias)
            if index == 0 and not settings.two_stage:
                nn.init.constant_(last_layer.bias[2:], -2.0)


def _input_projections(
    backbone_channels: tuple[int, ...], num_levels: int, embedding_size: int
) -> nn.ModuleList:
    """Per level a convolution and a GroupNorm; levels beyond the backbone's halve the map."""
    sources = [*backbone_channels, backbone_channels[-1]]
    sources += [embedding_size] * (num_levels - len(sources))
    projections = nn.ModuleList()
    for level, num_channels in enumerate(sources[:num_levels]):
        if level < len(backbone_channels):
            convolution = nn.Conv2d(num_channels, embedding_size, kernel_size=1)
        else:
            convolution = nn.Conv2d(num_channels, embedding_size, 3, stride=2, padding=1)
        nn.init.xavier_uniform_(convolution.weight)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
        # 32 groups as published where the channels allow it, never one channel alone: on a map of
        # one cell that would leave nothing to normalise.
        num_groups = min(gcd(32, embedding_size), embedding_size // 2)
        norm = nn.GroupNorm(num_groups, embedding_size)
        projections.append(nn.Sequential(OrderedDict(convolution=convolution, norm=norm)))
    return projections
