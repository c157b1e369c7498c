"""Small honest files of weights of every kind, for tests that damage them."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.torch
import torch

from tiny_models import tiny_config, tiny_model
from trackformer.checkpoints.model_files import save_model

PROCESSOR = {
    "image_processor_type": "RTDetrImageProcessor",
    "size": {"height": 64, "width": 96},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "do_pad": False,
}


def write_weights(folder: Path) -> dict[Path, Path]:
    """The file to damage of each kind, and what to load then: itself, or its folder."""
    model = tiny_model()
    ours = folder / "ours.safetensors"
    save_model(model, ours)
    saved = folder / "saved"
    saved.mkdir()
    config = {"model_type": "rt_detr", "num_queries": 6, **tiny_config("rt_detr")}
    (saved / "config.json").write_text(json.dumps(config | {"id2label": {0: "cat", 1: "dog"}}))
    (saved / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    network = {f"model.{k}": v for k, v in model.detector.network.state_dict().items()}
    safetensors.torch.save_file(
        {name: tensor.contiguous().clone() for name, tensor in network.items()},
        saved / "model.safetensors",
    )
    published = folder / "published.pth"
    tensors = {"class_embed.weight": torch.zeros(3, 8), "query_embed.weight": torch.ones(5, 16)}
    torch.save({"model": tensors, "args": {"nheads": 4, "hidden_dim": 8}}, published)
    older = folder / "older.pth"
    torch.save({"model": tensors}, older, _use_new_zipfile_serialization=False)
    settings = folder / "beside" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text("hidden_dim: 288\nnheads: 8\nnum_queries: 500\ndilation: false\n")
    (settings.parent / "weights.pth").write_bytes(published.read_bytes())
    return {
        ours: ours,
        saved / "config.json": saved,
        saved / "preprocessor_config.json": saved,
        saved / "model.safetensors": saved,
        published: published,
        older: older,
        settings: settings.parent / "weights.pth",
    }
