"""The layers there are, by name: every module of this folder that has a `LAYER`. Adding a file is enough."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from derive.errors import ShapeError, UnknownLayerError

if TYPE_CHECKING:
    from derive.layers.layer import Layer

_NOT_A_LAYER = {"axes", "layer"}


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


def load(name: str, axes: tuple[str, ...] = ()) -> Layer:
    """The layer of that name, for data with the given axes if any are.

    Raises `UnknownLayerError` if there is none, and `ShapeError` if the layer can't have these axes.
    """
    module = importlib.import_module(f"{__name__}.{check_name(name).replace('-', '_')}")
    layer: Layer = module.LAYER
    return over(layer, module.over, axes) if axes else layer


def builder_of(layer: Layer) -> Callable[..., Layer] | None:
    """What makes this layer for any axes, if it is one of this folder's."""
    for name in names():
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
        if layer == module.LAYER:
            found: Callable[..., Layer] = module.over
            return found
    return None


def over(layer: Layer, build: Callable[..., Layer], axes: tuple[str, ...]) -> Layer:
    """What `build` makes of the axes; as many are too few as it can't take apart."""
    for axis in axes:
        if not axis.isalpha():
            raise ShapeError(f"The axis '{axis}' is not a letter or a word. Write them like this: --axes N,C,H,W.")
    title, loss = f"{layer.title} over ({', '.join(axes)})", "ℓ" if layer.loss in axes else layer.loss
    try:
        return replace(build(*axes), title=title, loss=loss)
    except ValueError:
        doc = (build.__doc__ or "").rstrip(".")
        said = f"{layer.name} can't have {len(axes)} {'axis' if len(axes) == 1 else 'axes'}."
        raise ShapeError(f"{said} It takes: {doc[:1].lower()}{doc[1:]}.") from None
