"""The report as JSON, in the shape of the command line contract: other programs read this."""

from __future__ import annotations

import json as _json
import math
from typing import Any

from derive.report import CheckLine, Cited, Example, Formula, Judged, Line, NumericLine, Report

__all__ = ["json"]


def json(report: Report) -> str:
    """The report as one JSON object, indented, in UTF-8 text."""
    return _json.dumps(_report(report), ensure_ascii=False, indent=2) + "\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "layer": report.layer,
        "title": report.title,
        **({"order": 2} if report.second else {}),
        "m": "every" if report.m is None else report.m,
        "assumptions": [_formula(one) for one in report.assumptions],
        "upstream": _formula(report.upstream),
        **({"meanings": [_formula(one) for one in report.meanings]} if report.meanings else {}),
        "graph": [
            {"name": node.name, "kind": node.kind, **_formula(node.symbol), "reads": list(node.reads)}
            for node in report.graph
        ],
        "forward": [{"name": line.name.text, **_formula(line.formula)} for line in report.forward],
        "steps": [_step(line) for line in report.steps],
        "closed_form": {
            f"d{form.of}": {
                **_formula(form.found),
                "stated": form.stated and _formula(form.stated),
                **_judged(form.judged),
                "used": [_cited(one) for one in form.because],
                "operations": {"staged": form.operations_staged, "closed_form": form.operations_found},
            }
            for form in report.closed_forms
        },
        **({"forward_mode": [_step(line) for line in report.forward_mode]} if report.forward_mode else {}),
        "identities": [
            {
                "label": one.label,
                "title": one.title,
                **_formula(one.formula),
                "proof": _formula(one.proof),
                "definitions": [_formula(name) for name in one.definitions],
                "assumptions": [_formula(name) for name in one.assumptions],
                **_judged(one.judged),
            }
            for one in report.identities
        ],
        "checks": [_check(line) for line in report.checks],
        "numeric": [_numeric(line, stable=report.stable) for line in report.numeric],
        "versions": dict(report.versions),
        "verdict": report.verdict,
    }


def _formula(formula: Formula) -> dict[str, str]:
    return {"latex": formula.latex, "text": formula.text}


def _cited(one: Cited) -> dict[str, str]:
    return {**_formula(one), "label": one.label}


def _step(line: Line) -> dict[str, Any]:
    return {
        "number": line.number,
        "name": line.name.text,
        "part": line.part,
        **_formula(line.formula),
        "rule": line.rule,
        **_judged(line.judged),
        "used": [_cited(one) for one in line.because],
        "spelled_out": line.spelled_out and _formula(line.spelled_out),
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "verdict": judged.verdict,
        "note": judged.note or None,
        "reason": judged.reason or None,
        "not_zero": [_formula(one) for one in judged.conditions],
        "counterexample": judged.counterexample and _example(judged.counterexample),
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "sizes": {**example.sizes, **example.at},
        "values": example.values,
        "left": example.left,
        "right": example.right,
    }


def _check(line: CheckLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "verdict": line.verdict or None,
        "detail": line.detail,
        "seconds": round(line.seconds, 6),
        "failing": {name: _judged(judged) for name, judged in line.failing},
    }


def _finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _numeric(line: NumericLine, *, stable: bool) -> dict[str, Any]:
    measured = {
        "max_relative_error": _finite(line.max_relative_error),
        "max_scaled_error": _finite(line.scaled_error),
        "tolerance": _finite(line.tolerance),
        "nearest_case": line.worst_case,
    }
    return {
        "against": line.against,
        "dtype": line.dtype,
        "comparisons": line.cases,
        **(dict.fromkeys(measured) if stable else measured),
        "passed": line.passed,
    }
