"""Folding a gradient into its compact form: which lines it takes, which identities they use, what counts as short."""

import pytest
from sympy import Rational, S, Sum, exp, sqrt, symbols

from derive.closed_form import Identity, compact, known_sums_put_in, operations
from derive.derivation import Derivation
from derive.factoring import common_factor_out, factors_out, sums_joined
from derive.folds import definitions, denominators, folds, put_back
from derive.graph import build
from derive.kernel import Kernel, Refuted
from derive.layers.batchnorm import LAYER, eps, g, gamma, i, j, m, mu, var, x, xhat
from derive.layers.layer import Assignment, Layer, index, mean, scalar, size, tensor, total
from derive.terms import LARGEST_POWER, Term, divided, gathered, multiplied_out, shared_factor, terms, to_expr

GRAPH = build(LAYER)
KERNEL = Kernel((line.target, line.value) for line in LAYER.forward)
a, b, c = symbols("a b c")
k = index("k")
s = sqrt(var + eps)
G, H = total(g[j], j, m), total(g[j] * xhat[j], j, m)
X = total(g[j] * (x[j] - mu), j, m)

OPERATIONS = {
    "a name": (a, 0),
    "an element": (x[i], 0),
    "a + b": (a + b, 1),
    "a + b + c": (a + b + c, 2),
    "abc": (a * b * c, 2),
    "a²": (a**2, 1),
    "Σx": (total(x[j], j, m), 1),
    "Σxg": (total(x[j] * g[j], j, m), 2),
    "equal parts once": ((a + b) ** 2 + sqrt(a + b), 1 + 1 + 1 + 1),
    "e^a": (exp(a), 1),
    "the stated dx": (LAYER.gradients[2].value, 15),
}


@pytest.mark.parametrize(("expr", "number"), OPERATIONS.values(), ids=OPERATIONS)
def test_operations(expr, number):
    assert operations(expr) == number


KNOWN = {
    "Σ(x − μ) = 0": (a * total(x[j] - mu, j, m) + b, b, [S.Zero]),
    "Σx̂ = 0": (total(xhat[j], j, m) + b, b, [S.Zero]),
    "Σ(x − μ)² = mσ²": (total((x[j] - mu) ** 2, j, m) / s, m * var / s, [m * var]),
    "Σx = mμ": (a * total(x[j], j, m), a * m * mu, [m * mu]),
    "Σg stays": (G, G, []),
    "Σg(x − μ) stays": (X, X, []),
}


@pytest.mark.parametrize(("expr", "value", "right"), KNOWN.values(), ids=KNOWN)
def test_known_sums(expr, value, right):
    line = known_sums_put_in(expr, GRAPH, KERNEL.equal, (i,))
    assert line.value == value
    assert [identity.right for identity in line.identities] == right
    assert bool(line.rule) == bool(right)


def test_known_sums_are_judged_by_the_kernel_it_is_given():
    assert known_sums_put_in(total(x[j] - mu, j, m), GRAPH, lambda *_: False, (i,)).identities == ()


COMPACT = {
    "dx": (
        gamma * g[i] / s - gamma * G / (m * s) - gamma * (x[i] - mu) * X / (m * s**3),
        gamma / (m * s) * (m * g[i] - G - xhat[i] * H),
    ),
    "dσ²": (-gamma * X / (2 * s**3), -gamma * H / (2 * s**2)),
    "one term": (a * b, a * b),
    "nothing to gain": (G, G),
}


@pytest.mark.parametrize(("start", "end"), COMPACT.values(), ids=COMPACT)
def test_compact(start, end):
    lines = compact(start, GRAPH, KERNEL.equal, (i,))
    found = lines[-1].value if lines else start
    assert KERNEL.equal(found + g[i], end + g[i])
    assert operations(found) <= operations(end)
    for line in lines:
        assert KERNEL.equal(line.value + g[i], start + g[i])
        assert line.rule


def test_the_lines_of_batch_norm():
    derivation = Derivation(LAYER)
    rules = [step.rule for step in derivation.steps if step.part == "simplification"]
    assert rules == [
        "adjoints put in, constants taken out of the sums",
        "intermediates put back",
        "common factor taken out",
    ]
    (folded,) = (step for step in derivation.steps if step.rule == "intermediates put back")
    assert [why.identity for why in folded.because] == [Identity(x[i] - mu, s * xhat[i])]


# --- what is put back --------------------------------------------------------------------------------------------


def spread(expr):
    """The terms of a sum, with the brackets in them kept whole."""
    return [term for arg in expr.as_ordered_terms() for term in terms(arg, lambda _: True, frozenset({i}))]


