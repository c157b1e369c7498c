"""How a pedestrian looks and walks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import cv2
import numpy as np

from trackformer.data.synthetic.sprites import STANDING, Canvas, Colour, Point

Pattern = Literal["plain", "hoops", "stripes", "checks"]
Legs = Literal["trousers", "shorts", "skirt"]
Luggage = Literal["nothing", "backpack", "bag"]
OptionT = TypeVar("OptionT")

HIP, KNEE, SHOULDER, HEAD = 0.5, 0.27, 0.815, 0.925
"""Heights of the joints of a person of height 1."""
THIGH, SHIN, UPPER_ARM, LOWER_ARM = 0.235, 0.235, 0.165, 0.15
"""Lengths of the bones."""
SKIN: Final[tuple[Colour, ...]] = (
    (241, 208, 184), (224, 177, 147), (198, 142, 108), (150, 98, 68), (98, 63, 45), (66, 44, 34)
)  # fmt: skip
HAIR: Final[tuple[Colour, ...]] = (
    (28, 22, 20), (58, 40, 28), (104, 72, 44), (170, 130, 78), (128, 124, 120), (94, 42, 26)
)  # fmt: skip
FAR: Final = 0.72
"""How much darker the limbs behind the body are."""


@dataclass(frozen=True, slots=True)
class Person:
    """The appearance of one pedestrian."""

    skin: Colour
    hair: Colour
    top: Colour
    second_top: Colour
    """Of the pattern."""
    bottom: Colour
    shoes: Colour
    pattern: Pattern
    legs: Legs
    luggage: Luggage
    has_sleeves: bool
    has_long_hair: bool
    girth: float
    """Thickness relative to a slim person."""
    step: float
    """Largest angle of a thigh to the vertical, in radians."""
    grain: int
    """Seed of the folds in the clothes."""

    @property
    def width(self) -> float:
        """Room for the longest step, in heights."""
        return 0.8

    @property
    def num_phases(self) -> int:
        """Pictures of two steps."""
        return 12

    @property
    def stride(self) -> float:
        """Way of two steps, in heights: what keeps the feet from sliding."""
        return 4 * (THIGH + SHIN) * math.sin(self.step)

    def draw(self, canvas: Canvas, phase: int) -> None:
        """Draw the person in one phase of a walk to the right."""
        turn = 0.0 if phase == STANDING else 2 * math.pi * phase / self.num_phases
        swing = 0.0 if phase == STANDING else math.sin(turn)
        # The body sinks where the legs are spread, so that a foot stays on the ground.
        sink = (THIGH + SHIN) * (1 - math.cos(self.step * swing)) * 0.8
        hip = (0.0, HIP - sink)
        shoulder = (0.012, SHOULDER - sink)
        self._arm(canvas, shoulder, swing, FAR)
        self._leg(canvas, hip, None if phase == STANDING else turn + math.pi, FAR)
        self._leg(canvas, hip, None if phase == STANDING else turn, 1.0)
        self._torso(canvas, sink)
        self._head(canvas, sink)
        self._arm(canvas, shoulder, -swing, 1.0)
        canvas.shade(self.grain, 0.32)

    def _leg(self, canvas: Canvas, hip: Point, turn: float | None, light: float) -> None:
        if turn is not None:
            thigh = self.step * math.sin(turn)
            # The knee bends while the foot swings forward.
            bend = 0.12 + 0.75 * max(0.0, math.cos(turn)) ** 1.5
        else:
            thigh, bend = (0.07 if light < 1 else -0.05), 0.0
        knee = _swung(hip, THIGH, thigh)
        ankle = _swung(knee, SHIN, thigh - bend)
        cloth, girth = _scaled(self.bottom, light), self.girth
        below = cloth if self.legs == "trousers" else _scaled(self.skin, light)
        toe = (ankle[0] + 0.062, ankle[1] - 0.018 - 0.03 * max(0.0, -thigh))
        canvas.limb(ankle, toe, (0.024, 0.018), _scaled(self.shoes, light))
        canvas.limb(knee, ankle, (0.043 * girth, 0.03 * girth), below)
        canvas.limb(hip, knee, (0.068 * girth, 0.047 * girth), cloth)

    def _arm(self, canvas: Canvas, shoulder: Point, swing: float, light: float) -> None:
        angle = 0.75 * self.step * swing
        elbow = _swung(shoulder, UPPER_ARM, angle - 0.05)
        hand = _swung(elbow, LOWER_ARM, angle + 0.18)
        cloth, skin = _scaled(self.top, light), _scaled(self.skin, light)
        canvas.limb(elbow, hand, (0.03 * self.girth, 0.022), cloth if self.has_sleeves else skin)
        canvas.ellipse(hand, (0.024, 0.028), skin)
        canvas.limb(shoulder, elbow, (0.04 * self.girth, 0.034 * self.girth), cloth)
        if self.luggage == "bag" and light == 1.0:
            low = hand[1] - 0.16
            bag = [(hand[0] - 0.06, low), (hand[0] + 0.06, low), (hand[0] + 0.045, hand[1])]
            canvas.polygon([*bag, (hand[0] - 0.045, hand[1])], self.second_top)

    def _torso(self, canvas: Canvas, sink: float) -> None:
        wide = self.girth
        if self.luggage == "backpack":
            middle = (-0.1 * wide, 0.7 - sink)
            canvas.ellipse(middle, (0.065, 0.12), _scaled(self.second_top, 0.8))
        if self.legs == "skirt":
            hem = 0.3 - sink
            skirt = [(-0.07 * wide, 0.55 - sink), (0.07 * wide, 0.55 - sink)]
            canvas.polygon([*skirt, (0.115 * wide, hem), (-0.115 * wide, hem)], self.bottom)
        canvas.limb((0.005, 0.83 - sink), (0.012, 0.88 - sink), (0.036, 0.032), self.skin)
        half = ((0.075, 0.48), (0.076, 0.6), (0.09, 0.74), (0.084, 0.815), (0.045, 0.852))
        right = [(x * wide, y - sink) for x, y in half]
        outline = right + [(-x, y) for x, y in reversed(right)]
        canvas.polygon(outline, self.top)
        step = {
            "plain": None,
            "hoops": (0.0, 0.03),
            "stripes": (0.022, 0.0),
            "checks": (0.04, 0.04),
        }
        bands = step[self.pattern]
        if bands is not None:
            canvas.stripes(outline, self.second_top, step=bands)

    def _head(self, canvas: Canvas, sink: float) -> None:
        middle = (0.018, HEAD - sink)
        if self.has_long_hair:
            canvas.limb((0.0, 0.935 - sink), (-0.03, 0.83 - sink), (0.056, 0.04), self.hair)
        canvas.ellipse((middle[0] - 0.006, middle[1] + 0.012), (0.056, 0.066), self.hair)
        canvas.ellipse((middle[0] + 0.014, middle[1] - 0.008), (0.042, 0.056), self.skin)


def sample_person(random: np.random.Generator) -> Person:
    """A pedestrian dressed at random."""
    return Person(
        skin=SKIN[int(random.integers(len(SKIN)))],
        hair=HAIR[int(random.integers(len(HAIR)))],
        top=_sample_cloth(random, most_grey=0.3),
        second_top=_sample_cloth(random, most_grey=0.3),
        bottom=_sample_cloth(random, most_grey=0.7),
        shoes=_sample_cloth(random, most_grey=0.9),
        pattern=_choice(random, ("plain", "plain", "plain", "hoops", "stripes", "checks")),
        legs=_choice(random, ("trousers", "trousers", "trousers", "shorts", "skirt")),
        luggage=_choice(random, ("nothing", "nothing", "backpack", "bag")),
        has_sleeves=bool(random.random() < 0.7),
        has_long_hair=bool(random.random() < 0.4),
        girth=float(random.uniform(0.95, 1.35)),
        step=float(random.uniform(0.36, 0.5)),
        grain=int(random.integers(2**31)),
    )


def _sample_cloth(random: np.random.Generator, most_grey: float) -> Colour:
    """A colour of clothes: often dark, `most_grey` of them hardly coloured."""
    is_grey = random.random() < most_grey
    saturation = random.uniform(0, 60) if is_grey else random.uniform(90, 230)
    value = random.choice([random.uniform(25, 90), random.uniform(60, 230)])
    pixel = np.array([[[random.uniform(0, 179), saturation, value]]]).astype(np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _choice(random: np.random.Generator, options: tuple[OptionT, ...]) -> OptionT:
    return options[int(random.integers(len(options)))]


def _swung(joint: Point, length: float, angle: float) -> Point:
    """The end of a bone that hangs from `joint`, turned forwards by `angle`."""
    return joint[0] + length * math.sin(angle), joint[1] - length * math.cos(angle)


def _scaled(colour: Colour, light: float) -> Colour:
    red, green, blue = colour
    return round(red * light), round(green * light), round(blue * light)
