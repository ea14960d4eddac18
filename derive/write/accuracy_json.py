"""Accuracy as JSON: one object for each form, gradient and kind of data, for other programs to read."""

from __future__ import annotations

import json
from typing import Any

from derive.report.accuracy import AccuracyLine, AccuracyReport

__all__ = ["accuracy_json"]


def accuracy_json(report: AccuracyReport) -> str:
    """The report as one JSON object, indented, in UTF-8 text. An error without a finite number is null."""
    return json.dumps(_report(report), ensure_ascii=False, indent=2) + "\n"


def _report(report: AccuracyReport) -> dict[str, Any]:
    kappa, scale, m = report.base
    return {
        "layer": report.layer,
        "title": report.title,
        "truth": f"{report.digits} digits",
        "base": {"kappa": kappa, "scale": scale, "m": m},
        "m_counts": list(report.counted),
        "machine_epsilon": dict(report.epsilons),
        "measured": [_line(one, dict(report.epsilons)[one.dtype]) for one in report.lines],
        "wrong": list(report.wrong),
        "versions": dict(report.versions),
        "verdict": report.verdict,
    }


def _line(one: AccuracyLine, eps: float) -> dict[str, Any]:
    return {
        "form": one.form,
        "gradient": one.gradient,
        "dtype": one.dtype,
        "kappa": one.kappa,
        "scale": one.scale,
        "m": one.m,
        "draws": one.draws,
        "max_relative_error": one.relative,
        "max_scaled_error": one.scaled,
        "machine_epsilons": None if one.scaled is None else float(f"{one.scaled / eps:.3g}"),
    }
