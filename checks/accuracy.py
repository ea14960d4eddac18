"""How accurate the closed form of every layer is, as a table, and whether it is as accurate as is promised.

Run it with `python checks/accuracy.py`; it needs nothing but the package. The error is measured against 60 digits, over
the natural magnitude of each gradient, worst of all gradients and draws. Promised are, in machine epsilons ε of float64
and of float32: 4 on data near zero (κ = offset/scale up to 1) of every scale and size, and 2κ past that. A layer added
under `derive/layers/` is covered without a change here. Exit code: 0 all promises kept, 1 not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isnan

from derive import layers
from derive.derivation import Derivation, derive
from derive.numeric.accuracy import FULL, Measured, Source, measure
from derive.numeric.settings import EPSILON, KAPPAS, Setting, sweep

NEAR, FAR = 4.0, 2.0
CLOSED, CANCELS = "closed form", "sums multiplied out"

COLUMNS = (*((kappa, 1.0) for kappa in KAPPAS), (None, 1e-6), (None, 1e6))

SQUARES: Mapping[str, float] = {"syncbatchnorm": 4.0}
"""Layers that take E[x²] − E[x]² for the variance, because workers send sums: κ² in place of κ, and by what factor."""

EXPONENTIALS = frozenset({"log-softmax", "softmax", "softmax-cross-entropy"})
"""Layers that, as they are stated, take e^x of large x and have no number there. A program subtracts max x first."""

LARGEST_EXPONENT: Mapping[str, float] = {"float64": 700.0, "float32": 80.0}


def settings() -> Iterator[Setting]:
    """The sweep of each dtype, and its scales for centred data too."""
    for dtype in FULL:
        every = sweep(dtype)
        yield from dict.fromkeys((*every, *(replace(one, kappa=0.0) for one in every if one.kappa == 1.0)))


def promised(name: str, at: Setting) -> float:
    """The largest error that is allowed, in machine epsilons; infinity where there may be no number."""
    if name in EXPONENTIALS and at.scale * max(at.kappa, 1.0) > LARGEST_EXPONENT[at.dtype]:
        return float("inf")
    kappa = max(at.kappa, 1.0)
    if name in SQUARES:
        return NEAR * SQUARES[name] * kappa**2
    return NEAR if kappa == 1.0 else FAR * kappa


def failures(name: str, found: Sequence[Measured]) -> Iterator[str]:
    """What is not as promised, one sentence each. Nothing measured counts as a failure."""
    closed = [one for one in found if one.form == CLOSED]
    for dtype in FULL:
        if not any(one.setting.dtype == dtype for one in closed):
            yield f"nothing was measured in {dtype}"
    for one in closed:
        most = promised(name, one.setting)
        # An error of the whole gradient is as bad as no number.
        useless = most * EPSILON[one.setting.dtype] >= 1
        if not useless and not one.scaled <= most * EPSILON[one.setting.dtype]:
            yield f"d{one.gradient}: {epsilons(one):.1f} machine epsilons, more than {most:.0f}, for {one.setting}"


def epsilons(one: Measured) -> float:
    return one.scaled / EPSILON[one.setting.dtype]


def worst(found: Sequence[Measured], form: str, dtype: str, column: tuple[float | None, float]) -> str:
    """The worst error of a form for a κ, or for every κ there is at a scale; – where none was measured."""
    kappa, scale = column
    errors = [
        one.scaled
        for one in found
        if (one.form, one.setting.dtype, one.setting.scale) == (form, dtype, scale)
        and kappa in {None, one.setting.kappa}
    ]
    if not errors:
        return "–"
    return "NaN" if any(map(isnan, errors)) else f"{max(errors):.0e}"


def check(derivation: Derivation) -> int:
    """Prints the layer's lines of the table and one line for each broken promise. The number of these."""
    source = Source(derivation.graph, derivation.staged, derivation.claims)
    found = measure(source, settings(), frameworks=False)
    name = derivation.layer.name
    for form in dict.fromkeys(one.form for one in found if one.form in {CLOSED, CANCELS}):
        for dtype in FULL:
            print(f"{name:22}{form:20}{dtype:8}", *(f"{worst(found, form, dtype, one):>7}" for one in COLUMNS))
    wrong = list(failures(name, found))
    for sentence in wrong:
        print(f"  {sentence}")
    return len(wrong)


def main() -> int:
    heads = (f"κ={kappa:g}" if kappa is not None else f"s={scale:g}" for kappa, scale in COLUMNS)
    print(f"{'error for κ or scale s':50}", *(f"{head:>7}" for head in heads))
    return 1 if sum(check(derive(name)) for name in layers.names()) else 0


if __name__ == "__main__":
    sys.exit(main())
