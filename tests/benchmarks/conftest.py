"""Timing for the benchmarks: contestants take turns in one run, so that all of them meet the same machine."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

ROWS = pytest.StashKey[list[str]]()


def processor_seconds() -> float:
    """The processor time of this process and its ended children. Other work on the machine hardly adds to it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Without garbage collection, as `timeit` and the program itself do it: its cost is that of pytest's objects."""
    gc.collect()
    gc.disable()
    try:
        started = clock()
        work()
        return clock() - started
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Measures, and notes one row a benchmark for the summary at the end of the run."""

    rows: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.perf_counter

    def interleaved(self, contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
        """Seconds of each contestant, one measurement a round; the first round is a warm-up and is not counted."""
        found: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, work in contestants.items():
                taken = seconds(work, self.clock)
                if number:
                    found[name].append(taken)
        return found

    def row(self, benchmark: str, times: Mapping[str, float], **ratios: float) -> None:
        shown = [f"{name} {taken * 1e3:.1f} ms" for name, taken in times.items()]
        measured = [f"{name.replace('_', ' ')} {ratio:.3g}" for name, ratio in ratios.items()]
        self.rows.append(f"{benchmark}: {', '.join([*shown, *measured])}")


@pytest.fixture
def stopwatch(request):
    return Stopwatch(request.config.stash.setdefault(ROWS, []))


@pytest.fixture
def processor(request):
    """A stopwatch for processor time, for work in one thread on a machine that does other things too."""
    return Stopwatch(request.config.stash.setdefault(ROWS, []), processor_seconds)


def pytest_terminal_summary(terminalreporter, config):
    """The rows of all benchmarks, whether they passed or not."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("benchmarks")
        for row in rows:
            terminalreporter.write_line(row)
