"""Upstream gradients under names of their own, given by the user, by the file, or assumed and said to be assumed."""

from __future__ import annotations

import pytest

from derive.layers import load

NAMES = [r"\delta", "g", "dout", r"\mathrm{dout}", "dy", r"\mathrm{d\_out}", r"\bar{y}"]


@pytest.mark.parametrize("name", NAMES)
def test_an_undefined_name_may_be_the_upstream_gradient_and_it_says_so(short, name):
    lines = rf"""
    BATCH
    ⟨L|\gamma⟩ = \sum_i {name}_i \hat{{x}}_i
    ⟨L|\beta⟩ = \sum_i {name}_i
    ⟨L|\gamma⟩ = \sum_i {name}_i x_i
    """
    found = short.holds(lines, "ddddppr")
    assert all(len(one.assumptions) == 1 for one in found[4:])
    assert all(one.assumptions[0].endswith("is ∂L/∂y") for one in found[4:])


def test_without_a_loss_in_sight_it_is_called_l(short):
    lines = r"BATCH¶d\gamma = \sum_i dy_i \hat{x}_i"
    assert "r" not in short.letters(short.entries(lines))


GIVEN = {
    "by the user": ("", ("\\delta_i = ⟨L|y_i⟩",)),
    "in a comment": ("% given: \\delta_i = \\frac{\\partial L}{\\partial y_i}\n", ()),
    "as a definition": ("\\delta_i = ⟨L|y_i⟩\n", ()),
}


@pytest.mark.parametrize(("before", "givens"), GIVEN.values(), ids=GIVEN)
def test_what_is_given_is_no_assumption(short, before, givens):
    lines = before + "BATCH\n⟨L|\\gamma⟩ = \\sum_i \\delta_i \\hat{x}_i\n⟨L|\\gamma⟩ = \\sum_i \\delta_i x_i"
    found = short.entries(lines, *givens)
    assert short.letters(found).endswith("ddddpr"), short.told(found)
    assert [one.assumptions for one in found[-2:]] == [(), ()]


def test_a_given_for_another_gradient_is_taken_at_its_word(short):
    """δ is ∂L/∂x̂ here: the formula with ∂L/∂y in its place is wrong."""
    lines = "BATCH\n⟨L|\\gamma⟩ = \\sum_i \\delta_i \\hat{x}_i\n\\gamma ⟨L|\\gamma⟩ = \\sum_i \\delta_i \\hat{x}_i"
    short.holds(lines, "ddddrp", r"\delta_i = ⟨L|\hat{x}_i⟩")


DX = (
    r"⟨L|x_i⟩ = \frac{%s}{\sqrt{\sigma^2 + \epsilon}} "
    r"(\delta_i - \frac1m \sum_j \delta_j - \frac{\hat{x}_i}{m} \sum_j \delta_j \hat{x}_j)"
)


def test_without_an_output_delta_is_the_gradient_of_the_last_line(short):
    last = short.holds("NORMALIZED\n" + DX % "1", "dddp")[-1]
    assert last.assumptions == ("δ is ∂L/∂x̂",)


def test_with_an_undefined_gamma_the_output_is_supplied_and_it_says_so(short):
    last = short.holds("NORMALIZED\n" + DX % r"\gamma", "dddp")[-1]
    assert last.assumptions == ("δ is ∂L/∂y with y = γ x̂ + β, which the document leaves out",)


def test_with_an_undefined_gamma_a_wrong_formula_is_not_proved(short):
    found = short.entries("NORMALIZED\n" + DX % r"\gamma^2")
    assert short.letters(found) in {"dddr", "dddu"}, short.told(found)


def test_two_unknown_names_are_no_upstream_gradient(short):
    last = short.holds(r"BATCH¶⟨L|\gamma⟩ = \sum_i a_i b_i", "ddddu")[-1]
    assert not any("leaves out" in one for one in last.assumptions), "γ and y are defined: nothing is left out"


def test_an_assumption_does_not_hide_a_missing_definition(short):
    """Nothing is proved by taking an undefined intermediate for the upstream gradient where ∂L/∂y is used as well."""
    found = short.entries(r"PLAIN¶⟨L|x_i⟩ = ⟨L|z_i⟩ - \frac1m \sum_j q_j")
    assert short.letters(found) in {"ddp", "ddu"}
    if found[-1].verdict == "proved":
        assert found[-1].assumptions == ("q is ∂L/∂z",)


def test_sigma_is_the_root_of_a_defined_square(short):
    lines = r"""
    \mu = \frac{1}{m} \sum_{k=1}^m x_k
    \sigma^2 = \frac{1}{m} \sum_{k=1}^m (x_k - \mu)^2
    z_i = \frac{x_i - \mu}{\sigma}
    ⟨z_i|\mu⟩ = -\frac{1}{\sigma}
    ⟨L|\sigma⟩ = -\frac{1}{\sigma} \sum_j ⟨L|z_j⟩ z_j
    \sum_i z_i^2 = m
    ⟨\sigma|\sigma^2⟩ = \frac{1}{2 \sigma}
    ⟨\sigma|x_i⟩ = \frac{z_i}{m}
    ⟨\sigma|x_i⟩ = \frac{z_i}{2m}
    """
    short.holds(lines, "dddpppppr")


ROOTS = {
    "said after the square": (r"\sigma = \sqrt{\sigma^2}", ""),
    "said of its own": (
        r"\sigma = \sqrt{\frac{1}{m} \sum_{k=1}^m (x_k - \mu)^2}",
        r"⟨z_i|\mu⟩ = -\frac{1}{\sqrt{\sigma^2+\epsilon}}",
    ),
}


@pytest.mark.parametrize(("root", "claim"), ROOTS.values(), ids=ROOTS)
def test_sigma_and_its_square_may_both_be_written(short, root, claim):
    """Neither line is wrong: σ² is the square of σ in both."""
    lines = r"""
    \mu = \frac{1}{m} \sum_{k=1}^m x_k
    \sigma^2 = \frac{1}{m} \sum_{k=1}^m (x_k - \mu)^2
    z_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}
    """
    found = short.entries(f"{lines}\n{root}\n{claim}")
    assert set(short.letters(found)) <= {"d", "p"}, short.told(found)


SUPPLIED = {
    "as it is": (r"⟨L|\gamma⟩ = \sum_{i=1}^m ⟨L|y_i⟩ \hat{x}_i", "p"),
    "wrong": (r"⟨L|\gamma⟩ = \sum_{i=1}^m ⟨L|y_i⟩ x_i", "r"),
    "with labels": (r"⟨\mu_B|x_i⟩ = \frac1m", "p"),
    "with a label, wrong": (r"⟨\sigma_B^2|x_i⟩ = \frac1m (x_i - \mu_B)", "r"),
    "the document's own line wins": (r"y_i = \gamma \hat{x}_i", "d"),
}


@pytest.mark.parametrize(("lines", "expected"), SUPPLIED.values(), ids=SUPPLIED)
def test_a_layer_supplies_the_forward_pass(short, lines, expected):
    short.holds(lines, expected, layer=load("batchnorm"))
