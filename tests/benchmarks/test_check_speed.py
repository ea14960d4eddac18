"""How checking grows with a document, what workers gain, what a repair costs: ratios asserted, rates reported."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import pytest

from derive import batch
from derive.check import check_text
from derive.read import read_text

pytestmark = pytest.mark.slow

FORWARD = r"""
\[ \mu = \frac{1}{m} \sum_{k=1}^{m} x_k \]
\[ \sigma^2 = \frac{1}{m} \sum_{k=1}^{m} (x_k - \mu)^2 \]
\[ \hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} \]
\[ y_i = \gamma \hat{x}_i + \beta \]
"""
CLAIMS = r"""
\[ \frac{\partial L}{\partial \hat{x}_i} = \gamma \frac{\partial L}{\partial y_i} \]
\[ \frac{\partial L}{\partial \gamma} = \sum_{i=1}^m \frac{\partial L}{\partial y_i} \hat{x}_i \]
\[ \frac{\partial L}{\partial \beta} = \sum_{i=1}^m \frac{\partial L}{\partial y_i} \]
\[ \frac{\partial L}{\partial \sigma^2} = -\frac{1}{2} \sum_{i=1}^m \frac{\partial L}{\partial \hat{x}_i} (x_i - \mu) (\sigma^2 + \epsilon)^{-3/2} \]
\[ \frac{\partial L}{\partial \mu} = -\frac{1}{\sqrt{\sigma^2 + \epsilon}} \sum_{i=1}^m \frac{\partial L}{\partial \hat{x}_i} \]
\[ \frac{\partial \sigma^2}{\partial x_i} = \frac{2}{m} (x_i - \mu) \]
\[ \frac{\partial \mu}{\partial x_i} = \frac{1}{m} \]
\[ \frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial \hat{x}_i} \frac{1}{\sqrt{\sigma^2 + \epsilon}} + \frac{\partial L}{\partial \sigma^2} \frac{2 (x_i - \mu)}{m} + \frac{1}{m} \frac{\partial L}{\partial \mu} \]
"""  # noqa: E501 -- one line of LaTeX each
WRONG = (
    r"\[ \frac{\partial L}{\partial x_i} = \frac{\gamma}{m \sqrt{\sigma^2 + \epsilon}}"
    r" \left( m \frac{\partial L}{\partial y_i} - 3 \sum_{j=1}^m \frac{\partial L}{\partial y_j}"
    r" - 5 \hat{x}_i \sum_{j=1}^m \frac{\partial L}{\partial y_j} \hat{x}_j \right) \]"
)
EQUATIONS = FORWARD.count("=") + CLAIMS.count("= ")


def test_time_grows_with_the_length_of_the_document_and_no_faster(stopwatch):
    lengths = (1, 4, 16)
    runs = {f"{times}×": lambda times=times: check_text(FORWARD + CLAIMS * times) for times in lengths}
    assert {one.verdict for one in check_text(FORWARD + CLAIMS * 16).entries} == {"definition", "proved"}
    times = {name: min(found) for name, found in stopwatch.interleaved(runs, 5).items()}
    first, last = times["1×"], times["16×"]
    sizes = {times: 4 + 8 * times for times in lengths}
    exponent = math.log(last / first) / math.log(sizes[16] / sizes[1])
    from_4 = math.log(last / times["4×"]) / math.log(sizes[16] / sizes[4])
    rate = sizes[16] / last
    stopwatch.row("checking", times, exponent=exponent, exponent_from_4=from_4, equations_a_second=rate)
    assert exponent <= 1.25
    assert from_4 <= 1.25


def test_one_pass_of_ordinary_equations(stopwatch):
    """Reported: equations a second on one core after the imports."""
    times = stopwatch.interleaved({"check": lambda: check_text(FORWARD + CLAIMS)}, 15)
    taken = median(times["check"])
    stopwatch.row("one derivation", {"check": taken}, equations_a_second=12 / taken)
    assert taken < 10, "only that it ends: the rate is a figure to report"


def spin(_):
    return sum(number * number for number in range(3_000_000))


def gain_of_a_second_core():
    """What two processes gain on pure arithmetic here and now."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        list(pool.map(spin, range(2)))
        started = time.perf_counter()
        list(map(spin, range(4)))
        one = time.perf_counter() - started
        list(pool.map(spin, range(4)))
        return one / (time.perf_counter() - started - one)


def test_two_workers_are_faster_than_one(stopwatch, tmp_path, monkeypatch):
    paths = []
    for number in range(20):
        path = tmp_path / f"{number}.tex"
        path.write_text(FORWARD + CLAIMS * 4 + WRONG, "utf-8")
        paths.append(str(path))

    def checked(workers):
        monkeypatch.setattr(os, "cpu_count", lambda: workers)
        assert len(list(batch.check_files(paths))) == 20

    times = stopwatch.interleaved({"one": lambda: checked(1), "two": lambda: checked(2)}, 3)
    one, two = min(times["one"]), min(times["two"])
    free = gain_of_a_second_core()
    stopwatch.row("twenty files", {"one worker": one, "two workers": two}, gain=one / two, gain_of_arithmetic=free)
    if free < 1.7:
        pytest.skip(f"this machine has no second core to give now: arithmetic gains {free:.2f}")
    assert one / two >= 1.5


def test_a_refuted_equation_with_its_repair_is_bounded(stopwatch):
    """Seconds of this process: what others do on the machine is not counted."""
    before = FORWARD + CLAIMS
    read_text(before + WRONG, "tex")

    def taken(source):
        started = time.process_time()
        check_text(source)
        return time.process_time() - started

    taken(before + WRONG)
    costs = [taken(before + WRONG) - taken(before) for _ in range(5)]
    stopwatch.row("a wrong line without a repair", {"cost": median(costs)})
    assert median(costs) <= 0.6
