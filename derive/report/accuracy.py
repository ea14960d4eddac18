"""The accuracy of a layer's gradients as plain data, ready for any writer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from derive.accuracy import measured as measure_all
from derive.numeric import accuracy as numeric
from derive.numeric.settings import BASE, EPSILON, counted_over, data_of
from derive.report.derivation import versions

if TYPE_CHECKING:
    from derive.derivation import Derivation
    from derive.numeric.accuracy import Measured

__all__ = ["AccuracyLine", "AccuracyReport", "accuracy"]


@dataclass(frozen=True, slots=True)
class AccuracyLine:
    """The worst errors of one form for one gradient on one kind of data: scale · (κ + normal), m to a statistic.

    `relative` is max|error| / max|gradient|, `scaled` max|error| over the gradient's natural magnitude; None where a
    draw gave no finite number.
    """

    form: str
    gradient: str
    dtype: str
    kappa: float
    scale: float
    m: int
    draws: int
    relative: float | None
    scaled: float | None


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """All that was measured for a layer.

    `base` is the κ, scale and m from which one at a time is varied; `counted` names the sizes whose product m is;
    `gradients` has those of data first, and `data` says how many they are; `epsilons` gives machine epsilon of each
    dtype there is; `wrong` names the gradients whose closed form is another function, which no dtype is to blame for.
    """

    layer: str
    title: str
    digits: int
    base: tuple[float, float, int]
    counted: tuple[str, ...]
    gradients: tuple[str, ...]
    data: int
    forms: tuple[str, ...]
    epsilons: tuple[tuple[str, float], ...]
    lines: tuple[AccuracyLine, ...]
    wrong: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    stable: bool

    @property
    def verdict(self) -> str:
        return "failed" if self.wrong else "passed"


def accuracy(derivation: Derivation, *, stable: bool = False) -> AccuracyReport:
    """Measures the layer's gradients and reports them.

    With `stable` errors are rounded up to a power of 10, and no versions are given. Raises `VectorizeError` for a layer
    without array form.
    """
    source = numeric.Source(derivation.graph, derivation.staged, derivation.claims)
    measured = measure_all(derivation)
    data = data_of(source.graph)
    names = list(dict.fromkeys(one.gradient for one in measured))
    dtypes = {one.setting.dtype for one in measured}
    return AccuracyReport(
        layer=derivation.layer.name,
        title=derivation.layer.title,
        digits=numeric.DIGITS,
        base=(BASE.kappa, BASE.scale, BASE.m),
        counted=counted_over(source.graph),
        gradients=tuple(f"d{name}" for name in sorted(names, key=lambda name: name not in data)),
        data=sum(name in data for name in names),
        forms=tuple(dict.fromkeys(one.form for one in measured)),
        epsilons=tuple((dtype, eps) for dtype, eps in EPSILON.items() if dtype in dtypes),
        lines=tuple(_line(one, stable=stable) for one in measured),
        wrong=tuple(f"d{name}" for name in numeric.refuted(source)),
        versions=() if stable else (*versions(), *_frameworks(one.form for one in measured)),
        stable=stable,
    )


def _line(one: Measured, *, stable: bool) -> AccuracyLine:
    at = one.setting
    relative, scaled = (_number(value, stable=stable) for value in (one.relative, one.scaled))
    return AccuracyLine(one.form, f"d{one.gradient}", at.dtype, at.kappa, at.scale, at.m, one.draws, relative, scaled)


def _number(value: float, *, stable: bool) -> float | None:
    if not math.isfinite(value):
        return None
    return 10.0 ** math.ceil(math.log10(value)) if stable and value > 0 else value


PACKAGES = {"autograd": "autograd", "JAX": "jax", "PyTorch": "torch"}
"""By the first word of a form, the package that computes it."""


def _frameworks(forms: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(form.partition(" ")[0] for form in forms):
        if name in PACKAGES:
            with suppress(PackageNotFoundError):
                yield name, version(PACKAGES[name])
