"""From assignments over indexed symbols to operations on whole arrays, still as SymPy expressions.

Promises: every symbol of the result has a generated name, an array's axes are known (its extent), a Sum has become
`total(array, axis)` with the factors that do not depend on the bound index pulled out, and equal operations share one
symbol across all assignments. Nothing is expanded: a variance stays the two-pass variance it was stated as.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Add, Expr, Function, Indexed, Integer, Max, Min, Mul, NumberSymbol, Pow, Rational, S, Sum, Symbol
from sympy import Float as FloatNumber
from sympy.core.function import AppliedUndef

from derive.calculus import without_max
from derive.errors import VectorizeError
from derive.indices import name_of
from derive.layers.layer import Assignment, Quantity

__all__ = ["NUMBER", "Extent", "Lowering", "factors_of", "power_of", "shape_of", "total"]

Extent = frozenset[int]
"""The axes of an array in the layout of the layer; TRAILING stands for all the axes after those of the layer."""

TRAILING = -1
NUMBER: Extent = frozenset()
LANES: Extent = frozenset({TRAILING})

total, power = Function("total"), Function("power")

CALLS = {
    name: Function(entry)
    for name, entry in {
        "exp": "exp",
        "log": "log",
        "tanh": "tanh",
        "sin": "sin",
        "cos": "cos",
        "Abs": "absolute",
        "sign": "sign",
        "erf": "erf",
    }.items()
}
sqrt = Function("sqrt")


@dataclass(slots=True)
class Lowering:
    """The table of array operations, filled by `define` and `assign`.

    `axes` gives the axis of each size, `names` what a name of the layer has become, `definitions` the operation behind
    a generated symbol, `extents` the axes of each symbol.
    """

    axes: dict[Expr, int]
    names: dict[str, Expr] = field(default_factory=dict)
    sizes: dict[Expr, Symbol] = field(default_factory=dict)
    constants: dict[Expr, Symbol] = field(default_factory=dict)
    definitions: dict[Symbol, Expr] = field(default_factory=dict)
    extents: dict[Symbol, Extent] = field(default_factory=dict)
    _known: dict[Expr, Symbol] = field(default_factory=dict)

    def define(self, quantity: Quantity) -> Symbol:
        """A generated symbol for an input."""
        symbol = self._new(f"a{len(self.names)}", LANES | {self.axes[size] for size in shape_of(quantity)})
        self.names[name_of(quantity)] = symbol
        return symbol

    def assign(self, assignment: Assignment) -> None:
        """Lowers one line. A multiple of one array keeps its factor apart, so that it can be joined to others."""
        target = assignment.target
        indices = target.indices if isinstance(target, Indexed) else ()
        ranges = {index: self.axes[size] for index, size in zip(indices, shape_of(target), strict=True)}
        value = self.lower(assignment.value, ranges)
        extent = self.extent(value)
        large = [factor for factor in factors_of(value) if self.extent(factor) == extent]
        core = Mul(*large) if large else value
        self.names[name_of(target)] = value if extent == NUMBER else value / core * self._named(core)

    def extent(self, expr: Expr) -> Extent:
        """The axes an expression in generated symbols has."""
        return NUMBER.union(*(self.extents[symbol] for symbol in expr.free_symbols))

    def lower(self, expr: Expr, ranges: Mapping[Symbol, int]) -> Expr:  # noqa: PLR0911
        """`expr` as a product of powers of generated symbols. `ranges` gives the axis of each index in reach."""
        match expr:
            case Rational():
                return expr
            case FloatNumber() | NumberSymbol():
                return self._constant(expr)
            case Symbol():
                return self._symbol(expr, ranges)
            case Indexed():
                return self._read(expr, ranges)
            case Sum():
                return self._sum(expr, ranges)
            case Add():
                return self._add([self.lower(term, ranges) for term in expr.args])
            case Mul():
                return Mul(*(self.lower(factor, ranges) for factor in expr.args))
            case Pow():
                return self._power(self.lower(expr.base, ranges), expr.exp, ranges)
            case _:
                return self._call(expr, ranges)

    def _new(self, name: str, extent: Extent) -> Symbol:
        symbol = Symbol(name)
        self.extents[symbol] = extent
        return symbol

    def _named(self, expr: Expr, extent: Extent | None = None) -> Symbol:
        """The symbol of an operation; the same one whenever the same operation occurs."""
        if isinstance(expr, Symbol):
            return expr
        if expr not in self._known:
            symbol = self._new(f"v{len(self._known)}", self.extent(expr) if extent is None else extent)
            self._known[expr] = symbol
            self.definitions[symbol] = expr
        return self._known[expr]

    def _constant(self, value: Expr) -> Symbol:
        if value not in self.constants:
            self.constants[value] = self._new(f"c{len(self.constants)}", NUMBER)
        return self.constants[value]

    def constant(self, value: Expr) -> Symbol:
        """A symbol for a number that is not an integer: each array library has a precision of its own."""
        return self._constant(value)

    def _size(self, size: Expr) -> Expr:
        if isinstance(size, Integer):
            return size
        if size not in self.axes:
            raise VectorizeError(f"No tensor has an axis of size {size}. Give one such an axis.")
        if size not in self.sizes:
            self.sizes[size] = self._new(f"n{len(self.sizes)}", NUMBER)
        return self.sizes[size]

    def _symbol(self, symbol: Symbol, ranges: Mapping[Symbol, int]) -> Expr:
        if symbol in ranges:
            raise VectorizeError(f"The index {symbol} is used as a number. Put its values in a tensor and read that.")
        if symbol in self.axes or (symbol.name not in self.names and symbol.is_integer):
            return self._size(symbol)
        return self._name(symbol)

    def _name(self, quantity: Quantity) -> Expr:
        name = name_of(quantity)
        if name not in self.names:
            raise VectorizeError(f"{name} is read before it has a value. Add it to the inputs or assign it earlier.")
        return self.names[name]

    def _read(self, read: Indexed, ranges: Mapping[Symbol, int]) -> Expr:
        for index, size in zip(read.indices, shape_of(read), strict=True):
            if index not in ranges:
                raise VectorizeError(
                    f"In {read} the index {index} has no axis of its own: this sum needs an array with one more axis"
                    " than its tensors have. Pull what does not depend on the summed index out of the sum."
                )
            if self.axes.get(size) != ranges[index]:
                raise VectorizeError(f"In {read} the index {index} runs over a size other than {size}. Rename it.")
        return self._name(read)

    def _sum(self, expr: Sum, ranges: Mapping[Symbol, int]) -> Expr:
        """Σ over the last limit of the Σ over those before it, which stand further in."""
        *inner, (bound, low, size) = expr.limits
        if low != 1:
            raise VectorizeError(f"The sum over {bound} starts at {low}. Sums start at 1.")
        body = Sum(expr.function, *inner) if inner else expr.function
        inside = [factor for factor in factors_of(body) if bound in factor.free_symbols]
        outside = [factor for factor in factors_of(body) if bound not in factor.free_symbols]
        rest = Mul(*(self.lower(factor, ranges) for factor in outside))
        if not inside:
            return rest * self._size(size)
        if size not in self.axes:
            raise VectorizeError(f"No tensor has an axis of size {size}. Sum over the size of a tensor that is read.")
        axis = self.axes[size]
        # An outer index on the same axis goes out of reach: reading it would need a second axis of that size.
        reach = {index: other for index, other in ranges.items() if other != axis} | {bound: axis}
        return rest * self._total(Mul(*(self.lower(factor, reach) for factor in inside)), axis, size)

    def _total(self, body: Expr, axis: int, size: Expr) -> Expr:
        inside = [factor for factor in factors_of(body) if axis in self.extent(factor)]
        rest = Mul(*(factor for factor in factors_of(body) if axis not in self.extent(factor)))
        if not inside:
            return rest * self._size(size)
        core = Mul(*inside)
        return rest * self._named(total(core, Integer(axis)), self.extent(core) - {axis} | LANES)

    def _add(self, terms: list[Expr]) -> Expr:
        """A sum of terms. A number that multiplies the large arrays is taken out: m g − Σg = m (g − Σg/m)."""
        value = Add(*terms)
        if not isinstance(value, Add):
            return value
        # Small arrays cost nothing; their sums stay as they are stated.
        factor = self._common(value) if len(self.extent(value)) == len(self.axes) + 1 else S.One
        return factor * self._named(Add(*(term / factor for term in value.args)))

    def _common(self, value: Add) -> Expr:
        """The number in front of most of the largest arrays. A term with another small factor takes any for free."""
        extents = {term: self.extent(term) for term in value.args}
        widest = max(len(extent) for extent in extents.values())
        votes: dict[Expr, int] = {}
        for term, extent in extents.items():
            small = [factor for factor in factors_of(term) if self.extent(factor) != extent]
            numbers = [factor for factor in small if self.extent(factor) == NUMBER]
            if len(extent) == widest and len(small) == len(numbers):
                votes[Mul(*numbers)] = votes.get(Mul(*numbers), 0) + 1
        return max(votes, key=lambda number: (votes[number], number == 1), default=S.One)

    def _power(self, base: Expr, exponent: Expr, ranges: Mapping[Symbol, int]) -> Expr:
        if base == 0 and not exponent.is_positive:
            raise VectorizeError(f"A power of 0 with the exponent {exponent} has no value. Check what is divided by.")
        if isinstance(exponent, Integer):
            return base**exponent
        if isinstance(exponent, Rational) and exponent.q == 2:
            return self._named(sqrt(base)) ** exponent.p
        return self._named(power(base, self.lower(exponent, ranges)))

    def _call(self, expr: Expr, ranges: Mapping[Symbol, int]) -> Expr:
        if isinstance(expr, Max | Min):
            return self.lower(without_max(expr), ranges)
        name = type(expr).__name__
        if name not in CALLS or isinstance(expr, AppliedUndef):
            raise VectorizeError(f"{expr} has no array form. Use +, ·, powers, Σ and {', '.join(CALLS)}.")
        return self._named(CALLS[name](self.lower(expr.args[0], ranges)))


def shape_of(quantity: Quantity) -> tuple[Expr, ...]:
    """One size per slot."""
    return tuple(quantity.base.shape or ()) if isinstance(quantity, Indexed) else ()


def factors_of(expr: Expr) -> tuple[Expr, ...]:
    factors: tuple[Expr, ...] = Mul.make_args(expr)
    return factors


def power_of(factor: Expr) -> tuple[Expr, Any]:
    """Base and exponent of a factor."""
    return (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, S.One)


def axes_of(quantities: Iterable[Quantity]) -> dict[Expr, int]:
    """One axis per size, in the order the sizes occur."""
    sizes: dict[Expr, int] = {}
    for quantity in quantities:
        shape = shape_of(quantity)
        if len(set(shape)) != len(shape):
            raise VectorizeError(f"{quantity} has two axes of one size. Give each axis a size symbol of its own.")
        for size in shape:
            sizes.setdefault(size, len(sizes))
    return sizes
