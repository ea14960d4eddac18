"""Numerical values of formulas as they are written: syntax trees over named axes, many alternatives at once.

Promises: an index letter is an axis and a Σ adds along it; every array has two more axes at its end, alternatives and
probes, along which everything is done alike. A formula that has no value (axes of different lengths, an unknown name)
is `Unfit`. Parts of a tree that were `remembered` are not worked out again when they stand in another tree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import add, mul
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    walk,
)
from derive.numeric.backends import NUMPY
from derive.testing.variants.trees import bare, indices_in

__all__ = ["Array", "Scope", "Unfit"]

Array = NDArray[Any]

EXTRA = 2
"""How many axes come after those of the letters: alternatives, then probes."""

_SPELLED = MappingProxyType({"abs": "absolute"})


class Unfit(Exception):  # noqa: N818 -- a variant to skip, not an error of the user's
    """A formula that has no value here."""


class Scope:
    """What names stand for: arrays with the quantity's own axes, then alternatives and probes."""

    def __init__(self, letters: Sequence[str], arrays: Mapping[Node, Array]) -> None:
        self._place: Mapping[str, int] = {letter: at for at, letter in enumerate(letters)}
        self._arrays = dict(arrays)
        self._laid: dict[Name | Partial, Array] = {}
        self._known: dict[int, Array] = {}
        self._remembered: list[Node] = []

    def knows(self, name: Node) -> bool:
        """Whether a bare name stands for an array."""
        return name in self._arrays

    def array(self, name: Node) -> Array:
        """The array of a bare name. Raises `Unfit` for one that stands for nothing."""
        found = self._arrays.get(name)
        if found is None:
            raise Unfit
        return found

    def extended(self, changes: Mapping[Node, Array]) -> Scope:
        """The same with other or further arrays. What was remembered is not taken along."""
        return self._with({**self._arrays, **changes}, changes)

    def without(self, name: Node) -> Scope:
        """The same without one array."""
        return self._with({one: array for one, array in self._arrays.items() if one != name}, {name})

    def _with(self, arrays: Mapping[Node, Array], changed: Collection[Node]) -> Scope:
        new = Scope((), arrays)
        new._place = self._place
        new._laid = {name: laid for name, laid in self._laid.items() if bare(name) not in changed}
        return new

    def remembering(self, tree: Node) -> Scope:
        """The same, with the values of all parts of a tree kept."""
        new = self._with(self._arrays, ())
        for part in reversed(tuple(walk(tree))):  # parts before what they are parts of
            new._remember(part)  # noqa: SLF001 -- a scope made here
        return new

    def _remember(self, part: Node) -> None:
        try:
            self._known[id(part)] = self.value(part)
        except Unfit:
            return
        self._remembered.append(part)  # which keeps its id from being given to another

    def result(self, tree: Node, letters: Sequence[str], shape: Sequence[int]) -> Array:
        """The value as an array of its own axes: `letters`, of lengths `shape`, then alternatives and probes.

        Raises `Unfit` if the formula has another free index, or no value.
        """
        laid = self.value(tree)
        slots = [self._place[letter] for letter in letters]
        rank = len(self._place)
        if any(length != 1 for at, length in enumerate(laid.shape[:rank]) if at not in slots):
            raise Unfit
        others = tuple(at for at in range(rank) if at not in slots)
        own = np.squeeze(laid, others)
        order = [sorted(slots).index(slot) for slot in slots]
        turned = own.transpose(*order, *range(len(slots), len(slots) + EXTRA))
        try:
            return np.broadcast_to(turned, (*shape, *turned.shape[len(slots) :]))
        except ValueError:
            raise Unfit from None

    def value(self, node: Node) -> Array:
        """The value with an axis for every letter, of length 1 for those that do not occur."""
        known = self._known.get(id(node))
        if known is not None:
            return known
        work = _WORK.get(type(node))
        if work is None:
            raise Unfit
        try:
            found: Array = work(self, node)
        except ValueError:  # axes of different lengths
            raise Unfit from None
        return found

    def lay(self, name: Name | Partial) -> Array:
        """The array of a name with its axes at the places of its letters."""
        laid = self._laid.get(name)
        if laid is None:
            laid = self._laid[name] = self._lay(self.array(bare(name)), indices_in(name))
        return laid

    def _lay(self, array: Array, letters: tuple[str, ...]) -> Array:
        if len(letters) + EXTRA != array.ndim or len(set(letters)) < len(letters):
            raise Unfit
        slots = [self._place[letter] for letter in letters]
        order = sorted(range(len(slots)), key=slots.__getitem__)
        lengths = dict(zip(slots, array.shape, strict=False))
        turned = array.transpose(*order, *range(len(slots), array.ndim))
        return turned.reshape(*(lengths.get(at, 1) for at in range(len(self._place))), *array.shape[len(slots) :])

    def along(self, letter: str) -> int:
        """The axis of a letter. Raises `Unfit` for one that has none."""
        if letter not in self._place:
            raise Unfit
        return self._place[letter]


# --- what each kind of node is worth -------------------------------------------------------------------------------


def _number(scope: Scope, node: Number) -> Array:
    return np.asarray(float(node.digits)).reshape((1,) * (len(scope._place) + EXTRA))  # noqa: SLF001


def _addition(scope: Scope, node: Addition) -> Array:
    return reduce(add, map(scope.value, node.terms))


def _product(scope: Scope, node: Product) -> Array:
    return reduce(mul, map(scope.value, node.factors))


def _fraction(scope: Scope, node: Fraction) -> Array:
    return scope.value(node.top) / scope.value(node.bottom)


def _minus(scope: Scope, node: Minus) -> Array:
    found: Array = -scope.value(node.value)
    return found


def _bracket(scope: Scope, node: Bracket) -> Array:
    return scope.value(node.body)


def _power(scope: Scope, node: Power) -> Array:
    exponent = scope.value(node.exponent)
    if node.base == Name("e") and not scope.knows(node.base):
        return np.exp(exponent)
    return scope.value(node.base) ** exponent


def _root(scope: Scope, node: Root) -> Array:
    value = scope.value(node.value)
    return np.sqrt(value) if node.degree == 2 else value ** (1 / node.degree)


def _summation(scope: Scope, node: Summation) -> Array:
    """Σ along an axis. What does not depend on the index is added as often as the index runs."""
    if node.index is None or node.other_than is not None or node.within is not None:
        raise Unfit
    axis, body = scope.along(node.index.base), scope.value(node.body)
    if body.shape[axis] == 1 and node.high is not None:
        return body * scope.value(node.high)
    found: Array = np.add.reduce(body, axis=axis, keepdims=True)
    return found


def _call(scope: Scope, node: Call) -> Array:
    values = [scope.value(argument) for argument in node.arguments]
    if node.function in {"max", "min"}:
        return reduce(np.maximum if node.function == "max" else np.minimum, values)
    function = NUMPY.load().get(_SPELLED.get(node.function, node.function))
    if function is None or len(values) != 1:
        raise Unfit
    found: Array = function(values[0])
    return found


_WORK: Mapping[type, Callable[[Scope, Any], Array]] = MappingProxyType(
    {
        Name: Scope.lay,
        Partial: Scope.lay,
        Number: _number,
        Addition: _addition,
        Product: _product,
        Fraction: _fraction,
        Minus: _minus,
        Power: _power,
        Root: _root,
        Summation: _summation,
        Call: _call,
        Bracket: _bracket,
    }
)
