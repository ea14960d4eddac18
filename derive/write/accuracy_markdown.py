"""Accuracy as Markdown: both measures in full, a table for each dtype, gradient and measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from derive.report.accuracy import AccuracyLine, AccuracyReport
from derive.write.accuracy_words import Column, chosen, columns_of, error, measures, number, summary, title

__all__ = ["accuracy_markdown"]

Measure = Callable[[AccuracyLine], float | None]


def accuracy_markdown(report: AccuracyReport) -> str:
    """The report as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions)
    parts = [
        f"# {title(report)}",
        *summary(report),
        "\n".join(f"- {one}" for one in measures(report)),
        *(part for dtype, eps in report.epsilons for part in _dtype(report, dtype, eps)),
        *([f"Made with {versions}."] if versions else []),
    ]
    return "\n\n".join(parts) + "\n"


def _dtype(report: AccuracyReport, dtype: str, eps: float) -> Iterator[str]:
    yield f"## {dtype}, machine epsilon {eps:.1e}"
    for gradient in report.gradients:
        forms = chosen(report, dtype, gradient)
        if forms:
            yield f"### {gradient}"
            columns = _once(report, dtype)
            yield _table("max\\|error\\| / natural magnitude", forms, columns, lambda one: one.scaled)
            yield _table(f"max\\|error\\| / max\\|{gradient}\\|", forms, columns, lambda one: one.relative)


def _once(report: AccuracyReport, dtype: str) -> list[Column]:
    """Every kind of data once."""
    return [one for one in columns_of(report, dtype) if one.varied == "κ" or one.at != report.base]


def _table(
    head: str,
    forms: dict[str, dict[tuple[float, float, int], AccuracyLine]],
    columns: list[Column],
    measure: Measure,
) -> str:
    heads = [head, *(f"{one.varied} = {number(one.value)}" for one in columns)]
    rows = [[form, *(_cell(lines.get(one.at), measure) for one in columns)] for form, lines in forms.items()]
    rule = ["---", *("---:" for _ in columns)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def _cell(line: AccuracyLine | None, measure: Measure) -> str:
    return "–" if line is None else error(measure(line))
