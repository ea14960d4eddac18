"""Timing for the benchmarks: contestants take turns in one run, so that all of them meet the same machine."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from sympy import Symbol, sqrt, srepr, symbols

LIMIT = 120.0
"""Seconds `simplify` may take; longer, and the limit stands for its time."""

# A new process: no cache is warm, and it can be stopped. The clock runs for `simplify` alone.
SIMPLIFY = """
import gc, sys, time
from sympy import *
gc.disable()
difference = eval(sys.stdin.read())
print("ready", flush=True)
start = time.process_time()
result = simplify(difference)
print(time.process_time() - start, result, flush=True)
"""


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


def plain(m):
    """∂L/∂x_1 minus its closed form, in x_1, …, x_m, as one writes it in SymPy without this project."""
    x, g = (symbols(f"{name}_1:{m + 1}") for name in "xg")
    gamma, beta, epsilon = Symbol("gamma"), Symbol("beta"), Symbol("epsilon", positive=True)
    mu = sum(x) / m
    root = sqrt(sum((one - mu) ** 2 for one in x) / m + epsilon)
    hat = [(one - mu) / root for one in x]
    loss = sum(weight * (gamma * one + beta) for weight, one in zip(g, hat, strict=True))
    claim = gamma / (m * root) * (m * g[0] - sum(g) - hat[0] * sum(a * b for a, b in zip(g, hat, strict=True)))
    return loss.diff(x[0]) - claim


def simplified(difference):
    """Seconds that `simplify` takes, and what it makes of the difference (None past the limit)."""
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SIMPLIFY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
    ) as run:
        run.stdin.write(srepr(difference))
        run.stdin.close()
        assert run.stdout.readline() == "ready\n"
        try:
            run.wait(LIMIT)
        except subprocess.TimeoutExpired:
            run.kill()
            return LIMIT, None
        taken, result = run.stdout.read().split(maxsplit=1)
        return float(taken), result.strip()


@pytest.fixture
def simplify():
    """The peer: SymPy's `simplify` in a process of its own, and the difference that it is given."""
    return SimpleNamespace(plain=plain, seconds=simplified)


def pytest_terminal_summary(terminalreporter, config):
    """The rows of all benchmarks, whether they passed or not."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("benchmarks")
        for row in rows:
            terminalreporter.write_line(row)
