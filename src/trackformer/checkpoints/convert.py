"""Any weights that load become our own file; a fingerprint shows that nothing was lost."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.atomic_files import refuse_existing
from trackformer.checkpoints.average import average
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.model_files import read_notes, save_model
from trackformer.checkpoints.smaller import ALL, Fewer, smaller
from trackformer.errors import ConfigError
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, TrackQueries

PROBE_SIZES = ((128, 160), (96, 128))
"""Heights and widths of the probe images: two, so that there is padding."""
NUM_PROBE_TRACKS = 3
NUM_DECIMALS = 3
"""Of the outputs in a fingerprint: coarser than rounding errors of float32."""
NUM_SHOWN_VALUES = 6
TOLERANCE = 1e-5
"""Largest difference between outputs that count as the same."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A model's outputs for the probe images, in short."""

    shapes: tuple[tuple[int, ...], ...]
    """Of class logits and boxes, without and with track queries (B Q K, B Q 4, twice)."""
    values: tuple[float, ...]
    """The first logits of the first answer."""
    digest: str
    """Hash of all outputs, rounded. Other hardware may round a number the other way."""

    def __str__(self) -> str:
        shapes = ", ".join("x".join(map(str, shape)) for shape in self.shapes)
        values = " ".join(f"{value:.{NUM_DECIMALS}f}" for value in self.values)
        return f"{self.digest} (outputs {shapes}; first logits {values})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the written file answers, compared with its source."""

    source: Fingerprint
    written: Fingerprint
    largest_difference: float
    """Over all outputs; infinite where their shapes differ."""

    @property
    def agrees(self) -> bool:
        """Whether nothing but rounding differs."""
        return self.largest_difference <= TOLERANCE


def convert(
    source: str | Path,
    destination: Path,
    *,
    tracker: Mapping[str, Any] | None = None,
    averaged_with: Sequence[str | Path] = (),
    fewer: Fewer = ALL,
    overwrite: bool = False,
) -> TrackFormer:
    """Load `source`, whatever it is, and write it to `destination` in our own format.

    Args:
        source: Anything `load_weights` takes.
        destination: Ends in `.safetensors`.
        tracker: Tracker settings to store with the weights; others stay as they are.
        averaged_with: Weights of the same model; the mean of all is written.
        fewer: How much of the model is written.
        overwrite: Replace a file that is there already.

    Returns:
        The model that was written.

    Raises:
        ConfigError: `destination` has another ending or exists, or the model has not so many
            queries or layers as `fewer` says, or is one that cannot do with fewer.
        CheckpointError: Weights cannot be loaded, or have different tensors.
    """
    if destination.suffix != ".safetensors":
        raise ConfigError(f"{destination}: expected a name that ends in .safetensors")
    refuse_existing(destination, overwrite=overwrite)
    model = load_weights(source)
    if averaged_with:
        model = average(model, {str(other): load_weights(other) for other in averaged_with})
    if fewer != ALL:
        model = smaller(model, fewer)
    notes = read_notes(Path(source)) if Path(source).suffix == ".safetensors" else {}
    if tracker:
        stored = model.settings.tracker | dict(tracker)
        model.settings = model.settings.model_copy(update={"tracker": stored})
    try:
        save_model(model, destination, notes={**notes, "source": Path(source).name})
    except OSError as error:
        raise ConfigError(f"{destination}: cannot be written: {error}") from error
    return model


def compare(model: TrackFormer, written: Path) -> Comparison:
    """Run the probe images through `model` and through the file written from it."""
    ours, theirs = probe_outputs(model), probe_outputs(load_weights(written))
    if [each.shape for each in ours] != [each.shape for each in theirs]:
        difference = math.inf
    else:
        differences = [(a - b).abs().max() for a, b in zip(ours, theirs, strict=True)]
        difference = float(torch.stack(differences).max())
        # Outputs that are not numbers agree with nothing.
        difference = math.inf if math.isnan(difference) else difference
    return Comparison(fingerprint(ours), fingerprint(theirs), difference)


@torch.no_grad()
def probe_outputs(model: TrackFormer) -> list[Float[Tensor, "_ _ _"]]:
    """Last layer's class logits and boxes, without and with track queries, on the CPU."""
    device = model.device
    images = Images.from_list([_probe_image(*size) for size in PROBE_SIZES]).to(device)
    first = model(images)
    rows = slice(0, NUM_PROBE_TRACKS)
    boxes = first.boxes[-1][:, rows]
    is_padding = torch.zeros(boxes.shape[:2], dtype=torch.bool, device=device)
    second = model(images, TrackQueries(first.embeddings[:, rows], boxes, is_padding))
    return [
        each.float().cpu()
        for output in (first, second)
        for each in (output.class_logits[-1], output.boxes[-1])
    ]


def fingerprint(outputs: list[Float[Tensor, "_ _ _"]]) -> Fingerprint:
    """Shapes, first values and a hash of `outputs`."""
    rounded = torch.cat([each.flatten() for each in outputs]).double().mul(10**NUM_DECIMALS).round()
    digest = hashlib.sha256(rounded.to(torch.int64).numpy().tobytes()).hexdigest()
    return Fingerprint(
        shapes=tuple(tuple(each.shape) for each in outputs),
        values=tuple(outputs[0].flatten()[:NUM_SHOWN_VALUES].tolist()),
        digest=digest[:16],
    )


def _probe_image(height: int, width: int) -> Float[Tensor, "3 {height} {width}"]:
    """Crossing waves, another wavelength in each channel, with about a normalised image's range."""
    rows = torch.arange(height, dtype=torch.float64)[:, None]
    columns = torch.arange(width, dtype=torch.float64)
    channels = [
        (rows / (5 + 4 * channel)).sin() + (columns / (7 + 3 * channel)).cos()
        for channel in range(3)
    ]
    return torch.stack(channels).float()
