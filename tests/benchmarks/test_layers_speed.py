"""A layer's whole derivation against SymPy's `simplify` of one batch norm difference, and its growth with the axes."""

from __future__ import annotations

import pytest
from sympy import Symbol
from sympy.core.cache import clear_cache

from derive import layers
from derive.derivation import definitions, derive
from derive.graph import build
from derive.kernel import Kernel, Proved, partial

pytestmark = pytest.mark.slow

AXES = [("m",), ("m", "n"), ("N", "C", "L"), ("N", "C", "H", "W")]


def whole(name, axes=()):
    """Steps, closed forms and the exact routes, each proved. Nothing is remembered between runs."""
    clear_cache()
    one = derive(name, axes=axes)
    assert all(isinstance(verdict, Proved) for verdict in one.verdicts)


def prove_dx(name):
    clear_cache()
    graph = build(layers.load(name))
    claim = next(one for one in graph.layer.gradients if one.of == graph.layer.inputs[0])
    verdict = Kernel(definitions(graph, (), ())).decide(partial(Symbol("L"), claim.of), claim.value)
    assert isinstance(verdict, Proved)


def test_every_layer_is_derived_and_proved_in_the_time_of_two_simplify(processor, simplify):
    peer, _ = simplify.seconds(simplify.plain(8))
    runs = {name: lambda name=name: whole(name) for name in layers.names()}
    times = {name: min(found) for name, found in processor.interleaved(runs, 2).items()}
    worst = max(times, key=times.__getitem__)
    processor.row("whole derivations", times, worst_to_simplify=times[worst] / peer, of_1_s=times[worst])
    assert times[worst] <= 2 * peer, worst


def test_layer_norm_is_proved_about_as_fast_as_batch_norm(processor):
    runs = {f"{name} dx": lambda name=name: prove_dx(name) for name in ("layernorm", "batchnorm")}
    times = {name: min(found) for name, found in processor.interleaved(runs, 30).items()}
    processor.row("dx, every size", times, ratio=times["layernorm dx"] / times["batchnorm dx"])
    assert times["layernorm dx"] <= 3.5 * times["batchnorm dx"]


def test_four_axes_cost_a_small_multiple_of_one(processor):
    runs = {",".join(axes): lambda axes=axes: whole("batchnorm", axes) for axes in AXES}
    times = {name: min(found) for name, found in processor.interleaved(runs, 3).items()}
    first, *_, last = times.values()
    processor.row("batch norm by axes", times, ratio=last / first)
    assert last <= 16 * first
