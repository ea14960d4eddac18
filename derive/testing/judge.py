"""Whether what a function returned is the right gradient: a tolerance from the conditioning of each case, none fixed.

Promises: a gradient is right if its error is one that rounding explains on that data, inaccurate if only mathematics
that cancels explains it (E[x²] − E[x]²), and wrong otherwise. Where rounding may take everything, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.testing.arrangement import Arrangement, MisfitError, Sizes
from derive.testing.call import Returned
from derive.testing.truth import Known

__all__ = ["SEVERITY", "Judged", "excused", "judge"]

Array = Any
SAFETY = 8.0
"""Bounds are of first order, and a function may order the same operations another way."""

USELESS = 0.5
"""A tolerance above this share of the natural magnitude tells nothing."""

SINGLE, SINGLE_UNIT = "it computes in float32", 2.0**29
"""What is said of a function whose results in float64 are numbers of float32, and how much larger its errors may be."""

SEVERITY = ("right", "nothing told", "inaccurate", "wrong", "not finite", "wrong dtype", "wrong shape", "missing")
"""From best to worst; from "wrong" on it is a failure."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One returned gradient in one case.

    `relative` is max|error| / max|gradient|, `scaled` max|error| / natural magnitude, `expected` the tolerance in that
    measure. `found` is the array over the layer's own axes, if it fits.
    """

    status: str
    relative: float | None = None
    scaled: float = 0.0
    expected: float = 0.0
    said: str = ""
    found: Array | None = None
    scale: float = 0.0

    @property
    def failed(self) -> bool:
        return SEVERITY.index(self.status) >= SEVERITY.index("wrong")


def judge(returned: Returned | None, of: str, where: tuple[Arrangement, Sizes], known: Known, dtype: str) -> Judged:
    """The verdict on what was returned for ∂L/∂`of`, in a case of that dtype."""
    if returned is None or returned.array is None:
        return Judged("missing", said="nothing is returned for it")
    arrangement, sizes = where
    try:
        found = arrangement.to_layer(arrangement.quantities[of], returned.array, sizes)
    except MisfitError as misfit:
        return Judged("wrong shape", said=str(misfit), found=returned.array)
    if returned.dtype != dtype and not (dtype == "float32" and returned.dtype == "float64"):
        return Judged("wrong dtype", said=f"its dtype is {returned.dtype} for {dtype} inputs", found=found)
    return _by_value(found, known, dtype)


def _by_value(found: Array, known: Known, dtype: str) -> Judged:
    if not np.all(np.isfinite(found)):
        return _not_finite(found, known)
    error = float(np.max(np.abs(found - known.value)))
    relative = ratio(error, float(np.max(np.abs(known.value))))
    scaled, expected, most = (ratio(one, known.scale) for one in (error, SAFETY * known.tight, SAFETY * known.loose))
    measures = {"relative": relative, "scaled": scaled, "expected": expected, "found": found, "scale": known.scale}
    if scaled <= expected:
        useless = expected > USELESS
        return Judged("nothing told" if useless else "right", **measures)
    if scaled <= most or not np.isfinite(most):
        return Judged("inaccurate", **measures)
    if dtype == "float64" and scaled <= expected * SINGLE_UNIT and np.array_equal(found, found.astype(np.float32)):
        return Judged("inaccurate", **measures, said=SINGLE)
    return Judged("wrong", **measures)


def excused(judged: Judged, others: Sequence[Judged | None]) -> Judged:
    """A wrong gradient as an inaccurate one, if arguments that differ by rounding alone move it as far as it is off."""
    if judged.status != "wrong" or judged.found is None:
        return judged
    spreads = [np.max(np.abs(one.found - judged.found)) for one in others if one is not None and one.found is not None]
    error = judged.scaled * judged.scale
    return replace(judged, status="inaccurate") if spreads and SAFETY * max(spreads) >= error else judged


def _not_finite(found: Array, known: Known) -> Judged:
    """Where the plain mathematics overflows, as e^x for a huge x, or cancels to nothing, it is a loss of accuracy."""
    kind = "NaN" if np.any(np.isnan(found)) else "infinite"
    if known.overflows or not np.isfinite(known.loose):
        return Judged("inaccurate", scaled=np.inf, said=f"it is {kind}: it overflows", found=found)
    if SAFETY * known.loose > USELESS * known.scale:
        return Judged("inaccurate", scaled=np.inf, said=f"it is {kind}: it cancels", found=found)
    return Judged("not finite", said=f"it is {kind}", found=found)


def ratio(error: float, scale: float) -> float:
    """error / scale, where no error is none beside 0 too."""
    if error == 0:
        return 0.0
    return error / scale if scale > 0 else float("inf")
