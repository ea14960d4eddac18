"""Local derivatives, rule by rule: compared with a hand-written result and with dual numbers at a point."""

from fractions import Fraction
from itertools import product

import pytest
from sympy import (
    Abs,
    KroneckerDelta,
    Max,
    Min,
    Pow,
    Rational,
    S,
    Sum,
    Symbol,
    cbrt,
    cos,
    erf,
    exp,
    gamma,
    log,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
)

from derive.calculus import RULES, collapsed, differentiate, rules_used
from derive.errors import LayerError
from derive.kernel import Kernel, partial
from derive.layers.layer import index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k, p = (index(letter) for letter in "ijkp")
x, g, u, F = tensor("x", m), tensor("g", m), tensor("u", m, n), tensor("F", m)
a, b, mu, var = scalar("a"), scalar("b"), scalar("μ"), scalar("σ²")
eps = positive("ε")
s = sqrt(var + eps)


def delta(left, right):
    return KroneckerDelta(left, right)


CASES = {
    "another name": (b * x[i], a, S.Zero),
    "a": (a, a, S.One),
    "x_i by x_j": (x[i], x[j], delta(i, j)),
    "u_ip by u_jp": (u[i, p], u[j, p], delta(i, j)),
    "sum": (a + 3 * b, b, S(3)),
    "product of three": (a * b * a**2 + a * x[i], a, 3 * a**2 * b + x[i]),
    "aab": (a * (a + b) * exp(a), a, (a + b) * exp(a) + a * exp(a) + a * (a + b) * exp(a)),
    "power": ((a + b) ** 5, a, 5 * (a + b) ** 4),
    "reciprocal": (1 / (a**2 + b), a, -2 * a / (a**2 + b) ** 2),
    "root": (sqrt(a**2 + eps), a, a / sqrt(a**2 + eps)),
    "third root": (cbrt(a**2 + eps), a, Rational(2, 3) * a * (a**2 + eps) ** Rational(-2, 3)),
    "exp": (exp(a**2), a, 2 * a * exp(a**2)),
    "log": (log(a**2 + 1), a, 2 * a / (a**2 + 1)),
    "x̂ by x": ((x[i] - mu) / s, x[j], delta(i, j) / s),
    "x̂ by μ": ((x[i] - mu) / s, mu, -1 / s),
    "x̂ by σ²": ((x[i] - mu) / s, var, -(x[i] - mu) / (2 * s**3)),
    "mean": (mean(x[k], k, m), x[j], 1 / m),
    "variance by x": (mean((x[k] - mu) ** 2, k, m), x[j], 2 * (x[j] - mu) / m),
    "variance by μ": (mean((x[k] - mu) ** 2, k, m), mu, -2 * mean(x[k] - mu, k, m)),
    "Σ bound by the free letter": (total(g[j] * x[j], j, m), x[j], g[j]),
    "x_i Σ_j with j free": (x[i] * total(x[j], j, m), x[j], delta(i, j) * total(x[k], k, m) + x[i]),
    "a shadowed letter": (total(x[i] * total(x[i], i, m), i, m), x[j], 2 * total(x[k], k, m)),
    "ΣΣ": (Sum(u[i, k] * x[i], (i, 1, m), (k, 1, n)), u[j, p], x[j]),
    "ΣΣ of one tensor": (
        Sum(x[i] * x[k] * g[i], (i, 1, m), (k, 1, m)),
        x[j],
        g[j] * total(x[k], k, m) + total(x[k] * g[k], k, m),
    ),
    "Σ in a root": (sqrt(total(x[k] ** 2, k, m) + eps), x[j], x[j] / sqrt(total(x[k] ** 2, k, m) + eps)),
    "softmax": (
        exp(x[i]) / total(exp(x[k]), k, m),
        x[j],
        delta(i, j) * exp(x[i]) / total(exp(x[k]), k, m) - exp(x[i]) * exp(x[j]) / total(exp(x[k]), k, m) ** 2,
    ),
    "δ in a sum": (total((1 - delta(i, k)) * x[k] ** 2, k, m), x[j], 2 * (1 - delta(i, j)) * x[j]),
    "row": (total(u[i, k] ** 2, k, n), u[j, p], 2 * delta(i, j) * u[i, p]),
}


@pytest.mark.parametrize(("expr", "wrt", "slope"), CASES.values(), ids=CASES)
def test_derivative(expr, wrt, slope):
    found = differentiate(expr, wrt)
    assert Kernel().equal(found + x[i] * x[j] + u[k, p], slope + x[i] * x[j] + u[k, p])


@pytest.mark.parametrize(("expr", "wrt", "slope"), CASES.values(), ids=CASES)
def test_derivative_at_a_point(expr, wrt, slope, independent):
    """Dual numbers through `expr`, the value of the derivative, and that of the hand-written result."""
    sizes = {"m": 3, "n": 2}
    values = {("x", (place,)): Fraction(place**2, 2) for place in (1, 2, 3)}
    values |= {("g", (place,)): Fraction(5 - 3 * place, 3) for place in (1, 2, 3)}
    values |= {("u", place): Fraction(place[0] * 2 - 3 * place[1]) for place in product((1, 2, 3), (1, 2))}
    values |= {(name, ()): Fraction(value) for name, value in {"a": 2, "b": 3, "μ": 1, "σ²": 3, "ε": 1}.items()}
    world = independent.World(independent.definitions_of([(Symbol("F"), expr)]), sizes, values, exact=False)
    for at in product(*[range(1, 3)] * 4):
        where = tuple(zip("ijkp", at, strict=True))
        inner = independent.World({}, sizes, values, exact=False)
        found, expected = (independent.evaluate(one, inner, where) for one in (differentiate(expr, wrt), slope))
        dual = tangent(independent, expr, wrt, world, dict(where))
        assert abs(found - expected) < 1e-40
        assert abs(found - dual) < 1e-40


