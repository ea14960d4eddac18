"""Checked documents as text: every equation with its verdict, within the width, plain where nobody looks."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from derive.check import check_text
from derive.report.document import EXIT_CODES, DocumentReport, Entry, Fix, worst_of
from derive.report.formula import Example, Formula
from derive.write.document import SIGNS, document, plain, summary
from derive.write.document_json import document_json
from derive.write.wrap import columns

SOURCE = r"""
\begin{align*}
\mu &= \frac{1}{m} \sum_{k=1}^{m} x_k \\
\sigma^2 &= \frac{1}{m} \sum_{k=1}^{m} (x_k - \mu)^2 \\
\hat{x}_i &= \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} \\
\frac{\partial \hat{x}_i}{\partial x_i} &= \frac{2}{\sqrt{\sigma^2 + \epsilon}} \\
\frac{\partial L}{\partial \mu} &= -\frac{1}{\sqrt{\sigma^2 + \epsilon}} \sum_{k=1}^{m} \frac{\partial L}{\partial \hat{x}_k} \\
\frac{\partial \mu}{\partial x_i} &= \frac{1}{N} \\
\frac{\partial L}{\partial x_i} &= \frac{1}{\sqrt{\sigma^2 + \epsilon}} \left( \delta_i - \frac{1}{m} \sum_j \delta_j + \frac{\hat{x}_i}{m} \sum_j \delta_j \hat{x}_j \right)
\end{align*}
\[ q = { \]
"""  # noqa: E501 -- one line of LaTeX each


@pytest.fixture(scope="module")
def checked():
    found = check_text(SOURCE)
    return DocumentReport("notes.tex", found.entries, ("3:1: read 'a' for 'b'",), found.decisions)


def printed(files, width, **more):
    out = StringIO()
    document(files, Console(file=out, width=width, **more))
    return out.getvalue()


def test_every_verdict_has_a_sign():
    assert set(SIGNS) == {"proved", "refuted", "undecided", "unreadable", "definition", "given", "notation"}


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_and_is_plain(checked, width):
    """What a caret points into is shown as it stands."""
    lines = printed((checked,), width, color_system=None).splitlines()
    assert lines
    assert [line for line in lines if columns(line) > width and "^" not in line] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in "".join(lines)


def test_every_entry_is_there_with_place_and_verdict(checked):
    said = plain((checked,))
    for entry in checked.entries:
        assert f"notes.tex:{entry.line}:{entry.column}: {SIGNS[entry.verdict][0]} {entry.verdict}" in said
    assert "notes.tex:3:1: read 'a' for 'b'" in said
    assert said.splitlines()[-1] == summary(checked)


def test_what_a_refutation_carries_is_said(checked):
    said = " ".join(printed((checked,), 200, color_system=None).split())
    for part in (
        "counterexample: m =",
        "and under the other reading: ",
        "right: ∂x̂_i/∂x_i = ",
        "true with ",
        "read as local",
    ):
        assert part in said
    assert "assuming that δ is ∂L/∂x̂" in said
    assert "holds if N = m" in said
    assert "for every m" in said


def test_a_verdict_that_is_no_proof_is_never_printed_as_one(checked):
    for entry in checked.entries:
        if entry.verdict != "proved":
            shown = plain((DocumentReport("a.tex", (entry,)),)).replace(summary(checked), "")
            assert "✓" not in shown
            assert "proved" not in shown.partition(": ")[2].splitlines()[0]


def test_colour_where_it_is_wanted(checked):
    assert "\x1b[" in printed((checked,), 100, force_terminal=True, color_system="standard")


def test_an_error_is_one_line():
    assert plain((DocumentReport("a.tex", error="There is no file. Name another."),)) == (
        "a.tex: There is no file. Name another.\n"
    )


MARKUP = ["[bold]x[/bold]", "[/]", "[link=a]", "\\[", ":smile:"]


@pytest.mark.parametrize("text", MARKUP)
def test_what_looks_like_markup_is_printed_as_it_is(text):
    report = DocumentReport("a.tex", (Entry(1, 1, text, "unreadable", reason=text, caret=f"{text}\n^"),))
    assert plain((report,)).count(text) == 3


SUMMARIES = [
    (DocumentReport("a"), "a: no equations"),
    (DocumentReport("a", (Entry(1, 1, "x", "proved"), Entry(2, 1, "x", "proved"))), "a: 2 proved"),
    (DocumentReport("a", (Entry(1, 1, "x", "proved"),), expected=True), "a: 1 proved; all as expected"),
    (DocumentReport("a", expected=True, differences=("b",)), "a: no equations; not as expected:"),
]


@pytest.mark.parametrize(("report", "expected"), SUMMARIES)
def test_summaries(report, expected):
    assert summary(report) == expected


WORST = [
    ((), "nothing wrong"),
    (("proved",), "nothing wrong"),
    (("proved", "undecided"), "undecided"),
    (("unreadable", "undecided"), "unreadable"),
    (("refuted", "undecided", "unreadable", "proved"), "refuted"),
    (("definition", "notation"), "nothing wrong"),
]


@pytest.mark.parametrize(("verdicts", "expected"), WORST)
def test_the_worst_of_a_file(verdicts, expected):
    report = DocumentReport("a", tuple(Entry(1, 1, "x", one) for one in verdicts))
    assert report.verdict == expected
    assert worst_of((report,)) == expected
    assert expected == "nothing wrong" or EXIT_CODES[expected] in {1, 3}


FILES = [
    (("refuted", "error"), "refuted"),
    (("undecided", "error"), "error"),
    (("as expected", "differs"), "differs"),
    (("as expected",), "nothing wrong"),
]


@pytest.mark.parametrize(("kinds", "expected"), FILES)
def test_the_worst_of_several_files(kinds, expected):
    made = {
        "refuted": DocumentReport("a", (Entry(1, 1, "x", "refuted"),)),
        "undecided": DocumentReport("b", (Entry(1, 1, "x", "undecided"),)),
        "error": DocumentReport("c", error="No. Do."),
        "differs": DocumentReport("d", expected=True, differences=("x",)),
        "as expected": DocumentReport("e", (Entry(1, 1, "x", "refuted"),), expected=True),
    }
    assert worst_of(tuple(made[kind] for kind in kinds)) == expected


def test_json_holds_all_of_it(checked):
    data = json.loads(document_json((checked,)))
    (file,) = data["files"]
    assert data["verdict"] == file["verdict"] == "refuted"
    assert data["summary"] == file["summary"] == checked.summary
    assert file["repairs"] == list(checked.repairs)
    for entry, shown in zip(checked.entries, file["equations"], strict=True):
        assert (shown["line"], shown["column"], shown["verdict"]) == (entry.line, entry.column, entry.verdict)
        assert (shown["counterexample"] is None) == (entry.counterexample is None)
        assert (shown["repair"] is None) == (entry.fix is None)
        assert len(shown["other_counterexamples"]) == len(entry.others)


def test_json_of_an_entry():
    example = Example({"m": 2}, {"i": 1}, {"x_1": "1/2"}, "0", "1")
    fix = Fix("− before x", Formula("x = −y", "x = -y"))
    entry = Entry(
        1,
        2,
        "x = y",
        "refuted",
        "x",
        "y",
        "x = y",
        counterexample=example,
        correct=Formula("−y", "-y"),
        fix=fix,
        follows=3,
    )
    ((shown,),) = (file["equations"] for file in json.loads(document_json((DocumentReport("a", (entry,)),)))["files"])
    assert shown["counterexample"] == {"sizes": {"m": 2, "i": 1}, "values": {"x_1": "1/2"}, "left": "0", "right": "1"}
    assert shown["repair"] == {"edit": "− before x", "latex": "x = -y", "text": "x = −y"}
    assert shown["correct"] == {"latex": "-y", "text": "−y"}
    assert shown["follows_from_line"] == 3
    assert shown["reason"] is None
