"""The numerical cross-check: claimed closed forms against oracles, on data that tells right from wrong.

Promises: the loss is weighted with a random upstream gradient, and every scale of the layer is random and not
constant, since with Σy or γ = 1 wrong gradients pass. The tolerance of a comparison is the rounding error that the two
programs can have on that data, by a running error analysis, so it follows the dtype, m and the conditioning. A case
whose bound exceeds USELESS of the gradient's natural magnitude proves nothing and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from random import Random

import numpy as np
from sympy import Expr, Integer

from derive.errors import DeriveError
from derive.graph import Graph, Node
from derive.indices import name_of
from derive.layers.layer import Assignment, Gradient
from derive.numeric.backends import AUTOGRAD, JAX, TORCH
from derive.numeric.bounds import Bounded, bounded
from derive.numeric.draws import normal, varied
from derive.numeric.functions import Functions, adjoint_name, functions
from derive.numeric.oracles import AUTODIFF, autodiff, estimate, probes_of
from derive.numeric.program import Array, measure

__all__ = ["LARGEST", "USELESS", "NumericCheck", "as_assumed", "crosscheck"]

LARGEST = 10_000
"""The largest batch size that is tried; a larger m is checked at this one."""

USELESS = 0.02
"""A tolerance above this share of the natural magnitude could not tell a wrong factor from rounding."""

LONGEST = 8000
"""How many numbers of 60 digits one comparison may take."""

FEATURES = 4
"""The length of every axis but the batch's."""

SAFETY = 4.0
"""First-order bounds, and oracles that order the same operations another way, may be off by a small factor."""


