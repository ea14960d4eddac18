"""Indices that are bound, shadowed, left out or excluded; sizes that are one or not; several axes; Kronecker's δ."""

from __future__ import annotations

import pytest

INDICES = {
    "a bound index shadows a free one": (r"⟨L|x_i⟩ = ⟨L|z_i⟩ - \frac1m \sum_{i=1}^m ⟨L|z_i⟩", "p"),
    "to the end of its product": (r"\sum_{i=1}^m x_i z_i = \sum_{j=1}^m x_j z_j", "p"),
    "so a factor behind it is captured": (r"\sum_{i=1}^m x_i z_i = z_i \sum_{j=1}^m x_j", "r"),
    "but not behind a plus": (r"\sum_{i=1}^m x_i + z_i = z_i + m \mu", "p"),
    "nor behind a bracket": (r"(\sum_{i=1}^m x_i) z_i = m \mu z_i", "p"),
    "two sums of one letter": (r"\sum_{i=1}^m x_i \sum_{i=1}^m x_i = m^2 \mu^2", "p"),
    "nested sums of one letter": (r"\sum_{i=1}^m \sum_{i=1}^m x_i = m^2 \mu", "p"),
    "a sum without limits": (r"\sum_j x_j = m \mu", "p"),
    "and without an index": (r"\sum x_k = m \mu", "p"),
    "a sum over a constant counts": (r"\sum_{j=1}^m \mu = m \mu", "p"),
    "all but one": (r"\sum_{j \neq i} x_j = m \mu - x_i", "p"),
    "all but one is not all": (r"\sum_{j \neq i} x_j = m \mu + x_i", "r"),
    "all but one, of which nothing says which": (r"\sum_{j \neq i} x_j = m \mu", "u"),
    "all but one of a product": (r"\sum_{j \neq i} x_j z_i = z_i (m \mu - x_i)", "p"),
    "from 0 to m − 1": (r"\sum_{j=0}^{m-1} x_j = m \mu", "p"),
    "an element": (r"x_1 - z_1 = \mu", "p"),
    "an element is no other": (r"x_1 = x_2", "r"),
    "the square of a sum": (r"(\sum_j x_j)^2 = \sum_j x_j^2", "r"),
    "written out": (r"(\sum_j x_j)^2 = \sum_j x_j^2 + \sum_j \sum_{k \neq j} x_j x_k", "p"),
}


@pytest.mark.parametrize(("claim", "expected"), INDICES.values(), ids=INDICES)
def test_indices(short, claim, expected):
    short.holds(f"PLAIN\n{claim}", f"dd{expected}")


ELEMENTS = {
    "∂μ/∂x_1": (r"⟨\mu|x_1⟩ = \frac1m", "p"),
    "∂μ/∂x_3": (r"⟨\mu|x_3⟩ = \frac1m", "p"),
    "∂μ/∂x_3, wrong": (r"⟨\mu|x_3⟩ = 1", "r"),
    "∂z_1/∂x_1": (r"⟨z_1|x_1⟩ = 1 - \frac1m", "p"),
    "∂z_1/∂x_2": (r"⟨z_1|x_2⟩ = -\frac1m", "p"),
    "∂z_1/∂x_2, wrong": (r"⟨z_1|x_2⟩ = \frac1m", "r"),
}


@pytest.mark.parametrize(("claim", "expected"), ELEMENTS.values(), ids=ELEMENTS)
def test_single_elements_of_a_derivative(short, claim, expected):
    """x_3 says that there are three elements: a smaller m is no counterexample. At worst it is undecided."""
    found = short.entries(f"PLAIN\n{claim}")
    assert short.letters(found) in {f"dd{expected}", "ddu"}, short.told(found)


ASSUMED = {
    "a sum from 0 to m": (r"\sum_{j=0}^m x_j = m \mu", "the sum over j from 0 to m runs over all m elements"),
    "an index left out": (r"⟨z_i|\mu⟩ x = -x_i", "x stands for x_k"),
    "a mean of a name": (r"\mathbb{E}[x] = \mu", "x stands for x_k"),
}


@pytest.mark.parametrize("claim", [r"\sum_{j=0}^m x_j = m \mu", r"\sum_{j=0}^{m} z_j = 0"])
def test_a_sum_from_0_to_m_is_taken_for_all_elements_and_says_so(short, claim):
    last = short.holds(f"PLAIN\n{claim}", "ddp")[-1]
    assert last.assumptions == ("the sum over j from 0 to m runs over all m elements",)


