"""Data to measure accuracy on: how far from zero, how large, how much of it, in which dtype.

Promises: what is drawn are numbers that the dtype holds, so that an error measured on them is one of computing. The
same seed draws the same numbers before they are moved, scaled and rounded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

import numpy as np
from sympy import Expr, Integer, Sum, Symbol

from derive.graph import Graph, Node
from derive.indices import name_of
from derive.numeric.draws import normal, varied
from derive.numeric.program import Array

__all__ = [
    "BASE", "EPSILON", "KAPPAS", "Draw", "Sample", "Setting", "counted_over", "data_of", "held", "lengths_of", "sweep",
]  # fmt: skip

EPSILON: Mapping[str, float] = MappingProxyType(
    {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
)
"""Machine epsilon of each dtype: the distance from 1 to the next number."""

KAPPAS, SCALES, COUNTS = (0.0, 1.0, 1e2, 1e4, 1e6, 1e8), (1e-6, 1.0, 1e6), (4, 64, 1024)

POSITIVE = 1e-5
"""What a positive parameter such as ε is."""

OTHERS = 2
"""The length of axes that no statistic is taken over, which are further samples."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of data: scale · (κ + normal), m elements to a statistic, held by a dtype."""

    dtype: str = "float64"
    kappa: float = 1.0
    scale: float = 1.0
    m: int = 64


BASE = Setting()
"""Of κ, scale and m one is varied at a time, from here."""


def sweep(dtype: str) -> tuple[Setting, ...]:
    """The settings of one dtype.

    Past κ = 1/ε of the dtype it holds no more than the offset: what it holds has no spread to be normalized.
    """
    base = replace(BASE, dtype=dtype)
    kappas = (replace(base, kappa=kappa) for kappa in KAPPAS if kappa * EPSILON[dtype] <= 1)
    scales = (replace(base, scale=scale) for scale in SCALES)
    return tuple(dict.fromkeys((*kappas, *scales, *(replace(base, m=count) for count in COUNTS))))


@dataclass(frozen=True, slots=True)
class Sample:
    """One draw: the upstream gradient and the inputs, as float64 numbers that the dtype holds."""

    dtype: str
    g: Array
    inputs: tuple[Array, ...]


def lengths_of(graph: Graph, m: int) -> dict[Expr, int]:
    """The length of each symbolic size, so that a statistic is over m elements: 2 along all its axes but the last."""
    summed = _summed(graph)
    last = {size: max(1, m // OTHERS ** (len(summed) - 1)) for size in summed[-1:]}
    return dict.fromkeys(graph.sizes, OTHERS) | last


def counted_over(graph: Graph) -> tuple[str, ...]:
    """The names of the sizes whose product m is."""
    return tuple(size.name for size in _summed(graph))


def _summed(graph: Graph) -> list[Symbol]:
    """The sizes that a sum of the forward pass runs over, or the first where there is no sum."""
    values = (node.value for node in graph.intermediates if node.value is not None)
    counts = {high for value in values for one in value.atoms(Sum) for _, _, high in one.limits}
    return [size for size in graph.sizes if size in counts] or list(graph.sizes[:1])


def data_of(graph: Graph) -> frozenset[str]:
    """The inputs that are data and no parameters: of those that are differentiated, the ones with the most axes."""
    of = [graph.nodes[name_of(one.of)] for one in graph.layer.gradients]
    most = max((len(node.shape) for node in of), default=0)
    return frozenset(node.name for node in of if len(node.shape) == most)


def held(array: Array, dtype: str) -> Array:
    """The nearest numbers that the dtype holds, in float64."""
    if dtype != "bfloat16":
        return np.asarray(array, dtype=dtype).astype(float)
    # The upper half of a float32, rounded to even. NumPy has no such dtype.
    bits = np.asarray(array, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws the arrays of one sample. With `sign` every number is positive, as a root or a logarithm may ask for."""

    graph: Graph
    setting: Setting
    rng: Random
    positive: bool = False

    def sample(self) -> Sample:
        lengths = lengths_of(self.graph, self.setting.m)
        inputs = tuple(self._input(node, _lengths(node, lengths)) for node in self.graph.inputs)
        g = held(self._normal(_lengths(self.graph.output, lengths)), self.setting.dtype)
        return Sample(self.setting.dtype, g, inputs)

    def _input(self, node: Node, shape: tuple[int, ...]) -> Array:
        found = held(self._raw(node, shape), self.setting.dtype)
        signed = np.abs(found) if self.positive else found
        return signed if node.shape else float(signed)

    def _raw(self, node: Node, shape: tuple[int, ...]) -> Array:
        assumed = [one for one in self.graph.layer.assumptions if name_of(one.of) == node.name]
        if assumed:
            return self._shares(shape, assumed[0].of.indices.index(assumed[0].over))
        if not node.shape and node.target.is_positive:
            return np.asarray(POSITIVE)
        if node.name in data_of(self.graph):
            return self.setting.scale * (self.setting.kappa + self._normal(shape))
        return varied(shape, self.rng)

    def _normal(self, shape: tuple[int, ...]) -> Array:
        return normal(shape, self.rng)

    def _shares(self, shape: tuple[int, ...], axis: int) -> Array:
        """Numbers whose sum along an axis is exactly 1 in every dtype: multiples of one power of 2."""
        count = shape[axis]
        whole = 4 * 2 ** math.ceil(math.log2(count))
        rest = [length for place, length in enumerate(shape) if place != axis]
        rows = [Counter(self.rng.choices(range(count), k=whole)) for _ in range(math.prod(rest))]
        table = np.reshape([[row[place] / whole for place in range(count)] for row in rows], (*rest, count))
        return np.moveaxis(table, -1, axis)


def _lengths(node: Node, lengths: Mapping[Expr, int]) -> tuple[int, ...]:
    return tuple(int(size) if isinstance(size, Integer) else lengths[size] for size in node.shape)
