"""Finds the compact form of a gradient, line by line, and says which rule or identity each line used.

The search is by structure: write the adjoints out, multiply out, drop sums that are 0, put intermediates back for what
they are made of (x_i − μ = √(σ²+ε) x̂_i, Σ a_j² = α²) wherever that makes the result shorter, take common factors out.
If brackets are left, the same again with those multiplied out; if intermediates were there from the start, the same
again from their definitions. Of the forms met on the way the one with the fewest operations wins. The kernel is asked
which sums and intermediates are known, and judges every line afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations

from sympy import Expr, Indexed, Integer, Mul, Pow, Rational, S, Sum, Symbol

from derive.factoring import common_factor_out, factors_out, operations, sums_joined
from derive.folds import Fold, brackets, definitions, denominators, folds, match, put_back
from derive.graph import Graph, Node
from derive.indices import name_of
from derive.terms import Term, divided, gathered, is_count, multiplied_out, terms, to_expr

__all__ = ["Identity", "Line", "compact", "known_sums_put_in", "operations"]

Equal = Callable[[Expr, Expr], bool]
KNOWN_SUMS, PUT_BACK = "known sums put in", "intermediates put back"
MULTIPLIED_OUT = "brackets multiplied out"
ROUNDS = 3
# Groupings tried at each step for the form that is shown; the search itself, which asks often, takes the best at once.
TRIED = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """An equation that a line used: `left` = `right`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a simplification: the new form, the rule that gave it, and the identities it used."""

    value: Expr
    rule: str
    identities: tuple[Identity, ...] = ()


def known_sums_put_in(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> Line:
    """`expr` with the sums that are 0, or that an intermediate names, replaced: the rest stays as it is."""
    search = _Search(graph, equal, frozenset(free))
    spread, identities = search.known_sums(search.spread(expr))
    gone = [identity for identity in identities if identity.right == 0]
    rule = KNOWN_SUMS if len(gone) < len(identities) else "terms whose sum is 0 vanish"
    return Line(to_expr(spread), rule, identities) if identities else Line(expr, "")


def compact(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> tuple[Line, ...]:
    """The lines from `expr` to its shortest form. `free` are the free indices; `equal` is the kernel's opinion."""
    search = _Search(graph, equal, frozenset(free))
    parts = search.spread(expr)
    lines = [Line(to_expr(parts), "adjoints put in, constants taken out of the sums")]
    routes = [*search.routes(parts, lines)]
    opened, identities = search.opened(parts)
    if identities:
        routes += search.routes(opened, [*lines, Line(to_expr(opened), "definitions put in", identities)])
    return min((_to_shortest(expr, route) for route in routes), key=lambda found: _length(expr, found))


def _to_shortest(start: Expr, lines: list[Line]) -> tuple[Line, ...]:
    """The lines that change something, down to the last of the shortest; none if that is `start`."""
    kept = [Line(start, "")]
    for line in lines:
        if line.value != kept[-1].value:
            kept.append(line)
    counts = [operations(line.value) for line in kept]
    end = max(place for place, count in enumerate(counts) if count == min(counts))
    return tuple(kept[1 : end + 1]) if kept[end].value != start else ()


def _factored(parts: list[Term]) -> list[Line]:
    return [
        Line(common_factor_out(parts), "common factor taken out"),
        Line(factors_out(parts, tried=TRIED), "shared factors taken out"),
    ]


def _length(start: Expr, lines: tuple[Line, ...]) -> int:
    return operations(lines[-1].value if lines else start)


def _as_identity(fold: Fold) -> Identity:
    return Identity(Pow(fold.head, fold.power), to_expr(fold.value))


def _gain(before: list[Term], after: list[Term]) -> int:
    """By how many operations `after` is shorter."""
    return operations(factors_out(before)) - operations(factors_out(after))


