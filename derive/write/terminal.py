"""The report for a terminal: a tree, numbered steps, a box, two tables, one last line. Colour and width are rich's.

Promises: every formula stands in full on lines of its own width, so it is right when copied; without colour or
terminal the same text comes out plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from derive.report import CheckLine, ClosedFormLine, Formula, GraphNode, Judged, Line, NumericLine, Report
from derive.write.wrap import columns, wrap

__all__ = ["plain", "terminal"]

STYLES: Mapping[str, tuple[str, str]] = {
    "proved": ("✓", "green"),
    "passed": ("✓", "green"),
    "refuted": ("✗", "bold red"),
    "failed": ("✗", "bold red"),
    "undecided": ("?", "yellow"),
    "": ("–", "dim"),
}
WIDE = 120
WIDEST = 160
LAST_WORDS = {
    "proved": "every step is proved",
    "refuted": "something is refuted: the counterexamples are above",
    "failed": "the proofs hold, but a numerical check failed: see the table above",
    "undecided": "nothing is refuted, but not everything is decided",
}


def terminal(report: Report, console: Console) -> None:
    """Prints the report on a console."""
    width = min(console.width, WIDEST)
    for part in _parts(report, width):
        console.print(part, width=width, highlight=False, soft_wrap=False)


def plain(report: Report) -> str:
    """The report as plain text, 100 columns wide."""
    console = Console(file=StringIO(), width=100, color_system=None, force_terminal=False)
    terminal(report, console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"  # type: ignore[attr-defined]


def _parts(report: Report, width: int) -> Iterable[RenderableType]:
    every = "for every m" if report.m is None else f"for every m, and spelled out at m = {report.m}"
    yield Text(f"{report.title}, derived {every}", style="bold")
    yield _heading("Computation graph")
    yield _tree(report)
    yield _heading("Forward pass")
    yield from (_formula_line(line, width) for line in report.forward)
    yield from _steps(report, width)
    yield _heading("Closed form")
    yield _box(report, width)
    yield _heading("Proof")
    yield _checks(report.checks, width)
    yield from (_failure(name, judged, width) for check in report.checks for name, judged in check.failing)
    yield _heading("Numerical check")
    yield _numeric(report.numeric, width)
    yield Text()
    yield _last(report, width)


def _heading(title: str) -> Text:
    return Text(f"\n{title}", style="bold cyan")


def _mark(verdict: str) -> Text:
    sign, style = STYLES[verdict]
    return Text(f"{sign} {verdict}".rstrip(), style=style)


def _lines(text: str, width: int) -> Text:
    return Text("\n".join(wrap(text, max(width, 20))), no_wrap=True)


# --- graph -------------------------------------------------------------------------------------------------------


def _tree(report: Report) -> Tree:
    """The graph from the loss down; a node that is read twice is written out once."""
    nodes = {node.name: node for node in report.graph}
    root = Tree("L", guide_style="dim")
    shown: set[str] = set()
    _grow(root, next(node for node in report.graph if node.kind == "output"), nodes, shown)
    return root


def _grow(parent: Tree, node: GraphNode, nodes: Mapping[str, GraphNode], shown: set[str]) -> None:
    label = Text(node.symbol.text)
    if node.value is None:
        parent.add(label)
        return
    if node.name in shown:
        parent.add(label.append("  (above)", style="dim"))
        return
    shown.add(node.name)
    branch = parent.add(label.append(f" = {node.value.text}"))
    for name in sorted(node.reads, key=lambda read: -list(nodes).index(read)):
        _grow(branch, nodes[name], nodes, shown)


# --- steps -------------------------------------------------------------------------------------------------------


def _steps(report: Report, width: int) -> Iterable[RenderableType]:
    part = ""
    for line in report.steps:
        if line.part != part:
            part = line.part
            yield _heading(part[0].upper() + part[1:])
            if part == "adjoints":
                yield Text(f"    with the upstream gradient {report.upstream.text}", style="dim")
        yield _step(line, width)


def _step(line: Line, width: int) -> Table:
    """Number, formula, verdict; the rule in a column of its own where there is room, else below."""
    rule = _rule(line)
    beside = width >= WIDE
    room = width - 4 - 12 - (44 if beside else 0)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=3, justify="right", style="dim")
    grid.add_column(width=room)
    if beside:
        grid.add_column(width=43, style="dim")
    grid.add_column(width=11)
    formula = _lines(line.formula.text, room)
    grid.add_row(f"{line.number}", formula, *([rule] if beside else []), _mark(line.judged.verdict))
    for extra in _below(line, rule if not beside else "", room):
        grid.add_row("", extra, *([""] if beside else []), "")
    return grid


def _rule(line: Line) -> str:
    because = f", because {' and '.join(one.text for one in line.because)}" if line.because else ""
    return f"{line.rule}{because}"


def _below(line: Line, rule: str, room: int) -> Iterable[Text]:
    if rule:
        yield Text("\n".join(wrap(rule, room)), style="dim")
    if line.judged.note:
        yield Text(f"({line.judged.note})", style="yellow")
    if line.spelled_out is not None:
        yield _spelled(line.spelled_out, room)
    yield from _why(line.judged, room)


def _spelled(formula: Formula, room: int) -> Text:
    return Text("\n".join(wrap(formula.text, room)), style="blue")


def _why(judged: Judged, room: int) -> Iterable[Text]:
    if judged.counterexample is not None:
        yield Text("\n".join(wrap(f"counterexample: {judged.counterexample.sentence()}", room)), style="red")
    if judged.reason:
        yield Text("\n".join(wrap(judged.reason, room)), style="yellow")


def _formula_line(line: Line, width: int) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=3)
    grid.add_column(width=width - 4)
    grid.add_row("", _lines(line.formula.text, width - 4))
    if line.spelled_out is not None:
        grid.add_row("", _spelled(line.spelled_out, width - 4))
    return grid


# --- results -----------------------------------------------------------------------------------------------------


def _box(report: Report, width: int) -> Panel:
    inner = min(width - 6, max(72, *(columns(_equation(form)) for form in report.closed_forms)))
    grid = Table.grid()
    grid.add_column(width=inner)
    for number, form in enumerate(report.closed_forms):
        if number:
            grid.add_row("")
        for row in _closed_form(form, inner):
            grid.add_row(row)
    return Panel(grid, box=box.ROUNDED, expand=False, padding=(0, 2), border_style="cyan")


def _equation(form: ClosedFormLine) -> str:
    return f"{form.name.text} = {form.found.text}"


def _closed_form(form: ClosedFormLine, room: int) -> Iterable[Text]:
    yield Text("\n".join(wrap(_equation(form), room)), style="bold", no_wrap=True)
    if form.spelled_out is not None:
        yield _spelled(form.spelled_out, room)
    sign, style = STYLES[form.judged.verdict]
    said = f"{sign} {form.judged.verdict} equal to the layer's stated form"
    if form.judged.verdict != "proved":
        said = f"{sign} the layer's stated form {form.stated.text} is {form.judged.verdict}"
    yield Text("\n".join(wrap(said, room)), style=style)
    if form.because:
        why = f"= the chain rule, because {' and '.join(one.text for one in form.because)}"
        yield Text("\n".join(wrap(why, room)), style="dim")
    if form.operations_staged != form.operations_found:
        yield Text(f"{form.operations_found} operations; the chain rule written out takes {form.operations_staged}", style="dim")
    yield from _why(form.judged, room)


def _plain_table(*headers: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for header, justify in headers:
        table.add_column(header, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def _checks(checks: tuple[CheckLine, ...], width: int) -> Table:
    table = _plain_table(("route", "left"), ("", "left"), ("verdict", "left"), ("time", "right"))
    for check in checks:
        table.add_row(check.name, check.detail, _mark(check.verdict), _time(check.seconds))
    table.width = width if width < WIDE else None
    return table


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds else ""


def _failure(name: str, judged: Judged, width: int) -> Text:
    lines = [f"{name}: {judged.verdict}", *(text.plain for text in _why(judged, width - 4))]
    return Text("\n".join(lines), style=STYLES[judged.verdict][1])


def _numeric(lines: tuple[NumericLine, ...], width: int) -> Table:
    """The error over the largest gradient, the error over the natural magnitude, and what the latter may be."""
    table = _plain_table(
        ("NumPy closed form against", "left"),
        ("dtype", "left"),
        ("tests", "right"),
        ("error/max|grad|", "right"),
        ("error/scale", "right"),
        ("tolerance", "right"),
        ("", "left"),
    )
    for line in lines:
        measures = (line.max_relative_error, line.scaled_error, line.tolerance)
        shown = (f"{value:.1e}" if line.tolerance else "" for value in measures)
        verdict = "passed" if line.passed else "failed"
        table.add_row(line.against, line.dtype, str(line.cases), *shown, _mark(verdict))
    table.width = width if width < WIDE else None
    return table


def _last(report: Report, width: int) -> Text:
    sign, style = STYLES[report.verdict]
    conditions = {c.text for line in report.steps for c in line.judged.conditions}
    where = f", wherever {' and '.join(f'{one} ≠ 0' for one in sorted(conditions))}" if conditions else ""
    scope = " for every m" if report.verdict == "proved" else ""
    tests = sum(line.cases for line in report.numeric)
    counted = f"{len(report.steps)} steps, {len(report.closed_forms)} closed forms, {tests} numerical tests"
    said = f"{sign} {report.layer}: {LAST_WORDS[report.verdict]}{scope}{where} ({counted})"
    return Text("\n".join(wrap(said, width)), style=style)
