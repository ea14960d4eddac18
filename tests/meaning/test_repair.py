"""Planted slips are found: the smallest edit that makes a formula right, in the author's signs, in bounded time."""

from __future__ import annotations

import gc
import time

import pytest

from derive.meaning.edits import Material, edits
from derive.notation import text
from derive.notation.syntax import Name
from derive.read import parse_formula

S = r"\sqrt{\sigma^2 + \epsilon}"
DX = (
    rf"⟨L|x_i⟩ = \frac{{\gamma}}{{m {S}}} "
    r"( m ⟨L|y_i⟩ - \sum_{j=1}^m ⟨L|y_j⟩ - \hat{x}_i \sum_{j=1}^m ⟨L|y_j⟩ \hat{x}_j )"
)
DV = r"⟨L|\sigma^2⟩ = -\frac{1}{2} \sum_{i=1}^m ⟨L|\hat{x}_i⟩ (x_i - \mu) (\sigma^2 + \epsilon)^{-3/2}"
DM = rf"⟨L|\mu⟩ = -\frac{{1}}{{{S}}} \sum_{{i=1}}^m ⟨L|\hat{{x}}_i⟩"
DG = r"⟨L|\gamma⟩ = \sum_{i=1}^m ⟨L|y_i⟩ \hat{x}_i"
DH = r"⟨L|\hat{x}_i⟩ = \gamma ⟨L|y_i⟩"
VX = r"⟨\sigma^2|x_i⟩ = \frac{2}{m} (x_i - \mu)"
MX = r"⟨\mu|x_i⟩ = \frac{1}{m}"
CHAIN = (
    rf"⟨L|x_i⟩ = ⟨L|\hat{{x}}_i⟩ \frac{{1}}{{{S}}} + ⟨L|\sigma^2⟩ \frac{{2 (x_i - \mu)}}{{m}} + ⟨L|\mu⟩ \frac{{1}}{{m}}"
)
RIGHT = {"dx": DX, "dσ²": DV, "dμ": DM, "dγ": DG, "dx̂": DH, "∂σ²/∂x": VX, "∂μ/∂x": MX, "chain": CHAIN}

