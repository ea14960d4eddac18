"""The array libraries a compiled program can run on. Each is imported when it is first used, never before.

A backend is a table of functions on whole arrays. `total` sums over one axis and keeps it with length 1. The entries
named `number_…` act on sizes and constants alone: in NumPy they give Python numbers, which do not widen float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from sympy import Expr, Rational

Array = Any
"""An array of some library, or a Python number."""

Module = Any

__all__ = ["AUTOGRAD", "FUNCTIONS", "JAX", "MPMATH", "NUMPY", "TORCH", "Backend", "Operations"]

Operations = Mapping[str, Callable[..., Any]]

FUNCTIONS = ("sqrt", "exp", "log", "tanh", "sin", "cos", "absolute", "sign", "erf")
"""The functions of one argument an expression may contain; `power` and `total` come on top."""


@dataclass(frozen=True, slots=True)
class Backend:
    """An array library: its name for messages, the modules it needs, and its table of functions, loaded on demand."""

    name: str
    modules: tuple[str, ...]
    load: Callable[[], Operations]

    @property
    def installed(self) -> bool:
        """Whether the library can be imported, found out without importing it."""
        return all(find_spec(module) is not None for module in self.modules)


def _constant(value: Expr) -> float:
    """A rational or a named constant as a Python number, which takes the dtype of the array it meets."""
    return float(value)


def _numbers(table: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {f"number_{name}": function for name, function in table.items()}


def _python_numbers() -> dict[str, Callable[..., Any]]:
    """Functions of sizes and constants. Roots of negative numbers are nan, as on arrays."""
    names = ("exp", "log", "tanh", "sin", "cos", "erf")
    own = {"sqrt": _root, "absolute": abs, "power": pow, "sign": lambda value: float((value > 0) - (value < 0))}
    return _numbers({name: getattr(math, name) for name in names} | own)


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


def _elementary(module: Module, own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The functions under NumPy's names, but for `own`."""
    functions = {name: own[name] if name in own else getattr(module, name) for name in FUNCTIONS}
    shared = {"shape": module.shape, "reshape": module.reshape, "transpose": module.transpose}
    return functions | shared | {"constant": _constant, "power": pow} | _python_numbers()


@cache
def _numpy() -> Operations:
    totals: dict[str, Callable[..., Array]] = {"total": _numpy_total, "inner": _numpy_inner}
    own = {"absolute": _numpy_absolute, "sign": _numpy_sign, "erf": _numpy_erf}
    return _elementary(np, own) | totals | {"broadcast": _numpy_broadcast, "arrays": _numpy_arrays}


# A complex number is a real one and a tiny step away from it, i h: functions are continued along the real line.
def _numpy_absolute(array: Array) -> Array:
    return array * _numpy_sign(array) if np.iscomplexobj(array) else np.absolute(array)


def _numpy_sign(array: Array) -> Array:
    return np.sign(np.real(array))


def _numpy_erf(array: Array) -> Array:
    real = np.asarray(np.real(array))
    value = np.reshape([math.erf(one) for one in real.flat], real.shape).astype(real.dtype)
    if not np.iscomplexobj(array):
        return value
    return value + 1j * np.imag(array) * (2 / math.sqrt(math.pi)) * np.exp(-np.square(real))


def _numpy_total(array: Array, axis: int) -> Array:
    return np.add.reduce(array, axis=axis, keepdims=True)


def _numpy_inner(first: Array, second: Array, axis: int) -> Array:
    """The total of a product. Along rows einsum needs no memory for it and adds in the order of `total`.

    Along the last axis it would not: there `total` adds in pairs, which is more accurate.
    """
    if first.shape != second.shape or axis >= first.ndim - 1 or first.shape[-1] == 1:
        return _numpy_total(first * second, axis)
    letters = "abcdefghijklmnopqrstuvwxyz"[: first.ndim]
    kept = letters.replace(letters[axis], "")
    return np.expand_dims(np.einsum(f"{letters},{letters}->{kept}", first, second), axis)


def _totals(total: Callable[..., Array]) -> dict[str, Callable[..., Array]]:
    """`total`, and the total of a product for libraries without a faster way."""
    return {"total": total, "inner": lambda first, second, axis: total(first * second, axis)}


