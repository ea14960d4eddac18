"""The gradients at a given size, every element spelled out: SymPy differentiates L(x_1, …, x_m) itself.

The third route: no graph, no indexed sums, no chain rule through intermediates. L = Σ g_k y_k is written in the inputs'
elements alone and differentiated by SymPy's `Expr.diff` along the line x_k + t v_k, with a letter v_k for each element.
That is Σ v_k ∂L/∂x_k, so one derivative gives them all: ∂L/∂x_k is what v_k = 1 and no other v leaves. The kernel only
decides whether the two explicit expressions are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from sympy import Abs, Add, Dummy, Expr, Indexed, Integer, Max, Min, Mul, Rational, S, Sum, Symbol, sign

from derive.calculus import without_max
from derive.graph import Graph, Node, upstream_of
from derive.indices import indices_of, name_of
from derive.layers.layer import Gradient

__all__ = ["Element", "SpelledOut", "spell_out"]

Elements = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of one gradient: SymPy's derivative of L by it, and the closed form there."""

    of: Symbol
    derivative: Expr
    claim: Expr


@dataclass(frozen=True, slots=True)
class SpelledOut:
    """A layer at fixed sizes.

    `coordinates` is a change of variables: with a name S for a sum x_1 + … + x_m that occurs many times, the last
    element is S − x_1 − … − x_(m−1). It is invertible, so an equation in the new variables holds if and only if it does
    in the old ones.
    """

    elements: tuple[Element, ...]
    coordinates: tuple[tuple[Symbol, Expr], ...]


def spell_out(graph: Graph, sizes: Mapping[Symbol, int]) -> SpelledOut:
    """Every element of every claimed gradient at the given sizes, at a cost that grows with the cube of m."""
    writer = _Writer(graph, {size: Integer(length) for size, length in sizes.items()})
    loss = writer.loss()
    pairs = [pair for claim in graph.layer.gradients for pair in writer.claimed(claim)]
    names = {total: Symbol(f"Σ{number}", real=total.is_real) for number, total in enumerate(writer.plain_sums)}
    moving = dict.fromkeys(of for of, _ in pairs)
    sums = {name: frozenset(total.args) & moving.keys() for total, name in names.items()}
    named: dict[Expr, Expr] = dict(names)
    along = _along(_replaced(loss, named), (*moving, *(name for name, terms in sums.items() if terms)))
    still: dict[Expr, Expr] = {_direction(of): S.Zero for of in (*moving, *sums)}
    elements = tuple(
        Element(of, _replaced(along, still | _unit(of, sums)), _replaced(claim, named)) for of, claim in pairs
    )
    changed = (writer.coordinate(total, name) for total, name in names.items())
    return SpelledOut(elements, (*changed, *writer.assumed()))


def _direction(of: Symbol) -> Symbol:
    return Symbol(f"v_{of}", real=of.is_real)


def _along(loss: Expr, moving: Iterable[Symbol]) -> Expr:
    """d/dt of the loss at t = 0, where every x is x + t v: Σ v ∂L/∂x, by one derivative instead of one for every x."""
    t = Dummy("t", real=True)  # a layer may have a t of its own
    line: dict[Expr, Expr] = {x: Add(x, Mul(t, _direction(x))) for x in moving}
    return _replaced(_replaced(loss, line).diff(t), {t: S.Zero})


def _unit(of: Symbol, sums: Mapping[Symbol, frozenset[Expr]]) -> dict[Expr, Expr]:
    """The direction of one element: its v is 1, and so is that of every sum it is a term of."""
    return {_direction(one): S.One for one in (of, *(name for name, terms in sums.items() if of in terms))}


def _replaced(expr: Expr, known: dict[Expr, Expr]) -> Expr:
    """Like `xreplace`, but a part that occurs many times is visited once: `known` is filled with what is found."""
    found = known.get(expr)
    if found is None:
        args = [_replaced(arg, known) for arg in expr.args]
        found = expr.func(*args) if any(new is not old for new, old in zip(args, expr.args, strict=True)) else expr
        known[expr] = found
    return found


