"""How a function takes its arrays apart and puts its results together: reshapes, in the source that is written.

Promises: inside a function every array has one axis per run of sizes, of length 1 where it has none of them, so that
all broadcast; what is returned has the caller's shape. One source serves every rank that the layer takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from sympy import Expr, Integer, Symbol

from derive.emit.flat import Axes, Largest, Total, over_of
from derive.emit.lines import Line
from derive.emit.recipe import RESERVED, Recipe, Routine
from derive.emit.shapes import Run, Shapes
from derive.emit.words import unused

__all__ = ["Arrays"]


def merged(routine: Routine) -> tuple[Routine, tuple[Run, ...]]:
    """The routine with each run of sizes as one size, its first, and the runs."""
    flat = routine.order.flat
    symbols = [*routine.parameters, *(line.target for line in routine.lines)]
    shapes = [tuple(size for size in flat.order if size in flat.axes[one]) for one in symbols]
    order = [size for size in flat.order if any(size in shape for shape in shapes)]
    joins = [_always_together(pair, shapes, routine.lines) for pair in pairwise(order)]
    starts = [0, *(at for at, joined in enumerate(joins, 1) if not joined), len(order)]
    runs = tuple(tuple(order[start:end]) for start, end in pairwise(starts) if start < end)
    dropped = frozenset(size for run in runs for size in run[1:])
    axes = {one: each - dropped for one, each in flat.axes.items()}
    inner = replace(flat, order=tuple(run[0] for run in runs), axes=axes)
    lines, folded = (
        tuple(Line(one.target, _without(one.value, dropped)) for one in each)
        for each in (routine.lines, routine.folded)
    )
    return replace(routine, order=replace(routine.order, flat=inner), lines=lines, folded=folded), runs


def _always_together(pair: tuple[Expr, Expr], shapes: Iterable[tuple[Expr, ...]], lines: Iterable[Line]) -> bool:
    """Whether every array has both axes side by side or neither, and every formula their product or neither."""
    if any(isinstance(size, Integer) for size in pair):
        return False
    beside = all(pair in pairwise(shape) for shape in shapes if set(pair) & set(shape))
    return beside and all(_as_product(pair, line.value) for line in lines)


def _as_product(pair: tuple[Expr, Expr], value: Expr) -> bool:
    """Whether only the product of two sizes is read, and sums go over both or over neither."""
    sums = [set(over_of(part)) & set(pair) for part in value.atoms(Total, Largest)]
    numbers = value.replace(lambda part: isinstance(part, Total | Largest), lambda part: part.args[0])
    length = Symbol("length", integer=True, positive=True)
    first, second = ({pair[0]: a, pair[1]: b} for a, b in ((length, 1), (1, length)))
    return all(len(one) != 1 for one in sums) and numbers.xreplace(first) == numbers.xreplace(second)


def _without(value: Expr, dropped: frozenset[Expr]) -> Expr:
    """The value with sizes taken for 1, and out of the axes that are summed over."""
    if value in dropped:
        return Integer(1)
    if isinstance(value, Total | Largest):
        return value.func(_without(value.args[0], dropped), *(size for size in over_of(value) if size not in dropped))
    return value.func(*(_without(arg, dropped) for arg in value.args)) if value.args else value


@dataclass(frozen=True)
class Arrays:
    """The arrays of one function. `lead` is the array whose shape the others' are worked out from."""

    recipe: Recipe
    stated: Routine

    @property
    def shapes(self) -> Shapes:
        return self.recipe.shapes

    @cached_property
    def _merged(self) -> tuple[Routine, tuple[Run, ...]]:
        return merged(self.stated)

    @property
    def routine(self) -> Routine:
        """The function with one size for each axis."""
        return self._merged[0]

    @property
    def runs(self) -> tuple[Run, ...]:
        """What each axis inside the function is made of."""
        return self._merged[1]

    @property
    def axes(self) -> Mapping[Symbol, Axes]:
        """The axes of each symbol, as the layer has them."""
        return self.stated.order.flat.axes

    def in_order(self, axes: Axes) -> tuple[Expr, ...]:
        return tuple(size for size in self.shapes.order if size in axes)

    def axis(self, size: Expr) -> int:
        """Which axis a size is."""
        return self.routine.order.flat.order.index(size)

    def has(self, symbol: Symbol, run: Run) -> bool:
        return run[0] in self.axes[symbol]

    # --- names of lengths --------------------------------------------------------------------------------------------

    @cached_property
    def lengths(self) -> Mapping[Expr, str]:
        """What the length of each axis is called."""
        taken = {*RESERVED, *map(self.recipe.name, self.axes)}
        found: dict[Expr, str] = {}
        for run in self.runs:
            plain = unused("".join(_lower(size) for size in run), taken)
            name = self.recipe.names.get(run[0]) or plain
            taken.add(name)
            found[run[0]] = name
        return found

    # --- the caller's shapes -----------------------------------------------------------------------------------------

    @cached_property
    def lead(self) -> Symbol | None:
        """The parameter whose shape and dtype the others follow: one with the most axes."""
        ranked = [one for one in self.stated.parameters if self.axes[one]]
        return max(ranked, key=lambda one: (len(self.axes[one]), self.rank(one)), default=None)

    def rank(self, symbol: Symbol) -> int:
        """How well a parameter stands for the dtype of the data: targets, which may be integers, last."""
        if self.recipe.gradients.get(symbol) is not None:
            return 3
        return 2 if symbol in self.recipe.saved else int(symbol == self.recipe.upstream)

    @cached_property
    def slots(self) -> tuple[Run, ...]:
        """The axes of the lead as the caller has them."""
        return self.caller_slots(self.lead) if self.lead is not None else ()

    def caller_slots(self, symbol: Symbol) -> tuple[Run, ...]:
        return self.shapes.slots(self.in_order(self.axes[symbol]))

    @property
    def _several_at(self) -> int:
        """Where the axes of any number are in the lead; behind it, if there are none."""
        several = [at for at, slot in enumerate(self.slots) if self.shapes.several in slot]
        return several[0] if several else len(self.slots)

    def place(self, slot: int) -> int:
        """The number of an axis, counted from the end behind the axes of any number."""
        return slot if slot < self._several_at else slot - len(self.slots)

    def length(self, size: Expr) -> str:
        """The length of an axis, from the shape of the lead; -1 for axes of any number."""
        if size == self.shapes.several:
            return "-1"
        if size in self.shapes.counted:
            return self.recipe.names[size]
        slot = next(number for number, one in enumerate(self.slots) if size in one)
        others = (self.recipe.names[one] for one in self.slots[slot] if one != size)
        return " // ".join([f"shape[{self.place(slot)}]", *others])

    def run_length(self, run: Run) -> str:
        lengths = [self.length(size) for size in run]
        return "-1" if "-1" in lengths else " * ".join(lengths)

    def inside(self, symbol: Symbol) -> str:
        """What follows an array to give it one axis per run: `.reshape(…)`; nothing where it has them."""
        present = [run for run in self.runs if self.has(symbol, run)]
        if not present or self._fits(symbol, present):
            return ""
        if len(present) == 1:
            lengths = {present[0]: "-1"}
        else:
            lengths = {run: self.run_length(run) for run in present}
            left = [run for run in present if not self._counts([run])]
            if "-1" not in lengths.values() and (self._counts(present) or any(len(run) > 1 for run in present)):
                lengths[max(left, key=len)] = "-1"
        return f".reshape({_listed([lengths.get(run, '1') for run in self.runs])})"

    def _counts(self, runs: Iterable[Run]) -> bool:
        """Whether one of the lengths is a number that the caller gives."""
        return any(size in self.shapes.counted for run in runs for size in run)

    def _fits(self, symbol: Symbol, present: list[Run]) -> bool:
        """Whether an array of the caller's broadcasts as it is: its axes are the last ones, none taken apart."""
        slots = self.caller_slots(symbol)
        same = len(slots) == len(present) and all(len(slot) == 1 and self.shapes.several not in slot for slot in slots)
        return same and present == list(self.runs)

    def outside(self, symbol: Symbol) -> str:
        """What follows a result to give it the caller's shape."""
        present = [run for run in self.runs if self.has(symbol, run)]
        slots = self.caller_slots(symbol)
        if not slots:
            return ".reshape(())" if self.runs else ""
        if self._fits(symbol, present):
            return ""
        if slots == self.slots:
            return ".reshape(shape)"
        if len(slots) == 1 and self.shapes.several not in slots[0]:
            return ".reshape(-1)"
        return f".reshape({self._slice(slots)})"

    def _slice(self, slots: Collection[Run]) -> str:
        """The part of the lead's shape that these axes have."""
        if not set(slots) <= set(self.slots):
            return ", ".join(self.length(slot[0]) if len(slot) == 1 else "-1" for slot in slots)
        numbers = [number for number, slot in enumerate(self.slots) if slot in slots]
        if numbers == list(range(len(numbers))):
            return f"shape[:{self._end(len(numbers))}]"
        if numbers == list(range(numbers[0], len(self.slots))):
            return f"shape[{self.place(numbers[0])}:]"
        return ", ".join(f"shape[{self.place(number)}]" for number in numbers)

    def _end(self, count: int) -> int:
        """Where the first axes end, counted from the end of the shape if the axes of any number are among them."""
        return count if count <= self._several_at else count - len(self.slots)


def _lower(size: Expr) -> str:
    """A variable for a size; a number is itself."""
    name = str(size).lower()
    return f"size_{name}" if name in {"l", "o", "i"} else name


def _listed(lengths: list[str]) -> str:
    """Lengths in a row; the first axes of a shape together."""
    count = next((n for n, length in enumerate(lengths) if length != f"shape[{n}]"), len(lengths))
    return ", ".join([f"*shape[:{count}]", *lengths[count:]] if count > 1 else lengths)
