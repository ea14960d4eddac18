"""Finds the compact form of a gradient, line by line, and says which rule or identity each line used.

The search is by structure alone: write the adjoints out, multiply out, drop sums that are 0, put intermediates back for
the brackets they are made of (x_i − μ = √(σ²+ε) x̂_i), take the common factor out; of the forms met on the way the one
with the fewest operations wins. The kernel is asked which sums vanish, and judges every line afterwards.
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
    """A bracket of the forward pass and what the intermediate built on it says it equals: x_i − μ = √(σ²+ε) x̂_i."""

    bracket: Expr
    indices: tuple[Symbol, ...]
    factors: Factors


def known_sums_put_in(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> Line:
    """`expr` with the sums that are 0, or that an intermediate names, replaced: the rest stays as it is."""
    spread, identities = _known_sums(_spread(expr, graph, free), graph, equal)
    gone = [identity for identity in identities if identity.right == 0]
    rule = "known sums put in" if len(gone) < len(identities) else "terms whose sum is 0 vanish"
    return Line(to_expr(spread), rule, identities) if identities else Line(expr, "")


def _spread(expr: Expr, graph: Graph, free: tuple[Symbol, ...]) -> list[Term]:
    """`expr` as terms, with the brackets of the forward pass kept whole."""
    brackets = _brackets(graph)

    def keep(candidate: Expr) -> bool:
        return any(_match(bracket, candidate) is not None for bracket in brackets)

    return terms(expr, keep, frozenset(free))


def compact(expr: Expr, graph: Graph, equal: Equal, free: tuple[Symbol, ...]) -> tuple[Line, ...]:
    """The lines from `expr` to its shortest form. `free` are the free indices; `equal` is the kernel's opinion."""
    taken = frozenset(free)
    spread = _spread(expr, graph, free)
    lines = [Line(to_expr(spread), "adjoints put in, constants taken out of the sums")]
    spread, identities = _known_sums(spread, graph, equal)
    if identities:
        lines.append(Line(to_expr(spread), "known sums put in", identities))
    folds = _folds(graph)
    folded = _folded(spread, folds, taken)
    if folded != spread:
        used = tuple(_as_identity(fold) for fold in folds if _occurs(fold, spread))
        lines.append(Line(to_expr(folded), "intermediates put back", used))
        folded, identities = _known_sums(folded, graph, equal)
        if identities:
            lines.append(Line(to_expr(folded), "known sums put in", identities))
    lines.append(Line(_factored(folded), "common factor taken out"))
    return _distinct(expr, lines)


def _distinct(start: Expr, lines: list[Line]) -> tuple[Line, ...]:
    """The lines that change something, without a last one that makes the form longer."""
    kept: list[Line] = []
    for line in lines:
        if line.value != (kept[-1].value if kept else start):
            kept.append(line)
    while len(kept) > 1 and not kept[-1].identities and operations(kept[-1].value) > operations(kept[-2].value):
        kept.pop()
    return tuple(kept)


# --- brackets and what stands for them ---------------------------------------------------------------------------


def _brackets(graph: Graph) -> list[Expr]:
    """Every sum of terms that the forward pass itself writes, such as x_i − μ and σ² + ε."""
    nodes = (part for node in graph.intermediates for part in preorder_traversal(node.value))
    return list(dict.fromkeys(part for part in nodes if isinstance(part, Add)))


def _folds(graph: Graph) -> list[Fold]:
    """Intermediates of the form head · rest, with a head that depends on an index, solved for the head."""
    found = []
    for node in graph.intermediates:
        factors = Mul.make_args(node.value)
        heads = [part for part in factors if isinstance(part, Add | exp) and part.has(*node.indices)]
        if len(heads) == 1 and node.indices and len(factors) > 1:
            rest = [part.as_base_exp() for part in factors if part is not heads[0]]
            known = {base: -exponent for base, exponent in rest}
            found.append(Fold(heads[0], node.indices, {node.target: S.One, **known}))
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


def _occurs(fold: Fold, parts: list[Term]) -> bool:
    nodes = (node for part in parts for base in part.factors for node in preorder_traversal(base))
    return any(_match(fold.bracket, node) is not None for node in nodes)


def _as_identity(fold: Fold) -> Identity:
    return Identity(fold.bracket, Mul(*(Pow(base, exponent) for base, exponent in fold.factors.items())))


def _folded(parts: list[Term], folds: list[Fold], taken: frozenset[Expr]) -> list[Term]:
    """Every bracket that an intermediate stands for replaced by that intermediate, inside sums too."""
    result = []
    for part in parts:
        whole = Term(part.coefficient, {})
        for base, exponent in part.factors.items():
            whole = whole.times(_folded_base(base, exponent, folds, taken))
        result.append(whole)
    return gathered(result)


def _folded_base(base: Expr, exponent: Expr, folds: list[Fold], taken: frozenset[Expr]) -> Term:
    for fold in folds:
        renaming = _match(fold.bracket, base)
        if renaming is not None:
            return Term(S.One, {b.xreplace(renaming): e * exponent for b, e in fold.factors.items()})
    if isinstance(base, Sum) and exponent == 1:
        inner = _folded(terms(base.function, lambda _: True, taken), folds, taken | set(base.variables))
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
    if len(parts) < 2:
        return to_expr(parts)
    shared = shared_factor(parts)
    return Mul(shared.to_expr(), to_expr(divided(part, shared) for part in parts))


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
