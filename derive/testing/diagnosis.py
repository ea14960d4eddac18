"""What a wrong gradient is instead: the variant of a layer's own formulas that gives what a function returned.

Promises: a variant is named only if it reproduces what was found in every observation, within rounding, and what was
found is clearly wrong in one. Variants with fewer edits come first, then the likelier ones. The search ends in a
given processor time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np

from derive.derivation import Derivation
from derive.limits import TooLong
from derive.testing.outputs import gradient_name
from derive.testing.variants.arranged import Undone, undone
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observation, Observed
from derive.testing.variants.search import search
from derive.testing.variants.trees import tidied
from derive.testing.variants.variant import Variant

__all__ = ["Diagnosis", "Observation", "diagnose"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a function computes instead of a gradient: in words, and the number of edits.

    `formula` and `latex` are its closed form, as text and as LaTeX, where it is a closed form with an edit.
    """

    words: str
    edits: int
    formula: str | None = None
    latex: str | None = None


def diagnose(
    derivation: Derivation, of: str, observations: Sequence[Observation], *, seconds: float = 2.0
) -> Diagnosis | None:
    """What a function computes instead of ∂L/∂`of`, None if it is right or nothing that is known fits.

    `observations` are a few cases of different sizes and values, small ones, with m ≥ 3; `seconds` of the processor
    are what the search may take.
    """
    formulas, end = Formulas(derivation, of), process_time() + seconds
    cases = [Observed(formulas, one, observations, end) for one in observations]
    if not all(one.finite for one in cases) or not any(one.wrong for one in cases):
        return None
    with np.errstate(all="ignore"):
        try:
            return _diagnosed(formulas, cases)
        except TooLong:
            return None


def _diagnosed(formulas: Formulas, cases: Sequence[Observed]) -> Diagnosis | None:
    found = search(formulas, cases)
    return _of_wrong_shape(formulas, cases) if found is None else _said(formulas, found)


def _said(formulas: Formulas, variant: Variant) -> Diagnosis:
    if variant.formula is None:
        return Diagnosis(variant.words(), variant.edits)
    notation, tree = formulas.derivation.notation, tidied(formulas.spelled(variant.formula))
    return Diagnosis(variant.words(), variant.edits, notation.text(tree), notation.latex(tree))


def _of_wrong_shape(formulas: Formulas, cases: Sequence[Observed]) -> Diagnosis | None:
    """What the arrays are once their shape is put right; None if it is right."""
    name = gradient_name(formulas.of)
    for one in undone(cases[0]):
        right = _put_right(one.kind, cases)
        if right is None:
            continue
        if not any(case.wrong for case in right):
            return Diagnosis(f"{name} is right, but {one.words}", 1)
        found = _diagnosed(formulas, right)
        if found is not None:
            return replace(found, words=f"{found.words}; and {name} is {one.words}", edits=found.edits + 1)
    return None


def _put_right(kind: object, cases: Sequence[Observed]) -> list[Observed] | None:
    """The cases with their shapes put right in the same way, None if that does not suit all of them."""
    ways: list[Undone | None] = [next((one for one in undone(case) if one.kind == kind), None) for case in cases]
    if None in ways:
        return None
    seen = [replace(case.seen, found=one.put_right(case.found)) for case, one in zip(cases, ways, strict=True) if one]
    return [Observed(case.formulas, one, seen, case.end) for case, one in zip(cases, seen, strict=True)]
