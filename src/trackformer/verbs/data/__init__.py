"""`trackformer data`: what is done with annotated data before anything is trained on them."""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from trackformer.verbs.data import check, convert, label, synth

SUMMARY: Final = "Convert, check and make annotated data."
SUB_VERBS: Final[tuple[ModuleType, ...]] = (convert, check, synth, label)
"""One file each, with the same three parts as a verb's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb: one of the sub-verbs, and what that one takes."""
    sub_verbs = parser.add_subparsers(dest="sub_verb", title="sub-verbs", metavar="SUB-VERB")
    sub_verbs.required = True
    for module in SUB_VERBS:
        name = module.__name__.rpartition(".")[2]
        sub_verb = sub_verbs.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, allow_abbrev=False
        )
        module.add_arguments(sub_verb)
        sub_verb.set_defaults(run=module.run, command=f"data {name}", usage=sub_verb.format_usage())


def run(options: argparse.Namespace) -> int:
    """Never reached: argparse asks for a sub-verb, and each brings its own `run`."""
    raise AssertionError(options)
