"""The report for a terminal: a tree, numbered steps, a box, two tables, one last line. Colour and width are rich's.

Promises: every formula stands in full on lines of its own width, so it is right when copied; without colour or
terminal the same text comes out plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from derive.report import CheckLine, ClosedFormLine, GraphNode, Judged, Line, NumericLine, Report
from derive.write.wording import SECTIONS, loss_said, needed
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
MEASURES = (
    "The closed form in NumPy on random data with a weighted loss. relative: max|error| / max|gradient|; "
    "scaled: max|error| over the natural size of the gradient's terms, which the tolerance bounds."
)
HEADING = "bold cyan"
FORWARD_SECTIONS = ("tangents", "Jacobian–vector product", "transpose", "Jacobian")
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
    with console.capture() as captured:
        for part in _parts(report, width):
            wide = isinstance(part, Text) and part.no_wrap
            console.print(part, width=None if wide else width, highlight=False, crop=False)
    # rich pads every cell to its width; a formula copied from a file or a pipe is to end where it ends.
    lines = captured.get().splitlines(keepends=True)
    console.file.write("".join(lines if console.is_terminal else [line.rstrip() + "\n" for line in lines]))


def plain(report: Report) -> str:
    """The report as plain text, 100 columns wide."""
    text = StringIO()
    terminal(report, Console(file=text, width=100, color_system=None, force_terminal=False))
    return text.getvalue()


def _parts(report: Report, width: int) -> Iterable[RenderableType]:
    every = f"for {report.every}" + ("" if report.m is None else f", and spelled out at {report.at}")
    yield Text(f"{report.title}, derived {every}", style="bold")
    yield _heading("Computation graph")
    yield _tree(report)
    yield _heading("Forward pass")
    yield _forward(report, width)
    yield _steps(report, report.steps, width)
    yield _heading("Closed form")
    yield _box(report, width)
    if report.forward_mode:
        yield _steps(report, report.forward_mode, width)
    if report.identities:
        yield _heading("Identities")
        yield _identities(report, width)
    yield _heading("Proof")
    yield _checks(report.checks, width)
    yield from (_failure(name, judged, width) for check in report.checks for name, judged in check.failing)
    yield _heading("Numerical check")
    yield Text(MEASURES, style="dim")
    yield _numeric(report.numeric, width)
    yield Text()
    yield _last(report)


def _heading(title: str) -> Text:
    return Text(f"\n{title}", style=HEADING)


def _mark(verdict: str) -> Text:
    sign, style = STYLES[verdict]
    return Text(f"{sign} {verdict}".rstrip(), style=style)


# --- graph -------------------------------------------------------------------------------------------------------


def _tree(report: Report) -> Tree:
    """The graph from the loss down; a node that is read twice is written out once."""
    nodes = {node.name: node for node in report.graph}
    root = Tree(Text(loss_said(report), style="dim"), guide_style="dim")
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


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths: number, formula, rule (0 where it stands below), verdict."""

    number: int
    formula: int
    rule: int

    @classmethod
    def of(cls, width: int) -> Columns:
        rule = min(64, width - 16 - 72) if width >= WIDE else 0
        return cls(4, max(width - 4 - 12 - rule, 20), rule)


def _forward(report: Report, width: int) -> Text:
    text = Text(no_wrap=True)
    for line in report.forward:
        _block(text, line.formula.text, width - 4, "")
        if line.spelled_out is not None:
            _block(text, line.spelled_out.text, width - 4, "blue")
    for one in report.assumptions:
        _block(text, f"assuming {one.text}", width - 4, "dim")
    for meaning in report.meanings:
        _block(text, f"where {meaning.text}", width - 4, "dim")
    text.right_crop(1)
    return text


def _block(text: Text, said: str, room: int, style: str) -> None:
    """Lines of a formula or a sentence under the formula column."""
    for piece in wrap(said, room):
        text.append(" " * 4).append(piece, style).append("\n")


def _steps(report: Report, steps: tuple[Line, ...], width: int) -> Text:
    text, part, at = Text(no_wrap=True), "", Columns.of(width)
    for line in steps:
        if line.part != part:
            part = line.part
            text.append(f"\n{part[0].upper()}{part[1:]}\n", HEADING)
            if part == "adjoints":
                text.append(f"    with the upstream gradient {report.upstream.text}\n", "dim")
            if part in FORWARD_SECTIONS:
                _block(text, SECTIONS[part][1], width - 4, "dim")
        _step(text, line, at)
    text.right_crop(1)
    return text


