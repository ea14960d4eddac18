"""How far rounding can take a compiled program from the exact result: a running error analysis.

Promises: a program run on `Bounded` arrays gives, beside the value, a first-order bound on its rounding error for the
order of operations the program has, whatever the layer. Cancellation shows by itself: for data far from zero the
error of x − μ is that of x and μ, which is large beside the difference. `scale` is the natural magnitude of a
gradient: the same expression with the absolute value of every term that is linear in the upstream gradient. It does
not vanish where the gradient does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from derive.numeric.backends import FUNCTIONS, NUMPY, Backend, Operations

__all__ = ["Bounded", "bounded"]

Array = Any
Operand = Any
"""A Bounded array, or a number of the program."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value, a bound on its error, and its natural magnitude if it is linear in the upstream gradient."""

    value: Array
    error: Array
    scale: Array | None
    unit: float

    # NumPy numbers must leave the operation to this class instead of spreading it over elements.
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def size_of(self) -> Array:
        """The natural magnitude, for what is not linear in the upstream gradient the magnitude itself."""
        return np.abs(self.value) if self.scale is None else self.scale

    def _rounded(self, value: Array, error: Callable[[], Array], scale: Array | None) -> Bounded:
        """A rounded value with the error it already has; with a unit of 0 no errors are followed."""
        known = error() + self.unit * np.abs(value) if self.unit else 0.0
        return Bounded(value, known, scale, self.unit)

    def _number(self, other: Operand) -> Bounded:
        """A number in the program; an integer has no error, another is rounded to the dtype."""
        if isinstance(other, Bounded):
            return other
        return Bounded(other, 0.0 if other == int(other) else self.unit * abs(other), None, self.unit)

    def _linear(self, other: Bounded) -> bool:
        return self.scale is not None or other.scale is not None

    def __add__(self, other: Operand) -> Bounded:
        return self._plus(self._number(other), operator.add)

    def __sub__(self, other: Operand) -> Bounded:
        return self._plus(self._number(other), operator.sub)

    def _plus(self, other: Bounded, operation: Callable[[Array, Array], Array]) -> Bounded:
        scale = self.size_of + other.size_of if self._linear(other) else None
        return self._rounded(operation(self.value, other.value), lambda: self.error + other.error, scale)

    def __mul__(self, other: Operand) -> Bounded:
        factor = self._number(other)

        def error() -> Array:
            return np.abs(self.value) * factor.error + np.abs(factor.value) * self.error + self.error * factor.error

        scale = self.size_of * factor.size_of if self._linear(factor) else None
        return self._rounded(self.value * factor.value, error, scale)

    def __truediv__(self, other: Operand) -> Bounded:
        divisor = self._number(other)
        value = self.value / divisor.value

        def error() -> Array:
            return (self.error + np.abs(value) * divisor.error) / np.abs(divisor.value)

        scale = self.size_of / np.abs(divisor.value) if self._linear(divisor) else None
        return self._rounded(value, error, scale)

    def __pow__(self, exponent: Operand) -> Bounded:
        power = self._number(exponent)
        value = self.value**power.value

        def error() -> Array:
            own = np.abs(power.value * self.value ** (power.value - 1)) * self.error
            if not np.any(power.error):
                return own
            return own + np.abs(value * np.log(np.abs(self.value))) * power.error

        return self._rounded(value, error, np.abs(value) if self._linear(power) else None)

    def __radd__(self, other: Operand) -> Bounded:
        return self._number(other) + self

    def __rsub__(self, other: Operand) -> Bounded:
        return self._number(other) - self

    def __rmul__(self, other: Operand) -> Bounded:
        return self._number(other) * self

    def __rtruediv__(self, other: Operand) -> Bounded:
        return self._number(other) / self

    def __rpow__(self, base: Operand) -> Bounded:
        result: Bounded = self._number(base) ** self
        return result

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.scale, self.unit)


