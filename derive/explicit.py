"""The gradients at a given size, every element spelled out: SymPy differentiates L(x_1, …, x_m) itself.

The third route: no graph, no indexed sums, no chain rule through intermediates. L = Σ g_k y_k is written in the inputs'
elements alone, `Expr.diff` is SymPy's, and the kernel only decides whether the two explicit expressions are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from sympy import Add, Expr, Indexed, Integer, Mul, Rational, Sum, Symbol

from derive.graph import Graph, Node
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
    names = {total: Symbol(f"Σ{number}") for number, total in enumerate(writer.plain_sums)}
    elements = tuple(Element(of, loss.diff(of).xreplace(names), claim.xreplace(names)) for of, claim in pairs)
    return SpelledOut(elements, tuple(writer.coordinate(total, name) for total, name in names.items()))


class _Writer:
    """Writes indexed expressions out, element by element; every intermediate is written once for each element."""

    def __init__(self, graph: Graph, sizes: Mapping[Symbol, Integer]) -> None:
        self.graph, self.sizes = graph, sizes
        self.plain_sums: dict[Expr, None] = {}
        self._written: dict[tuple[str, Elements], Expr] = {}
        self._elements: dict[Symbol, None] = {}

    def coordinate(self, total: Expr, name: Symbol) -> tuple[Symbol, Expr]:
        """The element of a sum that was written last, as `name` minus the others."""
        order = list(self._elements)
        last = max(total.args, key=order.index)
        return last, Add(name, *(Mul(-1, one) for one in total.args if one != last))

    def loss(self) -> Expr:
        """L = Σ g_k y_k. Only g = ∂L/∂y enters a first derivative, so this linear loss stands for every other."""
        output = self.graph.output
        weighted = []
        for at in self._places(output):
            weight = self._leaf(name_of(self.graph.layer.upstream[output.indices]), at)
            weighted += [(weight, term) for term in Add.make_args(self._quantity(output.name, at))]
        return _gathered(weighted)

    def claimed(self, claim: Gradient) -> Iterator[tuple[Symbol, Expr]]:
        node = self.graph.nodes[name_of(claim.of)]
        for at in self._places(node):
            where = dict(zip(indices_of(claim.of), at, strict=True))
            yield self._leaf(node.name, at), self.write(claim.value, where)

    def write(self, expr: Expr, at: Mapping[Symbol, int]) -> Expr:
        if isinstance(expr, Symbol):
            return self.sizes.get(expr) or self._quantity(expr.name, ())
        if isinstance(expr, Indexed):
            return self._quantity(name_of(expr), tuple(at[index] for index in expr.indices))
        if isinstance(expr, Sum):
            return self._sum(expr, at)
        if not expr.args:
            return expr
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
        data = {name for name, node in self.graph.nodes.items() if node.value is None}
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
            return node.target
        element = Symbol("_".join((name, *map(str, at))))
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


def _gathered(weighted: list[tuple[Symbol, Expr]]) -> Expr:
    """Σ weight · term with the factors that several terms share taken out: the same L, with fewer nodes to visit."""
    counts = Counter(factor for _, term in weighted for factor in Mul.make_args(term))
    groups: dict[frozenset[Expr], list[Expr]] = {}
    for weight, term in weighted:
        factors = Mul.make_args(term)
        shared = frozenset(factor for factor in factors if counts[factor] > 1)
        groups.setdefault(shared, []).append(Mul(weight, *(factor for factor in factors if factor not in shared)))
    return Add(*(Mul(*shared, Add(*rest)) for shared, rest in groups.items()))
