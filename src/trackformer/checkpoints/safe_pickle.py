"""How a file of torch.save, and the YAML beside it, are read without executing code."""

from __future__ import annotations

import argparse
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, Final

import torch
import yaml
from torch import Tensor

from trackformer.checkpoints.pickle_depth import deepest_tuple
from trackformer.errors import CheckpointError

FORBIDDEN = re.compile(r"GLOBAL (\S+)")
"""Where torch names what a pickle asked for and may not have."""
ZIP: Final = b"PK\x03\x04"
"""How torch, too, tells its newer files from the older ones."""
DAMAGED: Final = (
    "expected a file of torch.save with tensors and plain values, got another kind of file or a "
    "damaged one"
)
LARGEST_TABLE: Final = 2**24
"""Bytes of a pickle beside the tensors; the objects in it take thirty times as much memory."""
SHARED: Final = 4
"""How often all that is stored may be used by several tensors: heads are, once per layer."""
SPARE: Final = 2**24
DEEPEST_TUPLE: Final = 100
OLDER_PICKLES: Final = 4
"""Magic number, version, machine and content."""
NAMESPACE_TAG = "tag:yaml.org,2002:python/object:argparse.Namespace"


def read_pickle(path: Path) -> object:
    """Tensors, numbers, strings, containers and plain argparse namespaces in a file, on the CPU.

    Raises:
        CheckpointError: The file is missing or damaged, or needs anything else; it is named.
    """
    _refuse_bombs(path)
    try:
        # Published training scripts stored their command line; a namespace only holds values.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            # What torch thinks of a damaged file is said below, in one line.
            warnings.simplefilter("ignore")
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file of weights") from error
    except Exception as error:
        # torch raises many types for damaged files; the cause is chained.
        forbidden = FORBIDDEN.search(str(error))
        if forbidden is not None:
            raise CheckpointError(
                f"{path}: expected tensors and plain values only; refused to run "
                f"{forbidden[1].rstrip('.,')}, which the file asks for"
            ) from error
        # Not torch's own words, which advise to load without `weights_only`.
        raise CheckpointError(f"{path}: {DAMAGED}") from error
    return content


def check_plain_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that are larger than what is stored of them, or no plain numbers.

    Raises:
        CheckpointError: Names the first of them.
    """
    size = path.stat().st_size
    total = 0
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise CheckpointError(f"{path}: expected plain tensors of numbers, got {name[:80]!r}")
        num_bytes = tensor.numel() * tensor.element_size()
        total += num_bytes
        # Views repeat one number as often as they say, and tensors may share what is stored.
        if num_bytes > tensor.untyped_storage().nbytes() or total > size * SHARED + SPARE:
            raise CheckpointError(
                f"{path}: expected tensors that the file holds, got one of shape "
                f"{tuple(tensor.shape)} under {name[:80]!r} in a file of {size} bytes"
            )


def _refuse_bombs(path: Path) -> None:
    """torch.save stores without compression, so that a file says how much memory it takes.

    Raises:
        CheckpointError: A zip file is damaged, holds compressed parts or more than its size; or its
            tables are too large or too deep to be read.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        is_zip = file.read(len(ZIP)) == ZIP
    if not is_zip:
        # Of the older kind, or no weights at all: torch looks at it.
        _refuse_deep_tuples(path, _older_pickles(path))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            _refuse_packed(path, parts)
            tables = [archive.read(part) for part in parts if part.filename.endswith(".pkl")]
    except CheckpointError:
        raise
    except Exception as error:
        # Damaged zip files raise errors of many types.
        raise CheckpointError(f"{path}: {DAMAGED}") from error
    _refuse_deep_tuples(path, (BytesIO(table) for table in tables))


def _refuse_packed(path: Path, parts: Sequence[zipfile.ZipInfo]) -> None:
    stored = sum(part.file_size for part in parts)
    if stored > path.stat().st_size or any(part.compress_type for part in parts):
        raise CheckpointError(
            f"{path}: expected a file of torch.save, which compresses nothing; got compressed parts"
        )
    largest = max((part.file_size for part in parts if part.filename.endswith(".pkl")), default=0)
    if largest > LARGEST_TABLE:
        raise CheckpointError(
            f"{path}: expected names and shapes of tensors in at most {LARGEST_TABLE} bytes, "
            f"got {largest}"
        )


def _older_pickles(path: Path) -> Iterator[BytesIO | BufferedReader]:
    """The pickles that a file of torch.save without zip begins with, one after the other."""
    with path.open("rb") as file:
        for _ in range(OLDER_PICKLES):
            yield file


def _refuse_deep_tuples(path: Path, pickles: Iterator[BytesIO | BufferedReader]) -> None:
    if any(deepest_tuple(file, DEEPEST_TUPLE) > DEEPEST_TUPLE for file in pickles):
        raise CheckpointError(
            f"{path}: expected tensors and plain values, got tuples within tuples"
        )


def read_yaml(path: Path) -> object:
    """Plain values of a YAML file; argparse namespaces become mappings.

    Raises:
        CheckpointError: The file cannot be read, is not YAML, or asks for any other object.
    """
    try:
        # A SafeLoader with one tag more, which makes nothing but dictionaries.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # ValueError: not UTF-8, or a date that there is not. RecursionError: nested too deep.
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: expected a YAML file of plain values: {reason}") from error


class _PlainLoader(yaml.SafeLoader):
    """Plain YAML, and namespaces as the published training script wrote them."""


def _namespace(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


_PlainLoader.add_constructor(NAMESPACE_TAG, _namespace)
