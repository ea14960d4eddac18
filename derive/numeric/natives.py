"""Functions of frameworks that are a layer as a whole, such as PyTorch's `layer_norm`: what their users run.

Promises: this is a table of which function to try for which layer, and nothing follows from it alone. A function counts
only where its output is that of the layer's own forward pass on the data at hand, so a layer that merely has the name
of another gets none. Layouts are those of the layer; PyTorch's are put in and taken back here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from derive.graph import Graph
from derive.numeric.backends import TORCH
from derive.numeric.program import Array

__all__ = ["Native", "native_of"]

Tensor = Any
Inputs = Mapping[str, Tensor]
"""Tensors by the name of the layer's input."""

SAME = 1e-9
"""How far, relative to the largest element, the outputs of one function in two float64 programs may be apart."""


@dataclass(frozen=True, slots=True)
class Native:
    """A framework's function: its name, and the output of the layer from its inputs in their order."""

    name: str
    output: Callable[..., Tensor]


def native_of(graph: Graph, inputs: tuple[Array, ...], output: Array) -> Native | None:
    """PyTorch's function for a layer, if it is installed and has one that gives `output` for `inputs`, in float64."""
    call = CALLS.get(graph.layer.name)
    if call is None or not TORCH.installed:
        return None
    names = tuple(node.name for node in graph.inputs)
    module = import_module("torch.nn.functional")

    def run(*tensors: Tensor) -> Tensor:
        return call[1](module, dict(zip(names, tensors, strict=True)))

    found = Native(f"PyTorch {call[0]}", run)
    return found if _gives(found, inputs, output) else None


def _gives(native: Native, inputs: tuple[Array, ...], output: Array) -> bool:
    torch = import_module("torch")
    try:
        found = native.output(*(torch.as_tensor(np.asarray(array, dtype=float)) for array in inputs)).numpy()
    except (LookupError, RuntimeError, ValueError):  # the inputs, or the axes, are not those of the function
        return False
    close = np.shape(found) == np.shape(output)
    return close and bool(np.max(np.abs(found - output)) <= SAME * np.max(np.abs(output)))


def _eps(given: Inputs) -> float:
    return float(given["ε"].detach()) if "ε" in given else 0.0


def _features(given: Inputs) -> Tensor:
    """The batch with a feature axis, which a layer of one feature has not."""
    x = given["x"]
    return x if x.ndim > 1 else x[:, None]


def _batch_norm(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401 -- a module
    gamma, beta = (given[name].reshape(-1) for name in "γβ")
    found = functional.batch_norm(_features(given), None, None, gamma, beta, training=True, eps=_eps(given))
    return found.reshape(given["x"].shape)


def _batch_norm_inference(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    """PyTorch has no gradient for statistics that are given."""
    mean, var, gamma, beta = (given[name].reshape(-1) for name in ("μ", "σ²", "γ", "β"))
    found = functional.batch_norm(
        _features(given), mean.detach(), var.detach(), gamma, beta, training=False, eps=_eps(given)
    )
    return found.reshape(given["x"].shape)


def _layer_norm(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    x = given["x"] + given["r"] if "r" in given else given["x"]
    return functional.layer_norm(x, x.shape[-1:], given["γ"], given["β"], _eps(given))


def _rms_norm(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    x = given["x"]
    return functional.rms_norm(x, x.shape[-1:], given["γ"], _eps(given))


def _group_norm(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    """Channels are numbered through the groups: (N, G, C, S) is PyTorch's (N, G·C, S)."""
    x = given["x"]
    samples, groups, *rest = x.shape
    flat = x.reshape(samples, groups * rest[0], *rest[1:])
    gamma, beta = (given[name].reshape(-1) for name in "γβ")
    return functional.group_norm(flat, groups, gamma, beta, _eps(given)).reshape(x.shape)


def _instance_norm(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    return functional.instance_norm(given["x"], weight=given["γ"], bias=given["β"], eps=_eps(given))


def _cross_entropy(functional: Any, given: Inputs) -> Tensor:  # noqa: ANN401
    """Classes along the last axis; PyTorch wants them second."""
    x, target = (given[name].reshape(prod(given["x"].shape[:-1]), -1) for name in "xt")
    return functional.cross_entropy(x, target, reduction="none").reshape(given["x"].shape[:-1])


CALLS: Mapping[str, tuple[str, Callable[[Any, Inputs], Tensor]]] = {
    "batchnorm": ("batch_norm", _batch_norm),
    "batchnorm-inference": ("batch_norm", _batch_norm_inference),
    "cosine": ("cosine_similarity", lambda f, given: f.cosine_similarity(given["a"], given["b"], dim=-1, eps=0.0)),
    "groupnorm": ("group_norm", _group_norm),
    "instancenorm": ("instance_norm", _instance_norm),
    "l2norm": ("normalize", lambda f, given: f.normalize(given["x"], dim=-1, eps=0.0)),
    "layernorm": ("layer_norm", _layer_norm),
    "layernorm-residual": ("layer_norm", _layer_norm),
    "log-softmax": ("log_softmax", lambda f, given: f.log_softmax(given["x"], dim=-1)),
    "rmsnorm": ("rms_norm", _rms_norm),
    "softmax": ("softmax", lambda f, given: f.softmax(given["x"], dim=-1)),
    "softmax-cross-entropy": ("cross_entropy", _cross_entropy),
}
"""By the name of a layer, the function of `torch.nn.functional` that may be it."""
