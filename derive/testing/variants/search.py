"""The search for the variant that a function computes: families of variants in order, single edits before pairs.

Promises: what is found reproduces every observation, within rounding, and something was found to explain: the function
is clearly wrong in one. Of the variants of one family the likeliest is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from derive.testing.variants.arranged import arrangements, ratios
from derive.testing.variants.cuts import edges_cut, held_constant
from derive.testing.variants.edited import closed_forms, intermediates, other_forms, other_forward_passes, stages
from derive.testing.variants.evaluate import Array
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed, close
from derive.testing.variants.other_layers import other_layers
from derive.testing.variants.pairs import behind_intermediates, beside_factors, in_two_terms, twice_in_a_term
from derive.testing.variants.parameters import parameters
from derive.testing.variants.quantities import other_quantities
from derive.testing.variants.summed import other_sums, parts_of_sums
from derive.testing.variants.variant import Candidate, Family, Variant

__all__ = ["search"]

OF_ANY_SHAPE: tuple[Family, ...] = (other_quantities, arrangements)

FORMULAS: tuple[Family, ...] = (
    held_constant, closed_forms, parts_of_sums, other_sums, intermediates, other_forms, stages,
)  # fmt: skip
"""Formulas with one edit, which are looked for in pairs too."""

EDITED: tuple[Family, ...] = (
    held_constant, parameters, closed_forms, parts_of_sums, other_sums, intermediates, other_forward_passes,
    other_forms, stages, edges_cut, ratios, other_layers,
)  # fmt: skip
"""Single edits, the likely ones first."""


def search(formulas: Formulas, cases: Sequence[Observed]) -> Variant | None:
    """What was found in all cases, in one of which at least it is wrong; None if no variant fits.

    Raises `TooLong` when the time is used up.
    """
    sieve = min((one for one in cases if one.wrong), key=lambda one: one.tells_little)
    found = _first((family(formulas, sieve) for family in OF_ANY_SHAPE), cases, sieve)
    if found is not None or any(case.found.shape != case.shape for case in cases):
        return found
    singles: list[Candidate] = []
    return _first(_edited(formulas, sieve, singles), cases, sieve) or _first(
        _pairs(formulas, sieve, singles), cases, sieve
    )


def _edited(formulas: Formulas, sieve: Observed, kept: list[Candidate]) -> Iterator[list[Candidate]]:
    """The families with one edit; what is looked for in pairs too is kept."""
    for family in EDITED:
        candidates = list(family(formulas, sieve))
        if family in FORMULAS:
            kept += (one for one in candidates if one[1].shape == sieve.shape and np.all(np.isfinite(one[1])))
        yield candidates


def _pairs(formulas: Formulas, sieve: Observed, singles: Sequence[Candidate]) -> Iterator[Iterator[Candidate]]:
    yield beside_factors(formulas, sieve, singles)
    yield in_two_terms(sieve, singles)
    yield behind_intermediates(formulas, sieve)
    yield twice_in_a_term(formulas, sieve)


def _first(families: Iterable[Iterable[Candidate]], cases: Sequence[Observed], sieve: Observed) -> Variant | None:
    """The likeliest variant of the first family that has one that fits."""
    return next(filter(None, (_likeliest(family, cases, sieve) for family in families)), None)


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
