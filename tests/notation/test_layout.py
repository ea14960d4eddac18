"""How formulas look: a table of expressions with the text and the LaTeX a mathematician would write."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from sympy import (
    Abs,
    Add,
    Derivative,
    Expr,
    Float,
    Function,
    I,
    Idx,
    IndexedBase,
    KroneckerDelta,
    Max,
    Mul,
    Piecewise,
    Pow,
    Product,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    oo,
    pi,
    sqrt,
)

from derive.notation import Notation, equation_latex, equation_text, latex, text, tree

m, n = (Symbol(name, integer=True, positive=True) for name in "mn")
i, j, k = (Symbol(name, integer=True) for name in "ijk")
x, g, xhat = (IndexedBase(name) for name in ("x", "g", "x̂"))
gamma, beta, mu, var = (Symbol(name) for name in ("γ", "β", "μ", "σ²"))
eps = Symbol("ε", positive=True)
s = sqrt(var + eps)
dxhat, dy = IndexedBase("∂L/∂x̂"), IndexedBase("∂L/∂y")


def total(term: Expr, over: Symbol = j, size: Expr = m) -> Sum:
    return Sum(term, (over, 1, size))


BATCH_NORM = [
    (total(x[j]) / m, "(1/m) Σ_j x_j", r"\frac{1}{m} \sum_{j=1}^{m} x_{j}"),
    (
        total((x[j] - mu) ** 2) / m,
        "(1/m) Σ_j (x_j − μ)²",
        r"\frac{1}{m} \sum_{j=1}^{m} \left( x_{j} - \mu \right)^{2}",
    ),
    ((x[i] - mu) / s, "(x_i − μ)/√(σ² + ε)", r"\frac{x_{i} - \mu}{\sqrt{\sigma^{2} + \epsilon}}"),
    (gamma * xhat[i] + beta, "γ x̂_i + β", r"\gamma \hat{x}_{i} + \beta"),
    (total(g[j] * xhat[j]), "Σ_j g_j x̂_j", r"\sum_{j=1}^{m} g_{j} \hat{x}_{j}"),
    (
        gamma / (m * s) * (m * g[i] - total(g[j]) - xhat[i] * total(g[j] * xhat[j])),
        "γ/(m√(σ² + ε)) (m g_i − Σ_j g_j − x̂_i Σ_j g_j x̂_j)",
        (
            r"\frac{\gamma}{m \sqrt{\sigma^{2} + \epsilon}} \left( m g_{i} - \sum_{j=1}^{m} g_{j}"
            r" - \hat{x}_{i} \sum_{j=1}^{m} g_{j} \hat{x}_{j} \right)"
        ),
    ),
    (
        -gamma * total(g[j] * (x[j] - mu)) / (2 * s**3),
        "−γ/(2(σ² + ε)^(3/2)) Σ_j g_j (x_j − μ)",
        (
            r"-\frac{\gamma}{2 \left( \sigma^{2} + \epsilon \right)^{3/2}}"
            r" \sum_{j=1}^{m} g_{j} \left( x_{j} - \mu \right)"
        ),
    ),
]

DERIVATIVES = [
    (
        dxhat[i] / s,
        "(1/√(σ² + ε)) ∂L/∂x̂_i",
        r"\frac{1}{\sqrt{\sigma^{2} + \epsilon}} \frac{\partial L}{\partial \hat{x}_{i}}",
    ),
    (
        total(dy[j] * xhat[j]),
        "Σ_j (∂L/∂y_j) x̂_j",
        r"\sum_{j=1}^{m} \frac{\partial L}{\partial y_{j}} \hat{x}_{j}",
    ),
    (
        IndexedBase("∂σ²/∂x")[i] * Symbol("∂L/∂σ²"),
        "∂L/∂σ² ∂σ²/∂x_i",
        r"\frac{\partial L}{\partial \sigma^{2}} \frac{\partial \sigma^{2}}{\partial x_{i}}",
    ),
    (
        IndexedBase("∂x̂/∂x")[i] * dxhat[i],
        "∂L/∂x̂_i ∂x̂_i/∂x_i",
        r"\frac{\partial L}{\partial \hat{x}_{i}} \frac{\partial \hat{x}_{i}}{\partial x_{i}}",
    ),
    (gamma * dy[i], "γ ∂L/∂y_i", r"\gamma \frac{\partial L}{\partial y_{i}}"),
    (dy[i] ** 2, "(∂L/∂y_i)²", r"\left( \frac{\partial L}{\partial y_{i}} \right)^{2}"),
]

FRACTIONS_AND_POWERS = [
    (-mu / 2, "−μ/2", r"-\frac{\mu}{2}"),
    (Rational(-3, 2), "−3/2", r"-\frac{3}{2}"),
    (-total(x[j]) / 2, "−(1/2) Σ_j x_j", r"-\frac{1}{2} \sum_{j=1}^{m} x_{j}"),
    (2 * (x[i] - mu) / m, "2(x_i − μ)/m", r"\frac{2 \left( x_{i} - \mu \right)}{m}"),
    (total(g[j]) / (m - 1), "1/(m − 1) Σ_j g_j", r"\frac{1}{m - 1} \sum_{j=1}^{m} g_{j}"),
    (var**3, "(σ²)³", r"\left( \sigma^{2} \right)^{3}"),
    (x[i] ** 2, "x_i²", r"x_{i}^{2}"),
    (x[i] ** (-k), "1/x_i^k", r"\frac{1}{x_{i}^{k}}"),
    (x[i] ** (m + 1), "x_i^(m + 1)", r"x_{i}^{m + 1}"),
    (sqrt(m) * x[i], "√(m) x_i", r"\sqrt{m} x_{i}"),
    (2 * sqrt(m), "2√m", r"2 \sqrt{m}"),
    (2**k * 3, "3·2^k", r"3 \cdot 2^{k}"),
    (Pow(2, 3, evaluate=False), "2³", r"2^{3}"),
    (exp(x[i]) / total(exp(x[j])), "e^(x_i)/(Σ_j e^(x_j))", r"\frac{e^{x_{i}}}{\sum_{j=1}^{m} e^{x_{j}}}"),
    (exp(Symbol("e")), "exp(e)", r"\exp\left( e \right)"),
    (3 * log(x[i]), "3 log(x_i)", r"3 \log\left( x_{i} \right)"),
    (Abs(x[i]), "abs(x_i)", r"\left| x_{i} \right|"),
    (Max(x[i], 0, mu), "max(0, μ, x_i)", r"\max\left( 0, \mu, x_{i} \right)"),
    (Function("f")(x[i], mu), "f(x_i, μ)", r"f\left( x_{i}, \mu \right)"),
    (pi * x[i], "π x_i", r"\pi x_{i}"),
    (Float("0.25") * mu, "0.25μ", r"0.25 \mu"),
    (Float("1.5e-9") * mu, "1.5·10⁻⁹ μ", r"1.5 \cdot 10^{-9} \mu"),
]

SUMS = [
    (total(x[j]) ** 2, "(Σ_j x_j)²", r"\left( \sum_{j=1}^{m} x_{j} \right)^{2}"),
    (total(x[j]) * x[i], "x_i Σ_j x_j", r"x_{i} \sum_{j=1}^{m} x_{j}"),
    (total(x[j]) * total(g[k], k), "(Σ_j x_j) Σ_k g_k", None),
    (total(-2 * (x[j] - mu)) / m, "−(1/m) Σ_j 2(x_j − μ)", None),
    (Sum(x[i, j], (i, 1, m), (j, 1, n)), "Σ_j Σ_i x_ij", r"\sum_{j=1}^{n} \sum_{i=1}^{m} x_{ij}"),
    (Sum(x[j], (j, 2, m)), "Σ_{j=2..m} x_j", r"\sum_{j=2}^{m} x_{j}"),
    (Sum(x[Idx("j")], (Idx("j"), 1, m)), "Σ_j x_j", r"\sum_{j=1}^{m} x_{j}"),
    (total(Symbol("j") * x[j]), "Σ_k j x_k", r"\sum_{k=1}^{m} j x_{k}"),
]

ORDER = [
    (1 - 1 / m, "1 − 1/m", r"1 - \frac{1}{m}"),
    (m - 1, "m − 1", r"m - 1"),
    (m + 1, "m + 1", r"m + 1"),
    (var + eps, "σ² + ε", r"\sigma^{2} + \epsilon"),
    (mu - x[i], "μ − x_i", r"\mu - x_{i}"),
    (-mu - x[i], "−x_i − μ", r"-x_{i} - \mu"),
    (gamma * (-mu - x[i]), "−γ (x_i + μ)", r"-\gamma \left( x_{i} + \mu \right)"),
    (total(x[j]) - m * mu, "Σ_j x_j − m μ", r"\sum_{j=1}^{m} x_{j} - m \mu"),
    (1 - 1 / m - xhat[i] ** 2 / m, "1 − 1/m − x̂_i²/m", None),
    (KroneckerDelta(i, j) - 1 / m, "δ_ij − 1/m", r"\delta_{ij} - \frac{1}{m}"),
    (g[i] * (1 - 1 / m), "g_i (1 − 1/m)", None),
    (Mul(2, 3, evaluate=False), "6", "6"),
]


@pytest.mark.parametrize(
    ("expr", "as_text", "as_latex"), BATCH_NORM + DERIVATIVES + FRACTIONS_AND_POWERS + SUMS + ORDER
)
def test_layout(expr: Expr, as_text: str, as_latex: str | None) -> None:
    assert text(expr) == as_text
    assert as_latex is None or latex(expr) == as_latex


def test_a_sum_under_a_sigma_is_bracketed() -> None:
    assert text(total(g[j] + x[j])) == "Σ_j (g_j + x_j)"


def test_equations_share_what_they_know_of_names() -> None:
    left, right = IndexedBase("∂σ²/∂x")[i], 2 * (x[i] - mu) / m + 0 * var
    assert equation_text(Symbol("σ²"), left) == "σ² = ∂σ²/∂x_i"
    assert equation_latex(x[i], right) == r"x_{i} = \frac{2 \left( x_{i} - \mu \right)}{m}"


def test_order_does_not_depend_on_the_order_given() -> None:
    terms = [m * g[i], -total(g[j]), -xhat[i] * total(g[j] * xhat[j])]
    printed = {text(Add(*order, evaluate=False)) for order in (terms, terms[::-1], terms[1:] + terms[:1])}
    assert printed == {"m g_i − Σ_j g_j − x̂_i Σ_j g_j x̂_j"}


@pytest.mark.parametrize(
    "expr",
    [Derivative(x[i], x[i]), Piecewise((1, mu > 0), (2, True)), I * mu, oo, mu > 0, Product(x[i], (i, 1, m)), "x"],
)
def test_what_has_no_notation_is_a_type_error(expr: Any) -> None:
    with pytest.raises(TypeError, match="There is no notation for"):
        text(expr)


def test_a_tree_prints_as_it_is() -> None:
    formula = tree(BATCH_NORM[5][0])
    assert text(formula) == BATCH_NORM[5][1]
    assert Notation().tree(formula) is formula


def test_printing_takes_under_a_millisecond() -> None:
    def seconds() -> float:
        start = perf_counter()
        text(BATCH_NORM[5][0])
        return perf_counter() - start

    assert min(seconds() for _ in range(20)) < 1e-3
