"""Whether two models are the same one: a short text that only equal weights and settings share."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from trackformer.models.settings import ModelSettings


def fingerprint_of(network: nn.Module, settings: ModelSettings) -> str:
    """64 hexadecimal digits (SHA-256); thresholds of the tracker do not count.

    A model that `optimize_for_inference` made has another one than the model it was made from: its
    answers differ in the last digits.
    """
    digest = hashlib.sha256(settings.model_dump_json(exclude={"tracker"}).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.detach().flatten())
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
