"""The right gradients of a layer on given data, and how far rounding may take a function from them.

Promises: the gradients are the proved closed forms, in 50 digits where float64 would not do. `tight` bounds the error
of the closed form in the function's dtype, whatever the order of its operations; `loose` that of the same mathematics
with every sum multiplied out, as E[x²] − E[x]² is, which cancels. Both are running error analyses of the very data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from derive.derivation import Derivation, derive
from derive.errors import VectorizeError
from derive.indices import name_of
from derive.layers.layer import Assignment, Layer, Quantity
from derive.numeric.backends import MPMATH, NUMPY, Backend
from derive.numeric.bounds import Bounded, bounded
from derive.numeric.functions import Functions, functions
from derive.numeric.multiplied_out import multiplied_out
from derive.numeric.program import Program, compile_program
from derive.testing.arrangement import Arrangement
from derive.testing.binding import root_of

__all__ = ["UNITS", "Known", "Truth", "truth_of"]

Array = Any
Data = Mapping[str, Array]
"""The inputs of the layer by name, over the layer's own axes, in float64."""

UNITS: Mapping[str, float] = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Half a unit in the last place of 1."""

WIDTHS: Mapping[str, str] = {"float64": "float64", "float32": "float32", "float16": "float16", "bfloat16": "float32"}
"""NumPy's dtype with the range of each."""

DIGITS = 50


@dataclass(frozen=True, slots=True)
class Known:
    """The right gradient for one input, and bounds on max|error|. `scale` is its natural magnitude.

    `overflows` says that the closed form, computed as it stands, has no value in the dtype.
    """

    value: Array
    tight: float
    loose: float
    scale: float
    overflows: bool


class Truth:
    """The layer's closed forms, compiled once for every way they are needed."""

    def __init__(self, arrangement: Arrangement) -> None:
        self.arrangement = arrangement
        self.derivation: Derivation = derive(arrangement.layer)
        self.made = _functions(self.derivation)

    @property
    def layer(self) -> Layer:
        return self.arrangement.layer

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs that have a gradient, in the order of the layer's inputs."""
        claimed = {name_of(claim.of) for claim in self.derivation.claims}
        return tuple(name for name in self.made.names if name in claimed)

    @cached_property
    def proved(self) -> bool:
        """Whether the kernel proves the closed forms for every size."""
        return all(verdict.label == "proved" for _, verdict in self.derivation.proof.verdicts)

    @cached_property
    def _loose(self) -> Functions:
        """The mathematics that cancels; the layer's own where nothing can be multiplied out in arrays."""
        layer = multiplied_out(replace(self.layer, gradients=self.derivation.claims))
        try:
            return _functions(derive(layer))
        except VectorizeError:
            return self.made

    @cached_property
    def _saved(self) -> tuple[tuple[str, ...], Program]:
        """Every intermediate, and the root if there is one, from the inputs."""
        root = root_of(self.arrangement)
        forward = (*self.layer.forward, *([root] if root is not None else []))
        targets = tuple(line.target for line in forward)
        return tuple(map(name_of, targets)), compile_program(tuple(self.layer.inputs), forward, targets)

    def quantity(self, name: str) -> Quantity:
        """An input, an intermediate, or the root under that name."""
        names, program = self._saved
        return self.arrangement.quantities[name] if name not in names else program.outputs[names.index(name)]

    def saved(self, data: Data) -> dict[str, Array]:
        """The intermediates on this data. What float64 has no value for, such as e^1000, is computed in 50 digits."""
        names, program = self._saved
        arrays = [data[name] for name in self.made.names]
        found = _finite_or_exact(lambda backend: program.on(backend)(*arrays))
        return dict(zip(names, found, strict=True))

    def defined(self, data: Data) -> bool:
        """Whether the layer has a value and gradients there: with ε = 0 a constant batch has a root of 0."""
        try:
            found = self.saved(data)
            gradients = self._exact(np.ones(np.shape(found[name_of(self.layer.output)])), data, digits=False)
        except (ZeroDivisionError, ValueError, TypeError, OverflowError):
            return False
        return all(np.all(np.isfinite(one)) for one in (*found.values(), *gradients.values()))

    def gradients(self, data: Data, upstream: Array, dtype: str, *, digits: bool = False) -> dict[str, Known]:
        """The right gradients for each input that has one, and their bounds in `dtype`.

        In float64 their own error is within `tight`, and far below it with 50 `digits`.
        """
        arrays = [data[name] for name in self.made.names]
        exact = self._exact(upstream, data, digits=digits)
        with np.errstate(all="ignore"):
            tight, loose = (_bounds(made, upstream, arrays, UNITS[dtype]) for made in (self.made, self._loose))
            plain = self.made.backward(*(np.asarray(one, dtype=WIDTHS[dtype]) for one in (upstream, *arrays)))
        return {
            name: Known(
                exact[name],
                most(tight[name].error),
                max(most(tight[name].error), most(loose[name].error)),
                most(tight[name].size_of),
                not np.all(np.isfinite(plain[name])),
            )
            for name in self.names
        }

    def _exact(self, upstream: Array, data: Data, *, digits: bool) -> dict[str, Array]:
        arrays = [data[name] for name in self.made.names]
        found = _finite_or_exact(
            lambda backend: tuple(self.made.on(backend).backward(upstream, *arrays)[name] for name in self.names),
            digits=digits,
        )
        return dict(zip(self.names, found, strict=True))


def _finite_or_exact(compute: Callable[[Backend], tuple[Array, ...]], *, digits: bool = False) -> tuple[Array, ...]:
    """In float64 if that has a value everywhere and digits are not asked for, else in many digits."""
    with np.errstate(all="ignore"):
        found = () if digits else compute(NUMPY)
    if found and all(np.all(np.isfinite(one)) for one in found):
        return found
    with import_module("mpmath").workdps(DIGITS), np.errstate(all="ignore"):
        return tuple(np.asarray(one, dtype=object).astype(float) for one in compute(MPMATH))


@lru_cache(maxsize=64)
def truth_of(arrangement: Arrangement) -> Truth:
    """The truth for an arrangement, compiled once."""
    return Truth(arrangement)


def _functions(derivation: Derivation) -> Functions:
    """The claims alone: reverse mode step by step is not needed here."""
    no_steps: tuple[Assignment, ...] = ()
    return functions(derivation.graph, no_steps, derivation.claims)


def _bounds(made: Functions, upstream: Array, arrays: list[Array], unit: float) -> dict[str, Bounded]:
    marked = Bounded(upstream, 0.0, np.abs(upstream), unit)
    given = [Bounded(np.asarray(array, float), np.zeros(()), None, unit) for array in arrays]
    return made.on(bounded(unit)).backward(marked, *given)


def most(array: Array) -> float:
    """The largest entry; infinity where one is no number, since then nothing is known."""
    found = float(np.max(array)) if np.size(array) else 0.0
    return found if np.isfinite(found) else float("inf")
