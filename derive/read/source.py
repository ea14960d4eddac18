r"""Text that remembers where it came from, through the JSON of a notebook and through repairs.

Promises: every offset into the text that is read has a line and a column in the file as it is on disk, both counted
from 1, columns in characters. `\n`, `\r\n` and `\r` end a line, and nothing else does.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
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

    __slots__ = ("_fixed", "_news", "_olds")

    def __init__(self) -> None:
        self._news = array("q", (0,))
        self._olds = array("q", (0,))
        self._fixed: set[int] = set()

    def add(self, new: int, old: int, *, copied: bool = True) -> None:
        """From `new` on, the text is that from `old` on; or, if it was not copied, all of it stands for `old`."""
        if not copied:
            self._fixed.add(len(self._news))
        self._news.append(new)
        self._olds.append(old)

    def old(self, new: int) -> int:
        """The offset in the old text."""
        piece = bisect_right(self._news, new) - 1
        return self._olds[piece] + (0 if piece in self._fixed else new - self._news[piece])


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

    __slots__ = ("__dict__", "_raw", "_trails", "name", "text")

    def __init__(self, name: str, text: str, raw: str, trails: Iterable[Trail] = ()) -> None:
        """`trails` lead from `text` back to `raw`, in that order."""
        self.name = name
        self.text = text
        self._trails = tuple(trails)
        self._raw = raw

    @cached_property
    def _lines(self) -> array[int]:
        return line_starts(self.text)

    @cached_property
    def _raw_lines(self) -> array[int]:
        return line_starts(self._raw) if self._trails else self._lines

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


def line_starts(text: str) -> array[int]:
    return array("q", chain((0,), (found.end() for found in _LINE_END.finditer(text))))


def width(text: str) -> int:
    """Terminal columns: none for a combining mark, two for a wide character."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
