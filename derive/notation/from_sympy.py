"""SymPy expression → syntax tree: every decision about layout, made once for both renderers.

Promises: the tree means what the expression means, its order does not depend on SymPy's, and an expression with no
notation here (a Derivative, a Piecewise, a Matrix) is a TypeError, never a wrong print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from sympy import (
    Abs,
    Add,
    Basic,
    E,
    Expr,
    Float,
    Idx,
    Indexed,
    IndexedBase,
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
    pi,
)
from sympy.core.function import Application

from derive.notation.names import Ranks, axes_of, derivative_parts, placed, read_name
from derive.notation.order import Order, begins_with_lesser, has_sum
from derive.notation.syntax import (
    ONE,
    Addition,
    Call,
    Fraction,
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

__all__ = ["Builder", "tree"]

_LETTERS = "jklpqrstuvwabcdefhi"


def tree(expr: Expr, ranks: Ranks | None = None) -> Node:
    """The syntax tree of one expression. `ranks`: how many indices each plain name has, beyond what is found in it."""
    return Builder([expr], ranks or {}).build(expr)


class Builder:
    """Builds trees for expressions that belong together, such as the two sides of an equation."""

    __slots__ = ("_clash", "_e_is_taken", "_order", "_ranks")

    def __init__(self, exprs: Iterable[Expr], ranks: Ranks) -> None:
        letters, bases = _found(exprs)
        names = {symbol: read_name(_plain(symbol)) for symbol in letters}
        sizes = {name for symbol, name in names.items() if symbol.is_integer}
        positive = {name for symbol, name in names.items() if symbol.is_positive} - sizes
        self._order = Order(sizes, positive)
        self._clash = len(set(names.values())) < len(names)
        self._e_is_taken = Name("e") in names.values() or any(plain == "e" for plain, _ in bases)
        self._ranks = _inferred([*((_plain(symbol), 0) for symbol in letters), *bases], ranks)

    def build(self, expr: Basic) -> Node:
        """The tree of `expr`."""
        match expr:
            case Symbol() | Indexed() | IndexedBase() | Idx() | KroneckerDelta():
                return self._name(expr)
            case Rational() | Float():
                return _signed(_absolute(abs(expr)), negative=expr < 0)
            case Add():
                return Addition(self._order.terms(self.build(term) for term in expr.args))
            case Mul():
                return self._product(expr)
            case Sum():
                return self._sum(expr)
            case _:
                return self._function(expr)

    def _function(self, expr: Basic) -> Node:
        if expr is E or expr is pi:
            return Name("e" if expr is E else "π")
        if isinstance(expr, exp) and not self._e_is_taken:
            return Power(Name("e"), self.build(expr.exp))
        if isinstance(expr, Pow):
            return self._product(expr) if _goes_below(expr) else self._power(expr.base, expr.exp)
        if isinstance(expr, Application) and isinstance(expr, Expr) and expr.args:
            return self._call(expr)
        kind = "SymPy " + type(expr).__name__ if isinstance(expr, Basic) else type(expr).__name__
        raise TypeError(f"There is no notation for {kind} ({expr}). Write it with +, ·, powers, Σ and functions.")

    def _call(self, expr: Basic) -> Node:
        name = str(expr.func.__name__)
        arguments = tuple(self.build(argument) for argument in expr.args)
        if isinstance(expr, Max | Min):  # their arguments are a set
            return Call(name.lower(), self._order.factors(arguments))
        return Call("abs" if isinstance(expr, Abs) else name, arguments)

    def _name(self, expr: Basic) -> Node:
        match expr:
            case Indexed():
                return placed(_plain(expr.base), tuple(self.build(index) for index in expr.indices), self._ranks)
            case KroneckerDelta():
                return Name("δ", indices=tuple(self.build(index) for index in expr.args[:2]))
            case _:
                return placed(_plain(expr), (), self._ranks)

    def _power(self, base: Basic, exponent: Basic) -> Node:
        if exponent == 1:
            return self.build(base)
        if exponent == Rational(1, 2):
            return Root(self.build(base))
        if base is E:
            return self._function(exp(exponent))
        return Power(self.build(base), self.build(exponent))

    def _product(self, expr: Basic) -> Node:
        """One fraction for all that is divided by, with the numbers in it."""
        number, above, below = Rational(1), list[Node](), list[Node]()
        for factor in _factors(expr):
            if isinstance(factor, Rational):
                number *= factor
            elif isinstance(factor, Add):
                content, node = self._without_content(factor)
                number *= content
                above.append(node)
            elif _goes_below(factor):
                below.append(self._power(factor.base, -factor.exp))
            else:
                above.extend(_apart(self.build(factor)))
        negative, above = _without_signs(above)
        above += [Number(str(abs(number.p)))] if abs(number.p) != 1 else []
        below += [Number(str(number.q))] if number.q != 1 else []
        return _signed(self._quotient(above, below), negative=negative != (number < 0))

    def _without_content(self, addition: Basic) -> tuple[Any, Node]:
        """2x_i − 2μ as 2 and x_i − μ. SymPy multiplies numbers into brackets; a reader wants them in front."""
        content, rest = addition.primitive()
        node = self.build(rest)
        if content == 1 or not isinstance(node, Addition) or not begins_with_lesser(node):
            return content, node
        return -content, self.build(-rest)

    def _quotient(self, above: list[Node], below: list[Node]) -> Node:
        """What has a Σ in it stands behind the fraction, and so do derivatives and a long bracket that has company."""
        if not below:
            return product(self._order.factors(above))
        behind = [
            node for node in above if isinstance(node, Partial) or has_sum(node) or (len(above) > 1 and _is_long(node))
        ]
        inside = [node for node in above if node not in behind]
        bar = Fraction(product(self._order.factors(inside)), product(self._order.factors(below)))
        return product((bar, *self._order.factors(behind)))

    def _sum(self, expr: Basic) -> Node:
        """The last of SymPy's limits is the outermost. A minus that all of the body has goes in front."""
        expr = _renamed(expr) if self._clash else expr
        inside = expr.function
        negative, body = split_sign(self._product(inside) if isinstance(inside, Add) else self.build(inside))
        for limit in expr.limits:
            index = read_name(_plain(limit[0]))
            ends = [self.build(end) for end in limit[1:]]
            low, high = ends if len(ends) == 2 else (None, *ends, None)[:2]
            body = Summation(index, low, high, body)
        return _signed(body, negative=negative)


