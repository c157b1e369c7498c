"""SIGKILL at random moments, and whether all is whole afterwards (Linux).

Run: `python -m benchmarks.kills [recording|served] [KILLS]`, 50 kills where no number is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

KILLS = 50


def main(arguments: Sequence[str]) -> None:
    """Of both, one after the other, or of one."""
    from benchmarks.kills import recording, served

    numbers = [int(word) for word in arguments if word.isdecimal()]
    num_kills = numbers[0] if numbers else KILLS
    for module in (recording, served):
        name = module.__name__.rpartition(".")[2]
        if name in arguments or len(arguments) == len(numbers):
            module.report(num_kills)


if __name__ == "__main__":
    main(sys.argv[1:])
