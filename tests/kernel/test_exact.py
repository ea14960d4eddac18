"""Exact evaluation at a point: rationals, intervals, tangents, and where there is no value."""

from fractions import Fraction

import mpmath
import pytest
from sympy import KroneckerDelta, Rational, S, Sum, Symbol, cbrt, erf, exp, log, pi, sign, sinh, sqrt, tanh

from derive.kernel import partial
from derive.kernel.exact import Evaluator, Exact, Interval, Irrational, Point, Undefined, elements
from derive.kernel.language import Definitions, Unsupported
from derive.layers.layer import index, mean, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = (index(letter) for letter in "ijk")
x, u = tensor("x", m), tensor("u", m, n)
a, b, w, mu = scalar("a"), scalar("b"), scalar("w"), scalar("μ")
DEFINITIONS = Definitions([(mu, mean(x[j], j, m)), (w, sqrt(a)), (tensor("v", m)[i], x[i] - mu)])
v = tensor("v", m)
POINT = Point(
    {"m": 3, "n": 2},
    {
        **{("x", (place,)): Fraction(value) for place, value in ((1, 1), (2, 2), (3, 6))},
        **{("u", place): Fraction(sum(place)) for place in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2))},
        ("a", ()): Fraction(9, 4),
        ("b", ()): Fraction(-8),
    },
)


def value(expr, arithmetic=None, **at):
    evaluator = Evaluator(DEFINITIONS, POINT, arithmetic or Exact())
    return evaluator.value(expr, {index(letter): place for letter, place in at.items()})


VALUES = {
    "a number": (Rational(2, 3), Fraction(2, 3)),
    "a size": (m, 3),
    "an element": (x[2], 2),
    "Σ": (total(x[j], j, m), 9),
    "Σ from 0": (Sum(x[j], (j, 0, m - 1)), 9),
    "Σ to m − 1": (Sum(x[j], (j, 1, m - 1)), 3),
    "ΣΣ": (Sum(u[j, k], (j, 1, m), (k, 1, n)), 21),
    "a shadowed index": (total(x[j] * total(x[j], j, m), j, m), 81),
    "an intermediate": (mu, 3),
    "an indexed intermediate": (total(v[j] ** 2, j, m), 14),
    "√": (sqrt(a), Fraction(3, 2)),
    "a^(−3/2)": (a ** Rational(-3, 2), Fraction(8, 27)),
    "√ in a definition": (w, Fraction(3, 2)),
    "e⁰": (exp(a - a + S.Zero * a), 1),
    "log 1": (log(total(x[j], j, m) / 9), 0),
    "δ": (total(KroneckerDelta(j, 2) * x[j], j, m), 2),
    "∂w/∂a": (partial(w, a), Fraction(1, 3)),
    "∂μ/∂x_1": (partial(mu, x[1]), Fraction(1, 3)),
    "∂v_1/∂x_1": (partial(v[1], x[1]), Fraction(2, 3)),
    "∂v_1/∂x_2": (partial(v[1], x[2]), Fraction(-1, 3)),
    "∂v_1/∂x_1 at μ": (partial(v[1], x[1], {"μ"}), 1),
}


@pytest.mark.parametrize(("expr", "expected"), VALUES.values(), ids=VALUES)
def test_exact_value(expr, expected):
    assert value(expr) == expected


@pytest.mark.parametrize(("expr", "expected"), VALUES.values(), ids=VALUES)
def test_an_interval_holds_the_exact_value(expr, expected):
    found = value(expr, Interval())
    assert abs(found - Interval().number(Fraction(expected))).b < 1e-50


