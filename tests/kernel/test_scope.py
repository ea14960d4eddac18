"""From SymPy to the normal form: what becomes a generator, what is taken out of a root, what is outside the class."""

import pytest
from sympy import KroneckerDelta, Rational, Sum, cbrt, exp, log, sqrt, symbols

from derive.kernel import polynomial as pl
from derive.kernel.language import Definitions, Unsupported, name_of, parts_of, quantities
from derive.kernel.scope import Scope, ZeroDenominator
from derive.layers.layer import index, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = (index(letter) for letter in "ijk")
x, u = tensor("x", m), tensor("u", m, n)
a, b = symbols("a b")
p, q = positive("p"), positive("q")
w = scalar("w")


def scope(*pairs):
    return Scope(Definitions(pairs), frozenset({"m", "n", "p", "q"}))


SAME = {
    "m is a name": (m, pl.variable(("m",))),
    "2/3": (Rational(2, 3), pl.constant(pl.Fraction(2, 3))),
    "x_i": (x[i], pl.variable(("x", "i:m"))),
    "x_3": (x[3], pl.variable(("x", "#3"))),
    "a⁻²": (a**-2, pl.variable(("a",), -2)),
    "√p² = p": (sqrt(p**2), pl.variable(("p",))),
    "δ_ii": (KroneckerDelta(i, i), pl.constant(1)),
}


@pytest.mark.parametrize(("expr", "poly"), SAME.values(), ids=SAME)
def test_translation(expr, poly):
    assert scope().poly(expr) == poly


GENERATORS = {
    "no root": (a + b, 0),
    "one root": (sqrt(a + b), 1),
    "a root and its power": (sqrt(a + b) + (a + b) ** Rational(3, 2), 1),
    "a root and its reciprocal": (sqrt(a + b) + 1 / sqrt(a + b), 1),
    "a multiple": (sqrt(4 * a + 4 * b) + sqrt(a + b), 1),
    "two roots": (sqrt(a + b) + sqrt(a - b), 2),
    "the same at another index": (sqrt(x[i] ** 2 + p) + sqrt(x[j] ** 2 + p), 1),
    "e^(a+b) is a product": (exp(a + b), 2),
    "e^a and e^2a": (exp(a) + exp(2 * a), 1),
    "log": (log(a) + log(b), 2),
}


@pytest.mark.parametrize(("expr", "number"), GENERATORS.values(), ids=GENERATORS)
def test_generators_are_shared(expr, number):
    one = scope()
    one.poly(expr)
    assert len(one.generators) - len(one.aliases) == number


def test_a_finer_root_takes_the_place_of_a_coarse_one():
    one = scope()
    one.poly(sqrt(a + b) + cbrt(a + b))
    (coarse,) = one.aliases
    finer, steps = one.aliases[coarse]
    assert one.generators[finer].q == steps * one.generators[coarse].q == 2 * 3


def test_a_definition_is_read_at_its_indices():
    one = scope((u[i, j], x[i] * j**0), (w, total(u[j, 1], j, m)))
    assert one.poly(u[k, 2]) == one.poly(x[k])
    assert one.poly(w) == one.poly(total(x[k], k, m))


def test_an_opaque_name_is_not_expanded():
    one = scope((w, a + b))
    assert one.poly(w, {}, frozenset({"w"})) == pl.variable(("w",))
    assert one.poly(w) == one.poly(a + b)


ZERO = {
    "1/(Σx − Σx)": 1 / (total(x[j], j, m) - total(x[k], k, m)),
    "1/√0": 1 / sqrt(total(x[j], j, m) ** 2 - Sum(x[j] * x[k], (j, 1, m), (k, 1, m))),
    "1/w, w = 0": 1 / w,
    "1/(√E² − E)": 1 / (sqrt(p + a**2) ** 2 - p - a**2 + total(x[j], j, m) - total(x[k], k, m)),
}


@pytest.mark.parametrize("expr", ZERO.values(), ids=ZERO)
def test_a_denominator_that_is_0_everywhere_is_refused(expr):
    with pytest.raises(ZeroDenominator):
        scope((w, total(x[j], j, m) - total(x[k], k, m))).poly(expr)


OUTSIDE = {
    "Σ from 2": (Sum(x[j], (j, 2, m)), "starts at 2"),
    "Σ to an index": (Sum(x[j], (j, 1, k), (k, 1, m)), "depend on another index"),
    "index as number": (Sum(j, (j, 1, m)), "used as a number"),
    "x_{i+1}": (x[i + 1], "only a letter or a number"),
    "x summed over n": (Sum(x[j], (j, 1, n)), "size of m is needed"),
    "a^b": (a**b, "exponent"),
    "√δ": (sqrt(1 + KroneckerDelta(i, j)), "Kronecker"),
    "1/δ": (1 / KroneckerDelta(i, j), "Kronecker"),
    "wrong number of indices": (tensor("v", m, m)[i, j], "read with 2 indices and defined with 1"),
}


@pytest.mark.parametrize(("expr", "why"), OUTSIDE.values(), ids=OUTSIDE)
def test_outside_the_class_with_a_reason(expr, why):
    with pytest.raises(Unsupported, match=why):
        scope((tensor("v", m)[i], x[i])).poly(expr)


def test_a_circle_is_refused():
    with pytest.raises(Unsupported, match="defined by itself"):
        scope((a, b + 1), (b, a)).poly(a)


def test_parts_and_quantities():
    expr = total(x[j] * a, j, m) / sqrt(p)
    assert parts_of(expr)[0] == expr
    assert len(parts_of(expr, expr)) == len(parts_of(expr))
    assert {name_of(one) for one in quantities(expr)} >= {"x", "a", "p"}
    assert x.label not in quantities(expr)
