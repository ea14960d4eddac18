"""NumPy, PyTorch and JAX as a caller of functions sees them: making arrays, reading them, and differentiating.

Promises: an array has the dtype and the memory layout asked for, and the numbers of the NumPy array it is made from
(rounded to the dtype). What comes back is a copy.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

__all__ = ["FRAMEWORKS", "MEMORY", "Framework", "framework_of", "libraries_of"]

Array = Any
MEMORY = ("contiguous", "strided", "transposed", "broadcast")
"""Memory layouts: plain; every other element of a larger array; the axes in reverse; repeated along the first axis."""


class Framework:
    """NumPy, and what the others do alike."""

    name = "numpy"
    title = "NumPy"
    dtypes: tuple[str, ...] = ("float64", "float32")
    layouts: tuple[str, ...] = MEMORY

    @property
    def installed(self) -> bool:
        return find_spec(self.name) is not None

    @contextmanager
    def session(self) -> Iterator[None]:
        yield

    def to_native(self, value: Any, dtype: str, memory: str) -> Any:  # noqa: ANN401
        """An argument: arrays are converted, everything else is passed as it is."""
        return _laid_out(value.astype(dtype), memory) if isinstance(value, np.ndarray) else value

    def from_native(self, value: Any) -> tuple[Array, str]:  # noqa: ANN401
        """A copy of what was returned, and its dtype. Raises `TypeError` for what is no array of numbers."""
        array = np.array(value)
        if array.dtype.kind not in "fiubc":
            raise TypeError(f"it returned {type(value).__name__}, which is no array of numbers")
        return array, str(array.dtype)

    def copy(self, value: Any) -> Any:  # noqa: ANN401
        return np.array(value) if isinstance(value, np.ndarray) else value

    def same(self, value: Any, before: Any) -> bool:  # noqa: ANN401
        """Whether an argument is what it was before the call."""
        if not isinstance(value, np.ndarray):
            return True
        return value.shape == before.shape and bool(np.array_equal(value, before, equal_nan=True))

    def is_forward(self, function: Any) -> bool:  # noqa: ANN401
        """Whether it is a forward pass with a backward pass of its own."""
        del function
        return False

    def callable(self, function: Any) -> Callable[..., Any]:  # noqa: ANN401
        """What to call, with a signature that can be read."""
        found: Callable[..., Any] = function
        return found

    def differentiate(
        self, function: Callable[..., Any], given: Mapping[str, Any], wanted: tuple[str, ...], upstream: Array
    ) -> Mapping[str, Any]:
        """The gradients for the `wanted` arguments that the framework takes through the function."""
        raise NotImplementedError(self.name)


def _laid_out(array: Array, memory: str) -> Array:
    match memory:
        case "strided" if array.ndim:
            wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
            wide[..., ::2] = array
            return wide[..., ::2]
        case "transposed":
            return np.ascontiguousarray(array.T).T
        case "broadcast" if array.ndim and (array == array[:1]).all():
            return np.broadcast_to(array[:1], array.shape)
    return array


class Torch(Framework):
    """PyTorch on the CPU."""

    name, title = "torch", "PyTorch"
    dtypes = ("float64", "float32", "bfloat16")

    def to_native(self, value: Any, dtype: str, memory: str) -> Any:  # noqa: ANN401
        if not isinstance(value, np.ndarray):
            return value
        torch = import_module("torch")
        tensor = torch.from_numpy(np.array(value, dtype=float)).to(getattr(torch, dtype))
        match memory:
            case "strided" if tensor.ndim:
                return tensor.repeat_interleave(2, dim=-1)[..., ::2]
            case "transposed" if tensor.ndim > 1:
                order = tuple(range(tensor.ndim))[::-1]
                return tensor.permute(order).contiguous().permute(order)
            case "broadcast" if tensor.ndim and bool((tensor == tensor[:1]).all()):
                return tensor[:1].expand(tensor.shape)
        return tensor

    def from_native(self, value: Any) -> tuple[Array, str]:  # noqa: ANN401
        torch = import_module("torch")
        if not isinstance(value, torch.Tensor):
            return super().from_native(value)
        dtype = str(value.dtype).removeprefix("torch.")
        plain = value.detach().cpu()
        return (plain.float() if dtype == "bfloat16" else plain).numpy().copy(), dtype

    def copy(self, value: Any) -> Any:  # noqa: ANN401
        return value.detach().clone() if hasattr(value, "detach") else value

    def same(self, value: Any, before: Any) -> bool:  # noqa: ANN401
        if not hasattr(value, "detach"):
            return True
        torch = import_module("torch")
        alike = value.shape == before.shape and value.dtype == before.dtype
        return alike and bool(torch.equal(torch.nan_to_num(value.detach()), torch.nan_to_num(before)))

    def is_forward(self, function: Any) -> bool:  # noqa: ANN401
        torch = import_module("torch")
        return inspect.isclass(function) and issubclass(function, torch.autograd.Function)

    def callable(self, function: Any) -> Callable[..., Any]:  # noqa: ANN401
        """An `autograd.Function` takes its arguments by place, those of its forward without the context."""
        if not self.is_forward(function):
            return super().callable(function)
        parameters = list(inspect.signature(function.forward).parameters.values())
        if function.setup_context is import_module("torch").autograd.Function.setup_context:
            parameters = parameters[1:]
        names = [one.name for one in parameters]

        def applied(**given: Any) -> Any:  # noqa: ANN401
            return function.apply(*(given[name] for name in names if name in given))

        applied.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for one in parameters]
        )
        return applied

    def differentiate(
        self, function: Callable[..., Any], given: Mapping[str, Any], wanted: tuple[str, ...], upstream: Array
    ) -> Mapping[str, Any]:
        torch = import_module("torch")
        ready = {name: value.requires_grad_() if name in wanted else value for name, value in given.items()}
        output = function(**ready)
        output = output[0] if isinstance(output, tuple | list) else output
        found = torch.autograd.grad(output, [ready[name] for name in wanted], upstream, allow_unused=True)
        zeros = [torch.zeros_like(ready[name]) if one is None else one for name, one in zip(wanted, found, strict=True)]
        return dict(zip(wanted, zeros, strict=True))


class Jax(Framework):
    """JAX on the CPU. Its arrays have no memory layout and can't be changed."""

    name, title = "jax", "JAX"
    dtypes = ("float64", "float32", "bfloat16")
    layouts = ("contiguous",)

    @contextmanager
    def session(self) -> Iterator[None]:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        jax = import_module("jax")
        owner = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
        with owner.enable_x64(True):  # noqa: FBT003 -- JAX's own signature
            yield

    def to_native(self, value: Any, dtype: str, memory: str) -> Any:  # noqa: ANN401
        del memory
        return import_module("jax.numpy").asarray(value, dtype=dtype) if isinstance(value, np.ndarray) else value

    def from_native(self, value: Any) -> tuple[Array, str]:  # noqa: ANN401
        dtype = str(getattr(value, "dtype", ""))
        if dtype == "bfloat16":
            return np.asarray(value).astype(np.float32), dtype
        return super().from_native(value)

    def copy(self, value: Any) -> Any:  # noqa: ANN401
        return value

    def same(self, value: Any, before: Any) -> bool:  # noqa: ANN401
        return value is before

    def is_forward(self, function: Any) -> bool:  # noqa: ANN401
        return isinstance(function, import_module("jax").custom_vjp)

    def differentiate(
        self, function: Callable[..., Any], given: Mapping[str, Any], wanted: tuple[str, ...], upstream: Array
    ) -> Mapping[str, Any]:
        jax = import_module("jax")
        names = tuple(inspect.signature(function).parameters)
        fixed = {name: value for name, value in given.items() if name not in wanted}

        def forward(*arrays: Array) -> Array:
            every = fixed | dict(zip(wanted, arrays, strict=True))
            output = function(*(every[name] for name in names if name in every))
            return output[0] if isinstance(output, tuple | list) else output

        _, pull = jax.vjp(forward, *(given[name] for name in wanted))
        return dict(zip(wanted, pull(upstream), strict=True))


FRAMEWORKS: Mapping[str, Framework] = {one.name: one for one in (Framework(), Torch(), Jax())}


def framework_of(function: Any) -> str:  # noqa: ANN401
    """The framework of a function, told by its kind, as an `autograd.Function`, or by what alone its file imports."""
    module = type(function).__module__.partition(".")[0] if not inspect.isclass(function) else ""
    bases = {base.__module__.partition(".")[0] for base in getattr(function, "__mro__", ())}
    for name in ("torch", "jax"):
        if (module == name or name in bases) and FRAMEWORKS[name].is_forward(function):
            return name
    imported = libraries_of(function)
    return next(iter(imported)) if len(imported) == 1 else "numpy"


def libraries_of(function: Any) -> frozenset[str]:  # noqa: ANN401
    """The array libraries that a function's file imports."""
    names = getattr(inspect.unwrap(function), "__globals__", {}) if callable(function) else {}
    imported = {value.__name__.partition(".")[0] for value in names.values() if inspect.ismodule(value)}
    return frozenset(imported & FRAMEWORKS.keys())
