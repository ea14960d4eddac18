"""Checked documents for CI: SARIF 2.1.0, and the workflow commands that GitHub turns into annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from derive.report.document import DocumentReport, Entry

__all__ = ["github", "sarif"]

LEVELS = {"refuted": "error", "undecided": "warning", "unreadable": "warning"}
RULES = {
    "refuted": "An equation is false: there is an exact counterexample.",
    "undecided": "An equation is neither proved nor refuted.",
    "unreadable": "A formula could not be understood.",
    "expected": "A verdict is not the expected one.",
    "input": "A file could not be read.",
}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def message(entry: Entry) -> str:
    """What is wrong with an equation, in one paragraph."""
    parts = [f"{entry.verdict}: {entry.understood or entry.latex}"]
    if entry.reason:
        parts.append(entry.reason)
    if entry.counterexample is not None:
        parts.append(f"counterexample: {entry.counterexample.sentence()}")
    if entry.correct is not None:
        parts.append(f"right: {entry.left} = {entry.correct.text}")
    if entry.fix is not None:
        parts.append(f"true with {entry.fix.edit}")
    return ". ".join(parts)


def _findings(one: DocumentReport) -> Iterator[tuple[str, str, int, int, str]]:
    """Rule, level, line, column, message of all that is to be marked in a file."""
    if one.error:
        yield "input", "error", 1, 1, one.error
    elif one.expected:
        yield from (("expected", "error", 1, 1, told) for told in one.differences)
    else:
        for entry in one.entries:
            if entry.verdict in LEVELS:
                yield entry.verdict, LEVELS[entry.verdict], entry.line, entry.column, message(entry)


def sarif(files: tuple[DocumentReport, ...], version: str) -> str:
    """One SARIF run with a result for every refuted, undecided or unreadable equation."""
    run = {
        "tool": {"driver": {"name": "derive-bn", "version": version, "rules": [_rule(name) for name in RULES]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one.path, found) for one in files for found in _findings(one)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": RULES[name]}}


def _uri(path: str) -> str:
    """A path as a URI reference (RFC 3986)."""
    return quote(path, safe="/~")


def _result(path: str, found: tuple[str, str, int, int, str]) -> dict[str, Any]:
    rule, level, line, column, said = found
    place = {"artifactLocation": {"uri": _uri(path)}, "region": {"startLine": line, "startColumn": column}}
    return {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": level,
        "message": {"text": said},
        "locations": [{"physicalLocation": place}],
    }


def github(files: tuple[DocumentReport, ...]) -> str:
    """One workflow command a finding: GitHub shows it on the line."""
    return "".join(
        f"::{level} file={_property(one.path)},line={line},col={column}::{_data(said)}\n"
        for one in files
        for _, level, line, column, said in _findings(one)
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
