"""Gradients of the weighted loss L = Σ g_i y_i that know nothing of the backward pass: the oracles.

Promises: each oracle uses the forward program only. A gradient is asked for along probes, which are directions in an
input: one element each, or for large arrays a few elements and a few random directions. An oracle whose library is
not installed is not available; it never passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from random import Random
from types import MappingProxyType, ModuleType

import numpy as np

from derive.graph import Graph
from derive.layers.layer import Quantity
from derive.numeric.backends import AUTOGRAD, JAX, MPMATH, NUMPY, TORCH
from derive.numeric.bounds import Bounded, bounded
from derive.numeric.lowering import shape_of
from derive.numeric.program import Array, Program, compile_program, measure

__all__ = [
    "AUTODIFF",
    "ORACLES",
    "Estimate",
    "autodiff",
    "estimate",
    "forward_of",
    "probes_of",
    "through_torch",
    "unavailable",
]

DIGITS = 60
"""Decimal digits of the truth. A central difference with a step of 10^-20 leaves two thirds of them."""

LADDER = 8.0 ** -np.arange(11)
"""Steps of the finite differences, relative to the largest element. One of them suits data of any offset and scale."""

EVERY_ELEMENT = 64
"""Up to this many elements each is a probe."""


Estimate = tuple[Array, Array | None]
"""Directional derivatives along probes, and a bound on their errors, or None if they round like reverse mode."""

ORACLES = MappingProxyType(
    {
        "finite differences": NUMPY,
        "complex step": NUMPY,
        "mpmath": MPMATH,
        "autograd": AUTOGRAD,
        "PyTorch": TORCH,
        "JAX": JAX,
    }
)
"""Every oracle and the library it needs."""


def unavailable() -> tuple[str, ...]:
    """The oracles whose library is not installed."""
    return tuple(name for name, backend in ORACLES.items() if not backend.installed)


def forward_of(graph: Graph) -> Program:
    """The forward pass alone, which is all an oracle sees."""
    inputs = tuple(node.target for node in graph.inputs)
    return compile_program(inputs, graph.layer.forward, (graph.output.target,))


def probes_of(shape: tuple[int, ...], rng: Random) -> Array:
    """Directions in an array of `shape`, stacked along the first axis, each with Σ|v| = 1."""
    count = int(np.prod(shape))
    if count <= EVERY_ELEMENT:
        return np.eye(count).reshape(count, *shape)
    elements = np.zeros((2, count))
    elements[range(2), rng.sample(range(count), 2)] = 1.0
    random = np.reshape(rng.choices((-1.0, 1.0), k=count), (1, count)) / count
    return np.concatenate([elements, random]).reshape(-1, *shape)


def estimate(  # noqa: PLR0913, PLR0917
    name: str, forward: Program, g: Array, inputs: Sequence[Array], position: int, probes: Array
) -> Estimate:
    """What an oracle that works along probes says about the input at `position`."""
    method = {"finite differences": _differences, "complex step": _complex_step, "mpmath": _truth}[name]
    return method(forward, g, inputs, position, probes)


def _losses(program: Program, g: Array, inputs: Sequence[Array], position: int, steps: Array) -> Array:
    """The loss at inputs[position] + step for each of `steps`, all in one call: each step is a column of its own."""
    shapes = [np.shape(array) for array in inputs]
    trailing = measure(program.inputs, shapes)[1]
    wide = [_column(*pair, trailing, len(steps)) for pair in zip(program.inputs, inputs, strict=True)]
    rank = len(shapes[position])
    own, rest = shapes[position], len(wide[position].shape) - 1 - rank
    wide[position] = wide[position] + np.moveaxis(steps, 0, -1).reshape(*own, *(1,) * rest, len(steps))
    (output,) = program(*wide)
    return np.sum(np.asarray(g)[..., None] * output, axis=tuple(range(np.ndim(output) - 1)))


def _column(quantity: Quantity, array: Array, trailing: tuple[int, ...], count: int) -> Array:
    """An input repeated along a new last axis, with all trailing axes in place."""
    array = np.asarray(array)
    own = array.shape[: len(shape_of(quantity))]
    rest = array.shape[len(own) :] or (1,) * len(trailing)
    return np.broadcast_to(array.reshape(*own, *rest, 1), (*own, *trailing, count))


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array))) or 1.0


def _differences(forward: Program, g: Array, inputs: Sequence[Array], position: int, probes: Array) -> Estimate:
    """Central differences, extrapolated once, at the step where truncation and rounding together are least."""
    rounding = _loss_error(forward, g, inputs)
    heights = LADDER * _largest(inputs[position])
    steps = np.multiply.outer(heights, probes).reshape(-1, *probes.shape[1:])
    losses = _losses(forward, g, inputs, position, np.concatenate([steps, -steps])).reshape(2, len(heights), -1)
    lengths = np.max(np.abs(probes).reshape(len(probes), -1), axis=1) * heights[:, None]
    slopes = (losses[0] - losses[1]) / (2 * heights[:, None])
    better = slopes[1:] + (slopes[1:] - slopes[:-1]) / 63
    spread = np.abs(better[1:] - better[:-1]) + np.abs(better[1:] - slopes[2:])
    noise = 2 * rounding / heights[2:, None] * np.ones_like(lengths[2:])
    bound = 4 * (spread + noise)
    best = int(np.nanargmin(np.where(np.isfinite(bound), bound, np.inf).max(axis=1)))
    return better[1 + best], bound[best]


def _loss_error(forward: Program, g: Array, inputs: Sequence[Array]) -> float:
    """A bound on the rounding error of the loss, inputs that are rounded themselves included."""
    unit = float(np.finfo(float).eps) / 2
    rounded = [Bounded(np.asarray(array, float), unit * np.abs(array), None, unit) for array in inputs]
    (output,) = forward.on(bounded(unit))(*rounded)
    weights = np.abs(g)
    return float(np.sum(weights * output.error) + output.value.size * unit * np.sum(weights * np.abs(output.value)))


def _complex_step(forward: Program, g: Array, inputs: Sequence[Array], position: int, probes: Array) -> Estimate:
    """Im L(x + i h v) / h: no difference is taken, so nothing cancels and h can be tiny."""
    height = 1e-25 * _largest(inputs[position])
    losses = _losses(forward, g, inputs, position, 1j * height * probes)
    return np.imag(losses) / height, None


def _truth(forward: Program, g: Array, inputs: Sequence[Array], position: int, probes: Array) -> Estimate:
    """A central difference in 60 digits, which is exact as far as float64 can tell."""
    mp = import_module("mpmath").mp
    exact = np.frompyfunc(mp.mpf, 1, 1)
    with mp.workdps(DIGITS):
        height = mp.mpf(10) ** -20 * _largest(inputs[position])
        steps = exact(probes) * height
        wide = [np.asarray(exact(np.asarray(array)), dtype=object) for array in inputs]
        losses = _losses(forward.on(MPMATH), exact(g), wide, position, np.concatenate([steps, -steps]))
        slopes = (losses[: len(probes)] - losses[len(probes) :]) / (2 * height)
        return slopes.astype(float), np.zeros(len(probes))


def autodiff(name: str, forward: Program, g: Array, inputs: Sequence[Array], dtype: str = "float64") -> list[Array]:
    """The gradient for every input by an automatic differentiation library that computes in `dtype`, as float64."""
    found = AUTODIFF[name](forward, g, [np.asarray(array, dtype=float) for array in inputs], dtype)
    return [np.asarray(gradient, dtype=float) for gradient in found]


def _autograd(forward: Program, g: Array, inputs: list[Array], dtype: str) -> list[Array]:
    grad = import_module("autograd").grad
    numpy = import_module("autograd.numpy")
    program = forward.on(AUTOGRAD)
    weights, *arrays = (np.asarray(array, dtype=dtype) for array in (g, *inputs))
    return list(grad(lambda given: numpy.sum(weights * program(*given)[0]))(arrays))


def _torch(forward: Program, g: Array, inputs: list[Array], dtype: str) -> list[Array]:
    return through_torch(lambda *tensors: forward.on(TORCH)(*tensors)[0], g, inputs, dtype)


def through_torch(output: Callable[..., Array], g: Array, inputs: Sequence[Array], dtype: str) -> list[Array]:
    """The gradient for every input of any function of tensors, by PyTorch computing in `dtype`."""
    torch = import_module("torch")
    kind = getattr(torch, dtype)
    tensors = [torch.tensor(array, dtype=kind, requires_grad=True) for array in inputs]
    loss = (torch.as_tensor(g, dtype=kind) * output(*tensors)).sum()
    found = torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
    return [gradient.double().numpy() for gradient in found]


def _jax(forward: Program, g: Array, inputs: list[Array], dtype: str) -> list[Array]:
    jax = import_module("jax")
    numpy = import_module("jax.numpy")
    program = forward.on(JAX)
    # Without this JAX computes in float32, whatever it is given.
    with _float64(jax):
        weights, *arrays = (numpy.asarray(array, dtype=dtype) for array in (g, *inputs))
        found = jax.grad(lambda given: numpy.sum(weights * program(*given)[0]))(arrays)
        return [np.asarray(gradient) for gradient in found]


def _float64(jax: ModuleType) -> AbstractContextManager[None]:
    """JAX's switch to float64 for the length of a block; it moved between versions."""
    owner = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    context: AbstractContextManager[None] = owner.enable_x64(True)  # noqa: FBT003
    return context


AUTODIFF: Mapping[str, Callable[[Program, Array, list[Array], str], list[Array]]] = MappingProxyType(
    {
        "autograd": _autograd,
        "PyTorch": _torch,
        "JAX": _jax,
    }
)