@dataclass(frozen=True, slots=True)
class NumericCheck:
    """One comparison of a claimed gradient with an oracle.

    `max_relative_error` is max|error| / max|gradient|; `scaled_error` divides by the natural magnitude instead, for
    batch norm |γ| max|g| / s, which is not 0 where the gradient is. `passed` means `scaled_error` ≤ `tolerance`.
    `size` names the batch size, which is m here.
    """

    against: str
    quantity: str
    case: str
    size: str
    m: int
    dtype: str
    max_relative_error: float
    scaled_error: float
    tolerance: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What data to draw: data = offset + scale · normal, or all elements equal to `offset` if `scale` is 0.

    With a `sign` every number has that one.
    """

    m: int
    trailing: tuple[int, ...] = ()
    positive: float = 0.1
    offset: float = 0.5
    scale: float = 1.0
    dtype: str = "float64"
    note: str = ""
    sign: int | None = None


KINDS = (
    (0.5, 1.0, ""),
    (1e4, 1.0, "offset 1e4 × scale"),
    (0.0, 1e-6, "scale 1e-6"),
    (0.0, 1e6, "scale 1e6"),
    (3.0, 0.0, "constant batch"),
)
"""Offset and scale of the data, and what to call it."""


def crosscheck(  # noqa: PLR0913, PLR0917
    graph: Graph,
    staged: tuple[Assignment, ...],
    gradients: tuple[Gradient, ...],
    m: int | None,
    thorough: bool = False,  # noqa: FBT001, FBT002
    seed: int = 0,
) -> tuple[NumericCheck, ...]:
    """Compares the claimed closed forms of a layer with the oracles.

    Plain: a few cases at batch size m (5 if None). Thorough: hard data, small and large m, float32, every oracle.
    A case without a defined forward pass gives no checks, so no checks at all means that nothing was verified.
    """
    made = functions(graph, staged, gradients)
    cases = _hard(graph, m) if thorough else _representative(graph, m)
    with np.errstate(all="ignore"):
        rounds = [_compare(made, case, _rng(seed, number), thorough=thorough) for number, case in enumerate(cases)]
        return tuple(check for check in chain.from_iterable(rounds) if not _vacuous(check))


def _vacuous(check: NumericCheck) -> bool:
    """Whether nothing could have failed: the gradient has no size along that probe."""
    return check.passed and math.isinf(check.tolerance)


def _rng(seed: int, number: int) -> Random:
    """Each case draws its own numbers, so that adding a case changes no other."""
    return Random(1_000_003 * seed + number)  # noqa: S311


def _batch(graph: Graph) -> Expr | None:
    """The size that is the batch size: the one named m, or else the first of the layer."""
    sizes = list(dict.fromkeys(size for node in graph.nodes.values() for size in node.shape))
    return next((size for size in sizes if str(size) == "m"), sizes[0] if sizes else None)


def _representative(graph: Graph, m: int | None) -> Iterator[Case]:
    asked = 5 if m is None else m
    batch = _batch(graph)
    size = int(batch) if isinstance(batch, Integer) else min(asked, LARGEST)
    note = f"m capped, {asked} asked" if asked > size else ""
    yield Case(size, (), 0.1, note=note)
    yield Case(size, (3,), 1e-5, note=note)


def _hard(graph: Graph, m: int | None) -> Iterator[Case]:
    first, *others = _representative(graph, m)
    yield from (first, *others, replace(first, trailing=(2, 2), note="rank 3"))
    plain, *hard = KINDS
    sizes = [first.m] if isinstance(_batch(graph), Integer) else [1, 2, 3, 4, 1000]
    data = [*product(sizes, [plain]), *product([first.m], hard)]
    for (size, (offset, scale, note)), positive, dtype in product(data, (0.1, 1e-5, 0.0), ("float64", "float32")):
        yield Case(size, (), positive, offset, scale, dtype, note)


@dataclass(frozen=True, slots=True)
class Trial:
    """One case with its data: both gradients, the bounds on their rounding, and what is known of the data."""

    made: Functions
    case: Case
    g: Array
    inputs: tuple[Array, ...]
    claimed: dict[str, Array]
    claimed_bounds: dict[str, Bounded]
    staged_bounds: dict[str, Bounded]


def _compare(made: Functions, case: Case, rng: Random, *, thorough: bool) -> Iterator[NumericCheck]:
    """Every oracle on one case."""
    state = rng.getstate()
    trial = _trial(made, case, rng)
    if not _defined(trial):
        # A root or a logarithm may ask for positive inputs; the same draw, without its signs.
        rng.setstate(state)
        trial = _trial(made, replace(case, sign=1), rng)
    if not _defined(trial):
        return
    told = [name for name in _checked(trial) if _tells(trial, name)]
    yield from (_staged(trial, name) for name in told)
    for name in told:
        probes = probes_of(np.shape(trial.claimed[name]), rng)
        yield from (_along(trial, oracle, name, probes) for oracle in _methods(case, thorough=thorough))
    for oracle in _libraries(thorough=thorough):
        found = dict(zip(made.names, autodiff(oracle, made.forward_program, trial.g, trial.inputs), strict=True))
        yield from (_whole(trial, oracle, name, found[name], trial.staged_bounds[name].error) for name in told)


def _checked(trial: Trial) -> list[str]:
    """The inputs with a claimed gradient; oracles give no gradient for an intermediate."""
    names = [name for name in trial.made.claimed if name in trial.made.names]
    lost = [name for name in names if name not in trial.staged_bounds]
    if lost:
        raise DeriveError(
            f"{adjoint_name(trial.made.graph, lost[0])} is claimed, but no step assigns it. Add its step."
        )
    return names


def _methods(case: Case, *, thorough: bool) -> tuple[str, ...]:
    """The oracles that work along probes. 60 digits cost too much for plain checks of anything but a small vector."""
    truth = case.m <= 8 and not case.trailing
    return ("finite differences", "complex step", *(["mpmath"] if truth or thorough else []))


def _libraries(*, thorough: bool) -> list[str]:
    """The automatic differentiation libraries to use: none in a plain check, which is over before they are imported."""
    wanted = (AUTOGRAD, TORCH, JAX) if thorough else ()
    return [backend.name for backend in wanted if backend.name in AUTODIFF and backend.installed]


def _trial(made: Functions, case: Case, rng: Random) -> Trial:
    inputs = tuple(_draw(made.graph, node, case, rng) for node in made.graph.inputs)
    g = _like(normal(_output_shape(made, inputs), rng), case)
    claimed = made.backward(_cast(g, case), *(_cast(array, case) for array in inputs))
    claimed_bounds, staged_bounds = _bounds(made, case, g, inputs)
    return Trial(made, case, g, inputs, claimed, claimed_bounds, staged_bounds)


def _bounds(
    made: Functions, case: Case, g: Array, inputs: Sequence[Array]
) -> tuple[dict[str, Bounded], dict[str, Bounded]]:
    """Both sets of gradients with error bounds: claimed ones in the dtype of the case, staged ones in float64."""

    def run(dtype: str, *, closed: bool) -> dict[str, Bounded]:
        unit = float(np.finfo(dtype).eps) / 2
        marked = Bounded(g, 0.0, np.abs(g), unit)
        given = [Bounded(np.asarray(array, float), np.zeros(()), None, unit) for array in inputs]
        under = made.on(bounded(unit))
        return under.backward(marked, *given) if closed else under.staged(marked, *given)

    return run(case.dtype, closed=True), run("float64", closed=False)


def _draw(graph: Graph, node: Node, case: Case, rng: Random) -> Array:
    """An input. A positive number (ε) is the case's; a tensor of the output's shape is data; the rest is of size 1."""
    if not node.shape and node.target.is_positive:
        return float(_like(np.asarray(case.positive), case))
    shape = (*_lengths(graph, node, case.m), *case.trailing)
    data = node.shape and node.shape == graph.output.shape
    drawn = case.offset + case.scale * normal(shape, rng) if data else varied(shape, rng)
    signed = drawn if case.sign is None else case.sign * np.abs(drawn)
    return _like(as_assumed(graph, node, signed), case)


def as_assumed(graph: Graph, node: Node, array: Array) -> Array:
    """`array` shifted so that what the layer assumes of this input holds, up to the rounding of the case's dtype."""
    for one in graph.layer.assumptions:
        if name_of(one.of) == node.name:
            axis = one.of.indices.index(one.over)
            array = array + (1 - np.sum(array, axis, keepdims=True)) / array.shape[axis]
    return array


