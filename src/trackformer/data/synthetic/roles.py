"""The ways that actors take, as functions of a few numbers.

All lengths are world pixels, all times frames from 0, all speeds pixels per frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from trackformer.data.synthetic.scene import Trajectory

FAR_BELOW: Final = 1e5
"""Where nobody is seen: whoever comes back on the other side walks around the camera."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The part of the world that an actor may be seen in."""

    width: float
    """Of the image."""
    num_frames: int
    margin: float
    """Half the width of the actor: from this far outside the image on, nothing of it is seen."""

    def outside(self, side: int) -> float:
        """Just outside the image on the left (-1) or right (1)."""
        return -self.margin if side < 0 else self.width + self.margin

    def way_inside(self, way: float) -> float:
        """A way to or from the outside on which the actor is seen, but no further than needed."""
        return min(max(way, 2.5 * self.margin), self.width / 2)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where and when two meet."""

    x: float
    time: float
    distance: float
    """Of each from `x` when they turn around there; not used by those who pass."""


def pacing(
    start: tuple[float, float],
    span: tuple[float, float],
    velocity: float,
    num_frames: int,
    stops: Sequence[tuple[float, float]] = (),
) -> Trajectory:
    """To and fro between the ends of `span`, standing still at `stops` (time, frames)."""
    time, (x, y), end = 0.0, start, max(float(num_frames), 1.0)
    speed, direction = abs(velocity), 1 if velocity > 0 else -1
    points, waiting = [(0.0, x)], list(stops)
    while time < end:
        wall = span[1] if direction > 0 else span[0]
        arrival = time + max(0.0, direction * (wall - x)) / speed
        if waiting and waiting[0][0] < arrival:
            stop, length = waiting.pop(0)
            x += direction * speed * max(0.0, stop - time)
            time = max(time, stop)
            points += [(time, x), (time + length, x)]
            time += length
        else:
            # A span without length would never end.
            time, x, direction = max(arrival, time + 1), wall, -direction
            points.append((time, x))
    return _trajectory([(t, x, y) for t, x in points])


def passing(
    meeting: Meeting, y: float, velocity: float, stage: Stage, *, turns_back: bool
) -> Trajectory:
    """To a meeting and past it, or back; whoever would leave the image stands still instead."""
    speed, direction = abs(velocity), 1 if velocity > 0 else -1
    # Both reach equally far, so that their order can be told before and after.
    reach = min(meeting.x, stage.width - meeting.x) - stage.margin
    before = min(reach, speed * meeting.time)
    after = min(reach, speed * (stage.num_frames - meeting.time))
    near = meeting.distance if turns_back else 0.0
    ahead = -1 if turns_back else 1
    return _trajectory(
        [
            (0.0, meeting.x - direction * (before + near), y),
            (meeting.time - before / speed, meeting.x - direction * (before + near), y),
            (meeting.time, meeting.x - direction * near, y),
            (meeting.time + after / speed, meeting.x + direction * (ahead * after - near), y),
            (float(stage.num_frames), meeting.x + direction * (ahead * after - near), y),
        ]
    )


def leaving(side: int, time: float, y: float, speed: float, stage: Stage) -> Trajectory:
    """Out of the image on one side at `time`, for good; faster if it would not be seen before."""
    outside = stage.outside(side)
    way = stage.way_inside(speed * time)
    return _trajectory(
        [
            (0.0, outside - side * way, y),
            (max(0.0, time - way / speed), outside - side * way, y),
            (time, outside, y),
        ]
    )


def entering(side: int, time: float, y: float, speed: float, stage: Stage) -> Trajectory:
    """Into the image from one side at `time`, up to its middle; faster if it would not be seen."""
    outside, end = stage.outside(side), float(stage.num_frames)
    way = stage.way_inside(speed * (end - time))
    arrival = min(time + way / speed, max(end - 1, time + 1))
    return _trajectory(
        [
            (time, outside, y),
            (arrival, outside - side * way, y),
            (max(end, arrival), outside - side * way, y),
        ]
    )


def returning(
    sides: tuple[int, int], times: tuple[float, float], y: float, speed: float, stage: Stage
) -> Trajectory:
    """Out of the image and back in.

    Args:
        sides: Where it leaves and comes back: left (-1) or right (1).
        times: When it has just left, and when it is about to come back.
        y: Of the feet.
        speed: Inside the image.
        stage: Where.
    """
    out = leaving(sides[0], times[0], y, speed, stage)
    back = entering(sides[1], times[1], y, speed, stage)
    around = [
        (times[0] + 0.01, stage.outside(sides[0])),
        (times[1] - 0.01, stage.outside(sides[1])),
    ]
    return _trajectory(
        [*zip(out.times, out.xs, out.ys, strict=True)]
        + [(time, x, y + FAR_BELOW) for time, x in around if sides[0] != sides[1]]
        + [*zip(back.times, back.xs, back.ys, strict=True)]
    )


def standing(x: float, y: float, num_frames: int) -> Trajectory:
    """In one place."""
    return Trajectory((0.0, float(max(num_frames, 1))), (x, x), (y, y))


def _trajectory(points: Sequence[tuple[float, float, float]]) -> Trajectory:
    """Key points without those that take no time."""
    kept = [points[0]]
    kept += [point for before, point in pairwise(points) if point[0] > before[0]]
    times, xs, ys = zip(*kept, strict=True)
    return Trajectory(times, xs, ys)
