"""Files of weights that lie: about sizes, kinds and values. Each is made by a few lines."""

from __future__ import annotations

import argparse
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from golden.recordings import published_weights
from tiny_models import tiny_config
from trackformer.checkpoints.model_files import FORMAT

Make = Callable[[Path, Path], Path]
"""From an honest file of weights and a folder to write into, to the file or folder to load."""

DETR = {"kind": "detr", "backbone": {"name": "resnet18"}, "embedding_size": 32, "num_heads": 4}
DEFORMABLE = DETR | {"kind": "deformable_detr"}
DEEP_KEY = b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s."
"""A mapping whose key is a tuple in a tuple in a tuple: hashing it overflows the stack of C."""
NUMBERS = (10**12, 10**9, 2**31, 10**400, -1, 0, 1e308, "many", [4], None)


def changed(content: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of nested settings with one value replaced: `a.b` is that of `b` within `a`."""
    first, _, rest = path.partition(".")
    inner = content.get(first)
    new = changed(inner if isinstance(inner, dict) else {}, rest, value) if rest else value
    return {**content, first: new}


def with_settings(path: str, value: object) -> Make:
    """Our own format; one setting in its header lies."""

    def make(honest: Path, folder: Path) -> Path:
        return written(honest, folder, lambda content: changed(content, path, value))

    return make


def with_detector(detector: dict[str, Any], path: str, value: object) -> Make:
    """The same where the header names another architecture."""

    def make(honest: Path, folder: Path) -> Path:
        lying = changed(detector, path, value)
        return written(honest, folder, lambda content: {**content, "detector": lying})

    return make


def written(honest: Path, folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    with safetensors.safe_open(honest, framework="pt") as file:
        settings = json.loads(file.metadata()["settings"])
    metadata = {"format": FORMAT, "settings": json.dumps(change(settings))}
    path = folder / "lies.safetensors"
    safetensors.torch.save_file(safetensors.torch.load_file(honest), path, metadata)
    return path


def with_header(text: str) -> Make:
    """The settings in the header are this text."""

    def make(honest: Path, folder: Path) -> Path:
        path = folder / "lies.safetensors"
        metadata = {"format": FORMAT, "settings": text}
        safetensors.torch.save_file(safetensors.torch.load_file(honest), path, metadata)
        return path

    return make


def with_tensors(change: Callable[[dict[str, torch.Tensor]], None]) -> Make:
    """The tensors lie, the settings do not."""

    def make(honest: Path, folder: Path) -> Path:
        tensors = safetensors.torch.load_file(honest)
        change(tensors)
        with safetensors.safe_open(honest, framework="pt") as file:
            metadata = file.metadata()
        safetensors.torch.save_file(tensors, folder / "lies.safetensors", metadata)
        return folder / "lies.safetensors"

    return make


def with_bytes(name: str, content: bytes) -> Make:
    """A file of these bytes."""

    def make(_honest: Path, folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def pickled(content: Callable[[], object], *, compressed: bool = False) -> Make:
    """A file of torch.save, as the published training scripts write."""

    def make(_honest: Path, folder: Path) -> Path:
        path = folder / "lies.pth"
        torch.save(content(), path)
        return repacked(path) if compressed else path

    return make


def repacked(path: Path, method: int = zipfile.ZIP_DEFLATED, table: bytes | None = None) -> Path:
    """The same zip file, compressed: a file of ten kilobytes may hold gigabytes then."""
    with zipfile.ZipFile(path) as before:
        parts = [(part.filename, before.read(part)) for part in before.infolist()]
    with zipfile.ZipFile(path, "w", method) as after:
        for name, content in parts:
            is_table = table is not None and name.endswith(".pkl")
            after.writestr(name, table if is_table else content)
    return path


def hugging_face(config: dict[str, Any], text: str | None = None) -> Make:
    """A folder with this configuration and next to no weights."""

    def make(_honest: Path, folder: Path) -> Path:
        (folder / "config.json").write_text(json.dumps(config) if text is None else text)
        tensors = {"model.enc_score_head.bias": torch.zeros(2)}
        safetensors.torch.save_file(tensors, folder / "model.safetensors")
        return folder

    return make


def published(**changes: torch.Tensor) -> Callable[[], object]:
    weights = published_weights("detr_r50_small")
    return lambda: {"model": weights | {name.replace("__", "."): t for name, t in changes.items()}}


def published_arguments(**arguments: object) -> Callable[[], object]:
    names = ("detr_r50_small", "deformable_r50_small_refine_twostage")
    weights = published_weights(names["num_queries" in arguments])
    return lambda: {"model": weights, "args": argparse.Namespace(**arguments)}


def with_pickle(content: bytes, *, as_zip: bool = True) -> Make:
    """A file of torch.save whose table of tensors is this pickle."""

    def make(_honest: Path, folder: Path) -> Path:
        path = folder / "lies.pth"
        torch.save({}, path, _use_new_zipfile_serialization=as_zip)
        if as_zip:
            return repacked(path, zipfile.ZIP_STORED, content)
        # What comes last of the older kind is the table, and the list of stored tensors.
        path.write_bytes(path.read_bytes().replace(pickle.dumps({}, 2) * 1, content, 1))
        return path

    return make


def poisoned(value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if name.endswith("weight"))
        tensors[name].view(-1)[0] = value

    return change


def widened(tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in list(tensors.items()):
        tensors[name] = torch.zeros(1, *tensor.shape)


def lying_settings() -> dict[str, Make]:
    """One impossible value after another in every size of a model."""
    cases = {}
    for number in NUMBERS:
        for name in ("num_heads", "num_decoder_layers", "num_queries"):
            cases[f"{name} {str(number)[:12]}"] = with_detector(DETR, name, number)
        cases[f"points {str(number)[:12]}"] = with_detector(DEFORMABLE, "num_points", number)
        cases[f"area {str(number)[:12]}"] = with_settings("input.area", number)
    for name in ("embedding_size", "feedforward_size", "num_encoder_layers"):
        cases[f"{name} 65536"] = with_detector(DETR, name, 65536)
    for name in ("decoder_layers", "d_model", "decoder_ffn_dim", "num_feature_levels"):
        cases[f"config {name}"] = with_settings(f"detector.config.{name}", 999_999)
    return cases | {
        "7 heads of 32": with_detector(DETR, "num_heads", 7),
        "10^6 decoder layers": with_settings("detector.config.decoder_layers", 10**6),
        "points of each level": with_settings("detector.config.decoder_n_points", [10**6] * 3),
        "longest list": with_settings("detector.config.feat_strides", [8] * 10**5),
        "depths": with_settings("detector.config.backbone_config.depths", [10**6] * 4),
        "width": with_settings("detector.config.backbone_config.hidden_sizes", [10**6] * 4),
        "std 0": with_settings("input.std", [0, 0, 0]),
        "std not a number": with_settings("input.std", [float("nan")] * 3),
        "mean infinite": with_settings("input.mean", [float("inf")] * 3),
        "no classes": with_settings("class_names", []),
        "a million classes": with_settings("class_names", ["a"] * 10**6),
        "unknown kind": with_settings("detector.kind", "yolo"),
        "header nested": with_header("[" * 10**5),
        "header not json": with_header("{"),
        "header a number": with_header("1" * 5000),
        "header empty": with_header(""),
    }


def fetching() -> dict[str, Make]:
    """Files that would have the library ask a hub."""
    timm = {"model_type": "timm_backbone", "backbone": "resnet18", "use_pretrained_backbone": True}
    return {
        "backbone by name": with_settings(
            "detector.config", {"backbone": "some/resnet", "use_pretrained_backbone": True}
        ),
        "backbone of timm": with_settings("detector.config.backbone_config", timm),
        "unknown backbone": with_settings("detector.config.backbone_config.model_type", "dpt"),
        "a folder's backbone by name": hugging_face(
            {"model_type": "rt_detr", "backbone": "some/resnet", "use_timm_backbone": True}
        ),
        "a folder's backbone of timm": hugging_face(
            {"model_type": "d_fine", "backbone_config": timm}
        ),
    }


def lying_folders() -> dict[str, Make]:
    tiny = {"model_type": "rt_detr"} | tiny_config("rt_detr")
    return {
        "folder of layers": hugging_face(
            {"model_type": "rt_detr"} | tiny | {"decoder_layers": 9999}
        ),
        "folder of width": hugging_face(tiny | {"d_model": 99999}),
        "folder of queries": hugging_face(
            {"model_type": "rt_detr"} | tiny | {"num_queries": 10**12}
        ),
        "folder of a list": hugging_face(tiny | {"d_model": [1]}),
        "folder of detr layers": hugging_face({"model_type": "detr", "decoder_layers": 10**9}),
        "folder of heads": hugging_face(
            {"model_type": "deformable_detr", "with_box_refine": True, "decoder_layers": 10**9}
        ),
        "folder of labels": hugging_face(tiny | {"id2label": {"a": 1}}),
        "folder of nesting": hugging_face({}, "[" * 10**5),
        "folder of digits": hugging_face({}, '{"model_type": ' + "1" * 5000 + "}"),
        "folder of a list alone": hugging_face({}, "[]"),
        "folder of no type": hugging_face({}),
    }


def lying_tensors() -> dict[str, Make]:
    one = torch.zeros(1)
    return {
        "not a number": with_tensors(poisoned(float("nan"))),
        "infinite": with_tensors(poisoned(float("inf"))),
        "all of one axis more": with_tensors(widened),
        "no tensors": with_tensors(dict.clear),
        "compressed": pickled(published(), compressed=True),
        "zeros compressed": pickled(
            lambda: {"model": {"class_embed.weight": torch.zeros(2**24)}}, compressed=True
        ),
        "one number a billion times": pickled(published(query_embed__weight=one.expand(10**9, 64))),
        "as many classes": pickled(published(class_embed__weight=one.expand(10**9, 64))),
        "sparse": pickled(published(query_embed__weight=torch.zeros(9, 64).to_sparse())),
        "complex": pickled(published(query_embed__weight=torch.zeros(9, 64, dtype=torch.cfloat))),
        "a billion queries": pickled(published_arguments(num_queries=10**9)),
        "heads beyond all bounds": pickled(published_arguments(nheads=10**30)),
        "dropout 5": pickled(published_arguments(dropout=5.0)),
        "lists in lists": with_pickle(b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b"."),
        "tuples as keys": with_pickle(DEEP_KEY),
        "tuples as keys of an older file": with_pickle(DEEP_KEY, as_zip=False),
        "keys that are numbers": pickled(lambda: {"model": {1: one}}),
        "keys as long as a book": pickled(lambda: {"model": {"a" * 10**6: one}}),
        "zip of nothing": with_bytes("lies.pth", b"PK\x05\x06" + bytes(18)),
        "header longer than the file": with_bytes("lies.safetensors", b"\xff" * 8 + b"{}"),
        "header of nothing": with_bytes("lies.safetensors", bytes(8)),
        "half a pickle": with_bytes("lies.pth", b"\x80\x02}q\x00("),
        "no onnx": with_bytes("lies.onnx", b"\x08\x07" * 100),
        "onnx of nothing": with_bytes("lies.onnx", b""),
    }


HOSTILE = lying_settings() | fetching() | lying_folders() | lying_tensors()
