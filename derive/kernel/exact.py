"""Exact evaluation at a point: rational arithmetic, intervals where a root is irrational, dual numbers for derivatives.

Shares nothing with the normal form: it walks the SymPy expression, adds up every sum element by element, and takes a
`Partial` by carrying a tangent along. What it finds different is different.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

from sympy import (
    Add,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    pi,
)

from derive.kernel.language import FUNCTIONS, Definitions, Partial, Unsupported, name_of, without_max

Place = tuple[str, tuple[int, ...]]
MAX_TERMS, MAX_EXPONENT = 20_000, 200
MAX_ERF, SMALLEST = 60, 1e-60
Number = Any  # Fraction, an mpmath interval, or a Dual of one of them


class Undefined(Exception):  # noqa: N818 -- a point to skip, not an error
    """The expression has no value at this point: a division by 0, or a root of a negative number."""


class Irrational(Exception):  # noqa: N818 -- a point to skip, or to treat with intervals
    """A root or an exponential has no rational value at this point."""


@dataclass(frozen=True, slots=True)
class Point:
    """Sizes and the values of everything that is not defined."""

    sizes: Mapping[str, int]
    values: Mapping[Place, Fraction]


class Exact:
    """Rational arithmetic, whole numbers as `int`; raises `Irrational` where it has to stop."""

    zero, one = 0, 1

    @staticmethod
    def number(value: Fraction) -> Number:
        return value.numerator if value.denominator == 1 else value

    @staticmethod
    def power(base: Number, exponent: int) -> Number:
        return base**exponent if exponent >= 0 else Fraction(base) ** exponent

    @staticmethod
    def root(value: Number, q: int) -> Number:
        if value < 0:
            raise Undefined
        top, bottom = (_whole_root(part, q) for part in (value.numerator, value.denominator))
        return Exact.number(Fraction(top, bottom))

    @staticmethod
    def exp(value: Number) -> Number:
        if value:
            raise Irrational
        return 1

    @staticmethod
    def log(value: Number) -> Number:
        if value <= 0:
            raise Undefined
        if value != 1:
            raise Irrational
        return 0

    @staticmethod
    def function(kind: str, value: Number) -> Number:
        """One of `FUNCTIONS`; all but |x| and sign are rational at 0 alone, where sign is not defined."""
        if kind == "abs":
            return abs(value)
        if kind == "sign":
            if not value:
                raise Undefined  # the derivative of |x| has no value there: no claim about one is wrong for it
            return 1 if value > 0 else -1
        if value:
            raise Irrational
        return int(kind == "cos")

    @staticmethod
    def pi() -> Number:
        raise Irrational

    @staticmethod
    def vanishes(value: Number) -> bool:
        return bool(value == 0)


class Interval:
    """Interval arithmetic of mpmath, 60 digits wide; every result contains the true value."""

    def __init__(self) -> None:
        from mpmath import iv

        iv.dps = 60
        self.iv = iv
        self.zero, self.one = iv.mpf(0), iv.mpf(1)

    def number(self, value: Fraction) -> Number:
        return self.iv.mpf(value.numerator) / value.denominator

    @staticmethod
    def power(base: Number, exponent: int) -> Number:
        return base**exponent

    def root(self, value: Number, q: int) -> Number:
        if value.a < 0:
            raise Undefined
        return self.iv.sqrt(value) if q == 2 else self.iv.exp(self.log(value) / q)

    def exp(self, value: Number) -> Number:
        return self.iv.exp(value)

    def log(self, value: Number) -> Number:
        if value.a <= 0:
            raise Undefined
        return self.iv.log(value)

    def function(self, kind: str, value: Number) -> Number:
        """One of `FUNCTIONS`. Raises `Undefined` for the sign of what may be 0."""
        match kind:
            case "abs":
                return abs(value)
            case "sign":
                return self._sign(value)
            case "tanh":
                return self.one - 2 / (self.iv.exp(2 * value) + 1)
            case "erf":
                return self.iv.mpf([self._erf(value.a).a, self._erf(value.b).b])  # it grows with its argument
            case "sin":
                return self.iv.sin(value)
        return self.iv.cos(value)

    def pi(self) -> Number:
        return self.iv.pi + self.zero

    def _sign(self, value: Number) -> Number:
        if value.a > 0 or value.b < 0:
            return self.one if value.a > 0 else -self.one
        raise Undefined

    def _erf(self, value: Number) -> Number:
        """At a point: 2x/√π Σ (−x²)ⁿ/(n! (2n + 1)).

        Once its terms fall the rest of the series is less than the first one left out.
        """
        square = value * value
        if square.b > MAX_ERF:
            raise Undefined
        total, power, number = self.zero, self.one, 0
        while True:
            term = power / (2 * number + 1)
            if number > square.b and abs(term).b < SMALLEST:
                return 2 * value / self.iv.sqrt(self.pi()) * (total + self.iv.mpf([-SMALLEST, SMALLEST]))
            total, number = total + term, number + 1
            power = power * -square / number

    @staticmethod
    def vanishes(value: Number) -> bool:
        return 0 in value


Arithmetic = Exact | Interval


@dataclass(frozen=True, slots=True)
class Dual:
    """value + tangent·ε with ε² = 0."""

    value: Number
    tangent: Number

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def __mul__(self, other: Dual) -> Dual:
        value = self.value * other.value
        if not other.tangent:
            return Dual(value, self.tangent * other.value if self.tangent else self.tangent)
        mine = self.value * other.tangent
        return Dual(value, self.tangent * other.value + mine if self.tangent else mine)


@dataclass(slots=True)
class Evaluator:
    """Values of expressions at one point, under definitions. Intermediates are computed once each."""

    definitions: Definitions
    point: Point
    arithmetic: Arithmetic
    known: dict[Place, Number] = field(default_factory=dict)
    _values: dict[tuple[object, ...], Number] = field(default_factory=dict)

    def value(self, expr: Expr, at: Mapping[Expr, int]) -> Number:
        """`expr` with the indices `at`. Raises `Undefined`, `Irrational`, or `Unsupported`."""
        if not expr.args or isinstance(expr, Indexed):
            return self._value(expr, at)
        free = letters(expr)
        key = (expr, *((index, place) for index, place in at.items() if index in free))
        if key not in self._values:
            self._values[key] = self._value(expr, at)
        return self._values[key]

    def _value(self, expr: Expr, at: Mapping[Expr, int]) -> Number:
        arithmetic = self.arithmetic
        match expr:
            case Rational():
                return arithmetic.number(Fraction(expr.p, expr.q))
            case Symbol() | Indexed():
                return self._quantity(expr, at)
            case Add():
                return sum((self.value(arg, at) for arg in expr.args[1:]), self.value(expr.args[0], at))
            case Mul():
                return self._times(expr, at)
            case exp():
                return arithmetic.exp(self.value(expr.args[0], at))
            case log():
                return arithmetic.log(self.value(expr.args[0], at))
            case Pow():
                return self.power(self.value(expr.base, at), _exponent(expr))
            case Sum():
                terms = (self.value(expr.function, inner) for inner in self.ranges(expr, at))
                return sum(terms, arithmetic.zero)
            case KroneckerDelta() if len(expr.args) == 2:
                left, right = (self._index(side, at) for side in expr.args)
                return arithmetic.one if left == right else arithmetic.zero
            case Partial():
                return _Tangent(self, expr, at).of(expr.of, at).tangent
        return self._applied(expr, at)

    def _applied(self, expr: Expr, at: Mapping[Expr, int]) -> Number:
        if isinstance(expr, Max | Min):
            return self.value(without_max(expr), at)
        if expr is pi:
            return self.arithmetic.pi()
        if type(expr) in FUNCTIONS:
            return self.arithmetic.function(FUNCTIONS[type(expr)], self.value(expr.args[0], at))
        raise Unsupported(f"{type(expr).__name__} can't be evaluated exactly")

    def _times(self, expr: Mul, at: Mapping[Expr, int]) -> Number:
        result = self.arithmetic.one
        for arg in expr.args:
            result = result * self.value(arg, at)
        return result

    def power(self, base: Number, exponent: Fraction) -> Number:
        if exponent < 0 and self.arithmetic.vanishes(base):
            raise Undefined
        if exponent.denominator != 1:
            base = self.arithmetic.root(base, exponent.denominator)
        return self.arithmetic.power(base, exponent.numerator)

    def ranges(self, expr: Sum, at: Mapping[Expr, int]) -> list[Mapping[Expr, int]]:
        found: list[Mapping[Expr, int]] = [at]
        for index, low, high in reversed(expr.limits):
            if not isinstance(low, Integer):
                raise Unsupported(f"a sum that starts at {low}")
            start = int(low == 0)  # a sum from 0 to m − 1 runs over the same elements as one from 1 to m
            found = [
                {**inner, index: element + start}
                for inner in found
                for element in range(int(low), self.whole(high, inner) + 1)
            ]
            if len(found) > MAX_TERMS:
                raise Unsupported(f"a sum of more than {MAX_TERMS} terms")
        return found

    def whole(self, expr: Expr, at: Mapping[Expr, int]) -> int:
        if isinstance(expr, Symbol) and expr.name in self.point.sizes:
            return self.point.sizes[expr.name]
        value = Evaluator(self.definitions, self.point, Exact()).value(expr, at)
        if value.denominator != 1:
            raise Undefined
        return int(value)

    def place(self, expr: Expr, at: Mapping[Expr, int]) -> Place:
        indices = expr.indices if isinstance(expr, Indexed) else ()
        return name_of(expr), tuple(self._index(index, at) for index in indices)

    @staticmethod
    def _index(index: Expr, at: Mapping[Expr, int]) -> int:
        if isinstance(index, Integer):
            return int(index)
        if index not in at:
            raise Unsupported(f"the index {index}: only a letter or a number can stand there")
        return at[index]

    def _quantity(self, expr: Expr, at: Mapping[Expr, int]) -> Number:
        place = self.place(expr, at)
        if place not in self.known:
            self.known[place] = self.first(place)
        return self.known[place]

    def first(self, place: Place) -> Number:
        name, indices = place
        defined = self.definitions.get(name)
        if defined is not None:
            return self.value(defined.value, dict(zip(defined.indices, indices, strict=True)))
        if name in self.point.sizes and not indices:
            return self.arithmetic.number(Fraction(self.point.sizes[name]))
        if place not in self.point.values:
            raise Undefined
        return self.arithmetic.number(self.point.values[place])


@dataclass(slots=True)
class _Tangent:
    """The derivative along one seed: the element of `wrt` at the point; held names and leaves are constants."""

    plain: Evaluator
    seed: Partial
    at: Mapping[Expr, int]
    _known: dict[Place, Dual] = field(default_factory=dict)

    def of(self, expr: Expr, at: Mapping[Expr, int]) -> Dual:
        arithmetic = self.plain.arithmetic
        match expr:
            case Symbol() | Indexed():
                return self._quantity(expr, at)
            case Add():
                return self._sum([self.of(arg, at) for arg in expr.args])
            case Sum():
                return self._sum([self.of(expr.function, inner) for inner in self.plain.ranges(expr, at)])
            case Mul():
                result = Dual(arithmetic.one, arithmetic.zero)
                for arg in expr.args:
                    result = result * self.of(arg, at)
                return result
            case exp():
                inner = self.of(expr.args[0], at)
                value = arithmetic.exp(inner.value)
                return Dual(value, value * inner.tangent)
            case log():
                inner = self.of(expr.args[0], at)
                return Dual(arithmetic.log(inner.value), self._over(inner.tangent, inner.value))
            case Pow():
                return self._power(self.of(expr.base, at), _exponent(expr))
            case Rational() | KroneckerDelta():
                return Dual(self.plain.value(expr, at), arithmetic.zero)
            case Max() | Min():
                return self.of(without_max(expr), at)
        if expr is pi:
            return Dual(arithmetic.pi(), arithmetic.zero)
        if type(expr) in FUNCTIONS:
            return self._function(FUNCTIONS[type(expr)], self.of(expr.args[0], at))
        raise Unsupported(f"the derivative of {type(expr).__name__} can't be evaluated exactly")

    def _function(self, kind: str, inner: Dual) -> Dual:
        arithmetic = self.plain.arithmetic
        value = arithmetic.function(kind, inner.value)
        if kind == "abs" and inner.tangent == 0:  # |o(t)| = o(t), at the kink too
            return Dual(value, arithmetic.zero)
        return Dual(value, self._slope(kind, inner.value) * inner.tangent)

    def _slope(self, kind: str, value: Number) -> Number:
        """The derivative of one of `FUNCTIONS`. Raises `Undefined` at the kink of |x| and the jump of sign."""
        arithmetic = self.plain.arithmetic
        match kind:
            case "abs" | "sign":
                if arithmetic.vanishes(value):
                    raise Undefined
                return arithmetic.function("sign", value) if kind == "abs" else arithmetic.zero
            case "tanh":
                return arithmetic.one - arithmetic.function("tanh", value) ** 2
            case "erf":
                return 2 * arithmetic.exp(-value * value) / arithmetic.root(arithmetic.pi(), 2)
            case "sin":
                return arithmetic.function("cos", value)
        return -arithmetic.function("sin", value)

    def _sum(self, parts: list[Dual]) -> Dual:
        zero = self.plain.arithmetic.zero
        return sum(parts, Dual(zero, zero))

    def _over(self, top: Number, bottom: Number) -> Number:
        return top * self.plain.power(bottom, Fraction(-1))

    def _power(self, base: Dual, exponent: Fraction) -> Dual:
        value = self.plain.power(base.value, exponent)
        if self.plain.arithmetic.vanishes(base.value) and exponent < 1:
            raise Undefined
        slope = self.plain.power(base.value, exponent - 1) if exponent != 1 else self.plain.arithmetic.one
        return Dual(value, slope * base.tangent * self.plain.arithmetic.number(exponent))

    def _quantity(self, expr: Expr, at: Mapping[Expr, int]) -> Dual:
        place = self.plain.place(expr, at)
        if place not in self._known:
            self._known[place] = self._first(place)
        return self._known[place]

    def _first(self, place: Place) -> Dual:
        name, indices = place
        target = self.plain.place(self.seed.wrt, self.at)
        defined = self.plain.definitions.get(name)
        if defined is not None and name not in {target[0], *self.seed.held} and self._moves(name):
            return self.of(defined.value, dict(zip(defined.indices, indices, strict=True)))
        tangent = self.plain.arithmetic.one if place == target else self.plain.arithmetic.zero
        known = self.plain.known
        if place not in known:
            known[place] = self.plain.first(place)
        return Dual(known[place], tangent)

    def _moves(self, name: str) -> bool:
        """Whether a quantity goes back to the seed: all others are constants along it."""
        return name_of(self.seed.wrt) in self.plain.definitions.behind(name)


def _exponent(expr: Pow) -> Fraction:
    if not isinstance(expr.exp, Rational):
        raise Unsupported(f"a power with the exponent {expr.exp}")
    if abs(expr.exp) > MAX_EXPONENT:
        raise Unsupported(f"an exponent above {MAX_EXPONENT}")
    return Fraction(expr.exp.p, expr.exp.q)


def _whole_root(number: int, q: int) -> int:
    """The q-th root of a natural number. Raises `Irrational` if it is not one."""
    guess = round(number ** (1 / q)) if number < 1 << 52 else _bisected(number, q)
    for candidate in (guess - 1, guess, guess + 1):
        if candidate >= 0 and candidate**q == number:
            return candidate
    raise Irrational


def _bisected(number: int, q: int) -> int:
    low, high = 0, 1 << (number.bit_length() // q + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**q <= number else (low, middle - 1)
    return low


@lru_cache(maxsize=50_000)
def letters(expr: Expr) -> frozenset[Expr]:
    """The symbols that the value of `expr` can depend on as indices: all but those its sums bind."""
    if isinstance(expr, Symbol):
        return frozenset((expr,))
    parts = expr.indices if isinstance(expr, Indexed) else expr.args
    found = frozenset[Expr]().union(*map(letters, parts))
    return found.difference(limit[0] for limit in expr.limits) if isinstance(expr, Sum) else found


def elements(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Every index tuple of a tensor of that shape, counted from 1."""
    return list(product(*(range(1, length + 1) for length in shape)))
