"""`--classes person,car`: only some of the classes there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel


def add_classes_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """`--classes`; `what` says what becomes of the others."""
    parser.add_argument(
        "--classes",
        metavar="NAME,...",
        help=f"only these classes, by name or by number from 0; {what} (default: all)",
    )


def asked_classes(text: str, class_names: Sequence[str]) -> tuple[str, ...]:
    """The classes that were typed, in the order there is.

    Raises:
        ConfigError: One is not among them.
    """
    from trackformer.errors import ConfigError

    asked = []
    for word in (part.strip() for part in text.split(",")):
        if word in class_names:
            asked.append(word)
        elif word.isdecimal() and int(word) < len(class_names):
            asked.append(class_names[int(word)])
        else:
            there = ", ".join(f"{number} {name}" for number, name in enumerate(class_names))
            raise ConfigError(f"--classes: expected some of {there}; got {word!r}")
    return tuple(name for name in class_names if name in asked)


def only_asked(model: FrameModel, options: argparse.Namespace) -> FrameModel:
    """The model, asked for the classes of `--classes` only.

    Raises:
        ConfigError: It does not know one of them.
    """
    from trackformer.models.only_classes import OnlyClasses

    if options.classes is None:
        return model
    return OnlyClasses(model, asked_classes(options.classes, model.settings.class_names))
