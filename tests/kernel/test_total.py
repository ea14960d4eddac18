"""The kernel's own derivative, rule by rule, on the normal form."""

import pytest
from sympy import KroneckerDelta, Rational, S, Sum, Symbol, cbrt, exp, log, sqrt

from derive.kernel import partial
from derive.kernel.language import Definitions
from derive.kernel.reduce import is_zero
from derive.kernel.scope import Scope
from derive.layers.layer import index, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k, l_ = (index(letter) for letter in "ijkl")
x, g, u, F = tensor("x", m), tensor("g", m), tensor("u", m, n), tensor("F", m)
a, b, f = scalar("a"), scalar("b"), Symbol("f")
eps = positive("ε")


def delta(left, right):
    return KroneckerDelta(left, right)


def scope_of(*pairs):
    return Scope(Definitions(pairs), frozenset({"m", "n", "ε"}))


SCALAR = {
    "a": (a, S.One),
    "another": (b, S.Zero),
    "a number": (S(3), S.Zero),
    "a size": (m, S.Zero),
    "sum": (3 * a + b, S(3)),
    "product": (a * b, b),
    "power": (a**3, 3 * a**2),
    "reciprocal": (1 / a, -1 / a**2),
    "quotient": ((a + b) / (a - b), -2 * b / (a - b) ** 2),
    "root": (sqrt(a**2 + eps), a / sqrt(a**2 + eps)),
    "reciprocal root": ((a**2 + eps) ** Rational(-3, 2), -3 * a * (a**2 + eps) ** Rational(-5, 2)),
    "third root": (cbrt(a), cbrt(a) / (3 * a)),
    "root in root": (sqrt(1 + sqrt(1 + a)), 1 / (4 * sqrt(1 + a) * sqrt(1 + sqrt(1 + a)))),
    "exp": (exp(a * b), b * exp(a * b)),
    "exp of exp": (exp(exp(a)), exp(a) * exp(exp(a))),
    "log": (log(a**2 + 1), 2 * a / (a**2 + 1)),
    "Σ": (total(a**2 * x[j], j, m), 2 * a * total(x[j], j, m)),
    "root in Σ": (total(sqrt(a + x[j] ** 2), j, m), total(1 / (2 * sqrt(a + x[j] ** 2)), j, m)),
    "Σ in a root": (sqrt(total((a - x[j]) ** 2, j, m)), total(a - x[j], j, m) / sqrt(total((a - x[j]) ** 2, j, m))),
}


@pytest.mark.parametrize(("value", "slope"), SCALAR.values(), ids=SCALAR)
def test_by_a_scalar(value, slope):
    assert_zero(scope_of((f, value)), partial(f, a) - slope)


def assert_zero(scope, expr):
    assert is_zero(scope, scope.poly(expr, {i: "i:m", j: "j:m", l_: "l:n"}))


TENSOR = {
    "x_i": (x[i], delta(i, j)),
    "x_1": (x[1], delta(1, j)),
    "x_i²": (x[i] ** 2, 2 * x[i] * delta(i, j)),
    "Σx": (total(x[k], k, m), S.One),
    "Σx²": (total(x[k] ** 2, k, m), 2 * x[j]),
    "(Σx)²": (total(x[k], k, m) ** 2, 2 * total(x[k], k, m)),
    "Σxg": (total(x[k] * g[k], k, m), g[j]),
    "ΣΣ xxg": (
        Sum(x[k] * x[l_] * g[k], (k, 1, m), (l_, 1, m)),
        g[j] * total(x[k], k, m) + total(x[k] * g[k], k, m),
    ),
    "x_i Σx": (x[i] * total(x[k], k, m), delta(i, j) * total(x[k], k, m) + x[i]),
    "softmax": (
        exp(x[i]) / total(exp(x[k]), k, m),
        exp(x[i]) / total(exp(x[k]), k, m) * (delta(i, j) - exp(x[j]) / total(exp(x[k]), k, m)),
    ),
    "Σ over k ≠ i": (total((1 - delta(i, k)) * x[k], k, m), 1 - delta(i, j)),
    "a bound j": (x[i] * total(x[j], j, m), delta(i, j) * total(x[k], k, m) + x[i]),
}


@pytest.mark.parametrize(("value", "slope"), TENSOR.values(), ids=TENSOR)
def test_by_a_tensor(value, slope):
    assert_zero(scope_of((F[i], value)), partial(F[i], x[j]) - slope)


def test_two_indices():
    one, row = tensor("U", m), sqrt(total(u[i, k] ** 2, k, n) + eps)
    scope = scope_of((one[i], row))
    assert_zero(scope, partial(one[i], u[j, l_]) - delta(i, j) * u[i, l_] / row)


@pytest.mark.parametrize(
    ("held", "slope"),
    [((), 2 * b * a + 6 * a**2), (("c",), 2 * a * b), (("d",), 2 * a * b + 2 * scalar("d")), (("c", "d"), 2 * a * b)],
)
def test_what_is_held_is_a_constant(held, slope):
    """f = a²b + c, c = ad·2, d = a²: each held name cuts the paths through it."""
    c, d = scalar("c"), scalar("d")
    scope = scope_of((d, a**2), (c, 2 * a * d), (f, a**2 * b + c))
    assert_zero(scope, partial(f, a, held) - slope)


def test_by_an_intermediate_stops_there():
    c = scalar("c")
    scope = scope_of((c, a**2), (f, c**3 + a))
    assert_zero(scope, partial(f, c) - 3 * a**4)


def test_a_sum_over_the_index_of_a_derivative():
    scope = scope_of((f, total(g[k] * x[k] ** 2, k, m)))
    assert_zero(scope, total(x[i] * partial(f, x[i]), i, m) - 2 * f)
