"""A proof against SymPy's `simplify` of the same difference, and how the spelled-out route grows with m.

All in processor time, minima of runs that take turns: other work on the machine only ever adds.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sympy.core.cache import clear_cache

import derive
from derive.explicit import spell_out
from derive.graph import build
from derive.kernel import Kernel
from derive.layers import load

pytestmark = pytest.mark.slow

ROOT = Path(derive.__file__).parent.parent
ROUNDS = 60
# dx by the kernel's own total derivative = the closed form, for every m. Nothing is remembered between rounds.
EVERY_M = f"""
import gc, time
from sympy import Symbol
from sympy.core.cache import clear_cache
from derive.derivation import definitions
from derive.graph import build
from derive.kernel import Kernel, Proved, partial
from derive.layers import load
gc.disable()
graph = build(load("batchnorm"))
claim = next(one for one in graph.layer.gradients if one.of == graph.layer.inputs[0])
taken, proved = [], 0
for _ in range({ROUNDS}):
    clear_cache()
    start = time.process_time()
    kernel = Kernel(definitions(graph, (), ()))
    verdict = kernel.decide(partial(Symbol("L"), claim.of), claim.value)
    taken.append(time.process_time() - start)
    proved += isinstance(verdict, Proved)
print(min(taken), proved)
"""

# The third route by itself, in a process as new as that of `simplify`.
ALL_ELEMENTS = """
import gc, time
from derive.explicit import spell_out
from derive.graph import build
from derive.kernel import Kernel, Proved
from derive.layers import load
gc.disable()
layer = build(load("batchnorm"))
start = time.process_time()
out = spell_out(layer, dict.fromkeys(layer.sizes, 16))
kernel = Kernel(out.coordinates)
verdicts = [kernel.decide(one.derivative, one.claim) for one in out.elements]
taken = time.process_time() - start
print(taken, sum(isinstance(verdict, Proved) for verdict in verdicts))
"""


def graph():
    return build(load("batchnorm"))


def spelled_out(m):
    layer = graph()
    return spell_out(layer, dict.fromkeys(layer.sizes, m))


def compact(m):
    """The same difference as `derive.explicit` writes it, which is far fewer nodes."""
    out = spelled_out(m)
    element = next(one for one in out.elements if one.of.name == "x_1")
    # The names of sums are written out again: x_m = S − x_1 − … solved for S.
    sums = {
        name: last - (value - name)
        for last, value in out.coordinates
        for name in value.free_symbols
        if name.name.startswith("Σ")
    }
    return (element.derivative - element.claim).xreplace(sums)


def prove_all_elements(m):
    """The third route: SymPy differentiates L, the kernel decides each element. Nothing is remembered between runs."""
    clear_cache()
    out = spelled_out(m)
    kernel = Kernel(out.coordinates)
    return [kernel.decide(one.derivative, one.claim) for one in out.elements]


def test_a_proof_for_every_m_is_a_hundred_times_faster_than_simplify_at_m_8(processor, simplify):
    ours, proved = in_a_new_process(EVERY_M)
    assert proved == ROUNDS
    theirs, result = simplify.seconds(simplify.plain(8))
    shorter, _ = simplify.seconds(compact(8))
    times = {"proof": ours, "simplify at m = 8": theirs, "simplify of the compact spelling": shorter}
    processor.row("dx, every m", times, ratio=theirs / ours, to_compact=shorter / ours, of_10_ms=ours / 10e-3)
    assert result in {"0", None}
    assert theirs / ours >= 100


def in_a_new_process(script):
    """What a script prints: seconds of processor time, and how many proofs it made in them."""
    command, environment = [sys.executable, "-c", script], {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    taken, proved = run.stdout.split()
    return float(taken), int(proved)


def test_all_elements_at_m_16_are_fifteen_times_faster_than_simplify_of_one(processor, simplify):
    """Measured 20 times. Most of what is left is SymPy's own `diff`."""
    ours, theirs = math.inf, math.inf
    for _ in range(3):
        found = [in_a_new_process(ALL_ELEMENTS) for _ in range(2)]
        assert all(proved == 18 for _, proved in found)
        ours = min(ours, *(taken for taken, _ in found))
        taken, result = simplify.seconds(simplify.plain(16))
        theirs = min(theirs, taken)
    shorter, _ = simplify.seconds(compact(16))
    times = {"all 18 elements": ours, "simplify of one": theirs, "simplify of one, compact spelling": shorter}
    processor.row("m = 16 spelled out", times, ratio=theirs / ours, to_compact=shorter / ours)
    assert result in {"0", None}
    assert theirs / ours >= 15


def test_the_spelled_out_route_grows_no_faster_than_the_cube_of_m(processor):
    sizes = (4, 8, 16, 32)
    runs = {str(m): lambda m=m: prove_all_elements(m) for m in sizes}
    times = {m: min(found) for m, found in processor.interleaved(runs, 3).items()}
    exponent = slope([math.log(m) for m in sizes], [math.log(times[str(m)]) for m in sizes])
    last = math.log2(times["32"] / times["16"])
    named = {f"m = {m}": taken for m, taken in times.items()}
    processor.row("spelled out", named, exponent=exponent, exponent_from_16_to_32=last)
    assert exponent <= 3.3


def slope(across, up):
    """Of the line that fits best."""
    middle, height = sum(across) / len(across), sum(up) / len(up)
    rise = sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True))
    return rise / sum((x - middle) ** 2 for x in across)
