"""What every score is: a share of something counted, 0 where nothing is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def at_least_one(count: Float[np.ndarray, "M ..."]) -> Float[np.ndarray, "M ..."]:
    """A denominator: where nothing is counted, the share is 0."""
    return np.asarray(np.maximum(count, 1.0))
