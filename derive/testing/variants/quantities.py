"""Another array that the layer's forward and backward pass have anyway, in place of the gradient or added to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from derive.notation.syntax import Node
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed
from derive.testing.variants.variant import Candidate, Variant, said, teller, valued

__all__ = ["other_quantities"]


def other_quantities(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """0, 1, the upstream gradient, another gradient, an intermediate; or one of these added to the right gradient."""
    for family in (_constants, _quantities, _added):
        yield from valued(family(formulas), case)


def _constants(formulas: Formulas) -> Iterator[Variant]:
    for value in (0, 1):
        yield Variant(said(f"{gradient_name(formulas.of)} is {value} everywhere"), partial(_constant, float(value)))


def _quantities(formulas: Formulas) -> Iterator[Variant]:
    mine, say = gradient_name(formulas.of), teller(formulas, formulas.target).said
    upstream = formulas.upstream
    yield Variant(said(f"{mine} is the upstream gradient {say(upstream)} itself"), partial(_quantity, upstream))
    for of in formulas.claimed:
        if of != formulas.of:
            words = f"{mine} is {gradient_name(of)}: the two may be swapped"
            yield Variant(said(words), partial(_claimed, of))
    for name in _names(formulas):
        yield Variant(said(f"{mine} is {say(name)} itself"), partial(_quantity, name))


def _added(formulas: Formulas) -> Iterator[Variant]:
    """dx + dy: what a residual connection adds."""
    mine, say = gradient_name(formulas.of), teller(formulas, formulas.target).said
    for name in (formulas.upstream, *_names(formulas)):
        if formulas.shapes.get(name) == formulas.target.sizes:
            yield Variant(said(f"{say(name)} is added to {mine}"), partial(_with, name, 1))
            yield Variant(said(f"{say(name)} is subtracted from {mine}"), partial(_with, name, -1))


def _names(formulas: Formulas) -> list[Node]:
    """Inputs, intermediates and adjoints by their bare names."""
    adjoints = [line.name for line in formulas.staged if line.name != formulas.target.name]
    return [*formulas.inputs, *(line.name for line in formulas.forward), *adjoints]


def _constant(value: float, case: Observed) -> Array | None:
    return np.full(case.found.shape, value) if case.found.size else None


def _quantity(name: Node, case: Observed) -> Array | None:
    return case.scope.array(name)[..., 0, 0] if case.scope.knows(name) else None


def _claimed(of: str, case: Observed) -> Array | None:
    return case.claimed(of)


def _with(name: Node, sign: int, case: Observed) -> Array | None:
    found = _quantity(name, case)
    return None if found is None else case.true + sign * found
