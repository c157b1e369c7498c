"""What is read ahead is what would have been read."""

import threading

import pytest

from commands import HANGS_S
from trackformer.video.read_ahead import read_ahead


def test_the_items_come_in_their_order():
    assert list(read_ahead(iter(range(50)))) == list(range(50))


def test_an_exception_comes_after_the_items_before_it():
    def two_then():
        yield 1
        yield 2
        raise KeyboardInterrupt

    items = read_ahead(two_then())
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(KeyboardInterrupt):
        next(items)


def test_the_next_item_is_made_while_one_is_in_use():
    is_made = threading.Event()

    def items():
        yield 1
        is_made.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert is_made.wait(timeout=HANGS_S)
    ahead.close()


def test_closing_early_ends_the_thread():
    others = set(threading.enumerate())
    ahead = read_ahead(iter(range(10**9)))
    next(ahead)
    (own,) = set(threading.enumerate()) - others
    assert own.name == "read ahead"
    ahead.close()
    assert not own.is_alive()