@pytest.mark.parametrize("claim", [r"⟨L|\mu⟩ = -\sum ⟨L|z⟩", r"\mathbb{E}[z] = 0", r"\sum z = 0"])
def test_indices_left_out_are_filled_in_and_it_says_so(short, claim):
    last = short.holds(f"PLAIN\n{claim}", "ddp")[-1]
    assert any(one.startswith("z stands for z_") for one in last.assumptions)


OUTSIDE = [r"\sum_{j=2}^m x_j = m \mu - x_1", r"\sum_{j=1}^{m-1} x_j = m \mu - x_m", r"\sum_{j=i}^m x_j = 0"]


@pytest.mark.parametrize("claim", OUTSIDE)
def test_other_limits_are_undecided_with_the_reason(short, claim):
    found = short.entries(f"PLAIN\n{claim}")
    assert short.letters(found) in {"ddu", "ddg"}, short.told(found)
    assert found[-1].reason


# --- sizes -------------------------------------------------------------------------------------------------------

CONDITIONS = {
    "1/N": r"⟨\mu|x_i⟩ = \frac1N",
    "a sum to N": r"⟨L|\mu⟩ = -\sum_{i=1}^N ⟨L|z_i⟩",
    "a definition again": r"\mu = \frac1N \sum_{i=1}^N x_i",
}


@pytest.mark.parametrize("claim", CONDITIONS.values(), ids=CONDITIONS)
def test_two_sizes_hold_if_they_are_one(short, claim):
    last = short.holds(f"PLAIN\n{claim}", "ddu")[-1]
    assert "holds if N = m" in last.reason


@pytest.mark.parametrize("given", ["N = m", "m = N"])
@pytest.mark.parametrize("claim", CONDITIONS.values(), ids=CONDITIONS)
def test_a_given_joins_them(short, claim, given):
    short.holds(f"PLAIN\n{claim}", "ddp", given)
    short.holds(f"% given: {given}\nPLAIN\n{claim}", "ddp")


def test_a_given_does_not_make_wrong_right(short):
    short.holds(r"PLAIN¶⟨\mu|x_i⟩ = \frac2N", "ddr", "N = m")


def test_n_for_n_minus_one(short):
    lines = r"""
    \mu = \frac{1}{N} \sum_{k=1}^N x_k
    v = \frac{1}{N-1} \sum_{k=1}^N (x_k - \mu)^2
    ⟨v|x_i⟩ = \frac{2}{N-1} (x_i - \mu)
    ⟨v|x_i⟩ = \frac{2}{N} (x_i - \mu)
    """
    found = short.holds(lines, "ddpr")
    assert found[-1].fix is not None
    assert "N − 1" in found[-1].fix.edit


# An index that no Σ binds is no label: with x_gc a constant of Σ_c, z would be 0.
GROUPS = r"""
    \mu_g = \frac1C \sum_{c=1}^C x_{gc}
    z_{gc} = x_{gc} - \mu_g
"""


def test_an_index_that_no_sum_binds_is_an_index(short):
    short.holds(GROUPS + r"\sum_{c=1}^C z_{gc} = 0¶\sum_{c=1}^C z_{gc}^2 = 0¶⟨L|x_{gc}⟩ = 0", "ddprr")


def test_a_document_without_a_sum_has_indices_too(short):
    lines = r"""
    z_{bc} = x_{bc} - r_c
    y_{bc} = \gamma_c z_{bc}
    ⟨L|x_{bc}⟩ = \gamma_c ⟨L|y_{bc}⟩
    ⟨L|\gamma_c⟩ = ⟨L|y_{bc}⟩ z_{bc}
    """
    short.holds(lines, "ddpr")


def test_what_may_be_a_label_or_an_index_proves_nothing(short):
    short.holds(r"z_{gc} = x_{gc} - \frac1C \sum_{c=1}^C x_{gc}¶\sum_{c=1}^C z_{gc}^2 = 0", "!!")


# --- axes --------------------------------------------------------------------------------------------------------