# Kind: (right formula, what is replaced, by what, words of the edit that must be found; "" for any edit)
PLANTED = {
    "sign of a term": (DX, r"- \hat{x}_i", r"+ \hat{x}_i", "−"),
    "sign of another term": (DX, r"- \sum_{j=1}^m ⟨L|y_j⟩ -", r"+ \sum_{j=1}^m ⟨L|y_j⟩ -", "−"),
    "sign of the whole": (DM, r"= -\frac", r"= \frac", "−"),
    "sign in a bracket": (VX, r"x_i - \mu", r"x_i + \mu", "−"),
    "sign of an exponent": (DV, "{-3/2}", "{3/2}", "−3/2 for 3/2"),
    "γ lost": (DX, r"\frac{\gamma}{m", r"\frac{1}{m", "γ"),
    "γ lost in dx̂": (DH, r"\gamma ⟨L|y_i⟩", r"⟨L|y_i⟩", "γ"),
    "γ doubled": (DH, r"\gamma ⟨L|y_i⟩", r"\gamma \gamma ⟨L|y_i⟩", "γ"),
    "γ where none is": (DM, r"\frac{1}{", r"\frac{\gamma}{", ""),
    "m lost": (DX, r"m ⟨L|y_i⟩", r"⟨L|y_i⟩", "m"),
    "1/m lost": (DX, rf"{{m {S}}}", rf"{{{S}}}", "m"),
    "1/m lost in ∂σ²/∂x": (VX, r"\frac{2}{m}", "2", "m"),
    "1/m lost in the chain": (CHAIN, r"⟨L|\mu⟩ \frac{1}{m}", r"⟨L|\mu⟩", "m"),
    "s lost": (DX, rf"{{m {S}}}", "{m}", "√(σ² + ε)"),
    "s lost in dμ": (DM, rf"-\frac{{1}}{{{S}}}", "-", "√(σ² + ε)"),
    "½ lost": (DV, r"-\frac{1}{2}", "-", "2"),
    "2 lost": (VX, r"\frac{2}{m}", r"\frac{1}{m}", "2"),
    "2 lost in the chain": (CHAIN, r"2 (x_i - \mu)", r"(x_i - \mu)", "2"),
    "x for x̂": (DG, r"\hat{x}_i", "x_i", "x̂_i for x_i"),
    "x for x̂ in a sum": (DX, r"⟨L|y_j⟩ \hat{x}_j", "⟨L|y_j⟩ x_j", "x̂_j for x_j"),
    "x̂ for x in ∂L": (DV, r"⟨L|\hat{x}_i⟩", "⟨L|x_i⟩", "x̂_i for x_i"),
    "y for x̂ in ∂L": (DM, r"⟨L|\hat{x}_i⟩", "⟨L|y_i⟩", ""),
    "Σ lost": (DM, r"\sum_{i=1}^m", "", "Σ_i"),
    "Σ lost in dγ": (DG, r"\sum_{i=1}^m", "", "Σ_i"),
    "Σ lost in dx": (DX, r"- \sum_{j=1}^m ⟨L|y_j⟩ -", "- ⟨L|y_j⟩ -", "Σ_j"),
    "Σ too many": (DH, "= ", r"= \sum_{i=1}^m ", "no Σ_i"),
    "exponent 1/2": (DV, "{-3/2}", "{-1/2}", "−3/2 for −1/2"),
    "exponent 2/3": (DV, "{-3/2}", "{-2/3}", "−3/2 for −2/3"),
    "exponent 1/4": (DV, "{-3/2}", "{-1/4}", "−3/2 for −1/4"),
    "a root lost": (DM, S, r"(\sigma^2 + \epsilon)", "√"),
    "an index": (DX, r"\hat{x}_i \sum", r"\hat{x}_j \sum", "x̂_i for x̂_j"),
    "an index in a sum": (DX, r"⟨L|y_j⟩ \hat{x}_j", r"⟨L|y_j⟩ \hat{x}_i", "x̂_j for x̂_i"),
    "a bracket lost": (VX, r"\frac{2}{m} (x_i - \mu)", r"\frac{2}{m} x_i - \mu", "bracket"),
    "a term too many": (VX, r"(x_i - \mu)", r"(x_i - \mu - \beta)", "without the term −β"),
    "a fraction upside down": (MX, r"\frac{1}{m}", r"\frac{m}{1}", ""),
    "another name": (DH, r"\gamma", r"\beta", "γ for β"),
    "1 for 1/m": (MX, r"\frac{1}{m}", "1", "m"),
}


