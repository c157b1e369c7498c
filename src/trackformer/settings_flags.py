"""Command-line flags for the fields of a settings class, and the values given through them.

Names, defaults and help are read from the class's source: importing pydantic alone takes as long
as `--help` may take in all. The values are checked by the class itself, so there is one schema.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

_PREFIX: Final = "settings."
"""In front of a field's name among the parsed options, where it cannot meet another option's."""
_ABSENT: Final = ("null", "none", "off")
"""What may be typed for no value, where a field takes None."""


@dataclass(frozen=True, slots=True)
class DocumentedField:
    """A field of a settings class as its source shows it."""

    name: str
    default: str
    help: str
    is_optional: bool
    """None is among its values."""
    is_switch: bool
    """True or false, and false by default: naming it switches it on."""


def add_settings_flags(
    parser: argparse.ArgumentParser, module: str, class_name: str, description: str
) -> None:
    """One flag for each field of a settings class, `--birth-score` for `birth_score`."""
    group = parser.add_argument_group("settings", description)
    for field in documented_fields(module, class_name):
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=_PREFIX + field.name,
            metavar=field.name.split("_")[-1].upper(),
            type=_optional if field.is_optional else str,
            nargs="?" if field.is_switch else None,
            const="true" if field.is_switch else None,
            default=argparse.SUPPRESS,
            help=f"{field.help} (default: {field.default})".replace("%", "%%"),
        )


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Only the fields whose flags were given, as text; None where a threshold is switched off."""
    given: Mapping[str, str | None] = vars(options)
    return {
        name.removeprefix(_PREFIX): value
        for name, value in given.items()
        if name.startswith(_PREFIX)
    }


def documented_fields(module: str, class_name: str) -> tuple[DocumentedField, ...]:
    """The fields of a class that have a default and a docstring, in their order.

    >>> documented_fields("trackformer.tracking.settings", "DetectSettings")[0].default
    '0.4'
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        tree = ast.parse(file.read())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return tuple(_documented(classes[class_name]))


def _documented(settings_class: ast.ClassDef) -> Iterator[DocumentedField]:
    for field, text in pairwise(settings_class.body):
        match field, text:
            case (
                ast.AnnAssign(
                    target=ast.Name(id=name), annotation=kind, value=ast.expr() as default
                ),
                ast.Expr(value=ast.Constant(value=str(docstring))),
            ):
                yield DocumentedField(
                    name=name,
                    default=_as_typed(default),
                    help=" ".join(docstring.split()),
                    is_optional=ast.unparse(kind).endswith("| None"),
                    is_switch=ast.unparse(default) == "False",
                )


def _as_typed(default: ast.expr) -> str:
    """A default as one would type it."""
    match default:
        case ast.Constant(value=None):
            return "null"
        case ast.Constant(value=str(word)):
            return word
        case _:
            return ast.unparse(default)


def _optional(text: str) -> str | None:
    return None if text in _ABSENT else text
