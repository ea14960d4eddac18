"""Which size every index of a document runs to, found from its sums and from indices that are one and the same.

In one equation a free letter has one range; a slot of a tensor has one range throughout; a sum gives its letter a size.
All that follows is one union of sets. Two sizes for one set are a conflict that the author has to settle (N = m).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from derive.meaning.forward import Definition
from derive.meaning.names import plain, whole_number
from derive.notation.syntax import Addition, Derivative, Indicator, Minus, Name, Node, Number, Partial, Summation

__all__ = ["Sizes", "infer"]

Member: TypeAlias = tuple[str, ...]  # ("slot", name, position), ("free", equation, letter) or ("bound", number)
Env: TypeAlias = Mapping[str, Member]


@dataclass(slots=True)
class Sizes:
    """The size of each slot of each tensor by name, and notes on what had to be assumed."""

    ranks: dict[str, int] = field(default_factory=dict)
    _parent: dict[Member, Member] = field(default_factory=dict)
    _found: dict[Member, list[str]] = field(default_factory=dict)
    _bound: int = 0

    def root(self, member: Member) -> Member:
        while self._parent.get(member, member) != member:
            member = self._parent[member]
        return member

    def join(self, one: Member, other: Member) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self._parent[second] = first
            self._found.setdefault(first, []).extend(self._found.pop(second, []))

    def give(self, member: Member, size: str) -> None:
        self._found.setdefault(self.root(member), []).append(size)

    def of(self, name: str, slot: int) -> str | None:
        """The size of a slot: the first one given. None if no sum runs over it."""
        found = self._found.get(self.root(("slot", name, str(slot))), [])
        return found[0] if found else None

    def group(self, name: str, slot: int) -> Member:
        """What stands for all slots and letters that have the range of this slot."""
        return self.root(("slot", name, str(slot)))

    def without_size(self) -> set[Member]:
        """The groups that no sum gives a size."""
        slots = (self.group(name, slot) for name, rank in self.ranks.items() for slot in range(rank))
        return {group for group in slots if not self._found.get(group)}

    def names(self) -> set[str]:
        return {size for found in self._found.values() for size in found}

    # --- gathering -----------------------------------------------------------------------------------------------

    def see(self, tree: Node, env: Env, equation: str) -> None:
        """Takes in one side of an equation."""
        match tree:
            case Summation():
                self._sum(tree, env, equation)
            case Name():
                self._name(tree, env, equation)
            case Partial():
                self._name(tree.top, env, equation)
                self._name(tree.bottom, env, equation)
            case Derivative():
                self.see(tree.body, env, equation)
                self._name(tree.bottom, env, equation)
            case Indicator():
                self._same(tree.left, tree.right, env, equation)
            case _:
                for part in tree.parts:
                    self.see(part, env, equation)

    def _sum(self, tree: Summation, env: Env, equation: str) -> None:
        if tree.index is None:
            self.see(tree.body, env, equation)
            return
        self._bound += 1
        member = ("bound", str(self._bound))
        if tree.other_than is not None:
            other = self._member(tree.other_than, env, equation)
            if other is not None:
                self.join(member, other)
        size = size_of_range(tree)
        if size is not None:
            self.give(member, size)
        self.see(tree.body, {**env, tree.index.base: member}, equation)

    def _name(self, name: Name, env: Env, equation: str) -> None:
        key = plain(name)
        self.ranks[key] = max(self.ranks.get(key, 0), len(name.indices))
        for position, index in enumerate(name.indices):
            member = self._member(index, env, equation)
            if member is not None:
                self.join(("slot", key, str(position)), member)

    def _same(self, left: Node, right: Node, env: Env, equation: str) -> None:
        first, second = (self._member(side, env, equation) for side in (left, right))
        if first is not None and second is not None:
            self.join(first, second)

    @staticmethod
    def _member(index: Node, env: Env, equation: str) -> Member | None:
        if not isinstance(index, Name) or index.indices:
            return None
        return env.get(index.base, ("free", equation, index.base))


def size_of_range(tree: Summation) -> str | None:
    """The size a sum's limits say: m for 1 … m and 0 … m − 1, and for the sloppy 0 … m."""
    match tree.high:
        case Name() as high if not high.indices:
            return plain(high)
        case Number() as high if whole_number(tree.low) == 1:
            return high.digits
        case Addition(terms=(Name() as high, Minus(Number("1")))) if whole_number(tree.low) == 0:
            return plain(high)
    return None


def infer(equations: Iterable[tuple[str, Node, Node]], bodies: Iterable[Definition] = ()) -> Sizes:
    """The sizes of a document from its equations, (an identifier, left, right), and from expressions with a name."""
    found = Sizes()
    for one in bodies:
        found.see(one.target, {}, one.name)
        found.see(one.value, {}, one.name)
    for key, left, right in equations:
        found.see(left, {}, key)
        found.see(right, {}, key)
    return found
