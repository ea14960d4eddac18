"""Hostile input: everything ends in time, with a clear result, and raises nothing but ReadError."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import nullcontext, suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.read import Equation, FileError, ReadError, Unreadable, parse_equation, parse_formula, read_text

SECONDS = 10
BIG = 10**7


def timed(source: str, kind: str = "md"):
    start = time.process_time()
    try:
        return read_text(source, kind)
    finally:
        assert time.process_time() - start < SECONDS


def only(document) -> Unreadable:
    (item,) = document.items
    assert isinstance(item, Unreadable)
    return item


EQUATION = r"$$\frac{\partial L}{\partial x_i} = \sum_{j=1}^m \frac{\partial L}{\partial y_j} \cdot \gamma x_j$$"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["md", "tex"])
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "$", "$ ", "\\[", "\\(x ", "$x=1$ ", "\\begin{align}", "`a", "``` ", "```\n", "<!-- ", "<pre ", "\n"),
        *(
            "    \n",
            "\\newcommand{\\a}{",
            "%given: x=1\n",
            "\\verb|",
            " ",
            "$$\n",
            "$a=b$$\n",
            "a\n\n    b\n",
            EQUATION,
        ),
    ],
)
def test_ten_megabytes(unit: str, kind: str) -> None:
    timed(unit * (BIG // len(unit)), kind)


@pytest.mark.slow
def test_a_big_file_keeps_within_its_memory() -> None:
    tracemalloc.start()
    read_text(EQUATION * (2 * 10**6 // len(EQUATION)), "md")
    assert tracemalloc.get_traced_memory()[1] < 500 * 2**20
    tracemalloc.stop()


@pytest.mark.slow
def test_a_notebook_of_escapes() -> None:
    timed(json.dumps({"cells": [{"cell_type": "markdown", "source": "\\a" * 2_000_000}]}), "ipynb")


LONG = [
    ("{" * 20_000 + "}" * 20_000, "nested more than"),
    ("{" * 100_000 + "}" * 100_000, "characters was expected"),
    ("x = " + "(" * 20_000 + ")" * 20_000, "nested more than"),
    ("x = " + r"\hat" * 20_000 + "x", "nested more than"),
    ("x = " + r"\frac" * 9_000, "fraction"),
    ("x = " + r"\sqrt{" * 59 + "x" + "}" * 59, "nested more than"),
    ("x = " + "a/" * 20_000 + "b", "slashes"),
    ("x = " + "+".join(f"x_{{{number}}}" for number in range(10_000)), "terms"),
    ("x = " + "x y " * 9_000, "factors"),
    ("x = " + r"\sum_{i=1}^m " * 300 + "x", "nested more than"),
    ("x = " + "|" * 50_001, "bars"),
    (r"\boxed{" * 5_000 + "x = 1" + "}" * 5_000, "nested more than"),
    ("x = " + "x^" * 30_000, "superscript"),
    ("x = " + "x_" * 30_000, "subscript"),
    ("__import__('os').system('true') = 1", "formula was expected"),
    ("א = \u202ex", "formula was expected"),
    ("x \0 = 1", "operator"),
]


@pytest.mark.parametrize(("block", "reason"), LONG)
def test_long_and_deep(block: str, reason: str) -> None:
    assert reason in only(timed(f"$${block}$$")).message


def test_thirty_nested_sums_end() -> None:
    timed("$$x = " + "".join(rf"\sum_{{{chr(97 + place % 26)}=1}}^m " for place in range(30)) + "x$$")


def test_macros_that_explode() -> None:
    letters = "abcdefghijklmnopqrst"
    lines = [rf"\newcommand{{\{a}}}{{{(chr(92) + b) * 10}}}" for a, b in pairwise(letters)]
    document = timed("\n".join(lines) + r" $\a = 1$ $x = 1$", "tex")
    assert [type(item) for item in document.items] == [Unreadable, Equation]
    document = timed(r"\newcommand{\a}{\b}\newcommand{\b}{\a} $\a = 1$", "tex")
    assert "uses itself" in only(document).message


@pytest.mark.parametrize("raw", ["{", "[1]", "[" * 100_000, '{"cells":' + "[" * 100_000 + "]" * 100_000 + "}", "null"])
def test_what_is_no_notebook(raw: str) -> None:
    with pytest.raises(ReadError):
        timed(raw, "ipynb")


def test_names_like_keywords() -> None:
    (equation,) = read_text(r"$\mathrm{lambda} = \mathrm{class} + \operatorname{import}(x)$", "md").equations
    assert equation.left.base == "lambda"


def test_speed() -> None:
    document = "\n".join([EQUATION] * 400)
    read_text(EQUATION, "md")
    start = time.process_time()
    read_text(document, "md")
    assert 400 / (time.process_time() - start) > 200


pieces = st.sampled_from(
    [
        *(
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "$",
            "$$",
            "\\",
            "\\\\",
            "&",
            "^",
            "_",
            "=",
            ":=",
            "+",
            "-",
            "/",
            "|",
            ",",
            ".",
            "'",
        ),
        *(
            "x",
            "d",
            "i",
            "1",
            "2.5",
            " ",
            "\n",
            "%",
            "\t",
            "\x0c",
            "rac",
            "ight)",
            "é",
            "σ²",
            "x̂",
            "…",
            "\0",
            "∂",
            "√",
            "Σ",
        ),
        *(
            r"\frac",
            r"\sqrt",
            r"\sum",
            r"\sum_{i=1}^m",
            r"\hat",
            r"\partial",
            r"\left",
            r"\right",
            r"\left(",
            r"\right)",
        ),
        *(r"\begin{aligned}", r"\end{aligned}", r"\begin{cases}", r"\end{cases}", r"\begin{bmatrix}", r"\end{bmatrix}"),
        *(
            r"\text{if}",
            r"\text",
            r"\mathrm",
            r"{\rm",
            r"\mathbf 1",
            r"\boxed",
            r"\underbrace",
            r"\operatorname",
            r"\nabla",
        ),
        *(r"\quad", r"\in", r"\dots", r"\Rightarrow", r"\newcommand{\a}{x}", r"\a", r"\def\b", "#1", r"\|", r"\over"),
        *("1\\{i=j\\}", r"\delta_{ij}", r"\mathbb{E}", "```\n", "<!-- given:", "-->", r"\not", r"\stackrel", r"\verb|"),
        *(r"\substack", r"\tag", r"\color", r"\big", r"\log", "dL/dx", "dx", r"\mathcal", "(a)", "[i=j]", r"\{", r"\}"),
    ]
)
soup = st.lists(pieces, max_size=40).map("".join)


@settings(max_examples=1500, deadline=None)
@given(soup, st.sampled_from(["tex", "md", "txt"]), st.booleans())
def test_no_text_breaks_the_reader(source: str, kind: str, inside) -> None:
    source = f"$${source}$$" if inside else source
    document = read_text(source, kind)
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for item in document.items:
        assert 1 <= item.place.line <= len(lines)
        assert 1 <= item.place.column <= len(lines[item.place.line - 1]) + 1


@settings(max_examples=800, deadline=None)
@given(soup)
def test_no_formula_breaks_the_reader(source: str) -> None:
    for parse in (parse_formula, parse_equation):
        with suppress(ReadError):
            parse(source)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["tex", "md", "txt", "ipynb"]))
def test_no_characters_break_the_reader(source: str, kind: str) -> None:
    with suppress(FileError) if kind == "ipynb" else nullcontext():
        read_text(source, kind)
