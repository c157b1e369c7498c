"""DETR: object queries look at one feature map (Carion et al. 2020)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.boxes import exact
from trackformer.errors import ConfigError
from trackformer.models.parts.backbone import Backbone
from trackformer.models.parts.heads import build_box_head, build_class_head
from trackformer.models.parts.mask_head import MaskHead
from trackformer.models.parts.padding import valid_ratios
from trackformer.models.parts.position_encoding import build_position_encoding
from trackformer.models.settings import DetrSettings
from trackformer.models.transformer import TransformerDecoder, TransformerEncoder
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    MaskInput,
    Memory,
    ProposalBoxes,
)


class Detr(nn.Module):
    """DETR as a `Detector`.

    Args:
        settings: Sizes and variants.
        num_classes: Without 'no object'.
    """

    def __init__(self, settings: DetrSettings, num_classes: int) -> None:
        super().__init__()
        size = settings.embedding_size
        self.embedding_size = size
        self.last_layer_only = False
        self.has_no_object_class = settings.classification == "softmax"
        self.predicts_masks = settings.masks
        self.backbone = Backbone(settings.backbone, num_maps=4 if settings.masks else 1)
        self.input_projection = nn.Conv2d(self.backbone.num_channels[-1], size, kernel_size=1)
        self.position_encoding = build_position_encoding(settings.position_encoding, size)
        self.encoder = TransformerEncoder(settings)
        self.object_query_position = nn.Parameter(torch.randn(settings.num_queries, size))
        self.decoder = TransformerDecoder(settings)
        self.output_norm = nn.LayerNorm(size)
        self.class_head = build_class_head(size, num_classes, settings.classification)
        self.box_head = build_box_head(size)
        self.mask_head = (
            MaskHead(size, settings.num_heads, self.backbone.num_channels[2::-1])
            if settings.masks
            else None
        )

    def encode(self, images: Images, _previous: FrameFeatures | None = None, /) -> Memory:
        """The last stage's map as tokens; `features` is that map before the encoder (B C H W)."""
        *finer_maps, feature_map = self.backbone(images)
        projected = self.input_projection(feature_map.features)
        tokens = projected.flatten(2).transpose(1, 2)
        is_padding = feature_map.is_padding.flatten(1)
        position = self.position_encoding(feature_map.is_padding).to(tokens.dtype)
        position = position.flatten(2).transpose(1, 2)
        encoded = self.encoder(tokens, position, is_padding)
        return Memory(
            tokens=encoded,
            is_padding=is_padding,
            level_shapes=((projected.shape[-2], projected.shape[-1]),),
            valid_ratios=valid_ratios([feature_map.is_padding]),
            position=position,
            features=(projected,),
            mask_input=MaskInput(
                encoded=encoded.transpose(1, 2).reshape(projected.shape),
                projected=projected,
                is_padding=feature_map.is_padding,
                finer_maps=tuple(each.features for each in reversed(finer_maps)),
            )
            if self.predicts_masks
            else None,
        )

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """Learned positions without content; the references are not used by `decode`."""
        if proposed is not None:
            raise ConfigError(
                "proposals: expected a model whose queries start from a place (deformable_detr or "
                "hugging_face), got detr"
            )
        batch_size = memory.tokens.shape[0]
        position = self.object_query_position[None].expand(batch_size, -1, -1)
        return DecoderQueries(
            content=torch.zeros_like(position),
            position=position,
            reference=position.new_zeros(batch_size, position.shape[1], 2),
            is_padding=memory.is_padding.new_zeros(batch_size, position.shape[1]),
        )

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answer the queries; `embeddings` are the last layer's *before* the final LayerNorm.

        That is what TrackFormer's published models carry into the next frame, while the heads
        read the normed embeddings of every layer.
        """
        layer_embeddings = self.decoder(queries, memory)
        layers = slice(-1, None) if self.last_layer_only else slice(None)
        normed = self.output_norm(layer_embeddings[layers])
        return DecoderOutput(
            class_logits=self.class_head(normed),
            boxes=exact(self.box_head(normed)).sigmoid(),
            embeddings=layer_embeddings[-1],
        )

    def mask_logits(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """Masks of the R chosen queries, image by image, at a quarter of the images' size."""
        assert self.mask_head is not None
        assert memory.mask_input is not None
        # As the other heads, this one reads the normed embeddings.
        logits: Tensor = self.mask_head(memory.mask_input, self.output_norm(embeddings), chosen)
        return logits
