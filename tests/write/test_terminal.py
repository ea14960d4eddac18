"""The report on terminals of several widths: formulas in full, each with its verdict, and no other looks proved."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from io import StringIO

import pytest
from rich.console import Console
from sympy import Abs, sqrt

import derive
from derive.layers import load
from derive.layers.layer import Gradient
from derive.report import Judged, report
from derive.write.terminal import LAST_WORDS, plain, terminal
from derive.write.wrap import columns

WIDTHS = (80, 120, 200)
KINDS = ("proved", "every", "wide", "refuted", "undecided", "unsettled", "failed")
VERDICTS = {"every": "proved", "wide": "proved", "unsettled": "undecided"}
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@cache
def made(kind):
    """Reports of each verdict; `unsettled` has not one verdict that is a proof."""
    layer = load("batchnorm")
    dgamma, dbeta, dx = layer.gradients
    match kind:
        case "refuted":
            layer = replace(layer, gradients=(Gradient(dgamma.of, -dgamma.value), dbeta, Gradient(dx.of, 2 * dx.value)))
        case "undecided":
            odd = Abs(dgamma.of) - sqrt(dgamma.of**2)
            layer = replace(layer, gradients=(dgamma, Gradient(dbeta.of, dbeta.value + odd), dx))
    one = report(derive.derive(layer, {"every": None, "wide": 8, "refuted": None}.get(kind, 4)))
    if kind == "failed":
        numeric = tuple(replace(line, passed=False) for line in one.numeric[:1]) + one.numeric[1:]
        checks = (*one.checks[:-1], replace(one.checks[-1], verdict="failed"))
        return replace(one, numeric=numeric, checks=checks, verdict="failed")
    if kind == "unsettled":
        judged = Judged("undecided", reason="a reason")
        return replace(
            one,
            steps=tuple(replace(line, judged=judged) for line in one.steps),
            closed_forms=tuple(replace(form, judged=judged, because=()) for form in one.closed_forms),
            identities=tuple(replace(line, judged=judged) for line in one.identities),
            checks=tuple(replace(line, verdict="undecided", failing=(("∂L/∂x", judged),)) for line in one.checks),
            verdict="undecided",
        )
    return one


def shown(one, width, **options):
    text = StringIO()
    options = {"color_system": None, "force_terminal": False, **options}
    terminal(one, Console(file=text, width=width, legacy_windows=False, **options))
    return text.getvalue()


def pattern(formula):
    """The formula on one line, or broken before =, + or −; right of a piece another column may follow."""
    pieces = re.split(r" (?=[=+−] )", formula)
    return re.compile(r"(?: |(?: {2,}[^\n]*)?\n[│ ]* {2})".join(map(re.escape, pieces)))


cases = pytest.mark.parametrize(("kind", "width"), [(kind, width) for kind in KINDS for width in WIDTHS])


@cases
def test_every_formula_stands_in_full_or_is_broken_before_an_operator(kind, width):
    one = made(kind)
    found = shown(one, width)
    formulas = [line.formula for line in (*one.forward, *one.steps)]
    formulas += [line.spelled_out for line in (*one.forward, *one.steps, *one.closed_forms) if line.spelled_out]
    texts = [formula.text for formula in formulas]
    texts += [f"{form.name.text} = {form.found.text}" for form in one.closed_forms]
    assert [text for text in texts if not pattern(text).search(found)] == []


@cases
def test_no_line_is_too_long_or_ends_in_a_space(kind, width):
    lines = shown(made(kind), width).splitlines()
    assert [line for line in lines if columns(line) > width] == []
    assert [line for line in lines if line != line.rstrip()] == []


@cases
def test_every_step_has_its_own_verdict_on_its_line(kind, width):
    one = made(kind)
    found = shown(one, width)
    signs = {"proved": "✓", "refuted": "✗", "undecided": "?"}
    for line in one.steps:
        (first,) = re.findall(rf"^ *{line.number} \S*∂.*$", found, re.MULTILINE)
        assert first.endswith(f"  {signs[line.judged.verdict]} {line.judged.verdict}")
        if line.judged.note:
            assert f"({line.judged.note})" in found


@cases
def test_the_last_words_are_those_of_the_verdict(kind, width):
    verdict = VERDICTS.get(kind, kind)
    assert made(kind).verdict == verdict
    found = shown(made(kind), width)
    last = " ".join(found.rstrip().splitlines()[-3:])
    sign = {"proved": "✓", "undecided": "?"}.get(verdict, "✗")
    assert f"{sign} batchnorm: {LAST_WORDS[verdict]}" in re.sub(r"\s+", " ", last)
    assert ("every step is proved" in re.sub(r"\s+", " ", found)) is (verdict == "proved")


@pytest.mark.parametrize("width", WIDTHS)
def test_where_nothing_is_proved_nothing_says_so(width):
    found = shown(made("unsettled"), width)
    assert "proved" not in found
    assert "for every m, wherever" not in found
    assert [line for line in found.splitlines() if "✓" in line and "passed" not in line] == []
    one = made("unsettled")
    assert found.count("? undecided") == len(one.steps) + len(one.identities) + len(one.checks)
    assert found.count("a reason") >= len(made("unsettled").steps)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["refuted", "undecided", "unsettled"])
def test_a_closed_form_that_is_not_proved_shows_the_stated_one_and_why(kind, width):
    words = re.sub(r"[\s│]+", " ", shown(made(kind), width))
    for form in made(kind).closed_forms:
        judged = form.judged
        said = f"the layer's stated form {form.stated.text} is {judged.verdict}"
        assert (said in words) is (judged.verdict != "proved")
        if judged.counterexample:
            assert f"counterexample: {judged.counterexample.sentence()}" in words
        if judged.reason:
            assert judged.reason in words
    proved = sum(form.judged.verdict == "proved" for form in made(kind).closed_forms)
    assert words.count("✓ proved equal to the layer's stated form") == proved


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failing_route_names_what_fails(width):
    words = re.sub(r"\s+", " ", shown(made("refuted"), width))
    for check in made("refuted").checks:
        for name, judged in check.failing:
            assert f"{name}: refuted; counterexample: {judged.counterexample.sentence()}" in words


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failed_oracle_is_marked(width):
    found = shown(made("failed"), width)
    table = found.partition("Numerical check")[2].splitlines()
    assert sum("✗ failed" in line for line in table) == 1
    assert sum("✓ passed" in line for line in table) == len(made("failed").numeric) - 1


def test_the_graph_shows_every_node_and_writes_it_out_once():
    found = shown(made("every"), 80).partition("Forward pass")[0]
    for node in made("every").graph:
        assert node.symbol.text in found
        if node.value:
            assert found.count(f"{node.symbol.text} = {node.value.text}") == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", WIDTHS)
def test_colour_changes_nothing_but_colour(kind, width):
    coloured = shown(made(kind), width, color_system="truecolor", force_terminal=True)
    bare = [line.rstrip() for line in ESCAPE.sub("", coloured).splitlines()]
    assert bare == shown(made(kind), width).splitlines()
    assert ESCAPE.search(coloured)


COLOURS = [("refuted", "✗ refuted", "31"), ("undecided", "? undecided", "33"), ("proved", "✓ proved", "32")]


@pytest.mark.parametrize(("kind", "mark", "code"), COLOURS)
def test_a_verdict_has_its_colour(kind, mark, code):
    coloured = shown(made(kind), 120, color_system="standard", force_terminal=True)
    styles = set(re.findall(rf"\x1b\[([0-9;]*)m[^\x1b]*{re.escape(mark)}", coloured))
    assert styles
    assert all(code in style.split(";") for style in styles)


def test_plain_is_a_hundred_columns_without_escapes():
    found = plain(made("proved"))
    assert found == shown(made("proved"), 100)
    assert max(columns(line) for line in found.splitlines()) <= 100


def test_square_brackets_are_text_and_no_markup():
    one = made("proved")
    odd = "[red]m[/red] = [4] [/]"
    step = replace(one.steps[0], rule=odd, judged=Judged("undecided", reason=odd))
    assert shown(replace(one, title=odd, steps=(step,)), 200).count(odd) == 3


@pytest.mark.parametrize("width", [1, 10, 30, 60])
def test_narrow_terminals_get_everything(width):
    found = re.sub(r"\s", "", shown(made("proved"), width))
    for line in made("proved").steps:
        assert re.sub(r"\s", "", line.name.text) in found
