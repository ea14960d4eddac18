"""Checked documents as JSON, in the shape of the command line contract."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from derive.report.document import DocumentReport, Entry, worst_of
from derive.report.formula import Example

__all__ = ["document_json"]


def document_json(files: tuple[DocumentReport, ...]) -> str:
    """All files as one JSON object, indented, in UTF-8 text."""
    total: Counter[str] = Counter()
    for one in files:
        total.update(one.summary)
    data = {"files": [_file(one) for one in files], "summary": dict(total), "verdict": worst_of(files)}
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _file(one: DocumentReport) -> dict[str, Any]:
    return {
        "path": one.path,
        "equations": [_entry(entry) for entry in one.entries],
        "summary": one.summary,
        "repairs": list(one.repairs),
        "decisions": list(one.decisions),
        "expected": {"differences": list(one.differences)} if one.expected else None,
        "error": one.error or None,
        "verdict": one.verdict,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "line": entry.line,
        "column": entry.column,
        "latex": entry.latex,
        "left": entry.left,
        "right": entry.right,
        "understood": entry.understood,
        "verdict": entry.verdict,
        "scope": entry.scope or None,
        "reading": entry.reading or None,
        "assumptions": list(entry.assumptions),
        "used": list(entry.used),
        "counterexample": entry.counterexample and _example(entry.counterexample),
        "other_counterexamples": [_example(one) for one in entry.others],
        "correct": entry.correct and {"latex": entry.correct.latex, "text": entry.correct.text},
        "repair": entry.fix
        and {"edit": entry.fix.edit, "latex": entry.fix.equation.latex, "text": entry.fix.equation.text},
        "follows_from_line": entry.follows,
        "reason": entry.reason or None,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "sizes": {**example.sizes, **example.at},
        "values": example.values,
        "left": example.left,
        "right": example.right,
    }
