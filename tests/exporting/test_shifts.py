"""The shift behind an activation lies in the convolution before it, with the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trackformer.exporting.shifts import ShiftedConvolution, shift_in_bias
from trackformer.models.fast.convolution import FusedConvolution


@torch.inference_mode()
@pytest.mark.parametrize("activation", [nn.ReLU(), None])
@pytest.mark.parametrize("shift", [0.5, -0.5])
def test_the_numbers_are_those_of_the_sum(activation: nn.Module | None, shift: float):
    layer = FusedConvolution(nn.Conv2d(4, 6, 3, padding=1), activation, shift)
    features = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    shifted = ShiftedConvolution(layer)
    torch.testing.assert_close(shifted(features), layer(features), atol=1e-6, rtol=0)
    if activation is not None:
        assert float(shifted(features).min()) == shift


def test_only_layers_with_a_shift_change():
    assert shift_in_bias(FusedConvolution(nn.Conv2d(4, 6, 3))) is None
    assert shift_in_bias(nn.Conv2d(4, 6, 3)) is None
    assert shift_in_bias(FusedConvolution(nn.Conv2d(4, 6, 3), nn.SiLU(), 0.5)) is None
