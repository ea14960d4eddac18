"""The examination of a backward function as text: a line a gradient, what it computes instead, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from derive.report.examination import Examination, Failing, Inaccurate, Output

__all__ = ["examination", "plain"]

INDENT = 4
WIDEST = 160
MOST_CONDITIONS = 4


def examination(one: Examination, console: Console) -> None:
    """Prints what was found on a console."""
    width = min(console.width, WIDEST)
    for text in _lines(one, width):
        console.print(text, highlight=False, no_wrap=True, crop=False, soft_wrap=True)


def plain(one: Examination) -> str:
    """The same as plain text, 100 columns wide."""
    text = StringIO()
    examination(one, Console(file=text, width=100, color_system=None, force_terminal=False))
    return text.getvalue()


def _lines(one: Examination, width: int) -> Iterator[Text]:
    yield from _block(f"{one.function} as the backward pass of {one.layer}", width, "bold", 0)
    yield from _block(_ground(one), width, "dim")
    if one.binding:
        yield from _block(one.binding, width, "dim")
    for output in one.outputs:
        yield from _output(output, width)
    for problem in one.problems:
        yield from _block(f"✗ {problem}", width, "bold red", 0)
    for note in one.notes:
        yield from _block(f"note: {note}", width, "yellow", 0)
    yield Text(_summary(one), style="bold green" if one.passed else "bold red")


def _ground(one: Examination) -> str:
    """What it was compared with."""
    closed = "closed forms proved for every size" if one.proved else "closed forms not proved, only checked numerically"
    cases = "no case was run" if not one.cases else f"{one.cases} cases in {one.framework}"
    return f"{closed}; {cases}"


def _output(one: Output, width: int) -> Iterator[Text]:
    if not one.passed:
        yield from _block(f"✗ {one.name}: wrong", width, "bold red", 0)
        if one.diagnosis:
            yield from _block(f"what it is: {one.diagnosis}", width, "green")
        yield from (
            line for failing in one.failing[:MOST_CONDITIONS] for line in _block(_failing(failing), width, "red")
        )
        rest = len(one.failing) - MOST_CONDITIONS
        if rest > 0:
            yield from _block(f"and under {rest} more conditions", width, "red")
        return
    error = "" if one.max_relative_error is None else f" (error at most {one.max_relative_error:.1e} of its size)"
    yield from _block(f"✓ {one.name}: right{error}", width, "green", 0)
    for inaccurate in one.inaccurate:
        yield from _block(_inaccurate(inaccurate), width, "yellow")


def _failing(one: Failing) -> str:
    return f"{one.condition}: {one.said}"


def _inaccurate(one: Inaccurate) -> str:
    measured = f"error {one.error:.1e}, where {one.expected:.1e} would be rounding"
    return f"inaccurate from here on: {one.condition}: {one.said or measured}"


def _summary(one: Examination) -> str:
    """One line: how many gradients are right."""
    right = sum(output.passed for output in one.outputs)
    inaccurate = any(output.inaccurate for output in one.outputs)
    told = f"{right} of {len(one.outputs)} gradients right" + (", with loss of accuracy" if inaccurate else "")
    return f"{one.verdict}: {told}"


def _block(said: str, width: int, style: str, indent: int = INDENT) -> Iterator[Text]:
    """Prose in lines of that width, without the characters that would steer a terminal."""
    safe = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in said)
    for number, line in enumerate(
        wrap(safe, max(width - indent - 2, 20), break_long_words=False, break_on_hyphens=False)
    ):
        yield Text(" " * (indent + 2 * (number > 0)) + line, style=style)
