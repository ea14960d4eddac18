"""A formula as it is written: a small tree that knows no SymPy, no LaTeX and no mathematics.

Promises: a tree says in which order things stand and nothing about how they are printed. The brackets a formula needs
follow from one table (`level`, `lacks_bracket`) that both renderers use; a `Bracket` node is one its author wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

__all__ = [
    "BASE", "BODY", "BOTTOM", "DELIMITED", "FACTOR", "LAST_FACTOR", "ONE", "TERM", "TOP", "ZERO",
    "Addition", "Bracket", "Call", "Derivative", "Fraction", "Indicator", "Minus", "Name", "Node", "Number", "Partial",
    "Power", "Product", "Root", "Summation", "is_node", "lacks_bracket", "open_ended", "walk",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """An unsigned number, in its digits: 3, 0.5."""

    digits: str

    @property
    def parts(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Name:
    """A letter or word with what is attached to it: x̂′_i is (x, U+0302, ′, "", (i,)).

    `label` is a subscript that is part of the name (the B of μ_B), `indices` are subscripts with a meaning.
    """

    base: str
    accent: str = ""
    superscript: str = ""
    label: str = ""
    indices: tuple[Node, ...] = ()

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.indices


@dataclass(frozen=True, slots=True)
class Partial:
    """A derivative that is a name: ∂L/∂x̂_i."""

    top: Name
    bottom: Name

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.top, self.bottom


@dataclass(frozen=True, slots=True)
class Derivative:
    """The derivative of an expression: ∂/∂x [a + b]. That of a name is a `Partial`."""

    body: Node
    bottom: Name

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.body, self.bottom


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where the two are equal (or, with relation ≠, differ) and else 0: [i = j], or δ_ij with the mark δ."""

    left: Node
    right: Node
    relation: str = "="
    mark: str = "["

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Product:
    """Factors side by side, in the order written."""

    factors: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.factors


@dataclass(frozen=True, slots=True)
class Fraction:
    """What stands over and under a bar, or before and behind a slash."""

    top: Node
    bottom: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.top, self.bottom


@dataclass(frozen=True, slots=True)
class Addition:
    """Terms joined by + or, where a term is a `Minus`, by −."""

    terms: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.terms


@dataclass(frozen=True, slots=True)
class Minus:
    """The negative of a value: alone, or as a term of an `Addition`."""

    value: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Power:
    """A base with a raised exponent."""

    base: Node
    exponent: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.base, self.exponent


@dataclass(frozen=True, slots=True)
class Root:
    """√, or ∛ and so on by its degree."""

    value: Node
    degree: int = 2

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Summation:
    """Σ over one index; a double sum is a sum whose body is a sum. What is not written is None, the index too.

    `other_than` is the i of Σ_{j≠i}, `within` the B of Σ_{i∈B}.
    """

    index: Name | None
    low: Node | None
    high: Node | None
    body: Node
    other_than: Node | None = None
    within: Node | None = None

    @property
    def parts(self) -> tuple[Node, ...]:
        every = (self.low, self.high, self.other_than, self.within, self.body)
        return tuple(part for part in every if part is not None)


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name, applied: log(x_i)."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments


@dataclass(frozen=True, slots=True)
class Bracket:
    """A bracket that was written although no rule asks for it. `opening` is one of ( [ {."""

    body: Node
    opening: str = "("

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.body,)


Node: TypeAlias = (
    "Number | Name | Partial | Derivative | Indicator | Product | Fraction | Addition | Minus | Power | Root"
    " | Summation | Call | Bracket"
)

ZERO: Final = Number("0")
ONE: Final = Number("1")

# How tightly a node holds together. A node in a place that asks for more than its level gets a bracket.
_ADDITION, _SUMMATION, _PRODUCT, _FRACTION, _POWER, _ATOM = range(1, 7)

_LEVELS: Final = MappingProxyType(
    {
        Addition: _ADDITION,
        Minus: _ADDITION,
        Summation: _SUMMATION,
        Product: _PRODUCT,
        Fraction: _FRACTION,
        Partial: _FRACTION,
        Derivative: _FRACTION,
        Power: _POWER,
        Root: _POWER,
        Number: _ATOM,
        Name: _ATOM,
        Call: _ATOM,
        Indicator: _ATOM,
        Bracket: _ATOM,
    }
)

# What a place asks for. A Σ reaches over the product behind it, so it stands bare only at a product's end.
DELIMITED: Final = 0
TERM: Final = _SUMMATION
BODY: Final = _SUMMATION
LAST_FACTOR: Final = _SUMMATION
TOP: Final = _PRODUCT
FACTOR: Final = _FRACTION
BOTTOM: Final = _POWER
BASE: Final = _ATOM


def is_node(value: object) -> bool:
    """Whether `value` is a tree."""
    return type(value) in _LEVELS


def lacks_bracket(node: Node, place: int) -> bool:
    """Whether `node` needs a bracket to stand in that place."""
    if isinstance(node, Name) and node.superscript:  # (σ²)³: a second superscript needs a bracket
        return place > _POWER
    return _LEVELS[type(node)] < place


def open_ended(node: Node) -> bool:
    """Whether `node` ends in a Σ, which would reach over whatever is written behind it."""
    while isinstance(node, Product):
        node = node.factors[-1]
    return isinstance(node, Summation)


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything in it, each before its parts."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.parts))
