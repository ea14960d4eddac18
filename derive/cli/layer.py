"""The layer that a command is asked for, and what is said where one of a user's own can't be worked with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from derive.cli.params import listed
from derive.errors import DeriveError, LayerError

if TYPE_CHECKING:
    from derive.layers.layer import Layer

__all__ = ["with_layer"]

T = TypeVar("T")


def with_layer(said: str, axes: str | None, work: Callable[[Layer], T]) -> T:
    """`work` done with the layer. Whatever goes wrong with one of the user's own is told as an error in it."""
    from derive.own_layers import is_file, load_layer

    layer = load_layer(said, listed(axes))
    try:
        return work(layer)
    except DeriveError:
        raise
    except Exception as error:
        if not is_file(said):
            raise
        told = f"The layer in {said} can't be derived: {type(error).__name__}: {error}".rstrip(".")
        raise LayerError(f"{told}. If it should be, report this with the file.") from error
