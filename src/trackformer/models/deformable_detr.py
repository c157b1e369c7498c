"""Deformable DETR: queries look at a few points of several feature maps (Zhu et al. 2021).

Of one frame, or of two frames as in TrackFormer (Meinhardt et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.errors import DataError
from trackformer.models.deformable_transformer import (
    DeformableDecoderLayer,
    DeformableEncoder,
    LevelTokens,
)
from trackformer.models.parts.backbone import Backbone, FeatureMap
from trackformer.models.parts.feature_levels import build_projections, levels_of, merge, project
from trackformer.models.parts.heads import MLP, build_box_head, build_class_head, shift_reference
from trackformer.models.parts.mask_head import MaskHead
from trackformer.models.parts.padding import valid_ratios
from trackformer.models.parts.position_encoding import build_position_encoding
from trackformer.models.parts.proposed_queries import with_places
from trackformer.models.query_source import BoxPosition, ProposalQueries, build_query_source
from trackformer.models.settings import DeformableDetrSettings
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    MaskInput,
    Memory,
    ProposalBoxes,
)

NUM_BACKBONE_LEVELS: Final = 3
PREVIOUS: Final = 0
CURRENT: Final = 1
"""The order of the frames in time."""


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
        self.last_layer_only = False
        self.has_no_object_class = settings.classification == "softmax"
        self.box_refinement = settings.box_refinement
        self.multi_frame = settings.multi_frame
        self.is_as_published = settings.compatibility == "reference"
        self.predicts_masks = settings.masks
        self.num_maps = min(num_levels, NUM_BACKBONE_LEVELS)
        self.backbone = Backbone(settings.backbone, 4 if settings.masks else self.num_maps)
        level_channels = self.backbone.num_channels[-self.num_maps :]
        self.input_projections = build_projections(level_channels, num_levels, size)
        self.feature_mergers = nn.ModuleList(
            nn.Conv2d(2 * size, size, kernel_size=1)
            for _ in range(num_levels if settings.merge_features else 0)
        )
        self.position_encoding = build_position_encoding(
            "sine_centred" if settings.position_encoding == "sine" else settings.position_encoding,
            size,
        )
        self.encodes_time = settings.position_encoding == "sine_time"
        # Of two frames the previous one's levels come first.
        self.level_embedding = nn.Parameter(torch.randn(settings.num_decoder_levels, size))
        self.encoder = DeformableEncoder(settings)
        self.query_source = build_query_source(settings)
        self.box_position = BoxPosition(size) if settings.box_position else None
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
        self.mask_head = (
            MaskHead(size, settings.num_heads, self.backbone.num_channels[2::-1])
            if settings.masks
            else None
        )

    def encode(self, images: Images, previous: FrameFeatures | None = None, /) -> Memory:
        """All levels as tokens; `features` are the projected maps, finest first (B C_l H_l W_l).

        Raises:
            DataError: `previous` is of another number of images.
        """
        maps = [each.features for each in self.backbone(images)]
        frame = FrameFeatures(tuple(maps[-self.num_maps :]), images.is_padding)
        own = current = before = self._levels(frame)
        looks_back = self.multi_frame != "none" or len(self.feature_mergers) > 0
        # The encoder needs the most memory: by then the backbone's maps should be gone.
        maps = maps if self.predicts_masks else []
        kept = frame if looks_back else None
        del frame
        if looks_back and previous is not None:
            _check_batch(previous, images)
            # The maps are projected again, not kept: a training step also learns from them.
            before = self._levels(previous)
        if self.feature_mergers:
            mergers = self.feature_mergers
            current, before = merge(mergers, current, before), merge(mergers, before, before)
        encoded = self._encoded(current, before)
        return Memory(
            tokens=encoded.tokens,
            is_padding=encoded.is_padding,
            level_shapes=encoded.level_shapes,
            valid_ratios=encoded.valid_ratios,
            features=tuple(level.features for level in current),
            frame=kept,
            mask_input=self._mask_input(own, encoded, maps) if self.predicts_masks else None,
        )

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """Learned queries with reference points, or the best proposals with reference boxes."""
        if isinstance(self.query_source, ProposalQueries):
            own = levels_of(memory, self._current_levels())
            queries = self.query_source(own, self.class_heads[-1], self.box_heads[-1])
        else:
            queries = self.query_source(memory)
        return with_places(queries, proposed, self.query_source)

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answer the queries; with refinement each layer starts from the boxes of the one before.

        There is no final LayerNorm, so `embeddings` are also what the last heads read.
        """
        embeddings, reference = queries.content, queries.reference
        class_logits, boxes = [], []
        for index, layer in enumerate(self.decoder_layers):
            placed = queries if self.box_position is None else self.box_position(queries, reference)
            embeddings = layer(embeddings, reference, placed, memory)
            is_wanted = not self.last_layer_only or index + 1 == len(self.decoder_layers)
            class_head, box_head = self._heads(index)
            if is_wanted:
                class_logits.append(class_head(embeddings))
            if is_wanted or self.box_refinement:
                boxes.append(shift_reference(box_head(embeddings), reference))
            if self.box_refinement:
                # detach: each layer learns its own correction only (Zhu et al., appendix A.4).
                reference = boxes[-1].detach()
        boxes = boxes[-len(class_logits) :]
        return DecoderOutput(torch.stack(class_logits), torch.stack(boxes), embeddings)

    def mask_logits(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """Masks of the R chosen queries, image by image, at a quarter of the images' size."""
        assert self.mask_head is not None
        assert memory.mask_input is not None
        logits: Tensor = self.mask_head(memory.mask_input, embeddings, chosen)
        return logits

    def _mask_input(
        self, own: Sequence[FeatureMap], encoded: LevelTokens, maps: Sequence[Tensor]
    ) -> MaskInput:
        """Masks begin on the level of stride 16, or 32 where there is no other.

        Args:
            own: The current frame's levels, not merged with another frame's.
            encoded: Of one frame or of two.
            maps: The backbone's four.
        """
        place = max(self.num_maps - 2, 0)
        level = own[place]
        index = self._current_levels().indices(len(encoded.level_shapes))[0] + place
        if self.is_as_published:
            # The published code counts from behind, where separate encoders leave the other frame.
            published = len(encoded.level_shapes) - len(own) + place
            if encoded.level_shapes[published] == encoded.level_shapes[index]:
                index = published
        return MaskInput(
            encoded=encoded.as_map(index),
            projected=level.features,
            is_padding=level.is_padding,
            finer_maps=tuple(maps[2::-1]),
        )

    def _levels(self, frame: FrameFeatures) -> list[FeatureMap]:
        return project(self.input_projections, frame, reduce_twice=self.is_as_published)

    def _encoded(self, current: Sequence[FeatureMap], before: Sequence[FeatureMap]) -> LevelTokens:
        """The tokens of the current frame, or of both frames, in the order of published weights."""
        now = self._tokens(current, CURRENT, [level.is_padding for level in current])
        if self.multi_frame == "none":
            alone: LevelTokens = self.encoder(now)
            return alone
        then = self._tokens(before, PREVIOUS, self._previous_padding(current, before))
        if self.multi_frame == "joint_encoder":
            together: LevelTokens = self.encoder(then.followed_by(now))
            return together
        encoded: LevelTokens = self.encoder(now).followed_by(self.encoder(then))
        if self.is_as_published and now.level_shapes == then.level_shapes:
            # There the decoder takes each frame's padding for the other's.
            swapped = then.followed_by(now)
            return replace(
                encoded, is_padding=swapped.is_padding, valid_ratios=swapped.valid_ratios
            )
        return encoded

    def _tokens(
        self,
        levels: Sequence[FeatureMap],
        frame: int,
        position_padding: Sequence[Bool[Tensor, "B _ _"]],
    ) -> LevelTokens:
        """One frame's levels before the encoder; `position_padding` says where positions count."""
        num_levels = len(levels)
        embeddings = self.level_embedding[-num_levels:]
        if frame == PREVIOUS:
            embeddings = self.level_embedding[:num_levels]
        position = [
            _as_tokens(self._position(is_padding, frame)) + embedding
            for is_padding, embedding in zip(position_padding, embeddings, strict=True)
        ]
        tokens = torch.cat([_as_tokens(level.features) for level in levels], dim=1)
        return LevelTokens(
            tokens=tokens,
            position=torch.cat(position, dim=1).to(tokens.dtype),
            is_padding=torch.cat([level.is_padding.flatten(1) for level in levels], dim=1),
            level_shapes=tuple(
                (level.features.shape[-2], level.features.shape[-1]) for level in levels
            ),
            valid_ratios=valid_ratios([level.is_padding for level in levels]),
        )

    def _position(self, is_padding: Bool[Tensor, "B H W"], frame: int) -> Float[Tensor, "B C H W"]:
        encoding: Tensor
        if self.encodes_time:
            encoding = self.position_encoding(is_padding, frame)
        else:
            encoding = self.position_encoding(is_padding)
        return encoding

    def _previous_padding(
        self, current: Sequence[FeatureMap], before: Sequence[FeatureMap]
    ) -> list[Bool[Tensor, "B _ _"]]:
        """Where the previous frame's positions count: on what is not padding in that frame."""
        own = [level.is_padding for level in before]
        others = [level.is_padding for level in current]
        if self.is_as_published and [each.shape for each in own] == [each.shape for each in others]:
            # The published code takes the current frame's padding on the backbone's levels.
            return others[:NUM_BACKBONE_LEVELS] + own[NUM_BACKBONE_LEVELS:]
        return own

    def _current_levels(self) -> slice:
        """Which levels of a memory are the current frame's: only it proposes new objects."""
        num_levels = len(self.input_projections)
        return (
            slice(-num_levels, None) if self.multi_frame == "joint_encoder" else slice(num_levels)
        )

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
            if index == 0 and not (settings.two_stage or settings.box_anchors):
                nn.init.constant_(last_layer.bias[2:], -2.0)


def _as_tokens(features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B S C"]:
    return features.flatten(2).transpose(1, 2)


def _check_batch(previous: FrameFeatures, images: Images) -> None:
    before, now = previous.is_padding.shape[0], images.pixels.shape[0]
    if before != now:
        raise DataError(
            f"previous: expected the frames before these {now} images, got features of {before}"
        )
