"""Single edits of a formula that people need: a sign, a factor, an exponent, a name, an index, a Σ, a bracket.

Promises: every tree that comes out differs from the given one in one place, `edit` says where and how in the author's
own signs, and what is likelier to be meant comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from derive.notation import text
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
    Product,
    Root,
    Summation,
)

__all__ = ["Edit", "Material", "edits", "other_names"]

_EXPONENTS = ("1/2", "1", "3/2", "2", "3", "-1/2", "-1", "-3/2", "-2")


@dataclass(frozen=True, slots=True)
class Edit:
    """The formula after one edit, and the edit in words: −3/2 for −1/4."""

    tree: Node
    edit: str


@dataclass(frozen=True, slots=True)
class Material:
    """What edits are made from: scalar factors, names of each rank that can stand for one another, letters, sizes."""

    factors: tuple[Node, ...]
    names: tuple[Name, ...]
    letters: tuple[str, ...]
    sizes: tuple[str, ...]


def edits(tree: Node, material: Material) -> Iterator[Edit]:
    """Every single edit of `tree`, likely ones first."""
    kinds: Sequence[Callable[[Node, Material], Iterator[Edit]]] = (
        _signs, _powers, _sizes, _reach, _names, _indices, _numbers, _whole_factors, _sums, _drops, _brackets, _factors,
    )  # fmt: skip
    seen = {tree}
    for edit in chain.from_iterable(_everywhere(tree, kind, material) for kind in kinds):
        if edit.tree not in seen:
            seen.add(edit.tree)
            yield edit


def other_names(tree: Node, material: Material) -> Iterator[Edit]:
    """The edits of a left side: another name in one place."""
    yield from _everywhere(tree, _names, material)


def _everywhere(tree: Node, kind: Callable[[Node, Material], Iterator[Edit]], material: Material) -> Iterator[Edit]:
    """The edits of one kind at every node of a tree, outer nodes first."""
    yield from kind(tree, material)
    for part, rebuild in _parts(tree):
        for edit in _everywhere(part, kind, material):
            yield Edit(rebuild(edit.tree), edit.edit)


def _parts(tree: Node) -> Iterator[tuple[Node, Callable[[Node], Node]]]:
    """The parts of a node that may be edited, each with what puts another in its place."""
    match tree:
        case Product(factors):
            yield from ((one, _in_row(tree, "factors", factors, at)) for at, one in enumerate(factors))
        case Addition(terms):
            yield from ((one, _in_row(tree, "terms", terms, at)) for at, one in enumerate(terms))
        case Call(_, arguments):
            yield from ((one, _in_row(tree, "arguments", arguments, at)) for at, one in enumerate(arguments))
        case Fraction(top, bottom):
            yield top, lambda new: Fraction(new, bottom)
            yield bottom, lambda new: Fraction(top, new)
        case Minus(value) | Root(value):
            yield value, lambda new: replace(tree, value=new)
        case Power(base, exponent):
            yield base, lambda new: Power(new, exponent)
        case Summation(body=body) | Bracket(body=body):
            yield body, lambda new: replace(tree, body=new)
        case Partial(top, bottom):
            yield top, lambda new: Partial(new, bottom) if isinstance(new, Name) else tree
            yield bottom, lambda new: Partial(top, new) if isinstance(new, Name) else tree


def _in_row(tree: Node, field: str, row: tuple[Node, ...], at: int) -> Callable[[Node], Node]:
    return lambda new: replace(tree, **{field: (*row[:at], new, *row[at + 1 :])})  # type: ignore[arg-type]


# --- kinds of edits ----------------------------------------------------------------------------------------------


def _signs(node: Node, material: Material) -> Iterator[Edit]:
    del material
    match node:
        case Addition(terms):
            for at, term in enumerate(terms):
                other = term.value if isinstance(term, Minus) else Minus(term)
                sign = "+" if isinstance(term, Minus) else "−"
                yield Edit(Addition((*terms[:at], other, *terms[at + 1 :])), f"{sign} before {text(_bare(term))}")
        case Minus(value):
            yield Edit(value, "+ for −")
        case Product() | Fraction() | Summation() | Name() | Partial() | Number():
            yield Edit(Minus(node), f"− before {text(node)}")


def _powers(node: Node, material: Material) -> Iterator[Edit]:
    del material
    match node:
        case Power(base, exponent):
            yield from (
                Edit(_raised(base, new), f"{_shown(new)} for {text(exponent)}")
                for new in _EXPONENTS
                if _shown(new) != text(exponent)
            )
        case Root(value):
            yield Edit(Power(value, _fraction("3/2")), "the power 3/2 for √")
            yield Edit(value, "no √")
        case Addition() | Bracket():
            yield Edit(Root(_bare(node)), f"√ over {text(_bare(node))}")


def _sizes(node: Node, material: Material) -> Iterator[Edit]:
    match node:
        case Name() if not node.indices and node.base in material.sizes:
            yield Edit(Bracket(Addition((node, Minus(Number("1"))))), f"{text(node)} − 1 for {text(node)}")
            yield from (Edit(Name(one), f"{one} for {text(node)}") for one in material.sizes if one != node.base)
        case Addition((Name() as size, Minus(Number("1")))) if size.base in material.sizes:
            yield Edit(size, f"{text(size)} for {text(node)}")


def _names(node: Node, material: Material) -> Iterator[Edit]:
    if not isinstance(node, Name):
        return
    for other in material.names:
        if len(other.indices) == len(node.indices):
            new = replace(other, indices=node.indices)
            if new != node:
                yield Edit(new, f"{text(new)} for {text(node)}")


def _whole_factors(node: Node, material: Material) -> Iterator[Edit]:
    """A factor lost or too many on a whole term: the term times it, or over it."""
    if isinstance(node, Addition | Minus | Number | Bracket | Power | Root):
        return
    yield from _with_factors(node, material)


def _with_factors(node: Node, material: Material) -> Iterator[Edit]:
    for factor in material.factors:
        yield Edit(Product((factor, *_row(node))), f"the factor {text(factor)} added to {text(node)}")
        bottom = factor if not isinstance(node, Fraction) else Product((*_row(node.bottom), factor))
        top = node.top if isinstance(node, Fraction) else node
        yield Edit(Fraction(top, bottom), f"{text(node)} divided by {text(factor)}")


def _factors(node: Node, material: Material) -> Iterator[Edit]:
    """The same inside brackets and under roots, where it is rarer."""
    if isinstance(node, Addition | Bracket | Power | Root):
        yield from _with_factors(node, material)


def _sums(node: Node, material: Material) -> Iterator[Edit]:
    match node:
        case Summation(index=index, body=body) if index is not None:
            yield Edit(body, f"no Σ_{index.base} before {text(body)}")
        case Product() | Fraction() | Partial() | Name():
            for letter in material.letters:
                if any(letter in {i.base for i in one.indices if isinstance(i, Name)} for one in _all_names(node)):
                    summed = Summation(Name(letter), Number("1"), None, node)
                    yield Edit(summed, f"Σ_{letter} before {text(node)}")


def _reach(node: Node, material: Material) -> Iterator[Edit]:
    """The Σ ends earlier in its product: what follows stands outside."""
    del material
    if not isinstance(node, Summation):
        return
    if isinstance(node.body, Product):
        for cut in range(len(node.body.factors) - 1, 0, -1):
            inside, outside = node.body.factors[:cut], node.body.factors[cut:]
            body = inside[0] if cut == 1 else Product(inside)
            yield Edit(
                Product((Bracket(replace(node, body=body)), *outside)),
                f"a bracket around {text(replace(node, body=body))}",
            )
    if isinstance(node.body, Addition):
        first, *rest = node.body.terms
        yield Edit(Addition((replace(node, body=first), *rest)), f"the Σ over {text(first)} alone")


def _numbers(node: Node, material: Material) -> Iterator[Edit]:
    if isinstance(node, Number):
        yield from (
            Edit(Fraction(node, Name(size)), f"{node.digits}/{size} for {node.digits}") for size in material.sizes
        )
        yield from (Edit(Number(new), f"{new} for {node.digits}") for new in ("1", "2", "3", "4") if new != node.digits)


def _drops(node: Node, material: Material) -> Iterator[Edit]:
    del material
    match node:
        case Product(factors):
            for at, factor in enumerate(factors):
                rest = (*factors[:at], *factors[at + 1 :])
                yield Edit(rest[0] if len(rest) == 1 else Product(rest), f"without the factor {text(factor)}")
        case Addition(terms):
            for at, term in enumerate(terms):
                rest = (*terms[:at], *terms[at + 1 :])
                yield Edit(rest[0] if len(rest) == 1 else Addition(rest), f"without the term {text(term)}")
        case Fraction(top, bottom):
            yield Edit(top, f"without the denominator {text(bottom)}")
            yield Edit(Fraction(Number("1"), bottom), f"without the numerator {text(top)}")
            yield Edit(Fraction(bottom, top), f"{text(Fraction(bottom, top))} upside down")


def _indices(node: Node, material: Material) -> Iterator[Edit]:
    if not isinstance(node, Name):
        return
    for at, index in enumerate(node.indices):
        if isinstance(index, Name):
            for letter in material.letters:
                if letter != index.base:
                    new = replace(node, indices=(*node.indices[:at], Name(letter), *node.indices[at + 1 :]))
                    yield Edit(new, f"{text(new)} for {text(node)}")


def _brackets(node: Node, material: Material) -> Iterator[Edit]:
    """A bracket that holds too much or too little: a (b + c) for a b + c, and the other way round."""
    del material
    match node:
        case Product(factors) if isinstance(_bare(factors[-1]), Addition):
            inner = _bare(factors[-1])
            if isinstance(inner, Addition):
                first, *rest = inner.terms
                yield Edit(Addition((Product((*factors[:-1], first)), *rest)), f"no bracket around {text(inner)}")
        case Addition((Product(factors), *rest)):
            inside = Addition((factors[-1], *rest))
            yield Edit(Product((*factors[:-1], Bracket(inside))), f"a bracket around {text(inside)}")


# --- small things ------------------------------------------------------------------------------------------------


def _bare(node: Node) -> Node:
    return node.value if isinstance(node, Minus) else node.body if isinstance(node, Bracket) else node


def _row(node: Node) -> tuple[Node, ...]:
    return node.factors if isinstance(node, Product) else (node,)


def _raised(base: Node, exponent: str) -> Node:
    return base if exponent == "1" else Power(base, _fraction(exponent))


def _fraction(said: str) -> Node:
    top, _, bottom = said.removeprefix("-").partition("/")
    value: Node = Fraction(Number(top), Number(bottom)) if bottom else Number(top)
    return Minus(value) if said.startswith("-") else value


def _shown(said: str) -> str:
    return text(_fraction(said))


def _all_names(node: Node) -> Iterator[Name]:
    if isinstance(node, Name):
        yield node
    for part in node.parts:
        yield from _all_names(part)
