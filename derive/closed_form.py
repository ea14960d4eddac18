"""Finds the compact form of a gradient, line by line, and says which rule or identity each line used.

The search is by structure alone: write the adjoints out, multiply out, drop sums that are 0, put intermediates back for
what they are made of (x_i − μ = √(σ²+ε) x̂_i, e^{x_i} = z y_i) wherever that makes the result shorter, take the common
factor out; of the forms met on the way the one with the fewest operations wins. The kernel is asked which sums vanish,
and judges every line afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Add, Expr, Indexed, Mul, Pow, S, Sum, Symbol, exp, preorder_traversal

from derive.graph import Graph
from derive.indices import name_of
from derive.terms import Factors, Term, divided, gathered, shared_factor, terms, to_expr

__all__ = ["Identity", "Line", "compact", "known_sums_put_in", "operations"]

Equal = Callable[[Expr, Expr], bool]
KNOWN_SUMS, PUT_BACK = "known sums put in", "intermediates put back"


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


@dataclass(frozen=True, slots=True)
class Fold:
    """What an intermediate is built on, and what that equals by its definition: x_i − μ = √(σ²+ε) x̂_i."""

    head: Expr
    factors: Factors


def known_sums_put_in(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> Line:
    """`expr` with the sums that are 0, or that an intermediate names, replaced: the rest stays as it is."""
    spread, identities = _known_sums(_spread(expr, graph, free), graph, equal)
    gone = [identity for identity in identities if identity.right == 0]
    rule = KNOWN_SUMS if len(gone) < len(identities) else "terms whose sum is 0 vanish"
    return Line(to_expr(spread), rule, identities) if identities else Line(expr, "")


def _spread(expr: Expr, graph: Graph, free: tuple[Symbol, ...]) -> list[Term]:
    """`expr` as terms, with the brackets of the forward pass kept whole."""
    brackets = _brackets(graph)

    def keep(candidate: Expr) -> bool:
        return any(_match(bracket, candidate) is not None for bracket in brackets)

    return terms(expr, keep, frozenset(free))


def compact(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> tuple[Line, ...]:
    """The lines from `expr` to its shortest form. `free` are the free indices; `equal` is the kernel's opinion."""
    spread = _spread(expr, graph, free)
    parts, identities = _known_sums(spread, graph, equal)
    lines = [
        Line(to_expr(spread), "adjoints put in, constants taken out of the sums"),
        Line(to_expr(parts), KNOWN_SUMS, identities),
    ]
    for fold in _folds(graph):
        folded = _folded(parts, fold, frozenset(free))
        if folded == parts or not _denominators(folded) <= _denominators(parts):
            continue
        simpler, identities = _known_sums(folded, graph, equal)
        if operations(_factored(simpler)) < operations(_factored(parts)):
            parts = simpler
            lines = _put_back(lines, to_expr(folded), fold)
            if identities:
                lines.append(Line(to_expr(parts), KNOWN_SUMS, identities))
    lines.append(Line(_factored(parts), "common factor taken out"))
    return _to_shortest(expr, lines)


def _put_back(lines: list[Line], value: Expr, fold: Fold) -> list[Line]:
    """The lines and one for `fold`, which shares the line of a fold right before it."""
    last = lines[-1]
    if last.rule == PUT_BACK:
        return [*lines[:-1], Line(value, PUT_BACK, (*last.identities, _as_identity(fold)))]
    return [*lines, Line(value, PUT_BACK, (_as_identity(fold),))]


def _to_shortest(start: Expr, lines: list[Line]) -> tuple[Line, ...]:
    """The lines that change something, down to the last of the shortest; none if that is `start`."""
    kept = [Line(start, "")]
    for line in lines:
        if line.value != kept[-1].value:
            kept.append(line)
    counts = [operations(line.value) for line in kept]
    end = max(place for place, count in enumerate(counts) if count == min(counts))
    return tuple(kept[1 : end + 1]) if kept[end].value != start else ()


# --- brackets and what stands for them ---------------------------------------------------------------------------


def _brackets(graph: Graph) -> list[Expr]:
    """Every sum of terms that the forward pass itself writes, such as x_i − μ and σ² + ε."""
    nodes = (part for node in graph.intermediates for part in preorder_traversal(node.value))
    return list(dict.fromkeys(part for part in nodes if isinstance(part, Add)))


def _folds(graph: Graph) -> list[Fold]:
    """Intermediates of the form head · rest, with all of their indices in the head, solved for the head."""
    found = []
    for node in graph.intermediates:
        factors = Mul.make_args(node.value)
        for head in factors:
            if node.indices and isinstance(head, Add | exp | Indexed) and set(node.indices) <= head.free_symbols:
                rest = [part.as_base_exp() for part in factors if part is not head]
                known = {base: -exponent for base, exponent in rest}
                found.append(Fold(head, {node.target: S.One, **known}))
    return found