@dataclass
class _Search:
    """The moves, for one gradient. `free` are the free indices, `known` what the kernel was asked about so far."""

    graph: Graph
    equal: Equal
    free: frozenset[Expr]
    known: dict[Expr, Term | None] = field(default_factory=dict)

    def spread(self, expr: Expr) -> list[Term]:
        """`expr` as terms, with the brackets of the forward pass kept whole."""
        whole = brackets(self.graph)
        return terms(expr, lambda part: any(match(bracket, part) is not None for bracket in whole), self.free)

    def opened(self, parts: list[Term]) -> tuple[list[Term], tuple[Identity, ...]]:
        """`parts` with intermediates replaced by their definitions, in case others make it shorter."""
        used = []
        for fold in definitions(self.graph) if len(parts) > 1 else ():
            before, parts = parts, put_back(parts, fold, self.free)
            if parts is not before:
                used.append(_as_identity(fold))
        return parts, tuple(used)

    def routes(self, parts: list[Term], lines: list[Line]) -> Iterator[list[Line]]:
        """`lines`, which end in `parts`, carried on to each short form that is met on the way."""
        lines = [*lines]
        for _ in range(ROUNDS):
            parts = self.folded(parts, lines)
            for ending in self.endings(parts):
                yield [*lines, *ending]
            apart = multiplied_out(parts, self.free)
            if apart is parts:
                return
            lines.append(Line(to_expr(apart), MULTIPLIED_OUT))
            parts = apart

    def folded(self, parts: list[Term], lines: list[Line]) -> list[Term]:
        """`parts` with everything put back that makes the result shorter, and a line for each such step."""
        parts = self._with_known_sums(parts, lines)
        options, before = folds(self.graph), None
        while parts is not before:
            before = parts
            for fold in options:
                parts = self._with(fold, parts, lines)
        return parts

    def _with(self, fold: Fold, parts: list[Term], lines: list[Line]) -> list[Term]:
        """`parts` with a fold put back, if that is shorter and divides by nothing new."""
        changed = put_back(parts, fold, self.free)
        if changed is parts or not fold.adds_no_denominator(denominators(parts), denominators(changed)):
            return parts
        tail: list[Line] = []
        simpler = self._with_known_sums(changed, tail)
        gain = _gain(parts, simpler)
        if gain <= 0 and (apart := multiplied_out(simpler, self.free)) is not simpler:
            tail.append(Line(to_expr(apart), MULTIPLIED_OUT))
            simpler = self._with_known_sums(apart, tail)
            gain = _gain(parts, simpler)
        if gain < 0 or (gain == 0 and not fold.renames):
            return parts
        # A fold right after another shares its line.
        shared = lines.pop().identities if lines[-1].rule == PUT_BACK else ()
        lines += [Line(to_expr(changed), PUT_BACK, (*shared, _as_identity(fold))), *tail]
        return simpler

    def endings(self, parts: list[Term]) -> Iterator[list[Line]]:
        """The ways to write `parts` short: factored as they are, or with sums over the same indices joined."""
        yield _factored(parts)
        nested = any(isinstance(base, Sum) and base.function.has(Sum) for part in parts for base in part.factors)
        for flat in (False, True) if nested else (False,):
            joined = sums_joined(parts, self.free, flat=flat)
            if len(joined) < len(parts):
                yield [Line(to_expr(joined), "sums joined"), *_factored(joined)]

    # --- sums that are known -------------------------------------------------------------------------------------

    def _with_known_sums(self, parts: list[Term], lines: list[Line]) -> list[Term]:
        simpler, identities = self.known_sums(parts)
        if identities:
            lines.append(Line(to_expr(simpler), KNOWN_SUMS, identities))
        return simpler

    def known_sums(self, parts: list[Term]) -> tuple[list[Term], tuple[Identity, ...]]:
        """Sums of forward quantities that are 0, or that an intermediate names, replaced."""
        used: dict[Expr, Term] = {}
        result = []
        for part in parts:
            whole = Term(part.coefficient, {})
            for base, exponent in part.factors.items():
                value = self._known(base)
                if value is not None and _has_power(value.coefficient, exponent):
                    used[base] = value
                    whole = whole.times(value.power(exponent))
                else:
                    whole = whole.times(Term(S.One, {base: exponent}))
            result.append(whole)
        identities = tuple(Identity(base, value.to_expr()) for base, value in used.items())
        return gathered(result), identities

    def _known(self, base: Expr) -> Term | None:
        if base not in self.known:
            self.known[base] = self._asked(base)
        return self.known[base]

    def _asked(self, base: Expr) -> Term | None:
        """What the kernel says a sum of forward quantities, or an intermediate that is one, amounts to."""
        if isinstance(base, Sum):
            names = {name_of(q) for q in base.atoms(Indexed)}
            return self._value_of(base) if names <= set(self.graph.nodes) else None
        node = self.graph.nodes.get(name_of(base)) if isinstance(base, Symbol | Indexed) else None
        is_sum = node is not None and node.value is not None and node.value.has(Sum)
        return Term(S.Zero, {}) if is_sum and self.equal(base, S.Zero) else None

    def _value_of(self, expr: Sum) -> Term | None:
        if self.equal(expr, S.Zero):
            return Term(S.Zero, {})
        count = Mul(*(high for _, _, high in expr.limits))
        free = _ranges(expr)
        for node in self.graph.intermediates:
            for at in _places(node, free):
                times = _sums_in(node, count)
                if self.equal(expr, times.to_expr() * node.target.xreplace(at)):
                    return times.times(Term(S.One, {node.target.xreplace(at): S.One}))
        return None


def _has_power(number: Rational, exponent: Rational) -> bool:
    """Whether number^exponent is certain to be a rational number."""
    return number == 1 or (isinstance(exponent, Integer) and (number != 0 or exponent > 0))


def _ranges(expr: Sum) -> dict[Expr, Expr]:
    """The free index letters of a sum, each with the size it runs to."""
    bound = set(expr.variables)
    places = [place for q in expr.atoms(Indexed) for place in zip(q.indices, q.shape, strict=True)]
    return {index: size for index, size in sorted(places, key=str) if index not in bound}


def _places(node: Node, free: dict[Expr, Expr]) -> Iterator[dict[Expr, Expr]]:
    """The ways to give an intermediate exactly the free letters, each where its size fits."""
    for letters in permutations(free):
        if tuple(free[letter] for letter in letters) == node.shape:
            yield dict(zip(node.indices, letters, strict=True))


def _sums_in(node: Node, count: Expr) -> Term:
    """How many times the intermediate a sum would be: 1/c if it is written as c Σ for a count c, else one a term."""
    parts = terms(node.value, lambda _: True)
    powers = [(base, power) for part in parts for base, power in part.factors.items() if not is_count(base)]
    if len(parts) == len(powers) == 1 and isinstance(powers[0][0], Sum) and powers[0][1] == 1:
        return divided(Term(S.One, dict(powers)), parts[0])
    (times,) = terms(count, lambda _: True)
    return times
