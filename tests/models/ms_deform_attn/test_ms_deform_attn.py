import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ms_deform_attn.attention_inputs import AttentionInputs, gradients, random_inputs
from trackformer.models.ms_deform_attn import compiled, portable, triton_kernels
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import (
    COMPILED,
    IMPLEMENTATIONS,
    PORTABLE,
    REFERENCE,
    TRITON,
)

LEVEL_SHAPES = ((5, 7), (3, 1), (1, 4), (1, 1))


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request):
    """Every one that can run here; Triton's kernels on an imitated GPU."""
    if request.param == COMPILED and compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    if request.param == TRITON:
        imitate_gpu()
    return request.param


def imitate_gpu():
    pytest.importorskip("triton")
    if not triton_kernels.is_interpreted():
        pytest.skip("a GPU is at hand: its own tests run")


CLOSE = {torch.float32: {"atol": 1e-4, "rtol": 1e-4}, torch.float64: {}}


def dtype_of(implementation):
    return torch.float32 if implementation == TRITON else torch.float64


def test_a_point_at_a_cells_centre_sees_that_cell(implementation):
    value = torch.arange(6.0).reshape(1, 6, 1, 1)
    locations = torch.tensor([2.5 / 3, 1.5 / 2]).reshape(1, 1, 1, 1, 1, 2)
    attended = ms_deform_attn(
        value, ((2, 3),), locations, torch.ones(1, 1, 1, 1, 1), implementation
    )
    assert attended.item() == pytest.approx(5.0)


def test_a_point_between_cells_sees_their_mean_and_zeros_beyond_the_map(implementation):
    value = torch.tensor([2.0, 4.0]).reshape(1, 2, 1, 1)
    locations = torch.tensor([[0.5, 0.5], [0.0, 0.5], [-1.0, 0.5]]).reshape(1, 3, 1, 1, 1, 2)
    attended = ms_deform_attn(
        value, ((1, 2),), locations, torch.ones(1, 3, 1, 1, 1), implementation
    )
    torch.testing.assert_close(attended.flatten(), torch.tensor([3.0, 1.0, 0.0]))


def test_at_a_cells_centre_the_slope_is_the_one_to_the_right(implementation):
    value = torch.tensor([2.0, 4.0]).reshape(1, 2, 1, 1)
    # x: centres of both cells, then one cell before the first and one behind the last.
    locations = torch.tensor([[0.25, 0.5], [0.75, 0.5], [-0.25, 0.5], [1.25, 0.5]])
    locations = locations.reshape(1, 4, 1, 1, 1, 2).requires_grad_()
    weights = torch.ones(1, 4, 1, 1, 1)
    ms_deform_attn(value, ((1, 2),), locations, weights, implementation).sum().backward()
    # A cell is half the map wide: twice the difference to the next cell.
    assert locations.grad[..., 0].flatten().tolist() == [4.0, -8.0, 4.0, 0.0]


ANY_SIZES = given(
    level_shapes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4),
    sizes=st.tuples(*(st.integers(1, most) for most in (2, 4, 3, 3))),
    num_channels=st.sampled_from([1, 3, 8, 16, 32, 36]),
    spread=st.sampled_from([0.2, 1.0, 3.0]),
    seed=st.integers(0, 1000),
)


def check_against_oracle(
    implementation, level_shapes, sizes, num_channels, spread, seed, dtype=torch.float64
):
    shapes = tuple(level_shapes)
    inputs = random_inputs(shapes, *sizes, num_channels, spread=spread, seed=seed)
    expected, expected_grads = gradients(inputs, REFERENCE)
    attended, grads = gradients(inputs.to(dtype), implementation)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs.to(dtype), **CLOSE[dtype])


@settings(max_examples=25, deadline=None)
@ANY_SIZES
def test_any_sizes_give_the_oracles_numbers_and_gradients(**sizes):
    check_against_oracle(PORTABLE, **sizes)
    if not compiled.why_unavailable():
        check_against_oracle(COMPILED, **sizes)
        check_against_oracle(COMPILED, **sizes, dtype=torch.float32)


@settings(max_examples=5, deadline=None)
@ANY_SIZES
def test_any_sizes_give_the_oracles_numbers_and_gradients_on_an_imitated_gpu(**sizes):
    imitate_gpu()
    check_against_oracle(TRITON, **sizes, dtype=torch.float32)


def test_gradients_are_those_of_finite_differences(implementation):
    if implementation == TRITON:
        pytest.skip("not for float64")
    inputs = random_inputs(LEVEL_SHAPES, num_images=1, num_queries=1, num_channels=2)
    tensors = [each.requires_grad_() for each in inputs.tensors]
    assert torch.autograd.gradcheck(
        lambda value, locations, weights: ms_deform_attn(
            value, LEVEL_SHAPES, locations, weights, implementation
        ),
        tensors,
    )


