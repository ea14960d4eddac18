"""Readable mathematics from SymPy expressions, as one line of text or as LaTeX.

Promises: `text` and `latex` print the same tree; a `Notation` knows how many indices each name has, and the functions
of this module find that out from what they are given.
"""

from __future__ import annotations

from typing import Final

from sympy import Basic, Expr

from derive.notation.from_sympy import Builder
from derive.notation.latex import render as latex_of
from derive.notation.names import Ranks
from derive.notation.syntax import Node, is_node
from derive.notation.text import render as text_of

__all__ = ["Notation", "equation_latex", "equation_text", "latex", "text", "tree"]


class Notation:
    """Prints expressions and trees.

    `ranks` says how many indices a plain name has, or what they are called: {"x": 1, "σ²": 0} or {"x": "bf", "μ": "f"};
    only the names of derivatives depend on it. Of "∂y/∂γ" itself, `Slots` say it exactly.
    """

    __slots__ = ("_ranks",)

    def __init__(self, ranks: Ranks | None = None) -> None:
        self._ranks: Final = dict(ranks or {})

    def tree(self, expr: Expr | Node) -> Node:
        """The syntax tree of an expression; a tree is itself."""
        return self._trees(expr)[0]

    def text(self, expr: Expr | Node) -> str:
        """The expression as one line of Unicode text."""
        return text_of(self.tree(expr))

    def latex(self, expr: Expr | Node) -> str:
        """The expression as LaTeX for math mode."""
        return latex_of(self.tree(expr))

    def equation_text(self, left: Expr | Node, right: Expr | Node) -> str:
        """`left = right` as one line of Unicode text."""
        return " = ".join(map(text_of, self._trees(left, right)))

    def equation_latex(self, left: Expr | Node, right: Expr | Node) -> str:
        """`left = right` as LaTeX for math mode."""
        return " = ".join(map(latex_of, self._trees(left, right)))

    def _trees(self, *exprs: Expr | Node) -> list[Node]:
        builder = Builder([expr for expr in exprs if isinstance(expr, Basic)], self._ranks)
        return [expr if is_node(expr) else builder.build(expr) for expr in exprs]


_PLAIN: Final = Notation()

tree = _PLAIN.tree
text = _PLAIN.text
latex = _PLAIN.latex
equation_text = _PLAIN.equation_text
equation_latex = _PLAIN.equation_latex
