"""The order in which array operations are written down, with as few passes over full-size arrays as possible.

Promises: in a product the small factors are multiplied with each other before they meet a large array; in a sum the
small terms are added first; what is needed twice is computed once and released after its last use. What is needed
once stays inside its expression, where NumPy reuses the memory of the operand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sympy import Add, Expr, Function, Integer, Mul, Pow, Rational, Symbol
from sympy.core.function import AppliedUndef

from derive.numeric.lowering import NUMBER, Extent, Lowering, factors_of, power_of, total

__all__ = ["OPERATORS", "Schedule", "Statement", "function_names", "statements"]

Statement = tuple[Symbol, Expr | None]
"""A temporary and its operation, or a temporary and None where it is released."""

plus, minus, times, over = (Function(name) for name in ("plus", "minus", "times", "over"))
negative, square, inner = (Function(name) for name in ("negative", "square", "inner"))

OPERATORS: dict[str, Callable[..., str]] = {
    "plus": "({} + {})".format,
    "minus": "({} - {})".format,
    "times": "({} * {})".format,
    "over": "({} / {})".format,
    "negative": "(-{})".format,
    "square": "({})**2".format,
}
"""How the ordered operations are written in Python. SymPy's own + and · have no order."""

DEEPEST = 12
"""Brackets within brackets before a temporary is used instead."""

Signed = tuple[int, Expr]
Ratio = tuple[Expr | None, Expr | None]