def test_no_queries_are_no_rows_and_no_gradient(implementation):
    inputs = random_inputs(LEVEL_SHAPES, num_queries=0).to(dtype_of(implementation))
    attended, grads = gradients(inputs, implementation)
    assert attended.shape == (2, 0, 15)
    assert not grads[0].any()


def test_strides_do_not_matter(implementation):
    inputs = random_inputs(LEVEL_SHAPES).to(dtype_of(implementation))
    strided = [each.transpose(1, -1).contiguous().transpose(1, -1) for each in inputs.tensors]
    assert not any(each.is_contiguous() for each in strided)
    attended, grads = gradients(AttentionInputs(LEVEL_SHAPES, *strided), implementation)
    expected, expected_grads = gradients(inputs, implementation)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_locations_that_are_no_numbers_read_nothing_outside_the_map(implementation):
    inputs = random_inputs(LEVEL_SHAPES).to(dtype_of(implementation))
    inputs.locations[0, 0], inputs.locations[0, 1] = torch.nan, torch.inf
    inputs.locations[0, 2] = 1e30
    attended, _ = gradients(inputs, implementation)
    assert attended[0, 3:].isfinite().all()
    assert not attended[0, 2].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_sixteen_bits_only_value_and_result_are_rounded(implementation, dtype):
    if implementation == REFERENCE:
        pytest.skip("the reference computes in 16 bits")
    inputs = random_inputs(LEVEL_SHAPES, num_channels=8).to(torch.float32)
    rounded = AttentionInputs(LEVEL_SHAPES, inputs.value.to(dtype), *inputs.tensors[1:])
    widened = AttentionInputs(LEVEL_SHAPES, rounded.value.float(), *inputs.tensors[1:])
    attended = ms_deform_attn(rounded.value, LEVEL_SHAPES, *inputs.tensors[1:], implementation)
    expected = ms_deform_attn(widened.value, LEVEL_SHAPES, *inputs.tensors[1:], REFERENCE)
    assert attended.dtype == dtype
    torch.testing.assert_close(attended, expected.to(dtype), atol=1e-3, rtol=1e-2)


def test_several_chunks_of_queries_are_the_reference(monkeypatch):
    monkeypatch.setattr(portable, "SAMPLES_AT_ONCE", 500)
    inputs = random_inputs(LEVEL_SHAPES)
    attended, grads = gradients(inputs, PORTABLE)
    expected, expected_grads = gradients(inputs, REFERENCE)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_channels", [3, 16, 32, 36])
def test_rows_that_many_queries_read_are_copied_and_give_the_reference(num_channels, dtype):
    if compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    # 300 queries read 300 x 8 samples x 4 rows of 43: far more than the 16 readings a copy costs.
    inputs = random_inputs(LEVEL_SHAPES, num_queries=300, num_channels=num_channels)
    attended, grads = gradients(inputs.to(dtype), COMPILED)
    expected, expected_grads = gradients(inputs, REFERENCE)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs.to(dtype), **CLOSE[dtype])


@pytest.mark.parametrize("num_points", [5, 20])
def test_more_samples_than_the_kernel_prepares_at_a_time_are_the_reference(num_points):
    if compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    inputs = random_inputs(LEVEL_SHAPES * 2, num_points=num_points, num_channels=12)
    attended, grads = gradients(inputs, COMPILED)
    expected, expected_grads = gradients(inputs, REFERENCE)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_kernels_gradient_does_not_depend_on_the_number_of_threads():
    if compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    inputs = random_inputs(LEVEL_SHAPES, num_images=1, num_queries=300)
    _, alone = gradients(inputs, COMPILED)
    torch.set_num_threads(8)
    try:
        _, shared = gradients(inputs, COMPILED)
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(alone, shared, strict=True))


def test_levels_that_are_not_the_tokens_are_refused():
    inputs = random_inputs(((2, 3),))
    with pytest.raises(ValueError, match=r"expected 4 tokens for levels \(\(2, 2\),\), got 6"):
        ms_deform_attn(inputs.value, ((2, 2),), inputs.locations, inputs.weights)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("num_channels", "num_points"), [(5, 3), (16, 1), (32, 4), (36, 6), (128, 4)]
)
def test_cuda_kernels_give_the_oracles_numbers_and_gradients(dtype, num_channels, num_points):
    inputs = random_inputs(
        LEVEL_SHAPES, num_queries=300, num_channels=num_channels, num_points=num_points
    ).to(torch.float32)
    rounded = inputs.value.to(dtype)
    expected, expected_grads = gradients(
        AttentionInputs(LEVEL_SHAPES, rounded.float(), *inputs.tensors[1:]), REFERENCE
    )
    on_gpu = [each.cuda() for each in (rounded, *inputs.tensors[1:])]
    attended, grads = gradients(AttentionInputs(LEVEL_SHAPES, *on_gpu), TRITON)
    # The gradient that comes in is rounded to 16 bits, too.
    tolerance = 1e-4 if dtype == torch.float32 else 1e-1
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours.cpu().float(), theirs, atol=tolerance, rtol=tolerance)
