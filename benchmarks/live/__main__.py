"""A camera that is faster than the model, and one that drops its connection (Linux).

Run: `python -m benchmarks.live [ages|identities] [SECONDS]`: so long `ages` takes, by default 60.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

SECONDS = 60.0


def main(arguments: Sequence[str]) -> None:
    """Of both, one after the other, or of one."""
    from benchmarks.live import ages, identities

    numbers = [float(word) for word in arguments if not word.isalpha()]
    if "identities" not in arguments:
        ages.report(numbers[0] if numbers else SECONDS)
    if "ages" not in arguments:
        identities.report()


if __name__ == "__main__":
    main(sys.argv[1:])
