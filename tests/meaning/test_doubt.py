"""What is true under a condition that a document states is not refuted; nor is what may mean something else."""

from __future__ import annotations

import pytest

SOFTMAX = r"""
    y_i = \frac{e^{z_i}}{\sum_{k=1}^K e^{z_k}}
"""
UNSCALED = r"""⟨L|x_i⟩ = \frac{1}{m\sqrt{\sigma^2 + \epsilon}} (m ⟨L|y_i⟩ - \sum_j ⟨L|y_j⟩
    - \hat{x}_i \sum_j ⟨L|y_j⟩ \hat{x}_j)""".replace("\n", " ")
LABELS = r"""
    \sum_k t_k = 1
    y_i = \frac{e^{z_i}}{\sum_{k=1}^K e^{z_k}}
    L = -\sum_k t_k \log y_k
    ⟨L|z_i⟩ = y_i - t_i
"""

DOUBTED = {
    "a special value": (f"BATCH\n\\gamma = 1\n{UNSCALED}", "ddddgu", "holds if γ = 1"),
    "another special value": (f"BATCH\n\\gamma = 2\n{UNSCALED}", "ddddgr", ""),
    "no special value": (f"BATCH\n{UNSCALED}", "ddddr", ""),
    "a stated property": (LABELS.replace("t_k = 1", "t_k^2 = 1"), "gddu", "Σ_k t_k² = 1"),
    "no stated property": ("\n".join(LABELS.splitlines()[2:]), "ddr", ""),
    "the case i ≠ j beside i = j": (
        f"{SOFTMAX}⟨y_i|z_i⟩ = y_i (1 - y_i)\n⟨y_i|z_j⟩ = -y_i y_j",
        "dpu",
        "holds for i ≠ j",
    ),
    "the case i ≠ j alone": (f"{SOFTMAX}⟨y_i|z_j⟩ = -y_i y_j", "dr", ""),
    "two lines for two cases": (
        f"{SOFTMAX}⟨y_i|z_j⟩ = y_i (1 - y_i)\n⟨y_i|z_j⟩ = -y_i y_j",
        "duu",
        "holds for i ≠ j",
    ),
    "two lines, one wrong": (f"{SOFTMAX}⟨y_i|z_j⟩ = y_i (1 - y_i)\n⟨y_i|z_j⟩ = y_i y_j", "drr", ""),
    "an element there may not be": (r"PLAIN¶⟨\mu|x_3⟩ = \frac1m".replace("¶", "\n"), "ddu", "names element 3"),
    "a matrix or a number": ("y = W x + b\n⟨L|x⟩ = W ⟨L|y⟩", "du", "W may be a matrix"),
    "a number, for there are indices": ("y_i = W x_i + b\n⟨L|x_i⟩ = W ⟨L|y_i⟩", "dp", ""),
}


@pytest.mark.parametrize(("lines", "expected", "reason"), DOUBTED.values(), ids=DOUBTED)
def test_a_condition_in_the_document_is_not_passed_over(short, lines, expected, reason):
    last = short.holds(lines, expected)[-1]
    assert reason in last.reason


def test_a_property_stated_behind_a_claim_is_a_claim(short):
    short.holds("PLAIN\n\\sum_i z_i = 0\n\\sum_i x_i = 0", "ddpr")


def test_a_standard_deviation_is_taken_for_the_root_and_it_says_so(short):
    lines = r"""
    \mu = \frac{1}{m} \sum_{k=1}^m x_k
    \sigma^2 = \frac{1}{m} \sum_{k=1}^m (x_k - \mu)^2
    z_i = \frac{x_i - \mu}{\sqrt{\sigma^2}}
    z_i \sigma = x_i - \mu
    """
    last = short.entries(lines)[-1]
    assert last.assumptions == ("σ is √(σ²)",)
    assert last.verdict in {"proved", "undecided"}


LOST = {
    "a path that is not seen": (r"p_i = 2 x_i¶y_i = x_i - \foo x_i¶⟨L|x_i⟩ = 2 ⟨L|p_i⟩", "d!u"),
    "no such path": (r"p_i = 2 x_i¶y_i = w_i - \foo w_i¶⟨L|x_i⟩ = 2 ⟨L|p_i⟩", "d!p"),
    "a path behind another": (r"p_i = 2 x_i¶h_i = 3 p_i¶y_i = \foo p_i¶⟨L|x_i⟩ = 6 ⟨L|h_i⟩", "dd!u"),
    "a name without its value": (r"\mu = \foo x_i¶z_i = x_i - \mu¶\sum_{i=1}^m z_i = 0", "!du"),
    "the loss": (r"p_i = 2 x_i¶L = \foo p_i¶⟨L|x_i⟩ = 2 ⟨L|p_i⟩", "d!u"),
    "true for every value": (
        r"\mu = \foo x_i¶z_i = x_i - \mu¶y_i = \gamma z_i¶⟨L|\gamma⟩ = \sum_i ⟨L|y_i⟩ z_i",
        "!ddp",
    ),
    "wrong for every value": (r"\mu = \foo x_i¶z_i = x_i - \mu¶y_i = z_i + \beta¶⟨L|\beta⟩ = 2 \sum_i ⟨L|y_i⟩", "!ddr"),
    "read elsewhere": (r"\mu = 1/m \sum_{i=1}^m x_i¶z_i = x_i - \mu¶\mu = \foo x_i¶\sum_{i=1}^m z_i = 1", "dd!r"),
}


@pytest.mark.parametrize(("lines", "expected"), LOST.values(), ids=LOST)
def test_nothing_rests_on_a_definition_that_could_not_be_read(short, lines, expected):
    last = short.holds(lines, expected)[-1]
    assert ("could not be read" in last.reason) == (expected[-1] == "u")


STATED = {
    "softmax minus target": (r"⟨L|z_i⟩ = p_i - t_i", "p", "Σ_k t_k = 1"),
    "and not the other way round": (r"⟨L|z_i⟩ = t_i - p_i", "u", ""),
    "what holds without it is not said to need it": (r"⟨L|z_i⟩ = p_i \sum_k t_k - t_i", "p", ""),
    "a square is no sum": (r"\sum_{k=1}^K t_k^2 = \sum_{k=1}^K t_k", "u", ""),
    "no element is 1": (r"⟨L|z_i⟩ = p_i - 1", "u", ""),
    "the mean is": (r"\frac{1}{K} \sum_{k=1}^K t_k = \frac{1}{K}", "p", "Σ_k t_k = 1"),
}


@pytest.mark.parametrize(("claim", "verdict", "assumed"), STATED.values(), ids=STATED)
def test_a_sum_that_is_stated_to_be_1_is_used_and_said(short, claim, verdict, assumed):
    lines = r"\sum_{k=1}^K t_k = 1¶p_k = \frac{e^{z_k}}{\sum_{c=1}^K e^{z_c}}¶L = -\sum_{k=1}^K t_k \log p_k"
    last = short.entries(f"{lines}¶⟨L|p_k⟩ = -\\frac{{t_k}}{{p_k}}¶{claim}")[-1]
    assert short.letters([last]) == verdict, short.told([last])
    assert ", ".join(last.assumptions) == assumed