class _Writer:
    """Writes indexed expressions out, element by element; every intermediate is written once for each element.

    Where there is a |x|, SymPy has to know that everything is real: of a complex number |x| has no derivative.
    """

    def __init__(self, graph: Graph, sizes: Mapping[Symbol, Integer]) -> None:
        self.graph, self.sizes = graph, sizes
        self.plain_sums: dict[Expr, None] = {}
        self._written: dict[tuple[str, Elements], Expr] = {}
        self._sums: dict[tuple[Sum, tuple[tuple[Symbol, int], ...]], Expr] = {}
        self._elements: dict[Symbol, None] = {}
        values = (line.value for line in graph.layer.forward)
        self._real = True if any(value.has(Abs, sign, Max, Min) for value in values) else None

    def coordinate(self, total: Expr, name: Symbol) -> tuple[Symbol, Expr]:
        """The element of a sum that was written last, as `name` minus the others."""
        order = list(self._elements)
        last = max(total.args, key=order.index)
        return last, Add(name, *(Mul(-1, one) for one in total.args if one != last))

    def assumed(self) -> Iterator[tuple[Symbol, Expr]]:
        """The last element of an input of which Σ = 1 is assumed, as 1 minus the others."""
        for one in self.graph.layer.assumptions:
            slot = one.of.indices.index(one.over)
            node = self.graph.nodes[name_of(one.of)]
            length = int(self.write(one.count, {}))
            for at in self._places(node):
                if at[slot] == length:
                    rest = (self._leaf(node.name, (*at[:slot], k, *at[slot + 1 :])) for k in range(1, length))
                    yield self._leaf(node.name, at), Add(1, *(Mul(-1, other) for other in rest))

    def loss(self) -> Expr:
        """L = Σ g_k y_k. Only g = ∂L/∂y enters a first derivative, so this linear loss stands for every other."""
        output, upstream = self.graph.output, upstream_of(self.graph)
        weighted = []
        for at in self._places(output):
            weight = upstream if upstream == 1 else self._leaf(name_of(upstream), at)
            weighted += [(weight, term) for term in Add.make_args(self._quantity(output.name, at))]
        return _gathered(weighted)

    def claimed(self, claim: Gradient) -> Iterator[tuple[Symbol, Expr]]:
        node = self.graph.nodes[name_of(claim.of)]
        for at in self._places(node):
            where = dict(zip(indices_of(claim.of), at, strict=True))
            yield self._leaf(node.name, at), self.write(claim.form, where)

    def write(self, expr: Expr, at: Mapping[Symbol, int]) -> Expr:
        if isinstance(expr, Symbol):
            return self.sizes.get(expr) or self._quantity(expr.name, ())
        if isinstance(expr, Indexed):
            return self._quantity(name_of(expr), tuple(at[index] for index in expr.indices))
        if isinstance(expr, Sum):
            key = expr, tuple((index, place) for index, place in at.items() if index in expr.free_symbols)
            if key not in self._sums:
                self._sums[key] = self._sum(expr, at)
            return self._sums[key]
        if not expr.args:
            return expr
        if isinstance(expr, Max | Min):
            return self.write(without_max(expr), at)
        args = [self.write(arg, at) for arg in expr.args]
        return _held(expr, args)

    def _sum(self, expr: Sum, at: Mapping[Symbol, int]) -> Expr:
        lengths = [range(1, int(self.write(high, at)) + 1) for _, _, high in expr.limits]
        bound = [limit[0] for limit in expr.limits]
        total = Add(*(self.write(expr.function, {**at, **dict(zip(bound, k, strict=True))}) for k in product(*lengths)))
        if self._is_plain(total) and not any(
            set(total.args) & set(other.args) for other in self.plain_sums if other != total
        ):
            self.plain_sums[total] = None
        return total

    def _is_plain(self, total: Expr) -> bool:
        """Whether a sum adds up elements of an input. The upstream gradient is left alone: L is linear in it."""
        assumed = {name_of(one.of) for one in self.graph.layer.assumptions}
        data = {name for name, node in self.graph.nodes.items() if node.value is None} - assumed
        terms = Add.make_args(total)
        return len(terms) > 1 and all(isinstance(one, Symbol) and one.name.partition("_")[0] in data for one in terms)

    def _quantity(self, name: str, at: Elements) -> Expr:
        node = self.graph.nodes.get(name)
        if node is None or node.value is None:
            return self._leaf(name, at)
        if (name, at) not in self._written:
            self._written[name, at] = self.write(node.value, dict(zip(node.indices, at, strict=True)))
        return self._written[name, at]

    def _leaf(self, name: str, at: Elements) -> Symbol:
        node = self.graph.nodes.get(name)
        if node is not None and isinstance(node.target, Symbol):
            return node.target if node.target.is_positive else Symbol(name, real=self._real)
        element = Symbol("_".join((name, *map(str, at))), real=self._real)
        self._elements[element] = None
        return element

    def _places(self, node: Node) -> Iterator[Elements]:
        yield from product(*(range(1, int(self.write(size, {})) + 1) for size in node.shape))


def _held(expr: Expr, args: list[Expr]) -> Expr:
    """The same node over new arguments, with a number in front of a sum kept in front of it."""
    numbers = [arg for arg in args if isinstance(arg, Rational)]
    if isinstance(expr, Mul) and numbers:
        rest = Mul(*(arg for arg in args if not isinstance(arg, Rational)))
        return Mul(Mul(*numbers), rest, evaluate=False) if isinstance(rest, Add) else Mul(*numbers, rest)
    return expr.func(*args)


def _gathered(weighted: list[tuple[Expr, Expr]]) -> Expr:
    """Σ weight · term with the factors that several terms share taken out: the same L, with fewer nodes to visit."""
    counts = Counter(factor for _, term in weighted for factor in Mul.make_args(term))
    groups: dict[frozenset[Expr], list[Expr]] = {}
    for weight, term in weighted:
        factors = Mul.make_args(term)
        shared = frozenset(factor for factor in factors if counts[factor] > 1)
        groups.setdefault(shared, []).append(Mul(weight, *(factor for factor in factors if factor not in shared)))
    return Add(*(Mul(*shared, Add(*rest)) for shared, rest in groups.items()))