@dataclass(slots=True)
class Schedule:
    """Writes expressions in generated symbols as ordered operations. Each symbol's operation is written once."""

    lowering: Lowering
    written: dict[Symbol, Expr] = field(default_factory=dict)

    def write(self, expr: Expr) -> Expr:
        match expr:
            case Integer():
                return expr
            case Rational():
                return self.lowering.constant(expr)
            case Symbol():
                return self._symbol(expr)
            case Add():
                return apply_sign(self._sum(expr.args))
            case Mul() | Pow():
                return apply_sign(self._product(expr))
            case _:
                return self._call(expr)

    def _symbol(self, symbol: Symbol) -> Expr:
        if symbol not in self.lowering.definitions:
            return symbol
        if symbol not in self.written:
            self.written[symbol] = self.write(self.lowering.definitions[symbol])
        return self.written[symbol]

    def _call(self, call: Expr) -> Expr:
        name = call.func.__name__
        prefix = "number_" if self.lowering.extent(call) == NUMBER else ""
        return Function(prefix + name)(*(self.write(arg) for arg in call.args))

    def _by_extent(self, parts: Iterable[Expr]) -> list[tuple[Extent, list[Expr]]]:
        """The parts in groups of one extent, small ones first."""
        groups: dict[Extent, list[Expr]] = {}
        for part in parts:
            groups.setdefault(self.lowering.extent(part), []).append(part)
        return sorted(groups.items(), key=lambda group: (len(group[0]), sorted(group[0])))

    def _product(self, product: Expr) -> Signed:
        """Sign and product. The sign is left over only if there is no small factor to take it."""
        sign, number = (-1, -1) if product.as_coeff_Mul()[0].is_negative else (1, 1)
        groups = self._by_extent(factors_of(product * number))
        ratio: Ratio = (None, None)
        for position, (extent, factors) in enumerate(groups):
            ratio = self._join(ratio, factors)
            if sign < 0 and extent != NUMBER and position < len(groups) - 1:
                sign, ratio = 1, (negative(quotient(ratio)), None)
        return sign, quotient(ratio)

    def _join(self, small: Ratio, factors: list[Expr]) -> Ratio:
        """A product of smaller arrays, and the factors of the next larger extent."""
        above, below = (quotient(small), None) if small[0] is not None else small
        parts = [power_of(factor) for factor in factors if factor != 1]
        top = [self._natural(base, exponent) for base, exponent in parts if not exponent.is_negative]
        bottom = [self._natural(base, -exponent) for base, exponent in parts if exponent.is_negative]
        return multiplied([*top, *([above] if above is not None else [])]), multiplied(
            [*bottom, *([below] if below is not None else [])]
        )

    def _natural(self, base: Expr, exponent: Expr) -> Expr:
        """A power with a natural exponent, by squaring."""
        if exponent == 1:
            return self.write(base)
        half = self._natural(base, exponent // 2)
        return square(half) if exponent % 2 == 0 else times(self._natural(base, exponent - 1), self.write(base))

    def _sum(self, terms: Iterable[Expr]) -> Signed:
        carried: list[Signed] = []
        for _, group in self._by_extent(terms):
            carried = [added([*(self._term(term) for term in group), *carried])]
        return carried[0]

    def _term(self, term: Expr) -> Signed:
        return self._product(term) if isinstance(term, Mul | Pow) else signed(self.write(term))


def signed(node: Expr) -> Signed:
    return (-1, -node) if isinstance(node, Integer) and node < 0 else (1, node)


def apply_sign(value: Signed) -> Expr:
    sign, node = value
    return node if sign > 0 else negative(node)


def quotient(ratio: Ratio) -> Expr:
    above, below = ratio
    if below is None:
        return Integer(1) if above is None else above
    return over(Integer(1) if above is None else above, below)


def multiplied(nodes: list[Expr]) -> Expr | None:
    return chained(times, fresh_first(nodes)) if nodes else None


def added(terms: list[Signed]) -> Signed:
    """A sum that starts with a fresh positive term, whose memory the rest is added to."""
    ups = fresh_first([node for sign, node in terms if sign > 0])
    downs = fresh_first([node for sign, node in terms if sign < 0])
    if not ups:
        return -1, chained(plus, downs)
    value = chained(plus, ups)
    return 1, chained(minus, [value, *downs])


def fresh_first(nodes: list[Expr]) -> list[Expr]:
    return sorted(nodes, key=lambda node: bool(node.is_Atom))


def chained(operation: Callable[..., Expr], nodes: list[Expr]) -> Expr:
    first, *rest = nodes
    for node in rest:
        first = operation(first, node)
    return first


def function_names(nodes: Iterable[Expr | None]) -> set[str]:
    """The names of all operations in the nodes."""
    return {call.func.__name__ for node in nodes if node is not None for call in node.atoms(AppliedUndef)}


def statements(outputs: list[Expr]) -> tuple[tuple[Statement, ...], tuple[Expr, ...]]:
    """Temporaries in order, each released (None) after its last use, and the outputs in terms of them."""
    uses = _uses(outputs)
    temporaries: dict[Expr, Symbol] = {}
    lines: list[tuple[Symbol, Expr]] = []
    done: dict[Expr, tuple[Expr, int]] = {}

    def visit(node: Expr) -> tuple[Expr, int]:
        if node.is_Atom:
            return node, 0
        if node not in done:
            args = [visit(arg) for arg in node.args]
            new, depth = _fused(node, [arg for arg, _ in args], uses), 1 + max(depth for _, depth in args)
            if uses[node] > 1 or depth > DEEPEST:
                temporaries[node] = Symbol(f"t{len(temporaries)}")
                lines.append((temporaries[node], new))
                new, depth = temporaries[node], 0
            done[node] = (new, depth)
        return done[node]

    results = tuple(visit(output)[0] for output in outputs)
    return tuple(_with_releases(lines, results)), results


def _fused(node: Expr, args: list[Expr], uses: Counter[Expr]) -> Expr:
    """The operation on new operands. The total of a product nobody else needs is taken without storing the product."""
    if node.func != total or uses[node.args[0]] > 1 or args[0].func not in {times, square}:
        return node.func(*args)
    first, *rest = args[0].args
    return inner(first, *(rest or [first]), args[1])


def _uses(outputs: list[Expr]) -> Counter[Expr]:
    uses: Counter[Expr] = Counter()
    open_nodes = list(outputs)
    while open_nodes:
        node = open_nodes.pop()
        uses[node] += 1
        if uses[node] == 1:
            open_nodes.extend(node.args)
    return uses


def _with_releases(lines: list[tuple[Symbol, Expr]], results: tuple[Expr, ...]) -> Iterator[Statement]:
    kept = set().union(*(result.free_symbols for result in results)) if results else set()
    last: dict[Symbol, int] = {}
    for position, (_, node) in enumerate(lines):
        last.update(dict.fromkeys(node.free_symbols, position))
    names = {name for name, _ in lines} - kept
    for position, (name, node) in enumerate(lines):
        yield name, node
        for symbol in sorted(node.free_symbols & names, key=str):
            if last[symbol] == position:
                yield symbol, None
