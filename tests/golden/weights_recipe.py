"""Weights and images made from their names: the same numbers on every platform.

An integer hash (FNV-1a of the name, then splitmix64 counters) gives 24-bit uniforms; one float64
multiply-add and a cast to float32 follow. The ranges keep activations of order one, so that no
path of a network is dead.
"""

import functools
import math

import numpy as np
import torch
from torch import Tensor

BLOCK_SIZE = 40
"""Images are noise in blocks of this many pixels, plus fine noise."""
LAST_NORMS = ("layer2.3.bn3", "layer3.5.bn3", "layer4.2.bn3")


def state_dict_of(manifest: list[dict]) -> dict[str, Tensor]:
    """Weights for every entry {key, shape[, seed_key]}; equal seed keys give equal weights."""
    return {
        entry["key"]: weight(entry.get("seed_key", entry["key"]), tuple(entry["shape"])).clone()
        for entry in manifest
    }


# Cached: the recorded models share one backbone, which is nearly all of the work.
@functools.cache
def weight(seed_key: str, shape: tuple[int, ...]) -> Tensor:
    low, high = bounds(seed_key, shape)
    return torch.from_numpy(uniform(seed_key, shape, low, high))


def make_image(key: str, height: int, width: int) -> Tensor:
    """A normalised image, 3 x height x width."""
    rows, columns = -(-height // BLOCK_SIZE), -(-width // BLOCK_SIZE)
    blocks = uniform(f"image/block/{key}", (3, rows, columns), -3.0, 3.0)
    coarse = blocks.repeat(BLOCK_SIZE, axis=1).repeat(BLOCK_SIZE, axis=2)[:, :height, :width]
    fine = uniform(f"image/fine/{key}", (3, height, width), -0.5, 0.5)
    return torch.from_numpy(np.ascontiguousarray(coarse + fine))


def uniform(seed_key: str, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    counters = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        bits = counters * np.uint64(0x9E3779B97F4A7C15) + np.uint64(fnv1a(seed_key))
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = bits ^ (bits >> np.uint64(31))
    fractions = (bits >> np.uint64(40)).astype(np.float64) / float(1 << 24)
    return (low + (high - low) * fractions).astype(np.float32).reshape(shape)


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & (2**64 - 1)
    return value


def bounds(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    last = key.rsplit(".", 1)[-1]
    fan_in = math.prod(shape[1:])
    for matches, low_high in _rules(key, last, shape, math.sqrt(3 / fan_in)):
        if matches:
            return low_high
    gain = math.sqrt((6 if "backbone" in key else 3) / fan_in)
    return -gain, gain


def _rules(key: str, last: str, shape: tuple[int, ...], gain: float) -> list[tuple]:
    """(condition, range), the first that holds counts."""
    is_bias, is_vector = last == "bias", len(shape) == 1
    return [
        (last == "running_var", (0.5, 1.5)),
        (last == "running_mean", (-1.0, 1.0)),
        ("query_embed" in key, (-4.0, 4.0)),
        (any(name in key for name in ("level_embed", "row_embed", "col_embed")), (-1.7, 1.7)),
        ("sampling_offsets" in key, (-3.0, 3.0) if is_bias else (-gain, gain)),
        ("attention_weights" in key, (-1.0, 1.0) if is_bias else (-gain, gain)),
        ("class_embed" in key, (-2.0, 0.0) if is_bias else (-1.5 * gain, 1.5 * gain)),
        ("bbox_embed" in key, (-0.5, 0.5) if is_bias else (-2.0 * gain, 2.0 * gain)),
        ("in_proj_weight" in key, (-4.0 * gain, 4.0 * gain)),
        ("out_proj.weight" in key, (-0.3 * gain, 0.3 * gain)),
        (any(name in key for name in ("output_proj.weight", "value_proj.weight")), (-gain, gain)),
        (is_vector and last == "weight", (0.2, 0.5) if "bn3" in key else (0.7, 1.3)),
        (any(name in key for name in LAST_NORMS), (-6.0, -1.0)),
        (is_vector, (-0.1, 0.1)),
    ]
