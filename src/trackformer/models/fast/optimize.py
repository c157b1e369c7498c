"""A model for inference: the same numbers in less time."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import nn

from trackformer.errors import ConfigError
from trackformer.models.fast.convolution import FusedConvolution
from trackformer.models.fast.cuda_recorder import CudaRecorder
from trackformer.models.fast.distribution_decoder import distribution_decoder
from trackformer.models.fast.feed_forward import fused_feed_forward
from trackformer.models.fast.hugging_face_layers import fast_layer
from trackformer.models.fast.linear import PackedLinear
from trackformer.models.fast.low_precision import LowPrecisionDetector
from trackformer.models.fast.remembered import RememberedEncoding
from trackformer.models.fast.replacing import replace_modules
from trackformer.models.fast.replayed import ReplayedDetector
from trackformer.models.fast.residual_blocks import fused_residual_block
from trackformer.models.frame_model import FrameModel
from trackformer.models.parts.frozen_batch_norm import fold_batch_norms, freeze_batch_norms
from trackformer.models.settings import HuggingFaceSettings
from trackformer.models.trackformer import TrackFormer


def optimize_for_inference(
    model: FrameModel,
    dtype: torch.dtype | None = None,
    *,
    cuda_graphs: bool = False,
    every_layer: bool = False,
) -> TrackFormer:
    """A copy of a model that answers faster and cannot be trained or saved.

    BatchNorm goes into the convolutions, activations and sums into their last pass, parallel
    convolutions become one, weights are laid out for the processor, only the last decoder layer
    has heads, and what depends on the size of a frame alone is computed once. Boxes and scores
    equal the model's within float32's rounding: 1e-5, more where weights amplify it.

    Args:
        model: In evaluation mode, on the device where it will stay; unchanged.
        dtype: `torch.bfloat16` for half the memory traffic: boxes then differ by up to about 0.01
            of the image, or entirely where other queries are selected. None: as the model is.
        cuda_graphs: On a CUDA device, calls of a shape that came before are recorded and replayed:
            the host launches one graph instead of hundreds of kernels. For one thread at a time,
            on one of torch's streams. Off until it has been seen on a device (CONTRIBUTING.md).
        every_layer: Keep the answers of all decoder layers, to look inside (`docs/why.md`).

    Raises:
        ConfigError: Another `dtype`, bfloat16 for a model that predicts masks, or the model is in
            training mode, optimised already or exported.
    """
    model = _checked(model, dtype)
    fast = copy.deepcopy(model).requires_grad_(requires_grad=False)
    fast.is_for_inference = True
    fast.detector.last_layer_only = not every_layer  # type: ignore[assignment]
    freeze_batch_norms(fast)
    fold_batch_norms(fast)
    low = dtype == torch.bfloat16
    if low:
        _lower_weights(fast)
    if isinstance(model.settings.detector, HuggingFaceSettings):
        replace_modules(fast, partial(distribution_decoder, every_layer=every_layer))
        replace_modules(fast, fast_layer)
    else:
        fast.detector.position_encoding = RememberedEncoding(fast.detector.position_encoding)  # type: ignore[arg-type]
        replace_modules(fast, _fast_part)
    if low:
        fast.detector = LowPrecisionDetector(fast.detector)
    if cuda_graphs and fast.device.type == "cuda":
        fast.detector = ReplayedDetector(fast.detector, CudaRecorder(fast.device))
    return fast


def _checked(model: FrameModel, dtype: torch.dtype | None) -> TrackFormer:
    if not isinstance(model, TrackFormer):
        raise ConfigError("model: expected weights, got an exported model, which is fast as it is")
    if dtype not in (None, torch.float32, torch.bfloat16):
        raise ConfigError(f"dtype: expected torch.float32 or torch.bfloat16, got {dtype}")
    if dtype == torch.bfloat16 and model.predicts_masks:
        raise ConfigError("dtype: expected torch.float32, since the model predicts masks")
    if model.training:
        raise ConfigError("model: expected one in evaluation mode (`model.eval()`)")
    if model.is_for_inference:
        raise ConfigError("model: expected one that is not optimised for inference yet")
    return model


def _fast_part(module: nn.Module) -> nn.Module | None:
    """The fast form of a part of our own detectors."""
    if isinstance(module, nn.Conv2d):
        return FusedConvolution(module)
    if type(module) is nn.Linear:
        return PackedLinear(module)
    return fused_residual_block(module) or fused_feed_forward(module)


def _lower_weights(network: nn.Module) -> None:
    """Convolutions and linear layers in bfloat16; norms and embeddings stay as they are."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(torch.bfloat16)
