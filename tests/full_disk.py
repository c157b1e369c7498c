"""A disk that is full, as far as this process sees."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_file_beyond(num_bytes: int) -> Iterator[None]:
    """No file may grow beyond a size: the next byte is refused, as where there is no room.

    Also those that pytest writes its output to: no longer than for the lines tested.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The signal would end the process; without it, writing fails as on a full disk.
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