def _step(text: Text, line: Line, at: Columns) -> None:
    """Number, formula, verdict; the rule in a column of its own where there is room, else below."""
    formula, rule = wrap(line.formula.text, at.formula - 1), _rule(line)
    beside = wrap(rule, at.rule - 2) if at.rule else []
    for number, (piece, aside) in enumerate(zip_longest(formula, beside, fillvalue="")):
        text.append(f"{line.number:3d} " if number == 0 else " " * at.number, "dim").append(_padded(piece, at.formula))
        text.append(_padded(aside, at.rule), "dim")
        if number == 0:
            text.append_text(_mark(line.judged.verdict))
        text.append("\n")
    if not at.rule:
        _block(text, rule, at.formula, "dim")
    if line.judged.note:
        _block(text, f"({line.judged.note})", at.formula, "yellow")
    if line.spelled_out is not None:
        _block(text, line.spelled_out.text, at.formula, "blue")
    for sentence, style in _why(line.judged):
        _block(text, sentence, at.formula, style)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _rule(line: Line) -> str:
    because = f", because {' and '.join(one.cited for one in line.because)}" if line.because else ""
    return f"{line.rule}{because}"


def _why(judged: Judged) -> Iterable[tuple[str, str]]:
    """What a verdict other than a proof says for itself, with its style."""
    if judged.counterexample is not None:
        yield f"counterexample: {judged.counterexample.sentence()}", "red"
    if judged.reason:
        yield judged.reason, "yellow"


def _identities(report: Report, width: int) -> Text:
    """Each identity once: its name, and its proof as a chain of equalities."""
    text = Text(no_wrap=True)
    for one in report.identities:
        text.append(f"{one.label:>4} ", "dim")
        text.append(f"{one.title}  ")
        text.append_text(_mark(one.judged.verdict))
        text.append("\n")
        _block(text, one.proof.text, width - 6, "")
        by = needed(one, lambda formula: formula.text)
        if by:
            _block(text, f"by {by}", width - 6, "dim")
        for sentence, style in _why(one.judged):
            _block(text, sentence, width - 6, style)
    text.right_crop(1)
    return text


# --- results -----------------------------------------------------------------------------------------------------


def _box(report: Report, width: int) -> Panel:
    inner = min(width - 6, max(60, *(columns(_equation(form)) for form in report.closed_forms)))
    text = Text("\n\n").join(Text("\n").join(_closed_form(form, inner)) for form in report.closed_forms)
    text.no_wrap = True
    return Panel(text, box=box.ROUNDED, expand=False, padding=(0, 2), border_style="cyan")


def _equation(form: ClosedFormLine) -> str:
    return f"{form.name.text} = {form.found.text}"


def _closed_form(form: ClosedFormLine, room: int) -> Iterable[Text]:
    yield _wrapped(_equation(form), room, "bold")
    if form.spelled_out is not None:
        yield _wrapped(form.spelled_out.text, room, "blue")
    sign, style = STYLES[form.judged.verdict]
    said = f"{sign} {form.judged.verdict} equal to the layer's stated form"
    if form.stated is None:
        said = f"{sign} found, and {form.judged.verdict} to be the total derivative"
    elif form.judged.verdict != "proved":
        said = f"{sign} the layer's stated form {form.stated.text} is {form.judged.verdict}"
    yield _wrapped(said, room, style)
    if form.because:
        yield _wrapped(f"= the chain rule, because {' and '.join(one.cited for one in form.because)}", room, "dim")
    if form.operations_staged != form.operations_found:
        counted = f"{form.operations_found} operations; the chain rule written out takes {form.operations_staged}"
        yield _wrapped(counted, room, "dim")
    yield from (_wrapped(sentence, room, style) for sentence, style in _why(form.judged))


def _wrapped(said: str, room: int, style: str) -> Text:
    return Text("\n".join(wrap(said, room)), style=style)


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
    said = "; ".join((f"{name}: {judged.verdict}", *(sentence for sentence, _ in _why(judged))))
    return _wrapped(said, width, STYLES[judged.verdict][1])


def _numeric(lines: tuple[NumericLine, ...], width: int) -> Table:
    """The error over the largest gradient, the error over the natural magnitude, and what the latter may be."""
    table = _plain_table(
        ("oracle", "left"),
        ("dtype", "left"),
        ("tests", "right"),
        ("relative", "right"),
        ("scaled", "right"),
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


def _last(report: Report) -> Text:
    sign, style = STYLES[report.verdict]
    conditions = {c.text for line in (*report.steps, *report.forward_mode) for c in line.judged.conditions}
    where = f", wherever {' and '.join(f'{one} ≠ 0' for one in sorted(conditions))}" if conditions else ""
    scope = f" for {report.every}" if report.verdict == "proved" else ""
    tests = sum(line.cases for line in report.numeric)
    forward = f"{len(report.forward_mode)} lines of forward mode, " if report.forward_mode else ""
    counted = f"{len(report.steps)} steps, {len(report.closed_forms)} closed forms, {forward}{tests} numerical tests"
    said = f"{sign} {report.layer}: {LAST_WORDS[report.verdict]}{scope}{where} ({counted})"
    return Text(said, style=style)
