"""What an intermediate stands for, and putting it back: x_i − μ = √(σ²+ε) x̂_i, Σ a_j² = α², x_i = √(σ²+ε) x̂_i + μ.

Every fold follows from one line of the forward pass by solving it for a factor, or for a term, of its right side. What
is put back is equal wherever the forward pass has a value; whether it is worth it is for the search to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Indexed, Integer, Pow, Rational, S, Sum, preorder_traversal

from derive.graph import Graph, Node
from derive.indices import name_of, relabel, rename_bound
from derive.terms import Term, divided, gathered, is_count, is_size, product, terms

__all__ = ["Fold", "brackets", "definitions", "denominators", "folds", "match", "put_back"]


@dataclass(frozen=True, slots=True)
class Fold:
    """`head`^`power` is the sum of `value`. `allowed` may be divided by where all of `needed` is divided by anyway."""

    head: Expr
    power: Rational
    value: tuple[Term, ...]
    allowed: frozenset[Expr] = frozenset()
    needed: frozenset[Expr] = frozenset()

    @property
    def renames(self) -> bool:
        """Whether one intermediate alone takes the head's place: √r = q is preferred even where it is no shorter."""
        return len(self.value) == 1 and self.value[0].coefficient == 1 and len(self.value[0].factors) == 1

    def adds_no_denominator(self, before: frozenset[Expr], after: frozenset[Expr]) -> bool:
        """x̂_i = y_i/γ would cost the case γ = 0; 1/√r = 1/q costs nothing where q is √r."""
        return after <= (before | self.allowed if self.needed <= before else before)


def brackets(graph: Graph) -> list[Expr]:
    """Every sum of terms that the forward pass itself writes, such as x_i − μ and σ² + ε."""
    nodes = (part for node in graph.intermediates for part in preorder_traversal(node.value))
    return list(dict.fromkeys(part for part in nodes if isinstance(part, Add)))


def folds(graph: Graph) -> list[Fold]:
    """Every line of the forward pass solved for what it is built on: whole powers first, then terms of brackets."""
    solved = [fold for node in graph.intermediates for fold in _solved(node)]
    return [*solved, *(one for fold in solved for one in _for_terms(fold))]


@lru_cache(maxsize=256)
def _solved(node: Node) -> tuple[Fold, ...]:
    """target = head^power · rest solved for the head, which has to have all the indices of the target.

    A plain c Σ is left out: which intermediate it is, is asked of the kernel.
    """
    target = Term(S.One, {node.target: S.One})
    found = []
    for whole in terms(node.value, lambda _: True, frozenset(node.indices)):
        needed = frozenset(base for base in whole.factors if not is_size(base))
        for head, power in whole.factors.items():
            plain = isinstance(head, Sum) and power == 1 and all(map(is_count, needed - {head}))
            if head in needed and not plain and head.free_symbols and set(node.indices) <= head.free_symbols:
                rest = divided(whole, Term(S.One, {head: power}))
                found.append(Fold(head, power, (divided(target, rest),), frozenset({node.target}), needed))
    return tuple(found)


def _for_terms(fold: Fold) -> Iterator[Fold]:
    """A fold of a bracket solved for a quantity in it that has the same indices: x_i = √(σ²+ε) x̂_i + μ."""
    if not isinstance(fold.head, Add) or fold.power != 1:
        return
    (whole,) = fold.value
    indices = {index for base in whole.factors if isinstance(base, Indexed) for index in base.indices}
    inside = terms(fold.head, lambda _: False)
    for term in inside:
        quantity = term.to_expr() / term.coefficient
        if isinstance(quantity, Indexed) and indices <= set(quantity.indices):
            others = (Term(-one.coefficient, one.factors) for one in inside if one is not term)
            number = Term(term.coefficient, {})
            yield Fold(quantity, S.One, tuple(divided(one, number) for one in (whole, *others)))


def definitions(graph: Graph) -> list[Fold]:
    """Every intermediate as what it is defined to be, the last first: the way back from what `folds` put in."""
    whole = brackets(graph)
    return [
        Fold(node.target, S.One, tuple(terms(node.value, whole.__contains__, frozenset(node.indices))))
        for node in reversed(graph.intermediates)
    ]


def denominators(parts: list[Term]) -> frozenset[Expr]:
    """What is divided by, and is not a size."""
    powers = {power for part in parts for base in part.factors for power in base.atoms(Pow)}
    inner = {power.base for power in powers if power.exp.could_extract_minus_sign()}
    outer = {base for part in parts for base, exponent in part.factors.items() if exponent < 0}
    return frozenset(base for base in inner | outer if not is_size(base))


def put_back(parts: list[Term], fold: Fold, taken: frozenset[Expr]) -> list[Term]:
    """Every occurrence of the fold's head replaced by what it equals, inside sums too; `parts` itself if none is."""
    result, found = [], False
    for part in parts:
        new = {base: _in_base(base, power, fold, taken) for base, power in part.factors.items()}
        changed = [value for value in new.values() if value is not None]
        if changed:
            kept = Term(part.coefficient, {base: power for base, power in part.factors.items() if new[base] is None})
            result += product([[kept], *changed])
            found = True
        else:
            result.append(part)
    return gathered(result) if found else parts


def _in_base(base: Expr, exponent: Rational, fold: Fold, taken: frozenset[Expr]) -> list[Term] | None:
    """base^exponent with the fold put back, where that takes whole powers only; None if there is nothing to replace."""
    renaming = match(fold.head, base)
    times = exponent / fold.power
    if renaming is not None and isinstance(times, Integer) and (times > 0 or len(fold.value) == 1):
        value = [_renamed(one, renaming, taken) for one in fold.value]
        return [value[0].power(times)] if len(value) == 1 else product([value] * int(times))
    if isinstance(base, Sum) and exponent == 1:
        body = terms(base.function, lambda _: True, taken)
        inner = put_back(body, fold, taken | set(base.variables))
        if inner is not body:
            sums = (terms(Sum(one.to_expr(), *base.limits), lambda _: True, taken) for one in inner)
            return gathered(term for one in sums for term in one)
    return None


def _renamed(term: Term, renaming: dict[Expr, Expr], taken: frozenset[Expr]) -> Term:
    """`term` at other index letters, which its own sums must not catch."""
    letters = frozenset(renaming.values())
    moved = {rename_bound(base, letters).xreplace(renaming): power for base, power in term.factors.items()}
    return Term(term.coefficient, {relabel(base, taken | letters): power for base, power in moved.items()})


def match(pattern: Expr, expr: Expr) -> dict[Expr, Expr] | None:
    """The renaming of the pattern's index letters that makes it `expr`."""
    if type(pattern) is not type(expr) or len(pattern.args) != len(expr.args):
        return None
    mine, theirs = (_indices_in(side) for side in (pattern, expr))
    if len(mine) != len(theirs):
        return None
    renaming = dict(zip(mine, theirs, strict=True))
    return renaming if pattern.xreplace(renaming) == expr else None


@lru_cache(maxsize=1024)
def _indices_in(expr: Expr) -> list[Expr]:
    places = sorted(expr.atoms(Indexed), key=lambda q: (name_of(q), str(q)))
    return list(dict.fromkeys(index for place in places for index in place.indices))
