"""All that is measured of a layer's accuracy: NumPy's forms, the emitted code, installed frameworks.

Promises: the emitted code is run as it is written out, on arrays of the dtype; what its backward pass takes of the
forward pass is what its own forward pass gave.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import numpy as np
from sympy import Symbol

from derive.code_names import code_name
from derive.derivation import Derivation
from derive.emit import emit, load, names
from derive.errors import DeriveError
from derive.indices import name_of
from derive.numeric.accuracy import FULL, Form, Measured, Source, measure
from derive.numeric.settings import Sample
from derive.testing.arrangement import Arrangement, axes_of

__all__ = ["emitted_forms", "measured"]

Array = Any
GROUPS = "groups"
"""What emitted code calls the number of groups, which arrays with all channels in one axis don't show."""


def measured(derivation: Derivation) -> tuple[Measured, ...]:
    """The whole sweep for a layer. Raises `VectorizeError` for one without array form."""
    source = Source(derivation.graph, derivation.staged, derivation.claims)
    return measure(source, others=tuple(emitted_forms(derivation)))


def emitted_forms(derivation: Derivation) -> Iterator[Form]:
    """The NumPy code that `derive-bn emit` writes for the layer's own axes; none where it writes none."""
    try:
        source = emit(derivation.layer, "numpy", tuple(size.name for size in derivation.graph.sizes))
    except DeriveError:
        return
    yield Form("emitted NumPy", FULL, _runner(derivation, source))


def _runner(derivation: Derivation, source: str) -> Callable[[Sample], Mapping[str, Array]]:
    """Runs both functions of a source, and puts what they return into the layer's own axes."""
    module, called, arrangement = load(source), names(derivation.layer), Arrangement(derivation.layer)
    forward, backward = getattr(module, called.forward), getattr(module, called.backward)
    returned, claimed = _returned(source, called.forward), {one.of for one in derivation.claims}
    of = [one for one in derivation.layer.inputs if one in claimed]

    def run(sample: Sample) -> Mapping[str, Array]:
        given, sizes = _given(arrangement, sample)
        outputs = _several(forward(*(given[name] for name in signature(forward).parameters)))
        upstream, *needed = signature(backward).parameters
        known = given | dict(zip(returned, outputs, strict=True))
        known[upstream] = arrangement.to_program(derivation.layer.output, sample.g).astype(sample.dtype)
        found = _several(backward(*(known[name] for name in (upstream, *needed))))
        return {name_of(one): arrangement.to_layer(one, each, sizes) for one, each in zip(of, found, strict=True)}

    return run


def _given(arrangement: Arrangement, sample: Sample) -> tuple[dict[str, Array], dict[str, int]]:
    """The inputs by the names of their parameters, as the program has them, and the length of every axis."""
    given: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for one, array in zip(arrangement.layer.inputs, sample.inputs, strict=True):
        sizes |= zip(axes_of(one), np.shape(array), strict=True)
        constant = isinstance(one, Symbol) and one.is_positive
        given[code_name(name_of(one))] = array if constant else arrangement.to_program(one, array).astype(sample.dtype)
    joined = arrangement.layer.joined
    return given | ({GROUPS: sizes[str(joined[0])]} if joined else {}), sizes


def _returned(source: str, name: str) -> list[str]:
    """The names of what a function of the source returns: y, mean and rstd, whatever shape they are given at last."""
    (function,) = (one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name == name)
    (value,) = (one.value for one in function.body if isinstance(one, ast.Return))
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return [ast.unparse(one).partition(".")[0] for one in parts if one is not None]


def _several(found: Array) -> tuple[Array, ...]:
    return found if isinstance(found, tuple) else (found,)
