"""Two edits at once: a factor beside an edit, two terms edited, one term edited twice, forward pass and closed form.

Promises: what is put together are the single variants of a layer's formulas; most of the pairs are compared without
being worked out one by one. Values in other cases are those of the formula with both edits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from derive.meaning.edits import Edit, edits
from derive.notation.syntax import ONE, ZERO, Addition, Fraction, Minus, Name, Node, Number, Product
from derive.testing.variants.evaluate import Array, Unfit
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.observed import Observed
from derive.testing.variants.parameters import number
from derive.testing.variants.trees import MINUS_ONE, bracket_in, exponents, with_part
from derive.testing.variants.variant import (
    Candidate,
    Told,
    Variant,
    alternatives,
    by_formula,
    edits_of,
    put_together,
    said,
    teller,
    valued,
)

__all__ = ["behind_intermediates", "beside_factors", "in_two_terms", "twice_in_a_term"]

AT_ONCE = 100_000
"""How many numbers of one quantity are worked out at once."""

OTHER_VALUES = tuple(10.0**power for power in range(-12, 1))
"""Values that a parameter such as ε has in programs."""


# --- an edit and a factor --------------------------------------------------------------------------------------------


def beside_factors(formulas: Formulas, case: Observed, singles: Sequence[Candidate]) -> Iterator[Candidate]:
    """Every single variant times, or divided by, a factor: γ is missing, and σ² is held constant."""
    if not singles:
        return
    values = np.stack([array for _, array in singles])
    for told in _factors(formulas):
        factor = case.gradient(told.tree)
        if factor is None:
            continue
        near = np.abs(values * factor - case.found) <= case.tolerance
        for at in map(int, np.flatnonzero(near.reshape(len(values), -1).all(axis=1))):
            yield _with_factor(singles[at][0], told), values[at] * factor


def _factors(formulas: Formulas) -> Iterator[Told]:
    """Factors as formulas of their own, each with what the closed form lacks or has too often then."""
    target, say = formulas.target, teller(formulas, formulas.target)
    for factor in (*formulas.material(target).factors, Minus(ONE)):
        for tree, edited in (
            (Fraction(ONE, factor), Fraction(target.tree, factor)),
            (factor, Product((factor, target.tree))),
        ):
            yield Told(tree, partial(say.tell, target.tree, Edit(edited, "")), int)


def _with_factor(variant: Variant, told: Told) -> Variant:
    formula = None if variant.formula is None else Product((told.tree, variant.formula))
    values = partial(_multiplied, variant, told.tree)
    return Variant(partial(put_together, told.words, variant.words), values, formula, edits=2, rank=variant.rank)


def _multiplied(variant: Variant, factor: Node, case: Observed) -> Array | None:
    values, by = variant.values(case), case.gradient(factor)
    return None if values is None or by is None else values * by


# --- edits of two terms ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _OfTerm:
    """An edit of one term of a closed form: the variant, the term as it is then, the change of the gradient."""

    variant: Variant
    term: Node
    change: Array


def in_two_terms(case: Observed, singles: Sequence[Candidate]) -> Iterator[Candidate]:
    """Two terms of the closed form with one edit each: the changes of the gradient add up."""
    for before in dict.fromkeys(variant.before for variant, _ in singles if variant.before is not None):
        bracket = bracket_in(before)
        if bracket is None:
            continue
        groups = _by_term(before, bracket, case, singles)
        for one, other in combinations(groups, 2):
            for first, second in _adding_up(groups[one], groups[other], case):
                terms = {one: first.term, other: second.term}
                new = Addition(tuple(terms.get(at, term) for at, term in enumerate(bracket.terms)))
                tree = with_part(before, bracket, new)
                yield from valued([_of_both(first.variant, second.variant, tree)], case)


def _of_both(first: Variant, second: Variant, tree: Node) -> Variant:
    words, rank = partial(put_together, first.words, second.words), partial(_sum_of_ranks, first, second)
    return Variant(words, partial(by_formula, tree), tree, edits=2, rank=rank)


def _sum_of_ranks(first: Variant, second: Variant) -> int:
    return first.rank() + second.rank()


def _by_term(before: Node, bracket: Addition, case: Observed, singles: Sequence[Candidate]) -> dict[int, list[_OfTerm]]:
    """The edits of a formula that are inside one term of its bracket, one for each change that they make."""
    found: dict[int, dict[bytes, _OfTerm]] = {at: {} for at in range(len(bracket.terms))}
    scale = float(np.max(np.abs(case.true))) or 1.0
    for variant, values in singles:
        if variant.before is before and variant.formula is not None:
            place = _edited_term(before, bracket, variant.formula)
            if place is not None:
                change = values - case.true
                found[place[0]].setdefault(np.round(change / scale, 9).tobytes(), _OfTerm(variant, place[1], change))
    return {at: list(group.values()) for at, group in found.items()}


def _edited_term(before: Node, bracket: Addition, after: Node) -> tuple[int, Node] | None:
    """Which term was edited, and what it is now; None if more was. Edits leave the other terms the same objects."""
    new = bracket_in(after)
    if new is None or not _same_front(before, bracket, after, new):
        return None
    lost = [at for at, term in enumerate(bracket.terms) if not any(term is other for other in new.terms)]
    if len(lost) != 1:
        return None
    if len(new.terms) == len(bracket.terms) - 1:
        return lost[0], ZERO
    return (lost[0], new.terms[lost[0]]) if len(new.terms) == len(bracket.terms) else None


def _same_front(before: Node, bracket: Addition, after: Node, new: Addition) -> bool:
    return with_part(before, bracket, ONE) == with_part(after, new, ONE)


def _adding_up(one: Sequence[_OfTerm], other: Sequence[_OfTerm], case: Observed) -> Iterator[tuple[_OfTerm, _OfTerm]]:
    """The pairs whose changes make up what is wrong, found by the largest element and then by all."""
    if not one or not other:
        return
    wanted = (case.found - case.true).ravel()
    at = int(np.argmax(np.abs(wanted)))
    left, right = (np.array([each.change.ravel()[at] for each in group]) for group in (one, other))
    for first, second in np.argwhere(np.abs(left[:, None] + right - wanted[at]) <= 2 * case.tolerance):
        off = one[first].change + other[second].change - (case.found - case.true)
        if np.all(np.abs(off) <= 2 * case.tolerance):
            yield one[first], other[second]


# --- two edits of one term -------------------------------------------------------------------------------------------


def twice_in_a_term(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """One term of the closed form with two edits. The rest of the gradient is worked out once."""
    tree = formulas.target.tree
    bracket = bracket_in(tree)
    for at in range(len(bracket.terms)) if bracket is not None else (None,):
        term = tree if bracket is None or at is None else bracket.terms[at]
        around = _around(tree, bracket, at)
        front, rest = (case.gradient(around(value)) for value in (ONE, ZERO))
        if front is not None and rest is not None:
            yield from _edited_twice(formulas, case, term, around, (front - rest, rest))


def _around(tree: Node, bracket: Addition | None, at: int | None) -> Callable[[Node], Node]:
    """The closed form as a function of one of its terms."""

    def put(term: Node) -> Node:
        if bracket is None:
            return term
        new = Addition(tuple(term if place == at else one for place, one in enumerate(bracket.terms)))
        return with_part(tree, bracket, new)

    return put


def _edited_twice(
    formulas: Formulas, case: Observed, term: Node, around: Callable[[Node], Node], beside: tuple[Array, Array]
) -> Iterator[Candidate]:
    """The pairs of edits of a term, where `beside` are what the term is multiplied by and what is added to it."""
    front, rest = beside
    material = formulas.material(formulas.target)
    for first in _distinct(edits(term, material), case):
        scope = case.scope.remembering(first.tree)
        for second in edits(first.tree, material):
            case.tick()
            value = case.gradient(second.tree, scope)
            if value is not None and np.all(np.abs(front * value + rest - case.found) <= case.tolerance):
                yield from valued([_of_steps(formulas, (first, second), around)], case)


def _distinct(found: Iterable[Edit], case: Observed) -> Iterator[Edit]:
    """The edits that have a value, one for each value."""
    seen: set[bytes] = set()
    for edit in found:
        value = case.gradient(edit.tree)
        if value is not None:
            key = np.round(value, 12).tobytes()
            if key not in seen:
                seen.add(key)
                yield edit


def _of_steps(formulas: Formulas, steps: Sequence[Edit], around: Callable[[Node], Node]) -> Variant:
    say = teller(formulas, formulas.target)
    trees = [formulas.target.tree, *(around(one.tree) for one in steps)]
    first, second = (
        partial(say.tell, old, Edit(new, one.edit)) for old, new, one in zip(trees, trees[1:], steps, strict=False)
    )
    return Variant(partial(put_together, first, second), partial(by_formula, trees[-1]), trees[-1], edits=2)


# --- an edit of the forward pass and one of the closed form ----------------------------------------------------------


def behind_intermediates(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """One edit in the forward pass, or another value of a parameter, and one edit in the closed form."""
    *lines, last = formulas.program
    closed = tuple(edits_of(formulas, last))
    for line, edited in (*_parameters(formulas), *((line, _but_for_signs(formulas, line)) for line in lines)):
        for told, values in alternatives(case, line, edited, case.scope, max(1, AT_ONCE // case.true.size)):
            yield from _beside_each(case, (line, told, values), (last, closed))


def _but_for_signs(formulas: Formulas, line: Line) -> list[Told]:
    """An intermediate of the wrong sign is none that anybody computes; that would be a detour to a sign in a term."""
    factors = exponents(line.tree)
    turned = Counter({**factors, MINUS_ONE: 1 - factors[MINUS_ONE]})
    return [one for one in edits_of(formulas, line) if exponents(one.tree) != turned]


def _parameters(formulas: Formulas) -> Iterator[tuple[Line, list[Told]]]:
    for node in formulas.graph.inputs:
        if not node.shape and node.target.is_positive:
            line = Line(Name(node.name), (), (), Name(node.name))
            values = ((Number(f"{value:g}"), f"{node.name} is {number(value)}") for value in (0.0, *OTHER_VALUES))
            yield line, [Told(tree, said(words), int) for tree, words in values]


def _beside_each(
    case: Observed, changed: tuple[Line, Sequence[Told], Array], closed: tuple[Line, Sequence[Told]]
) -> Iterator[Candidate]:
    """Every edit of the closed form with all of some edits of another line at once."""
    (line, others, values), (last, edited) = changed, closed
    scope = case.run(case.scope, case.formulas.program[:-1], {line.name: values}).remembering(last.tree)
    for one in edited:
        case.tick()
        try:
            found = case.of_line(last.with_tree(one.tree), scope)[..., 0]
        except Unfit:
            continue
        near = np.abs(found - case.found[..., None]) <= case.tolerance
        fitting = np.flatnonzero(near.reshape(-1, near.shape[-1]).all(axis=0))
        for at in map(int, fitting) if near.shape[-1] == len(others) else ():
            both = (line.with_tree(others[at].tree), last.with_tree(one.tree))
            words = partial(put_together, others[at].words, one.words)
            yield from valued([Variant(words, partial(_by_both, both), edits=2, rank=one.rank)], case)


def _by_both(lines: tuple[Line, Line], case: Observed) -> Array | None:
    first, last = lines
    try:
        changed: dict[Node, Array] = {first.name: case.of_line(first, case.scope)}
        return case.of_line(last, case.run(case.scope, case.formulas.program[:-1], changed))[..., 0, 0]
    except Unfit:
        return None
