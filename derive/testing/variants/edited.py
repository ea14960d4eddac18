"""Formulas with one edit: the closed form in several ways of writing it, reverse mode, the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np

from derive.notation.syntax import Node
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array, Scope, Unfit
from derive.testing.variants.formulas import Formulas, Line
from derive.testing.variants.observed import Observed, close
from derive.testing.variants.variant import Candidate, Told, Variant, alternatives, by_formula, edits_of, valued

__all__ = ["closed_forms", "intermediates", "other_forms", "other_forward_passes", "stages"]

AT_ONCE = 200_000
"""How many numbers of one quantity are worked out at once."""

PROBES = 6
"""How many elements of the gradient of another forward pass are looked at before all are."""


def closed_forms(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """Every single edit of the closed form as it is stated."""
    return _edited(formulas, case, formulas.target)


def other_forms(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """The same for the other ways of writing it."""
    return chain.from_iterable(_edited(formulas, case, line) for line in formulas.other_forms)


def stages(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """Reverse mode with one edit in one of its lines."""
    return chain.from_iterable(_downstream(formulas, case, line, formulas.staged) for line in formulas.staged)


def intermediates(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """One edit in the forward pass, and the closed form with what follows from it."""
    program = formulas.program
    alone = (line for line in formulas.forward if line not in program)  # with its own copy of what is shared
    return chain.from_iterable(_downstream(formulas, case, line, program) for line in (*program[:-1], *alone))


def other_forward_passes(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """One edit in the forward pass, and the right gradient of that other layer."""
    return chain.from_iterable(_consistent(formulas, case, line) for line in formulas.program[:-1])


def _edited(formulas: Formulas, case: Observed, line: Line) -> Iterator[Candidate]:
    scope = case.scope.remembering(line.tree)
    for one in edits_of(formulas, line):
        values = case.gradient(one.tree, scope)
        if values is not None:
            yield Variant(one.words, partial(by_formula, one.tree), one.tree, line.tree, rank=one.rank), values


# --- a line that others read -----------------------------------------------------------------------------------------


def _downstream(formulas: Formulas, case: Observed, line: Line, lines: Sequence[Line]) -> Iterator[Candidate]:
    """The gradient by some lines with one edit in one of them: many edits of that line at once."""
    most = max(1, AT_ONCE // max(1, case.true.size))
    for told, values in alternatives(case, line, edits_of(formulas, line), case.scope, most):
        found = _array(case.run(case.scope, lines, {line.name: values}), formulas.target.name)
        if found is not None and found.shape[-2] == len(told):  # otherwise the gradient does not depend on this line
            for at, one in enumerate(told):
                yield _of_line(one, line, lines), found[..., at, 0]


def _of_line(one: Told, line: Line, lines: Sequence[Line]) -> Variant:
    return Variant(one.words, partial(_by_lines, line.with_tree(one.tree), lines), rank=one.rank)


def _by_lines(line: Line, lines: Sequence[Line], case: Observed) -> Array | None:
    try:
        changed = case.of_line(line, case.scope)
    except Unfit:
        return None
    found = _array(case.run(case.scope, lines, {line.name: changed}), case.formulas.target.name)
    return None if found is None else found[..., 0, 0]


def _array(scope: Scope, name: Node) -> Array | None:
    return scope.array(name) if scope.knows(name) else None


# --- the gradient of another forward pass ----------------------------------------------------------------------------


def _consistent(formulas: Formulas, case: Observed, line: Line) -> Iterator[Candidate]:
    """The right gradient of a forward pass with one edit, where it agrees with what was found in a few elements."""
    probes = np.unique(np.linspace(0, case.true.size - 1, PROBES).astype(int))
    wanted, scope = case.found.ravel()[probes], case.perturbed(probes)
    most = max(1, AT_ONCE // (case.true.size * len(probes)))
    for told, values in alternatives(case, line, edits_of(formulas, line), scope, most):
        found = case.differentiated(case.run(scope, formulas.program[:-1], {line.name: values}))
        near = () if found is None else (close(each, wanted, case.tolerance) for each in found)
        fitting = [one for one, is_near in zip(told, near, strict=False) if is_near]
        yield from valued((_of_layer(formulas, one, line) for one in fitting), case)


def _of_layer(formulas: Formulas, one: Told, line: Line) -> Variant:
    words = partial(_words, gradient_name(formulas.of), one.words)
    return Variant(words, partial(_by_layer, line.with_tree(one.tree)), rank=one.rank)


def _words(name: str, words: Callable[[], str]) -> str:
    return f"{name} is the gradient of another forward pass: {words()}"


def _by_layer(line: Line, case: Observed) -> Array | None:
    scope = case.perturbed(np.arange(case.true.size))
    try:
        changed = case.of_line(line, scope)
    except Unfit:
        return None
    found = case.differentiated(case.run(scope, case.formulas.program[:-1], {line.name: changed}))
    return None if found is None else found.reshape(case.shape)
