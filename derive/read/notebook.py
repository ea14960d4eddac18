"""Jupyter notebooks: the Markdown cells, with every character's place in the JSON file.

Promises: positions are those of the raw file, through escapes and through sources kept as lists of lines. Nothing here
is recursive, and only strings are decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Final

from derive.read.errors import FileError
from derive.read.limits import ENTRIES
from derive.read.source import Trail

__all__ = ["Cells", "markdown_cells"]

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}:,]|[^\s\[\]{}:,"]++', re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_SIMPLE: Final = {"\\\\": "\\", "\\n": "\n", '\\"': '"', "\\t": "\t"}
_BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Cells:
    """The text of all Markdown cells, the stretch of each, and the way back to the file."""

    text: str
    regions: tuple[tuple[int, int], ...]
    trail: Trail


@dataclass(slots=True)
class _Cell:
    kind: str = ""
    strings: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """An object or a list that is open. `cell` is the cell that it is, `source` the cell whose source it is."""

    is_object: bool
    key: str = ""
    expects_key: bool = True
    cell: _Cell | None = None
    source: _Cell | None = None


def markdown_cells(raw: str, name: str) -> Cells:
    """The Markdown cells of a notebook."""
    _check(raw, name)
    text, trail = StringIO(), Trail()
    regions: list[tuple[int, int]] = []
    for cell in _cells(raw, name):
        start = text.tell()
        for string in cell.strings:
            _decode(raw, *string, text, trail)
        regions.append((start, text.tell()))
        text.write(_BETWEEN)
    return Cells(text.getvalue(), tuple(regions), trail)


def _check(raw: str, name: str) -> None:
    try:
        found = json.loads(raw)
    except RecursionError:
        raise FileError(f"{name} is nested too deeply for a notebook. Save it again with Jupyter.") from None
    except ValueError as error:
        raise FileError(
            f"{name} is not a notebook: its JSON is broken ({error}). Save it again with Jupyter."
        ) from None
    if not isinstance(found, dict) or not ("cells" in found or "worksheets" in found):
        raise FileError(f"{name} is not a notebook: it has no cells. Give an .ipynb file, or rename it to .txt.")


def _cells(raw: str, name: str) -> Iterator[_Cell]:
    frames: list[_Frame] = []
    for count, found in enumerate(_TOKEN.finditer(raw)):
        if count > ENTRIES:
            raise FileError(f"{name} has more than {ENTRIES} entries. Clear its outputs.")
        mark, top = found[0], frames[-1] if frames else None
        if mark in {"{", "["}:
            frames.append(_opened(mark, frames))
        elif mark in {"}", "]"}:
            closed = frames.pop()
            if closed.cell and closed.cell.kind == "markdown":
                yield closed.cell
        elif top and mark in {",", ":"}:
            top.expects_key = mark == ","
        elif top and mark[0] == '"':
            _string(raw, found.span(), top)


def _opened(mark: str, frames: list[_Frame]) -> _Frame:
    if mark == "[":
        top = frames[-1] if frames else None
        return _Frame(is_object=False, source=top.cell if top and top.key == "source" else None)
    among_cells = len(frames) > 1 and not frames[-1].is_object and frames[-2].key == "cells"
    return _Frame(is_object=True, cell=_Cell() if among_cells else None)


def _string(raw: str, span: tuple[int, int], top: _Frame) -> None:
    if top.is_object and top.expects_key:
        top.key = str(json.loads(raw[slice(*span)]))
    elif top.cell and top.key == "cell_type":
        top.cell.kind = str(json.loads(raw[slice(*span)]))
    elif top.cell and top.key == "source":
        top.cell.strings.append(span)
    elif top.source:
        top.source.strings.append(span)


def _decode(raw: str, start: int, end: int, text: StringIO, trail: Trail) -> None:
    """Writes a string to `text`. What follows an escape is moved; the escape itself still stands where it starts."""
    at, last, length = start + 1, end - 1, text.tell()
    trail.add(length, at)
    for found in _ESCAPE.finditer(raw, at, last):
        first, escape = found.start(), found[0]
        char = _SIMPLE.get(escape) or str(json.loads(f'"{escape}"'))
        text.write(raw[at:first] + char)
        length += first - at + len(char)
        at = first + len(escape)
        trail.add(length, at)
    text.write(raw[at:last])
