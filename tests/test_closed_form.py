"""Folding a gradient into its compact form: which lines it takes, which identities they use, what counts as short."""

import pytest
from sympy import S, Sum, exp, sqrt, symbols

from derive.closed_form import Identity, compact, known_sums_put_in, operations
from derive.derivation import Derivation
from derive.graph import build
from derive.kernel import Kernel
from derive.layers.batchnorm import LAYER, eps, g, gamma, i, j, m, mu, var, x, xhat
from derive.layers.layer import index, total
from derive.terms import Term, divided, gathered, shared_factor, terms, to_expr

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
