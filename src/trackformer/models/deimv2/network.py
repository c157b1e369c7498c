"""DEIMv2's network with its first stage, called part by part (`models/hugging_face.py`).

What transformers builds of the same configuration, with the same names and the same numbers:
importing its package takes as long as importing torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.models.deimv2.backbone import HGNetV2Backbone
from trackformer.models.deimv2.decoder import Deimv2Decoder
from trackformer.models.deimv2.decoder_layers import Mlp
from trackformer.models.deimv2.encoder import LiteEncoder
from trackformer.models.deimv2.settings import HGNetV2Config, LiteConfig, lite_configs
from trackformer.models.settings import HuggingFaceSettings

ANCHOR_SIDE = 0.05
"""Of the finest level's anchors, as a share of the image; twice as much on the next."""
MARGIN = 1e-2
"""Cells this near to the border start no object."""


def deimv2_network(settings: HuggingFaceSettings, num_classes: int) -> nn.Module | None:
    """The network for weights that are loaded afterwards; None: only transformers has it."""
    configs = lite_configs(settings.config) if settings.model_type == "deimv2" else None
    if configs is None or settings.encoder_projection or settings.mlp_activation != "silu":
        return None
    return Deimv2Network(*configs, num_classes)


class Deimv2Network(nn.Module):
    """Backbone, encoder, query selection and decoder, without weights worth the name yet."""

    def __init__(self, config: LiteConfig, backbone: HGNetV2Config, num_classes: int) -> None:
        super().__init__()
        self.config = config
        width = config.d_model
        self.conv_encoder = ConvEncoder(backbone)
        self.encoder = LiteEncoder(config)
        self.enc_output = nn.Identity()
        self.enc_score_head = nn.Linear(width, num_classes)
        self.enc_bbox_head = Mlp(width, width, 4, 3)
        self.decoder_input_proj = nn.ModuleList(
            nn.Identity() for _ in range(config.num_feature_levels)
        )
        self.decoder = Deimv2Decoder(config, num_classes)

    @staticmethod
    def generate_anchors(
        level_shapes: Sequence[tuple[int, int]],
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> tuple[Float[Tensor, "1 S 4"], Bool[Tensor, "1 S 1"]]:
        """A box around every cell, before the sigmoid, and whether an object may start there."""
        levels = []
        for level, (height, width) in enumerate(level_shapes):
            y, x = (torch.arange(side, device=device).to(dtype) + 0.5 for side in (height, width))
            y, x = (y / height)[:, None].expand(height, width), (x / width).expand(height, width)
            side = torch.full_like(x, 1.0) * ANCHOR_SIDE * (2.0**level)
            levels.append(torch.stack([x, y, side, side], dim=-1).flatten(0, 1))
        anchors = torch.cat(levels)[None]
        is_valid = ((anchors > MARGIN) & (anchors < 1 - MARGIN)).all(-1, keepdim=True)
        logits = torch.log(anchors / (1 - anchors))
        return torch.where(is_valid, logits, torch.finfo(dtype).max), is_valid


class ConvEncoder(nn.Module):
    """The backbone, by the name it has in files of weights."""

    def __init__(self, backbone: HGNetV2Config) -> None:
        super().__init__()
        self.model = HGNetV2Backbone(backbone)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """The one map that the encoder reads."""
        return [self.model(pixels)]
