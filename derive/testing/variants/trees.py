"""Syntax trees taken apart and put together: parts replaced, index letters renamed, exponents of factors counted.

Promises: nothing here knows an array or a layer; a tree that comes out is a new one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction as Ratio
from itertools import chain
from typing import Any

from derive.notation.syntax import (
    ONE,
    Addition,
    Bracket,
    Fraction,
    Minus,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Product,
    Root,
    Summation,
    is_node,
    walk,
)
from derive.notation.text import render

__all__ = [
    "MINUS_ONE",
    "bare",
    "bracket_in",
    "difference",
    "exponents",
    "free_letters",
    "indices_in",
    "letters_in",
    "quantities_in",
    "rebuilt",
    "relettered",
    "short",
    "stripped",
    "tidied",
    "with_part",
]

MINUS_ONE = Minus(ONE)

Exponents = Mapping[Node, Ratio]


# --- names and letters -----------------------------------------------------------------------------------------------


def bare(name: Name | Partial) -> Name | Partial:
    """The name without its indices."""
    if isinstance(name, Partial):
        top, bottom = (Name(one.base, one.accent, one.superscript, one.label) for one in (name.top, name.bottom))
        return Partial(top, bottom)
    return Name(name.base, name.accent, name.superscript, name.label)


def indices_in(name: Name | Partial) -> tuple[str, ...]:
    """The index letters of a name; of a derivative, those of its top first."""
    found = name.indices if isinstance(name, Name) else (*name.top.indices, *name.bottom.indices)
    return tuple(index.base for index in found if isinstance(index, Name))


def quantities_in(tree: Node) -> Iterator[Name | Partial]:
    """The names and derivatives in a value, each as often as it stands there; index letters and limits are none."""
    match tree:
        case Name() | Partial():
            yield tree
        case Summation(body=body):
            yield from quantities_in(body)
        case _:
            yield from chain.from_iterable(map(quantities_in, tree.parts))


def letters_in(trees: Iterable[Node]) -> tuple[str, ...]:
    """Every index letter of some trees, in the order they are met."""
    nodes = chain.from_iterable(map(walk, trees))
    return tuple(dict.fromkeys(chain.from_iterable(map(_letters, nodes))))


def _letters(node: Node) -> tuple[str, ...]:
    match node:
        case Name() | Partial():
            return indices_in(node)
        case Summation(index=Name(letter)):
            return (letter,)
    return ()


def free_letters(tree: Node) -> tuple[str, ...]:
    """The index letters of a tree that no Σ in it binds, in the order they are met."""
    bound = {node.index.base for node in walk(tree) if isinstance(node, Summation) and node.index is not None}
    return tuple(letter for letter in letters_in([tree]) if letter not in bound)


# --- rebuilding ------------------------------------------------------------------------------------------------------


def rebuilt(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with every node for which `change` gives another replaced by it, outer ones first."""
    new = change(node)
    if new is not None:
        return new
    parts: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if is_node(value):
            parts[field.name] = rebuilt(value, change)
        elif isinstance(value, tuple):
            parts[field.name] = tuple(rebuilt(part, change) for part in value)
    return node if all(getattr(node, name) == value for name, value in parts.items()) else replace(node, **parts)


def with_part(tree: Node, part: Node, new: Node) -> Node:
    """The tree with one of its nodes, that very one, replaced."""
    return rebuilt(tree, lambda node: new if node is part else None)


def relettered(tree: Node, letters: Mapping[str, str]) -> Node:
    """The tree with other index letters, bound ones too. What the new ones bind in it is the caller's to see to."""

    def change(node: Node) -> Node | None:
        match node:
            case Name(indices=indices) if indices:
                new = (Name(letters.get(one.base, one.base)) if isinstance(one, Name) else one for one in indices)
                return replace(node, indices=tuple(new))
            case Summation(index=Name(base)) if base in letters:
                return replace(node, index=Name(letters[base]), body=relettered(node.body, letters))
        return None

    return rebuilt(tree, change)


def tidied(tree: Node) -> Node:
    """The tree without factors 1 and products in products, which edits leave behind."""

    def change(node: Node) -> Node | None:
        match node:
            case Product(factors):
                inner = map(tidied, factors)
                flat = chain.from_iterable(one.factors if isinstance(one, Product) else (one,) for one in inner)
                left = tuple(one for one in flat if one != ONE)
                return Product(left) if len(left) > 1 else left[0] if left else ONE
            case Fraction(top, bottom) if tidied(bottom) == ONE:
                return tidied(top)
        return None

    return rebuilt(tree, change)


