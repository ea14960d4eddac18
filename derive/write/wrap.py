"""A one-line formula broken into lines of a given width.

Promises: joining the lines with single spaces, indentation removed, gives the formula back. A line is longer than asked
only where a single piece without a space is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

__all__ = ["columns", "wrap"]

_INDENT = "  "
_OPERATORS = ("= ", "+ ", "− ")


def columns(text: str) -> int:
    """How many terminal columns `text` takes: none for a combining mark, two for a wide character."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns. A line ends before =, + or − outside as many brackets as possible."""
    lines: list[str] = []
    rest, indent = text, ""
    while columns(indent + rest) > width:
        place = _break(rest, width - len(indent))
        if place is None:
            break
        lines.append(indent + rest[:place])
        rest, indent = rest[place + 1 :], _INDENT
    return [*lines, indent + rest]


def _break(text: str, width: int) -> int | None:
    """The space to break at: the best of those that fill a third of the line, else of all that fit, else the first."""
    spaces = list(_spaces(text))
    fitting = [space for space in spaces if space[2] <= width]
    filling = [space for space in fitting if 3 * space[2] >= width]
    if candidates := filling or fitting:
        return min(candidates, key=lambda space: (space[0], space[1], -space[2]))[3]
    return spaces[0][3] if spaces else None


def _spaces(text: str) -> Iterator[tuple[bool, int, int, int]]:
    """For each space: whether no operator follows, the depth of brackets, the columns before it, its place."""
    depth = before = 0
    for place, char in enumerate(text):
        if char == " " and 0 < place < len(text) - 1 and text[place - 1] not in "=+−":
            yield not text.startswith(_OPERATORS, place + 1), depth, before, place
        depth += (char in "([{") - (char in ")]}")
        before += _columns_of(char)
