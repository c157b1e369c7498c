"""How tests read what the published code computed, and what it computed that from."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from golden.weights_recipe import make_image, state_dict_of
from trackformer.types import Images, TrackQueries

FOLDER = Path(__file__).parent


def read_recording(name: str) -> dict[str, Any]:
    return torch.load(FOLDER / f"{name}.pt", weights_only=True)


def read_manifest(name: str) -> list[dict]:
    return json.loads((FOLDER / "manifest" / f"{name}.json").read_text())


def published_weights(name: str) -> dict[str, Tensor]:
    return state_dict_of(read_manifest(name))


def recorded_images(recording: dict[str, Any], dtype: torch.dtype = torch.float32) -> Images:
    sizes = zip(recording["image_keys"], recording["image_sizes"], strict=True)
    images = Images.from_list([make_image(key, *size) for key, size in sizes])
    return Images(images.pixels.to(dtype), images.is_padding, images.image_sizes)


def previous_images(recording: dict[str, Any], dtype: torch.dtype = torch.float32) -> Images:
    return recorded_images(recording | {"image_keys": recording["prev_image_keys"]}, dtype)


def recorded_tracks(recording: dict[str, Any], dtype: torch.dtype = torch.float32) -> TrackQueries:
    embeddings, boxes = (
        torch.stack([target[key] for target in recording["targets_in"]]).to(dtype)
        for key in ("track_query_hs_embeds", "track_query_boxes")
    )
    return TrackQueries(embeddings, boxes, torch.zeros(boxes.shape[:2], dtype=torch.bool))


def all_layers(outputs: dict[str, Any], key: str) -> Tensor:
    """D B Q _: `outputs` has the last layer's predictions, and the others' in `aux_outputs`."""
    return torch.stack([layer[key] for layer in outputs["aux_outputs"]] + [outputs[key]])
