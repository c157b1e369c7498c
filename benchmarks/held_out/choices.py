"""What thresholds are chosen from, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Float

from trackformer.tracking.settings import TrackerSettings

_NAMES = ("birth_score", "keep_score", "reid_score", "patience", "lost_motion", "motion_smoothing")
OURS: Final[tuple[TrackerSettings, ...]] = tuple(
    TrackerSettings.model_validate(dict(zip(_NAMES, values, strict=True)))
    for values in (
        (0.5, 0.35, 0.4, 8, 0.5, 0.7),
        (0.5, 0.35, 0.5, 20, 0.8, 0.7),
        (0.45, 0.35, 0.5, 20, 0.8, 0.7),
        (0.6, 0.35, 0.5, 20, 0.8, 0.7),
        (0.4, 0.3, 0.4, 20, 0.8, 0.7),
        (0.35, 0.25, 0.4, 20, 0.8, 0.7),
        (0.5, 0.35, 0.5, 20, 1.0, 0.8),
        (0.45, 0.3, 0.5, 20, 1.0, 0.8),
        (0.45, 0.25, 0.5, 12, 0.8, 0.8),
        (0.45, 0.3, 0.5, 20, 1.0, 0.9),
    )
)
"""What our tracker's thresholds are chosen from."""
THEIRS: Final = tuple(
    (least, {"track_activation_threshold": new, "high_conf_det_threshold": sure})
    for least in (0.2, 0.3, 0.4)
    for new in (0.5, 0.6)
    for sure in (0.4, 0.5)
)
"""The same for ByteTrack: lowest score of a detection, and arguments."""

Scores = Mapping[str, float]
"""In percent, by their published names."""


def best_choice(scenes: Sequence[Sequence[Scores]]) -> int:
    """The choice with the highest mean HOTA over some scenes, each with the scores of every choice.

    >>> best_choice([[{"HOTA": 1.0}, {"HOTA": 3.0}], [{"HOTA": 4.0}, {"HOTA": 1.0}]])
    0
    """
    hota: Float[np.ndarray, "scenes choices"] = np.array(
        [[scores["HOTA"] for scores in scene] for scene in scenes]
    )
    return int(hota.mean(0).argmax())


def chosen_on_the_others(scenes: Mapping[str, Sequence[Scores]]) -> dict[str, Scores]:
    """Scores of each scene with the choice that is best on the others; of one alone, the first."""
    if len(scenes) == 1:
        return {name: choices[0] for name, choices in scenes.items()}
    return {
        name: choices[best_choice([other for key, other in scenes.items() if key != name])]
        for name, choices in scenes.items()
    }
