import pytest
import torch

from trackformer.models.hugging_face_sampling import sample_listed_points
from trackformer.models.torchvision_import import ensure_torchvision

ensure_torchvision()
from transformers.models.d_fine import modeling_d_fine  # noqa: E402 - needs torchvision


@pytest.mark.parametrize("num_points", [[2, 2, 2], [3, 1, 2]])
def test_any_number_of_points_per_level_is_transformers_sampling(num_points):
    generator = torch.Generator().manual_seed(0)
    level_shapes = [(4, 6), (2, 3), (1, 2)]
    num_samples = sum(num_points)
    value = torch.rand(2, 32, 4, 8, generator=generator)
    locations = torch.rand(2, 5, 4, num_samples, 2, generator=generator) * 1.4 - 0.2
    weights = torch.rand(2, 5, 4, num_samples, generator=generator)
    arguments = (value, level_shapes, locations, weights, num_points)
    expected = modeling_d_fine.multi_scale_deformable_attention_v2(*arguments)
    torch.testing.assert_close(sample_listed_points(*arguments), expected)
