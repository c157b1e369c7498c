"""Annotation files as text, lines or json, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trackformer.errors import DataError


def read_text(path: Path, expected: str) -> str:
    """The text of a file; `expected` says what it should have been, for the message.

    Raises:
        DataError: It is missing, unreadable or no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected {expected}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        # A zero byte in a name that another file gave.
        raise DataError(f"{path!r}: cannot be read: {error}") from error


def first_fields(path: Path) -> list[str]:
    """The fields of the first line that has some, apart by commas or spaces; none of no text."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.strip():
                return line.replace(",", " ").split()
    return []


def read_json(path: Path) -> Any:
    """The content of a json file.

    Raises:
        DataError: It is missing, unreadable or malformed.
    """
    try:
        return json.loads(read_text(path, "a json file"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a json file: {error}") from error
