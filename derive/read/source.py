"""Text that remembers where it came from, through the JSON of a notebook and through repairs.

Promises: every offset into the text that is read has a line and a column in the file as it is on disk, both counted
from 1, columns in characters. `\\n`, `\\r\\n` and `\\r` end a line, and nothing else does.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from derive.notation.syntax import Node

__all__ = ["Place", "Source", "Span", "Spans", "Trail"]

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BEFORE, _AFTER = 70, 50  # columns shown of a long line


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the original file."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where (exclusive) something stands in the original file."""

    start: Place
    end: Place


class Trail:
    """A map from offsets in a new text to offsets in the old text it was made from, piece by piece."""

    __slots__ = ("_moving", "_news", "_olds")

    def __init__(self, pieces: Sequence[tuple[int, int, bool]] = ((0, 0, True),)) -> None:
        """Each piece is where it starts in the new text, where in the old one, and whether it was copied. All of a
        piece that was not copied comes from the place where it starts.
        """
        self._news = [new for new, _, _ in pieces]
        self._olds = [old for _, old, _ in pieces]
        self._moving = [copied for _, _, copied in pieces]

    def old(self, new: int) -> int:
        """The offset in the old text."""
        piece = bisect_right(self._news, new) - 1
        return self._olds[piece] + (new - self._news[piece] if self._moving[piece] else 0)


class Spans:
    """Where the nodes of trees stand, each found by its identity, not by what it is equal to."""

    __slots__ = ("_known", "_source")

    def __init__(self, source: Source, known: Iterable[tuple[Node, int, int]] = ()) -> None:
        self._source = source
        self._known = tuple(known)

    def of(self, node: Node) -> Span | None:
        found = next(((start, end) for known, start, end in reversed(self._known) if known is node), None)
        return self._source.span(*found) if found else None


class Source:
    """The text that is read (decoded, cells joined, repaired), and the way back to the file."""

    __slots__ = ("_lines", "_raw_lines", "_trails", "name", "text")

    def __init__(self, name: str, text: str, raw: str, trails: Iterable[Trail] = ()) -> None:
        """`trails` lead from `text` back to `raw`, in that order."""
        self.name = name
        self.text = text
        self._trails = tuple(trails)
        self._lines = line_starts(text)
        self._raw_lines = line_starts(raw) if self._trails else self._lines

    def place(self, offset: int) -> Place:
        """The line and the column, in the file, of an offset in the text."""
        for trail in self._trails:
            offset = trail.old(offset)
        line = bisect_right(self._raw_lines, offset)
        return Place(line, offset - self._raw_lines[line - 1] + 1)

    def span(self, start: int, end: int) -> Span:
        last = self.place(max(start, end - 1))
        return Span(self.place(start), Place(last.line, last.column + (end > start)))

    def caret(self, offset: int) -> str:
        """The line of text at `offset`, and under it a caret."""
        start = self._lines[bisect_right(self._lines, offset) - 1]
        left = max(start, offset - _BEFORE)
        found = _LINE_END.search(self.text, offset, offset + _AFTER)
        line = self.text[left : found.start() if found else offset + _AFTER]
        shown = "".join(char if char.isprintable() else " " for char in line)
        return f"{shown}\n{' ' * width(shown[: offset - left])}^"


def line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


def width(text: str) -> int:
    """Terminal columns: none for a combining mark, two for a wide character."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
