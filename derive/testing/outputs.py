"""Which gradient each returned value is: by what was said, by its name, or by the order of the layer's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from derive.code_names import code_name, gradient_spellings, plain, spellings
from derive.errors import DeriveError
from derive.testing.arrangement import Sizes
from derive.testing.call import Returned
from derive.testing.described import Described
from derive.testing.truth import Truth

__all__ = ["MismatchError", "OutputsError", "by_name", "gradient_name"]

LEFT_OUT = frozenset({"_", "-", "none"})


class OutputsError(DeriveError):
    """A name for a returned value that is no gradient of the layer."""


class MismatchError(Exception):
    """A function returns another number of arrays than it should."""


def gradient_name(of: str) -> str:
    """What a gradient is called in a program: dx, dgamma."""
    return f"d{code_name(of)}"


def by_name(
    returned: Sequence[Returned], described: Described, truth: Truth, said: tuple[str, ...], sizes: Sizes
) -> Mapping[str, Returned]:
    """The returned values by the input that they are the gradient for. Raises `OutputsError` or `MismatchError`."""
    if said:
        return _as_said(returned, said, truth)
    names = [one.name or "" for one in returned]
    if not any(names) and len(described.returns) == len(returned):
        names = list(described.returns)
    found = [_meant(name, truth) for name in names]
    told = [of for of in found if of]
    if told and len(set(told)) == len(told):
        rest = [one for one, of in zip(returned, found, strict=True) if not of and one.array is not None]
        if not rest:
            return {of: one for one, of in zip(returned, found, strict=True) if of and one.array is not None}
    return _in_order([one for one in returned if one.array is not None], truth, sizes)


def _as_said(returned: Sequence[Returned], said: tuple[str, ...], truth: Truth) -> dict[str, Returned]:
    if len(said) != len(returned):
        raise MismatchError(f"it returns {len(returned)} values where {len(said)} were named")
    found: dict[str, Returned] = {}
    for name, one in zip(said, returned, strict=True):
        of = _meant(name, truth)
        if of:
            found[of] = one
        elif name.lower() not in LEFT_OUT:
            known = ", ".join(map(gradient_name, truth.names))
            raise OutputsError(f"'{name}' is no gradient of {truth.layer.name}. It has {known}.")
    return found


def _meant(name: str, truth: Truth) -> str:
    """The input that a value with this name is the gradient for; empty if it tells none."""
    word = plain(name)
    for of in truth.names:
        words = {*map(plain, gradient_spellings(of)), *map(plain, spellings(of))}
        if word and word in words:
            return of
    only = [of for of in truth.names if of in truth.arrangement.data]
    return only[0] if len(only) == 1 and word in set(map(plain, gradient_spellings("x"))) else ""


def _in_order(returned: Sequence[Returned], truth: Truth, sizes: Sizes) -> dict[str, Returned]:
    """In the order of the layer's inputs; where there are fewer, the first ones whose shapes fit."""
    if len(returned) > len(truth.names):
        names = ", ".join(map(gradient_name, truth.names))
        said = f"it returns {len(returned)} arrays and the layer has {len(truth.names)} gradients ({names})"
        raise MismatchError(f"{said}; say which is which with --returns, with _ for any other")
    found: dict[str, Returned] = {}
    left = list(truth.names)
    for number, one in enumerate(returned):
        spare = len(left) - (len(returned) - number)
        fits = [of for of in left[: spare + 1] if np.shape(np.asarray(one.array)) == _shape(of, truth, sizes)]
        of = fits[0] if fits else left[0]
        found[of] = one
        left = left[left.index(of) + 1 :]
    return found


def _shape(of: str, truth: Truth, sizes: Sizes) -> tuple[int, ...]:
    return truth.arrangement.shape(truth.arrangement.quantities[of], sizes)
