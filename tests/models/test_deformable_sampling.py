import pytest
import torch

from trackformer.models import deformable_sampling
from trackformer.models.deformable_attention import deformable_attention
from trackformer.models.deformable_sampling import sample_by_bags, sample_by_grid

WAYS = [sample_by_grid, sample_by_bags]
LEVEL_SHAPES = ((5, 7), (3, 1), (1, 4), (1, 1))


def random_inputs(num_queries=9, dtype=torch.float64):
    """Two images, three heads, two points, a third of them outside; levels of one row or column."""
    generator = torch.Generator().manual_seed(0)
    num_tokens = sum(height * width for height, width in LEVEL_SHAPES)
    value = torch.randn(2, num_tokens, 3, 5, generator=generator, dtype=dtype)
    locations = torch.rand(2, num_queries, 3, 4, 2, 2, generator=generator, dtype=dtype)
    weights = torch.rand(2, num_queries, 3, 4, 2, generator=generator, dtype=dtype)
    return value, LEVEL_SHAPES, locations * 1.5 - 0.25, weights


@pytest.mark.parametrize("sample", WAYS)
def test_a_point_at_a_cells_centre_sees_that_cell(sample):
    value = torch.arange(6.0).reshape(1, 6, 1, 1)
    locations = torch.tensor([2.5 / 3, 1.5 / 2]).reshape(1, 1, 1, 1, 1, 2)
    attended = sample(value, ((2, 3),), locations, torch.ones(1, 1, 1, 1, 1))
    assert attended.item() == pytest.approx(5.0)


@pytest.mark.parametrize("sample", WAYS)
def test_a_point_between_cells_sees_their_mean_and_zeros_beyond_the_map(sample):
    value = torch.tensor([2.0, 4.0]).reshape(1, 2, 1, 1)
    locations = torch.tensor([[0.5, 0.5], [0.0, 0.5], [-1.0, 0.5]]).reshape(1, 3, 1, 1, 1, 2)
    attended = sample(value, ((1, 2),), locations, torch.ones(1, 3, 1, 1, 1))
    torch.testing.assert_close(attended.flatten(), torch.tensor([3.0, 1.0, 0.0]))


def test_bags_are_the_reference():
    inputs = random_inputs()
    torch.testing.assert_close(sample_by_bags(*inputs), sample_by_grid(*inputs))


def test_bags_of_several_chunks_are_the_reference(monkeypatch):
    monkeypatch.setattr(deformable_sampling, "QUERIES_AT_ONCE", 4)
    inputs = random_inputs()
    torch.testing.assert_close(sample_by_bags(*inputs), sample_by_grid(*inputs))


def test_no_queries_are_no_rows():
    inputs = random_inputs(num_queries=0)
    assert sample_by_bags(*inputs).shape == sample_by_grid(*inputs).shape == (2, 0, 15)


def test_locations_that_are_no_numbers_read_nothing_outside_the_map():
    value, level_shapes, locations, weights = random_inputs()
    locations[0, 0] = torch.nan
    locations[0, 1] = torch.inf
    attended = sample_by_bags(value, level_shapes, locations, weights)
    assert attended[0, 0].isnan().all()
    assert attended[0, 1:].isfinite().all()


def test_gradients_are_those_of_finite_differences():
    value, level_shapes, locations, weights = random_inputs(num_queries=2)
    inputs = [each.requires_grad_() for each in (value, locations, weights)]
    assert torch.autograd.gradcheck(
        lambda value, locations, weights: deformable_attention(
            value, level_shapes, locations, weights
        ),
        inputs,
    )


def test_answers_with_and_without_gradient_are_the_same():
    value, level_shapes, locations, weights = random_inputs()
    without = deformable_attention(value, level_shapes, locations, weights)
    trained = deformable_attention(value.requires_grad_(), level_shapes, locations, weights)
    torch.testing.assert_close(without, trained.detach())
