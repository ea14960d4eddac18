"""What reading a document gives: plain data, in document order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from derive.notation.syntax import Name, Node
from derive.read.decisions import Decisions
from derive.read.source import Place, Span, Spans

__all__ = ["Document", "Equation", "Item", "Notation", "Repair", "Unreadable"]


@dataclass(frozen=True, slots=True)
class Equation:
    """`left relation right`. In a chain A = B = C the second equation is B = C, placed at its sign."""

    left: Node
    right: Node
    relation: str  # =, := or ≡
    place: Place  # where its left side begins, or in the middle of a chain where its relation stands
    latex: str
    left_latex: str
    right_latex: str
    chain: int  # shared by the equations of one chain
    position_in_chain: int
    block: int
    left_span: Span
    right_span: Span
    remark: str = ""  # a shape or a set: ∈[1×D]
    spans: Spans | None = field(default=None, compare=False, repr=False)

    def span_of(self, node: Node) -> Span | None:
        """Where a node of this equation's trees stands in the file. The node itself, not one that is equal to it."""
        return self.spans.of(node) if self.spans else None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An equation, or a block, that could not be understood: `message` says what was expected.

    If one of its sides is a name, `defines` is that name and `letters` are those on the other side.
    """

    place: Place
    latex: str
    message: str
    caret: str  # the line of text, and under it a caret
    defines: Name | None = None
    letters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Notation:
    """Maths that states no equation: entries, a shape, an expression on its own."""

    place: Place
    latex: str
    why: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Damage that was undone before reading."""

    place: Place
    found: str
    written: str


Item: TypeAlias = Equation | Unreadable | Notation


@dataclass(frozen=True, slots=True)
class Document:
    """All that was read. `givens` are the equations that the author or the user states without proof."""

    name: str
    items: tuple[Item, ...]
    givens: tuple[Equation | Unreadable, ...]
    repairs: tuple[Repair, ...]
    decisions: Decisions
    has_equations: bool = True  # whether there is an equals sign anywhere, read or not

    @property
    def equations(self) -> tuple[Equation, ...]:
        return tuple(item for item in self.items if isinstance(item, Equation))
