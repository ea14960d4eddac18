"""Hypothesis profiles, and an evaluator that shares nothing with the program: what the tests compare it with."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import mpmath
import pytest
from hypothesis import settings
from sympy import Add, Indexed, Integer, KroneckerDelta, Mul, Pow, Rational, Sum, Symbol, exp, integer_nthroot, log

from derive.kernel import Partial

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job, whose children would ignore Ctrl-C too
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parent))  # for norms.py, whose layers several tests share

settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile("long", max_examples=20_000, deadline=None)
settings.load_profile("default")

DIGITS = 50


class NoValue(Exception):  # noqa: N818 -- a point to skip, not an error
    """A division by 0, a root of a negative number, or a value that is not given: the point says nothing."""


class Irrational(NoValue):
    """The value is no fraction."""


@dataclass(frozen=True)
class World:
    """Definitions (name to indices and value), sizes and values at one point; `seed` is what is differentiated by."""

    definitions: Mapping
    sizes: Mapping[str, int]
    values: Mapping
    exact: bool = True
    seed: tuple | None = None
    held: frozenset = frozenset()


def evaluate(expr, world, at=()):
    """The value of `expr` with its indices at `at`, by name. Fractions, or numbers of 50 digits if not `exact`."""
    with mpmath.workdps(DIGITS + 10):
        return pair(expr, world, dict(at))[0]


def pair(expr, world, at):  # noqa: PLR0911 -- one return for each kind of node
    """(value, tangent) of `expr`."""
    if isinstance(expr, Rational):
        return number(Fraction(expr.p, expr.q), world), 0
    if isinstance(expr, Symbol | Indexed):
        return quantity(expr, world, at)
    if isinstance(expr, Add):
        parts = [pair(arg, world, at) for arg in expr.args]
        return sum(value for value, _ in parts), sum(tangent for _, tangent in parts)
    if isinstance(expr, Mul):
        value, tangent = 1, 0
        for arg in expr.args:
            other, slope = pair(arg, world, at)
            value, tangent = value * other, tangent * other + value * slope
        return value, tangent
    if isinstance(expr, Pow):
        return power(*pair(expr.base, world, at), Fraction(expr.exp.p, expr.exp.q), world)
    if isinstance(expr, exp | log):
        return function(expr, *pair(expr.args[0], world, at), world)
    if isinstance(expr, Sum):
        parts = [pair(expr.function, world, inner) for inner in ranges(expr, world, at)]
        return sum((value for value, _ in parts), number(Fraction(0), world)), sum(tangent for _, tangent in parts)
    if isinstance(expr, KroneckerDelta):
        left, right = (element(index, at) for index in expr.args[:2])
        return number(Fraction(left == right), world), 0
    assert isinstance(expr, Partial), type(expr)
    inside = replace(world, seed=place(expr.wrt, at), held=expr.held)
    return pair(expr.of, inside, at)[1] + number(Fraction(0), world), 0


def number(value, world):
    return value if world.exact else mpmath.mpf(value.numerator) / value.denominator


def ranges(expr, world, at):
    spans = []
    for index, low, high in reversed(expr.limits):  # the innermost comes first, and hides others of its name
        first, last = (int(pair(end, replace(world, exact=True), at)[0]) for end in (low, high))
        shift = 1 if first == 0 else 0
        spans.append([(index.name, at_index + shift) for at_index in range(first, last + 1)])
    return [{**at, **dict(chosen)} for chosen in product(*spans)]


def element(index, at):
    return int(index) if isinstance(index, Integer) else at[index.name]


def place(expr, at):
    if isinstance(expr, Symbol):
        return expr.name, ()
    return expr.base.label.name, tuple(element(index, at) for index in expr.indices)


def quantity(expr, world, at):
    where = place(expr, at)
    if where == world.seed:
        return pair_of(where, replace(world, seed=None))[0], 1
    if world.seed is not None and (where[0] == world.seed[0] or where[0] in world.held):
        return pair_of(where, replace(world, seed=None))[0], 0
    return pair_of(where, world)


def pair_of(where, world):
    name, indices = where
    if name in world.definitions:
        formal, value = world.definitions[name]
        return pair(value, world, dict(zip(formal, indices, strict=True)))
    if not indices and name in world.sizes:
        return number(Fraction(world.sizes[name]), world), 0
    if where not in world.values:
        raise NoValue
    return number(world.values[where], world), 0


def power(value, tangent, exponent, world):
    if value == 0 and (exponent < 0 or (tangent and exponent < 1)):
        raise NoValue
    if exponent.denominator == 1:
        whole = int(exponent)
        return raised(value, whole), whole * raised(value, whole - 1) * tangent if tangent else 0
    root = rooted(value, exponent.denominator, world)
    result = raised(root, exponent.numerator)
    return result, number(exponent, world) * result / value * tangent if tangent else 0


def raised(value, exponent):
    if value == 0 and exponent < 0:
        raise NoValue
    return Fraction(value) ** exponent if isinstance(value, int | Fraction) else value**exponent


def rooted(value, degree, world):
    if value < 0:
        raise NoValue
    if not world.exact:
        return mpmath.root(value, degree)
    parts = [integer_nthroot(part, degree) for part in (Fraction(value).numerator, Fraction(value).denominator)]
    if not all(exact for _, exact in parts):
        raise Irrational
    return Fraction(int(parts[0][0]), int(parts[1][0]))


def function(expr, value, tangent, world):
    if isinstance(expr, log) and value <= 0:
        raise NoValue
    if world.exact:
        raise Irrational
    if isinstance(expr, exp):
        result = mpmath.exp(value)
        return result, result * tangent
    return mpmath.log(value), tangent / value


def definitions_of(pairs):
    """(target, value) pairs by name."""
    found = {}
    for target, value in pairs:
        name = target.name if isinstance(target, Symbol) else target.base.label.name
        found[name] = tuple(index.name for index in getattr(target, "indices", ())), value
    return found


def recheck(counterexample, pairs, left, right):
    """Both sides at a counterexample, evaluated here; asserts that they differ and are what was claimed."""
    values = {(name, tuple(at)): value for name, at, value in counterexample.values}
    exact = not counterexample.left.startswith("≈")
    world = World(definitions_of(pairs), dict(counterexample.sizes), values, exact=exact)
    found = [evaluate(side, world, counterexample.at) for side in (left, right)]
    for value, claimed in zip(found, (counterexample.left, counterexample.right), strict=True):
        if exact:
            assert value == Fraction(claimed)
        else:
            assert abs(value - mpmath.mpf(claimed.removeprefix("≈ "))) <= mpmath.mpf(10) ** -12 * (1 + abs(value))
    assert found[0] != found[1]
    return found


@pytest.fixture(scope="session")
def independent():
    """The evaluator of the tests, under one name."""
    return SimpleNamespace(
        World=World,
        evaluate=evaluate,
        recheck=recheck,
        definitions_of=definitions_of,
        NoValue=NoValue,
        Irrational=Irrational,
    )
