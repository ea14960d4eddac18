"""A gradient that is right but for its arrangement: turned, cut, repeated, added up, scaled.

Promises: nothing here edits a formula. `undone` says what may be wrong with a shape and puts it right, so that the
rest can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, permutations
from math import prod
from types import MappingProxyType

import numpy as np

from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed
from derive.testing.variants.variant import Candidate, Values, Variant, said, valued
from derive.testing.variants.wording import listed

__all__ = ["Undone", "arrangements", "ratios", "undone"]

Axes = tuple[int, ...]
Said = Iterator[tuple[str, Values]]
"""What the gradient is, in words, and the values."""


def arrangements(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """The right gradient transposed, reversed, added up, or right in a part only."""
    for kind in (_orders, _reversed, _collapsed, _first_alone, _first_rows):
        yield from valued(_variants(formulas, kind(formulas)), case)


def _variants(formulas: Formulas, found: Said) -> Iterator[Variant]:
    return (Variant(said(f"{gradient_name(formulas.of)} is {words}"), values) for words, values in found)


# --- turned ----------------------------------------------------------------------------------------------------------


def _orders(formulas: Formulas) -> Said:
    sizes = formulas.target.sizes
    for order in permutations(range(len(sizes))):
        if order != tuple(sorted(order)):
            names = ", ".join(sizes[at] for at in order)
            how = "transposed" if len(sizes) == 2 else f"has its axes in the order ({names})"
            yield f"right, but {how}", partial(_transposed, order)


def _reversed(formulas: Formulas) -> Said:
    for axes in _subsets(formulas):
        yield f"right, but reversed along {_called(formulas, axes)}", partial(_flipped, axes)


def _transposed(order: Axes, case: Observed) -> Array:
    return case.true.transpose(order)


def _flipped(axes: Axes, case: Observed) -> Array:
    return np.flip(case.true, axes)


# --- added up --------------------------------------------------------------------------------------------------------

COLLAPSES: MappingProxyType[str, Callable[..., Array]] = MappingProxyType({"summed": np.sum, "averaged": np.mean})


def _collapsed(formulas: Formulas) -> Said:
    """Added up, or averaged, over axes of its own: gone, kept with length 1, or repeated along them."""
    for axes in _subsets(formulas):
        for done in COLLAPSES:
            words = f"right, but {done} over {_called(formulas, axes)} too"
            yield words, partial(_gone, done, axes)
            yield words, partial(_kept, done, axes)
            yield f"{words}, and repeated along {'it' if len(axes) == 1 else 'them'}", partial(_repeated, done, axes)


def _gone(done: str, axes: Axes, case: Observed) -> Array:
    return np.asarray(COLLAPSES[done](case.true, axis=axes))


def _kept(done: str, axes: Axes, case: Observed) -> Array:
    return np.asarray(COLLAPSES[done](case.true, axis=axes, keepdims=True))


def _repeated(done: str, axes: Axes, case: Observed) -> Array:
    return np.broadcast_to(_kept(done, axes, case), case.shape)


# --- right in a part -------------------------------------------------------------------------------------------------


def _first_alone(formulas: Formulas) -> Said:
    """Right for the first of an axis, and the same or 0 for all others."""
    for axis, size in enumerate(formulas.target.sizes):
        first = f"right for the first of the axis {size} only"
        yield f"{first}, and repeated for the others", partial(_first, axis, 1.0)
        yield f"{first}, and 0 for the others", partial(_first, axis, 0.0)


def _first(axis: int, others: float, case: Observed) -> Array:
    """The first along an axis as it is, and `others` times that for the others."""
    factors = np.full(case.shape[axis], others)
    factors[0] = 1.0
    shape = [length if at == axis else 1 for at, length in enumerate(case.shape)]
    found: Array = case.true.take([0], axis=axis) * factors.reshape(shape)
    return found


def _first_rows(formulas: Formulas) -> Said:
    """Right in as many rows as one axis has, where several axes make the rows, and 0 in the others."""
    rows = formulas.target.sizes[:-1]
    for size in rows if len(rows) > 1 else ():
        yield f"right in the first {size} of the {'·'.join(rows)} rows only, and 0 in the others", partial(_head, size)


def _head(size: str, case: Observed) -> Array:
    rows = case.true.reshape(-1, case.shape[-1])
    kept = np.arange(len(rows)) < case.lengths[size]
    return np.where(kept[:, None], rows, 0.0).reshape(case.shape)


def _subsets(formulas: Formulas) -> Iterator[Axes]:
    rank = len(formulas.target.sizes)
    return chain.from_iterable(combinations(range(rank), count) for count in range(1, rank + 1))


def _called(formulas: Formulas, axes: Axes) -> str:
    names = listed([formulas.target.sizes[at] for at in axes])
    return f"the axis {names}" if len(axes) == 1 else f"the axes {names}"


# --- the right gradient times a number -------------------------------------------------------------------------------

POWERS = ((1.0, "{}"), (-1.0, "1/{}"), (0.5, "√{}"), (-0.5, "1/√{}"), (2.0, "{}²"), (-2.0, "1/{}²"))

MOST_DIGITS = 4


def ratios(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """The right gradient times a number: one made of sizes, or one with few digits that is the same everywhere."""
    found = chain(_of_sizes(formulas), _of_numbers(case))
    return valued(_variants(formulas, ((f"right up to the factor {factor}", values) for factor, values in found)), case)


def _of_sizes(formulas: Formulas) -> Said:
    groups = (combinations(formulas.sizes, count) for count in range(1, len(formulas.sizes) + 1))
    for group in chain.from_iterable(groups):
        name = "·".join(group)
        base = name if len(group) == 1 else f"({name})"
        for power, pattern in POWERS:
            yield pattern.format(base), partial(_power, group, power)
        yield f"{base}/({name} − 1)", partial(_unbiased, group, 1)
        yield f"({name} − 1)/{base}", partial(_unbiased, group, -1)


def _count(group: tuple[str, ...], case: Observed) -> int:
    return prod(case.lengths[size] for size in group)


def _power(group: tuple[str, ...], power: float, case: Observed) -> Array:
    found: Array = case.true * _count(group, case) ** power
    return found


def _unbiased(group: tuple[str, ...], sign: int, case: Observed) -> Array | None:
    count = _count(group, case)
    return case.true * (count / (count - 1)) ** sign if count > 1 else None


def _of_numbers(case: Observed) -> Said:
    """The number by which the largest element is off, rounded."""
    if case.found.shape != case.shape or not case.true.any():
        return
    largest = np.unravel_index(np.argmax(np.abs(case.true)), case.shape)
    ratio = float(case.found[largest] / case.true[largest])
    for factor in dict.fromkeys(float(f"{ratio:.{digits}e}") for digits in range(MOST_DIGITS)):
        if factor not in {0.0, 1.0}:
            yield f"{factor:g}".replace("-", "−"), partial(_times, factor)


def _times(factor: float, case: Observed) -> Array:
    return case.true * factor


# --- wrong shapes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undone:
    """What is wrong with the shape of an array, and what puts it right. `kind` is the same in cases of other sizes."""

    kind: tuple[str, Axes]
    words: str
    put_right: Callable[[Array], Array]


def undone(case: Observed) -> Iterator[Undone]:
    """What may be wrong with the shape of what was found, and what puts it right; nothing if it is right.

    What it puts right need not be the right gradient: that remains to be seen.
    """
    found, wanted = case.found.shape, case.shape
    axes = range(len(found))
    if found == wanted:
        return
    for order in permutations(axes) if len(found) == len(wanted) else ():
        if tuple(found[at] for at in order) == wanted:
            yield Undone(("transposed", order), "transposed", partial(np.transpose, axes=order))
    if case.found.size == case.true.size:
        words = f"of shape {_shape(found)}, not {_shape(wanted)}"
        yield Undone(("reshaped", ()), words, partial(np.reshape, shape=wanted))
    for extra in chain.from_iterable(combinations(axes, count) for count in range(1, len(found) + 1)):
        if tuple(length for at, length in enumerate(found) if at not in extra) == wanted:
            yield from _too_many(extra, case)


def _too_many(axes: Axes, case: Observed) -> Iterator[Undone]:
    names = listed([_size_of(case.found.shape[at], case) for at in axes])
    which = f"the axis {names}" if len(axes) == 1 else f"the axes {names}"
    if np.all(np.ptp(case.found, axis=axes) <= case.tolerance):
        yield Undone(("repeated", axes), f"repeated along {which}", partial(_mean, axes))
    yield Undone(("not summed", axes), f"not summed over {which}", partial(np.sum, axis=axes))


def _mean(axes: Axes, array: Array) -> Array:
    return np.asarray(np.mean(array, axis=axes))


def _size_of(length: int, case: Observed) -> str:
    """An axis by the size that has its length."""
    sizes = [size for size, other in case.lengths.items() if other == length]
    return sizes[0] if len(sizes) == 1 else f"of length {length}"


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
