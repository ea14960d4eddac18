"""Checked documents as text: a compiler's messages, a paragraph an equation, and a count of verdicts for each file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO

from rich.console import Console
from rich.text import Text

from derive.report.document import DocumentReport, Entry
from derive.write.wrap import wrap

__all__ = ["document", "plain", "summary"]

SIGNS: Mapping[str, tuple[str, str]] = {
    "proved": ("✓", "green"),
    "refuted": ("✗", "bold red"),
    "undecided": ("?", "yellow"),
    "unreadable": ("!", "magenta"),
    "definition": ("·", "dim"),
    "given": ("·", "dim"),
    "notation": ("·", "dim"),
}
INDENT = 4
WIDEST = 160


def document(files: tuple[DocumentReport, ...], console: Console) -> None:
    """Prints the reports of several files on a console."""
    width = min(console.width, WIDEST)
    for one in files:
        for text in _file(one, width):
            console.print(text, highlight=False, no_wrap=True, crop=False, soft_wrap=True)


def plain(files: tuple[DocumentReport, ...]) -> str:
    """The same as plain text, 100 columns wide."""
    text = StringIO()
    document(files, Console(file=text, width=100, color_system=None, force_terminal=False))
    return text.getvalue()


def _file(one: DocumentReport, width: int) -> Iterator[Text]:
    if one.error:
        yield Text(f"{one.path}: {one.error}", style="bold red")
        return
    if one.repairs:
        first, *more = one.repairs
        yield Text(f"{one.path}:{first}" + (f", and {len(more)} like it" if more else ""), style="dim")
    for entry in one.entries:
        yield from _entry(one.path, entry, width)
    yield Text(summary(one), style="bold red" if one.verdict in {"refuted", "differs"} else "bold")
    for told in one.differences:
        yield Text(f"    {told}", style="red")


def _entry(path: str, entry: Entry, width: int) -> Iterator[Text]:
    """The place, the verdict, the equation as it was understood; below it what else there is to say."""
    sign, style = SIGNS[entry.verdict]
    head = Text(f"{path}:{entry.line}:{entry.column}: ")
    yield head.append(f"{sign} {entry.verdict}", style=style).append(_qualified(entry), style="dim")
    said = entry.understood or " ".join(entry.latex.split())[: 3 * width]
    if said:
        yield from _block(said, width, "" if entry.understood else "dim")
    for said, colour in _said(entry):
        yield from _block(said, width, colour)
    if entry.caret:
        yield from (Text(" " * INDENT + line, style="magenta") for line in _printable(entry.caret).splitlines())


def _qualified(entry: Entry) -> str:
    """How it was read, and for which sizes."""
    parts = [f"read as {entry.reading}"] if entry.reading else []
    if entry.verdict == "proved":
        parts.append(f"for {entry.scope}")
    return f" ({', '.join(parts)})" if parts else ""


def _said(entry: Entry) -> Iterator[tuple[str, str]]:
    for one in entry.assumptions:
        yield f"assuming that {one}", "cyan"
    if entry.used:
        yield f"equal, because {' and '.join(entry.used)}", "dim"
    if entry.reason:
        yield entry.reason, "yellow" if entry.verdict in {"undecided", "unreadable"} else "dim"
    if entry.counterexample is not None:
        yield f"counterexample: {entry.counterexample.sentence()}", "red"
    for other in entry.others:
        yield f"and under the other reading: {other.sentence()}", "red"
    if entry.correct is not None:
        yield f"right: {entry.left} = {entry.correct.text}", "green"
    if entry.fix is not None:
        yield f"true with {entry.fix.edit}: {entry.fix.equation.text}", "green"
    if entry.follows is not None:
        yield f"consistent with line {entry.follows}, which is wrong", "yellow"


def _block(said: str, width: int, style: str) -> Iterable[Text]:
    for line in wrap(_printable(said), max(width - INDENT, 20)):
        yield Text(" " * INDENT + line, style=style)


def _printable(said: str) -> str:
    """What a file says, without the characters that would steer a terminal."""
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in said)


def summary(one: DocumentReport) -> str:
    """One line: how many equations got each verdict, and what the sidecar says to that."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in one.summary.items()) or "no equations"
    expected = ""
    if one.expected:
        expected = "; not as expected:" if one.differences else "; all as expected"
    return f"{one.path}: {counts}{expected}"