def graph(*forward):
    """A graph of these lines, whose inputs are all that they read before it is defined."""
    targets = [target for target, _ in forward]
    inputs = (x[i], X[i, j], g[i], gamma, a, b, eps)
    upstream = tensor("h", *targets[-1].base.shape) if targets[-1].args else tensor("h", m)
    return build(Layer("layer", "", inputs, tuple(Assignment(*line) for line in forward), upstream, (), ""))


n = size("n")
X, q_i = tensor("X", m, n), tensor("q", m)
rho, q, r, p = (scalar(name) for name in ("ρ", "q", "r", "p"))
t, z = tensor("t", m), tensor("z", m)
NORM = graph((rho, sqrt(total(x[j] ** 2, j, m))), (t[i], x[i] / rho))
SQUARES = total(x[j] ** 2, j, m)
INVERSE = graph((q, mean(x[j] ** 2, j, m)), (r, 1 / sqrt(q + eps)), (t[i], x[i] * r))
SQUARED = graph((t[i], x[i] ** 2), (r, total(t[j], j, m)))
BETWEEN = graph((t[i], x[i] + g[i]), (z[i], exp(t[i])))
SCALED = graph((r, a * total(x[j] * g[j], j, m)), (t[i], r * x[i]))
ROWS = graph((q_i[i], total(X[i, k] ** 2, k, n)), (t[i], x[i] / q_i[i]), (z[i], x[i] * total(t[j], j, m)))


def with_all_put_back(expr, lines):
    """Every fold of the graph put back once, in order, whether or not it makes the expression shorter."""
    parts = spread(expr)
    for fold in folds(lines):
        parts = put_back(parts, fold, frozenset({i}))
    return to_expr(parts)


PUT_BACK = {
    "√Σx² = ρ": (NORM, 1 / sqrt(SQUARES), 1 / rho),
    "Σx² = ρ²": (NORM, a * SQUARES, a * rho**2),
    "(Σx²)^(−3/2) = ρ⁻³": (NORM, SQUARES ** Rational(-3, 2), rho**-3),
    "1/√(q + ε) = r": (INVERSE, 1 / sqrt(q + eps), r),
    "(q + ε)^(−3/2) = r³": (INVERSE, (q + eps) ** Rational(-3, 2), r**3),
    "inside a sum": (NORM, total(g[j] * x[j], j, m), rho * total(g[j] * t[j], j, m)),
    "at another index": (NORM, g[i] * x[k], rho * g[i] * t[k]),
    "x² = t": (SQUARED, x[i] ** 2 * g[i], t[i] * g[i]),
    "x⁻⁴ = t⁻²": (SQUARED, x[i] ** -4, t[i] ** -2),
    "x − μ = √(σ² + ε) x̂": (GRAPH, g[i] * (x[i] - mu), s * g[i] * xhat[i]),
    "x = √(σ² + ε) x̂ + μ": (GRAPH, g[i] * x[i], g[i] * s * xhat[i] + g[i] * mu),
    "x² by both of its terms": (GRAPH, x[i] ** 2, (var + eps) * xhat[i] ** 2 + 2 * s * xhat[i] * mu + mu**2),
    "aΣxg = r": (SCALED, a * total(g[j] * x[j], j, m), r),
}


@pytest.mark.parametrize(("lines", "expr", "expected"), PUT_BACK.values(), ids=PUT_BACK)
def test_put_back(lines, expr, expected):
    found = with_all_put_back(expr, lines)
    assert found == expected
    assert Kernel((node.target, node.value) for node in lines.intermediates).equal(found + g[i], expr + g[i])


LEFT_ALONE = {
    "|x| is not √t": (SQUARED, sqrt(x[i] ** 2) * x[i]),
    "x³ is not t^(3/2)": (SQUARED, x[i] ** 3),
    "⁴√(q + ε) is not 1/√r": (INVERSE, (q + eps) ** Rational(1, 4)),
    "1/x is not a sum": (BETWEEN, 1 / x[i]),
    "another sum": (NORM, 1 / sqrt(total(x[j] ** 4, j, m))),
    "a sum over the other index": (ROWS, sqrt(total(X[k, i] ** 2, k, m))),
    "the size": (graph((r, m * total(x[j] ** 2, j, m)), (t[i], r * x[i])), a * m),
}


