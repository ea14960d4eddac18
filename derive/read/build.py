"""Trees put together so that what is printed from them reads back as the same tree.

Promises: a round bracket that the printer would write anyway is left out of the tree; one that it would not write, and
every square one and brace, is kept as a `Bracket`.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.notation.syntax import (
    BASE,
    BODY,
    FACTOR,
    LAST_FACTOR,
    TERM,
    Addition,
    Bracket,
    Fraction,
    Indicator,
    Minus,
    Name,
    Node,
    Number,
    Power,
    Product,
    lacks_bracket,
)

__all__ = ["addition", "bare", "body", "minus", "over", "power", "product"]


def placed(node: Node, place: int) -> Node:
    """`node` without its round bracket, if the printer writes one in that place."""
    if isinstance(node, Bracket) and node.opening == "(" and lacks_bracket(node.body, place):
        return node.body
    return node


def bare(node: Node) -> Node:
    """`node` without a round bracket around it, for places where none is printed: a/(b c)."""
    return node.body if isinstance(node, Bracket) and node.opening == "(" else node


def body(node: Node) -> Node:
    """What a Σ stands before."""
    return placed(node, BODY)


def product(factors: Sequence[Node]) -> Node:
    if len(factors) == 1:
        return factors[0]
    inner = [placed(_lone(factor), FACTOR) for factor in factors[:-1]]
    return Product((*inner, placed(_lone(factors[-1]), LAST_FACTOR)))


def _lone(node: Node) -> Node:
    """γ for (γ): a name in a bracket behind another name would read back as a call."""
    inside = bare(node)
    return inside if isinstance(inside, Name | Number | Indicator) else node


def minus(value: Node) -> Node:
    return Minus(placed(value, TERM))


def addition(terms: Sequence[Node]) -> Node:
    if len(terms) == 1:
        return terms[0]
    return Addition(tuple(_term(term) for term in terms))


def _term(term: Node) -> Node:
    """A bracket around a negative term stays: a + (−b) is not printed with one."""
    if isinstance(term, Minus) or (isinstance(term, Bracket) and isinstance(term.body, Minus)):
        return term
    return placed(term, TERM)


def power(base: Node, exponent: Node) -> Node:
    return Power(placed(base, BASE), exponent)


def over(top: Node, bottom: Node) -> Node:
    """A fraction written with a slash: brackets around its parts are those a bar makes needless."""
    return Fraction(bare(top), bare(bottom))
