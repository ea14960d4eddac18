"""Local or total: which reading makes an equation true, alone, in chains and mixed; both are refuted or none."""

from __future__ import annotations

import pytest

S = r"\sqrt{\sigma^2 + \epsilon}"
HAT = r"\hat{x}"

READINGS = {
    "x̂ by x, local": (rf"⟨{HAT}_i|x_i⟩ = \frac{{1}}{{{S}}}", "p", "local"),
    "x̂ by x, total": (rf"⟨{HAT}_i|x_i⟩ = \frac{{1}}{{{S}}} (1 - \frac1m - \frac{{{HAT}_i^2}}{{m}})", "p", "total"),
    "half of it is neither": (rf"⟨{HAT}_i|x_i⟩ = \frac{{1}}{{{S}}} (1 - \frac1m)", "r", "local"),
    "σ² by x is the same both ways, so the first is told": (r"⟨\sigma^2|x_i⟩ = \frac2m (x_i - \mu)", "p", "local"),
    "σ² by μ has one reading": (r"⟨\sigma^2|\mu⟩ = -\frac2m \sum_k (x_k - \mu)", "p", ""),
    "x̂ by σ² has one reading": (rf"⟨{HAT}_i|\sigma^2⟩ = -\frac12 (x_i - \mu) (\sigma^2 + \epsilon)^{{-3/2}}", "p", ""),
    "x̂ by μ, local": (rf"⟨{HAT}_i|\mu⟩ = \frac{{-1}}{{{S}}}", "p", "local"),
    "y by x̂ has one reading": (rf"⟨y_i|{HAT}_i⟩ = \gamma", "p", ""),
    "y by x goes through x̂ alone": (
        rf"⟨y_i|x_i⟩ = \frac{{\gamma}}{{{S}}} (1 - \frac1m - \frac{{{HAT}_i^2}}{{m}})",
        "p",
        "",
    ),
    "the chain rule with locals": (
        rf"⟨L|x_i⟩ = ⟨L|{HAT}_i⟩ ⟨{HAT}_i|x_i⟩ + ⟨L|\sigma^2⟩ ⟨\sigma^2|x_i⟩ + ⟨L|\mu⟩ ⟨\mu|x_i⟩",
        "p",
        "local",
    ),
    "the chain rule with totals": (rf"⟨L|x_i⟩ = \sum_j ⟨L|{HAT}_j⟩ ⟨{HAT}_j|x_i⟩", "p", "total"),
    "three links": (rf"⟨L|x_i⟩ = \sum_j ⟨L|y_j⟩ ⟨y_j|{HAT}_j⟩ ⟨{HAT}_j|x_i⟩", "p", "total"),
    "without the sum it is wrong": (rf"⟨L|x_i⟩ = ⟨L|{HAT}_i⟩ ⟨{HAT}_i|x_i⟩", "r", "local"),
    "σ² with both paths": (
        rf"⟨L|\sigma^2⟩ = \sum_i ⟨L|{HAT}_i⟩ ⟨{HAT}_i|\sigma^2⟩",
        "p",
        "",
    ),
    "μ with its second path": (
        rf"⟨L|\mu⟩ = \sum_i ⟨L|{HAT}_i⟩ ⟨{HAT}_i|\mu⟩ + ⟨L|\sigma^2⟩ ⟨\sigma^2|\mu⟩",
        "p",
        "local",
    ),
    "same on both sides says nothing": (rf"⟨{HAT}_i|x_i⟩ = ⟨{HAT}_i|x_i⟩", "p", "local"),
}


@pytest.mark.parametrize(("claim", "expected", "reading"), READINGS.values(), ids=READINGS)
def test_readings(short, claim, expected, reading):
    last = short.holds(f"BATCH\n{claim}", f"dddd{expected}")[-1]
    assert last.reading == reading


def test_a_chain_may_change_its_reading(short):
    """Each equation is read for itself: the middle of this chain is true only with everything else held."""
    found = short.holds(rf"BATCH¶⟨{HAT}_i|x_i⟩ = \frac{{1}}{{{S}}} = (\sigma^2 + \epsilon)^{{-1/2}}", "ddddpp")
    assert [one.reading for one in found[-2:]] == ["local", ""]


MIXED = r"""
u_i = x_i - \mu
\mu = \frac{1}{m} \sum_{k=1}^m x_k
v = \frac{1}{m} \sum_{k=1}^m (x_k - \mu)^2
z_i = x_i v + \mu
⟨u_i|x_i⟩ + ⟨z_i|x_i⟩ = 1 - \frac1m + v
"""


def test_mixed_readings_are_told_one_by_one(short):
    """∂u/∂x total beside ∂z/∂x local: nothing else makes it true."""
    last = short.holds(MIXED, "ddddp")[-1]
    assert last.reading == "∂u/∂x total, ∂z/∂x local"


def test_refuted_under_both_readings_keeps_both_counterexamples(short):
    last = short.holds(rf"BATCH¶⟨{HAT}_i|x_i⟩ = \frac{{2}}{{{S}}}", "ddddr")[-1]
    assert last.counterexample is not None
    assert len(last.others) == 1
    assert last.counterexample.left != last.counterexample.right
    assert last.others[0].left != last.others[0].right


def test_a_proof_that_says_nothing_says_so(short):
    found = short.holds(rf"BATCH¶⟨{HAT}_i|x_i⟩ = ⟨{HAT}_i|x_i⟩¶\sum_i {HAT}_i = 0", "ddddpp")
    assert [one.reason for one in found[-2:]] == ["same on both sides", "both sides are 0"]


BRACKETS = {
    "a quotient, local": (rf"\frac{{\partial}}{{\partial x_i}} [\frac{{x_i - \mu}}{{{S}}}] = \frac{{1}}{{{S}}}", "p"),
    "a square": (r"\frac{\partial}{\partial \mu} [(x_i - \mu)^2] = -2 (x_i - \mu)", "p"),
    "a square with the wrong sign": (r"\frac{\partial}{\partial \mu} [(x_i - \mu)^2] = 2 (x_i - \mu)", "r"),
    "a sum of squares": (
        r"\frac{\partial}{\partial \mu} [\frac1m \sum_k (x_k - \mu)^2] = -\frac2m \sum_k (x_k - \mu)",
        "p",
    ),
    "that is no constant": (r"\frac{\partial}{\partial \mu} [\frac1m \sum_k (x_k - \mu)^2] = -2", "r"),
    "by an element": (r"\frac{\partial}{\partial x_i} [\sum_k x_k^2] = 2 x_i", "p"),
    "by an element, wrong": (r"\frac{\partial}{\partial x_i} [\sum_k x_k^2] = 2 \sum_k x_k", "r"),
    "a product": (r"\frac{\partial}{\partial \gamma} [\gamma \hat{x}_i + \beta] = \hat{x}_i", "p"),
}


@pytest.mark.parametrize(("claim", "expected"), BRACKETS.values(), ids=BRACKETS)
def test_the_derivative_of_a_bracket(short, claim, expected):
    short.holds(f"BATCH\n{claim}", f"dddd{expected}")
