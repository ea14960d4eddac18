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
def at_most(seconds: float, of_work: float = 0.0) -> Iterator[None]:
    """Raises `TooLong` in the body after that time, or after so many seconds `of_work` of the processor, if any.

    What ends by the work it took ends alike on a slow machine and beside other programs. Without alarms (other
    threads, Windows) nothing is raised.
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def ring(*_: object) -> None:
        raise TooLong

    timers = ((signal.ITIMER_REAL, signal.SIGALRM, max(seconds, 1e-3)), (signal.ITIMER_PROF, signal.SIGPROF, of_work))
    before = {alarm: signal.signal(alarm, ring) for _, alarm, _ in timers}
    for timer, _, limit in timers:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for timer, alarm, _ in timers:
            signal.setitimer(timer, 0)
            signal.signal(alarm, before[alarm])