def tangent(independent, expr, wrt, world, at):
    """∂expr/∂wrt by dual numbers: `expr` as the definition of a tensor over every free letter."""
    name, letters = tensor("F", m, m, m, n), (i, j, k, p)
    definitions = {"F": (tuple(letter.name for letter in letters), expr)}
    world = independent.World(definitions, world.sizes, world.values, exact=False)
    return independent.evaluate(partial(name[letters], wrt), world, at.items())


FUNCTIONS = {
    "|x|": (Abs(x[i] ** 2 - a), 2 * x[i] * sign(x[i] ** 2 - a)),
    "sign": (x[i] * sign(x[i] - a), sign(x[i] - a)),
    "tanh": (tanh(a * x[i]), a * (1 - tanh(a * x[i]) ** 2)),
    "erf": (erf(x[i] / 2), exp(-(x[i] ** 2) / 4) / sqrt(pi)),
    "sin": (sin(x[i] ** 2), 2 * x[i] * cos(x[i] ** 2)),
    "cos": (cos(a * x[i]), -a * sin(a * x[i])),
    "max": (Max(a * x[i], b), a * (1 + sign(a * x[i] - b)) / 2),
    "min": (Min(a * x[i], b), a * (1 - sign(a * x[i] - b)) / 2),
    "max of three": (Max(x[i], a, 2 * x[i] - 1), None),
}


@pytest.mark.parametrize(("expr", "slope"), FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("point", [-1.7, 0.3, 1.1, 2.9])
def test_derivative_of_a_function_at_a_point(expr, slope, point):
    """By central differences, and by the hand-written result."""
    values = {a: 1.3, b: 0.4}
    found = differentiate(expr, x[j]).subs(KroneckerDelta(i, j), 1)

    def at(value, formula):
        return float(formula.subs(x[i], value).subs(values))

    assert at(point, found) == pytest.approx((at(point + 1e-6, expr) - at(point - 1e-6, expr)) / 2e-6, abs=1e-7)
    assert slope is None or at(point, slope) == pytest.approx(at(point, found))


RULE_NAMES = {
    "constant factor": (3 * a, a, ("constant factor", "∂v/∂v = 1")),
    "product": (a * (a + 1), a, ("product rule", "∂v/∂v = 1", "sum rule")),
    "power": ((x[i] - mu) ** 2, x[j], ("power rule", "sum rule")),
    "Σ": (mean(x[k], k, m), x[j], ("constant factor", "derivative inside Σ")),
    "nothing": (b, a, ()),
}


@pytest.mark.parametrize(("expr", "wrt", "names"), RULE_NAMES.values(), ids=RULE_NAMES)
def test_rules_used(expr, wrt, names):
    used = rules_used(expr, wrt)
    assert set(used) <= set(names)
    assert used[:1] == names[:1]
    assert len(set(used)) == len(used)


def test_every_rule_has_a_name_of_its_own():
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        pytest.param(sinh(a), "There is no derivative rule for sinh.", id="sinh"),
        pytest.param(b + 2 * gamma(a) ** 2, "There is no derivative rule for gamma.", id="inside"),
        pytest.param(a**b, "There is no derivative rule for the power a**b.", id="symbolic exponent"),
        pytest.param(Pow(2, a), "There is no derivative rule for the power 2**a.", id="exponent"),
    ],
)
def test_what_has_no_rule_says_so(expr, message):
    with pytest.raises(LayerError) as told:
        differentiate(expr, a)
    assert str(told.value).startswith(message)


def test_what_does_not_depend_on_it_needs_no_rule():
    assert differentiate(sinh(b), a) == 0


COLLAPSED = {
    "Σδf = f": (Sum(delta(i, j) * x[j] * g[j], (j, 1, m)), x[i] * g[i]),
    "Σδ = 1": (Sum(delta(i, j), (j, 1, m)), S.One),
    "constants in front": (Sum(a * x[j], (j, 1, m)), a * Sum(x[j], (j, 1, m))),
    "Σ1 = m": (Sum(a, (j, 1, m)), a * m),
    "δ in a bracket": (Sum((delta(i, j) - 1 / m) * x[j], (j, 1, m)), x[i] - Sum(x[j], (j, 1, m)) / m),
    "two δ": (Sum(delta(i, j) * delta(k, j) * x[j], (j, 1, m)), delta(i, k) * x[i]),
    "ΣΣδ": (Sum(delta(j, k) * x[j] * g[k], (j, 1, m), (k, 1, m)), Sum(x[k] * g[k], (k, 1, m))),
    "no capture": (Sum(delta(i, j) * x[j] * Sum(g[i], (i, 1, m)), (j, 1, m)), x[i] * Sum(g[k], (k, 1, m))),
    "δ²": (Sum(delta(i, j) ** 2 * x[j], (j, 1, m)), x[i]),
}


@pytest.mark.parametrize(("expr", "expected"), COLLAPSED.values(), ids=COLLAPSED)
def test_sums_over_a_delta(expr, expected):
    found = collapsed(expr)
    assert Kernel().equal(found + x[i] + x[k], expected + x[i] + x[k])
    assert len(found.atoms(Sum)) <= len(expected.atoms(Sum))
