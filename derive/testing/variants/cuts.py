"""Reverse mode with paths cut: intermediates held constant, local partial derivatives taken as 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations

from derive.notation.syntax import ZERO, Node, Summation, walk
from derive.notation.text import render
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array, Unfit
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.observed import Observed
from derive.testing.variants.variant import Candidate, Variant, said, valued
from derive.testing.variants.wording import listed

__all__ = ["edges_cut", "held_constant"]


def held_constant(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """Every set of the intermediates that are made of sums held constant, and every other intermediate by itself."""
    return valued(_held(formulas), case)


def edges_cut(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """Every local partial derivative taken as 0."""
    return valued(_without_edges(formulas), case)


def _held(formulas: Formulas) -> Iterator[Variant]:
    staged = {line.name: line for line in formulas.staged}
    lines = [line for line in formulas.forward if formulas.adjoint(render(line.name)) in staged]
    summed = [line for line in lines if any(isinstance(node, Summation) for node in walk(line.tree))]
    sets = [chosen for count in range(1, len(summed) + 1) for chosen in combinations(summed, count)]
    for chosen in (*sets, *((line,) for line in lines if line not in summed)):
        every = " (the statistics treated as constants)" if len(chosen) == len(summed) > 1 else ""
        names = [render(line.name) for line in chosen]
        words = f"{gradient_name(formulas.of)} is the gradient with {listed(names)} held constant{every}"
        held = tuple(staged[formulas.adjoint(name)].with_tree(ZERO) for name in names)
        yield Variant(said(words), partial(_by_stages, held))


def _without_edges(formulas: Formulas) -> Iterator[Variant]:
    for above, below, line in formulas.without_edges():
        words = f"the path from {below} to {above} is cut: ∂{above}/∂{below} is taken as 0"
        yield Variant(said(words), partial(_by_stages, (line,)))


def _by_stages(lines: Sequence[Line], case: Observed) -> Array | None:
    """The gradient by reverse mode with some of its lines replaced."""
    try:
        changed: dict[Node, Array] = {line.name: case.of_line(line, case.scope) for line in lines}
        scope = case.run(case.scope, case.formulas.staged, changed)
        return scope.array(case.formulas.target.name)[..., 0, 0]
    except Unfit:
        return None