def _lengths(graph: Graph, node: Node, m: int) -> tuple[int, ...]:
    """m for the batch size, FEATURES for other sizes, numbers as they are."""
    batch = _batch(graph)
    return tuple(_length(size, batch, m) for size in node.shape)


def _length(size: Expr, batch: Expr | None, m: int) -> int:
    if isinstance(size, Integer):
        return int(size)
    return m if size == batch else FEATURES


def _like(array: Array, case: Case) -> Array:
    """Values that the case's dtype holds exactly, in float64."""
    return np.asarray(array, dtype=case.dtype).astype(float)


def _cast(array: Array, case: Case) -> Array:
    return array if isinstance(array, float) else np.asarray(array, dtype=case.dtype)


def _output_shape(made: Functions, inputs: Sequence[Array]) -> tuple[int, ...]:
    sizes, trailing = measure(made.forward_program.inputs, [np.shape(array) for array in inputs])
    return (*(sizes[size] for size in made.graph.output.shape), *trailing)


def _tells(trial: Trial, name: str) -> bool:
    """Whether the data is defined and rounding small enough for a comparison to mean something."""
    if trial.case.note == "" and trial.case.positive > 0 and trial.case.dtype == "float64":
        return True
    scale = float(np.max(trial.staged_bounds[name].size_of))
    errors = [float(np.max(bounds[name].error)) for bounds in (trial.claimed_bounds, trial.staged_bounds)]
    return bool(np.isfinite(scale)) and all(SAFETY * error <= USELESS * scale for error in errors)


def _defined(trial: Trial) -> bool:
    """Whether the forward pass is: with ε = 0 a constant batch has a root of 0."""
    (output,) = trial.made.on(bounded(1e-16)).forward_program(*trial.inputs)
    return bool(np.all(np.isfinite(output.error)))


def _staged(trial: Trial, name: str) -> NumericCheck:
    other = trial.staged_bounds[name]
    return _whole(trial, "staged reverse mode", name, other.value, other.error)


def _whole(trial: Trial, against: str, name: str, reference: Array, bound: Array) -> NumericCheck:
    """A comparison with a gradient that is known in every element."""
    total = _most(trial.claimed_bounds[name].error) + _most(bound)
    return _check(trial, (against, name), np.asarray(trial.claimed[name], dtype=float), reference, total)


def _along(trial: Trial, against: str, name: str, probes: Array) -> NumericCheck:
    """A comparison along probes, with 60 digits along as many as LONGEST numbers allow."""
    if against == "mpmath":
        probes = probes[: max(1, LONGEST // (2 * trial.g.size))]
    position = trial.made.names.index(name)
    values, known = estimate(against, trial.made.forward_program, trial.g, trial.inputs, position, probes)
    own = _contract(probes, np.asarray(trial.claimed[name], dtype=float))
    staged = _contract(np.abs(probes), trial.staged_bounds[name].error)
    bound = staged if known is None else known
    # Whatever the oracle, its sum over the loss is rounded, even of a gradient that is only handed on.
    rounded = np.finfo(float).eps * np.abs(np.asarray(values, dtype=float))
    total = _contract(np.abs(probes), trial.claimed_bounds[name].error) + bound + rounded
    return _check(trial, (against, name), own, values, _most(total))


def _contract(probes: Array, array: Array) -> Array:
    full = np.broadcast_to(array, probes.shape[1:])
    return np.sum(probes * full, axis=tuple(range(1, probes.ndim)))


def _most(array: Array) -> float:
    return float(np.max(array))


def _check(trial: Trial, names: tuple[str, str], own: Array, reference: Array, bound: float) -> NumericCheck:
    """The verdict on two arrays of the same derivatives; `names` are the oracle and the quantity."""
    case, scale = trial.case, _most(trial.staged_bounds[names[1]].size_of)
    error = float(np.max(np.abs(own - reference)))
    relative = ratio(error, _most(np.abs(reference)))
    scaled, tolerance = ratio(error, scale), ratio(SAFETY * bound, scale)
    passed = scaled <= tolerance
    size = str(_batch(trial.made.graph) or "m")
    return NumericCheck(*names, _text(trial), size, case.m, case.dtype, relative, scaled, tolerance, passed)


def ratio(error: float, scale: float) -> float:
    """error / scale, where no error is no error beside 0. What is not a number stays so, and passes no comparison."""
    if error == 0:
        return 0.0
    return error / scale if scale > 0 else math.inf * error


def _text(trial: Trial) -> str:
    shape = np.shape(trial.g)
    small = [f"{node.name} = {trial.case.positive:g}" for node in trial.made.graph.inputs if _is_small(node)]
    return ", ".join([f"shape {shape}", *small, *([trial.case.note] if trial.case.note else [])])


def _is_small(node: Node) -> bool:
    return not node.shape and bool(node.target.is_positive)
