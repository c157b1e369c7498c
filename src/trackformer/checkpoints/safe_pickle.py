"""How a file of torch.save, and the YAML beside it, are read without executing code."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import torch
import yaml

from trackformer.errors import CheckpointError

FORBIDDEN = re.compile(r"GLOBAL (\S+)")
"""Where torch names what a pickle asked for and may not have."""
NAMESPACE_TAG = "tag:yaml.org,2002:python/object:argparse.Namespace"


def read_pickle(path: Path) -> object:
    """Tensors, numbers, strings, containers and plain argparse namespaces in a file, on the CPU.

    Raises:
        CheckpointError: The file is missing or damaged, or needs anything else; it is named.
    """
    try:
        # Published training scripts stored their command line; a namespace only holds values.
        with torch.serialization.safe_globals([argparse.Namespace]):
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
        raise CheckpointError(
            f"{path}: expected a file of torch.save with tensors and plain values, "
            "got another kind of file or a damaged one"
        ) from error
    return content


def read_yaml(path: Path) -> object:
    """Plain values of a YAML file; argparse namespaces become mappings.

    Raises:
        CheckpointError: The file cannot be read, is not YAML, or asks for any other object.
    """
    try:
        # A SafeLoader with one tag more, which makes nothing but dictionaries.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: expected a YAML file of plain values: {reason}") from error


class _PlainLoader(yaml.SafeLoader):
    """Plain YAML, and namespaces as the published training script wrote them."""


def _namespace(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


_PlainLoader.add_constructor(NAMESPACE_TAG, _namespace)