@pytest.mark.parametrize(("lines", "expr"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_not_put_back(lines, expr):
    assert with_all_put_back(expr, lines) == to_expr(spread(expr))


def test_a_definition_with_a_sum_catches_no_index():
    (last, *_) = definitions(ROWS)
    assert to_expr(put_back(terms(z[j], none), last, frozenset({j}))) == x[j] * total(t[i], i, m)


DENOMINATORS = {
    "x̂ = y/γ": (graph((t[i], gamma * x[i])), g[i] * x[i] + g[i], False),
    "x̂ = y/γ where γ is divided by": (graph((t[i], gamma * x[i])), x[i] / gamma + g[i] / gamma**2, True),
    "Σxg = r/a": (SCALED, total(g[j] * x[j], j, m) + b, False),
    "√Σx² = ρ": (NORM, 1 / sqrt(SQUARES) + b, True),
    "x = ρt": (NORM, x[i] / rho + b, True),
}


@pytest.mark.parametrize(("lines", "expr", "may"), DENOMINATORS.values(), ids=DENOMINATORS)
def test_nothing_new_is_divided_by(lines, expr, may):
    parts = spread(expr)
    for fold in folds(lines):
        after = put_back(parts, fold, frozenset({i}))
        if after is not parts:
            assert fold.adds_no_denominator(denominators(parts), denominators(after)) == may
            return
    pytest.fail("nothing was put back")


NAMED = {
    "rows": (ROWS, total(X[i, k] ** 2, k, n) * a, a * q_i[i]),
    "aΣ is no multiple of the intermediate": (SCALED, b * total(x[j] * g[j], j, m), None),
    "m(m − 1)": (
        graph((r, total(x[j] ** 2, j, m) / (m - 1)), (t[i], r * x[i])),
        a * SQUARES,
        a * (m - 1) * r,
    ),
    "means of means": (
        graph((r, mean(mean(X[i, k], i, m), k, n)), (t[i], r * x[i])),
        Sum(X[i, k], (i, 1, m), (k, 1, n)),
        m * n * r,
    ),
    "a root of a negative is left": (
        graph((r, -total(x[j] ** 2, j, m)), (t[i], r * x[i])),
        a * sqrt(SQUARES),
        None,
    ),
    "an intermediate that is 0": (
        graph((mu, mean(x[j], j, m)), (t[i], x[i] - mu), (r, mean(t[j], j, m)), (z[i], t[i] - r)),
        a * r + b,
        b,
    ),
    "an intermediate that is not": (INVERSE, a * q + b, None),
}


@pytest.mark.parametrize(("lines", "expr", "expected"), NAMED.values(), ids=NAMED)
def test_sums_that_are_named(lines, expr, expected):
    kernel = Kernel((node.target, node.value) for node in lines.intermediates)
    line = known_sums_put_in(expr, lines, kernel.equal, (i,))
    assert line.value == (expr if expected is None else expected)
    assert bool(line.identities) == (expected is not None)


def test_a_wrong_opinion_of_the_kernel_ends_in_a_line_that_it_refutes():
    start = gamma * total((x[j] - mu) ** 2, j, m) / s + g[i]
    lines = compact(start, GRAPH, lambda *_: True, (i,))
    assert any(isinstance(KERNEL.decide(one.left, one.right), Refuted) for line in lines for one in line.identities)


# --- factoring ---------------------------------------------------------------------------------------------------

FACTORED = {
    "ab + ac + g": (a * b + a * c + g[i], a * (b + c) + g[i]),
    "two groups": (a * b + a * c + x[i] * g[i] + x[i] * b, a * (b + c) + x[i] * (g[i] + b)),
    "−ab − ac + g": (-a * b - a * c + g[i], -a * (b + c) + g[i]),
    "all share": (a * b + a * c, a * (b + c)),
    "a denominator of some": (a / c + b, a / c + b),
    "sizes stay": (m * g[i] + m * a + b, m * g[i] + m * a + b),
    "batch norm": (
        gamma * g[i] / s - gamma * G / (m * s) - gamma * xhat[i] * H / (m * s),
        gamma / (m * s) * (m * g[i] - G - xhat[i] * H),
    ),
    "one term": (a * b, a * b),
    "nothing": (S.Zero, S.Zero),
}


@pytest.mark.parametrize(("expr", "expected"), FACTORED.values(), ids=FACTORED)
def test_factors_of_groups(expr, expected):
    parts = terms(expr, none, frozenset({i}))
    for tried in (1, 3):
        found = factors_out(parts, tried=tried)
        assert (found - expected).expand() == 0
        assert operations(found) == operations(expected)
        assert operations(found) <= operations(common_factor_out(parts))


XG = total(x[j] * g[j], j, m)
JOINED = {
    "Σa + Σb": (XG - 2 * G, total(g[j] * (x[j] - 2), j, m), False),
    "what is in front goes in": (XG - a * G, total(g[j] * (x[j] - a), j, m), False),
    "a size in front": (m * XG - G, total(g[j] * (m * x[j] - 1), j, m), False),
    "what all have stays out": (a * XG - a * G, a * total(g[j] * (x[j] - 1), j, m), False),
    "not with another index in front": (x[i] * XG - G, x[i] * XG - G, False),
    "not over other sizes": (XG + total(X[i, j], j, n), XG + total(X[i, j], j, n), False),
    "not a product of sums": (XG * G + G, XG * G + G, False),
    "a sum inside": (
        total(x[j] * total(X[j, k], k, n), j, m) + Sum(X[j, k], (k, 1, n), (j, 1, m)),
        Sum(X[j, k] * (1 + x[j]), (j, 1, m), (k, 1, n)),
        True,
    ),
}


@pytest.mark.parametrize(("expr", "expected", "flat"), JOINED.values(), ids=JOINED)
def test_sums_joined(expr, expected, flat):
    parts = spread(expr)
    found = sums_joined(parts, frozenset({i}), flat=flat)
    assert len(found) <= len(parts)
    assert operations(to_expr(found)) == operations(expected)
    assert Kernel().equal(to_expr(found) + g[i], expr + g[i])
    assert (len(found) == len(parts)) == (expr == expected)


APART = {
    "a(x − μ)": (a * (x[i] - mu), a * x[i] - a * mu),
    "in a sum": (total(g[j] * (x[j] - mu), j, m), XG - mu * G),
    "half beside the other": (a * s + b / s, (a * var + a * eps + b) / s),
    "half alone": (a * s + b, None),
    "under a root": (a / s, None),
    "no bracket": (a * b, None),
    "too large a power": ((a + b) ** (LARGEST_POWER + 1), None),
}


@pytest.mark.parametrize(("expr", "expected"), APART.values(), ids=APART)
def test_brackets_multiplied_out(expr, expected):
    parts = spread(expr)
    if expr.is_Pow and expr.exp.is_Integer:
        parts = [Term(S.One, {expr.base: expr.exp})]
    apart = multiplied_out(parts, frozenset({i}))
    assert (apart is parts) == (expected is None)
    if expected is not None:
        assert (to_expr(apart) - expected).expand() == 0


# --- terms -------------------------------------------------------------------------------------------------------


def none(_):
    return False


TERMS = {
    "(a + b)²": ((a + b) ** 2, a**2 + 2 * a * b + b**2),
    "a(b + c)": (a * (b + c), a * b + a * c),
    "Σ2a(x + 1)": (total(2 * a * (x[j] + 1), j, m), 2 * a * total(x[j], j, m) + 2 * a * m),
    "ΣΣ": (total(x[j] * total(x[k], k, m), j, m), total(x[j], j, m) ** 2),
    "1/(2a)": (1 / (2 * a), 1 / (2 * a)),
    "√(a + b)³": (sqrt(a + b) ** 3, (a + b) ** (S(3) / 2)),
    "a − a": (a + b - a, b),
    "0": (S.Zero, S.Zero),
}


@pytest.mark.parametrize(("expr", "expected"), TERMS.values(), ids=TERMS)
def test_terms_are_the_expression_multiplied_out(expr, expected):
    assert to_expr(terms(expr, none, frozenset({i}))) == expected


def test_a_bracket_can_be_kept():
    kept = terms(a * (x[i] - mu) ** 2, lambda part: part == x[i] - mu)
    assert [dict(term.factors) for term in kept] == [{a: 1, x[i] - mu: 2}]


def test_equal_terms_are_added():
    assert gathered([Term(S.One, {a: S.One}), Term(S(-1), {a: S.One})]) == []


def test_the_shared_factor_divides_every_term():
    parts = terms(6 * a * b / c - 4 * a**2 / c**3, none)
    shared = shared_factor(parts)
    assert shared.to_expr() == 2 * a / c**3
    assert to_expr(divided(part, shared) for part in parts) == 3 * b * c**2 - 2 * a


def test_what_is_shared_can_leave_denominators():
    shared = shared_factor(terms(a * b / c + a / c**2, none), clear=False)
    assert shared.to_expr() == a / c


def test_a_sum_over_two_indices_comes_apart():
    apart = terms(Sum(x[j] * g[k], (j, 1, m), (k, 1, m)), none, frozenset({i}))
    assert to_expr(apart) == total(x[j], j, m) * total(g[j], j, m)
