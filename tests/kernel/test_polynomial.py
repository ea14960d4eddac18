"""Arithmetic of the normal form: components are canonical, δ collapses, parts that do not hang together come apart."""

from fractions import Fraction

import pytest

from derive.kernel import polynomial as pl
from derive.kernel.language import Unsupported

X, G = ("x", "i:m"), ("g", "i:m")


def count(label):
    return pl.constant(int(label)) if label.isdigit() else pl.variable((label,))


def product(*polys):
    result = pl.constant(1)
    for poly in polys:
        result = pl.multiply(result, poly)
    return result


def sigma(poly, *indices):
    for one in indices:
        poly = pl.bind(poly, one, count)
    return poly


def x(letter):
    return pl.variable(("x", f"{letter}:m"))


def g(letter):
    return pl.variable(("g", f"{letter}:m"))


def delta(left, right):
    return pl.variable((pl.DELTA, *sorted((left, right))))


EQUAL = {
    "1 − 1 = 0": (pl.subtract(pl.constant(1), pl.constant(1)), {}),
    "0·x = 0": (pl.scale(x("i"), 0), {}),
    "x + x = 2x": (pl.add(x("i"), x("i")), pl.scale(x("i"), 2)),
    "x/x = 1": (product(x("i"), pl.variable(X, -1)), pl.constant(1)),
    "x³ by power": (pl.power(x("i"), 3), pl.variable(X, 3)),
    "power 0": (pl.power(x("i"), 0), pl.constant(1)),
    "total of three": (pl.total([x("i"), g("i"), pl.scale(x("i"), -1)]), g("i")),
    "Σ_j x_j = Σ_k x_k": (sigma(x("j"), "j:m"), sigma(x("k"), "k:m")),
    "Σ 1 = m": (sigma(pl.constant(1), "j:m"), pl.variable(("m",))),
    "Σ 1 = 3": (sigma(pl.constant(1), "j:3"), pl.constant(3)),
    "Σ_j x_i = m x_i": (sigma(x("i"), "j:m"), product(pl.variable(("m",)), x("i"))),
    "Σ_j x_i x_j = x_i Σx": (sigma(product(x("i"), x("j")), "j:m"), product(x("i"), sigma(x("j"), "j:m"))),
    "ΣΣ x_j x_k = (Σx)²": (sigma(product(x("j"), x("k")), "j:m", "k:m"), pl.power(sigma(x("j"), "j:m"), 2)),
    "ΣΣ in either order": (
        sigma(product(x("j"), g("k"), pl.variable(("u", "j:m", "k:m"))), "j:m", "k:m"),
        sigma(product(x("k"), g("j"), pl.variable(("u", "k:m", "j:m"))), "j:m", "k:m"),
    ),
    "Σ_j x_j/x_j = m": (sigma(product(x("j"), pl.variable(("x", "j:m"), -1)), "j:m"), pl.variable(("m",))),
    "Σ_j δ_ij x_j = x_i": (sigma(product(delta("i:m", "j:m"), x("j")), "j:m"), x("i")),
    "Σ_j δ_ij = 1": (sigma(delta("i:m", "j:m"), "j:m"), pl.constant(1)),
    "ΣΣ δ_jk x_j g_k = Σ xg": (
        sigma(product(delta("j:m", "k:m"), x("j"), g("k")), "j:m", "k:m"),
        sigma(product(x("j"), g("j")), "j:m"),
    ),
    "ΣΣ δ_jk = m": (sigma(delta("j:m", "k:m"), "j:m", "k:m"), pl.variable(("m",))),
    "rename goes into components": (
        pl.rename(sigma(pl.variable(("u", "i:m", "j:m")), "j:m"), {"i:m": "k:m"}),
        sigma(pl.variable(("u", "k:m", "j:m")), "j:m"),
    ),
    "i ↔ k at once": (pl.rename(product(x("i"), g("k")), {"i:m": "k:m", "k:m": "i:m"}), product(x("k"), g("i"))),
    "rename to one index": (pl.rename(product(x("i"), x("k")), {"k:m": "i:m"}), pl.variable(X, 2)),
    "δ_ij x_j = δ_ij x_i": (
        pl.settle_deltas(product(delta("i:m", "j:m"), x("j"))),
        pl.settle_deltas(product(delta("i:m", "j:m"), x("i"))),
    ),
    "δ_ij δ_jk chains": (
        pl.settle_deltas(product(delta("i:m", "j:m"), delta("j:m", "k:m"), x("k"))),
        pl.settle_deltas(product(delta("i:m", "k:m"), delta("i:m", "j:m"), x("i"))),
    ),
    "δ² = δ": (pl.settle_deltas(pl.power(delta("i:m", "j:m"), 2)), delta("i:m", "j:m")),
    "δ_ii = 1": (pl.settle_deltas(delta("i:m", "i:m")), pl.constant(1)),
    "δ_12 = 0": (pl.settle_deltas(delta("#1", "#2")), {}),
    "δ_11 = 1": (pl.settle_deltas(delta("#1", "#1")), pl.constant(1)),
}


