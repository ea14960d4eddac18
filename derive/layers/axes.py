"""The same layer over more axes: a size split into several, or every quantity repeated along a new axis.

Both rewrite what a layer file says, its forward pass and its claims alike; what comes out is derived and proved like
any other layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace

from sympy import Expr, Indexed, IndexedBase, Mul, S, Sum, Symbol

from derive.errors import ShapeError
from derive.layers.layer import Assignment, Assumption, Gradient, Layer, Quantity, SecondOrder, index, size, tensor

__all__ = ["features_of", "repeated", "rows_of", "split"]

FOR_NEW, FOR_BOUND, FOR_ROWS = "hwpqrstuvabcdefo", "klabcdefpqrstuvho", "nbtcu"
"""Index letters for further axes, for a bound index whose letter is needed, and for rows."""


def features_of(layer: Layer, batch: Symbol, axes: tuple[str, ...]) -> Layer:
    """A layer of one feature over a batch, for data (batch, feature, …): each feature has its own of everything."""
    if len(axes) == 1:
        return split(layer, {batch: axes})
    outer, feature, *inner = axes
    return repeated(split(layer, {batch: (outer, *inner)}), "j", feature, at=1)


def rows_of(layer: Layer, axes: tuple[str, ...], row: Symbol, shared: Collection[str] = ()) -> Layer:
    """A layer of one vector, for data (…, feature): each row is treated by itself, with the `shared` ones in common."""
    *outer, last = axes
    every = split(layer, {row: (last,)})
    taken = {symbol.name for symbol in _symbols(layer)}
    letters = [letter for letter in FOR_ROWS if letter not in taken][: len(outer)]
    for letter, axis in zip(reversed(letters), reversed(outer), strict=True):
        every = repeated(every, letter, axis, at=0, shared=shared)
    return every


def split(layer: Layer, axes: Mapping[Symbol, tuple[str, ...]]) -> Layer:
    """Every axis of a size that is given replaced by the axes for it, by none where there are none: m = N · H · W.

    Raises `ShapeError` for a name that the layer needs for something else.
    """
    _refuse_taken(layer, tuple(axis for each in axes.values() for axis in each), {old.name for old in axes})
    return _Splitting(layer, {old: tuple(map(size, each)) for old, each in axes.items()}).layer()


def repeated(layer: Layer, letter: str, axis: str, *, at: int, shared: Collection[str] = ()) -> Layer:
    """Every tensor and scalar along one more axis, at place `at`, but for the `shared` ones and positive parameters.

    The gradient of a shared parameter is the sum of what it was.
    """
    _refuse_taken(layer, (axis,))
    return _Repeating(layer, index(letter), size(axis), at, frozenset(shared)).layer()


def _refuse_taken(layer: Layer, axes: tuple[str, ...], but: Collection[str] = ()) -> None:
    taken = {symbol.name for symbol in _symbols(layer)} | {_upstream_name(layer)}
    for axis in axes:
        if axis in taken.difference(but) or axes.count(axis) > 1:
            raise ShapeError(f"The axis {axis} has the name of something else in {layer.name}. Choose another letter.")


def _upstream_name(layer: Layer) -> str:
    return str(layer.upstream.label.name) if layer.upstream is not None else ""


def _symbols(layer: Layer) -> set[Symbol]:
    values = [
        *(line.value for line in layer.forward),
        *(claim.value for claim in layer.gradients if claim.value is not None),
    ]
    return set[Symbol]().union(*(value.free_symbols | value.atoms(Symbol) for value in values))


class _Rewriting(ABC):
    """Takes a layer apart and puts it together again with every quantity and every sum rewritten."""

    def __init__(self, layer: Layer) -> None:
        self.old = layer

    def layer(self) -> Layer:
        old = self.old
        return replace(
            old,
            inputs=tuple(self.quantity(one) for one in old.inputs),
            forward=tuple(Assignment(self.quantity(one.target), self.expr(one.value)) for one in old.forward),
            upstream=self.upstream(),
            gradients=tuple(self.gradient(one) for one in old.gradients),
            second_order=self.second_order(),
            assumptions=tuple(self.assumption(one) for one in old.assumptions),
            joined=tuple(new for one in old.joined for new in self.axes(one)),
        )

    def axes(self, size: Symbol) -> tuple[Symbol, ...]:
        """The sizes that one has become."""
        return (size,)

    def assumption(self, one: Assumption) -> Assumption:
        changed = self.quantity(one.of)
        assert isinstance(changed, Indexed)  # noqa: S101 -- only an axis that is split into none is lost
        return Assumption(changed, one.over)

    def gradient(self, one: Gradient) -> Gradient:
        return Gradient(self.quantity(one.of), None if one.value is None else self.expr(one.value))

    def upstream(self) -> IndexedBase:
        output = self.quantity(self.old.output)
        shape = output.base.shape if isinstance(output, Indexed) else None
        return IndexedBase(_upstream_name(self.old), shape=shape)

    def second_order(self) -> SecondOrder | None:
        old = self.old.second_order
        if old is None:
            return None
        incoming = tuple(self.quantity(one) for one in old.incoming)
        return SecondOrder(incoming, tuple(self.gradient(one) for one in old.gradients), old.source)

    @abstractmethod
    def quantity(self, one: Quantity) -> Quantity:
        """A tensor or a scalar as it is in the new layer."""

    def symbol(self, one: Symbol) -> Expr:
        return self.quantity(one)

    def limits(self, one: Sum) -> list[tuple[Expr, ...]]:
        return [tuple(limit) for limit in one.limits]

    def expr(self, expr: Expr) -> Expr:
        if isinstance(expr, Symbol):
            return self.symbol(expr)
        if isinstance(expr, Indexed):
            return self.quantity(expr)
        if isinstance(expr, Sum):
            limits = self.limits(expr)
            return Sum(self.expr(expr.function), *limits) if limits else self.expr(expr.function)
        return expr.func(*map(self.expr, expr.args)) if expr.args else expr


class _Splitting(_Rewriting):
    """A size becomes several; an index of it becomes as many letters, of which the first is the old one."""

    def __init__(self, layer: Layer, sizes: Mapping[Symbol, tuple[Symbol, ...]]) -> None:
        super().__init__(layer)
        self.sizes = sizes
        taken = {symbol.name for symbol in _symbols(layer)} | {one.name for each in sizes.values() for one in each}
        self.free = (letter for letter in FOR_NEW if letter not in taken)
        self.letters: dict[tuple[Expr, int], tuple[Symbol, ...]] = {}

    def of(self, letter: Expr, count: int) -> tuple[Symbol, ...]:
        """As many letters for one index, which may run over this size in one sum and over that in another."""
        if (letter, count) not in self.letters:
            self.letters[letter, count] = (letter, *(self._letter() for _ in range(count - 1)))[:count]
        return self.letters[letter, count]

    def _letter(self) -> Symbol:
        found = next(self.free, None)
        if found is None:
            raise ShapeError(f"There are not enough index letters for the axes of {self.old.name}. Give fewer axes.")
        return index(found)

    def quantity(self, one: Quantity) -> Quantity:
        if not isinstance(one, Indexed):
            return one
        shape: list[Expr] = []
        indices: list[Expr] = []
        for letter, length in zip(one.indices, one.base.shape, strict=True):
            axes = self.sizes.get(length, (length,))
            shape += axes
            indices += self.of(letter, len(axes)) if length in self.sizes else (letter,)
        name = one.base.label.name
        return tensor(name, *shape)[tuple(indices)] if indices else Symbol(name)

    def symbol(self, one: Symbol) -> Expr:
        return Mul(*self.sizes[one]) if one in self.sizes else one

    def axes(self, size: Symbol) -> tuple[Symbol, ...]:
        return self.sizes.get(size, (size,))

    def limits(self, one: Sum) -> list[tuple[Expr, ...]]:
        found: list[tuple[Expr, ...]] = []
        for letter, low, high in one.limits:
            if high in self.sizes:
                axes = self.sizes[high]
                found += ((new, S.One, length) for new, length in zip(self.of(letter, len(axes)), axes, strict=True))
            else:
                found.append((letter, low, high))
        return found


class _Repeating(_Rewriting):
    """Every quantity gets one more index; an index that has its letter gets another."""

    def __init__(self, layer: Layer, letter: Symbol, axis: Symbol, at: int, shared: frozenset[str]) -> None:
        super().__init__(_without(layer, letter))
        self.letter, self.axis, self.at, self.shared = letter, axis, at, shared

    def is_repeated(self, name: str) -> bool:
        """Whether it goes along: all that the layer has, but for what is shared and what comes in for a shared one."""
        old = self.old
        own = {_name(one) for one in (*old.inputs, *(line.target for line in old.forward))} - self.shared
        incoming = zip(old.second_order.incoming, old.gradients, strict=True) if old.second_order else ()
        entering = {_name(one) for one, claim in incoming if _name(claim.of) not in self.shared}
        return name in own | entering | {_upstream_name(old)}

    def quantity(self, one: Quantity) -> Quantity:
        name = _name(one)
        if (isinstance(one, Symbol) and one.is_positive) or not self.is_repeated(name):
            return one
        shape, indices = (one.base.shape, one.indices) if isinstance(one, Indexed) else ((), ())
        place = min(self.at, len(indices))
        return tensor(name, *shape[:place], self.axis, *shape[place:])[
            (*indices[:place], self.letter, *indices[place:])
        ]

    def gradient(self, one: Gradient) -> Gradient:
        found = super().gradient(one)
        if _name(one.of) not in self.shared or found.value is None:
            return found
        return Gradient(found.of, Sum(found.value, (self.letter, 1, self.axis)))


def _without(layer: Layer, letter: Symbol) -> Layer:
    """The layer with that index letter renamed, if it has it."""
    taken = {symbol.name for symbol in _symbols(layer)}
    if letter.name not in taken:
        return layer
    return _Renaming(layer, letter, index(next(one for one in FOR_BOUND if one not in taken))).layer()


class _Renaming(_Rewriting):
    def __init__(self, layer: Layer, old: Symbol, new: Symbol) -> None:
        super().__init__(layer)
        self.renaming: Mapping[Symbol, Symbol] = {old: new}

    def quantity(self, one: Quantity) -> Quantity:
        return one.xreplace(dict(self.renaming))

    def limits(self, one: Sum) -> list[tuple[Expr, ...]]:
        return [(self.renaming.get(letter, letter), low, high) for letter, low, high in one.limits]


def _name(one: Quantity) -> str:
    return str(one.base.label.name if isinstance(one, Indexed) else one.name)
