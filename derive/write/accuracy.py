"""Accuracy for a terminal: what the closed form reaches, then a table for each dtype, in the console's width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from derive.report.accuracy import AccuracyLine, AccuracyReport
from derive.write.accuracy_words import (
    ROUNDING,
    Column,
    chosen,
    columns_of,
    error,
    factors,
    measures,
    number,
    summary,
    title,
)

__all__ = ["accuracy", "plain"]

HEADING = "bold cyan"
CELL = 8
"""Columns of the terminal that an error takes with the space around it."""

WIDEST = 160
USELESS = 1e-2
"""From here on an error leaves no digit that matters."""


def accuracy(report: AccuracyReport, console: Console) -> None:
    """Prints the report on a console."""
    width = min(console.width, WIDEST)
    with console.capture() as captured:
        for part in _parts(report, width):
            console.print(part, width=width, highlight=False)
    lines = captured.get().splitlines(keepends=True)
    console.file.write("".join(lines if console.is_terminal else [line.rstrip() + "\n" for line in lines]))


def plain(report: AccuracyReport) -> str:
    """The report as plain text, 100 columns wide."""
    text = StringIO()
    accuracy(report, Console(file=text, width=100, color_system=None, force_terminal=False))
    return text.getvalue()


def _parts(report: AccuracyReport, width: int) -> Iterator[RenderableType]:
    yield Text(f"{title(report)}\n", style="bold")
    yield Text("\n".join(summary(report)), style="bold red" if report.wrong else "")
    yield Text("\n" + "\n".join(filter(None, (*measures(report), factors(report)))), style="dim")
    for dtype, eps in report.epsilons:
        yield Text(f"\n{dtype}, machine epsilon {eps:.1e}", style=HEADING)
        for columns in _blocks(report, dtype, width):
            yield _table(report, (dtype, eps), columns)
    if report.versions:
        yield Text("\n" + ", ".join(f"{name} {version}" for name, version in report.versions), style="dim")


def _blocks(report: AccuracyReport, dtype: str, width: int) -> Iterable[list[Column]]:
    """All columns side by side, the base once, if there is room; else κ, and below it scale and m."""
    every = columns_of(report, dtype)
    once = [one for one in every if one.varied == "κ" or one.at != report.base]
    if _names(report) + CELL * len(once) <= width:
        return [once]
    return [[one for one in every if one.varied == "κ"], [one for one in every if one.varied != "κ"]]


def _names(report: AccuracyReport) -> int:
    return 2 + max(map(len, report.forms), default=0)


def _table(report: AccuracyReport, kind: tuple[str, float], columns: list[Column]) -> Table:
    dtype, eps = kind
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 0, 0, 1))
    table.add_column("", min_width=_names(report), no_wrap=True)
    for head in _heads(columns):
        table.add_column(head, justify="right", min_width=CELL - 2, no_wrap=True)
    for gradient in report.gradients:
        forms = chosen(report, dtype, gradient)
        table.add_row(Text(gradient, style="bold"))
        for form, lines in forms.items():
            table.add_row(f"  {form}", *(_cell(lines.get(one.at), eps) for one in columns))
    return table


def _heads(columns: list[Column]) -> Iterator[str]:
    """What is varied above the first of its values, and the values."""
    before = ""
    for one in columns:
        yield f"{one.varied if one.varied != before else ''}\n{number(one.value)}"
        before = one.varied


def _cell(line: AccuracyLine | None, eps: float) -> Text:
    return Text("–", style="dim") if line is None else Text(error(line.scaled), style=_style(line.scaled, eps))


def _style(value: float | None, eps: float) -> str:
    if value is not None and value <= ROUNDING * eps:
        return "green"
    return "bold red" if value is None or value >= USELESS else "yellow"
