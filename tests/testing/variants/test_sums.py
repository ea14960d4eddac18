"""Sums over other axes: every index stays bound or becomes the one around, or there is no such formula."""

import pytest
from observing import derived

from derive.notation import text
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.sums import other_axes

IMAGES = Formulas(derived("batchnorm", ("N", "C", "L")), "x")
ROWS = Formulas(derived("layernorm", ("N", "D")), "x")


def changed(formulas, tree, **how):
    line = formulas.target
    around = dict(zip(line.sizes, line.letters, strict=True))
    return {one.now: text(formulas.spelled(one.tree)) for one in other_axes(tree, around, **how)}


def test_every_sum_over_every_other_set_of_axes():
    found = changed(ROWS, ROWS.target.tree, counted=True)
    assert found == {
        (): "1/(1√(σ²_i + ε)) (1γ_j g_ij − γ_j g_ij − x̂_ij γ_j g_ij x̂_ij)",
        ("N",): "1/(N√(σ²_i + ε)) (N γ_j g_ij − Σ_i γ_j g_ij − x̂_ij Σ_i γ_j g_ij x̂_ij)",
        ("N", "D"): "1/((N D) √(σ²_i + ε)) ((N D) γ_j g_ij − Σ_i Σ_k γ_k g_ik − x̂_ij Σ_i Σ_k γ_k g_ik x̂_ik)",
    }


def test_sizes_stay_where_they_are_not_to_follow():
    found = changed(ROWS, ROWS.target.tree, counted=False)
    assert found["N",] == "1/(D√(σ²_i + ε)) (D γ_j g_ij − Σ_i γ_j g_ij − x̂_ij Σ_i γ_j g_ij x̂_ij)"


def test_one_sum_after_the_other():
    line = ROWS.target
    around = dict(zip(line.sizes, line.letters, strict=True))
    found = [text(one.tree) for one in other_axes(line.tree, around, counted=False, one_by_one=True) if not one.now]
    assert found == [
        "1/(D√(σ²_i + ε)) (D γ_j g_ij − γ_j g_ij − x̂_ij Σ_k γ_k g_ik x̂_ik)",
        "1/(D√(σ²_i + ε)) (D γ_j g_ij − Σ_k γ_k g_ik − x̂_ij γ_j g_ij x̂_ij)",
    ]


def test_a_sum_in_a_sum_takes_the_index_around_it():
    """Statistics over N alone, inside a sum over N: each position along L by itself."""
    found = changed(IMAGES, IMAGES.inlined.tree, counted=True)["N",]
    assert "Σ_l x_ljh" in found
    assert "Σ_w" not in found


@pytest.mark.parametrize("now", [("L",), ("N", "L")])
def test_there_is_no_formula_where_an_axis_has_no_index(now):
    """γ's gradient has the index of C alone: a sum over N and L can't leave one of them out."""
    line = Formulas(derived("batchnorm", ("N", "C", "L")), "γ").target
    around = dict(zip(line.sizes, line.letters, strict=True))
    assert now not in {one.now for one in other_axes(line.tree, around, counted=False)}