@pytest.fixture(autouse=True)
def _no_garbage_collection():
    """As the program runs: a collection of all that pytest holds would take what time a repair has."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("claim", RIGHT.values(), ids=RIGHT)
def test_the_formulas_are_right_before_anything_is_planted(short, claim):
    short.holds(f"BATCH\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{claim}", "ddddpp")


# The name on the left is tried first, and a chain or a second edit may be as small; these are told otherwise.
@pytest.mark.parametrize(("right", "old", "new", "words"), PLANTED.values(), ids=PLANTED)
def test_a_planted_slip_is_found_and_proved(short, right, old, new, words):
    planted = right.replace(old, new, 1)
    assert planted != right
    last = short.entries(f"BATCH\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{planted}")[-1]
    assert last.verdict == "refuted", short.told([last])
    assert last.fix is not None, last.understood
    assert words in last.fix.edit
    after = short.entries(f"BATCH\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{last.fix.equation.latex}")[-1]
    assert after.verdict == "proved", short.told([after])


VACUOUS = {
    "z_1 = x_1 is not true with z_1 for x_1": "z_1 = x_1",
    "nor a derivative of something else that is 0": "⟨L|z_i⟩ = a_i\n⟨z_i|x_j⟩ = 0",
    "nor a name by itself": r"\sum_i z_i = \sum_i x_i",
}


@pytest.mark.parametrize("claim", VACUOUS.values(), ids=VACUOUS)
def test_no_edit_makes_an_equation_say_nothing(short, claim):
    """A repair that leaves the same on both sides, or 0 = 0 in place of a claim about something, repairs nothing."""
    last = short.entries(f"PLAIN\n{claim}")[-1]
    assert last.verdict == "refuted"
    if last.fix is not None:
        after = short.entries(f"PLAIN\n{claim.rpartition(chr(10))[0]}\n{last.fix.equation.latex}")[-1]
        assert "same on both sides" not in after.reason, last.fix.edit
        assert last.fix.edit != "â_i for z_i"
        assert after.reason == "", last.fix.edit


@pytest.mark.xfail(reason="edits are tried without the assumption that a name is the upstream gradient")
def test_a_slip_under_an_assumption_is_found_too(short):
    last = short.holds(r"BATCH¶⟨L|\gamma⟩ = \sum_i \delta_i x_i", "ddddr")[-1]
    assert last.fix is not None
    assert last.fix.edit == "x̂_i for x_i"


def test_two_slips_are_not_repaired_by_one_edit(short):
    planted = DX.replace(r"- \hat{x}_i", r"+ \hat{x}_i").replace(r"\frac{\gamma}", r"\frac{\gamma^2}")
    last = short.holds(f"BATCH\n{planted}", "ddddr")[-1]
    assert last.fix is None
    assert last.correct is not None


@pytest.mark.slow
@pytest.mark.parametrize(("right", "old", "new", "words"), PLANTED.values(), ids=PLANTED)
def test_a_repair_takes_half_a_second_at_most(short, right, old, new, words):
    from derive.meaning.checker import Checker
    from derive.meaning.forward import Statement
    from derive.meaning.repair import repair
    from derive.read import read_text

    found = read_text(short.document(f"BATCH\n⟨L|y_i⟩ = ⟨L|y_i⟩\n{right.replace(old, new, 1)}"), "tex")
    checker, key = Checker(found), len(found.equations) - 1
    outcome = checker.outcome(key, found.equations[key])
    started = time.process_time()
    repair(Statement(key, outcome.equation.left, outcome.equation.right), outcome.judgement)
    assert time.process_time() - started <= 0.5


MATERIAL = Material(
    (Name("γ"), Name("m")), (Name("x", indices=(Name("i"),)), Name("a", indices=(Name("i"),))), ("i", "j"), ("m", "N")
)
EDITS = {
    "a + b": {"− before a", "− before b", "without the term a", "without the term b", "√ over a + b"},
    "x^2": {"3 for 2", "1 for 2", "1/2 for 2", "−1 for 2"},
    "m": {"m − 1 for m", "N for m"},
    "m - 1": {"m for m − 1"},
    "x_i": {"a_i for x_i", "x_j for x_i", "Σ_i before x_i", "− before x_i", "the factor γ added to x_i"},
    r"\sum_{i=1}^m x_i": {"no Σ_i before x_i", "the factor m added to Σ_i x_i"},
    r"\frac{a}{b}": {"without the denominator b", "without the numerator a", "b/a upside down"},
    r"\sqrt{a}": {"no √", "the power 3/2 for √"},
    "a (b + c)": {"no bracket around b + c", "without the factor a"},
    "a b + c": {"a bracket around b + c"},
}


@pytest.mark.parametrize(("formula", "expected"), EDITS.items(), ids=EDITS)
def test_every_kind_of_edit_is_there_once(formula, expected):
    tree = parse_formula(formula)
    found = list(edits(tree, MATERIAL))
    said = {one.edit for one in found}
    assert expected <= said, said
    assert len({one.tree for one in found}) == len(found)
    assert all(one.tree != tree for one in found)
    assert all(text(one.tree) for one in found)
