"""How accurate a layer's gradients are: the error of each way to compute them against 60 digits, over kinds of data.

Promises: the truth is the derived backward pass, reverse mode step by step, in 60 decimal digits on the very numbers
that the dtype holds: only the rounding of a computation is measured, and no claim is trusted. Of several draws the
worst counts. Two measures: max|error| / max|gradient|, and max|error| over the natural magnitude of `bounds`, which is
not 0 where the gradient is. A computation that gives no finite number gives nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from random import Random

import numpy as np

from derive.errors import VectorizeError
from derive.graph import Graph, build
from derive.layers.layer import Assignment, Gradient
from derive.numeric.backends import AUTOGRAD, JAX, MPMATH, TORCH
from derive.numeric.bounds import Bounded, bounded
from derive.numeric.crosscheck import ratio
from derive.numeric.functions import Functions, functions
from derive.numeric.multiplied_out import multiplied_out
from derive.numeric.natives import Native, native_of
from derive.numeric.oracles import DIGITS, autodiff, through_torch
from derive.numeric.program import Array
from derive.numeric.settings import BASE, Draw, Sample, Setting, sweep

__all__ = [
    "ALL",
    "DIGITS",
    "DRAWS",
    "FULL",
    "Form",
    "Measured",
    "Source",
    "Truth",
    "forms_of",
    "measure",
    "refuted",
    "truth_of",
]

FULL, ALL = ("float64", "float32"), ("float64", "float32", "float16", "bfloat16")
"""The dtypes that NumPy's forms are for, and those that frameworks compute in besides."""

DRAWS, NUMBERS = 8, 4096
"""How often data is drawn for a setting, as far as that many numbers last; once in any case."""

WRONG = 1e-40
"""A claim that differs from the derived gradient by more than this, in 60 digits, is another function."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is measured: the layer's graph, its reverse-mode steps, and its closed forms."""

    graph: Graph
    staged: tuple[Assignment, ...]
    gradients: tuple[Gradient, ...]

    def functions(self) -> Functions:
        return functions(self.graph, self.staged, self.gradients)


@dataclass(frozen=True, slots=True)
class Measured:
    """The worst error of one form for one gradient in one setting, over that many draws. nan: a draw gave no number."""

    form: str
    gradient: str
    setting: Setting
    draws: int
    relative: float
    scaled: float


