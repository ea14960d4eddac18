"""The layers there are, by name: every module of this folder that has a `LAYER`. Adding a file is enough."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from typing import TYPE_CHECKING

from derive.errors import UnknownLayerError

if TYPE_CHECKING:
    from derive.layers.layer import Layer

_NOT_A_LAYER = {"layer"}


def names() -> tuple[str, ...]:
    """The names of all layers, sorted. Reads file names only, so it is cheap."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in modules if name not in _NOT_A_LAYER))


def check_name(name: str) -> str:
    """`name` if there is such a layer. Raises `UnknownLayerError` with the nearest name otherwise."""
    known = names()
    if name in known:
        return name
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"The layers are: {', '.join(known)}."
    raise UnknownLayerError(f"There is no layer '{name}'. {hint}")


def load(name: str) -> Layer:
    """The layer of that name. Raises `UnknownLayerError` if there is none."""
    module = importlib.import_module(f"{__name__}.{check_name(name).replace('-', '_')}")
    layer: Layer = module.LAYER
    return layer
