"""The battery: the fixed list of cases that a backward function is tested on, and the data of each.

Promises: seeded, so that two runs are the same; γ and the upstream gradient are random and nowhere constant, because a
sum loss or γ = 1 accepts wrong gradients; all axes have different lengths. `BATTERY` says in words what is tested.

The cases of a layer, in order:

- ranks 2, 3 and 4 (or the axes given), with ε = 0.1, 10⁻⁵ and, where the layer is defined there, 0; the whole Jacobian;
- 1, 2 and 3 elements under each mean; those with 1 and 2 say little on their own, since x̂ is then 0 or ±1;
- a large array, along random directions;
- non-contiguous, transposed and broadcast (read-only) arrays;
- data far from zero: offset/scale κ up to 10⁶, in float64 and float32;
- float32, and bfloat16 where the framework has it;
- zeros, constant data, huge and tiny values, an upstream gradient of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from derive.graph import Graph, Node
from derive.numeric.crosscheck import as_assumed
from derive.testing.arrangement import Arrangement
from derive.testing.frameworks import Framework

__all__ = ["Case", "Drawn", "battery", "draw"]

Array = Any
LENGTHS = (4, 3, 5, 2, 6, 7)
"""Lengths of the axes in the order of the layer, no two alike."""
LARGE = 2_600
"""Elements of the large array."""
LARGEST_JACOBIAN = 64
"""Elements of the output up to which each is the loss once; above, the upstream gradients are random alone."""
EPSILONS = (0.1, 1e-5, 0.0)
KAPPAS: Mapping[str, tuple[float, ...]] = {
    "float64": (1e2, 1e4, 1e6),
    "float32": (1e1, 1e2, 1e3, 1e4, 1e5, 1e6),
}
HUGE: Mapping[str, float] = {"float64": 1e60, "float32": 1e10}
"""Scales at which third powers of the root still have a value in the dtype."""
TINY, SEED = 1e-6, 2026


@dataclass(frozen=True, slots=True)
class Case:
    """One case: data = offset + scale · normal over axes of these lengths. `said` is what is particular about it.

    `kind` is "plain" for what decides whether a function is right, and otherwise says what is tried.
    """

    arrangement: int
    sizes: Mapping[str, int]
    kind: str = "plain"
    said: str = ""
    dtype: str = "float64"
    epsilon: float = 0.1
    offset: float = 0.5
    scale: float = 1.0
    memory: str = "contiguous"
    jacobian: bool = False
    directions: int = 2
    kappa: float = 0.0
    seed: int = field(default=0)

    @property
    def needs_digits(self) -> bool:
        """Whether float64 is not far more accurate than what it is to judge."""
        return self.dtype == "float64" and self.kind in {"far", "constant", "huge", "tiny"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The data of a case: the inputs over the layer's own axes, and upstream gradients to try one after the other."""

    inputs: Mapping[str, Array]
    upstreams: tuple[Array, ...]

    def with_ones(self) -> Drawn:
        """The same data for a function that takes no upstream gradient: L is the sum of the outputs."""
        return replace(self, upstreams=(np.ones_like(self.upstreams[0]),))


def battery(arrangements: Sequence[Arrangement], native: Framework, epsilons: Sequence[float]) -> Iterator[Case]:
    """Every case in order, the plain ones first. `epsilons` are those the function can be tried with."""
    first = Case(0, _lengths(arrangements[0]), epsilon=epsilons[0])
    every = (
        *_plain(arrangements, epsilons),
        *_few(arrangements[0], first),
        *_memory(arrangements, native, first),
        *_dtypes(arrangements, native, first),
        *_far(native, first, epsilons),
        *_hard(native, first),
    )
    return (replace(case, seed=number) for number, case in enumerate(every))


def _lengths(arrangement: Arrangement) -> dict[str, int]:
    """Different lengths for the axes, with at least 3 elements in each mean."""
    lengths = dict(zip(arrangement.axes, LENGTHS, strict=False))
    return {axis: length if length > 2 or axis not in arrangement.reduced else 8 for axis, length in lengths.items()}


def _plain(arrangements: Sequence[Arrangement], epsilons: Sequence[float]) -> Iterator[Case]:
    for number, one in enumerate(arrangements):
        sizes = _lengths(one)
        for epsilon in epsilons:
            yield Case(number, sizes, epsilon=epsilon, jacobian=epsilon == epsilons[0])
    axes = arrangements[0].axes
    large = {axis: max(3, round(LARGE ** (1 / len(axes)))) + place for place, axis in enumerate(axes)}
    yield Case(0, large, said="large", epsilon=epsilons[0], directions=3)


def _few(arrangement: Arrangement, first: Case) -> Iterator[Case]:
    """1, 2 and 3 elements in a mean."""
    leading, *rest = arrangement.reduced or arrangement.axes[:1]
    for count in (1, 2, 3):
        sizes = {**first.sizes, **dict.fromkeys(rest, 1), leading: count}
        elements = "1 element" if count == 1 else f"{count} elements"
        little = ", which says little on its own" if count < 3 else ""
        yield replace(first, sizes=sizes, kind="few" if little else "plain", said=f"{elements} in each mean{little}")


