"""The right right-hand side that goes with a refutation: right, in the author's names, for every derivative."""

from __future__ import annotations

import pytest

BATCH = {
    r"\hat{x}_i": (r"L", "∂L/∂x̂_i"),
    r"\sigma^2": (r"L", "∂L/∂σ²"),
    r"\mu": (r"L", "∂L/∂μ"),
    r"x_i": (r"L", "∂L/∂x_i"),
    r"\gamma": (r"L", "∂L/∂γ"),
    r"\beta": (r"L", "∂L/∂β"),
}
RMS = {"x_i": ("L", "∂L/∂x_i"), "w_i": ("L", "∂L/∂w_i"), "r": ("L", "∂L/∂r")}
LAYER = {
    r"\hat{x}_i": ("L", ""),
    r"\sigma^2": ("L", ""),
    r"\mu": ("L", ""),
    "x_i": ("L", ""),
    r"\gamma_i": ("L", ""),
    r"\beta_i": ("L", ""),
}
LOCAL = {
    "BATCH": [
        (r"\mu", "x_i"),
        (r"\sigma^2", "x_i"),
        (r"\sigma^2", r"\mu"),
        (r"\hat{x}_i", "x_i"),
        (r"\hat{x}_i", r"\mu"),
        (r"\hat{x}_i", r"\sigma^2"),
        ("y_i", r"\hat{x}_i"),
        ("y_i", r"\gamma"),
        ("y_i", r"\beta"),
    ],
    "RMS": [("r", "x_i"), ("y_i", "r"), ("y_i", "w_i"), ("y_i", "x_i")],
    "LAYER": [(r"\mu", "x_i"), (r"\sigma^2", "x_i"), (r"\hat{x}_i", "x_i"), ("y_i", r"\gamma_i")],
}
LEFTS = [
    *(("BATCH", "L", bottom) for bottom in BATCH),
    *(("RMS", "L", bottom) for bottom in RMS),
    *(("LAYER", "L", bottom) for bottom in LAYER),
    *((word, top, bottom) for word, pairs in LOCAL.items() for top, bottom in pairs),
]
OUTPUT = r"⟨L|\beta⟩ = \sum_i ⟨L|y_i⟩"


@pytest.mark.parametrize(("word", "top", "bottom"), LEFTS)
def test_the_right_right_hand_side_is_proved_when_it_is_put_in(short, word, top, bottom):
    """∂u/∂v = 17 is wrong everywhere; what is told to be right is right."""
    left = f"⟨{top}|{bottom}⟩"
    (wrong,) = short.entries(f"{word}\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{left} = 17")[-1:]
    assert wrong.verdict == "refuted", short.told([wrong])
    assert wrong.correct is not None
    found = short.entries(f"{word}\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{left} = {wrong.correct.latex}")
    assert found[-1].verdict == "proved", short.told(found)
    assert "17" not in wrong.correct.text


def test_it_is_told_in_the_authors_names(short):
    lines = r"""
    \bar{a} = \frac{1}{K} \sum_{k=1}^K a_k
    V = \frac{1}{K} \sum_{k=1}^K (a_k - \bar{a})^2
    b_i = \frac{a_i - \bar{a}}{\sqrt{V + e_0}}
    o_i = w b_i + c
    ⟨J|w⟩ = \sum_i ⟨J|o_i⟩ a_i
    """
    last = short.holds(lines, "ddddr")[-1]
    assert last.correct.text == "Σ_i (∂J/∂o_i) b_i"


SHORT = {
    r"\gamma": "Σ_i (∂L/∂y_i) x̂_i",
    r"\beta": "Σ_i ∂L/∂y_i",
    r"\hat{x}_i": "γ ∂L/∂y_i",
    "x_i": "γ/(m√(σ² + ε)) (m ∂L/∂y_i − Σ_j ∂L/∂y_j − x̂_i Σ_j (∂L/∂y_j) x̂_j)",
}


@pytest.mark.parametrize(("bottom", "expected"), SHORT.items(), ids=SHORT)
def test_it_is_the_short_form(short, bottom, expected):
    last = short.holds(f"BATCH\n⟨L|{bottom}⟩ = 17 ⟨L|y_i⟩", "ddddr")[-1]
    assert last.correct.text == expected


def test_what_is_no_single_derivative_has_none(short):
    assert short.holds(r"PLAIN¶\sum_i z_i = 1", "ddr")[-1].correct is None


@pytest.mark.parametrize("letter", ["i", "j", "k"])
def test_no_sum_binds_a_free_letter(short, letter):
    """∂L/∂x_i next to Σ_i reads as another formula, in any letter the author has chosen."""
    (wrong,) = short.entries(f"BATCH\n⟨L|y_i⟩ = ⟨L|y_i⟩\n⟨L|x_{letter}⟩ = 17")[-1:]
    assert wrong.correct is not None
    assert "Σ" in wrong.correct.text
    assert f"Σ_{letter}" not in wrong.correct.text
