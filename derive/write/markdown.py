r"""The report as GitHub-flavoured Markdown: ```math fences, $`…`$ inside sentences, two Mermaid graphs, tables.

Promises: nothing that GitHub reads as markup comes from a name or a text of the report; formulas stand where GitHub
touches no `_` and no `*`; the same report gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from derive.write.breaking import rows
from derive.write.drawing import drawn_nodes
from derive.write.wording import (
    ASSUMED,
    MEANINGS_NOTE,
    SECTIONS,
    Table,
    Voice,
    abstract,
    by_width,
    cited,
    conditions,
    counterexample,
    failures,
    listed,
    loss_note,
    meanings,
    measures,
    needed,
    numeric_table,
    operations,
    proof_table,
    reached,
    remark,
    sentence_case,
    spelled_note,
    stated_said,
)

if TYPE_CHECKING:
    from derive.report import ClosedFormLine, Formula, Judged, Line, Report

__all__ = ["markdown"]

_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|$~#&])")
_MARKS: Final = MappingProxyType({"proved": "✓ ", "passed": "✓ ", "refuted": "✗ ", "failed": "✗ ", "undecided": "? "})
_ROOM: Final = 52.0  # em of formula that GitHub shows without a scroll bar
_INLINE: Final = 30.0
_NUMBERS: Final = frozenset(("Cases", "Relative", "Scaled", "Tolerance", "Time"))


def markdown(report: Report) -> str:
    """The report as Markdown, ending in a newline."""
    voice = Voice(
        in_line,
        escaped,
        lambda text: f"*{text}*",
        verdict,
        lambda value: f"{value:.1e}",
        lambda label: f"[{label}](#{label.lower()})",
    )
    blocks = [*_front(report, voice), *_forward(report), *_graphs(report), *_steps(report, report.steps, voice)]
    blocks += [
        *_closed_forms(report, voice),
        *_identities(report, voice),
        *_steps(report, report.forward_mode, voice),
        *_proofs(report, voice),
        *_numeric(report, voice),
    ]
    blocks += [*_conditions(report, voice), *_versions(report)]
    return "\n\n".join(filter(None, blocks)) + "\n"


# --- how things are written --------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """Running text: names stay as they are read, markup characters lose their meaning."""
    flat = " ".join(text.replace("\N{NO-BREAK SPACE}", " ").splitlines())
    return _SPECIAL.sub(r"\\\1", flat)


def verdict(word: str) -> str:
    """A verdict that is not read over."""
    return f"**{_MARKS.get(word, '')}{word}**"


def in_line(formula: Formula) -> str:
    """A formula inside a sentence."""
    return f"$`{allowed(formula.latex)}`$"


def allowed(latex: str) -> str:
    r"""LaTeX without what GitHub refuses (\operatorname) or takes for the end of the formula (a backtick)."""
    return latex.replace(r"\operatorname{", r"\mathrm{").replace("`", "'")


def display(latex: str) -> str:
    """One equation in a fence; aligned lines where it is wide."""
    lines = rows(allowed(latex), _ROOM)
    if len(lines) == 1:
        return fence("math", lines)
    return fence("math", [r"\begin{aligned}", *(rf"{line} \\" for line in lines[:-1]), lines[-1], r"\end{aligned}"])


def fence(language: str, lines: Iterable[str]) -> str:
    """Lines in a fenced block."""
    return "\n".join([f"```{language}", *lines, "```"])


def tabular(table: Table) -> str:
    """A table; numbers to the right."""
    rule = ["---:" if title in _NUMBERS else "---" for title in table.head]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.head, rule, *table.rows))


# --- the parts ---------------------------------------------------------------------------------------------------


def _front(report: Report, voice: Voice) -> Iterator[str]:
    yield f"# {escaped(report.title)}: the backward pass"
    yield abstract(report, voice)


def _heading(part: str) -> Iterator[str]:
    title, opening = SECTIONS.get(part, (sentence_case(part), ""))
    yield f"## {escaped(title)}"
    yield escaped(opening)


def _forward(report: Report) -> Iterator[str]:
    yield from _heading("forward pass")
    yield from (display(line.formula.latex) for line in report.forward)
    if report.assumptions:
        yield ASSUMED
        yield from (display(one.latex) for one in report.assumptions)
    spelled = [line.spelled_out for line in report.forward if line.spelled_out is not None]
    if spelled:
        yield spelled_note(report)
        yield from (display(one.latex) for one in spelled)
    if report.meanings:
        yield MEANINGS_NOTE
        yield from (display(one.latex) for one in report.meanings)
    yield loss_note(report)
    yield display(report.upstream.latex)


def _steps(report: Report, steps: tuple[Line, ...], voice: Voice) -> Iterator[str]:
    for part, lines in groupby(steps, key=lambda line: line.part):
        yield from _heading(part)
        for line in lines:
            yield from _step(report, line, voice)


def _step(report: Report, line: Line, voice: Voice) -> Iterator[str]:
    text, wide = remark(line, voice, _INLINE)
    yield f"**{line.number}.** {text} {reached(line.judged, voice)}"
    yield display(line.formula.latex)
    yield from _used(wide)
    yield from _spelled(report, line.spelled_out)
    yield from _why(line.judged, voice)


def _used(wide: Iterable[Formula]) -> Iterator[str]:
    for one in wide:
        yield "This uses"
        yield display(one.latex)


def _spelled(report: Report, formula: Formula | None) -> Iterator[str]:
    if formula is not None:
        yield spelled_note(report)
        yield display(formula.latex)


def _why(judged: Judged, voice: Voice) -> Iterator[str]:
    if judged.counterexample is not None:
        yield f"> {counterexample(judged.counterexample, voice)}"
    if judged.reason:
        yield f"> {voice.prose(judged.reason)}"


def _closed_forms(report: Report, voice: Voice) -> Iterator[str]:
    yield "## Closed forms"
    if report.source:
        yield escaped(f"Source of the stated forms: {report.source}")
    for form in report.closed_forms:
        yield f"### {in_line(form.name)}"
        yield from _closed_form(form, voice)
        yield from _spelled(report, form.spelled_out)
        yield from _why(form.judged, voice)


def _closed_form(form: ClosedFormLine, voice: Voice) -> Iterator[str]:
    stated = form.stated
    short, wide = by_width(form.because, _INLINE)
    used = f" It uses {listed([cited(one, voice) for one in short])}." if short else ""
    yield display(f"{form.name.latex} = {form.found.latex}")
    equal = stated_said(form, "The stated form is the same:", "The stated form, below, is")
    yield f"{operations(form)}{used} {equal} {reached(form.judged, voice)}"
    if stated is not None and stated.latex != form.found.latex:
        yield display(f"{form.name.latex} = {stated.latex}")
    yield from _used(wide)


def _identities(report: Report, voice: Voice) -> Iterator[str]:
    if not report.identities:
        return
    yield from _heading("identities")
    for one in report.identities:
        yield f"### {one.label}"
        by = needed(one, in_line)
        yield f"{escaped(one.title)}: {reached(one.judged, voice)}{by and f', by {by}'}."
        yield display(one.proof.latex)
        yield from _why(one.judged, voice)


def _proofs(report: Report, voice: Voice) -> Iterator[str]:
    yield "## Proofs"
    yield tabular(proof_table(report, voice))
    yield "\n".join(f"- {one}" for one in failures(report, voice))


def _numeric(report: Report, voice: Voice) -> Iterator[str]:
    if report.numeric:
        yield "## Numerical checks"
        yield escaped(measures(report))
        yield tabular(numeric_table(report, voice))


def _conditions(report: Report, voice: Voice) -> Iterator[str]:
    yield "## Conditions and verdicts"
    divisors = [in_line(one) for one in conditions(report)]
    if divisors:
        yield f"The proofs hold wherever no denominator is 0: {listed(divisors)} must not be 0."
    yield meanings(voice)


def _versions(report: Report) -> Iterator[str]:
    if report.versions:
        yield escaped(f"Made with {', '.join(f'{name} {version}' for name, version in report.versions)}.")


# --- the graphs --------------------------------------------------------------------------------------------------


def _graphs(report: Report) -> Iterator[str]:
    """Two graphs, since one with arrows both ways has a cycle, which Mermaid lays out badly."""
    yield "## Computation graph"
    yield fence("mermaid", _forward_graph(report))
    yield f"Gradients flow back from the loss {report.loss.text}:"
    yield fence("mermaid", _gradient_graph(report))


def _forward_graph(report: Report) -> Iterator[str]:
    nodes = drawn_nodes(report)
    text = {node.name: node.symbol.text for node in report.graph}
    key = {node.name: f"n{at}" for at, node in enumerate(nodes)}
    yield "flowchart LR"
    for node in nodes:
        yield f"  {key[node.name]}{shape(node.kind, text.get(node.name, report.loss.text))}"
    yield from (f"  {key[read]} --> {key[node.name]}" for node in nodes for read in node.reads)


def _gradient_graph(report: Report) -> Iterator[str]:
    nodes = [node for node in drawn_nodes(report) if node.adjoint or node.kind == "loss"]
    text = {node.name: f"∂{report.loss.text}/∂{node.symbol.text}" for node in report.graph}
    key = {node.name: f"g{at}" for at, node in enumerate(nodes)}
    yield "flowchart RL"
    for node in nodes:
        yield f"  {key[node.name]}{shape(node.kind, text.get(node.name, report.loss.text))}"
    # From the loss down, so that Mermaid ranks the nodes from there.
    yield from (
        f"  {key[node.name]} -.-> {key[read]}" for node in reversed(nodes) for read in node.reads if read in key
    )


def shape(kind: str, label: str) -> str:
    """A Mermaid node: inputs have round ends, the loss is a circle. Anything that could end the label is an entity."""
    safe = "".join(char if char.isalnum() or char in " ∂/_" or ord(char) > 127 else f"#{ord(char)};" for char in label)
    left, right = {"input": ('(["', '"])'), "loss": ('(("', '"))')}.get(kind, ('["', '"]'))
    return f"{left}{safe}{right}"
