"""How a layer's quantities lie in the arrays of somebody's program: which axes, in which order, which of them as one.

Promises: `to_program` and `to_layer` undo each other; an array that does not fit is a `MisfitError` with both shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Indexed, Sum

from derive.errors import ShapeError
from derive.indices import name_of
from derive.layers import load, names
from derive.layers.layer import Layer, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Arrangement", "MisfitError", "Sizes", "arrangements"]

Array = Any
Sizes = Mapping[str, int]
"""The length of every axis by its name."""

RANKS = (2, 3, 4)
"""The ranks of the data that a function is tested at where no axes are given."""

AXES = ("N", "C", "H", "W", "T", "U")
"""Names for the axes of a layer that is tested at several ranks."""


class MisfitError(Exception):
    """An array does not have the shape that it should have."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A layer over certain axes, and the order in which a program has them (`order`, all of them, or the layer's)."""

    layer: Layer
    order: tuple[str, ...] = ()

    @property
    def quantities(self) -> dict[str, Quantity]:
        """Inputs and intermediates by name."""
        every = (*self.layer.inputs, *(line.target for line in self.layer.forward))
        return {name_of(one): one for one in every}

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of all axes, in the order in which the quantities have them."""
        shapes = (axis for one in self.quantities.values() for axis in axes_of(one))
        return tuple(dict.fromkeys(shapes))

    @property
    def rank(self) -> int:
        """The rank of the data as the program has it."""
        return max(len(self._groups(axes_of(one))) for one in self.quantities.values())

    @property
    def data(self) -> tuple[str, ...]:
        """The inputs that are data: those with the most axes, but for targets, of which something is assumed."""
        targets = {name_of(one.of) for one in self.layer.assumptions}
        ranks = {name_of(one): len(axes_of(one)) for one in self.layer.inputs if name_of(one) not in targets}
        most = max(ranks.values(), default=0)
        return tuple(name for name, rank in ranks.items() if rank == most and most > 0)

    @property
    def reduced(self) -> tuple[str, ...]:
        """The axes that the forward pass sums over: the batch of batch norm, the features of layer norm."""
        sums = [one for line in self.layer.forward for one in line.value.atoms(Sum)]
        ends = [str(limit[2]) for one in sums for limit in one.limits]
        return tuple(axis for axis in self.axes if axis in ends)

    @property
    def counted(self) -> tuple[str, ...]:
        """What the layer's file calls the number of elements in a mean: m of batch norm, D of layer norm."""
        if self.layer.name not in names():
            return ()
        own = Arrangement(load(self.layer.name))
        return own.reduced if len(own.reduced) == 1 else ()

    @property
    def is_loss(self) -> bool:
        """Whether the output is one number for several elements of the data, as a loss is."""
        return bool(self.data) and len(axes_of(self.layer.output)) < len(axes_of(self.quantities[self.data[0]]))

    def shape(self, quantity: Quantity, sizes: Sizes) -> tuple[int, ...]:
        """The shape of a quantity in the program."""
        return tuple(int(np.prod([length(axis, sizes) for axis in group])) for group in self.groups(quantity))

    def groups(self, quantity: Quantity) -> list[tuple[str, ...]]:
        """The layer's axes that lie in each axis of a quantity in the program."""
        return self._groups(axes_of(quantity))

    def to_program(self, quantity: Quantity, array: Array) -> Array:
        """A quantity as the program has it, from the array over the layer's own axes."""
        own = axes_of(quantity)
        groups = self._groups(own)
        flat = [axis for group in groups for axis in group]
        lengths = dict(zip(own, np.shape(array), strict=True))
        turned = np.transpose(array, [own.index(axis) for axis in flat])
        return turned.reshape([int(np.prod([lengths[axis] for axis in group])) for group in groups])

    def to_layer(self, quantity: Quantity, array: Array, sizes: Sizes) -> Array:
        """The array over the layer's own axes, from what a program returned. Raises `MisfitError`."""
        expected = self.shape(quantity, sizes)
        if np.shape(array) != expected:
            raise MisfitError(f"its shape is {np.shape(array)} and not {expected}")
        own = axes_of(quantity)
        flat = [axis for group in self._groups(own) for axis in group]
        spread = np.reshape(array, [length(axis, sizes) for axis in flat])
        return np.transpose(spread, [flat.index(axis) for axis in own])

    def _groups(self, own: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The axes of a quantity in the program's order, those together that lie in one axis."""
        ordered = sorted(own, key=self.order.index) if self.order else list(own)
        joined = tuple(str(axis) for axis in self.layer.joined)
        at = ordered.index(joined[0]) if joined and joined[0] in ordered else -1
        if at < 0 or tuple(ordered[at : at + len(joined)]) != joined:
            return [(axis,) for axis in ordered]
        before, after = ordered[:at], ordered[at + len(joined) :]
        return [*((axis,) for axis in before), joined, *((axis,) for axis in after)]


def axes_of(quantity: Quantity) -> tuple[str, ...]:
    """The names of a quantity's axes; an axis of fixed length has its number."""
    return tuple(map(str, quantity.base.shape)) if isinstance(quantity, Indexed) else ()


def length(axis: str, sizes: Sizes) -> int:
    return int(axis) if axis.isdecimal() else sizes[axis]


def arrangements(
    layer: Layer | str, axes: tuple[str, ...] = (), order: tuple[str, ...] = ()
) -> tuple[Arrangement, ...]:
    """The arrangements to test at: the axes given, or ranks 2, 3 and 4 as far as the layer has them.

    A layer of one's own, which is no name, has the axes that it says. Raises `ShapeError`.
    """
    if not isinstance(layer, str):
        return (_ordered(layer, order),)
    if axes:
        return (_ordered(load(layer, axes), order),)
    if order:
        raise ShapeError("A layout needs the names of the axes. Give them too, such as --axes N,C,H,W.")
    every = _of_ranks(layer)
    # Instance norm of data without positions has one element in each mean: nothing is normalized.
    return tuple(one for one in every if one.reduced) or every


@cache
def _of_ranks(name: str) -> tuple[Arrangement, ...]:
    """The layer at every rank that it has, made once: many functions may be tested for one layer."""
    return tuple(_made_of_ranks(name))


def _made_of_ranks(name: str) -> Iterator[Arrangement]:
    own = Arrangement(load(name))
    for count in range(1, len(AXES) + 1):
        try:
            found = Arrangement(load(name, AXES[:count]))
        except ShapeError:
            continue
        if found.rank in RANKS:
            axes = _axis_names(found, own)
            yield found if axes == found.axes else Arrangement(load(name, axes))


def _axis_names(found: Arrangement, own: Arrangement) -> tuple[str, ...]:
    """Names for the axes that are those of the layer's file where one axis is the same: D for layer norm's features."""
    if len(found.axes) == len(own.axes):
        return own.axes
    # Up to the axes that lie in one: group norm's are (N, G, C, …) whatever follows.
    joined = [own.axes.index(str(size)) for size in own.layer.joined]
    named = dict(zip(found.axes[: max(joined, default=-1) + 1], own.axes, strict=False))
    if not named and len(found.reduced) == len(own.reduced):
        named = dict(zip(found.reduced, own.reduced, strict=True))
    rest = iter(axis for axis in AXES if axis not in named.values())
    return tuple(named.get(axis) or next(rest) for axis in found.axes)


def vector(name: str) -> Arrangement | None:
    """The layer for data of rank 1, if it has one."""
    try:
        found = Arrangement(load(name, AXES[:1]))
    except ShapeError:
        return None
    return found if found.rank == 1 else None


def _ordered(layer: Layer, order: tuple[str, ...]) -> Arrangement:
    found = Arrangement(layer, order)
    if order and sorted(order) != sorted(found.axes):
        raise ShapeError(f"The layout {','.join(order)} does not name the axes {','.join(found.axes)}. Name each once.")
    return found
