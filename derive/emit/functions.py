"""A routine as the source of a Python function: signature, arrays taken apart, lines, results put together.

Promises: the arguments are never written to; what is returned has the caller's shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Mul, Symbol

from derive.emit.arrays import Arrays
from derive.emit.layout import WIDEST
from derive.emit.lines import Line, reduction
from derive.emit.order import factors_of
from derive.emit.printer import Library, Printer
from derive.emit.recipe import Recipe, Routine

__all__ = ["EPSILON", "FunctionWriter"]

EPSILON = "1e-5"
"""The default of a constant such as ε."""


@dataclass
class FunctionWriter:
    """Writes one function line by line. `needs` collects helpers that it uses."""

    recipe: Recipe
    stated: Routine
    library: Library
    needs: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.arrays = Arrays(self.recipe, self.stated)
        self.routine = self.arrays.routine
        self.used: set[Expr] = set()

    # --- the parts of a function -------------------------------------------------------------------------------------

    def signature(self, name: str) -> str:
        """`def layernorm_backward(dy, x, gamma, mean, rstd):`."""
        return f"def {name}({', '.join(self.parameters)}):"

    @property
    def parameters(self) -> list[str]:
        """Arrays, numbers of groups, constants with their default."""
        plain = [self.name(one) for one in (*self.stated.parameters, *self.stated.counted)]
        return [*plain, *(f"{self.name(one)}={EPSILON}" for one in self.stated.constants)]

    def body(self) -> list[str]:
        """The statements of the function."""
        middle = list(self.lines())
        result = f"return {', '.join(self.results())}"
        start = self.prologue([*middle, result])
        return [*start, *([""] if start else []), *self.remarks(), *middle, result]

    def lines(self) -> Iterator[str]:
        """What is computed, line by line on whole arrays."""
        write = self.printer(self.name)
        for line in self.inlined(list(self.routine.lines)):
            yield self.noted(f"{self.name(line.target)} = {write.line(line.value)}", line.target)

    def inlined(self, lines: list[Line]) -> list[Line]:
        """Without the names of parts that are read only once and are one operation or as large as an array can be."""
        for target in [line.target for line in lines]:
            line = next(one for one in lines if one.target == target)
            uses = sum(one.value.count(line.target) for one in lines)
            if uses <= 1 and self._can_be_inlined(line):
                rest = (one for one in lines if one.target != line.target)
                lines = [Line(one.target, one.value.xreplace({line.target: line.value})) for one in rest]
        return lines

    def _can_be_inlined(self, line: Line) -> bool:
        order = self.routine.order
        is_short = len(line.value.args) <= 2 or order.size(line.value) == len(order.flat.order)
        return line.target not in self.recipe.names and reduction(line.value) is None and is_short

    def results(self) -> list[str]:
        return [self.name(one) + self.arrays.outside(one) for one in self.stated.returns]

    # --- arrays taken apart ------------------------------------------------------------------------------------------

    def prologue(self, rest: Sequence[str]) -> list[str]:
        """Shapes and lengths that the rest of the function uses, and every array with the axes it has inside."""
        reshaped = list(self._reshaped())
        lengths = list(self._lengths())
        text = "\n".join([*reshaped, *rest])
        shape = [self.shape_line] if "shape" in _words(text) and self.arrays.lead is not None else []
        return [*shape, *reshaped, *lengths]

    @property
    def shape_line(self) -> str:
        return f"shape = {self.name(self.arrays.lead)}.shape" if self.arrays.lead is not None else ""

    def _reshaped(self) -> Iterator[str]:
        """Arrays that are reshaped alike in one line."""
        groups: dict[str, list[str]] = {}
        for one in self.stated.parameters:
            groups.setdefault(self.arrays.inside(one), []).append(self.name(one))
        groups.pop("", None)
        of_lead = self.arrays.inside(self.arrays.lead) if self.arrays.lead is not None else ""
        for after, names in groups.items():
            text = reshaped_alike(names, after)
            note = f"  # {self.inner_shape}" if after == of_lead else ""
            short = len(text + note) <= WIDEST - 4
            yield from [text + note] if short else [f"{one} = {one}{after}{note}" for one in names]

    @property
    def inner_shape(self) -> str:
        """The axes inside the function by name: (n, c, s)."""
        names = list(self.arrays.lengths.values())
        return f"({', '.join(names)}{',' if len(names) == 1 else ''})"

    def _lengths(self) -> Iterator[str]:
        """The lengths that are used: several at once from an array that has all axes, otherwise one by one."""
        lead, lengths = self.arrays.lead, self.arrays.lengths
        used = [size for size in lengths if size in self.used and size not in self.arrays.shapes.counted]
        if len(used) > 1 and lead is not None and all(self.arrays.has(lead, run) for run in self.arrays.runs):
            names = (name if size in used else "_" for size, name in lengths.items())
            yield f"{', '.join(names)} = {self.name(lead)}.shape"
            return
        for run in self.arrays.runs:
            if run[0] in used:
                holders = (
                    one for one in (lead, *self.stated.parameters) if one is not None and self.arrays.has(one, run)
                )
                yield f"{lengths[run[0]]} = {self.name(next(holders))}.shape[{self.arrays.axis(run[0])}]"

    # --- writing -----------------------------------------------------------------------------------------------------

    def name(self, symbol: Symbol) -> str:
        return self.arrays.lengths.get(symbol) or self.recipe.name(symbol)

    def printer(self, name: Callable[[Symbol], str]) -> Printer:
        """Writes formulas with these names; the lengths it uses are noted."""
        constants = frozenset(self.stated.constants)
        return Printer(self.routine.order, self.library, name, self.arrays.axis, constants, self.used, self.needs)

    def noted(self, text: str, target: Symbol) -> str:
        """A line with what is to be said of it."""
        return f"{text}  # {self.recipe.notes[target]}" if target in self.recipe.notes else text

    def remarks(self) -> Iterator[str]:
        """What is not formed, and why."""
        write = self.printer(self.name)
        for line in self.routine.folded:
            size = self.routine.order.size
            small = write(Mul(*(one for one in factors_of(line.value) if size(one) < size(line.value))))
            why = f"{small} comes out of all its sums"
            yield f"# {self.name(line.target)} is {write(line.value)}. It is not formed: {why}."


def reshaped_alike(names: list[str], after: str) -> str:
    """The same done to several variables."""
    if len(names) < 3:
        return f"{', '.join(names)} = {', '.join(one + after for one in names)}"
    return f"{', '.join(names)} = (one{after} for one in ({', '.join(names)}))"


def _words(text: str) -> set[str]:
    return set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split())
