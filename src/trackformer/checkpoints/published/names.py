"""Which of our parameters each parameter of the published code is.

DETR, Deformable DETR, and TrackFormer on either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from trackformer.checkpoints.renaming import Rules, renamed

MASK_RULES: Rules = (
    (r"^bbox_attention\.q_linear\.", "mask_head.attention.query."),
    (r"^bbox_attention\.k_linear\.", "mask_head.attention.key."),
    (r"^mask_head\.lay1\.", "mask_head.first.convolution."),
    (r"^mask_head\.gn1\.", "mask_head.first.norm."),
    *((rf"^mask_head\.lay{n}\.", f"mask_head.blocks.{n - 2}.convolution.") for n in range(2, 6)),
    *((rf"^mask_head\.gn{n}\.", f"mask_head.blocks.{n - 2}.norm.") for n in range(2, 6)),
    *((rf"^mask_head\.adapter{n}\.", f"mask_head.adapters.{n - 1}.") for n in range(1, 4)),
    (r"^mask_head\.out_lay\.", "mask_head.output."),
)
SHARED_RULES: Rules = (
    # The mask variants keep the detector inside.
    (r"^detr\.", ""),
    *MASK_RULES,
    (r"^backbone\.0\.body\.(conv1|bn1)\.", r"backbone.stem.\1."),
    (r"^backbone\.0\.body\.", "backbone."),
    (r"^backbone\.1\.row_embed\.weight$", "position_encoding.row_embedding"),
    (r"^backbone\.1\.col_embed\.weight$", "position_encoding.column_embedding"),
    (r"\.linear1\.", ".feedforward.expand."),
    (r"\.linear2\.", ".feedforward.contract."),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.(multihead_attn|cross_attn)\.", ".cross_attention."),
    (r"\.(out_proj|output_proj)\.", ".output."),
    (r"\.value_proj\.", ".value."),
    (r"(\.encoder\.layers\.\d+)\.norm1\.", r"\1.self_attention_residual.norm."),
    (r"(\.encoder\.layers\.\d+)\.norm2\.", r"\1.feedforward_residual.norm."),
    (r"(\.decoder\.layers\.\d+)\.norm3\.", r"\1.feedforward_residual.norm."),
)
DETR_RULES: Rules = (
    *SHARED_RULES,
    (r"(\.decoder\.layers\.\d+)\.norm1\.", r"\1.self_attention_residual.norm."),
    (r"(\.decoder\.layers\.\d+)\.norm2\.", r"\1.cross_attention_residual.norm."),
    (r"^transformer\.decoder\.norm\.", "output_norm."),
    (r"^transformer\.", ""),
    (r"^class_embed\.", "class_head."),
    (r"^bbox_embed\.", "box_head."),
    (r"^query_embed\.weight$", "object_query_position"),
    (r"^input_proj\.", "input_projection."),
)
DEFORMABLE_DETR_RULES: Rules = (
    *SHARED_RULES,
    # Deformable DETR numbers the norms as it creates them, not as it uses them.
    (r"(\.decoder\.layers\.\d+)\.norm1\.", r"\1.cross_attention_residual.norm."),
    (r"(\.decoder\.layers\.\d+)\.norm2\.", r"\1.self_attention_residual.norm."),
    (r"^transformer\.decoder\.layers\.", "decoder_layers."),
    (r"^transformer\.level_embed$", "level_embedding"),
    (r"^transformer\.reference_points\.", "query_source.reference_points."),
    (r"^transformer\.enc_output\.", "query_source.token_projection."),
    (r"^transformer\.enc_output_norm\.", "query_source.token_norm."),
    (r"^transformer\.pos_trans\.", "query_source.query_projection."),
    (r"^transformer\.pos_trans_norm\.", "query_source.query_norm."),
    (r"^transformer\.encoder\.", "encoder."),
    (r"^class_embed\.", "class_heads."),
    (r"^bbox_embed\.", "box_heads."),
    (r"^input_proj\.(\d+)\.0\.", r"input_projections.\1.convolution."),
    (r"^input_proj\.(\d+)\.1\.", r"input_projections.\1.norm."),
    (r"^merge_features\.", "feature_mergers."),
)
REPEATED_HEADS = re.compile(r"^(?:detr\.)?transformer\.decoder\.(?:class|bbox)_embed\.")
"""The decoder's own references to the heads: present where boxes are refined or proposed."""
LATER_HEADS = re.compile(r"^(?:class|box)_heads\.[1-9]\d*\.")


def from_published_detr(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of facebookresearch/detr, or of TrackFormer's plain DETR, under `Detr`'s names.

    Names that no rule knows stay as they are, so that loading reports them.
    """
    return _split_attention(renamed(published, DETR_RULES))


def from_published_deformable_detr(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of fundamentalvision/Deformable-DETR, or TrackFormer's, as `DeformableDetr`'s.

    The published code stores heads once per layer, shared or not, and again inside the decoder;
    ours are stored once. Names that no rule knows stay as they are, so that loading reports them.
    """
    refines = any("transformer.decoder.bbox_embed." in name for name in published)
    unrepeated = {
        name: tensor for name, tensor in published.items() if not REPEATED_HEADS.match(name)
    }
    ours = _split_attention(renamed(unrepeated, DEFORMABLE_DETR_RULES))
    if not refines:
        ours = {name: tensor for name, tensor in ours.items() if not LATER_HEADS.match(name)}
    if "query_embed.weight" in ours:
        position, content = ours.pop("query_embed.weight").chunk(2, dim=1)
        ours |= {"query_source.position": position, "query_source.content": content}
    return ours


def from_published_trackformer(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of timmeinhardt/trackformer, on plain or on Deformable DETR, as `TrackFormer`'s.

    Names that no rule knows stay as they are, so that loading reports them.
    """
    is_deformable = any(name.endswith("transformer.level_embed") for name in published)
    convert = from_published_deformable_detr if is_deformable else from_published_detr
    return {f"detector.{name}": tensor for name, tensor in convert(published).items()}


def _split_attention(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published attention keeps query, key and value projections as one matrix."""
    split: dict[str, Tensor] = {}
    for name, tensor in packed.items():
        attention, separator, kind = name.rpartition(".in_proj_")
        if separator:
            parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            split |= {f"{attention}.{part}.{kind}": rows for part, rows in parts}
        else:
            split[name] = tensor
    return split
