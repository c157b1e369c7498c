import math

import pytest
import torch

from golden.recordings import read_recording
from trackformer.models.deformable_attention import DeformableAttention


def published_module(recording, offset_normalizer="width_height") -> DeformableAttention:
    module = DeformableAttention(32, 8, 3, 4, offset_normalizer)
    names = {"value_proj": "value", "output_proj": "output"}
    weights = {}
    for name, tensor in recording["params"].items():
        layer, kind = name.split(".")
        weights[f"{names.get(layer, layer)}.{kind}"] = tensor
    module.load_state_dict(weights)
    return module


@pytest.mark.parametrize(
    ("reference", "offset_normalizer", "published"),
    [
        ("ref2", "width_height", "out_ref2_official_WHorder"),
        ("ref2", "height_width", "out_ref2_trackformer_HWorder"),
        ("ref4", "width_height", "out_ref4"),
        ("ref4", "height_width", "out_ref4"),
    ],
)
@torch.no_grad()
def test_the_module_is_the_published_one(reference, offset_normalizer, published):
    recording = read_recording("unit_msda")
    module = published_module(recording, offset_normalizer)
    output = module(
        recording["query"],
        recording[reference],
        recording["input"],
        recording["padding_mask"],
        tuple(map(tuple, recording["shapes"].tolist())),
    )
    torch.testing.assert_close(output, recording[published], atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_heads", [1, 3, 8])
def test_at_first_heads_look_in_different_directions(num_heads):
    module = DeformableAttention(24, num_heads, 1, 2, "width_height")
    offsets = module.sampling_offsets.bias.reshape(num_heads, 2, 2)
    angles = torch.atan2(offsets[:, 0, 1], offsets[:, 0, 0]) % (2 * math.pi)
    assert len({round(angle, 3) for angle in angles.tolist()}) == num_heads
    torch.testing.assert_close(offsets[:, 1], 2 * offsets[:, 0])


def test_eight_heads_start_with_the_published_directions():
    published = read_recording("unit_msda")["init_sampling_offsets_bias_trackformer"]
    ours = DeformableAttention(32, 8, 3, 4, "width_height").sampling_offsets.bias

    def directions(bias):
        return {tuple(round(x, 4) + 0.0 for x in row) for row in bias.reshape(-1, 2).tolist()}

    assert directions(ours) == directions(published)
