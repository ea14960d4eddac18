"""Flat formulas as the lines of a function: sums named once and shared, repeated parts named, means seen.

Promises: a line is elementwise or has one total, or one largest element, in front of which at most smaller factors
stand; what two lines need is computed once; each line stands ahead of those that read it; nothing is changed but the
order of operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType
from typing import TypeAlias

from sympy import Add, Expr, Mul, Pow, Symbol, preorder_traversal
from sympy.core.function import Application

from derive.emit.flat import Axes, Flat, Largest, Total, over_of
from derive.emit.order import Order, apart, factors_of, is_negative, is_number
from derive.emit.words import Words, unused

__all__ = ["Line", "Named", "arranged", "bottom_up", "is_function", "reduction"]

Named: TypeAlias = Callable[[Symbol], str]
"""Says what a symbol is called in the code."""


@dataclass(frozen=True, slots=True)
class Line:
    """`target` = `value`, where the value is elementwise, or factors times one `Total` or `Largest`."""

    target: Symbol
    value: Expr

    @property
    def reads(self) -> frozenset[Symbol]:
        return frozenset(self.value.free_symbols)


def reduction(value: Expr) -> tuple[Expr, Expr] | None:
    """The factors and the `Total` or `Largest` of a line that has one."""
    found = [factor for factor in factors_of(value) if isinstance(factor, Total | Largest)]
    return (Mul(*(factor for factor in factors_of(value) if factor != found[0])), found[0]) if found else None


def arranged(
    wanted: Iterable[Line],
    order: Order,
    named: Named,
    aliases: Mapping[Expr, Symbol] = MappingProxyType({}),
    sums: frozenset[Symbol] = frozenset(),
) -> tuple[Line, ...]:
    """The lines that give each of the `wanted` its value, which may have totals anywhere.

    `aliases` are products that have a name in formulas. Of what is made of `sums`, such as dβ, names say what it is a
    sum of.
    """
    work = _Arranging(order, named, aliases, sums)
    for line in wanted:
        work.add(line)
    steps = (work.aliased, work.nested, work.numbers_inside, work.means, work.copied)
    for step in (*steps, work.shared_parts, work.shared_products, work.small_parts, work.nested):
        step()
    return work.lines()


@dataclass(slots=True)
class _Arranging:
    """The lines on their way: `values` by target, in no order; `made` are the targets made here, with their names."""

    order: Order
    named: Named
    aliases: Mapping[Expr, Symbol]
    sums: frozenset[Symbol]
    wanted: list[Symbol] = field(default_factory=list)
    values: dict[Symbol, Expr] = field(default_factory=dict)
    made: dict[Symbol, str] = field(default_factory=dict)

    @property
    def flat(self) -> Flat:
        return self.order.flat

    def add(self, line: Line) -> None:
        self.wanted.append(line.target)
        self.values[line.target] = self._split(line.value)

    # --- totals --------------------------------------------------------------------------------------------------

    def _split(self, expr: Expr) -> Expr:
        """Every total inside named by a line of its own, smaller factors included."""
        if not expr.has(Total, Largest):
            return expr
        if isinstance(expr, Largest):
            return self._named(expr.func(self._split(expr.args[0]), *over_of(expr)))
        if not isinstance(expr, Total):
            return expr.func(*map(self._split, expr.args))
        numbers, arrays = apart(self._total(expr))
        return numbers * (arrays if isinstance(arrays, Symbol) or arrays == 1 else self._named(arrays))

    def _total(self, total: Expr) -> Expr:
        """Factors times the name of a total of what has all the axes."""
        inner = (self._total(one) if isinstance(one, Total) else self._split(one) for one in factors_of(total.args[0]))
        body = Mul(*inner)
        for size in over_of(total):
            inside = [one for one in factors_of(body) if size in self.flat.extent(one)]
            outside = [one for one in factors_of(body) if size not in self.flat.extent(one)]
            body = Mul(*outside, self._named(Total(Mul(*inside), size)) if inside else size)
        return body

    # --- names ---------------------------------------------------------------------------------------------------

    def _named(self, value: Expr) -> Symbol:
        """The target of a line with this value; of a new one if there is none."""
        return next((target for target, known in self.values.items() if known == value), None) or self._new(value)

    def _new(self, value: Expr) -> Symbol:
        known = {one: self.values[one] for one in (*self.made, *self.sums) if one in self.values}
        name = Words(self.order, self.named, known, self.aliases).name(value)
        return self._make(name, self.flat.extent(value), value)

    def _make(self, name: str, axes: Axes, value: Expr) -> Symbol:
        """A new line, whose target has a name that nothing else has."""
        symbol = Symbol(unused(name, {self.named(one) for one in self.flat.axes}))
        self.flat.axes[symbol] = axes
        self.made[symbol], self.values[symbol] = name, value
        return symbol

    def _forget(self, symbol: Symbol) -> None:
        del self.made[symbol], self.values[symbol], self.flat.axes[symbol]

    def _change(self, change: Callable[[Expr], Expr]) -> None:
        self.values = {target: change(value) for target, value in self.values.items()}

    # --- steps ---------------------------------------------------------------------------------------------------

    def aliased(self) -> None:
        """A sum that is a gradient has the gradient's name."""
        for target in self.wanted:
            old = self.values[target]
            if old in self.made:
                self.values[target] = self.values[old]
                self._forget(old)
                self._change(lambda value, old=old, new=target: value.xreplace({old: new}))  # type: ignore[misc]

    def nested(self) -> None:
        """A total that only one line reads goes into that line, if it is one total with factors then."""
        for one in list(self.made):
            users = [target for target, value in self.values.items() if one in value.free_symbols]
            joined = self._inside(one, self.values[users[0]]) if len(users) == 1 else None
            if joined is not None:
                self.values[users[0]] = joined
                self._forget(one)

    def _inside(self, one: Symbol, value: Expr) -> Expr | None:
        """The value with the total that `one` names in its place; None where that is no line."""
        found, outer = reduction(self.values[one]), reduction(value)
        if found is None:
            return None
        if outer is None:
            rest = Mul(*(factor for factor in factors_of(value) if factor != one))
            whole = value == rest * one and one not in rest.free_symbols
            return rest * self.values[one] if whole and (is_number(found[0]) or is_number(rest)) else None
        factor, total = outer
        plain = isinstance(self.values[one], Total) and total.args[0] == one
        return factor * Total(found[1].args[0], *over_of(found[1]), *over_of(total)) if plain else None

    def numbers_inside(self) -> None:
        """(1/m) (m g − Σ g) as g − Σ g/m."""
        self._change(lambda value: bottom_up(value, self._distributed))

    def _distributed(self, product: Expr) -> Expr:
        numbers, rest = apart(product)
        sums = [one for one in factors_of(rest) if one.is_Add]
        if not numbers.free_symbols or len(sums) != 1:
            return product
        widest = max(map(self.order.size, sums[0].args))
        large = (term for term in sums[0].args if self.order.size(term) == widest)
        if not any(abs(numbers * apart(term)[0]) == 1 for term in large):
            return product
        return rest / sums[0] * Add(*(numbers * term for term in sums[0].args))

    def means(self) -> None:
        """A sum that is only read divided by the number of its elements is kept as a mean."""
        for one in list(self.made):
            found = reduction(self.values[one])
            if found is not None and isinstance(found[1], Total):
                self._as_mean(one, Mul(*over_of(found[1])))

    def _as_mean(self, one: Symbol, count: Expr) -> None:
        before = {target: value for target, value in self.values.items() if one in value.free_symbols}
        after = {target: value.xreplace({one: one * count}) for target, value in before.items()}
        if before and all(_without_sizes(after[target], one, before[target]) for target in before):
            mean = self._make(self.made[one].replace("sum", "mean", 1), self.flat.axes[one], self.values[one] / count)
            self.values |= {target: value.xreplace({one: mean}) for target, value in after.items()}
            self._forget(one)

    def copied(self) -> None:
        """Of two lines with one value the second is a copy."""
        first: dict[Expr, Symbol] = {}
        for target, value in self.values.items():
            if not isinstance(value, Symbol) and first.setdefault(value, target) != target:
                self.values[target] = first[value]

    def shared_parts(self) -> None:
        """Sums of terms and values of functions that occur more than once get a name."""
        while (part := self._repeated_part()) is not None:
            name = self._named(part)
            self._change(lambda value, part=part, name=name: _with_part(value, part, name))  # type: ignore[misc]

    def _repeated_part(self) -> Expr | None:
        counted = Counter(part for value in self.values.values() for part in self._parts(value))
        known = set(self.values.values())
        found = [part for part, count in counted.items() if count > 1 or part in known]
        return max(found, key=lambda part: (part.count_ops(), str(part)), default=None)

    def _parts(self, value: Expr) -> Iterator[Expr]:
        """What can be named inside a value, which is not itself one of them."""
        for part in preorder_traversal(value):
            if part != value and self.flat.extent(part) and (part.is_Add or is_function(part)):
                yield part

    def shared_products(self) -> None:
        """Two factors that several products have get a name, if their product is as large as an array can be."""
        for one in list(self.made):
            if isinstance(self.values[one], Mul) and all(
                isinstance(factor, Symbol) for factor in self.values[one].args
            ):
                self._read_as(one)
        while (pair := self._repeated_pair()) is not None:
            self._read_as(self._new(Mul(*pair)))

    def _read_as(self, one: Symbol) -> None:
        """The name of a product wherever it stands."""
        whole = self.values[one]
        self._change(lambda value: bottom_up(value, lambda part: _with_product(part, whole, one)))
        self.values[one] = whole

    def _repeated_pair(self) -> tuple[Symbol, Symbol] | None:
        parts = (part for value in self.values.values() for part in preorder_traversal(value))
        counted = Counter(pair for part in parts if isinstance(part, Mul) for pair in self._pairs(part))
        places = list(self.flat.axes)
        best = max(counted, key=lambda pair: (counted[pair], *(-places.index(one) for one in pair)), default=None)
        return best if best is not None and counted[best] > 1 else None

    def _pairs(self, product: Expr) -> Iterator[tuple[Symbol, Symbol]]:
        symbols = [one for one in self.flat.axes if one in product.args]
        for first, second in combinations(symbols, 2):
            if self.flat.axes[first] | self.flat.axes[second] == frozenset(self.flat.order):
                yield first, second

    def small_parts(self) -> None:
        """Formulas of small arrays inside that of a large one have lines of their own."""
        for target in list(self.values):
            found = reduction(self.values[target])
            body = self.values[target] if found is None else found[1].args[0]
            if self.flat.extent(body):
                small = self._without_small(body, self.flat.extent(body))
                self.values[target] = self.values[target].xreplace({body: small})

    def _without_small(self, value: Expr, axes: Axes) -> Expr:
        """The value with the name of a line wherever arrays with fewer axes are combined."""
        if not value.args or is_number(value):
            return value
        if self.flat.extent(value) != axes:
            return self._small(value)
        if not isinstance(value, Add | Mul):
            return value.func(*(self._without_small(arg, axes) for arg in value.args))
        small = value.func(*(part for part in value.args if self.flat.extent(part) != axes))
        large = (self._without_small(part, axes) for part in value.args if self.flat.extent(part) == axes)
        return value.func(self._small(small) if small.args else small, *large)

    def _small(self, value: Expr) -> Expr:
        """The name of a line with this value, but for its sign; one array, or one over an array, is left as it is."""
        numbers, arrays = apart(value)
        is_plain = isinstance(arrays, Symbol) and abs(numbers) == 1
        is_divisor = isinstance(arrays, Pow) and isinstance(arrays.base, Symbol)
        if arrays == 1 or is_plain or is_divisor:
            return value
        return -self._named(-value) if is_negative(value) else self._named(value)

    # --- the result ----------------------------------------------------------------------------------------------

    def lines(self) -> tuple[Line, ...]:
        """What is wanted, in order, each line behind all that it reads, names without a number where one is free."""
        done: dict[Symbol, None] = {}
        for target in self.wanted:
            self._visit(target, done)
        names = self._final_names([one for one in done if one in self.made])
        return tuple(Line(names.get(one, one), self.values[one].xreplace(names)) for one in done)

    def _visit(self, target: Symbol, done: dict[Symbol, None]) -> None:
        for one in sorted(self.values[target].free_symbols & self.values.keys() - done.keys(), key=self.order.place):
            self._visit(one, done)
        done[target] = None

    def _final_names(self, made: Sequence[Symbol]) -> dict[Symbol, Symbol]:
        taken = {self.named(one) for one in self.flat.axes if one not in self.made}
        names: dict[Symbol, Symbol] = {}
        for one in made:
            names[one] = Symbol(unused(self.made[one], taken))
            taken.add(names[one].name)
        axes = {old: self.flat.axes.pop(old) for old in self.made}
        self.flat.axes |= {new: axes[old] for old, new in names.items()}
        return names


def bottom_up(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """`change` applied to every part, the inner ones first."""
    return change(expr.func(*(bottom_up(arg, change) for arg in expr.args))) if expr.args else expr


def is_function(part: Expr) -> bool:
    """Whether it is the value of a function, or a root."""
    if isinstance(part, Total | Largest):
        return False
    return isinstance(part, Application) or (isinstance(part, Pow) and not part.exp.is_integer)


def _with_part(value: Expr, part: Expr, name: Symbol) -> Expr:
    return value if value == part else value.xreplace({part: name})


def _with_product(product: Expr, whole: Expr, name: Symbol) -> Expr:
    factors = set(whole.args)
    if not isinstance(product, Mul) or not factors <= set(product.args):
        return product
    return Mul(name, *(one for one in product.args if one not in factors))


def _without_sizes(value: Expr, mean: Symbol, before: Expr) -> bool:
    """Whether the sizes that the sum was divided by are gone, and no product with the mean has another one."""
    products = [part for part in preorder_traversal(value) if isinstance(part, Mul) and mean in part.args]
    fewer = value.count(is_number) < before.count(is_number)
    return fewer and not any(apart(product)[0].free_symbols for product in products)
