"""How a layer's tensors lie in the arrays of a program, for every rank the layer takes.

Promises: worked out from what the layer says. Axes that stand side by side in every tensor are one axis of the emitted
code; if giving the layer one more axis makes such a run longer, the run may have any number of axes. Axes that the
layer says are joined are one axis of the caller's arrays and are taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from sympy import Expr, Symbol

from derive.emit.flat import sizes_of
from derive.errors import ShapeError, VectorizeError
from derive.layers import over
from derive.layers.layer import Layer, Quantity

__all__ = ["Run", "Shapes", "check_order", "runs", "shapes_of"]

Run = tuple[Expr, ...]
"""Sizes whose axes lie side by side in every tensor that has one of them, so that they can be one axis."""

NAMES = (("D",), ("N", "D"), ("N", "C", "S"), ("W", "N", "C", "P"), ("V", "W", "N", "C", "P"))
"""Names for the axes of a layer that can have several numbers of them, by how many differ in what is done with them."""

MOST_AXES = 8
UNNAMED = tuple("ABCEFHKMOPQRUVXYZ")


@dataclass(frozen=True, slots=True)
class Shapes:
    """A layer with one axis for each run of axes, and the size that stands for any number of axes, if one does."""

    layer: Layer
    several: Symbol | None = None

    @property
    def order(self) -> tuple[Expr, ...]:
        """Every size, in the order of the axes."""
        return order_of(_quantities(self.layer))

    def slots(self, axes: Iterable[Expr]) -> tuple[Run, ...]:
        """The axes of the caller's array, given those of a tensor: joined ones are one."""
        found: list[Run] = []
        joined = tuple(self.layer.joined)
        for size in axes:
            if size in joined and found and found[-1] == joined[: joined.index(size)]:
                found[-1] = (*found[-1], size)
            else:
                found.append((size,))
        return tuple(found)

    @property
    def counted(self) -> tuple[Symbol, ...]:
        """The sizes that the caller has to give, because the arrays don't show them: the number of groups."""
        return tuple(self.layer.joined[:-1])


def shapes_of(layer: Layer, build: Callable[..., Layer] | None = None) -> Shapes:
    """The shapes of a layer that `build`, if there is one, makes for any axes; otherwise it has the axes it says."""
    if build is None:
        return Shapes(layer)
    found = [each for each in map(_named(layer, build), range(1, MOST_AXES)) if each is not None]
    longest = max(found, key=lambda one: len(order_of(_quantities(one))), default=layer)
    kept = runs(_quantities(longest))
    simplest = next((one for one in found if len(order_of(_quantities(one))) == len(kept)), layer)
    if len(runs(_quantities(simplest))) != len(kept):
        return Shapes(layer)
    several = (size for run, size in zip(kept, order_of(_quantities(simplest)), strict=True) if len(run) > 1)
    plain = layer if len(order_of(_quantities(layer))) == len(kept) else simplest
    place = next((order_of(_quantities(simplest)).index(size) for size in several), None)
    return Shapes(plain, None if place is None else order_of(_quantities(plain))[place])


def _named(layer: Layer, build: Callable[..., Layer]) -> Callable[[int], Layer | None]:
    """Builds the layer over a number of axes, under names it does not use for anything else."""

    def built(count: int) -> Layer | None:
        for names in (NAMES[count - 1] if count <= len(NAMES) else UNNAMED[:count], UNNAMED[:count]):
            try:
                return replace(over(layer, build, names), title=layer.title)
            except ShapeError:
                continue
        return None

    return built


def check_order(layer: Layer) -> None:
    """Raises `VectorizeError` for tensors that have the same axes in different orders."""
    order = order_of(_quantities(layer))
    for one in _quantities(layer):
        places = [order.index(size) for size in sizes_of(one)]
        if places != sorted(places):
            said = f"{one} has its axes in another order than the other tensors of {layer.name}"
            raise VectorizeError(f"{said}, so it has no array form. Write all of them in one order.")


def _quantities(layer: Layer) -> tuple[Quantity, ...]:
    return (*layer.inputs, *(line.target for line in layer.forward))


def order_of(quantities: Iterable[Quantity]) -> tuple[Expr, ...]:
    """Every size, those of the tensors with the most axes first."""
    shapes = sorted((sizes_of(one) for one in quantities), key=len, reverse=True)
    return tuple(dict.fromkeys(size for shape in shapes for size in shape))


def runs(quantities: Iterable[Quantity]) -> tuple[Run, ...]:
    """The sizes in order, those together whose axes are side by side in every one of the quantities."""
    shapes = [sizes_of(one) for one in quantities]
    order = order_of(quantities)
    starts = [0, *(at for at, pair in enumerate(pairwise(order), 1) if not _together(pair, shapes)), len(order)]
    return tuple(order[start:end] for start, end in pairwise(starts) if start < end)


def _together(pair: tuple[Expr, Expr], shapes: Iterable[tuple[Expr, ...]]) -> bool:
    return all(pair in pairwise(shape) for shape in shapes if set(pair) & set(shape))
