"""Formulas over whole arrays: every quantity of a layer is a symbol, an index letter is gone, a Σ is a total over axes.

Promises: all arrays are thought of with one axis per size of the layer, of length 1 where they have none, so that they
broadcast; what does not depend on a summed index stands in front of its Σ; a formula that would need an array with one
axis more than its tensors have is a `VectorizeError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sympy import (
    Abs,
    Expr,
    Float,
    Function,
    Indexed,
    Max,
    Min,
    Mul,
    NumberSymbol,
    Pow,
    Rational,
    Sum,
    Symbol,
    cos,
    erf,
    exp,
    log,
    sign,
    sin,
    tanh,
)

from derive.errors import VectorizeError
from derive.indices import name_of
from derive.layers.layer import Quantity

__all__ = ["Axes", "Flat", "Largest", "Total", "over_of", "summed_sizes"]

Axes = frozenset[Expr]
"""The axes that an array has, each by its size."""

Reach = Mapping[Symbol, Expr]
"""The sizes of the index letters that may be read."""

Total, Largest = Function("Total"), Function("Largest")
"""`Total(body, size, …)` is the sum over the axes of these sizes, `Largest` the greatest element."""

FUNCTIONS = (Abs, Max, Min, cos, erf, exp, log, sign, sin, tanh)


@dataclass(slots=True)
class Flat:
    """Makes formulas flat, and knows the axes of every symbol.

    `weights` says how often each size is summed over: the size that most sums share is summed first, so that what is
    left can be shared.
    """

    order: tuple[Expr, ...]
    weights: Mapping[Expr, int]
    axes: dict[Symbol, Axes] = field(default_factory=dict)

    def symbol(self, quantity: Quantity) -> Symbol:
        """The symbol of a whole tensor, or of a scalar."""
        found = Symbol(name_of(quantity), positive=True if quantity.is_positive else None)
        self.axes[found] = frozenset(sizes_of(quantity))
        return found

    def extent(self, expr: Expr) -> Axes:
        """The axes that the value of a flat expression has."""
        if isinstance(expr, Symbol):
            return self.axes.get(expr, frozenset())
        if isinstance(expr, Total | Largest):
            return self.extent(expr.args[0]) - frozenset(over_of(expr))
        return frozenset().union(*map(self.extent, expr.args))

    def of(self, target: Quantity, value: Expr) -> Expr:
        """A value that has the indices of its target, made flat."""
        letters = target.indices if isinstance(target, Indexed) else ()
        return self._flat(value, dict(zip(letters, sizes_of(target), strict=True)))

    def _flat(self, expr: Expr, reach: Reach) -> Expr:
        match expr:
            case Rational() | Float() | NumberSymbol():
                return expr
            case Indexed():
                return self._read(expr, reach)
            case Symbol():
                return self._name(expr, reach)
            case Sum():
                return self._sum(expr, reach)
            case _ if isinstance(expr, FUNCTIONS) or expr.is_Add or isinstance(expr, Mul | Pow):
                return expr.func(*(self._flat(arg, reach) for arg in expr.args))
        known = ", ".join(one.__name__ for one in FUNCTIONS)
        raise VectorizeError(f"{expr} has no array form. Use +, ·, powers, Σ and {known}.")

    def _name(self, symbol: Symbol, reach: Reach) -> Expr:
        if symbol in reach:
            raise VectorizeError(f"The index {symbol} is used as a number. Put its values in a tensor and read that.")
        return symbol if symbol.is_integer else self.symbol(symbol)

    def _read(self, read: Indexed, reach: Reach) -> Symbol:
        for index, size in zip(read.indices, sizes_of(read), strict=True):
            if reach.get(index) != size:
                raise _one_more_axis(read, index)
        return self.symbol(read)

    def _sum(self, expr: Sum, reach: Reach) -> Expr:
        """Σ over each limit in turn, the size that most sums share first."""
        limits = sorted(expr.limits, key=lambda limit: (-self.weights.get(limit[2], 0), -self.order.index(limit[2])))
        bound = {letter: size for letter, _, size in limits}
        parts = [(self._part(factor, bound, reach), factor.free_symbols) for factor in Mul.make_args(expr.function)]
        for letter, size in bound.items():
            inside = [part for part in parts if letter in part[1]]
            outside = [part for part in parts if letter not in part[1]]
            self._refuse_two_letters(expr, set[Symbol]().union(*(free for _, free in inside)), {**reach, **bound})
            summed = Total(Mul(*(value for value, _ in inside)), size) if inside else size
            parts = [*outside, (summed, set[Symbol]().union(*(free for _, free in inside)) - {letter})]
        return Mul(*(value for value, _ in parts))

    def _part(self, factor: Expr, bound: Reach, reach: Reach) -> Expr:
        """A factor under a Σ. Where it has a bound index, an outer one over the same size is out of reach."""
        own = {letter: size for letter, size in bound.items() if letter in factor.free_symbols}
        return self._flat(factor, {at: size for at, size in reach.items() if size not in own.values()} | own)

    @staticmethod
    def _refuse_two_letters(expr: Sum, free: set[Symbol], sizes: Reach) -> None:
        counted = Counter(sizes[letter] for letter in free if letter in sizes)
        for letter in free:
            if letter in sizes and counted[sizes[letter]] > 1:
                raise _one_more_axis(expr, letter)


def over_of(total: Expr) -> tuple[Expr, ...]:
    """The sizes that a total goes over."""
    return tuple(total.args[1:])


def sizes_of(quantity: Quantity) -> tuple[Expr, ...]:
    return tuple(quantity.base.shape or ()) if isinstance(quantity, Indexed) else ()


def summed_sizes(values: Iterable[Expr]) -> Mapping[Expr, int]:
    """How many sums go over each size."""
    return Counter(limit[2] for value in values for one in value.atoms(Sum) for limit in one.limits)


def _one_more_axis(read: Expr, index: Symbol) -> VectorizeError:
    return VectorizeError(
        f"In {read} the index {index} has no axis of its own: this sum needs an array with one more axis than its"
        " tensors have. Pull what does not depend on the summed index out of the sum."
    )
