"""Bounded time: work that takes too long is given up, so that every file ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["TooLong", "at_most"]


class TooLong(Exception):  # noqa: N818 -- a reason to stay undecided, not an error of the user's
    """The time was used up."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `TooLong` in the body after that time. Without alarms (other threads, Windows) it does nothing."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def ring(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
