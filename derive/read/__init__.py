"""Written derivations → equations as syntax trees with exact positions; what they mean is decided elsewhere."""

from __future__ import annotations

from derive.read.decisions import Decisions
from derive.read.document import Document, Equation, Item, Notation, Repair, Unreadable
from derive.read.errors import FileError, FormulaError, ReadError
from derive.read.reader import parse_equation, parse_formula, read_file, read_text
from derive.read.source import Place, Span

__all__ = [
    "Decisions", "Document", "Equation", "FileError", "FormulaError", "Item", "Notation", "Place", "ReadError",
    "Repair", "Span", "Unreadable", "parse_equation", "parse_formula", "read_file", "read_text",
]  # fmt: skip