def stripped(tree: Node) -> Node:
    """The tree without indices, and with one bare Σ for several in a row."""

    def change(node: Node) -> Node | None:
        match node:
            case Name(indices=indices) if indices:
                return bare(node)
            case Summation(body=body):
                inner = stripped(body)
                return Summation(None, None, None, inner.body if isinstance(inner, Summation) else inner)
        return None

    return rebuilt(tree, change)


def short(tree: Node, called: Mapping[Node, str]) -> str:
    """A formula as it is said to a programmer: without indices, `called` by other names, a dot between factors."""
    said = rebuilt(stripped(tree), lambda node: Name(called[node]) if node in called else None)
    return re.sub(r"(?<![+−Σ=,]) (?![+−=])", "·", render(said))


# --- factors ---------------------------------------------------------------------------------------------------------


def exponents(node: Node) -> Counter[Node]:
    """The factors of a term and how often each stands in it, below a bar with a minus; roots count by themselves.

    (σ² + ε)^(3/2) is three times √(σ² + ε); a minus in front is the factor −1, once or not at all.
    """
    found: Counter[Node] = Counter()
    for factor, power in _factors(node):
        found[factor] += power
    if MINUS_ONE in found:
        found[MINUS_ONE] %= 2
    return Counter({factor: power for factor, power in found.items() if power})


def _factors(node: Node) -> Iterator[tuple[Node, int]]:
    match node:
        case Product(factors):
            yield from chain.from_iterable(map(_factors, factors))
        case Fraction(top, bottom):
            yield from _factors(top)
            yield from ((factor, -power) for factor, power in _factors(bottom))
        case Minus(value):
            yield MINUS_ONE, 1
            yield from _factors(value)
        case Bracket(body):
            yield from _factors(body)
        case Number("1"):
            return
        case Power(base, exponent):
            yield from _powers(node, base, _ratio(exponent))
        case Addition():
            yield Root(node), 2
        case _:
            yield node, 1


def _powers(node: Node, base: Node, exponent: Ratio | None) -> Iterator[tuple[Node, int]]:
    inner = base.body if isinstance(base, Bracket) else base
    if exponent is None or (2 * exponent).denominator > 1:
        yield node, 1
    elif exponent.denominator > 1:
        yield Root(inner), int(2 * exponent)
    else:
        yield from ((factor, int(exponent) * power) for factor, power in _factors(inner))


def _ratio(node: Node) -> Ratio | None:
    """The number that a tree is, if it is one."""
    match node:
        case Number(digits):
            return Ratio(digits)
        case Minus(value):
            inner = _ratio(value)
            return None if inner is None else -inner
        case Fraction(top, bottom):
            above, below = _ratio(top), _ratio(bottom)
            return None if above is None or not below else above / below
        case Bracket(body):
            return _ratio(body)
    return None


def bracket_in(tree: Node) -> Addition | None:
    """The outermost addition that a formula is a multiple of."""
    match tree:
        case Addition():
            return tree
        case Product(factors):
            return next(filter(None, map(bracket_in, factors)), None)
        case Fraction(top, _):
            return bracket_in(top)
        case Minus(inner) | Bracket(inner):
            return bracket_in(inner)
    return None


# --- differences -----------------------------------------------------------------------------------------------------


def difference(old: Node, new: Node) -> tuple[tuple[tuple[Node, Node], ...], Node, Node]:
    """Where two trees differ: the nodes of the old one on the way there, each with its part, and the two parts.

    Powers of one base differ as wholes.
    """
    way: list[tuple[Node, Node]] = []
    while type(old) is type(new) and not isinstance(old, Name | Partial):
        pairs = list(zip(old.parts, new.parts, strict=False))
        apart = [(one, other) for one, other in pairs if one is not other and one != other]
        exponents_differ = isinstance(old, Power) and isinstance(new, Power) and old.exponent != new.exponent
        if len(old.parts) != len(new.parts) or len(apart) != 1 or exponents_differ:
            break
        way.append((old, apart[0][0]))
        old, new = apart[0]
    return tuple(way), old, new
