"""Flat lines rewritten so that they can be computed well: roots by their reciprocals, exponentials without overflow.

Promises: each change is an identity. That an exponential may be multiplied by a factor at all is proved in `stable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sympy import Add, Expr, Pow, Rational, Symbol, exp, log, preorder_traversal

from derive.emit.flat import Largest, Total
from derive.emit.lines import Line, bottom_up
from derive.emit.order import factors_of, is_number

__all__ = ["HALF", "divisors", "needed", "with_root", "without_logarithms"]

HALF = Rational(1, 2)


def divisors(values: Iterable[Expr]) -> tuple[Expr, ...]:
    """What stands under roots that are only divided by, such as σ² + ε."""
    powers = [part for value in values for part in preorder_traversal(value) if _is_root(part)]
    multiplied = {part.base for part in powers if part.exp > 0}
    return tuple(dict.fromkeys(part.base for part in powers if part.base not in multiplied))


def _is_root(part: Expr) -> bool:
    is_half = isinstance(part, Pow) and isinstance(part.exp, Rational) and part.exp.q == 2
    return is_half and not is_number(part)


def with_root(value: Expr, base: Expr, root: Symbol) -> Expr:
    """`value` with the negative powers of a base in terms of its reciprocal root."""
    powers = (part for part in value.atoms(Pow) if part.base == base and isinstance(part.exp, Rational))
    return value.xreplace({part: root ** (-2 * part.exp) for part in powers if part.exp < 0})


def without_logarithms(value: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    """log p with p = exp(a)/z as a − log z, which has a value also where p is too small for one."""
    return bottom_up(value, lambda part: _logarithm(part.args[0], values) if isinstance(part, log) else part)


def _logarithm(value: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    factors = factors_of(_with_exponentials(value, values))
    return Add(*map(_of_factor, factors)) if any(isinstance(one, exp) for one in factors) else log(value)


def _of_factor(factor: Expr) -> Expr:
    match factor:
        case exp():
            return factor.args[0]
        case Pow():
            return factor.exp * log(factor.base)
    return log(factor)


def _with_exponentials(value: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    """A product or quotient with the intermediates put in that are exponentials or products of them."""
    made = {one: values[one] for one in value.free_symbols & values.keys() if _is_product(values[one])}
    whole = value.xreplace(made)
    return whole if whole == value else _with_exponentials(whole, values)


def _is_product(value: Expr) -> bool:
    return (value.is_Mul or isinstance(value, Pow | exp)) and not value.has(Total, Largest)


def needed(lines: Iterable[Line], returned: Iterable[Symbol]) -> list[Line]:
    """The lines that what is returned goes back to."""
    wanted, kept = set(returned), []
    for line in reversed(list(lines)):
        if line.target in wanted:
            wanted |= line.reads
            kept.append(line)
    return kept[::-1]
