"""Which of our parameters each parameter of transformers' DETR and Deformable DETR is.

transformers renamed some of them over the years; files have the old names, live models the new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from trackformer.checkpoints.renaming import Rules, renamed

# transformers' own ResNets count stages and the convolutions of a block from 0.
RESNET_RULES: Rules = (
    (r"^backbone\.embedder\.embedder\.convolution\.", "backbone.stem.conv1."),
    (r"^backbone\.embedder\.embedder\.normalization\.", "backbone.stem.bn1."),
    (r"\.shortcut\.convolution\.", ".downsample.0."),
    (r"\.shortcut\.normalization\.", ".downsample.1."),
    *(
        (rf"^backbone\.encoder\.stages\.{stage}\.layers\.", f"backbone.layer{stage + 1}.")
        for stage in range(4)
    ),
    *((rf"\.layer\.{each}\.convolution\.", f".conv{each + 1}.") for each in range(3)),
    *((rf"\.layer\.{each}\.normalization\.", f".bn{each + 1}.") for each in range(3)),
)
SHARED_RULES: Rules = (
    # The mask model keeps the detector inside.
    (r"^detr\.", ""),
    (r"^model\.", ""),
    (r"^backbone\.position_embedding\.", "position_embedding."),
    (r"^backbone\.(?:conv_encoder\.)?model\.", "backbone."),
    # timm's ResNets have torchvision's names.
    (r"^backbone\.(conv1|bn1)\.", r"backbone.stem.\1."),
    *RESNET_RULES,
    (r"^position_embedding\.row_embeddings\.weight$", "position_encoding.row_embedding"),
    (r"^position_embedding\.column_embeddings\.weight$", "position_encoding.column_embedding"),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.encoder_attn\.", ".cross_attention."),
    (r"\.(?:out|output|o)_proj\.", ".output."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.(?:v|value)_proj\.", ".value."),
    (r"\.(?:mlp\.)?fc1\.", ".feedforward.expand."),
    (r"\.(?:mlp\.)?fc2\.", ".feedforward.contract."),
    (r"\.self_attn_layer_norm\.", ".self_attention_residual.norm."),
    (r"\.encoder_attn_layer_norm\.", ".cross_attention_residual.norm."),
    (r"\.final_layer_norm\.", ".feedforward_residual.norm."),
)
DETR_RULES: Rules = (
    *SHARED_RULES,
    (r"^decoder\.layernorm\.", "output_norm."),
    (r"^query_position_embeddings\.weight$", "object_query_position"),
    (r"^class_labels_classifier\.", "class_head."),
    (r"^bbox_predictor\.", "box_head."),
)
DEFORMABLE_DETR_RULES: Rules = (
    *SHARED_RULES,
    # With refinement or two stages the decoder holds the heads, too, or alone.
    (r"^(?:decoder\.)?class_embed\.", "class_heads."),
    (r"^(?:decoder\.)?bbox_embed\.", "box_heads."),
    (r"^decoder\.layers\.", "decoder_layers."),
    (r"^level_embed$", "level_embedding"),
    (r"^reference_points\.", "query_source.reference_points."),
    (r"^enc_output\.", "query_source.token_projection."),
    (r"^enc_output_norm\.", "query_source.token_norm."),
    (r"^pos_trans\.", "query_source.query_projection."),
    (r"^pos_trans_norm\.", "query_source.query_norm."),
    (r"^input_proj\.(\d+)\.0\.", r"input_projections.\1.convolution."),
    (r"^input_proj\.(\d+)\.1\.", r"input_projections.\1.norm."),
)
HEAD = re.compile(r"^(class|box)_heads\.(\d+)\.(.+)$")


def from_hugging_face_detr(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `DetrForObjectDetection` under `Detr`'s names; unknown names stay."""
    return renamed(_without_counters(stored), DETR_RULES)


def from_hugging_face_deformable_detr(
    stored: Mapping[str, Tensor], num_heads: int
) -> dict[str, Tensor]:
    """Weights of `DeformableDetrForObjectDetection` under `DeformableDetr`'s names.

    Args:
        stored: Heads may be there once for all layers, once per layer, or twice.
        num_heads: How many pairs of heads our module has.
    """
    ours = renamed(_without_counters(stored), DEFORMABLE_DETR_RULES)
    queries = ours.get("query_position_embeddings.weight")
    # Of any other shape, loading reports it.
    if queries is not None and queries.ndim == 2 and queries.shape[1] % 2 == 0:
        position, content = ours.pop("query_position_embeddings.weight").chunk(2, dim=1)
        ours |= {"query_source.position": position, "query_source.content": content}
    heads = {name: ours.pop(name) for name in list(ours) if HEAD.match(name)}
    return ours | _one_per_layer(heads, num_heads)


def _one_per_layer(heads: Mapping[str, Tensor], num_heads: int) -> dict[str, Tensor]:
    """Exactly `num_heads` heads of each kind; those that share the first one's weights get them."""
    parts = {(match[1], match[3]) for name in heads if (match := HEAD.match(name))}
    return {
        f"{kind}_heads.{index}.{part}": heads.get(f"{kind}_heads.{index}.{part}", first)
        for kind, part in sorted(parts)
        if (first := heads.get(f"{kind}_heads.0.{part}")) is not None
        for index in range(num_heads)
    }


def _without_counters(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the step counters of trainable BatchNorms, which frozen ones lack."""
    return {
        name: tensor for name, tensor in stored.items() if not name.endswith(".num_batches_tracked")
    }