AXES = {
    "rows": r"""
        a_i = \frac{1}{D} \sum_{j=1}^D x_{ij}
        z_{ij} = x_{ij} - a_i
        ⟨L|a_i⟩ = -\sum_{j=1}^D ⟨L|z_{ij}⟩
        ⟨L|x_{ij}⟩ = ⟨L|z_{ij}⟩ - \frac1D \sum_{k=1}^D ⟨L|z_{ik}⟩
        ⟨L|x_{ij}⟩ = ⟨L|z_{ij}⟩ - \frac1D \sum_{k=1}^D ⟨L|z_{kj}⟩
        ⟨L|a_i⟩ = -\sum_{i=1}^N ⟨L|z_{ij}⟩
    """,
    "columns": r"""
        a_j = \frac{1}{N} \sum_{i=1}^N x_{ij}
        z_{ij} = x_{ij} - a_j
        ⟨L|a_j⟩ = -\sum_{i=1}^N ⟨L|z_{ij}⟩
        ⟨L|x_{ij}⟩ = ⟨L|z_{ij}⟩ - \frac1N \sum_{k=1}^N ⟨L|z_{kj}⟩
        ⟨L|x_{ij}⟩ = ⟨L|z_{ij}⟩ - \frac1N \sum_{k=1}^N ⟨L|z_{ik}⟩
        ⟨L|a_j⟩ = -\sum_{j=1}^D ⟨L|z_{ij}⟩
    """,
    "two axes at once": r"""
        a_f = \frac{1}{B S} \sum_{b=1}^B \sum_{s=1}^S x_{b,f,s}
        z_{b,f,s} = x_{b,f,s} - a_f
        ⟨a_f|x_{b,f,s}⟩ = \frac{1}{B S}
        ⟨L|x_{b,f,s}⟩ = ⟨L|z_{b,f,s}⟩ - \frac{1}{B S} \sum_{c=1}^B \sum_{t=1}^S ⟨L|z_{c,f,t}⟩
        ⟨L|x_{b,f,s}⟩ = ⟨L|z_{b,f,s}⟩ - \frac{1}{B} \sum_{c=1}^B ⟨L|z_{c,f,s}⟩
        ⟨a_f|x_{b,f,s}⟩ = \frac{1}{B}
    """,
}


@pytest.mark.parametrize("lines", AXES.values(), ids=AXES)
def test_axes(short, lines):
    """Two definitions, two right claims, two along the wrong axis, which are never proved."""
    found = short.entries(lines)
    assert short.letters(found)[:4] == "ddpp", short.told(found)
    assert set(short.letters(found)[4:]) <= {"r", "u"}, short.told(found)
    assert short.letters(found)[4] == "r", short.told(found)


# --- Jacobians ---------------------------------------------------------------------------------------------------

JACOBIANS = {
    "δ_ij": (r"⟨z_i|x_j⟩ = \delta_{ij} - \frac1m", "p", "total"),
    "an indicator": (r"⟨z_i|x_j⟩ = \mathbb{1}[i = j] - \frac1m", "p", "total"),
    "an indicator in braces": (r"⟨z_i|x_j⟩ = 1\{i = j\} - \frac1m", "p", "total"),
    "δ_ij alone is the local one": (r"⟨z_i|x_j⟩ = \delta_{ij}", "p", "local"),
    "neither": (r"⟨z_i|x_j⟩ = \delta_{ij} + \frac1m", "r", "local"),
    "the diagonal": (r"⟨z_i|x_i⟩ = 1 - \frac1m", "p", "total"),
    "all of it, summed over a column": (r"\sum_i ⟨z_i|x_j⟩ = 0", "p", "total"),
    "its trace": (r"\sum_i ⟨z_i|x_i⟩ = m - 1", "p", "total"),
    "cases": (
        r"⟨z_i|x_j⟩ = \begin{cases} 1 - \frac1m & i = j \\ -\frac1m & i \neq j \end{cases}",
        "p",
        "total",
    ),
    "cases, wrong off the diagonal": (
        r"⟨z_i|x_j⟩ = \begin{cases} 1 - \frac1m & i = j \\ \frac1m & i \neq j \end{cases}",
        "r",
        "local",
    ),
    "the chain rule with δ": (r"⟨L|x_j⟩ = \sum_i ⟨L|z_i⟩ (\delta_{ij} - \frac1m)", "p", ""),
    "x by x": (r"⟨x_i|x_j⟩ = \delta_{ij}", "p", ""),
}


@pytest.mark.parametrize(("claim", "expected", "reading"), JACOBIANS.values(), ids=JACOBIANS)
def test_jacobians(short, claim, expected, reading):
    last = short.holds(f"PLAIN\n{claim}", f"dd{expected}")[-1]
    assert last.reading == reading
