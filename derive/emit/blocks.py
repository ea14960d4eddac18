"""A NumPy function in blocks of rows: what is computed from a block stays in the cache until the block is done.

Promises: the loops are as few as the sums over the rows allow. Where rows are independent there is one; where a
statistic or a gradient is a sum over all rows, what reads the sum is in a second loop. Large intermediates are never
stored: a later loop computes them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Symbol

from derive.emit.flat import Axes, Total
from derive.emit.functions import FunctionWriter
from derive.emit.layout import indented
from derive.emit.lines import Line, reduction
from derive.emit.order import is_negative, is_number
from derive.emit.printer import Printer

__all__ = ["BlockWriter", "Traffic"]


MANY = 4
"""From so many operations on, a large result is computed in place."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The full-size arrays that each loop reads, and those that it writes, by name."""

    reads: tuple[tuple[str, ...], ...]
    writes: tuple[tuple[str, ...], ...]

    @property
    def moved(self) -> tuple[int, int]:
        """How many are read and written in all."""
        return sum(map(len, self.reads)), sum(map(len, self.writes))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which line runs in which loop. `before[n]` runs ahead of loop n, the last of them at the end."""

    loops: tuple[tuple[Line, ...], ...]
    before: tuple[tuple[Line, ...], ...]


class BlockWriter(FunctionWriter):
    """Writes a function whose lines run on blocks of the first axis."""

    def __post_init__(self) -> None:
        super().__post_init__()
        order = self.routine.order.flat.order
        self.rows: Expr | None = order[0] if order else None

    @property
    def axes(self) -> Mapping[Symbol, Axes]:
        return self.routine.order.flat.axes

    def is_blocked(self, expr: Expr) -> bool:
        """Whether a value has the axis that the blocks are cut along."""
        return self.rows in self.routine.order.flat.extent(expr)

    def is_summed(self, line: Line) -> bool:
        """Whether a line is a sum over all rows."""
        found = reduction(line.value)
        return found is not None and self.rows in found[1].args[1:]

    # --- which loop --------------------------------------------------------------------------------------------------

    def is_looped(self, line: Line) -> bool:
        """Whether a line runs block by block."""
        return self.is_blocked(line.target) or self.is_summed(line)

    @cached_property
    def _placed(self) -> tuple[tuple[int, Line], ...]:
        """Each line with the number of its loop: one more than that of a sum over all rows that it waits for."""
        ready = dict.fromkeys(self.routine.parameters, 0)
        placed = []
        for line in self.routine.lines:
            at = max((ready.get(one, 0) for one in line.reads), default=0)
            ready[line.target] = at + self.is_summed(line)
            placed.append((at, line))
        return tuple(placed)

    @cached_property
    def plan(self) -> _Plan:
        """Every line in its loop, what it reads of earlier loops computed again; small lines ahead of their readers."""
        looped = [(at, line) for at, line in self._placed if self.is_looped(line)]
        small = [(self._first_use(line, at), line) for at, line in self._placed if not self.is_looped(line)]
        count = max((at for at, _ in looped), default=-1) + 1
        loops = (self._whole_loop(number, looped) for number in range(count))
        before = (tuple(line for at, line in small if at == number) for number in range(count + 1))
        return _Plan(tuple(tuple(self.inlined(loop)) for loop in loops), tuple(before))

    def _first_use(self, line: Line, at: int) -> int:
        """Where a small line stands: ahead of the first loop that reads it, if nothing else does."""
        users = [(when, one) for when, one in self._placed if line.target in one.reads]
        is_free = users and all(self.is_looped(one) for _, one in users) and line.target not in self.routine.returns
        return min(when for when, _ in users) if is_free else at

    def _whole_loop(self, number: int, looped: Sequence[tuple[int, Line]]) -> list[Line]:
        """The lines of a loop, and those of earlier ones that it reads and that are not stored."""
        found = [line for at, line in looped if at == number]
        for at, line in reversed(looped):
            is_read = any(line.target in one.reads for one in found)
            if at < number and is_read and line.target not in self.stored and not self.is_summed(line):
                found.insert(0, line)
        return found

    @cached_property
    def stored(self) -> frozenset[Symbol]:
        """What has an array of its own: results, and statistics of single rows that a later loop reads."""
        later = (line.target for at, line in self._placed if reduction(line.value) and self._is_read_after(line, at))
        return frozenset(one for one in (*self.routine.returns, *later) if self.is_blocked(one))

    def _is_read_after(self, line: Line, at: int) -> bool:
        return any(when > at and line.target in one.reads for when, one in self._placed)

    # --- writing -----------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        if self.rows is None or not self.plan.loops:
            yield from super().lines()
            return
        self.needs.add("blocks")
        for number, (loop, before) in enumerate(zip(self.plan.loops, self.plan.before, strict=False)):
            yield from [""] if number else []
            yield from map(self._plain, before)
            yield from self._loop(loop)
        yield ""
        yield from map(self._plain, self.plan.before[-1])

    def _plain(self, line: Line) -> str:
        return self.noted(f"{self.name(line.target)} = {self.printer(self.name).line(line.value)}", line.target)

    def _loop(self, loop: Sequence[Line]) -> Iterator[str]:
        for line in loop:
            if self.is_summed(line):
                yield self.noted(f"{self.name(line.target)} = {self._start(line)}", line.target)
            elif line.target in self.stored:
                yield f"{self.name(line.target)} = {self._empty(line.target)}"
        yield f"for rows in _blocks({self.name(self.arrays.lead)}):"
        for line in loop:
            yield from map(indented, self._in_block(line))
        for line in loop:
            if self.is_summed(line):
                yield from self._finished(line)

    def _in_block(self, line: Line) -> Iterator[str]:
        write, target = self.printer(self._block_name), self._block_name(line.target)
        found = reduction(line.value)
        if found is not None and self.is_summed(line):
            yield self._collected(target, found[1], write)
        elif found is not None or len(self.axes[line.target]) < len(self.arrays.runs) or line.target not in self.stored:
            yield self.noted(f"{target} = {write.line(line.value)}", line.target)
        else:
            yield from self._written(line, write)

    def _collected(self, target: str, total: Expr, write: Printer) -> str:
        """What a block adds to a sum, or to a greatest element."""
        if isinstance(total, Total):
            return f"{target} += {write.reduced('sum', total)}"
        maximum = self.library.call("maximum")
        return f"{target} = {maximum}({target}, {write.reduced('max', total)})"

    def _written(self, line: Line, write: Printer) -> Iterator[str]:
        """A large result, written where it belongs: in one call, or operation by operation if they are many."""
        target = self._block_name(line.target)
        steps = write.into(line.value, "out")
        if len(steps) < MANY:
            yield self.noted(write.last(line.value, target) or f"{target} = {write(line.value)}", line.target)
            return
        yield f"# {self.name(line.target)} = {self.printer(self.name)(line.value)}"
        yield f"out = {target}"
        yield from steps

    def _block_name(self, symbol: Symbol) -> str:
        """The rows of an array that is there as a whole."""
        whole = symbol in self.routine.parameters or symbol in self.stored
        return f"{self.name(symbol)}[rows]" if whole and self.is_blocked(symbol) else self.name(symbol)

    def _finished(self, line: Line) -> Iterator[str]:
        """The factors in front of a sum, once it is complete."""
        found = reduction(line.value)
        assert found is not None  # noqa: S101 -- a sum is a reduction
        factor, name, write = found[0], self.name(line.target), self.printer(self.name)
        if factor == 1:
            return
        if is_number(factor) and not is_negative(factor) and (1 / factor).as_numer_denom()[1] == 1:
            yield f"{name} /= {write(1 / factor)}"
        else:
            yield f"{name} *= {write(factor)}"

    def _start(self, line: Line) -> str:
        """What a sum, or a greatest element, starts with."""
        found, like = reduction(line.value), self._like(line.target)
        if found is not None and not isinstance(found[1], Total):
            return f"np.full({self._shape(line.target)}, -np.inf, {self._dtype})"
        return f"np.zeros_like({like})" if like else f"np.zeros({self._shape(line.target)}, {self._dtype})"

    def _empty(self, symbol: Symbol) -> str:
        like = self._like(symbol)
        return f"np.empty_like({like})" if like else f"np.empty({self._shape(symbol)}, {self._dtype})"

    @property
    def _dtype(self) -> str:
        return f"{self.name(self.arrays.lead)}.dtype"

    def _like(self, symbol: Symbol) -> str | None:
        """An argument of the same shape, if there is one: what the symbol is the gradient of, the lead, or another."""
        of = self.recipe.inputs_of
        parameters = [one for one in self.routine.parameters if self.axes[one] == self.axes[symbol] and self.axes[one]]
        best = max(
            parameters,
            key=lambda one: (one == of.get(symbol), one == self.arrays.lead, self.arrays.rank(one)),
            default=None,
        )
        return None if best is None else self.name(best)

    def _shape(self, symbol: Symbol) -> str:
        lengths = []
        for size, name in self.arrays.lengths.items():
            present = size in self.axes[symbol]
            lengths.append(name if present else "1")
            if present:
                self.used.add(size)
        return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"

    # --- memory traffic ----------------------------------------------------------------------------------------------

    @property
    def traffic(self) -> Traffic:
        full = len(self.arrays.runs)
        reads, writes = [], []
        for loop in self.plan.loops:
            read = frozenset[Symbol]().union(*(line.reads for line in loop)) - {line.target for line in loop}
            reads.append(tuple(self.name(one) for one in self.axes if one in read and len(self.axes[one]) == full))
            writes.append(
                tuple(
                    self.name(line.target)
                    for line in loop
                    if line.target in self.stored and len(self.axes[line.target]) == full
                )
            )
        return Traffic(tuple(reads), tuple(writes))
