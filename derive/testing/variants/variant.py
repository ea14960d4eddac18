"""A variant of a gradient: words for it, and its values wherever they are asked for.

Promises: every variant follows from the derivation alone. A family of variants is a generator of candidates, likely
ones first; values in other cases than the first are worked out when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from derive.code_names import UPSTREAM
from derive.meaning.edits import edits
from derive.notation.syntax import Name, Node, walk
from derive.notation.text import render
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array, Scope, Unfit
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.observed import Observed
from derive.testing.variants.rewrites import rewrites, unlikely
from derive.testing.variants.trees import difference
from derive.testing.variants.wording import Teller

__all__ = [
    "Candidate", "Family", "Told", "Values", "Variant", "alternatives", "by_formula", "edits_of", "put_together",
    "said", "teller", "valued",
]  # fmt: skip

UNLIKELY = 10_000
"""The rank of what is hardly ever meant: larger than any formula."""

Values = Callable[[Observed], Array | None]
"""What something is worth in a case; None where it is worth nothing."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Something that a function may compute: in words, and its values in a case.

    `formula` is the closed form of what it computes, where there is one, `before` the tree that it was made from.
    Of variants of one kind that compute the same, that with the lowest `rank` is said.
    """

    words: Callable[[], str]
    values: Values
    formula: Node | None = None
    before: Node | None = None
    edits: int = 1
    rank: Callable[[], int] = int


Candidate = tuple[Variant, Array]
"""A variant with its values in one case."""

Family = Callable[[Formulas, Observed], Iterator[Candidate]]


@dataclass(frozen=True, slots=True)
class Told:
    """A formula after an edit, the edit in words, and how unlikely it is."""

    tree: Node
    words: Callable[[], str]
    rank: Callable[[], int] = int


def valued(variants: Iterable[Variant], case: Observed) -> Iterator[Candidate]:
    """Variants with their values, those that have any."""
    for variant in variants:
        values = variant.values(case)
        if values is not None:
            yield variant, values


def said(words: str) -> Callable[[], str]:
    """Words that are known already."""
    return partial(str, words)


def put_together(one: Callable[[], str], other: Callable[[], str]) -> str:
    """Two edits in words."""
    return f"{one()}; and {other()}"


def by_formula(tree: Node, case: Observed) -> Array | None:
    """The values of a closed form."""
    return case.gradient(tree)


def teller(formulas: Formulas, line: Line) -> Teller:
    """Says edits of a line: the gradient is called dx, other lines by their own names, the upstream gradient dy."""
    called: dict[Node, str] = {formulas.upstream: UPSTREAM[0]}
    sizes = frozenset((*formulas.counts, *formulas.sizes))
    if line.name == formulas.target.name:
        return Teller(gradient_name(formulas.of), called, sizes)
    return Teller(render(line.name), called, sizes, within=line not in formulas.shared)


def edits_of(formulas: Formulas, line: Line) -> Iterator[Told]:
    """Every single edit of a line, in words. Of equal ones a short formula is likelier than a long one."""
    say, material = teller(formulas, line), formulas.material(line)
    for tree, words in rewrites(formulas, line, material, say):
        yield Told(tree, said(words))
    for edit in edits(line.tree, material):
        yield Told(edit.tree, partial(say.tell, line.tree, edit), partial(_rank, say, line.tree, edit.tree))
    for tree, words in unlikely(formulas, line, say):
        yield Told(tree, said(words), partial(int, UNLIKELY))


def _rank(say: Teller, before: Node, after: Node) -> int:
    """The length of the formula; much more for another size, which may be m − 1 by chance."""
    _, old, new = difference(before, after)
    bases = [one.base for one in (old, new) if isinstance(one, Name) and one.base in say.sizes]
    by_chance = len(bases) == 2 and not set(bases[0].split("·")) & set(bases[1].split("·"))
    return sum(1 for _ in walk(after)) + UNLIKELY * by_chance


def alternatives(
    case: Observed, line: Line, edited: Iterable[Told], scope: Scope, most: int
) -> Iterator[tuple[list[Told], Array]]:
    """The edits of a line that have values, and these side by side, at most so many at once."""
    inner = scope.remembering(line.tree)
    told: list[Told] = []
    values: list[Array] = []
    for one in edited:
        case.tick()
        try:
            values.append(case.of_line(line.with_tree(one.tree), inner))
        except Unfit:
            continue
        told.append(one)
        if len(told) == most:
            yield told, _side_by_side(values)
            told, values = [], []
    if told:
        yield told, _side_by_side(values)


def _side_by_side(values: Sequence[Array]) -> Array:
    """Alternatives along the last axis but one; what has no probes has the same value for all of them."""
    probes = max(array.shape[-1] for array in values)
    return np.concatenate([np.broadcast_to(array, (*array.shape[:-1], probes)) for array in values], axis=-2)
