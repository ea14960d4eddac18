"""Readable mathematics: SymPy expression → syntax tree → one-line Unicode text or LaTeX."""

from __future__ import annotations

from derive.notation.names import Ranks, Slots
from derive.notation.notation import Notation, equation_latex, equation_text, latex, text, tree
from derive.notation.spell_out import spell_out
from derive.notation.syntax import Node

__all__ = [
    "Node", "Notation", "Ranks", "Slots", "equation_latex", "equation_text", "latex", "spell_out", "text", "tree",
]  # fmt: skip
