"""Names: what they are made of, how they are written, and which index of a derivative goes where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import IndexedBase, Symbol

from derive.notation import Notation, latex, text
from derive.notation.names import derivative_parts, read_name
from derive.notation.syntax import Name

b, f, i, k = (Symbol(letter, integer=True) for letter in "bfik")


@pytest.mark.parametrize(
    ("plain", "name"),
    [
        ("x", Name("x")),
        ("x̂", Name("x", "\u0302")),
        ("x̄", Name("x", "\u0304")),
        ("ŷ", Name("y", "\u0302")),
        ("σ²", Name("σ", superscript="2")),
        ("x'", Name("x", superscript="′")),
        ("dout", Name("dout")),
        ("μ_B", Name("μ", label="B")),
        ("x₁₂", Name("x", label="12")),
        ("σ²_B", Name("σ", superscript="2", label="B")),
        ("dx̂", Name("dx̂")),
        ("a b", Name("a b")),
        ("_x", Name("_x")),
    ],
)
def test_parts_of_a_name(plain: str, name: Name) -> None:
    assert read_name(plain) == name


@pytest.mark.parametrize(
    ("plain", "as_text", "as_latex"),
    [
        ("γ", "γ_i", r"\gamma_{i}"),
        ("x̂", "x̂_i", r"\hat{x}_{i}"),
        ("σ²", "σ²_i", r"\sigma^{2}_{i}"),
        ("x′", "x′_i", r"x'_{i}"),
        ("dout", "dout_i", r"\mathrm{dout}_{i}"),
        ("μ_B", "μ_{B,i}", r"\mu_{B,i}"),
        ("x{", "x{_i", r"\mathrm{x\{}_{i}"),
        ("a_b_c", "a_b_c_i", r"\mathrm{a\_b\_c}_{i}"),
        ("dx̂", "dx̂_i", r"\mathrm{d\hat{x}}_{i}"),
        ("ℒ", "ℒ_i", r"\mathcal{L}_{i}"),
        ("∂L/∂x̂", "∂L/∂x̂_i", r"\frac{\partial L}{\partial \hat{x}_{i}}"),
    ],
)
def test_a_name_with_an_index(plain: str, as_text: str, as_latex: str) -> None:
    assert (text(IndexedBase(plain)[i]), latex(IndexedBase(plain)[i])) == (as_text, as_latex)


@pytest.mark.parametrize(
    ("indices", "as_text", "as_latex"),
    [
        ((i, k), "x_ik", "x_{ik}"),
        ((1,), "x₁", "x_{1}"),
        ((12,), "x₁₂", "x_{12}"),
        ((1, 2), "x₁₂", "x_{1,2}"),
        ((1, 12), "x_{1,12}", "x_{1,12}"),
        ((i, 1), "x_{i,1}", "x_{i,1}"),
        ((i + 1,), "x_{i+1}", "x_{i + 1}"),
        ((Symbol("row"),), "x_{row}", r"x_{\mathrm{row}}"),
        ((Symbol("α"), k), "x_αk", r"x_{\alpha k}"),
    ],
)
def test_indices(indices: tuple[object, ...], as_text: str, as_latex: str) -> None:
    assert (text(IndexedBase("x")[indices]), latex(IndexedBase("x")[indices])) == (as_text, as_latex)


@pytest.mark.parametrize(
    ("plain", "indices", "printed"),
    [
        ("∂x̂/∂σ²", (i,), "∂x̂_i/∂σ²"),
        ("∂σ²/∂x", (i,), "∂σ²/∂x_i"),
        ("∂x̂/∂x", (i,), "∂x̂_i/∂x_i"),
        ("∂x̂/∂x", (i, k), "∂x̂_i/∂x_k"),
        ("∂L/∂x", (i,), "∂L/∂x_i"),
    ],
)
def test_the_indices_of_a_derivative_go_to_the_parts_that_have_them(
    plain: str, indices: tuple[Symbol, ...], printed: str
) -> None:
    assert Notation({"x": 1, "x̂": 1, "σ²": 0}).text(IndexedBase(plain)[indices]) == printed


@pytest.mark.parametrize(
    ("plain", "indices", "printed"),
    [
        ("∂x̂/∂μ", (b, f), "∂x̂_bf/∂μ_f"),
        ("∂μ/∂x", (f, b, k), "∂μ_f/∂x_bk"),
        ("∂x̂/∂x", (b, f), "∂x̂_bf/∂x_bf"),
    ],
)
def test_named_axes_decide_which_index_a_smaller_part_has(
    plain: str, indices: tuple[Symbol, ...], printed: str
) -> None:
    assert Notation({"x": "bf", "x̂": "bf", "μ": "f"}).text(IndexedBase(plain)[indices]) == printed


def test_an_adjoint_in_the_formula_tells_how_many_indices_its_bottom_has() -> None:
    term = Symbol("∂L/∂σ²") * IndexedBase("∂σ²/∂x")[i]
    assert text(term) == "∂L/∂σ² ∂σ²/∂x_i"
    assert text(IndexedBase("∂σ²/∂x")[i]) == "∂σ²_i/∂x_i"  # nothing known: to every part


@pytest.mark.parametrize("plain", ["x/∂y", "∂x", "∂²L/∂x∂y", "∂/∂x", "∂x/∂", "∂x/y"])
def test_what_is_no_first_derivative(plain: str) -> None:
    assert derivative_parts(plain) is None


@given(st.text(min_size=1, max_size=8))
def test_every_string_is_a_name_and_its_latex_is_balanced(plain: str) -> None:
    formula = latex(Symbol(plain)).replace(r"\{", "").replace(r"\}", "")
    assert formula.count("{") == formula.count("}")
    bare = formula.replace(r"\#", "").replace(r"\$", "").replace(r"\%", "").replace(r"\&", "").replace(r"\_", "")
    assert not set("#$%&\n") & set(bare)
    assert text(Symbol(plain))
