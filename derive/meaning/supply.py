"""A layer's forward pass in a document's own letters, for documents that leave it out (`--layer batchnorm`).

The layer's μ is the document's μ_B if the document has no μ but a μ with a label; what the document defines itself is
left to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from derive.meaning.forward import Statement
from derive.meaning.names import plain
from derive.notation.syntax import Name, Node, Partial, is_node, walk
from derive.read.document import Equation

__all__ = ["in_the_letters_of"]


def in_the_letters_of(statements: Sequence[Statement], lines: Sequence[Equation]) -> list[tuple[Node, Node]]:
    """The lines that the document does not have, as (left, right)."""
    used = list(_names(statements))
    defined = {plain(one.left) for one in statements if isinstance(one.left, Name)}
    found = ((_renamed(line.left, used), _renamed(line.right, used)) for line in lines)
    return [(left, right) for left, right in found if isinstance(left, Name) and plain(left) not in defined]


def _names(statements: Iterable[Statement]) -> Iterable[Name]:
    for one in statements:
        for side in (one.left, one.right):
            for node in walk(side):
                if isinstance(node, Name):
                    yield node


def _renamed(node: Node, used: Sequence[Name]) -> Node:
    """`node` with each name in the document's spelling: with its label, if it always has one."""
    match node:
        case Name():
            return replace(node, label=_label(node, used))
        case Partial():
            return node
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            changed[field.name] = tuple(_renamed(part, used) for part in value)
        elif is_node(value) and field.name not in {"index", "low", "high"}:
            changed[field.name] = _renamed(value, used)
    return replace(node, **changed)


def _label(name: Name, used: Sequence[Name]) -> str:
    letter = (name.base, name.accent, name.superscript)
    labels = {one.label for one in used if (one.base, one.accent, one.superscript) == letter}
    return next(iter(sorted(labels))) if labels and "" not in labels else name.label
