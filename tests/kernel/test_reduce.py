"""The zero test: relations between roots and what they are roots of."""

import pytest
from sympy import Rational, Sum, cbrt, sqrt, symbols

from derive.kernel.language import Definitions
from derive.kernel.reduce import is_zero
from derive.kernel.scope import Scope
from derive.layers.layer import index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = (index(letter) for letter in "ijk")
x, g, u = tensor("x", m), tensor("g", m), tensor("u", m, n)
a, b = symbols("a b")
eps = positive("ε")
mu = mean(x[k], k, m)
s = sqrt(mean((x[j] - mu) ** 2, j, m) + eps)
t = sqrt(total(x[j] ** 2, j, m))
row = sqrt(total(u[i, j] ** 2, j, n) + eps)

ZERO = {
    "s² = σ² + ε": s**2 - mean((x[j] - mu) ** 2, j, m) - eps,
    "Σx² from s": total(x[j] ** 2, j, m) - m * (s**2 - eps) - total(x[j], j, m) ** 2 / m,
    "Σx²g_j inside a larger sum": Sum(x[j] ** 2 * g[k], (j, 1, m), (k, 1, m)) - t**2 * total(g[k], k, m),
    "s⁻¹ cleared": 1 / s - s / (mean((x[j] - mu) ** 2, j, m) + eps),
    "s⁻³": s**-3 - s / (mean((x[j] - mu) ** 2, j, m) + eps) ** 2,
    "a root with a row": total(u[i, j] ** 2, j, n) / row**2 + eps / row**2 - 1,
    "rows summed": Sum(u[i, j] ** 2 / row**2, (j, 1, n), (i, 1, m)) + total(eps / row**2, i, m) - m,
    "no component to eliminate": sqrt(a + b) ** 4 - a**2 - 2 * a * b - b**2,
    "two roots": (sqrt(a) - sqrt(b)) * (sqrt(a) + sqrt(b)) - a + b,
    "a root in a root": sqrt(1 + sqrt(1 + a)) ** 4 - 2 * sqrt(1 + a) - 2 - a,
    "third root": cbrt(a + b) ** 3 - a - b,
    "sixth from second and third": cbrt(a + b) * sqrt(a + b) - (a + b) ** Rational(5, 6),
    "reciprocals": 1 / (a - b) - (a + b) / (a**2 - b**2),
    "reciprocals of sums": 1 / (1 + 1 / total(x[j], j, m)) - total(x[j], j, m) / (total(x[j], j, m) + 1),
    "a number": sqrt(2) * sqrt(8) * a - 4 * a,
}
NOT_ZERO = {
    "Σx² − (Σx)²": total(x[j] ** 2, j, m) - total(x[j], j, m) ** 2,
    "s − √σ²": s - sqrt(s**2 - eps),
    "√(a²) − a": sqrt(a**2) - a,
    "row s at i and k": row**2 - total(u[k, j] ** 2, j, n) - eps,
    "m − n": m - n,
    "1": m / m,
}


def scope_of(*pairs):
    return Scope(Definitions(pairs), frozenset({"m", "n", "ε"}))


@pytest.mark.parametrize("expr", ZERO.values(), ids=ZERO)
def test_is_zero(expr):
    scope = scope_of()
    assert is_zero(scope, scope.poly(expr))


@pytest.mark.parametrize("expr", NOT_ZERO.values(), ids=NOT_ZERO)
def test_is_not_taken_for_zero(expr):
    scope = scope_of()
    assert not is_zero(scope, scope.poly(expr))


def test_a_relation_holds_for_an_intermediate_too():
    var = scalar("σ²")
    scope = scope_of((var, mean((x[j] - mu) ** 2, j, m)))
    assert is_zero(scope, scope.poly(total(x[j] ** 2, j, m) / m - mu**2 - var))
    assert is_zero(scope, scope.poly(var + eps - sqrt(var + eps) ** 2))
