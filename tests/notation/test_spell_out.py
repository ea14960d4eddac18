"""Formulas with every element written out: order kept, numbers put together, shadowed indices left alone."""

from __future__ import annotations

import pytest
from sympy import Expr, IndexedBase, KroneckerDelta, Sum, Symbol, sqrt

from derive.notation import latex, spell_out, text

m, n = (Symbol(name, integer=True, positive=True) for name in "mn")
i, j = (Symbol(name, integer=True) for name in "ij")
x, g, xhat = (IndexedBase(name) for name in ("x", "g", "x̂"))
gamma, var = Symbol("γ"), Symbol("σ²")
dx = gamma / (m * sqrt(var)) * (m * g[i] - Sum(g[j], (j, 1, m)) - xhat[i] * Sum(g[j] * xhat[j], (j, 1, m)))


@pytest.mark.parametrize(
    ("expr", "size", "printed"),
    [
        (Sum(g[j] * xhat[j], (j, 1, m)), 3, "g₁ x̂₁ + g₂ x̂₂ + g₃ x̂₃"),
        (Sum(x[j], (j, 1, m)) / m, 4, "(x₁ + x₂ + x₃ + x₄)/4"),
        (Sum(x[j], (j, 1, m)) / m, 1, "x₁"),
        (Sum(x[j] - g[i], (j, 1, m)), 2, "(x₁ − g₁) + (x₂ − g₁)"),
        (dx, 2, "γ/(2√(σ²)) (2g₁ − (g₁ + g₂) − x̂₁ (g₁ x̂₁ + g₂ x̂₂))"),
        (Sum(KroneckerDelta(i, j) * g[j], (j, 1, m)), 3, "g₁"),
        ((m - 1) * x[i] / m, 3, "2x₁/3"),
        (m**2 * x[i], 3, "9x₁"),
        (x[i] * Sum(x[i], (i, 1, m)), 2, "x₁ (x₁ + x₂)"),
        (Sum(x[j], (j, 1, n)), 2, "Σ_j x_j"),
        (IndexedBase("∂L/∂x")[i], 2, "∂L/∂x₁"),
        (Sum(x[i, j], (j, 1, m), (i, 1, m)), 2, "x₁₁ + x₁₂ + x₂₁ + x₂₂"),
    ],
)
def test_spelled_out(expr: Expr, size: int, printed: str) -> None:
    assert text(spell_out(expr, size, m, {i: 1})) == printed


def test_without_a_free_index_the_letter_stays() -> None:
    assert text(spell_out(x[i] * Sum(x[j], (j, 1, m)), 2, m)) == "x_i (x₁ + x₂)"
    assert latex(spell_out(Sum(x[j], (j, 1, m)) / m, 2, m)) == r"\frac{x_{1} + x_{2}}{2}"


@pytest.mark.parametrize("size", [0, -1, 9])
def test_only_a_handful_of_elements(size: int) -> None:
    with pytest.raises(ValueError, match="spelled out for 1 to 8"):
        spell_out(x[i], size, m)
