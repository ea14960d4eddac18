"""Trees: factors counted, differences found, letters renamed, formulas said the way programmers say them."""

import pytest
from sympy import Rational, exp, sqrt

from derive.layers.layer import index, mean, positive, size, tensor, total
from derive.notation import text, tree
from derive.notation.syntax import ONE, Addition, Fraction, Minus, Name, Number, Power, Product, Root, Summation
from derive.testing.variants.trees import (
    bracket_in,
    difference,
    exponents,
    free_letters,
    letters_in,
    quantities_in,
    relettered,
    short,
    tidied,
    with_part,
)

m, n = size("m"), size("n")
i, j, k = index("i"), index("j"), index("k")
x, g = tensor("x", m, n), tensor("g", m, n)
gamma, var = tensor("γ", n), tensor("σ²", n)
eps = positive("ε")
s = sqrt(var[j] + eps)

EXPONENTS = [
    (gamma[j] / (m * s), {"γ_j": 1, "m": -1, "√(σ²_j + ε)": -1}),
    ((var[j] + eps) ** Rational(-3, 2), {"√(σ²_j + ε)": -3}),
    (var[j] + eps, {"√(σ²_j + ε)": 2}),
    (-2 * x[i, j] / m, {"−1": 1, "2": 1, "x_ij": 1, "m": -1}),
    (x[i, j] ** 3, {"x_ij": 3}),
    (gamma[j] * total(x[k, j], k, m), {"γ_j": 1, "Σ_k x_kj": 1}),
    (exp(x[i, j]) * gamma[j], {"γ_j": 1, "e^(x_ij)": 1}),
]


@pytest.mark.parametrize(("expr", "expected"), EXPONENTS, ids=[str(expr) for expr, _ in EXPONENTS])
def test_the_factors_of_a_term_are_counted(expr, expected):
    assert {text(factor): power for factor, power in exponents(tree(expr)).items()} == expected


def test_two_signs_are_none():
    assert exponents(Minus(Minus(Name("x")))) == {Name("x"): 1}


SAID = [
    (m * g[i, j], "m·dy"),
    (x[i, j] * total(g[k, j] * x[k, j], k, m), "x·Σ dy·x"),
    (total(total(g[k, j], k, m), j, n), "Σ dy"),
    (x[i, j] / m + gamma[j] * g[i, j], "x/m + γ·dy"),
    (1 / s, "1/√(σ² + ε)"),
]


@pytest.mark.parametrize(("expr", "said"), SAID)
def test_a_formula_is_said_without_indices(expr, said):
    assert short(tree(expr), {Name("g"): "dy"}) == said


SUM = tree(gamma[j] * total(g[k, j] * x[k, j], k, m))


def test_letters_are_renamed_where_they_are_bound_too():
    assert text(relettered(SUM, {"k": "l", "j": "p"})) == "γ_p Σ_l g_lp x_lp"


def test_a_name_that_looks_like_an_index_is_left_alone():
    alone = Product((Name("k"), Name("x", indices=(Name("k"),))))
    assert text(relettered(alone, {"k": "l"})) == "k x_l"


def test_letters_and_quantities_are_told_apart():
    assert letters_in([SUM]) == ("j", "k")
    assert free_letters(SUM) == ("j",)
    assert [text(one) for one in quantities_in(SUM)] == ["γ_j", "g_kj", "x_kj"]


def test_one_of_two_equal_parts_is_replaced():
    first, second = Name("a", label="b"), Name("a", label="b")
    assert with_part(Product((first, second)), second, ONE) == Product((first, ONE))


DIFFERENCES = [
    (m * g[i, j] - x[i, j], m * g[i, j] - gamma[j], "x_ij", "γ_j"),
    (gamma[j] / s, gamma[j] / sqrt(var[j]), "σ²_j + ε", "σ²_j"),
    (x[i, j] ** 2 * gamma[j], x[i, j] ** 3 * gamma[j], "x_ij²", "x_ij³"),
    (mean(x[k, j], k, m), mean(g[k, j], k, m), "x_kj", "g_kj"),
]


@pytest.mark.parametrize(("old", "new", "was", "now"), DIFFERENCES)
def test_the_smallest_part_that_differs_is_found(old, new, was, now):
    way, one, other = difference(tree(old), tree(new))
    assert (text(one), text(other)) == (was, now)
    assert [part for _, part in way[:-1]] == [node for node, _ in way[1:]]


def test_what_edits_leave_behind_is_tidied():
    left = Fraction(Product((ONE, Product((Name("a"), ONE)), Name("b"))), Product((ONE, ONE)))
    assert tidied(left) == Product((Name("a"), Name("b")))


A, B = Name("a"), Name("b")
SUM_OF_TWO = Addition((A, B))
BRACKETS = [
    (SUM_OF_TWO, SUM_OF_TWO),
    (Product((A, SUM_OF_TWO)), SUM_OF_TWO),
    (Minus(Fraction(Product((Number("2"), SUM_OF_TWO)), B)), SUM_OF_TWO),
    (Fraction(A, SUM_OF_TWO), None),
    (Root(SUM_OF_TWO), None),
    (Power(SUM_OF_TWO, Number("2")), None),
    (Summation(Name("k"), ONE, B, SUM_OF_TWO), None),
]


@pytest.mark.parametrize(("formula", "bracket"), BRACKETS, ids=[text(formula) for formula, _ in BRACKETS])
def test_the_bracket_that_a_formula_is_a_multiple_of(formula, bracket):
    assert bracket_in(formula) == bracket
