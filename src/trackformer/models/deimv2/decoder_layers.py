"""One layer of DEIMv2's decoder, and the small networks around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.deimv2.settings import LiteConfig
from trackformer.models.hugging_face_sampling import sample_listed_points


class RMSNorm(nn.Module):
    """Rows of one length (Zhang and Sennrich 2019), in float32 whatever comes in."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, rows: Float[Tensor, "B Q C"]) -> Float[Tensor, "B Q C"]:
        """Divide each by its root mean square, then multiply by the weights."""
        exact = rows.to(torch.float32)
        exact = exact * torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * exact.to(rows.dtype)


class Mlp(nn.Module):
    """Linear layers with SiLU between them."""

    def __init__(self, inputs: int, hidden: int, outputs: int, count: int) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * (count - 1), outputs]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.act: nn.Module = nn.SiLU()

    def forward(self, rows: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows _"]:
        """Transform every row."""
        *first, last = self.layers
        for layer in first:
            rows = self.act(layer(rows))
        answer: Tensor = last(rows)
        return answer


class SwiGLU(nn.Module):
    """A feed-forward network that gates itself (Shazeer 2020)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden)
        self.up_proj = nn.Linear(width, hidden)
        self.down_proj = nn.Linear(hidden, width)
        self.act_fn = nn.SiLU()

    def forward(self, rows: Float[Tensor, "B Q C"]) -> Float[Tensor, "B Q C"]:
        """Transform every row."""
        answer: Tensor = self.down_proj(self.act_fn(self.gate_proj(rows)) * self.up_proj(rows))
        return answer


class SelfAttention(nn.Module):
    """Among queries; positions are added to what asks and what is asked, not to what is told."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.head_dim = width // num_heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.o_proj = nn.Linear(width, width)

    def forward(
        self,
        content: Float[Tensor, "B Q C"],
        position: Float[Tensor, "B Q C"],
        mask: Float[Tensor, "B 1 Q Q"] | None,
    ) -> Float[Tensor, "B Q C"]:
        """What each query hears; `mask` is added to the logits."""
        placed = content + position
        asked, keys, values = (
            projection(rows).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for projection, rows in (
                (self.q_proj, placed),
                (self.k_proj, placed),
                (self.v_proj, content),
            )
        )
        heard = F.scaled_dot_product_attention(
            asked, keys, values, attn_mask=mask, scale=self.head_dim**-0.5
        )
        answer: Tensor = self.o_proj(heard.transpose(1, 2).flatten(2))
        return answer


class MultiscaleDeformableAttention(nn.Module):
    """Of queries to the levels, around their boxes, without projections of values or answers.

    Attributes are called as in transformers' module, which `FastSampling` replaces, too.
    """

    num_points_scale: Tensor

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        points = config.decoder_n_points
        self.n_heads = config.decoder_attention_heads
        self.num_points_list = points
        self.offset_scale = config.decoder_offset_scale
        shares = torch.tensor([1 / count for count in points for _ in range(count)])
        self.register_buffer("num_points_scale", shares)
        total = self.n_heads * sum(points)
        self.sampling_offsets = nn.Linear(config.d_model, total * 2)
        self.attention_weights = nn.Linear(config.d_model, total)

    def forward(
        self,
        hidden_states: Float[Tensor, "B Q C"],
        encoder_hidden_states: Float[Tensor, "B S C"],
        reference_points: Float[Tensor, "B Q 1 4"],
        spatial_shapes_list: Sequence[tuple[int, int]],
    ) -> tuple[Float[Tensor, "B Q C"], None]:
        """What is found; the second answer stands for the weights, which nobody reads."""
        value = encoder_hidden_states.reshape(*encoder_hidden_states.shape[:2], self.n_heads, -1)
        offsets = self.sampling_offsets(hidden_states).unflatten(-1, (self.n_heads, -1, 2))
        logits = self.attention_weights(hidden_states).unflatten(-1, (self.n_heads, -1))
        scales = self.num_points_scale.to(hidden_states.dtype)[:, None]
        reference = reference_points[:, :, None]
        reach = offsets * scales * reference[..., 2:] * self.offset_scale
        locations = reference[..., :2] + reach
        answer = sample_listed_points(
            value, spatial_shapes_list, locations, logits.softmax(-1), self.num_points_list
        )
        return answer, None


class DecoderLayer(nn.Module):
    """Self-attention, deformable attention, feed-forward; norms behind each."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = SelfAttention(width, config.decoder_attention_heads)
        self.self_attn_layer_norm = RMSNorm(width)
        self.encoder_attn = MultiscaleDeformableAttention(config)
        self.mlp = SwiGLU(width, config.decoder_ffn_dim // 2)
        self.final_layer_norm = RMSNorm(width)
        self.encoder_attn_layer_norm = RMSNorm(width)

    def forward(
        self,
        hidden_states: Float[Tensor, "B Q C"],
        position_embeddings: Float[Tensor, "B Q C"],
        reference_points: Float[Tensor, "B Q 1 4"],
        spatial_shapes_list: Sequence[tuple[int, int]],
        encoder_hidden_states: Float[Tensor, "B S C"],
        encoder_attention_mask: Tensor | None,
        **_others: object,
    ) -> Float[Tensor, "B Q C"]:
        """The queries' contents behind this layer; arguments as those of transformers' layer."""
        heard = self.self_attn(hidden_states, position_embeddings, encoder_attention_mask)
        content = self.self_attn_layer_norm(hidden_states + heard)
        found, _ = self.encoder_attn(
            hidden_states=content + position_embeddings,
            encoder_hidden_states=encoder_hidden_states,
            reference_points=reference_points,
            spatial_shapes_list=spatial_shapes_list,
        )
        content = self.encoder_attn_layer_norm(content + found)
        answer: Tensor = self.final_layer_norm(content + self.mlp(content))
        return answer


class QualityHead(nn.Module):
    """How sure the distributions of the edges are, added to the class logits (GFL v2)."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        self._num_best, self._num_bins = config.top_prob_values, config.max_num_bins + 1
        inputs = 4 * (self._num_best + 1)
        self.reg_conf = Mlp(inputs, config.lqe_hidden_dim, 1, config.lqe_layers)

    def forward(
        self, logits: Float[Tensor, "B Q K"], edges: Float[Tensor, "B Q _"]
    ) -> Float[Tensor, "B Q K"]:
        """The logits, changed by the likeliest bins of each edge."""
        shares = edges.reshape(*edges.shape[:-1], 4, self._num_bins).softmax(-1)
        best, _ = shares.topk(self._num_best, dim=-1)
        statistics = torch.cat([best, best.mean(dim=-1, keepdim=True)], dim=-1)
        changed: Tensor = logits + self.reg_conf(statistics.flatten(2))
        return changed