def _memory(arrangements: Sequence[Arrangement], native: Framework, first: Case) -> Iterator[Case]:
    last = len(arrangements) - 1
    words = {
        "strided": "non-contiguous arrays",
        "transposed": "arrays transposed in memory",
        "broadcast": "broadcast, read-only arrays",
    }
    for number in dict.fromkeys((0, last)):
        sizes = _lengths(arrangements[number])
        for memory in native.layouts[1:]:
            yield replace(first, arrangement=number, sizes=sizes, kind="memory", memory=memory, said=words[memory])


def _dtypes(arrangements: Sequence[Arrangement], native: Framework, first: Case) -> Iterator[Case]:
    for dtype in native.dtypes[1:]:
        for number, one in enumerate(arrangements):
            yield replace(first, arrangement=number, sizes=_lengths(one), kind="dtype", dtype=dtype)


def _far(native: Framework, first: Case, epsilons: Sequence[float]) -> Iterator[Case]:
    small = epsilons[min(1, len(epsilons) - 1)]
    for dtype in native.dtypes:
        for kappa in KAPPAS.get(dtype, ()):
            said = f"offset {kappa:g} × scale"
            yield replace(first, kind="far", dtype=dtype, offset=kappa, kappa=kappa, said=said, epsilon=small)


def _hard(native: Framework, first: Case) -> Iterator[Case]:
    yield replace(first, kind="zeros", offset=0.0, scale=0.0, said="x = 0")
    yield replace(first, kind="constant", offset=3.0, scale=0.0, said="x constant")
    yield replace(first, kind="no upstream", said="upstream gradient 0", directions=1)
    for dtype in native.dtypes:
        if dtype in HUGE:
            yield replace(first, kind="huge", dtype=dtype, scale=HUGE[dtype], offset=0.0, said=f"scale {HUGE[dtype]:g}")
    yield replace(first, kind="tiny", scale=TINY, offset=0.0, said=f"scale {TINY:g}")


# --- data --------------------------------------------------------------------------------------------------------


def draw(case: Case, arrangement: Arrangement, graph: Graph, *, positive: bool = False) -> Drawn:
    """The numbers of a case, which its dtype holds exactly. With `positive` no parameter has a sign."""
    random = np.random.default_rng([case.seed, SEED])
    inputs = {node.name: _input(node, case, arrangement, graph, random) for node in graph.inputs}
    if positive:
        nodes = {node.name: node for node in graph.inputs}
        parameters = {name: np.abs(one) for name, one in inputs.items() if name not in arrangement.data}
        inputs |= {name: as_assumed(graph, nodes[name], one) for name, one in parameters.items()}
    shape = _shape(graph.output, case)
    if case.kind == "no upstream":
        return Drawn(inputs, (np.zeros(shape),))
    upstreams = [_upstream(shape, case, random) for _ in range(case.directions)]
    if case.jacobian and prod(shape) <= LARGEST_JACOBIAN:
        upstreams += list(np.eye(prod(shape)).reshape(-1, *shape))
    return Drawn(inputs, tuple(upstreams))


def _input(node: Node, case: Case, arrangement: Arrangement, graph: Graph, random: np.random.Generator) -> Array:
    if not node.shape and node.target.is_positive:
        return case.epsilon
    shape = _shape(node, case)
    data = node.name in arrangement.data
    drawn = case.offset + case.scale * random.standard_normal(shape) if data else _varied(shape, random)
    if case.memory == "broadcast" and data and shape:
        drawn = np.broadcast_to(drawn[:1], shape).copy()
    return rounded(as_assumed(graph, node, rounded(drawn, case.dtype)), case.dtype)


def _varied(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Numbers of either sign of size 1/2 to 2: none close to 0, and no two alike."""
    return random.uniform(0.5, 2.0, shape) * random.choice([-1.0, 1.0], shape)


def _upstream(shape: tuple[int, ...], case: Case, random: np.random.Generator) -> Array:
    found = random.standard_normal(shape) + 0.3
    if case.memory == "broadcast" and shape:
        found = np.broadcast_to(found[:1], shape).copy()
    return rounded(found, case.dtype)


def rounded(array: Array, dtype: str) -> Array:
    """The numbers that the dtype holds, in float64."""
    if dtype != "bfloat16":
        return np.asarray(array, dtype=dtype).astype(float)
    bits = np.asarray(array, dtype=np.float32).view(np.uint32)
    even = bits + 0x7FFF + ((bits >> 16) & 1)
    return (even & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


def _shape(node: Node, case: Case) -> tuple[int, ...]:
    return tuple(case.sizes[str(size)] if str(size) in case.sizes else int(size) for size in node.shape)
