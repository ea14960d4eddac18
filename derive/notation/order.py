"""The order a mathematician gives to factors and terms.

Promises: a total order that depends on what is written only, never on the order SymPy hands things over.
Factors: numbers, sizes, scalars, derivatives, tensors, brackets, Σ. Terms: without Σ first, positive before negative,
numbers and sizes, then what has indices, then scalars, and last what is only there to be positive (ε).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from derive.notation.syntax import (
    Addition,
    Bracket,
    Call,
    Fraction,
    Minus,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Root,
    Summation,
    walk,
)
from derive.notation.text import render

__all__ = ["Order", "begins_with_lesser", "has_sum"]

_NUMBER, _SIZE, _SCALAR, _ROOT, _ADJOINT, _PARTIAL, _DELTA, _TENSOR, _CALL, _BRACKET, _SUM = range(11)


class Order:
    """Orders factors and terms, given which plain letters are sizes and which are positive."""

    __slots__ = ("_positive", "_sizes")

    def __init__(self, sizes: Collection[Name], positive: Collection[Name]) -> None:
        self._sizes = sizes
        self._positive = positive

    def factors(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        listed = list(nodes)
        if len(listed) < 2:
            return tuple(listed)
        bottoms = {_bare(node.bottom) for node in listed if isinstance(node, Partial)}
        return tuple(sorted(listed, key=lambda node: (*self._factor(node, bottoms), _weight(node), render(node))))

    def terms(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """Sorted; a sum that would begin with a minus begins with its first positive term instead, if it has one."""
        ordered = sorted(nodes, key=self._term)
        if isinstance(ordered[0], Minus):
            first = next((place for place, term in enumerate(ordered) if not isinstance(term, Minus)), 0)
            ordered.insert(0, ordered.pop(first))
        return tuple(ordered)

    def _term(self, node: Node) -> tuple[int, bool, int, int, str]:
        sums = sum(isinstance(part, Summation) for part in walk(node))
        return sums, isinstance(node, Minus), self._term_kind(node), _weight(node), render(node)

    def _term_kind(self, node: Node) -> int:
        letters = [part for part in walk(node) if isinstance(part, Name)]
        if all(letter in self._sizes for letter in letters):  # m + 1, but 1 + 1/m
            return -1 if letters and not any(isinstance(part, Fraction) for part in walk(node)) else 0
        if any(letter.indices for letter in letters):
            return 2 if any(isinstance(part, Partial) and not _indexed(part) for part in walk(node)) else 1
        return 4 if all(letter in self._positive or letter in self._sizes for letter in letters) else 3

    def _factor(self, node: Node, bottoms: set[Name]) -> tuple[int, int]:
        """A derivative whose top is another's bottom stands behind it, as in the chain rule."""
        if isinstance(node, Partial):
            return (_PARTIAL if _indexed(node) else _ADJOINT), int(_bare(node.top) in bottoms)
        return self._kind(node), 0

    def _kind(self, node: Node) -> int:
        match node:
            case Number():
                kind = _NUMBER
            case Name():
                kind = self._letter(node)
            case Power(Name("e"), exponent):
                kind = _CALL if _indexed(exponent) else _ROOT
            case Power(Number(), Number() | Minus()):
                kind = _NUMBER
            case Power(Number() | Name() | Root() | Call() as base):
                kind = max(_SIZE, self._kind(base))
            case Root() | Call():
                kind = _CALL if _indexed(node) else _ROOT
            case Summation():
                kind = _SUM
            case _:
                kind = _BRACKET
        return kind

    def _letter(self, name: Name) -> int:
        if name.indices:
            return _DELTA if name.base == "δ" and len(name.indices) == 2 else _TENSOR
        return _SIZE if name in self._sizes else _SCALAR


def _bare(name: Name) -> Name:
    return Name(name.base, name.accent, name.superscript, name.label)


def _indexed(node: Node) -> bool:
    return any(isinstance(part, Name) and part.indices for part in walk(node))


def _weight(node: Node) -> int:
    """How much there is to read: simpler things come first."""
    return sum(1 for part in walk(node) if not isinstance(part, Minus | Addition | Bracket))


def begins_with_lesser(node: Addition) -> bool:
    """Whether a sum has its indexed terms subtracted from others, as μ − x_i has."""
    return not _indexed(node.terms[0]) and any(isinstance(term, Minus) and _indexed(term) for term in node.terms)


def has_sum(node: Node) -> bool:
    return any(isinstance(part, Summation) for part in walk(node))
