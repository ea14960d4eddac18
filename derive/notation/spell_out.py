"""A formula at a given batch size, every element written out: Σ_j x_j at m = 3 is x₁ + x₂ + x₃.

Promises: terms stay in index order and factors where the compact form has them, which is why this works on the syntax
tree: SymPy would sort and multiply out. Only numbers are put together (2·3 is 6, m − 1 is 2, δ₁₂ is 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Final, TypeAlias

from sympy import Expr, Symbol

from derive.notation.from_sympy import product
from derive.notation.names import read_name
from derive.notation.notation import Notation
from derive.notation.syntax import (
    ONE,
    ZERO,
    Addition,
    Bracket,
    Call,
    Derivative,
    Fraction,
    Indicator,
    Minus,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Product,
    Root,
    Summation,
)

__all__ = ["MOST", "spell_out"]

MOST: Final = 8  # elements a line can hold and a reader can follow
Values: TypeAlias = Mapping[Name, Node]


def spell_out(
    expr: Expr | Node, m: int, size: Symbol, at: Mapping[Symbol, int] | None = None, notation: Notation | None = None
) -> Node:
    """`expr` with `size` = `m` ≤ 8 and sums over it written out; `at` gives values to free indices."""
    if not 1 <= m <= MOST:
        raise ValueError(f"A formula is spelled out for 1 to {MOST} elements, not {m}. Print it with its Σ instead.")
    values = {read_name(symbol.name): _number(value) for symbol, value in {**(at or {}), size: m}.items()}
    return _at((notation or Notation()).tree(expr), values)


def _at(node: Node, values: Values) -> Node:
    result: Node
    match node:
        case Number():
            result = node
        case Name():
            result = _name(node, values)
        case Partial(top, bottom):
            result = Partial(_indexed(top, values), _indexed(bottom, values))
        case Summation():
            result = _summation(node, values)
        case Addition(terms):
            result = _addition([_at(term, values) for term in terms])
        case Product(factors):
            result = _product([_at(factor, values) for factor in factors])
        case Fraction(top, bottom):
            result = _fraction(_at(top, values), _at(bottom, values))
        case Minus(value):
            result = _minus(_at(value, values))
        case _:
            result = _at_inner(node, values)
    return result


def _at_inner(node: Derivative | Indicator | Power | Root | Call | Bracket, values: Values) -> Node:
    match node:
        case Derivative(body, bottom):
            return Derivative(_at(body, values), _indexed(bottom, values))
        case Indicator(left, right):
            return replace(node, left=_at(left, values), right=_at(right, values))
        case Power(base, exponent):
            return _power(_at(base, values), _at(exponent, values))
        case Root(value, degree):
            return Root(_at(value, values), degree)
        case Call(function, arguments):
            return Call(function, tuple(_at(argument, values) for argument in arguments))
        case Bracket(body, opening):
            return Bracket(_at(body, values), opening)


def _name(name: Name, values: Values) -> Node:
    if name in values:
        return values[name]
    placed = _indexed(name, values)
    match placed:
        case Name("δ", indices=(Number(first), Number(second))):
            return ONE if first == second else ZERO
        case _:
            return placed


def _indexed(name: Name, values: Values) -> Name:
    indices = tuple(_at(index, values) for index in name.indices)
    return Name(name.base, name.accent, name.superscript, name.label, indices)


def _summation(node: Summation, values: Values) -> Node:
    """A sum whose limits have become numbers is written out; the bound index hides a free one of the same name."""
    low, high = (end if end is None else _at(end, values) for end in (node.low, node.high))
    first, last, index = _whole(low), _whole(high), _walked(node)
    if index is None or first is None or last is None or last - first >= MOST:
        inside = {name: value for name, value in values.items() if name != node.index}
        return replace(node, low=low, high=high, body=_at(node.body, inside))
    elements = [_at(node.body, {**values, index: _number(k)}) for k in range(first, last + 1)]
    if isinstance(node.body, Summation):  # a double sum is one row of terms
        elements = [term for row in elements for term in (row.terms if isinstance(row, Addition) else (row,))]
    return _addition(elements)


def _walked(node: Summation) -> Name | None:
    """The index of a sum that goes from one limit to the other and leaves nothing out."""
    return node.index if node.other_than is None and node.within is None else None


def _whole(node: Node | None) -> int | None:
    """The value of a whole number, signed or not, and None for anything else."""
    if isinstance(node, Minus):
        value = _whole(node.value)
        return None if value is None else -value
    return int(node.digits) if isinstance(node, Number) and node.digits.isdecimal() else None


def _number(value: int) -> Node:
    return Number(str(value)) if value >= 0 else Minus(Number(str(-value)))


def _addition(terms: list[Node]) -> Node:
    """Whole numbers are added up, in the place of the first of them."""
    wholes = [whole for term in terms if (whole := _whole(term)) is not None]
    if len(wholes) > 1 or sum(wholes) == 0:
        place = next((place for place, term in enumerate(terms) if _whole(term) is not None), 0)
        others = [term for term in terms if _whole(term) is None]
        terms = [*others[:place], _number(sum(wholes)), *others[place:]] if sum(wholes) else others
    if len(terms) < 2:
        return terms[0] if terms else ZERO
    return Addition(tuple(terms))


def _product(factors: list[Node]) -> Node:
    """Numbers are multiplied, a sum that was written out goes onto the bar of a fraction 1/… before it."""
    flat = [inner for factor in factors for inner in (factor.factors if isinstance(factor, Product) else (factor,))]
    negative = sum(isinstance(factor, Minus) for factor in flat) % 2 == 1
    flat = [factor.value if isinstance(factor, Minus) else factor for factor in flat]
    number = prod(whole for factor in flat if (whole := _whole(factor)) is not None)
    rest = [factor for factor in flat if _whole(factor) is None]
    if number == 0:
        return ZERO
    result = product((*([_number(number)] if number != 1 else []), *_onto_bar(rest)))
    return Minus(result) if negative else result


def _onto_bar(factors: list[Node]) -> list[Node]:
    match factors:
        case [Fraction(Number("1"), bottom), Addition() as only]:
            return [Fraction(only, bottom)]
        case _:
            return factors


def _fraction(top: Node, bottom: Node) -> Node:
    if top == ZERO or bottom == ONE:
        return top
    return Fraction(top, bottom)


def _minus(value: Node) -> Node:
    if value == ZERO:
        return value
    return value.value if isinstance(value, Minus) else Minus(value)


def _power(base: Node, exponent: Node) -> Node:
    """A whole number to a small natural power is a number: m² is 9 at m = 3."""
    number, times = _whole(base), _whole(exponent)
    if number is not None and times is not None and 0 <= times <= MOST:
        return _number(int(number**times))
    return Power(base, exponent)
