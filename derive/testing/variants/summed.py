"""Closed forms that add up something else: over other axes, or only some of the terms."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from derive.notation.syntax import Name, Node, Summation
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array, Unfit
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.observed import Observed
from derive.testing.variants.sums import other_axes
from derive.testing.variants.variant import Candidate, Variant, by_formula, said, valued

__all__ = ["other_sums", "parts_of_sums"]

Bound = tuple[tuple[str, str], ...]
"""The sizes that a Σ runs to, each with its index letter."""


def other_sums(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """The closed form, or forward pass and closed form alike, with every Σ over other axes."""
    return valued(_other_sums(formulas), case)


def _other_sums(formulas: Formulas) -> Iterator[Variant]:
    line = formulas.target
    around = dict(zip(line.sizes, line.letters, strict=True))
    for tree, counted, what in (
        (line.tree, False, "the sums run"),
        (line.tree, True, "sums and means are taken"),
        (formulas.inlined.tree, True, "the statistics and the sums of the gradient are taken"),
    ):
        for new in other_axes(tree, around, counted=counted):
            now = formulas.listed(new.now) if new.now else "nothing"
            words = f"{what} over {now}, not over {formulas.listed(new.before)}"
            yield Variant(said(words), partial(by_formula, new.tree), new.tree)


def parts_of_sums(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """A gradient that is one Σ, with only some of the terms added up."""
    tree, bound = formulas.target.tree, dict[str, str]()
    while isinstance(tree, Summation) and tree.index is not None and isinstance(tree.high, Name):
        bound[tree.high.base] = tree.index.base
        tree = tree.body
    ordered = tuple((size, bound[size]) for size in formulas.sizes if size in bound)
    yield from valued(_parts_of_sum(formulas, tree, ordered), case)


def _parts_of_sum(formulas: Formulas, body: Node, bound: Bound) -> Iterator[Variant]:
    mine, rows = gradient_name(formulas.of), "·".join(size for size, _ in bound)
    for at, (size, _) in enumerate(bound):
        for which, chosen in (("the first", 0), ("the last", -1)):
            words = f"{mine} takes only {which} of the axis {size}, instead of the sum over it"
            yield Variant(said(words), partial(_sum_at, body, bound, (at, chosen)))
        if len(bound) > 1:
            words = f"{mine} adds up only the first {size} of the {rows} rows"
            yield Variant(said(words), partial(_sum_of_rows, body, bound, size))


def _summands(body: Node, bound: Bound, case: Observed) -> Array | None:
    """The terms of a Σ, the axes that it runs over first."""
    target = case.formulas.target
    letters, sizes = (*(letter for _, letter in bound), *target.letters), (*(size for size, _ in bound), *target.sizes)
    try:
        return case.of_line(Line(target.name, letters, sizes, body), case.scope)[..., 0, 0]
    except Unfit:
        return None


def _sum_at(body: Node, bound: Bound, place: tuple[int, int], case: Observed) -> Array | None:
    """The sum with one element of an axis instead of all."""
    terms, (axis, chosen) = _summands(body, bound, case), place
    return None if terms is None else terms.take(chosen, axis=axis).sum(axis=tuple(range(len(bound) - 1)))


def _sum_of_rows(body: Node, bound: Bound, size: str, case: Observed) -> Array | None:
    """The sum of as many rows as one of the axes has, where several axes make the rows."""
    terms = _summands(body, bound, case)
    return None if terms is None else terms.reshape(-1, *case.shape)[: case.lengths[size]].sum(axis=0)
