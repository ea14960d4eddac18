"""How many arrays of full size an expression moves between memory and processor, operation by operation."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, Symbol

from derive.emit.flat import Largest, Total
from derive.emit.functions import FunctionWriter
from derive.emit.lines import reduction

__all__ = ["line_by_line"]


def line_by_line(writer: FunctionWriter) -> tuple[int, int]:
    """Reads and writes of a function in which every operation goes over its arrays by itself."""
    axes = frozenset(writer.routine.order.flat.order)
    moved = [_moved(writer, line.value, axes) for line in writer.inlined(list(writer.routine.lines))]
    return sum(reads for reads, _ in moved), sum(writes for _, writes in moved)


def _moved(writer: FunctionWriter, value: Expr, axes: frozenset[Expr]) -> tuple[int, int]:
    flat = writer.routine.order.flat
    if isinstance(value, Symbol) or not value.args:
        return 0, 0
    inner = [_moved(writer, arg, axes) for arg in value.args if isinstance(arg, Expr)]
    reads, writes = sum(one for one, _ in inner), sum(one for _, one in inner)
    if isinstance(value, Total | Largest):
        return reads + int(flat.extent(value.args[0]) == axes), writes
    is_quotient = isinstance(value, Pow) and value.exp == -1
    if is_quotient or flat.extent(value) != axes or reduction(value) is not None:
        return reads, writes
    large = sum(flat.extent(arg) == axes for arg in value.args)
    small = len(value.args) - large
    if isinstance(value, Mul):
        small = int(small > 0)
    operations = large - 1 + small if isinstance(value, Add | Mul) else 1
    own = operations + large - 1 if isinstance(value, Add | Mul) else 1
    return reads + own, writes + operations
