r"""Sums: their limits in every form people give them, and the sum x_1 + … + x_m.

Promises: a sum reaches over the product behind it, to the next + or − at its level; a limit that is not understood
makes the sum unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Final, cast

from derive.notation.syntax import Name, Node, Number, Summation, is_node, walk
from derive.read.build import body, minus
from derive.read.decisions import Run
from derive.read.layout import split_relations
from derive.read.names import NameReader

__all__ = ["SumReader", "series"]

_FRESH: Final = ("k", "l", "i", "j", "p", "q", "t", "s", "u", "v")


@dataclass(slots=True)
class _Limit:
    """One index and what is said about it."""

    index: Name
    low: Node | None = None
    high: Node | None = None
    other_than: Node | None = None
    within: Node | None = None


class SumReader(NameReader):
    """Adds sums to names."""

    __slots__ = ()

    def term(self) -> Node:
        """A product; the grammar defines it."""
        raise NotImplementedError

    def summation(self) -> Node:
        start = self.at
        self.at += 1
        limits = self.limits()
        negative = False
        while self.sees("-", "+"):
            negative ^= self.take("-") or not self.take("+")
        with self.deeper():
            inside = self.term()
        whole = minus(inside) if negative else inside
        for limit in reversed(limits):
            self.evidence.bound.add(limit.index.base)
            self.note_carriers(limit.index, inside)
            whole = Summation(limit.index, limit.low, limit.high, body(whole), limit.other_than, limit.within)
        if not limits:
            whole = Summation(None, None, None, body(whole))
        return self.remember(whole, start)

    def note_carriers(self, index: Name, inside: Node) -> None:
        """Which subscripts in a sum hold its index; one that has a part of its own stands for itself."""
        runs: set[Run] = set()
        for part in walk(inside):
            if isinstance(part, Name) and index in part.indices:
                run = tuple(each.base for each in part.indices if isinstance(each, Name))
                whole = run in self.evidence.subscripts.get((part.base, part.accent), ())
                runs.add(run if whole else (index.base,))
        if runs:
            self.evidence.carriers.add(frozenset(runs))

    def limits(self) -> list[_Limit]:
        lower, upper = None, None
        while self.sees("_", "^"):
            place, is_lower = self.at, self.sees("_")
            self.at += 1
            start, end, after = self.argument_range("a limit of this sum")
            self.check_digits(start, end, after)
            if (lower if is_lower else upper) is not None:
                self.fail("one lower and one upper limit were expected", place)
            lower, upper = ((start, end), upper) if is_lower else (lower, (start, end))
            self.at = after
        limits = self.lower(*lower) if lower else []
        if upper:
            self.put_upper(limits, *upper)
        return limits

    def put_upper(self, limits: list[_Limit], start: int, end: int) -> None:
        if not limits:
            self.fail("an index under this Σ was expected", start)
        with self.within(start, end), self.deeper():
            high = self.expression()
        if any(limit.high is not None or limit.within is not None for limit in limits):
            self.fail("one upper limit was expected", start)
        for limit in limits:
            limit.high = high
        if isinstance(high, Name) and high == Name(high.base):
            self.evidence.sizes.add(high.base)

    def lower(self, start: int, end: int) -> list[_Limit]:
        """i=1; i; i,j; ij; i,j=1; j≠i; j=1, j≠i; i∈B; 1≤i≤m."""
        start, end = self.without_substack(start, end)
        limits: list[_Limit] = []
        waiting: list[_Limit] = []  # the i of i,j=1
        for first, last in self.parts_of_limit(start, end):
            self.one_limit(first, last, limits, waiting)
        if not limits:
            self.fail("an index was expected under this Σ", start)
        return limits

    def without_substack(self, start: int, end: int) -> tuple[int, int]:
        if end - start > 2 and self.tokens[start].text == "\\substack" and self.pairs.get(start + 1) == end - 1:
            return start + 2, end - 1
        return start, end

    def parts_of_limit(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        first, place = start, start
        while place < end:
            token = self.tokens[place]
            if token[:2] == ("mark", ",") or token.kind == "row":
                yield first, place
                first = place + 1
            place = self.pairs.get(place, place) + 1
        yield first, end

    def one_limit(self, start: int, end: int, limits: list[_Limit], waiting: list[_Limit]) -> None:
        if start == end:
            self.fail("an index was expected under this Σ", start)
        _, relations = split_relations([*self.tokens[start:end]])
        signs = [relation.text for relation in relations]
        middle = next((place for place in range(start, end) if self.tokens[place][:2] == ("mark", "∈")), None)
        if not signs and middle is None:
            found = [_Limit(index) for index in self.indices(start, end)]
            limits += found
            waiting += found
        elif middle is not None and not signs:
            limit = self.known(limits, self.index(start, middle))
            self.set_within(limit, middle + 1, end)
        elif signs in (["="], ["≠"], ["≤", "≤"]):
            cuts = [start - 1, *(self.tokens.index(relation, start, end) for relation in relations), end]
            ranges = [(first + 1, last) for first, last in pairwise(cuts)]
            self.compared(signs, ranges, limits, waiting)
        else:
            self.fail("i=1, i, j≠i or i∈B was expected under this Σ", start)

    def compared(
        self, signs: list[str], ranges: list[tuple[int, int]], limits: list[_Limit], waiting: list[_Limit]
    ) -> None:
        place = 1 if len(signs) == 2 else 0
        limit = self.known(limits, self.index(*ranges[place]))
        with self.deeper():
            ends = [self.part_of(*each) for number, each in enumerate(ranges) if number != place]
        if signs == ["≠"]:
            if limit.other_than is not None:
                self.fail("one ≠ was expected under this Σ", ranges[1][0])
            limit.other_than = ends[0]
            return
        limit.low = ends[0]
        limit.high = ends[1] if len(ends) == 2 else None
        for other in waiting:
            other.low, other.high = limit.low, limit.high
        waiting.clear()

    def part_of(self, start: int, end: int) -> Node:
        with self.within(start, end):
            return self.expression()

    def known(self, limits: list[_Limit], index: Name) -> _Limit:
        """The limit of that index, a new one if nothing was said about it."""
        found = next((limit for limit in limits if limit.index == index), None)
        if found is None:
            found = _Limit(index)
            limits.append(found)
        return found

    def index(self, start: int, end: int) -> Name:
        with self.within(start, end):
            name = self.name() if start < end else None
            if not isinstance(name, Name) or self.at < end or name.indices:
                self.fail("an index was expected under this Σ", start)
        return name

    def indices(self, start: int, end: int) -> list[Name]:
        """i, or the two of ij."""
        units = self.units(start, end)
        if units is not None and units and all(unit.kind == "letter" for unit in units) and len(units) < 4:
            return [Name(unit.text) for unit in units]
        return [self.index(start, end)]

    def set_within(self, limit: _Limit, start: int, end: int) -> None:
        """A named set, or {1, …, m}."""
        if start < end and self.tokens[start].text == "\\{" and self.pairs.get(start) == end - 1:
            parts = self.parts(start + 1, end - 1)
            if len(parts) < 3 or self.tokens[parts[-2][0]].text != "…":
                self.fail("a set such as {1, …, m} was expected", start)
            limit.low, limit.high = self.part_of(*parts[0]), self.part_of(*parts[-1])
            return
        with self.within(start, end):
            limit.within = self.name() if start < end else None
            if not isinstance(limit.within, Name) or self.at < end:
                self.fail("the name of a set was expected", start)


def series(first: Node, following: list[Node], last: Node) -> Summation | None:
    """x_1 + x_2 + … + x_m as a Σ: all that differs between the first and the last term is 1 and m."""
    ends: set[Node] = set()
    _compare(first, last, ends)
    if len(ends) != 1:
        return None
    end = ends.pop()
    taken = {part.base for part in walk(last) if isinstance(part, Name)}
    index = Name(next((letter for letter in _FRESH if letter not in taken), "k1"))
    inside = _replaced(first, last, {end: index})
    if any(_replaced(first, last, {end: Number(str(place))}) != term for place, term in enumerate(following, start=2)):
        return None
    return Summation(index, Number("1"), end, body(inside))


def _compare(first: object, last: object, ends: set[Node]) -> None:
    if first == last:
        return
    if first == Number("1") and isinstance(last, Name | Number):
        ends.add(last)
    elif type(first) is type(last) and is_node(first):
        for name in (one.name for one in fields(cast("Node", first))):
            _compare(getattr(first, name), getattr(last, name), ends)
    elif isinstance(first, tuple) and isinstance(last, tuple) and len(first) == len(last):
        for one, other in zip(first, last, strict=True):
            _compare(one, other, ends)
    else:
        ends.update((Number("0"), Number("-")))  # two ends: no series


def _replaced(first: Node, last: Node, values: Mapping[Node, Node]) -> Node:
    """`first`, with a value where it differs from `last`."""
    return cast("Node", _part(first, last, values))


def _part(first: object, last: object, values: Mapping[Node, Node]) -> object:
    if first == last:
        return first
    if first == Number("1") and last in values:
        return values[cast("Node", last)]
    if isinstance(first, tuple) and isinstance(last, tuple):
        return tuple(_part(one, other, values) for one, other in zip(first, last, strict=True))
    node: Any = first
    parts = {one.name: _part(getattr(node, one.name), getattr(last, one.name), values) for one in fields(node)}
    return replace(node, **parts)
