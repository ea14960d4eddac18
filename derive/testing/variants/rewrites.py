"""Edits that are one mistake of a programmer and several of a formula: one quantity wrong everywhere, ε outside the √.

Promises: like the single edits of a formula, every rewriting follows from the formula by a rule; none knows a layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from derive.meaning.edits import Edit, Material
from derive.notation.syntax import (
    ONE,
    ZERO,
    Addition,
    Bracket,
    Call,
    Fraction,
    Minus,
    Name,
    Node,
    Partial,
    Power,
    Product,
    Root,
    Summation,
    walk,
)
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.sums import other_axes
from derive.testing.variants.trees import (
    MINUS_ONE,
    bare,
    bracket_in,
    exponents,
    indices_in,
    quantities_in,
    rebuilt,
    relettered,
    with_part,
)
from derive.testing.variants.wording import Teller, listed

__all__ = ["rewrites", "unlikely"]

Told = tuple[Node, str]
"""A formula after a rewriting, and what was done."""


def rewrites(formulas: Formulas, line: Line, material: Material, say: Teller) -> Iterator[Told]:
    """Every rewriting of a line, in words."""
    yield from _powers(formulas, line, say)
    yield from _half_defined(formulas, line, say)
    yield from _parameters_moved(formulas, line, say)
    yield from _everywhere(line.tree, formulas.upstream, material, say)
    yield from _some_terms(line.tree, say)
    yield from _taken_out(formulas, line, say)
    yield from _upstream(formulas, line, material, say)
    yield from _other_axes(formulas, line, say)
    if isinstance(line.tree, Root):
        yield Fraction(ONE, line.tree), f"{say.said(line.tree)} is upside down"


def unlikely(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """The output for another quantity: nothing reads it again, but y = γ x̂ is like x̂ with γ."""
    output = formulas.forward[-1].name
    for name in quantities_in(line.tree):
        alike = formulas.shapes.get(bare(name)) == formulas.shapes[output]
        if alike and isinstance(output, Name) and isinstance(name, Name) and bare(name) != output:
            new = with_part(line.tree, name, replace(output, indices=name.indices))
            yield new, say.tell(line.tree, Edit(new, ""))


# --- one quantity wrong everywhere -----------------------------------------------------------------------------------


def _everywhere(tree: Node, upstream: Node, material: Material, say: Teller) -> Iterator[Told]:
    """A quantity, a size or a root that stands in several places, wrong in all of them."""
    count = Counter[Node](map(bare, quantities_in(tree)))
    count.update(node for node in walk(tree) if isinstance(node, Root))
    ranks = {bare(one): len(one.indices) for one in material.names}
    for part, times in count.items():
        if isinstance(part, Root):
            yield from _replaced(tree, part, _of_root(part, say))
        elif times == 1:
            continue
        elif isinstance(part, Name) and part.base in material.sizes:
            yield from _replaced(tree, part, _of_size(part, material, say))
        elif part in ranks:
            others = [bare(one) for one in material.names if len(one.indices) == ranks[part] and bare(one) != part]
            linear = part == upstream
            yield from _replaced(tree, part, _of_name(part, others, say, linear=linear))


Change = tuple[Node, str]
"""What stands for a quantity, with a hole where the quantity itself is, and the words for it."""

_HOLE = Name("·")

_POWERS = (
    (Fraction(ONE, _HOLE), "1/{}"),
    (Root(_HOLE), "√{}"),
    (Fraction(ONE, Root(_HOLE)), "1/√{}"),
    (Fraction(ONE, Product((_HOLE, _HOLE))), "1/{}²"),
)


def _replaced(tree: Node, part: Node, changes: Iterator[Change]) -> Iterator[Told]:
    for pattern, words in changes:

        def change(node: Node, pattern: Node = pattern) -> Node | None:
            match node:
                case Summation(body=body):  # what it runs to stays
                    return replace(node, body=rebuilt(body, change))
                case Partial():
                    return _filled(pattern, node) if bare(node) == part else node
                case Name():
                    return _filled(pattern, node) if bare(node) == part else None
            return _filled(pattern, node) if node == part else None

        yield rebuilt(tree, change), words


def _filled(pattern: Node, node: Node) -> Node:
    """The pattern with the node in its hole; a name in it gets the indices of the node."""

    def change(part: Node) -> Node | None:
        if part == _HOLE:
            return node
        if isinstance(part, Name) and isinstance(node, Name) and node.indices:
            return replace(part, indices=node.indices)
        return None

    return rebuilt(pattern, change)


def _of_name(part: Node, others: Sequence[Node], say: Teller, *, linear: bool) -> Iterator[Change]:
    """Other values of a quantity. What a formula is linear in, the upstream gradient, is only mistaken for another."""
    name, place = say.said(part), say.place
    if not linear:
        yield ONE, f"{name} is missing{place}"
        yield Product((_HOLE, _HOLE)), f"{name} is applied twice{place}"
        yield ZERO, f"{name} is taken as 0{place}"
        yield Minus(_HOLE), f"{name} has the wrong sign{place}"
        yield Fraction(ONE, _HOLE), f"1/{name} stands where {name} belongs{place}"
    yield from ((other, f"{say.said(other)} stands where {name} belongs, everywhere{place}") for other in others)


def _of_size(part: Node, material: Material, say: Teller) -> Iterator[Change]:
    name, place = say.said(part), say.place
    yield Bracket(Addition((_HOLE, MINUS_ONE))), f"{name} − 1 stands where {name} belongs, everywhere{place}"
    yield ONE, f"{name} is missing everywhere{place}"
    others = (Name(size) for size in material.sizes if Name(size) != part)
    yield from ((other, f"{say.said(other)} stands where {name} belongs, everywhere{place}") for other in others)


def _of_root(part: Root, say: Teller) -> Iterator[Change]:
    name, place = say.said(part), say.place
    yield Fraction(ONE, _HOLE), f"1/{name} stands where {name} belongs{place}"
    yield part.value, f"the √ over {say.said(part.value)} is missing{place}"
    yield ONE, f"{name} is missing{place}"


# --- a factor on some of the terms only ------------------------------------------------------------------------------


def _some_terms(tree: Node, say: Teller) -> Iterator[Told]:
    """A factor in front of a bracket that several, but not all, of its terms lack."""
    bracket = bracket_in(tree)
    if bracket is None or bracket is tree:
        return
    front = exponents(with_part(tree, bracket, ONE))
    for factor, power in front.items():
        for count in range(2, len(bracket.terms)):
            for chosen in combinations(bracket.terms, count):
                new = Addition(tuple(_lacking(one, factor, power) if one in chosen else one for one in bracket.terms))
                terms = listed([say.said(one.value if isinstance(one, Minus) else one) for one in chosen])
                words = f"{say.said(factor)} is missing on the {terms} terms"
                if power < 0:
                    words = f"the {terms} terms are not divided by {say.said(factor)}"
                yield with_part(tree, bracket, new), words


def _lacking(term: Node, factor: Node, power: int) -> Node:
    """A term that a factor in front does not act on."""
    if isinstance(term, Minus):
        return Minus(_lacking(term.value, factor, power))
    times = (factor,) * abs(power)
    return Fraction(term, Product(times)) if power > 0 else Product((*times, term))


# --- a factor that is no constant taken out of a Σ -------------------------------------------------------------------


def _taken_out(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """γ Σ g for Σ γ g, in every Σ."""
    around = dict(zip(line.sizes, line.letters, strict=True))
    for name in dict.fromkeys(map(bare, quantities_in(line.tree))):
        sizes = formulas.shapes.get(name, ())
        if name not in formulas.inputs or not set(sizes) <= set(around):
            continue
        here = tuple(Name(around[size]) for size in sizes)

        def change(node: Node, name: Node = name, here: tuple[Name, ...] = here) -> Node | None:
            return replace(node, indices=here) if isinstance(node, Name) and bare(node) == name else None

        yield rebuilt(line.tree, change), f"{say.said(name)} stands outside every Σ, not inside{say.place}"


# --- an upstream gradient with something added -----------------------------------------------------------------------


def _upstream(formulas: Formulas, line: Line, material: Material, say: Teller) -> Iterator[Told]:
    """A quantity of its shape added to the upstream gradient, or put in its place, everywhere."""
    upstream = formulas.upstream
    if not isinstance(upstream, Name) or upstream not in line.reads:
        return
    alike = [name for name in map(bare, material.names) if formulas.shapes[name] == formulas.shapes[upstream]]
    for name in (one for one in alike if one != upstream):
        added = Addition((_HOLE, name))
        yield from _replaced(line.tree, upstream, iter([(added, f"{say.said(name)} is added to {say.said(upstream)}")]))


# --- a power ---------------------------------------------------------------------------------------------------------


def _powers(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """One quantity, or one Σ, as a factor twice, upside down, under a root; a function not applied; in one place."""
    bases = [node.base for node in walk(line.tree) if isinstance(node, Power)]
    for name in (one for one in quantities_in(line.tree) if not any(one is base for base in bases)):
        if bare(name) in formulas.shapes:
            new = with_part(line.tree, name, Product((name, name)))
            yield new, say.tell(line.tree, Edit(new, ""))
        mine, where = say.said(name), say.where(line.tree, name)
        for pattern, form in _POWERS:
            new = with_part(line.tree, name, _filled(pattern, name))
            yield new, f"{form.format(mine)} stands where {mine} belongs{where}"
    for node in walk(line.tree):
        if isinstance(node, Summation):
            new = with_part(line.tree, node, Product((node, node)))
            yield new, f"{say.said(node)} is squared{say.place}"
        elif isinstance(node, Call) and len(node.arguments) == 1:
            (inner,) = node.arguments
            where = say.where(line.tree, node)
            yield with_part(line.tree, node, inner), f"{say.said(inner)} stands where {say.said(node)} belongs{where}"


# --- an intermediate before its last step ----------------------------------------------------------------------------


def _half_defined(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """x − μ for x̂: the numerator of a quotient for the quotient, in one place, then in all of them."""
    definitions = {one.name: one for one in formulas.forward if isinstance(one.tree, Fraction)}
    places = [node for node in quantities_in(line.tree) if bare(node) in definitions]
    for name in dict.fromkeys(map(bare, places)):
        nodes = [node for node in places if bare(node) == name]
        for chosen in (*([node] for node in nodes), nodes):

            def change(node: Node, chosen: Sequence[Node] = chosen) -> Node | None:
                quotient = _definition(node, definitions) if any(node is one for one in chosen) else None
                return quotient.top if isinstance(quotient, Fraction) else None

            new, top = rebuilt(line.tree, change), definitions[name].tree.parts[0]
            everywhere = f"{say.said(top)} stands where {say.said(name)} belongs, everywhere{say.place}"
            yield new, say.tell(line.tree, Edit(new, everywhere)) if len(chosen) == 1 else everywhere


# --- a parameter in or out of a root ---------------------------------------------------------------------------------


def _parameters_moved(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """√v + ε for √(v + ε), and the other way round, in one place."""
    parameters = {name for name in formulas.inputs if not formulas.shapes[name]}
    definitions = {one.name: one for one in formulas.forward}
    for node in walk(line.tree):
        match node:
            case Root(Addition(terms)) if len(terms) == 2 and parameters & set(terms):
                (inside,) = (one for one in terms if one not in parameters)
                (outside,) = (one for one in terms if one in parameters)
                new = with_part(line.tree, node, Addition((Root(inside), outside)))
                yield new, f"{say.said(outside)} is added outside the √"
            case Addition((Name() as name, Name() as parameter)) if parameter in parameters:
                root = _definition(name, definitions)
                if isinstance(root, Root):
                    new = with_part(line.tree, node, Root(Addition((root.value, parameter))))
                    yield new, f"{say.said(parameter)} is added inside the √"


def _definition(name: Node, definitions: Mapping[Name | Partial, Line]) -> Node | None:
    """What a name with its indices is defined as."""
    line = definitions.get(bare(name)) if isinstance(name, Name) else None
    if line is None or not isinstance(name, Name):
        return None
    return relettered(line.tree, dict(zip(line.letters, indices_in(name), strict=True)))


# --- Σ over other axes -----------------------------------------------------------------------------------------------


def _other_axes(formulas: Formulas, line: Line, say: Teller) -> Iterator[Told]:
    """One Σ over other axes than its own."""
    around = dict(zip(line.sizes, line.letters, strict=True))
    for new in other_axes(line.tree, around, counted=False, one_by_one=True):
        body = say.said(new.body or line.tree)
        now, before = (formulas.listed(axes) if axes else "" for axes in (new.now, new.before))
        yield new.tree, f"the Σ over {body} {f'runs over {now}, not over {before}' if now else 'is missing'}{say.place}"
