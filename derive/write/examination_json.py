"""The examination of a backward function as JSON, in the shape of the command line contract."""

from __future__ import annotations

import json
import math
from typing import Any

from derive.report.examination import Examination, Failing, Inaccurate, Output

__all__ = ["examination_json"]


def examination_json(one: Examination) -> str:
    """One JSON object, indented, in UTF-8 text. An error without a number, such as that of NaN, is null."""
    data = {
        "function": one.function,
        "layer": one.layer,
        "framework": one.framework,
        "proved": one.proved,
        "cases": one.cases,
        "outputs": [_output(output) for output in one.outputs],
        "problems": list(one.problems),
        "notes": list(one.notes),
        "verdict": one.verdict,
    }
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _output(one: Output) -> dict[str, Any]:
    return {
        "name": one.name,
        "of": one.of,
        "passed": one.passed,
        "max_relative_error": _number(one.max_relative_error),
        "failing": [_failing(failing) for failing in one.failing],
        "inaccurate": [_inaccurate(inaccurate) for inaccurate in one.inaccurate],
        "diagnosis": one.diagnosis,
    }


def _failing(one: Failing) -> dict[str, Any]:
    return {"condition": one.condition, "error": _number(one.error), "said": one.said}


def _inaccurate(one: Inaccurate) -> dict[str, Any]:
    return {
        "condition": one.condition,
        "error": _number(one.error),
        "expected": _number(one.expected),
        "said": one.said,
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
