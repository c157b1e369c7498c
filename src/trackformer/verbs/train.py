"""`trackformer train`: settings in, weights out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

SUMMARY: Final = "Train a model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG.yaml", help="settings of the run (see configs/)"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings to change, for example optimizer.steps=2000",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from last.pt in the run's output folder"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="run N times, with seed, seed + 1, ..., into sub-folders, and report the spread",
    )


def run(options: argparse.Namespace) -> int:
    """Settings in, weights out."""
    from trackformer.config import read_settings
    from trackformer.training.settings import TrainingSettings

    settings = read_settings(TrainingSettings, options.config, options.overrides)
    from trackformer.freed_memory import keep_freed_memory
    from trackformer.training.build_run import leave_other_processes

    keep_freed_memory()
    if options.seeds is None:
        from trackformer.training.run import train

        train(settings, resume=options.resume)
    else:
        from accelerate import PartialState

        from trackformer.training.seeds import spread_table, train_seeds
        from trackformer.verbs.printing import print_whole

        spread = train_seeds(settings, options.seeds, resume=options.resume)
        if PartialState().is_main_process:
            print_whole(spread_table(spread))
    leave_other_processes()
    return 0