SLOPES: dict[str, Callable[[Array, Array], Array]] = {
    "sqrt": lambda _, root: 0.5 / root,
    "exp": lambda _, value: value,
    "log": lambda argument, _: 1 / np.abs(argument),
    "tanh": lambda argument, _: np.ones_like(argument),
    "sin": lambda argument, _: np.ones_like(argument),
    "cos": lambda argument, _: np.ones_like(argument),
    "absolute": lambda argument, _: np.ones_like(argument),
    "erf": lambda argument, _: np.full_like(argument, 1.2),
}
"""A bound on the derivative of each function, from its argument and its value."""


def bounded(unit: float, over: Backend = NUMPY) -> Backend:
    """The backend whose arrays carry the errors of a dtype with unit roundoff `unit`, computed in float64.

    Over mpmath's arrays nothing overflows, and natural magnitudes are known where float64 has none. With a unit of 0
    only values and magnitudes are computed.
    """
    return Backend(f"bounds {unit} in {over.name}", over.modules, lambda: _operations(unit, over))


@cache
def _operations(unit: float, over: Backend) -> Operations:
    plain = dict(over.load())
    functions = {name: _function(name, plain[name]) for name in FUNCTIONS if name in SLOPES}
    own: dict[str, Callable[..., Any]] = {
        "total": _total,
        "inner": lambda first, second, axis: _total(first * second, axis),
        "sign": _sign,
        "power": pow,
        "shape": np.shape,
        "reshape": _reshape,
        "transpose": lambda array, order: _each(array, lambda part: np.transpose(part, order)),
        "broadcast": lambda array, shape: _each(array, lambda part: np.broadcast_to(part, shape)),
        "arrays": lambda values: _arrays(plain["arrays"], values, unit),
    }
    return {**plain, **functions, **own}


def _arrays(convert: Callable[..., Any], values: Sequence[Any], unit: float) -> list[Bounded]:
    return [value if isinstance(value, Bounded) else _known(convert, value, unit) for value in values]


def _known(convert: Callable[..., Any], value: Any, unit: float) -> Bounded:  # noqa: ANN401
    (array,) = convert([np.asarray(value, dtype=float)])
    return Bounded(array, 0.0, None, unit)


def _function(name: str, function: Callable[[Array], Array]) -> Callable[[Bounded], Bounded]:
    def apply(argument: Bounded) -> Bounded:
        value = function(argument.value)

        def error() -> Array:
            # A library's function may be one unit off beyond the rounding of its result.
            return SLOPES[name](argument.value, value) * argument.error + argument.unit * np.abs(value)

        return argument._rounded(value, error, None if argument.scale is None else np.abs(value))  # noqa: SLF001

    return apply


def _sign(argument: Bounded) -> Bounded:
    """Exact away from 0; where rounding could turn it, nothing is known."""
    error = np.where(np.abs(argument.value) > argument.error, 0.0, np.inf)
    return Bounded(np.sign(argument.value), error, None, argument.unit)


def _total(array: Bounded, axis: int) -> Bounded:
    """A sum of m terms in any order: each of the m − 1 additions rounds a partial sum of at most Σ|terms|."""
    value = np.sum(array.value, axis=axis, keepdims=True)
    scale = None if array.scale is None else np.sum(array.scale, axis=axis, keepdims=True)
    if not array.unit:
        return Bounded(value, 0.0, scale, array.unit)
    rounding = np.shape(array.value)[axis] * array.unit * np.sum(np.abs(array.value), axis=axis, keepdims=True)
    error = np.sum(np.broadcast_to(array.error, np.shape(array.value)), axis=axis, keepdims=True)
    return Bounded(value, error + rounding, scale, array.unit)


def _reshape(array: Bounded, shape: tuple[int, ...]) -> Bounded:
    return _each(array, lambda part: np.reshape(part, shape))


def _each(array: Bounded, change: Callable[[Array], Array]) -> Bounded:
    shape = np.shape(array.value)
    error = np.broadcast_to(array.error, shape)
    scale = None if array.scale is None else change(np.broadcast_to(array.scale, shape))
    return Bounded(change(array.value), change(error), scale, array.unit)
