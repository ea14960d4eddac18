"""A proof against SymPy's `simplify` of the same difference, and how the spelled-out route grows with m."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from sympy import Symbol, srepr

import derive
from derive.derivation import _definitions
from derive.explicit import spell_out
from derive.graph import LOSS, build
from derive.kernel import Kernel, Proved, partial
from derive.layers import load

pytestmark = pytest.mark.slow

ROOT = Path(derive.__file__).parent.parent
ROUNDS = 15
LIMIT = 120.0
"""Seconds `simplify` may take; longer, and the limit stands for its time."""

# SymPy's own caches are empty in a new process, as they are for whoever simplifies one difference.
SIMPLIFY = """
import sys, time
from sympy import *
difference = eval(sys.stdin.read())
print("ready", flush=True)
start = time.perf_counter()
result = simplify(difference)
print(time.perf_counter() - start, result, flush=True)
"""


def graph():
    return build(load("batchnorm"))


def spelled_out(m):
    layer = graph()
    return spell_out(layer, dict.fromkeys(layer.sizes, m))


def difference(m):
    """∂L/∂x_1 as SymPy differentiates L(x_1, …, x_m), minus the closed form there, in the elements alone."""
    out = spelled_out(m)
    element = next(one for one in out.elements if one.of.name == "x_1")
    return (element.derivative - element.claim).xreplace(dict(out.sums))


def simplified(m):
    """Seconds that `simplify` takes for the difference, and what it makes of it (None past the limit)."""
    program = [sys.executable, "-c", SIMPLIFY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    ) as run:
        run.stdin.write(srepr(difference(m)))
        run.stdin.close()
        assert run.stdout.readline() == "ready\n"
        started = time.perf_counter()
        try:
            run.wait(LIMIT)
        except subprocess.TimeoutExpired:
            run.kill()
            return time.perf_counter() - started, None
        taken, result = run.stdout.read().split(maxsplit=1)
        return float(taken), result.strip()


def prove_every_m():
    """dx by the kernel's own total derivative = the closed form, for every m. Nothing is remembered between runs."""
    layer = graph()
    kernel = Kernel(_definitions(layer, (), ()))
    claim = next(one for one in layer.layer.gradients if one.of == layer.layer.inputs[0])
    return kernel.decide(partial(Symbol(LOSS), claim.of), claim.value)


def prove_all_elements(m):
    out = spelled_out(m)
    kernel = Kernel(out.sums)
    return [kernel.decide(one.derivative, one.claim) for one in out.elements]


def test_a_proof_for_every_m_is_a_hundred_times_faster_than_simplify_at_m_8(stopwatch):
    assert isinstance(prove_every_m(), Proved)
    ours = median(stopwatch.interleaved({"proof": prove_every_m}, ROUNDS)["proof"])
    theirs, result = simplified(8)
    ratio = theirs / ours
    stopwatch.row("dx, every m", {"proof": ours, "simplify at m = 8": theirs}, ratio=ratio, of_10_ms=ours / 10e-3)
    assert result in {"0", None}
    assert ratio >= 100, f"only {ratio:.0f} times faster"


def test_all_elements_at_m_16_are_twenty_times_faster_than_simplify_of_one(stopwatch):
    verdicts = prove_all_elements(16)
    assert len(verdicts) == 18
    assert all(isinstance(verdict, Proved) for verdict in verdicts)
    ours = median(stopwatch.interleaved({"proof": lambda: prove_all_elements(16)}, 3)["proof"])
    theirs, result = simplified(16)
    ratio = theirs / ours
    named = "simplify of one" if result else "simplify of one, stopped"
    stopwatch.row("m = 16 spelled out", {"all 18 elements": ours, named: theirs}, ratio=ratio)
    assert result in {"0", None}
    assert ratio >= 20, f"only {ratio:.1f} times faster"


def test_the_spelled_out_route_grows_no_faster_than_the_cube_of_m(stopwatch):
    sizes = (4, 8, 16, 32)
    runs = {str(m): lambda m=m: prove_all_elements(m) for m in sizes}
    times = {m: min(found) for m, found in stopwatch.interleaved(runs, 3).items()}
    exponent = slope([math.log(m) for m in sizes], [math.log(times[str(m)]) for m in sizes])
    last = math.log2(times["32"] / times["16"])
    named = {f"m = {m}": taken for m, taken in times.items()}
    stopwatch.row("spelled out", named, exponent=exponent, exponent_from_16_to_32=last)
    assert exponent <= 3.3


def slope(across, up):
    """Of the line that fits best."""
    middle, height = sum(across) / len(across), sum(up) / len(up)
    rise = sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True))
    return rise / sum((x - middle) ** 2 for x in across)