def product(factors: tuple[Node, ...]) -> Node:
    """The factors as one node: none of them make 1, and one is itself."""
    if not factors:
        return ONE
    return factors[0] if len(factors) == 1 else Product(factors)


def split_sign(node: Node) -> tuple[bool, Node]:
    """Whether a minus can be taken out of all of `node`, and what remains."""
    match node:
        case Minus(value):
            return True, value
        case Addition(terms) if all(isinstance(term, Minus) for term in terms):
            return True, Addition(tuple(term.value for term in terms if isinstance(term, Minus)))
        case _:
            return False, node


def _without_signs(nodes: list[Node]) -> tuple[bool, list[Node]]:
    split = [split_sign(node) for node in nodes]
    return sum(negative for negative, _ in split) % 2 == 1, [node for _, node in split]


def _signed(node: Node, *, negative: bool) -> Node:
    return Minus(node) if negative else node


def _apart(node: Node) -> tuple[Node, ...]:
    """The factors of a number such as 1.5·10⁻⁹, to stand among the others."""
    return node.factors if isinstance(node, Product) else (node,)


def _is_long(node: Node) -> bool:
    return isinstance(node, Addition) and len(node.terms) > 2


def _factors(expr: Basic) -> Iterator[Any]:
    """The factors of nested products, in one row."""
    if isinstance(expr, Mul):
        for factor in expr.args:
            yield from _factors(factor)
    else:
        yield expr


def _goes_below(factor: Basic) -> bool:
    """Whether a factor is a power with an exponent written with a minus, and so goes under the bar."""
    if not isinstance(factor, Pow):
        return False
    coefficient = factor.exp.as_coeff_Mul()[0]
    return bool(coefficient.is_negative)


def _absolute(value: Basic) -> Node:
    """An unsigned number: 3, 1/2, 0.25, 1.5·10⁻⁹."""
    if isinstance(value, Integer):
        return Number(str(value))
    if isinstance(value, Rational):
        return Fraction(Number(str(value.p)), Number(str(value.q)))
    decimal = Decimal(str(value)).normalize()
    if decimal == 0 or -7 < decimal.adjusted() < 16:
        return Number(format(decimal, "f"))
    power = Power(Number("10"), _signed(Number(str(abs(decimal.adjusted()))), negative=decimal.adjusted() < 0))
    leading = decimal.scaleb(-decimal.adjusted())
    return power if leading == 1 else Product((Number(format(leading, "f")), power))


def _plain(symbol: Basic) -> str:
    return str(symbol.name) if isinstance(symbol, Symbol) else _plain(symbol.label)


def _found(exprs: Iterable[Any]) -> tuple[set[Any], list[tuple[str, int]]]:
    """The symbols without indices, and the names with indices with their number."""
    letters: set[Any] = set()
    bases: list[tuple[str, int]] = []
    waiting = list(exprs)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Indexed):
            bases.append((_plain(node.base), len(node.indices)))
            waiting.extend(node.indices)
        elif isinstance(node, Symbol | Idx):
            letters.add(node)
        elif not isinstance(node, IndexedBase):
            waiting.extend(node.args)
    return letters, bases


def _inferred(found: list[tuple[str, int]], given: Ranks) -> Ranks:
    """How many indices each name has: as given, as seen, or as follows from a derivative whose other part is known."""
    parted = [(derivative_parts(plain), plain, count) for plain, count in found]
    ranks = {plain: count for parts, plain, count in parted if parts is None} | dict(given)
    for _ in range(2):
        for parts, _plain_name, count in parted:
            if parts is not None:
                _infer_from(parts, count, ranks)
    return ranks


def _infer_from(parts: tuple[str, str], count: int, ranks: dict[str, Any]) -> None:
    top, bottom = (axes_of(part, ranks) for part in parts)
    if top is not None and bottom is None:
        ranks[parts[1]] = count - len(top) or count
    elif bottom is not None and top is None and count > len(bottom):
        ranks[parts[0]] = count - len(bottom)


def _renamed(expr: Basic) -> Basic:
    """The same sum with other index letters where another symbol of the same name stands inside it."""
    for bound in [limit[0] for limit in expr.limits]:
        names = {str(symbol) for symbol in expr.function.free_symbols | expr.free_symbols if symbol != bound}
        if str(bound) in names:
            letters = (*_LETTERS, *(f"i{number}" for number in range(len(names) + 1)))
            free = next(letter for letter in letters if letter not in names)
            expr = expr.xreplace({bound: Symbol(free, integer=True)})
    return expr