@pytest.mark.parametrize(("left", "right"), EQUAL.values(), ids=EQUAL)
def test_is_the_same_polynomial(left, right):
    assert left == right


DIFFERENT = {
    "Σx² and (Σx)²": (sigma(pl.variable(("x", "j:m"), 2), "j:m"), pl.power(sigma(x("j"), "j:m"), 2)),
    "Σ over m and over n": (sigma(pl.variable(("x", "j:m")), "j:m"), sigma(pl.variable(("x", "j:n")), "j:n")),
    "u and its transpose": (
        sigma(product(x("j"), pl.variable(("u", "j:m", "k:m")), g("k")), "j:m", "k:m"),
        sigma(product(x("j"), pl.variable(("u", "k:m", "j:m")), g("k")), "j:m", "k:m"),
    ),
    "x_1 and x_2": (pl.variable(("x", "#1")), pl.variable(("x", "#2"))),
    "two triangles and a hexagon": (
        sigma(
            product(*(pl.variable(("u", f"{a}:m", f"{b}:m")) for a, b in ("ab", "bc", "ca", "de", "ef", "fd"))),
            *(f"{letter}:m" for letter in "abcdef"),
        ),
        sigma(
            product(*(pl.variable(("u", f"{a}:m", f"{b}:m")) for a, b in ("ab", "bc", "cd", "de", "ef", "fa"))),
            *(f"{letter}:m" for letter in "abcdef"),
        ),
    ),
}


@pytest.mark.parametrize(("left", "right"), DIFFERENT.values(), ids=DIFFERENT)
def test_is_another_polynomial(left, right):
    assert left != right


def test_whole_coefficients_are_integers():
    assert type(next(iter(pl.scale(pl.constant(2), Fraction(1, 2)).values()))) is int


def test_free_indices_leave_dummies_out():
    poly = product(x("i"), sigma(product(x("j"), pl.variable(("u", "j:m", "k:n"))), "j:m"))
    assert pl.all_free_indices(poly) == {"i:m", "k:n"}
    assert pl.names_of(poly) == {"x", "u"}


@pytest.mark.parametrize(
    ("index", "dummy", "free"), [("\x01", True, False), ("#3", False, False), ("i:m", False, True)]
)
def test_three_kinds_of_index(index, dummy, free):
    assert (pl.is_dummy(index), pl.is_free(index)) == (dummy, free)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: sigma(delta("i:n", "j:m"), "j:m"), id="δ between ranges"),
        pytest.param(lambda: sigma(product(delta("#3", "j:m"), x("j")), "j:m"), id="δ with an element"),
        pytest.param(
            lambda: pl.multiply(
                {frozenset({((f"a{k}",), 1)}): 1 for k in range(300)},
                {frozenset({((f"b{k}",), 1)}): 1 for k in range(300)},
            ),
            id="too many terms",
        ),
        pytest.param(
            lambda: sigma(
                product(*(pl.variable(("u", f"k{n}:m", f"k{n + 1}:m")) for n in range(14))),
                *(f"k{n}:m" for n in range(15)),
            ),
            id="too many dummies",
        ),
        pytest.param(
            lambda: sigma(
                product(*(pl.variable(("u", "c:m", f"k{n}:m")) for n in range(9))),
                *(f"k{n}:m" for n in range(9)),
                "c:m",
            ),
            id="too many interchangeable dummies",
        ),
    ],
)
def test_limits_are_told(work):
    with pytest.raises(Unsupported):
        work()
