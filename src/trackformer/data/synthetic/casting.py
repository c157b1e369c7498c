"""Who takes part in a scene and where: the numbers of a skill with chance filling in the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from trackformer.data.synthetic import roles
from trackformer.data.synthetic.people import Person, sample_person
from trackformer.data.synthetic.scene import Actor, Trajectory
from trackformer.data.synthetic.skills import SceneNumbers
from trackformer.data.synthetic.sprites import Sprite
from trackformer.data.synthetic.things import sample_occluder, sample_shape, sample_vehicle

FARTHEST, NEAREST, HORIZON = 0.62, 0.95, 0.15
"""Where feet are, and where people would vanish, in heights of the image."""
PERSON_WIDTH: Final = 0.4
"""Of a walking person, in heights."""
REACH: Final = 0.3
"""Of the longest step to one side, in heights."""
VEHICLE_HEIGHT: Final = {"car": 0.5, "van": 0.65, "bus": 0.85}
"""In heights of a person: toy cars, so that three of them do not fill the image."""
TURNING_DISTANCE: Final = 0.12
"""From the meeting point, in heights: those who turn back overlap by about a half."""


@dataclass(slots=True)
class Casting:
    """Collects the actors of one scene; what is drawn at random depends on `random` alone."""

    numbers: SceneNumbers
    image_size: tuple[int, int]
    num_frames: int
    random: np.random.Generator
    actors: list[Actor] = field(default_factory=list)
    _twin: Person | None = None

    def cast(self) -> tuple[Actor, ...]:
        """All actors of the scene."""
        numbers = self.numbers
        if numbers.alike == "everybody":
            self._twin = sample_person(self.random)
        if numbers.empty_share > 0:
            self._interrupted()
        else:
            self._walkers()
        self._pairs()
        if numbers.occluders > 0:
            self._behind_occluders()
        self._returning()
        self._leaving()
        for _ in range(numbers.roaming):
            self._roam("person", self._person(), 1.0)
        for _ in range(numbers.vehicles):
            vehicle = sample_vehicle(self.random)
            self._roam("vehicle", vehicle, VEHICLE_HEIGHT[vehicle.kind])
        for _ in range(numbers.shapes):
            height = float(self.random.uniform(0.3, 0.6))
            self._roam("shape", sample_shape(self.random), height)
        return tuple(self.actors)

    def _walkers(self) -> None:
        """Each in a column of the image, so that nobody hides anybody."""
        numbers, count = self.numbers, self.numbers.walkers
        column = self.image_size[1] / max(count, 1)
        for number, lane in enumerate(self._lanes(count)):
            y, height = self._ground(lane)
            margin = min(REACH * height, 0.45 * column)
            span = (number * column + margin, (number + 1) * column - margin)
            start = float(self.random.uniform(*span))
            stops = self._stops() if numbers.stops else ()
            speed = self._speed(height) * self._sign()
            path = roles.pacing((start, y), span, speed, self.num_frames, stops)
            self._add(self._person(), path, height)

    def _stops(self) -> list[tuple[float, float]]:
        part = self.num_frames / self.numbers.stops
        return [
            (
                number * part + float(self.random.uniform(0.1, 0.4)) * part,
                float(self.numbers.stop_frames),
            )
            for number in range(self.numbers.stops)
        ]

    def _pairs(self) -> None:
        numbers, count = self.numbers, self.numbers.pairs
        # Exactly this share, not only on average.
        num_turning = round(count * numbers.turning_back)
        turning = self.random.permutation(count) < num_turning
        for lane, turns_back in zip(self._lanes(count), turning.tolist(), strict=True):
            y, height = self._ground(lane)
            meeting = roles.Meeting(
                float(self.random.uniform(0.38, 0.62)) * self.image_size[1],
                float(self.random.uniform(0.35, 0.65)) * self.num_frames,
                TURNING_DISTANCE * height,
            )
            first = self._person()
            second = first if numbers.alike == "pairs" else self._person()
            stage, nearer = self._stage(height), self._sign()
            for person, direction in ((first, 1), (second, -1)):
                feet = y + direction * nearer * numbers.depth_gap * height / 2
                velocity = direction * self._speed(height)
                path = roles.passing(meeting, feet, velocity, stage, turns_back=turns_back)
                self._add(person, path, height)

    def _behind_occluders(self) -> None:
        rows, columns = self.image_size
        numbers = self.numbers
        for lane in self._lanes(numbers.occluders + 1):
            y, height = self._ground(0.7 * lane)
            margin = REACH * height
            span = (margin, columns - margin)
            start = float(self.random.uniform(*span))
            speed = self._speed(height) * self._sign()
            path = roles.pacing((start, y), span, speed, self.num_frames)
            self._add(self._person(), path, height)
        # Its foot below everybody's, its top above all heads.
        near_y, near_height = self._ground(0.7)
        y, height = near_y + 0.04 * rows, 1.2 * near_height + 0.04 * rows
        breadth = numbers.occluder_width * PERSON_WIDTH * near_height / height
        for number in range(numbers.occluders):
            place = (number + float(self.random.uniform(0.3, 0.7))) / numbers.occluders
            path = roles.standing(place * columns, y, self.num_frames)
            occluder = sample_occluder(self.random, breadth)
            self.actors.append(Actor(0, "occluder", occluder, path, height))

    def _returning(self) -> None:
        numbers = self.numbers
        away = min(numbers.away_frames, self.num_frames // 2)
        num_elsewhere = round(numbers.returning * numbers.elsewhere)
        for number, lane in enumerate(self._lanes(numbers.returning)):
            y, height = self._ground(lane)
            side = self._sign()
            back = -side if number < num_elsewhere else side
            gone = float(self.random.uniform(0.15, 0.35)) * self.num_frames
            speed, stage = self._speed(height), self._stage(height)
            path = roles.returning((side, back), (gone, gone + away), y, speed, stage)
            self._add(self._person(), path, height)

    def _leaving(self) -> None:
        for lane in self._lanes(self.numbers.leaving):
            gone = float(self.random.uniform(0.2, 0.6)) * self.num_frames
            self._replaced(lane, gone, gone + self.numbers.followed_after)

    def _interrupted(self) -> None:
        """Everybody leaves, and after the empty frames others come."""
        num_empty = self.numbers.empty_share * self.num_frames
        # An object is not there from the frame on in which it is just outside.
        gone = (self.num_frames - num_empty) / 2
        for lane in self._lanes(self.numbers.walkers):
            self._replaced(lane, gone, gone + num_empty)

    def _replaced(self, lane: float, gone: float, followed: float) -> None:
        """One person leaves, another enters at the same place."""
        y, height = self._ground(lane)
        side, stage, speed = self._sign(), self._stage(height), self._speed(height)
        self._add(self._person(), roles.leaving(side, gone, y, speed, stage), height)
        self._add(self._person(), roles.entering(side, followed, y, speed, stage), height)

    def _roam(self, class_name: str, sprite: Sprite, relative_height: float) -> None:
        """To and fro through the whole image."""
        y, person_height = self._ground(float(self.random.uniform(0, 1)))
        height = relative_height * person_height
        margin = min(sprite.width / 2 * height, 0.45 * self.image_size[1])
        span = (margin, self.image_size[1] - margin)
        velocity = self._speed(person_height) * float(self.random.uniform(0.5, 1.5)) * self._sign()
        start = (float(self.random.uniform(*span)), y)
        path = roles.pacing(start, span, velocity, self.num_frames)
        self._add(sprite, path, height, class_name)

    def _add(
        self, sprite: Sprite, path: Trajectory, height: float, class_name: str = "person"
    ) -> None:
        track_id = 1 + sum(actor.track_id > 0 for actor in self.actors)
        self.actors.append(Actor(track_id, class_name, sprite, path, height))

    def _person(self) -> Person:
        return self._twin if self._twin is not None else sample_person(self.random)

    def _lanes(self, count: int) -> list[float]:
        """Depths from 0, far, to 1, near, in random order, evenly apart."""
        places = (np.arange(count) + self.random.uniform(0.2, 0.8, count)) / max(count, 1)
        return [float(place) for place in self.random.permutation(places)]

    def _ground(self, lane: float) -> tuple[float, float]:
        """Where the feet of a lane are and how high a person is there, in pixels."""
        y = FARTHEST + lane * (NEAREST - FARTHEST)
        nearness = (y - HORIZON) / (NEAREST - HORIZON)
        rows = self.image_size[0]
        return y * rows, self.numbers.height * nearness * rows

    def _stage(self, height: float) -> roles.Stage:
        return roles.Stage(float(self.image_size[1]), self.num_frames, REACH * height)

    def _speed(self, height: float) -> float:
        return self.numbers.speed * height * float(self.random.uniform(0.85, 1.15))

    def _sign(self) -> int:
        return 1 if self.random.random() < 0.5 else -1
