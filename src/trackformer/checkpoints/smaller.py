"""A trained model that asks less: fewer object queries, or without its last decoder layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from trackformer.errors import ConfigError
from trackformer.models.build import build_for_weights
from trackformer.models.settings import HuggingFaceSettings
from trackformer.models.trackformer import TrackFormer


@dataclass(frozen=True, slots=True)
class Fewer:
    """How much is left of a model; None: all."""

    queries: int | None = None
    """Object queries at most: those of the cells that look most like an object."""
    decoder_layers: int | None = None
    """The first ones."""


ALL: Final = Fewer()


def smaller(model: TrackFormer, fewer: Fewer) -> TrackFormer:
    """The same weights in a smaller and faster model, in evaluation mode; nothing is trained.

    Every decoder layer has heads and a loss of its own, so the first of them are a model by
    themselves: a worse one, until it is trained on.

    Args:
        model: One that selects its object queries among the cells of its maps, such as the bundled
            ones; unchanged.
        fewer: What is left of it.

    Raises:
        ConfigError: It is of another kind, or has not so many.
    """
    detector = model.settings.detector
    if not isinstance(detector, HuggingFaceSettings):
        raise ConfigError(
            "queries, decoder layers: expected a model that selects its object queries, such as "
            f"the bundled ones, got one of kind {detector.kind!r}"
        )
    # Any: transformers' networks, and ours in their place, are known by their attributes only.
    network: Any = model.detector.network
    if getattr(network.config, "learn_initial_query", False):
        raise ConfigError("queries, decoder layers: expected a model without learned queries")
    queries = _left("queries", fewer.queries, detector.num_queries)
    layers = _left("decoder layers", fewer.decoder_layers, len(network.decoder.layers))
    config = {**detector.config, "num_queries": queries, "decoder_layers": layers}
    changed = detector.model_copy(update={"config": config, "num_queries": queries})
    small = build_for_weights(model.settings.model_copy(update={"detector": changed}))
    weights = model.state_dict()
    small.load_state_dict({name: weights[name] for name in small.state_dict()})
    return small.to(model.device).eval()


def _left(what: str, wanted: int | None, has: int) -> int:
    if wanted is None:
        return has
    if not 1 <= wanted <= has:
        raise ConfigError(f"{what}: expected 1 to {has}, which the model has, got {wanted}")
    return wanted
