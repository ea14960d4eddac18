"""What the backward pass gets from the forward pass: saved, or computed again.

Promises: a statistic is saved; a large intermediate is computed again where that takes no sum and no function such as
exp, and reads inputs, at most one of them for that alone; otherwise it is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sympy import Expr, Symbol, preorder_traversal

from derive.emit.flat import Flat, Total
from derive.emit.lines import is_function

__all__ = ["Saving"]


class Saving:
    """Sorts the intermediates that are read, and those behind them, into `saved` and `again`.

    `values` holds the intermediates in order. Those of `always` are never saved.
    """

    def __init__(
        self, flat: Flat, values: Mapping[Symbol, Expr], inputs: Iterable[Symbol], always: frozenset[Symbol]
    ) -> None:
        self.flat, self.values, self.inputs, self.always = flat, values, frozenset(inputs), always
        self._kept: frozenset[Symbol] = frozenset()
        self._saved: set[Symbol] = set()
        self._again: set[Symbol] = set()

    def read(self, symbols: frozenset[Symbol]) -> None:
        """Finds out for everything that is read what is to become of it."""
        self._kept = symbols & self.inputs
        for one in symbols & self.values.keys():
            self._need(one)

    @property
    def saved(self) -> tuple[Symbol, ...]:
        return tuple(one for one in self.values if one in self._saved)

    @property
    def again(self) -> tuple[Symbol, ...]:
        return tuple(one for one in self.values if one in self._again)

    def _need(self, one: Symbol) -> None:
        if one not in self.always and not self._is_worth_it(one):
            self._saved.add(one)
            return
        self._again.add(one)
        for other in self.values[one].free_symbols & self.values.keys():
            self._need(other)

    def _is_worth_it(self, one: Symbol) -> bool:
        """Whether to compute it again: out of inputs, cheaply, and with no more large arrays to read than itself."""
        if not self._is_large(one):
            return not self._is_statistic(one)
        leaves = self._leaves(one)
        return leaves <= self.inputs and len(leaves - self._kept) <= 1

    def _is_large(self, expr: Expr) -> bool:
        return self.flat.extent(expr) == frozenset(self.flat.order)

    def _is_cheap(self, value: Expr) -> bool:
        parts = preorder_traversal(value)
        return not any(isinstance(part, Total) or (is_function(part) and self._is_large(part)) for part in parts)

    def _leaves(self, one: Symbol) -> frozenset[Symbol]:
        """The large arrays that it is cheaply made of; itself, if it is an input or not made cheaply."""
        value = self.values.get(one)
        if value is None or not self._is_cheap(value):
            return frozenset({one})
        return frozenset[Symbol]().union(*(self._leaves(each) for each in value.free_symbols if self._is_large(each)))

    def _is_statistic(self, one: Symbol) -> bool:
        """Whether a small quantity goes back to anything large."""
        value = self.values.get(one)
        if value is None:
            return self._is_large(one)
        return value.has(Total) or any(map(self._is_statistic, value.free_symbols))
