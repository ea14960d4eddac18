"""The formulas of one gradient as trees that variants are made of: forward pass, reverse mode, closed form.

Promises: everything comes from the derivation. A product of sizes that belong to one Σ is one name (N·H·W), so that a
layer over many axes has the formulas of one over few; a part that forward pass and closed form share, such as
√(σ² + ε), has a name in `program` and is changed everywhere at once there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product

from sympy import Add, Expr, Indexed, S, Sum, Symbol

from derive.backward import adjoint_of, adjoints
from derive.derivation import Derivation
from derive.graph import upstream_of
from derive.indices import indices_of, name_of, put_in
from derive.layers.layer import Assignment, Quantity
from derive.meaning.edits import Material
from derive.notation.names import placed, read_name
from derive.notation.syntax import ONE, Addition, Fraction, Name, Node, Number, Partial, Product, Root, walk
from derive.notation.text import render
from derive.terms import terms, to_expr
from derive.testing.variants.trees import (
    bare,
    free_letters,
    indices_in,
    letters_in,
    quantities_in,
    rebuilt,
    relettered,
    stripped,
)
from derive.testing.variants.wording import listed

__all__ = ["Formulas", "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """`name` = `tree`: a bare name, its index letters, and the sizes that they run to."""

    name: Name | Partial
    letters: tuple[str, ...]
    sizes: tuple[str, ...]
    tree: Node

    @property
    def reads(self) -> frozenset[Node]:
        """The bare names of all that the tree reads."""
        return frozenset(map(bare, quantities_in(self.tree)))

    def with_tree(self, tree: Node) -> Line:
        return replace(self, tree=tree)


class Formulas:
    """What the gradient for the quantity `of` is computed from, as trees."""

    def __init__(self, derivation: Derivation, of: str) -> None:
        self.derivation, self.of = derivation, of
        self.graph, self.layer = derivation.graph, derivation.layer
        self._claims = {name_of(claim.of): claim for claim in derivation.claims}

    # --- names ---------------------------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> tuple[Name, ...]:
        return tuple(read_name(node.name) for node in self.graph.inputs)

    @cached_property
    def upstream(self) -> Name | Partial:
        """The name of the upstream gradient; where the output is the loss itself, of the weight in its place."""
        found = upstream_of(self.graph)
        output = self.adjoint(self.graph.output.name)
        return read_name(name_of(found)) if isinstance(found, Symbol | Indexed) else output

    def adjoint(self, of: str) -> Partial:
        return Partial(read_name(self.layer.loss), read_name(of))

    @cached_property
    def shapes(self) -> Mapping[Node, tuple[str, ...]]:
        """The sizes along the axes of every quantity and adjoint."""
        found: dict[Node, tuple[str, ...]] = {}
        for node in self.graph.nodes.values():
            found[read_name(node.name)] = found[self.adjoint(node.name)] = tuple(map(str, node.shape))
        found[self.upstream] = tuple(map(str, self.graph.output.shape))
        return found

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        return tuple(size.name for size in self.graph.sizes)

    def listed(self, axes: Iterable[str]) -> str:
        """Sizes in words, in the order that the layer has them: N, H and W."""
        chosen = set(axes)
        return listed([size for size in self.sizes if size in chosen])

    @cached_property
    def counts(self) -> Mapping[str, tuple[str, ...]]:
        """The products of several sizes that a Σ runs over, by their name: N·H·W. The longest come first."""
        values = [line.value for line in self.layer.forward] + [claim.form for claim in self._claims.values()]
        groups = {self._sizes_of(one) for value in values for one in value.atoms(Sum)}
        return {"·".join(group): group for group in sorted(groups, key=_longest_first) if len(group) > 1}

    def _sizes_of(self, one: Sum) -> tuple[str, ...]:
        found = {str(high) for _, _, high in one.limits}
        return tuple(size for size in self.sizes if size in found)

    # --- lines ---------------------------------------------------------------------------------------------------

    @cached_property
    def forward(self) -> tuple[Line, ...]:
        return tuple(self._line(one.target, one.value) for one in self.layer.forward)

    @cached_property
    def staged(self) -> tuple[Line, ...]:
        """Reverse mode down to the gradient, without what it does not need."""
        return self._needed(self._line(one.target, one.value) for one in self.derivation.staged)

    def _needed(self, lines: Iterable[Line]) -> tuple[Line, ...]:
        wanted: set[Node] = {self.adjoint(self.of)}
        found: list[Line] = []
        for line in reversed(tuple(lines)):
            if line.name in wanted:
                wanted |= line.reads
                found.insert(0, line)
        return tuple(found)

    def without_edges(self) -> Iterator[tuple[str, str, Line]]:
        """Each local partial derivative ∂u/∂v taken as 0: u, v and the adjoint of v as it is then."""
        wanted = {line.name for line in self.staged}
        for one in self.derivation.partials:
            read = name_of(one.wrt)
            if self.adjoint(read) in wanted:
                local = tuple(replace(p, value=S.Zero) if p is one else p for p in self.derivation.partials)
                found = next(each for each in adjoints(self.graph, local) if name_of(each.of) == read)
                yield name_of(one.of), read, self._line(found.target, self._with_upstream(found.value))

    def _with_upstream(self, value: Expr) -> Expr:
        """The upstream gradient in place of the output's adjoint, as the staged lines have it."""
        if self.layer.upstream is None:
            return value
        output = adjoint_of(self.graph, self.graph.output)
        return put_in(value, {name_of(output): Assignment(output, upstream_of(self.graph))})

    def claim(self, of: str) -> Line:
        """The closed form of a gradient."""
        return self._gradient(self._claims[of].of, self._claims[of].form)

    @property
    def claimed(self) -> tuple[str, ...]:
        """The quantities whose gradients have a closed form."""
        return tuple(self._claims)

    @cached_property
    def target(self) -> Line:
        """The closed form of this gradient, as it is stated."""
        return self.claim(self.of)

    @cached_property
    def other_forms(self) -> tuple[Line, ...]:
        """The closed form in other ways: as a sum of terms, and with the intermediates put in that have no Σ."""
        claim = self._claims[self.of]
        elementwise = [one for one in self.layer.forward[:-1] if not one.value.has(Sum)]
        written = self._put_in(claim.form, elementwise)
        forms = dict.fromkeys((self._spread(claim.form), self._spread(written)))
        return tuple(line for line in (self._gradient(claim.of, form) for form in forms) if line != self.target)

    @cached_property
    def inlined(self) -> Line:
        """The closed form in the inputs alone, every intermediate put in."""
        claim = self._claims[self.of]
        return self._gradient(claim.of, self._put_in(claim.form, self.layer.forward))

    def _put_in(self, value: Expr, lines: Iterable[Assignment]) -> Expr:
        around = frozenset(indices_of(self._claims[self.of].of))
        for line in reversed(tuple(lines)):
            value = put_in(value, {name_of(line.target): line}, around)
        return value

    def _spread(self, value: Expr) -> Expr:
        """As a sum of terms. Brackets without the upstream gradient stay whole."""
        upstream = self.layer.upstream

        def kept(bracket: Expr) -> bool:
            return isinstance(bracket, Add) and (upstream is None or not bracket.has(upstream, upstream.label))

        return to_expr(terms(value, kept, frozenset(indices_of(self._claims[self.of].of))))

    def _gradient(self, of: Quantity, value: Expr) -> Line:
        """A gradient as a line; where the output is the loss itself, times the weight of the loss."""
        line = replace(self._line(of, value), name=self.adjoint(name_of(of)))
        return line if self.layer.upstream is not None else line.with_tree(Product((self.upstream, line.tree)))

    def _line(self, target: Quantity, value: Expr) -> Line:
        shape = tuple(map(str, target.base.shape)) if isinstance(target, Indexed) else ()
        tree = self._counted(self.derivation.notation.tree(value))
        name = bare(placed(name_of(target), (), {}))
        return Line(name, tuple(map(str, indices_of(target))), shape, tree)

    def _counted(self, tree: Node) -> Node:
        """With each product of sizes that belong together as one name."""
        for name, group in self.counts.items():
            sizes = tuple(map(Name, group))

            def named(node: Node, name: str = name, sizes: tuple[Name, ...] = sizes) -> Node | None:
                if not (isinstance(node, Product) and set(sizes) <= set(node.factors)):
                    return None
                rest = tuple(self._counted(one) for one in node.factors if one not in sizes)
                return Product((Name(name), *rest)) if rest else Name(name)

            tree = rebuilt(tree, named)
        return tree

    def spelled(self, tree: Node) -> Node:
        """With the names of shared parts and of products taken apart again."""

        def apart(node: Node) -> Node | None:
            if not isinstance(node, Name):
                return None
            for line in self.shared:
                if bare(node) == line.name:
                    return relettered(line.tree, dict(zip(line.letters, indices_in(node), strict=True)))
            group = self.counts.get(node.base) if node == Name(node.base) else None
            return None if group is None else Product(tuple(map(Name, group)))

        return rebuilt(rebuilt(tree, apart), apart)

    # --- the program, with its shared parts named ----------------------------------------------------------------

    @cached_property
    def shared(self) -> tuple[Line, ...]:
        """The roots and brackets that stand both in the forward pass and in the closed form."""
        found: dict[Node, Line] = {}
        patterns = {_pattern(part) for line in self.forward for part in _bindable(line.tree)}
        for part in _outermost(self.target.tree, patterns):
            letters, ranges = free_letters(part), self.ranges(self.target.tree)
            found[_pattern(part)] = Line(
                Name(render(stripped(part))), letters, tuple(ranges[letter] for letter in letters), part
            )
        return tuple(found.values())

    def _with_shared(self, tree: Node) -> Node:
        names = {_pattern(line.tree): line.name for line in self.shared}

        def named(node: Node) -> Node | None:
            name = names.get(_pattern(node)) if isinstance(node, Root | Addition) and node is not tree else None
            return None if name is None else replace(name, indices=tuple(map(Name, free_letters(node))))  # type: ignore[arg-type]

        return rebuilt(tree, named)

    @cached_property
    def program(self) -> tuple[Line, ...]:
        """Forward pass and closed form; a part that they share is a line of its own, before its first use."""
        waiting, lines = list(self.shared), list[Line]()
        for line in (*self.forward, self.target):
            new = line.with_tree(self._with_shared(line.tree))
            lines += [one for one in waiting if one.name in new.reads]
            waiting = [one for one in waiting if one.name not in new.reads]
            lines.append(new)
        return tuple(lines)

    # --- what edits are made from ----------------------------------------------------------------------------------

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """Every index letter of every formula here."""
        claims = map(self.claim, self.claimed)
        every = (*self.program, *self.staged, *self.other_forms, *claims, self.inlined)
        return tuple(dict.fromkeys(chain(letters_in(one.tree for one in every), *(one.letters for one in every))))

    def ranges(self, tree: Node) -> dict[str, str]:
        """The size that each index letter of a tree runs to."""
        found: dict[str, str] = {}
        for node in walk(tree):
            if isinstance(node, Name | Partial):
                for letter, size in zip(indices_in(node), self.shapes.get(bare(node), ()), strict=False):
                    found.setdefault(letter, size)
        return found

    def material(self, line: Line) -> Material:
        """What edits of a line are made from: the quantities that are known before it, sizes, 2 and ½."""
        known = self._known_before(line)
        ranges = self.ranges(line.tree) | dict(zip(line.letters, line.sizes, strict=True))
        names = tuple(replace(one, indices=(ONE,) * len(self.shapes[one])) for one in known)
        sizes = (*self.counts, *self.sizes)
        factors = (*self._parameters(known, ranges), *map(Name, sizes), *self._roots(line))
        return Material((*factors, Number("2"), Fraction(ONE, Number("2"))), names, tuple(ranges), sizes)

    def _known_before(self, line: Line) -> tuple[Name, ...]:
        """What an edit may put in. The output is none of it, unless the closed form reads it again."""
        before: list[Name | Partial] = [one.name for one in self.forward]
        if line.name in before:
            before = before[: before.index(line.name)]
        elif isinstance(line.name, Partial):
            read = before[-1] in self.target.reads
            before = [*before, self.upstream] if read else [*before[:-1], self.upstream]
        return tuple(one for one in (*self.inputs, *before) if isinstance(one, Name))

    def _parameters(self, known: Iterable[Name], ranges: Mapping[str, str]) -> Iterator[Node]:
        """The inputs with fewer axes than the data, at all index letters that they can have."""
        most = max(map(len, self.shapes.values()))
        for name in known:
            sizes = self.shapes[name]
            if name in self.inputs and len(sizes) < most:
                fitting = ([letter for letter, size in ranges.items() if size == wanted] for wanted in sizes)
                yield from (replace(name, indices=tuple(map(Name, letters))) for letters in product(*fitting))

    def _roots(self, line: Line) -> Iterator[Node]:
        if isinstance(line.name, Partial):
            yield from dict.fromkeys(node for node in walk(line.tree) if isinstance(node, Root))


def _longest_first(group: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return -len(group), group


def _bindable(tree: Node) -> Iterator[Node]:
    """The parts of a line that can be lines of their own."""
    return (node for node in walk(tree) if isinstance(node, Root | Addition) and node is not tree)


def _pattern(tree: Node) -> Node:
    """The tree with its free index letters numbered, so that equal parts of different lines are equal."""
    return relettered(tree, {letter: str(at) for at, letter in enumerate(free_letters(tree))})


def _outermost(tree: Node, patterns: set[Node]) -> Iterator[Node]:
    """The largest parts of a tree that have one of these patterns."""
    if isinstance(tree, Root | Addition) and _pattern(tree) in patterns:
        yield tree
        return
    for part in tree.parts:
        yield from _outermost(part, patterns)
