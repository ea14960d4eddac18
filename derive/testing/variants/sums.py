"""The same formula with its Σ over other axes: over fewer, over more, over the wrong ones.

Promises: an axis that is no longer summed keeps its index, one that is summed in addition is bound where the Σ stands;
what cannot be written that way is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from itertools import product as product_of

from derive.notation.from_sympy import product
from derive.notation.syntax import ONE, Name, Node, Summation
from derive.testing.variants.trees import rebuilt, relettered

__all__ = ["Resummed", "other_axes"]

Axes = tuple[str, ...]


class _Impossible(Exception):  # noqa: N818 -- never leaves this module
    """An axis has no index there."""


@dataclass(frozen=True, slots=True)
class Resummed:
    """`tree` has its Σ over the axes `now` that were over `before`: all of them, or only the one with this body."""

    tree: Node
    before: Axes
    now: Axes
    body: Node | None = None


def other_axes(tree: Node, around: Mapping[str, str], *, counted: bool, one_by_one: bool = False) -> Iterator[Resummed]:
    """The formula with every Σ over other axes, or with one Σ after the other.

    `around` has the free index letter of each size; with `counted` the sizes that are divided by change along.
    """
    groups = tuple(_groups(tree))
    for before in dict.fromkeys(sizes for sizes, _ in groups):
        bodies = [body for sizes, body in groups if sizes == before] if one_by_one else [None]
        for now, body in product_of(_subsets(tuple(around)), bodies):
            new = _Change(frozenset(before), now, body, counted).made(tree, around)
            if new is not None and new != tree:
                yield Resummed(new, before, now, body)


def _subsets(axes: Axes) -> Iterator[Axes]:
    for count in range(len(axes) + 1):
        yield from combinations(axes, count)


def _groups(tree: Node) -> Iterator[tuple[Axes, Node]]:
    """The sizes and the body of each Σ, several in a row being one."""
    if isinstance(tree, Summation):
        bound, body = _taken_apart(tree)
        yield tuple(sorted(bound.values())), body
        tree = body
    for part in tree.parts:
        yield from _groups(part)


def _taken_apart(node: Node) -> tuple[dict[str, str], Node]:
    """Letter to size of several Σ in a row, and their body."""
    bound: dict[str, str] = {}
    while isinstance(node, Summation) and node.index is not None and isinstance(node.high, Name):
        bound[node.index.base] = node.high.base
        node = node.body
    return bound, node


@dataclass(frozen=True, slots=True)
class _Change:
    before: frozenset[str]
    now: Axes
    body: Node | None
    counted: bool

    def made(self, tree: Node, around: Mapping[str, str]) -> Node | None:
        """The tree with other axes, None if an axis has no index there or nothing changes."""
        try:
            return None if self.before == set(self.now) else self.of(tree, around)
        except _Impossible:
            return None

    def of(self, tree: Node, around: Mapping[str, str]) -> Node:
        return rebuilt(tree, lambda node: self._changed(node, around))

    def _changed(self, node: Node, around: Mapping[str, str]) -> Node | None:
        if isinstance(node, Summation):
            return self._sum(node, around)
        if self.counted and isinstance(node, Name) and set(node.base.split("·")) == self.before:
            return product(tuple(map(Name, self.now)))
        return None

    def _sum(self, node: Summation, around: Mapping[str, str]) -> Node | None:
        bound, body = _taken_apart(node)
        if not bound:
            return None
        concerned = set(bound.values()) == self.before and self.body in {None, body}
        kept = {letter: size for letter, size in bound.items() if not concerned or size in self.now}
        freed = {letter: _letter(around, size) for letter, size in bound.items() if letter not in kept}
        inner = {**around, **{size: letter for letter, size in kept.items()}}
        new = self.of(relettered(body, freed), inner)
        added = [size for size in self.now if size not in self.before] if concerned else []
        letters = {**kept, **{_letter(around, size): size for size in added}}
        for letter, size in letters.items():
            new = Summation(Name(letter), ONE, Name(size), new)
        return new


def _letter(around: Mapping[str, str], size: str) -> str:
    if size not in around:
        raise _Impossible
    return around[size]