def _numpy_broadcast(array: Array, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(array, shape).copy()


def _numpy_arrays(values: Sequence[Array]) -> list[Array]:
    """Arrays of one floating dtype family: Python numbers take the dtype of the arrays, integers become floats."""
    found = [value if type(value) in {int, float, complex} else np.asarray(value) for value in values]
    dtype = np.result_type(*found) if found else np.dtype(float)
    floating = np.result_type(dtype, np.float64) if dtype.kind in "iub" else dtype
    return [value if _is_floating(value) else np.asarray(value, dtype=floating) for value in found]


def _is_floating(value: Array) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fcO"


@cache
def _autograd() -> Operations:
    module = import_module("autograd.numpy")
    own = _totals(_keepdims(module.sum)) | {"broadcast": _widen(module), "arrays": _as_arrays(module.array)}
    return _elementary(module, {"erf": _autograd_erf()}) | own


def _autograd_erf() -> Callable[..., Any]:
    """autograd's own erf needs SciPy."""
    extend = import_module("autograd.extend")
    erf = extend.primitive(_numpy_erf)
    extend.defvjp(erf, lambda _, x: lambda g: g * (2 / math.sqrt(math.pi)) * np.exp(-np.square(x)))
    return erf  # type: ignore[no-any-return]


def _keepdims(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda array, axis: function(array, axis=axis, keepdims=True)


def _widen(module: Module) -> Callable[..., Any]:
    return lambda array, shape: array + module.zeros(shape)


def _as_arrays(convert: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves alone what already is an array, so that a tracer stays one."""
    return lambda values: [value if hasattr(value, "shape") else convert(value) for value in values]


@cache
def _jax() -> Operations:
    module = import_module("jax.numpy")
    own = _totals(_keepdims(module.sum)) | {"broadcast": module.broadcast_to, "arrays": _as_arrays(module.asarray)}
    return _elementary(module, {"erf": import_module("jax.scipy.special").erf}) | own


@cache
def _torch() -> Operations:
    torch = import_module("torch")
    functions = {name: getattr(torch, name) for name in FUNCTIONS}
    shared = {"shape": _torch_shape, "reshape": torch.reshape, "transpose": torch.permute, "constant": _constant}
    own = _totals(_torch_total) | {"broadcast": torch.broadcast_to, "arrays": _torch_arrays, "power": pow}
    return functions | shared | own | _python_numbers()


def _torch_shape(array: Array) -> tuple[int, ...]:
    return tuple(array.shape)


def _torch_total(array: Array, axis: int) -> Array:
    return array.sum(dim=axis, keepdim=True)


def _torch_arrays(values: Sequence[Array]) -> list[Array]:
    """Tensors of one dtype family: Python numbers take the dtype of the tensors."""
    torch = import_module("torch")
    dtypes = [value.dtype for value in values if isinstance(value, torch.Tensor)]
    dtype = dtypes[0] if dtypes else torch.float64
    return [torch.as_tensor(value, dtype=None if hasattr(value, "dtype") else dtype) for value in values]


@cache
def _mpmath() -> Operations:
    """Object arrays of mpf. The precision is the one of `mpmath.mp` at the time of the call."""
    mp = import_module("mpmath").mp
    scalar = {name: getattr(mp, name) for name in FUNCTIONS if name != "absolute"} | {"absolute": abs}
    functions = {name: np.frompyfunc(function, 1, 1) for name, function in scalar.items()}
    convert = np.frompyfunc(mp.mpf, 1, 1)
    own = {
        **_totals(_keepdims(np.sum)),
        "broadcast": _numpy_broadcast,
        "arrays": lambda values: [np.asarray(convert(np.asarray(value)), dtype=object) for value in values],
        "constant": lambda value: _digits(mp, value),
        "power": pow,
    }
    shared = {"shape": np.shape, "reshape": np.reshape, "transpose": np.transpose}
    return functions | shared | own | _numbers({**scalar, "power": pow})


def _digits(mp: Module, value: Expr) -> Array:
    """A constant in the precision of mpmath's context, which float() would cut."""
    return mp.mpf(value.p) / value.q if isinstance(value, Rational) else mp.mpf(str(value.evalf(mp.dps)))


NUMPY = Backend("NumPy", ("numpy",), _numpy)
AUTOGRAD = Backend("autograd", ("autograd",), _autograd)
JAX = Backend("JAX", ("jax",), _jax)
TORCH = Backend("PyTorch", ("torch",), _torch)
MPMATH = Backend("mpmath", ("mpmath",), _mpmath)
