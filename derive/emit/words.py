"""Names made from formulas: `x_minus_mean`, `sum_dy_xhat`, `gamma_rstd`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from sympy import Add, Expr, Mul, Pow, Rational, S, Symbol

from derive.emit.flat import Total, over_of
from derive.emit.order import Order, factors_of, is_negative, is_number

__all__ = ["Words", "unused"]

LONGEST = 36
DIGITS = ("zero", "one", "two", "three", "four")


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it that makes it one of its own."""
    return next(one for one in (name, *(f"{name}_{count}" for count in range(2, len(taken) + 3))) if one not in taken)


@dataclass(frozen=True, slots=True)
class _Spread:
    """A product taken apart: its numbers, its arrays, what totals are of included, and the sizes these go over."""

    numbers: Expr
    arrays: Expr
    over: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Makes names. `lines` are symbols that a name looks behind, `aliases` products that have a name in formulas."""

    order: Order
    named: Callable[[Symbol], str]
    lines: Mapping[Symbol, Expr]
    aliases: Mapping[Expr, Symbol]

    def name(self, value: Expr) -> str:
        """What the value is, in the order in which it is written; `part` where that is too long."""
        found = "_".join(self._words(value))
        return found if len(found) <= LONGEST else "part"

    def _words(self, value: Expr) -> Iterator[str]:
        spread = self._spread(value)
        if not spread.over:
            yield from self._plain(self._with_aliases(value))
            return
        is_mean = spread.numbers * Mul(*spread.over) == 1
        yield "mean" if is_mean else "sum"
        yield from self._plain(spread.arrays if is_mean else spread.numbers * spread.arrays)

    def _spread(self, product: Expr) -> _Spread:
        numbers, arrays, over = S.One, S.One, tuple[Expr, ...]()
        for factor in factors_of(product):
            inner = self._factor(factor)
            numbers, arrays, over = numbers * inner.numbers, arrays * inner.arrays, (*over, *inner.over)
        return _Spread(numbers, self._with_aliases(arrays), over)

    def _factor(self, factor: Expr) -> _Spread:
        """A factor, looked behind if it is a total or the name of something with one."""
        if isinstance(factor, Total):
            inner = self._spread(factor.args[0])
            return replace(inner, over=(*over_of(factor), *inner.over))
        behind = self._spread(self.lines[factor]) if factor in self.lines else None
        if behind is not None and behind.over:
            return behind
        return _Spread(factor, S.One, ()) if is_number(factor) else _Spread(S.One, factor, ())

    def _with_aliases(self, value: Expr) -> Expr:
        """With x̂ where (x − μ) rstd stands."""
        spelled_out = Mul(*map(self._elementwise, factors_of(value)))
        for known, symbol in self.aliases.items():
            if set(factors_of(known)) <= set(factors_of(spelled_out)):
                return Mul(symbol, *(one for one in factors_of(spelled_out) if one not in factors_of(known)))
        return value

    def _elementwise(self, factor: Expr) -> Expr:
        """What a name stands for, unless that is a total."""
        value = self.lines.get(factor, factor)
        return factor if value.has(Total) else value

    def _plain(self, value: Expr) -> Iterator[str]:
        match value:
            case Symbol() if not is_number(value):
                yield self.named(value)
            case Add() if not is_number(value):
                yield from self._sum(self.order.terms(value))
            case Pow() if not is_number(value):
                yield from self._power(value.base, value.exp)
            case Mul() if not is_number(value):
                yield from self._product(value)
            case number if is_number(number):
                yield DIGITS[int(number)] if number in range(len(DIGITS)) else "count"
            case other:
                yield from (other.func.__name__.lower(), *(word for arg in other.args for word in self._words(arg)))

    def _sum(self, terms: tuple[Expr, ...]) -> Iterator[str]:
        for place, term in enumerate(terms):
            if place or is_negative(term):
                yield "minus" if is_negative(term) else "plus"
            yield from self._words(-term if is_negative(term) else term)

    def _power(self, base: Expr, exponent: Expr) -> Iterator[str]:
        match exponent:
            case Rational() if exponent < 0:
                yield from ("over", *self._words(base**-exponent))
            case Rational(p=1, q=2):
                yield from ("root", *self._words(base))
            case _:
                yield from (*self._words(base), "squared" if exponent == 2 else "power")

    def _product(self, product: Expr) -> Iterator[str]:
        parts = self.order.quotient(product)
        for one in (*parts.before, *parts.after):
            yield from self._words(one)
        below = (*parts.under, *parts.beneath)
        number = Mul(*filter(is_number, below))
        for one in (*([number] if number != 1 else []), *(each for each in below if not is_number(each))):
            yield from ("over", *self._words(one))
