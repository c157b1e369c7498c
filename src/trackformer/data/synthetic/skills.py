"""What each skill at each difficulty asks for, in numbers.

A skill changes its own numbers and nothing else, so that what a tracker loses on a skill, it loses
to that skill. The scene without any is `plain`: a few people, each walking to and fro in the
open, seen by a camera at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np

Skill: TypeAlias = Literal[
    "plain",
    "crossing",
    "lookalikes",
    "occlusion",
    "reentry",
    "exits",
    "stops",
    "crowd",
    "small",
    "classes",
    "camera",
    "lighting",
    "blur",
    "empty",
    "mixed",
]
DIFFICULTIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneNumbers:
    """What a scene consists of; the values here are those of `plain`."""

    walkers: int = 4
    """People who walk to and fro, each in a part of the image of their own."""
    height: float = 0.36
    """Of the people in front, in heights of the image."""
    speed: float = 0.03
    """Of everything that moves, in own heights per frame."""
    pairs: int = 0
    """Pairs of people who meet once."""
    depth_gap: float = 0.2
    """How much nearer to the camera one of a pair is: distance of their feet, in heights."""
    turning_back: float = 0.0
    """Share of the pairs that turn around where they meet instead of passing."""
    alike: Literal["nobody", "pairs", "everybody"] = "nobody"
    """Who looks the same, pixel by pixel."""
    occluders: int = 0
    """Walls and plants, in front of one person more than they are, who walk behind all of them."""
    occluder_width: float = 0.6
    """In widths of a person; from about 1 on, people disappear."""
    returning: int = 0
    """People who leave the image and come back."""
    away_frames: int = 0
    """How long they are away."""
    elsewhere: float = 0.0
    """Share of them that comes back on the other side."""
    leaving: int = 0
    """People who leave for good, each followed by a new person at the same place."""
    followed_after: int = 0
    """Frames between the two."""
    stops: int = 0
    """How often each walker stands still."""
    stop_frames: int = 0
    """How long."""
    roaming: int = 0
    """People who walk to and fro through the whole image, at all depths."""
    vehicles: int = 0
    """The same for vehicles."""
    shapes: int = 0
    """The same for shapes."""
    pan: float = 0.0
    """Of the camera to the side, in widths of the image per frame."""
    shake: float = 0.0
    """Of the camera from frame to frame, in heights of the image."""
    zoom: float = 1.0
    """The largest zoom; it swings between this and 1."""
    light_swing: float = 0.0
    """Slow change of the brightness, relative to 1."""
    flicker: float = 0.0
    """Change of the brightness from frame to frame, relative to 1."""
    defocus: float = 0.0
    """Largest standard deviation of the blur, in thousandths of the image's width."""
    motion_blur: float = 0.0
    """Largest length of the sideways motion blur, in thousandths of the image's width."""
    empty_share: float = 0.0
    """Share of the frames, in the middle, with nobody; those after show other people."""


GRADES: Final[dict[str, dict[str, tuple[Any, Any, Any, Any, Any]]]] = {
    "plain": {"walkers": (2, 3, 4, 5, 6)},
    "crossing": {
        "walkers": (0, 0, 0, 0, 0),
        "pairs": (1, 2, 3, 4, 5),
        "depth_gap": (0.2, 0.12, 0.08, 0.05, 0.02),
        "speed": (0.02, 0.03, 0.04, 0.05, 0.06),
    },
    "lookalikes": {
        "walkers": (0, 0, 0, 0, 0),
        "pairs": (1, 2, 3, 4, 5),
        "depth_gap": (0.2, 0.12, 0.08, 0.05, 0.02),
        "speed": (0.02, 0.03, 0.04, 0.05, 0.06),
        "turning_back": (0.0, 0.25, 0.5, 0.5, 0.5),
        "alike": ("pairs", "pairs", "everybody", "everybody", "everybody"),
    },
    "occlusion": {
        "walkers": (0, 0, 0, 0, 0),
        "occluders": (1, 2, 2, 3, 3),
        "occluder_width": (0.6, 1.0, 1.4, 1.8, 2.2),
    },
    "reentry": {
        "walkers": (1, 1, 1, 1, 1),
        "returning": (1, 2, 3, 4, 5),
        "away_frames": (5, 10, 15, 20, 30),
        "elsewhere": (0.0, 0.0, 0.25, 0.5, 1.0),
    },
    "exits": {
        "walkers": (1, 1, 1, 1, 1),
        "leaving": (1, 2, 3, 4, 6),
        "followed_after": (16, 12, 8, 4, 1),
    },
    "stops": {"stops": (1, 1, 2, 2, 3), "stop_frames": (5, 10, 10, 15, 15)},
    "crowd": {
        "walkers": (0, 0, 0, 0, 0),
        "roaming": (8, 12, 18, 26, 36),
        "height": (0.3, 0.28, 0.26, 0.24, 0.22),
    },
    "small": {"walkers": (4, 5, 6, 7, 8), "height": (0.16, 0.12, 0.09, 0.065, 0.045)},
    "classes": {
        "walkers": (2, 2, 3, 3, 4),
        "vehicles": (1, 2, 2, 3, 4),
        "shapes": (1, 2, 3, 4, 5),
    },
    "camera": {
        "pan": (0.002, 0.004, 0.007, 0.011, 0.016),
        "shake": (0.002, 0.005, 0.01, 0.017, 0.026),
        "zoom": (1.05, 1.1, 1.2, 1.35, 1.5),
    },
    "lighting": {
        "light_swing": (0.15, 0.3, 0.45, 0.6, 0.75),
        "flicker": (0.0, 0.02, 0.05, 0.08, 0.12),
    },
    "blur": {
        "defocus": (1.0, 1.8, 2.6, 3.6, 5.0),
        "motion_blur": (4.0, 8.0, 14.0, 20.0, 28.0),
    },
    "empty": {"empty_share": (0.2, 0.35, 0.5, 0.65, 0.8)},
}
"""Values at difficulty 1 to 5. `mixed` draws from them."""
MIXED_SHARE: Final = 0.35
"""How likely each skill takes part in a sequence of `mixed`."""


def numbers_of(skill: Skill, difficulty: int, random: np.random.Generator) -> SceneNumbers:
    """The numbers of one sequence.

    Args:
        skill: `mixed` joins the skills that `random` chooses, all but `empty`, with the walkers of
            `plain`; of two that set the same number, the later in `GRADES` decides.
        difficulty: 1 .. 5.
        random: Of `mixed`; the others are always the same.
    """
    if skill != "mixed":
        return replace(SceneNumbers(), **_graded(skill, difficulty))
    chosen: dict[str, Any] = {}
    for name in GRADES:
        if name != "empty" and random.random() < MIXED_SHARE:
            chosen |= _graded(name, difficulty)
    return replace(SceneNumbers(), **chosen | _graded("plain", difficulty))


def _graded(skill: str, difficulty: int) -> dict[str, Any]:
    return {name: values[difficulty - 1] for name, values in GRADES[skill].items()}