@dataclass(frozen=True, slots=True)
class Form:
    """A way to compute the gradients: the dtypes it computes in, and the gradients by the name of their input."""

    name: str
    dtypes: tuple[str, ...]
    gradients: Callable[[Sample], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Truth:
    """The gradients of a sample in 60 digits, the largest element of each, and its natural magnitude."""

    values: Mapping[str, Array]
    largest: Mapping[str, float]
    natural: Mapping[str, float]


# --- truth -------------------------------------------------------------------------------------------------------


def truth_of(made: Functions, sample: Sample) -> Truth | None:
    """None where the layer is not defined: a division by 0, the root of a negative number."""
    g, *inputs = map(_exact, (sample.g, *sample.inputs))
    # Magnitudes are those of the closed form, whose terms do not cancel more than the gradient does; in 60 digits too,
    # because in float64 they would be as wrong as a variance that cancelled.
    given = [Bounded(array, 0.0, None, 0.0) for array in inputs]
    try:
        with _digits():
            values = made.on(MPMATH).staged(g, *inputs)
            sizes = made.on(bounded(0.0, MPMATH)).backward(Bounded(g, 0.0, np.abs(g), 0.0), *given)
    except ZeroDivisionError:
        return None
    if not all(map(_is_real, values.values())):
        return None
    largest = {name: _most(array) for name, array in values.items()}
    return Truth(values, largest, {name: _most(one.size_of) for name, one in sizes.items()})


def _digits() -> AbstractContextManager[None]:
    context: AbstractContextManager[None] = import_module("mpmath").mp.workdps(DIGITS)
    return context


def _exact(array: Array) -> Array:
    """The same numbers in 60 digits."""
    return np.asarray(np.frompyfunc(import_module("mpmath").mp.mpf, 1, 1)(array), dtype=object)


def _is_real(array: Array) -> bool:
    mpmath = import_module("mpmath")
    return all(isinstance(one, mpmath.mpf) and mpmath.isfinite(one) for one in np.asarray(array, dtype=object).flat)


def _most(array: Array) -> float:
    return float(np.max(np.abs(array)))


# --- forms -------------------------------------------------------------------------------------------------------


def forms_of(
    source: Source, made: Functions, *, others: Iterable[Form] = (), frameworks: bool = True
) -> tuple[Form, ...]:
    """Every way to compute the layer's gradients: NumPy's and the `others`, then those of installed frameworks."""
    own = (
        Form("closed form", FULL, _in_numpy(made.backward)),
        Form("staged", FULL, _in_numpy(made.staged)),
        *others,
        *_cancelling(source),
    )
    libraries = ((one, dtypes) for one, dtypes in LIBRARIES if one.installed)
    autodiffs = (Form(f"{one.name} (autodiff)", dtypes, _by_autodiff(one.name, made)) for one, dtypes in libraries)
    return (*own, *autodiffs, *_native(made)) if frameworks else own


LIBRARIES = ((AUTOGRAD, FULL), (JAX, (*FULL, "bfloat16")), (TORCH, ALL))
"""The libraries that differentiate the forward pass themselves, and the dtypes they compute in."""


def _in_numpy(method: Callable[..., Mapping[str, Array]]) -> Callable[[Sample], Mapping[str, Array]]:
    def run(sample: Sample) -> Mapping[str, Array]:
        # A Python number takes the dtype of the arrays.
        cast = [one if isinstance(one, float) else one.astype(sample.dtype) for one in (sample.g, *sample.inputs)]
        return method(*cast)

    return run


def _cancelling(source: Source) -> Iterator[Form]:
    """The closed form with its sums and those of the forward pass multiplied out, if that changes anything."""
    layer = replace(source.graph.layer, gradients=source.gradients)
    other = multiplied_out(layer)
    if other is not layer:
        with suppress(VectorizeError):
            made = functions(build(other), source.staged, other.gradients)
            yield Form("sums multiplied out", FULL, _in_numpy(made.backward))


def _by_autodiff(name: str, made: Functions) -> Callable[[Sample], Mapping[str, Array]]:
    def run(sample: Sample) -> Mapping[str, Array]:
        found = autodiff(name, made.forward_program, sample.g, sample.inputs, sample.dtype)
        return dict(zip(made.names, found, strict=True))

    return run


def _native(made: Functions) -> Iterator[Form]:
    for sample, _ in _drawn(made, BASE, 1):
        native = native_of(made.graph, sample.inputs, made.forward(*sample.inputs))
        if native is not None:
            yield Form(native.name, ALL, _through(native, made.names))


def _through(native: Native, names: tuple[str, ...]) -> Callable[[Sample], Mapping[str, Array]]:
    def run(one: Sample) -> Mapping[str, Array]:
        return dict(zip(names, through_torch(native.output, one.g, one.inputs, one.dtype), strict=True))

    return run


# --- measuring ---------------------------------------------------------------------------------------------------


def measure(
    source: Source,
    settings: Iterable[Setting] | None = None,
    *,
    draws: int = DRAWS,
    others: Iterable[Form] = (),
    frameworks: bool = True,
) -> tuple[Measured, ...]:
    """The errors of every form in each of the settings that its dtype allows; without settings, in the whole sweep.

    A setting in which the layer is not defined is left out.
    """
    made = source.functions()
    forms = forms_of(source, made, others=others, frameworks=frameworks)
    kinds = {dtype for form in forms for dtype in form.dtypes}
    wanted = (one for dtype in ALL for one in sweep(dtype)) if settings is None else settings
    with np.errstate(all="ignore"):
        return tuple(
            one for setting in wanted if setting.dtype in kinds for one in _measured(made, forms, setting, draws)
        )


def _measured(made: Functions, forms: tuple[Form, ...], setting: Setting, draws: int) -> Iterator[Measured]:
    known = list(_drawn(made, setting, draws))
    for form in forms:
        errors = [_errors(form, *pair) for pair in known if setting.dtype in form.dtypes]
        for name in made.claimed:
            found = [one[name] for one in errors if name in one]
            if found:
                relative, scaled = map(float, np.max(found, axis=0))
                yield Measured(form.name, name, setting, len(found), relative, scaled)


def _drawn(made: Functions, setting: Setting, draws: int) -> Iterator[tuple[Sample, Truth]]:
    """Samples with their truth, as many as the numbers last for."""
    count, number = draws, 0
    while number < count:
        for positive in (False, True):
            sample = Draw(made.graph, setting, Random(number), positive).sample()  # noqa: S311
            count = min(count, max(1, NUMBERS // sum(map(np.size, (sample.g, *sample.inputs)))))
            truth = truth_of(made, sample)
            if truth is not None:
                yield sample, truth
                break
        number += 1


def _errors(form: Form, sample: Sample, truth: Truth) -> dict[str, tuple[float, float]]:
    """Both measures for each gradient; none where a framework does not compute in the dtype."""
    try:
        found = form.gradients(sample)
    except RuntimeError:
        return {}
    return {
        name: (ratio(error, truth.largest[name]), ratio(error, truth.natural[name]))
        for name, exact in truth.values.items()
        if name in found and name in truth.natural
        for error in (_apart(found[name], exact),)
    }


def _apart(found: Array, exact: Array) -> float:
    """The largest difference, taken in 60 digits."""
    array = np.asarray(found, dtype=float)
    if not np.all(np.isfinite(array)):
        return math.nan
    with _digits():
        return _most(_exact(array) - exact)


def refuted(source: Source) -> tuple[str, ...]:
    """The gradients whose closed form is another function: it differs from the derived gradient in 60 digits."""
    made = source.functions()
    return tuple(dict.fromkeys(name for pair in _drawn(made, Setting(m=4), 2) for name in _wrong(made, *pair)))


def _wrong(made: Functions, sample: Sample, truth: Truth) -> Iterator[str]:
    with _digits():
        claimed = made.on(MPMATH).backward(_exact(sample.g), *map(_exact, sample.inputs))
        for name, found in claimed.items():
            if not _most(found - truth.values[name]) <= WRONG * truth.natural[name]:
                yield name