def _match(pattern: Expr, expr: Expr) -> dict[Expr, Expr] | None:
    """The renaming of the pattern's index letters that makes it `expr`."""
    if type(pattern) is not type(expr):
        return None
    mine, theirs = (_indices_in(side) for side in (pattern, expr))
    if len(mine) != len(theirs):
        return None
    renaming = dict(zip(mine, theirs, strict=True))
    return renaming if pattern.xreplace(renaming) == expr else None


def _indices_in(expr: Expr) -> list[Expr]:
    places = sorted(expr.atoms(Indexed), key=lambda q: (name_of(q), str(q)))
    return list(dict.fromkeys(index for place in places for index in place.indices))


def _denominators(parts: list[Term]) -> set[Expr]:
    """What is divided by. A fold may add nothing to it: x̂_i = y_i/γ would cost the case γ = 0."""
    return {power.base for power in to_expr(parts).atoms(Pow) if power.exp.could_extract_minus_sign()}


def _as_identity(fold: Fold) -> Identity:
    return Identity(fold.head, Mul(*(Pow(base, exponent) for base, exponent in fold.factors.items())))


def _folded(parts: list[Term], fold: Fold, taken: frozenset[Expr]) -> list[Term]:
    """Every occurrence of the fold's head replaced by what it equals, inside sums too."""
    result = []
    for part in parts:
        whole = Term(part.coefficient, {})
        for base, exponent in part.factors.items():
            whole = whole.times(_folded_base(base, exponent, fold, taken))
        result.append(whole)
    return gathered(result)


def _folded_base(base: Expr, exponent: Expr, fold: Fold, taken: frozenset[Expr]) -> Term:
    renaming = _match(fold.head, base)
    if renaming is not None:
        return Term(S.One, {b.xreplace(renaming): e * exponent for b, e in fold.factors.items()})
    if isinstance(base, Sum) and exponent == 1:
        inner = _folded(terms(base.function, lambda _: True, taken), fold, taken | set(base.variables))
        rebuilt = terms(Sum(to_expr(inner), *base.limits), lambda _: True, taken)
        if len(rebuilt) == 1:
            return rebuilt[0]
    return Term(S.One, {base: exponent})


# --- sums that are known -----------------------------------------------------------------------------------------


def _known_sums(parts: list[Term], graph: Graph, equal: Equal) -> tuple[list[Term], tuple[Identity, ...]]:
    """Sums of forward quantities that are 0, or that an intermediate names, replaced."""
    known: dict[Expr, Term | None] = {}
    for part in parts:
        for base in part.factors:
            if isinstance(base, Sum) and base not in known and _forward_only(base, graph):
                known[base] = _value_of(base, graph, equal)
    found = {base: value for base, value in known.items() if value is not None}
    result = []
    for part in parts:
        whole = Term(part.coefficient, {})
        for base, exponent in part.factors.items():
            if base in found and exponent == 1:
                whole = whole.times(found[base])
            else:
                whole = whole.times(Term(S.One, {base: exponent}))
        result.append(whole)
    identities = tuple(Identity(base, value.to_expr()) for base, value in found.items())
    return gathered(term for term in result if term.coefficient != 0), identities


def _forward_only(expr: Sum, graph: Graph) -> bool:
    quantities = {name_of(q) for q in expr.atoms(Indexed)}
    return quantities <= set(graph.nodes)


def _value_of(expr: Sum, graph: Graph, equal: Equal) -> Term | None:
    if equal(expr, S.Zero):
        return Term(S.Zero, {})
    count = Mul(*(high for _, _, high in expr.limits))
    for node in graph.intermediates:
        if not node.shape and equal(expr, count * node.target):
            return Term(S.One, {**dict.fromkeys(Mul.make_args(count), S.One), node.target: S.One})
    return None


# --- factoring ---------------------------------------------------------------------------------------------------


def _factored(parts: list[Term]) -> Expr:
    """The shortest of: a common factor taken out so that no denominator stays, or only what all share, or none."""
    if len(parts) < 2:
        return to_expr(parts)
    shared = (shared_factor(parts), shared_factor(parts, clear=False))
    forms = [Mul(one.to_expr(), to_expr(divided(part, one) for part in parts)) for one in shared]
    return min(*forms, to_expr(parts), key=operations)


def operations(expr: Expr, seen: set[Expr] | None = None) -> int:
    """The number of +, ·, powers and Σ in `expr`, equal parts counted once."""
    seen = set() if seen is None else seen
    if not expr.args or isinstance(expr, Indexed) or expr in seen:
        return 0
    seen.add(expr)
    if isinstance(expr, Sum):
        return 1 + operations(expr.function, seen)
    own = len(expr.args) - 1 if isinstance(expr, Add | Mul) else 1
    return own + sum(operations(arg, seen) for arg in expr.args if isinstance(arg, Expr))
