"""The shift behind a convolution is a convolution itself, with the same numbers."""

from __future__ import annotations

import torch
from torch import nn

from trackformer.exporting.shifts import ShiftedByConvolution, shifted_by_convolution
from trackformer.models.fast.convolution import FusedConvolution


@torch.inference_mode()
def test_the_numbers_are_those_of_the_sum():
    layer = FusedConvolution(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), shift=0.5)
    features = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    shifted = ShiftedByConvolution(layer)
    torch.testing.assert_close(shifted(features), layer(features), atol=1e-6, rtol=0)
    assert float(shifted(features).min()) == 0.5


def test_only_layers_with_a_shift_change():
    assert shifted_by_convolution(FusedConvolution(nn.Conv2d(4, 6, 3))) is None
    assert shifted_by_convolution(nn.Conv2d(4, 6, 3)) is None
