"""Observations for the tests of the diagnosis: random data of a layer, and what a function makes of it."""

from functools import cache
from inspect import Parameter, signature

import numpy as np
from sympy import Indexed

from derive.code_names import code_name
from derive.derivation import derive
from derive.testing.diagnosis import Observation

LENGTHS = {
    0: ((), ()),
    1: ((5,), (4,)),
    2: ((5, 4), (4, 3)),
    3: ((3, 4, 2), (4, 2, 5)),
    4: ((2, 3, 4, 3), (3, 2, 3, 5)),
}
EPSILONS = (0.1, 1e-5)


@cache
def derived(layer, axes):
    return derive(layer, axes=axes)


@cache
def functions(derivation):
    return derivation.numpy()


def data(derivation, seed, epsilons=EPSILONS):
    """Inputs by name and upstream gradients: random, of different lengths, not centred."""
    rng = np.random.default_rng(seed)
    sizes = [str(size) for size in derivation.graph.sizes]
    targets = {str(one.of.base.label): one for one in derivation.layer.assumptions}
    for lengths, epsilon in zip(LENGTHS[len(sizes)], epsilons, strict=True):
        length = dict(zip(sizes, lengths, strict=True))
        inputs = {}
        for node in derivation.graph.inputs:
            array = rng.normal(0.4, 1.3, [length[str(size)] for size in node.shape])
            small = not isinstance(node.target, Indexed) and node.target.is_positive
            inputs[node.name] = np.array(epsilon) if small else np.abs(array) + 0.3 if node.name == "σ²" else array
            if node.name in targets:
                inputs[node.name] = np.abs(array) / np.abs(array).sum(-1, keepdims=True)
        yield inputs, rng.normal(size=[length[str(size)] for size in derivation.graph.output.shape])


def called(function, upstream, inputs, dtype=np.float64):
    """What a function returns that takes what it wants by name: dy, x, gamma; or all in order."""
    named = {"dy": upstream, **{code_name(name): array for name, array in inputs.items()}}
    arrays = {name: np.asarray(array, dtype=dtype) for name, array in named.items()}
    kinds = {name: parameter.kind for name, parameter in signature(function).parameters.items()}
    if Parameter.VAR_POSITIONAL in kinds.values():
        return function(*arrays.values())
    return function(*(arrays[name] for name, kind in kinds.items() if kind is Parameter.POSITIONAL_OR_KEYWORD))


def observations(derivation, of, function, **how):
    """What `function` returns for ∂L/∂`of`, in a dtype, with the rounding error of that."""
    seed, epsilons, dtype = (how.get(*one) for one in (("seed", 1), ("epsilons", EPSILONS), ("dtype", np.float64)))
    found = []
    for inputs, upstream in data(derivation, seed, epsilons):
        true = functions(derivation).backward(upstream, *inputs.values())[of]
        returned = np.asarray(called(function, upstream, inputs, dtype), dtype=float)
        error = 8 * np.finfo(dtype).eps * np.max(np.abs(true))
        found.append(Observation(inputs, upstream, returned, true, float(error)))
    return found
