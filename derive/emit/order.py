"""In which order factors and terms are written: small arrays meet each other before they meet a large one.

Promises: the code that is written and the names that are made from formulas follow the same order, which does not
depend on SymPy's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Mul, Pow, Rational, Symbol

from derive.emit.flat import Flat

__all__ = ["Order", "Quotient", "apart", "factors_of", "is_negative", "is_number"]


@dataclass(frozen=True, slots=True)
class Quotient:
    """A product as `before / under * after / beneath`, where before and under are smaller than the rest."""

    before: tuple[Expr, ...]
    under: tuple[Expr, ...]
    after: tuple[Expr, ...]
    beneath: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """The order of writing for the symbols of a `Flat`.

    `inputs` are those that come from outside, `constants` numbers such as ε, which stand behind what they are added to.
    """

    flat: Flat
    inputs: frozenset[Symbol]
    constants: frozenset[Symbol] = frozenset()

    def size(self, expr: Expr) -> int:
        """The number of axes of a value."""
        return len(self.flat.extent(expr))

    def place(self, expr: Expr) -> int:
        """Where the last of its symbols stands: sizes in the order of the axes, then arrays as they are made."""
        places = {symbol: number for number, symbol in enumerate((*self.flat.order, *self.flat.axes))}
        return max((places.get(one, -1) for one in expr.free_symbols), default=-1)

    def quotient(self, product: Expr) -> Quotient:
        """The factors of a product without its sign."""
        coefficient, rest = product.as_coeff_Mul()
        number = abs(coefficient)
        above, below = _over(rest)
        above += [Rational(number.p)] if number.p != 1 else []
        below += [Rational(number.q)] if number.q != 1 else []
        whole = self.flat.extent(product)
        large = [one for one in above if whole and self.flat.extent(one) == whole]
        beneath = [one for one in below if whole and self.flat.extent(one) == whole]
        small, under = ([one for one in each if one not in (*large, *beneath)] for each in (above, below))
        return self._placed(*(sorted(each, key=self._factor_key) for each in (small, under, large, beneath)))

    def _placed(self, small: list[Expr], under: list[Expr], large: list[Expr], beneath: list[Expr]) -> Quotient:
        """A single statistic stands behind what it scales, x * rstd, and a parameter before it, gamma * x."""
        if not small and large:
            return Quotient((), (), tuple(large), (*under, *beneath))
        if len(small) == 1 and large and not under and self._is_statistic(small[0]):
            return Quotient((), (), (*large, *small), tuple(beneath))
        return Quotient(tuple(small), tuple(under), tuple(large), tuple(beneath))

    def _is_statistic(self, factor: Expr) -> bool:
        return not is_number(factor) and not factor.free_symbols <= self.inputs

    def terms(self, addition: Expr) -> tuple[Expr, ...]:
        """The terms of a sum: positive ones first, large ones before small ones, short ones before long ones."""
        return tuple(sorted(addition.args, key=self._term_key))

    def _term_key(self, term: Expr) -> tuple[object, ...]:
        length, negative = term.count_ops(), is_negative(term)
        last = is_number(term), term.free_symbols <= self.constants
        return (negative, *last, length if negative else -self.size(term), length, self.place(term), str(term))

    def _factor_key(self, factor: Expr) -> tuple[object, ...]:
        is_formula = not isinstance(factor, Symbol)
        return (not is_number(factor), self.size(factor), is_formula, self.place(factor), str(factor))


def _over(product: Expr) -> tuple[list[Expr], list[Expr]]:
    """What stands above and below the line."""
    above, below = [], []
    for factor in factors_of(product):
        if isinstance(factor, Pow) and isinstance(factor.exp, Rational) and factor.exp < 0:
            below.append(factor.base**-factor.exp)
        elif factor != 1:
            above.append(factor)
    return above, below


def factors_of(product: Expr) -> tuple[Expr, ...]:
    factors: tuple[Expr, ...] = Mul.make_args(product)
    return factors


def apart(product: Expr) -> tuple[Expr, Expr]:
    """Numbers and the rest of a product."""
    factors = factors_of(product)
    return Mul(*filter(is_number, factors)), Mul(*(one for one in factors if not is_number(one)))


def is_negative(term: Expr) -> bool:
    """Whether it starts with a minus sign."""
    return bool(term.as_coeff_Mul()[0].is_negative)


def is_number(expr: Expr) -> bool:
    """Whether it is made of sizes and numbers alone."""
    return all(symbol.is_integer for symbol in expr.free_symbols)
