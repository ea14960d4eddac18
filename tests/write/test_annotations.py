"""SARIF 2.1.0 by the properties its schema requires, and GitHub's workflow commands with what they escape."""

from __future__ import annotations

import json
import re

import pytest

from derive.report.document import DocumentReport, Entry, Fix
from derive.report.formula import Example, Formula
from derive.write.annotations import LEVELS, RULES, github, sarif

EXAMPLE = Example({"m": 2}, {}, {"x_1": "1"}, "0", "1")
REFUTED = Entry(
    3, 7, "x = y", "refuted", "x", "y", "x = y", counterexample=EXAMPLE, correct=Formula("z", "z"),
    fix=Fix("z for y", Formula("x = z", "x = z")),
)  # fmt: skip
FILES = (
    DocumentReport("a.tex", (Entry(1, 1, "a = b", "proved"), REFUTED, Entry(4, 1, "c", "undecided", reason="why"))),
    DocumentReport("b.md", (Entry(2, 5, "{", "unreadable", reason="a } was expected"),)),
    DocumentReport("gone.tex", error="There is no file gone.tex. Name another."),
    DocumentReport("c.tex", (REFUTED,), expected=True),
    DocumentReport("d.tex", (REFUTED,), expected=True, differences=("line 3: refuted, expected proved",)),
)


@pytest.fixture(scope="module")
def run():
    data = json.loads(sarif(FILES, "1.2.3"))
    assert data["version"] == "2.1.0"
    assert data["$schema"].endswith("sarif-2.1.0.json")
    (run,) = data["runs"]
    return run


def test_the_tool_and_its_rules(run):
    driver = run["tool"]["driver"]
    assert driver["name"] == "derive-bn"
    assert driver["version"] == "1.2.3"
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert all(rule["shortDescription"]["text"].endswith(".") for rule in driver["rules"])
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}


def test_every_result_has_what_the_schema_requires(run):
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            place = location["physicalLocation"]
            assert place["artifactLocation"]["uri"]
            assert place["region"]["startLine"] >= 1
            assert place["region"]["startColumn"] >= 1


def test_what_is_marked(run):
    found = [(one["ruleId"], one["level"], one["locations"][0]["physicalLocation"]) for one in run["results"]]
    told = [
        (rule, level, place["artifactLocation"]["uri"], place["region"]["startLine"]) for rule, level, place in found
    ]
    assert told == [
        ("refuted", "error", "a.tex", 3),
        ("undecided", "warning", "a.tex", 4),
        ("unreadable", "warning", "b.md", 2),
        ("input", "error", "gone.tex", 1),
        ("expected", "error", "d.tex", 1),
    ]
    assert set(LEVELS) <= set(RULES)


def test_a_message_says_what_there_is(run):
    said = run["results"][0]["message"]["text"]
    for part in (
        "refuted: x = y",
        "counterexample: m = 2, x_1 = 1: left 0, right 1",
        "right: x = z",
        "true with z for y",
    ):
        assert part in said


ODD = ["a b.tex", "ü/σ².tex", "100%.tex", "a#b?.tex", "[x].tex", "C:\\notes\\a.tex", 'a"b.tex']


@pytest.mark.parametrize("path", ODD)
def test_a_path_is_a_uri(path):
    """artifactLocation.uri is a URI reference (RFC 3986): nothing outside its characters stands unescaped in it."""
    (result,) = json.loads(sarif((DocumentReport(path, error="No. Do."),), "1"))["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", uri), uri


def test_nothing_found_is_an_empty_list():
    (run,) = json.loads(sarif((), "1"))["runs"]
    assert run["results"] == []


ESCAPES = [
    ("a.tex", "x", "::error file=a.tex,line=1,col=1::x\n"),
    ("a.tex", "50% of\nit\r", "::error file=a.tex,line=1,col=1::50%25 of%0Ait%0D\n"),
    ("a,b:c.tex", "x: y, z", "::error file=a%2Cb%3Ac.tex,line=1,col=1::x: y, z\n"),
    ("a%.tex", "::warning::no", "::error file=a%25.tex,line=1,col=1::::warning::no\n"),
    ("a\nb.tex", "x", "::error file=a%0Ab.tex,line=1,col=1::x\n"),
]


@pytest.mark.parametrize(("path", "said", "expected"), ESCAPES)
def test_github_commands_are_escaped(path, said, expected):
    assert github((DocumentReport(path, error=said),)) == expected


def test_github_has_one_command_a_finding():
    lines = github(FILES).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::warning", "::warning", "::error", "::error"]
    assert all(re.fullmatch(r"::(error|warning) file=[^,:]+,line=\d+,col=\d+::.+", line) for line in lines)


def test_a_formula_over_several_lines_stays_one_command():
    entry = Entry(1, 1, "a\n= b", "unreadable", reason="a\nb")
    assert github((DocumentReport("a", (entry,)),)).count("\n") == 1
