"""Which models there are and what can be set about them (torch-free)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from trackformer.config import Settings
from trackformer.input_settings import InputSettings
from trackformer.models.stored_configs import safe_config

# Bounds of what anybody builds: settings also come with weights, from anywhere.
Width = Annotated[int, Field(ge=1, le=65536)]
Layers = Annotated[int, Field(ge=1, le=100)]
Few = Annotated[int, Field(ge=1, le=64)]
Queries = Annotated[int, Field(ge=1, le=100_000)]


class BackboneSettings(Settings):
    """A ResNet from torchvision."""

    name: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    batch_norm: Literal["frozen", "trainable"] = "frozen"
    """Frozen: statistics and affine parameters stay as loaded (small batches)."""
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = 2
    """How many of stem, layer1 .. layer4 are not trained."""
    dilation: bool = False
    """Stride 1 and dilation 2 in the last stage (the papers' DC5)."""
    weights: Literal["none", "imagenet"] = "none"
    """imagenet: training begins with torchvision's file of it, from a folder of your own
    (docs/checkpoints.md); nothing is downloaded."""


class DetrSettings(Settings):
    """DETR (Carion et al. 2020)."""

    kind: Literal["detr"] = "detr"
    backbone: BackboneSettings = BackboneSettings()
    embedding_size: Width = 256
    num_heads: Few = 8
    num_encoder_layers: Layers = 6
    num_decoder_layers: Layers = 6
    feedforward_size: Width = 2048
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    num_queries: Queries = 100
    pre_norm: bool = False
    """LayerNorm before instead of after each sub-layer."""
    position_encoding: Literal["sine", "sine_centred", "learned"] = "sine"
    """sine_centred: rows and columns counted at cell centres (compatibility with TrackFormer's
    published checkpoints)."""
    classification: Literal["softmax", "sigmoid"] = "softmax"
    masks: bool = False
    """A mask head: outlines of the objects, too (Carion et al. 2020, section 4.4)."""


class DeformableDetrSettings(Settings):
    """Deformable DETR (Zhu et al. 2021)."""

    kind: Literal["deformable_detr"] = "deformable_detr"
    backbone: BackboneSettings = BackboneSettings()
    embedding_size: Width = 256
    num_heads: Few = 8
    num_encoder_layers: Layers = 6
    num_decoder_layers: Layers = 6
    feedforward_size: Width = 1024
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    num_queries: Queries = 300
    num_levels: Few = 4
    """Feature levels: 1 is stride 32, 2 adds 16, 3 adds 8, more add 64, 128, ... by stride-2
    convolutions."""
    num_points: Few = 4
    """Sampling points per head and level."""
    position_encoding: Literal["sine", "sine_time", "learned"] = "sine"
    """sine_time: of row, column and frame, for `multi_frame`."""
    box_refinement: bool = False
    """Every decoder layer refines the boxes of the one before."""
    two_stage: bool = False
    """Object queries come from the encoder's best proposals."""
    box_anchors: bool = False
    """Learned object queries start from boxes instead of points, and so do track queries: from the
    whole box of the frame before (DAB-DETR)."""
    box_position: bool = False
    """The positional part of every query, of track queries too, says where its present box is
    (DAB-DETR); needs `box_anchors` or `two_stage`."""
    multi_frame: Literal["none", "separate_encoder", "joint_encoder"] = "none"
    """Whether the decoder sees the previous frame, too, and if each frame is encoded alone or both
    together (Meinhardt et al. 2022)."""
    merge_features: bool = False
    """Every feature map is merged with the previous frame's by a 1 x 1 convolution."""
    compatibility: Literal["none", "reference"] = "none"
    """reference: compute as the published TrackFormer code does, which its checkpoints were
    trained with (see docs/compatibility.md)."""
    classification: Literal["softmax", "sigmoid"] = "sigmoid"
    masks: bool = False
    """A mask head as DETR's, on the level of stride 16: outlines of the objects, too."""

    @model_validator(mode="after")
    def _with_boxes(self) -> DeformableDetrSettings:
        if self.box_anchors and self.two_stage:
            raise ValueError("box_anchors: the proposals of two_stage are boxes already")
        if self.box_position and not (self.box_anchors or self.two_stage):
            raise ValueError("box_position: expected box_anchors or two_stage, which have boxes")
        return self

    @property
    def num_decoder_levels(self) -> int:
        """Feature levels the decoder looks at: those of one frame or of two."""
        return self.num_levels * (1 if self.multi_frame == "none" else 2)

    @property
    def num_encoder_levels(self) -> int:
        """Feature levels that are encoded together."""
        return self.num_levels * (2 if self.multi_frame == "joint_encoder" else 1)


class HuggingFaceSettings(Settings):
    """A real-time detector of Hugging Face transformers (RT-DETR, RT-DETRv2, D-FINE, DEIMv2)."""

    kind: Literal["hugging_face"] = "hugging_face"
    model_type: Literal["rt_detr", "rt_detr_v2", "d_fine", "deimv2"]
    config: dict[str, Any] = Field(default={})
    """transformers' own configuration of that model type; absent keys keep its defaults."""
    num_queries: Queries = 100
    encoder_projection: bool = True
    """False: no linear layer before query selection (DEIMv2-Femto)."""
    batch_norm: Literal["frozen", "trainable", "folded"] = "frozen"
    """frozen: statistics and affine parameters stay as loaded (small batches); folded: merged into
    the convolutions, the same numbers a third faster."""
    mlp_activation: Literal["relu", "silu"] | None = None
    """Replaces the activation of DEIMv2's prediction heads, where transformers' choice differs
    from the code a checkpoint was trained with."""

    @field_validator("config")
    @classmethod
    def _fetches_nothing(cls, config: dict[str, Any]) -> dict[str, Any]:
        return safe_config(config)


DetectorSettings = Annotated[
    DetrSettings | DeformableDetrSettings | HuggingFaceSettings, Field(discriminator="kind")
]


class ModelSettings(Settings):
    """A whole model: what is stored beside its weights, and enough to build it again."""

    detector: DetectorSettings
    class_names: Annotated[tuple[str, ...], Field(min_length=1)] = ("person",)
    input: InputSettings = InputSettings(shorter_side=800, longest_side=1333)
    carry_projection: bool = False
    """A learned projection and type embedding on carried embeddings; starts as the identity."""
    tracker: dict[str, Any] = Field(default={})
    """Tracker settings that suit these weights (see `TrackerSettings`); absent keys: defaults."""
