"""Long formulas on narrow screens."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from derive.write.wrap import columns, wrap

LONG = "∂L/∂x_i = γ/(m√(σ² + ε)) (m g_i − Σ_j g_j − x̂_i Σ_j g_j x̂_j) + β − (a + b) (c + d)"


def test_a_short_formula_is_one_line() -> None:
    assert wrap("x = y", 80) == ["x = y"]


def test_a_combining_hat_takes_no_column() -> None:
    assert columns("x̂_i") == 3
    assert wrap("x̂_i x̂_j", 7) == ["x̂_i x̂_j"]


def test_breaks_before_an_operator_outside_the_brackets() -> None:
    assert wrap(LONG, 76) == [
        "∂L/∂x_i = γ/(m√(σ² + ε)) (m g_i − Σ_j g_j − x̂_i Σ_j g_j x̂_j) + β",
        "  − (a + b) (c + d)",
    ]


def test_breaks_inside_brackets_where_nothing_else_fits() -> None:
    assert wrap("(aaaa bbbb + cccc dddd + eeee)", 16) == ["(aaaa bbbb", "  + cccc dddd", "  + eeee)"]


def test_a_piece_without_spaces_is_left_whole() -> None:
    assert wrap("x = aaaaaaaaaaaaaaaaaaaa + b", 10) == ["x", "  = aaaaaaaaaaaaaaaaaaaa", "  + b"]


@given(
    st.lists(st.sampled_from(["x̂_i", "+", "−", "=", "(a", "b)", "Σ_j", "γ/(2", "m)"]), min_size=1), st.integers(8, 60)
)
def test_nothing_is_lost_and_no_line_is_too_long(pieces: list[str], width: int) -> None:
    # A line never ends in an operator, so operators in a row can't be broken; no formula has them.
    assume(not any(one in "+−=" and other in "+−=" for one, other in pairwise(pieces)))
    formula = " ".join(pieces)
    lines = wrap(formula, width)
    assert " ".join([lines[0], *(line.removeprefix("  ") for line in lines[1:])]) == formula
    assert all(columns(line) <= max(width, 10) for line in lines)
