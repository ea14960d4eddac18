"""The search for a counterexample: smallest size first, small values, and reproducible."""

from fractions import Fraction

import pytest
from sympy import S, Sum, Symbol, exp, sqrt

from derive.kernel import Kernel, Proved, Refuted
from derive.kernel.language import Definitions
from derive.kernel.search import find, free_indices, question
from derive.layers.layer import index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = (index(letter) for letter in "ijk")
x, g, u = tensor("x", m), tensor("g", m), tensor("u", m, n)
a = scalar("a")
eps, mu, var = positive("ε"), scalar("μ"), scalar("σ²")
PAIRS = ((mu, mean(x[j], j, m)), (var, mean((x[j] - mu) ** 2, j, m)))

SMALLEST = {
    "a = 0": (a, S.Zero, {}, {"a": "1"}),
    "√(a²) = a": (sqrt(a**2), a, {}, {"a": "-1"}),
    "(Σx)² = Σx²": (total(x[j], j, m) ** 2, total(x[j] ** 2, j, m), {"m": 2}, {"x_1": "1", "x_2": "1"}),
    "σ² = Σ(x−μ)²": (var, total((x[j] - mu) ** 2, j, m), {"m": 2}, {"x_1": "0", "x_2": "1"}),
    "m = n": (m, n, {"m": 1, "n": 2}, {}),
    "(m−1)(m−2) = 0": ((m - 1) * (m - 2), S.Zero, {"m": 3}, {}),
    "1/ε = 1": (1 / eps, S.One, {}, {"ε": "2"}),
}


def named(values):
    return {"_".join((name, *map(str, place))): str(value) for name, place, value in values}


@pytest.mark.parametrize(("left", "right", "sizes", "values"), SMALLEST.values(), ids=SMALLEST)
def test_the_smallest_counterexample(left, right, sizes, values):
    found = Kernel(PAIRS).decide(left, right).counterexample
    assert dict(found.sizes) == sizes
    assert named(found.values) == values


def test_a_root_is_made_rational_by_what_is_added_under_it():
    verdict = Kernel(PAIRS).decide(1 / sqrt(var + eps), 1 / sqrt(var + 2 * eps))
    assert isinstance(verdict, Refuted)
    wrong = Kernel(PAIRS).decide(1 / sqrt(var + eps), 2 / sqrt(var + eps)).counterexample
    assert Fraction(wrong.right) == 2 * Fraction(wrong.left)


def test_without_a_rational_point_the_sides_are_intervals_that_do_not_meet():
    found = Kernel().decide(exp(exp(a)), exp(a)).counterexample
    assert found.left.startswith("≈ ")
    assert found.right.startswith("≈ ")
    assert abs(float(found.left[2:]) - float(found.right[2:])) > 1e-10


def test_every_element_of_a_free_index_is_looked_at():
    found = Kernel().decide(x[i], x[1]).counterexample
    assert dict(found.sizes) == {"m": 2}
    assert dict(found.at) == {"i": 2}


def test_the_same_question_has_the_same_answer():
    ask = question(total(x[j] * g[j], j, m), total(x[j], j, m) * total(g[j], j, m), Definitions())
    assert find(ask)[0] == find(ask)[0] is not None


@pytest.mark.parametrize(
    ("sides", "free"),
    [
        pytest.param((x[i],), {i: m}, id="one"),
        pytest.param((u[i, j],), {i: m, j: n}, id="two"),
        pytest.param((total(x[j], j, m),), {}, id="bound"),
        pytest.param((x[i], total(x[i], i, m)), {i: m}, id="free and bound"),
        pytest.param((x[i], Sum(u[j, i], (i, 1, n), (j, 1, m))), {i: m}, id="free, then bound with another size"),
        pytest.param((Sum(u[j, i], (i, 1, n), (j, 1, m)), x[i]), {i: m}, id="bound with another size, then free"),
        pytest.param((x[1],), {}, id="an element"),
    ],
)
def test_free_indices_and_their_sizes(sides, free):
    assert dict(free_indices(sides)) == free


def test_a_letter_bound_elsewhere_with_another_size():
    rows = Sum(u[j, i], (i, 1, n), (j, 1, m))
    assert isinstance(Kernel().decide(rows + x[i], x[i] + Sum(u[i, j], (i, 1, m), (j, 1, n))), Proved)
    assert isinstance(Kernel().decide(rows + x[i], x[i]), Refuted)


def test_values_stay_positive_where_they_are_declared_so():
    found = Kernel().decide(sqrt(eps) * a, a + 7 * Symbol("c")).counterexample
    assert {name: value for name, _, value in found.values}["ε"] > 0
