"""Live sources: always the newest picture, what was left out is counted, and drops are survived."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from benchmarks.live.mjpeg import as_jpeg, mjpeg_server

from trackformer.errors import DataError
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading, _ArrivalClock, live_source
from trackformer.video.sources import open_source

QUICKLY = LiveReading(reconnect=2, first_wait_s=0.01)
ALL_QUICKLY = LiveReading(every_frame=True, reconnect=2, first_wait_s=0.01)


class Camera:
    """Shows its frames' numbers as grey levels, then drops or waits until it is closed."""

    def __init__(self, numbers: range, drops: bool = True) -> None:
        self.closed = threading.Event()
        self.all_read = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.source = FrameSource(
            "camera 7", 25.0, None, self._frames(numbers, drops), self.closed.set
        )

    def _frames(self, numbers: range, drops: bool) -> Iterator[Frame]:
        for index, number in enumerate(numbers):
            yield Frame(np.full((4, 4, 3), number, dtype=np.uint8), index, None)
            self.may_go_on.wait(60)
        self.all_read.set()
        if drops:
            raise DataError("camera 7: no picture any more")
        while not self.closed.wait(0.01):
            yield Frame(np.full((4, 4, 3), 255, dtype=np.uint8), len(numbers), None)


def opens(*answers: FrameSource | str) -> Callable[[], FrameSource]:
    """Connects to the sources, one after the other; text is why that fails."""
    left = iter(answers)

    def open_again() -> FrameSource:
        answer = next(left)
        if isinstance(answer, str):
            raise DataError(answer)
        return answer

    return open_again


def number_of(frame: Frame) -> int:
    return int(frame.pixels[0, 0, 0])


def numbers_until_it_ends(source: FrameSource) -> tuple[list[int], str]:
    numbers: list[int] = []
    with pytest.raises(DataError) as caught, source:
        numbers.extend(number_of(frame) for frame in source)
    return numbers, str(caught.value)


def test_the_newest_picture_is_taken_and_those_left_out_are_counted():
    camera = Camera(range(10))
    camera.may_go_on.clear()
    source = live_source(camera.source, opens(), LiveReading(reconnect=0))
    frames = iter(source)
    first = next(frames)
    camera.may_go_on.set()
    camera.all_read.wait(60)
    second = next(frames)
    assert number_of(second) == 9
    assert (first.frame_index, second.frame_index) == (0, 1)
    assert second.time_s >= first.time_s >= 0
    num_dropped = 10 - 2
    (remark,) = source.remarks
    assert remark.startswith(f"{num_dropped} of 10 frames were left out")
    with pytest.raises(DataError, match=r"camera 7: no picture any more$"):
        next(frames)
    source.close()


def test_every_frame_comes_where_that_is_asked_for():
    camera = Camera(range(10))
    source = live_source(camera.source, opens(), LiveReading(every_frame=True, reconnect=0))
    assert numbers_until_it_ends(source) == (list(range(10)), "camera 7: no picture any more")
    assert source.remarks == ()
    assert camera.closed.is_set()


def test_it_is_known_whether_a_frame_is_there_before_it_is_asked_for():
    camera = Camera(range(1))
    camera.may_go_on.clear()
    source = live_source(camera.source, opens(), LiveReading(reconnect=0))
    frames = iter(source)
    next(frames)
    assert not source.has_next()
    camera.may_go_on.set()
    with pytest.raises(DataError):
        next(frames)
    # The end need not be waited for either.
    assert source.has_next()
    source.close()


def test_a_drop_is_said_at_once(caplog: pytest.LogCaptureFixture):
    source = live_source(Camera(range(2)).source, opens("gone", "gone"), ALL_QUICKLY)
    numbers_until_it_ends(source)
    (line,) = caplog.messages
    assert line == "camera 7: no picture any more; trying again, up to 2 times"


def test_a_drop_is_not_the_end():
    first, second = Camera(range(3)), Camera(range(100, 102))
    open_again = opens("busy", second.source, "busy", "gone")
    source = live_source(first.source, open_again, ALL_QUICKLY)
    numbers, reason = numbers_until_it_ends(source)
    assert numbers == [0, 1, 2, 100, 101]
    assert reason == "gone; tried again 2 times"
    assert source.remarks[0].startswith("connected again 1 times, ")
    assert first.closed.is_set()
    assert second.closed.is_set()


def test_numbers_and_times_go_on_over_a_drop():
    source = live_source(Camera(range(2)).source, opens(Camera(range(2)).source), ALL_QUICKLY)
    frames = iter(source)
    taken = [next(frames) for _ in range(4)]
    assert [frame.frame_index for frame in taken] == [0, 1, 2, 3]
    # The wait before the second connection has passed.
    assert taken[2].time_s - taken[1].time_s >= 0.01
    source.close()


def test_pictures_that_arrive_at_once_were_not_taken_at_once():
    # Ten lengths of 0.04 s are declared, and 0.06 + 0.14 s are measured before the last two come.
    clock = _ArrivalClock(frame_rate=25.0)
    arrivals = [(7.0, True), (7.06, False), (7.2, False), (9.2, True), (9.2, False), (9.3, False)]
    times = [clock.time_of(arrival, is_first=first) for arrival, first in arrivals]
    half_a_frame = 0.5 * (0.4 + 0.2) / 13
    assert times == pytest.approx([0, 0.06, 0.2, 2.2, 2.2 + half_a_frame, 2.3])


def test_the_newest_picture_also_comes_over_a_drop():
    second = Camera(range(100, 101), drops=False)
    source = live_source(Camera(range(2)).source, opens(second.source), QUICKLY)
    frames = iter(source)
    while number_of(next(frames)) < 100:
        pass
    source.close()
    assert second.closed.is_set()


def test_a_source_that_nobody_reads_is_closed_too():
    camera = Camera(range(2))
    live_source(camera.source, opens(), QUICKLY).close()
    assert camera.closed.is_set()


def test_a_network_camera_is_live_and_goes_on_after_it_dropped():
    reading = LiveReading(every_frame=True, reconnect=1, first_wait_s=0.01)
    levels_shown = range(10, 22)
    pictures = [as_jpeg(np.full((48, 64, 3), each, dtype=np.uint8)) for each in levels_shown]
    with mjpeg_server(lambda: iter(pictures)) as url, open_source(url, reading) as source:
        assert source.is_live
        frames = iter(source)
        levels = [round(float(next(frames).pixels.mean())) for _ in range(30)]
    assert np.allclose(levels, (3 * [*levels_shown])[:30], atol=2)
