"""derive-bn: derives the backward pass of normalization layers and proves every step for every batch size.

`derive.derive("batchnorm")` is the derivation of a layer, `derive.batchnorm` the same by attribute; its steps, closed
forms, checks, NumPy functions and LaTeX hang off it. `derive.derive("batchnorm", order=2)` is the same for the backward
pass itself. Nothing heavy is imported until one of them is asked for.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["Derivation", "Kernel", "Layer", "__version__", "derive", "layers"]

_HOMES = {
    "Derivation": "derive.derivation",
    "derive": "derive.derivation",
    "Kernel": "derive.kernel",
    "Layer": "derive.layers.layer",
}


def __getattr__(name: str) -> object:
    """The public names, and every layer by its name, imported when first used."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    layers = import_module("derive.layers")
    if name == "layers":
        return layers
    if name.replace("_", "-") in layers.names():
        return import_module("derive.derivation").derive(name.replace("_", "-"))
    raise AttributeError(f"module 'derive' has no attribute {name!r}")


def __dir__() -> list[str]:
    from derive import layers

    return sorted({*globals(), *__all__, *(name.replace("-", "_") for name in layers.names())})