NO_VALUE = {
    "1/0": (1 / (mu - 3), Undefined),
    "0^(−1/2)": ((mu - 3) ** Rational(-1, 2), Undefined),
    "√−8": (sqrt(b), Undefined),
    "∛−8": (cbrt(b), Undefined),
    "log −8": (log(b), Undefined),
    "log 0": (log(mu - 3), Undefined),
    "an element that is not there": (x[4], Undefined),
    "a name that is not given": (Symbol("unknown"), Undefined),
    "√2": (sqrt(2), Irrational),
    "e^a": (exp(a), Irrational),
    "log a": (log(a), Irrational),
    "sinh": (sinh(a), Unsupported),
    "tanh a": (tanh(a), Irrational),
    "erf a": (erf(a), Irrational),
    "π": (pi * a, Irrational),
    "sign 0": (sign(mu - 3), Undefined),
    "a^b": (a**b, Unsupported),
    "a^(10⁹)": (a**10**9, Unsupported),
    "x_{1+j}": (total(x[j + 1], j, 2), Unsupported),
    "a free letter": (x[i], Unsupported),
}


@pytest.mark.parametrize(("expr", "why"), NO_VALUE.values(), ids=NO_VALUE)
def test_no_exact_value(expr, why):
    with pytest.raises(why):
        value(expr)


def test_a_root_has_no_slope_at_0():
    at_zero = Evaluator(Definitions([(w, sqrt(a))]), Point({}, {("a", ()): Fraction(0)}), Exact())
    assert at_zero.value(w, {}) == 0
    with pytest.raises(Undefined):
        at_zero.value(partial(w, a), {})


@pytest.mark.parametrize(
    ("expr", "digits"),
    [
        (sqrt(2), "1.41421356237309504880"),
        (exp(a), "9.48773583635852572055"),
        (cbrt(2), "1.2599210498948731648"),
    ],
)
def test_an_interval_is_narrow(expr, digits):
    found = value(expr, Interval())
    assert found.delta < 1e-50
    assert abs(found - Interval().iv.mpf(digits)).b < 1e-18


@pytest.mark.parametrize("number", [0, 1, 4, 10**40, (10**20 + 7) ** 2, (2**60 - 1) ** 2])
def test_roots_of_squares_of_any_length(number):
    assert Exact.root(number, 2) ** 2 == number


@pytest.mark.parametrize("number", [2, 10**40 + 1, (10**20 + 7) ** 2 - 1, (2**60 - 1) ** 2 + 1])
def test_no_square_is_invented(number):
    with pytest.raises(Irrational):
        Exact.root(number, 2)


def test_elements_count_from_1():
    assert elements((2, 2)) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert elements(()) == [()]


@pytest.mark.parametrize("number", [Fraction(0), Fraction(1, 3), Fraction(-7, 5), Fraction(3), Fraction(-15, 2)])
@pytest.mark.parametrize("kind", ["tanh", "erf", "sin", "cos"])
def test_an_interval_holds_the_value_of_a_function_and_is_narrow(kind, number):
    arithmetic = Interval()
    found = arithmetic.function(kind, arithmetic.number(number))
    with mpmath.workdps(80):
        truth = getattr(mpmath, kind)(mpmath.mpf(number.numerator) / number.denominator)
        assert mpmath.mpf(found.a) <= truth <= mpmath.mpf(found.b)
        assert mpmath.mpf(found.b) - mpmath.mpf(found.a) < 1e-30


@pytest.mark.parametrize("kind", ["abs", "sign", "tanh", "erf", "sin", "cos"])
def test_a_wide_interval_holds_the_values_between(kind):
    arithmetic = Interval()
    wide = arithmetic.iv.mpf([0.5, 2])
    found = arithmetic.function(kind, wide)
    for number in (Fraction(1, 2), Fraction(1), Fraction(7, 4), Fraction(2)):
        inside = arithmetic.function(kind, arithmetic.number(number))
        assert found.a <= inside.a
        assert inside.b <= found.b


def test_what_may_be_0_has_no_sign():
    arithmetic = Interval()
    for interval in ([-1, 1], [0, 0], [0, 1]):
        with pytest.raises(Undefined):
            arithmetic.function("sign", arithmetic.iv.mpf(interval))
