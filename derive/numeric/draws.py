"""Random arrays for numerical checks, the same ones in every version of Python and NumPy."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np

Array = Any

__all__ = ["normal", "varied"]


# NumPy's own generators cost 10 ms of import, which is more than drawing the numbers.
def normal(shape: tuple[int, ...], rng: Random) -> Array:
    """Numbers of a standard normal distribution."""
    return np.reshape([rng.gauss(0.0, 1.0) for _ in range(math.prod(shape))], shape)


def varied(shape: tuple[int, ...], rng: Random) -> Array:
    """Numbers of either sign and of size 1/2 to 2: not constant, and none close to 0."""
    return np.reshape([rng.uniform(0.5, 2.0) * rng.choice((-1.0, 1.0)) for _ in range(math.prod(shape))], shape)
