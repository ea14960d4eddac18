"""What a wrong gradient is instead: the first variant of a layer's formulas that gives what a function returned.

Promises: a variant is named only if it reproduces what was found in every observation, within rounding, and what was
found is clearly wrong in one. Variants with fewer edits come first, then the likelier ones. The search ends in a
given processor time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np

from derive.derivation import Derivation
from derive.limits import TooLong
from derive.testing.outputs import gradient_name
from derive.testing.variants.arranged import Undone, arrangements, ratios, undone
from derive.testing.variants.cuts import edges_cut, held_constant
from derive.testing.variants.edited import closed_forms, intermediates, other_forms, other_forward_passes, stages
from derive.testing.variants.evaluate import Array
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observation, Observed, close
from derive.testing.variants.other_layers import other_layers
from derive.testing.variants.pairs import behind_intermediates, beside_factors, in_two_terms, twice_in_a_term
from derive.testing.variants.parameters import parameters
from derive.testing.variants.quantities import other_quantities
from derive.testing.variants.summed import other_sums, parts_of_sums
from derive.testing.variants.trees import tidied
from derive.testing.variants.variant import Candidate, Family, Variant

__all__ = ["Diagnosis", "Observation", "diagnose"]

ARRANGED: tuple[Family, ...] = (other_quantities, arrangements)
"""What may have any shape."""

FORMULAS: tuple[Family, ...] = (
    held_constant, closed_forms, parts_of_sums, other_sums, intermediates, other_forms, stages,
)  # fmt: skip
"""Formulas with one edit, which are looked for in pairs too."""

EDITED: tuple[Family, ...] = (
    held_constant, parameters, closed_forms, parts_of_sums, other_sums, intermediates, other_forward_passes,
    other_forms, stages, edges_cut, ratios, other_layers,
)  # fmt: skip
"""Single edits, the likely ones first."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a function computes instead of a gradient: in words, the number of edits, its closed form if it has one."""

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
    formulas = Formulas(derivation, of)
    end = process_time() + seconds
    cases = [Observed(formulas, one, observations, end) for one in observations]
    if not all(one.finite for one in cases) or not any(one.wrong for one in cases):
        return None
    with np.errstate(all="ignore"):
        try:
            return _Search(formulas).of(cases)
        except TooLong:
            return None


class _Search:
    """A search for what was found."""

    def __init__(self, formulas: Formulas) -> None:
        self.formulas = formulas

    def of(self, cases: Sequence[Observed]) -> Diagnosis | None:
        sieve = min((one for one in cases if one.wrong), key=lambda one: one.tells_little)
        found = self._single(ARRANGED, cases, sieve)
        if found is None and any(case.found.shape != case.true.shape for case in cases):
            return self._of_wrong_shape(cases)
        found = found or self._edited(cases, sieve)
        return None if found is None else self._said(found)

    def _single(self, families: Sequence[Family], cases: Sequence[Observed], sieve: Observed) -> Variant | None:
        found = (_likeliest(family(self.formulas, sieve), cases, sieve) for family in families)
        return next(filter(None, found), None)

    def _edited(self, cases: Sequence[Observed], sieve: Observed) -> Variant | None:
        """The likeliest variant with one edit, or else with two."""
        singles: list[Candidate] = []
        for family in EDITED:
            candidates = list(family(self.formulas, sieve))
            found = _likeliest(candidates, cases, sieve)
            if found is not None:
                return found
            if family in FORMULAS:
                singles += (one for one in candidates if one[1].shape == sieve.shape and np.all(np.isfinite(one[1])))
        pairs = (
            beside_factors(self.formulas, sieve, singles),
            in_two_terms(sieve, singles),
            behind_intermediates(self.formulas, sieve),
            twice_in_a_term(self.formulas, sieve),
        )
        return next(filter(None, (_likeliest(candidates, cases, sieve) for candidates in pairs)), None)

    # --- wrong shapes --------------------------------------------------------------------------------------------

    def _of_wrong_shape(self, cases: Sequence[Observed]) -> Diagnosis | None:
        """What the arrays are once their shape is put right."""
        name = gradient_name(self.formulas.of)
        for one in undone(cases[0]):
            right = _put_right(one.kind, cases)
            if right is None:
                continue
            if not any(case.wrong for case in right):
                return Diagnosis(f"{name} is right, but {one.words}", 1)
            found = self.of(right)
            if found is not None:
                return replace(found, words=f"{found.words}; and {name} is {one.words}", edits=found.edits + 1)
        return None

    # --- what is said --------------------------------------------------------------------------------------------

    def _said(self, variant: Variant) -> Diagnosis:
        if variant.formula is None:
            return Diagnosis(variant.words(), variant.edits)
        notation, tree = self.formulas.derivation.notation, tidied(self.formulas.spelled(variant.formula))
        return Diagnosis(variant.words(), variant.edits, notation.text(tree), notation.latex(tree))


def _likeliest(candidates: Iterable[Candidate], cases: Sequence[Observed], sieve: Observed) -> Variant | None:
    """Of the variants that fit everywhere, the one with the lowest rank; of these, the first."""
    fitting: list[Variant] = []
    for variant, values in candidates:
        sieve.tick()
        if _fits(values, sieve) and all(_fits(variant.values(case), case) for case in cases):
            fitting.append(variant)
    return min(fitting, key=lambda one: one.rank(), default=None)


def _fits(values: Array | None, case: Observed) -> bool:
    return values is not None and close(values, case.found, case.tolerance)


def _put_right(kind: object, cases: Sequence[Observed]) -> list[Observed] | None:
    """The cases with their shapes put right in the same way, None if that does not suit all of them."""
    ways: list[Undone | None] = [next((one for one in undone(case) if one.kind == kind), None) for case in cases]
    if None in ways:
        return None
    seen = [replace(case.seen, found=one.put_right(case.found)) for case, one in zip(cases, ways, strict=True) if one]
    return [Observed(case.formulas, one, seen, case.end) for case, one in zip(cases, seen, strict=True)]
