"""Functions that do not behave: they raise, print, hang, or return something else than gradients."""

import sys
import time

import numpy as np


def _right(dy, x, gamma, eps):
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    return gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))


def raises(dy, x, gamma, eps):
    """Raises whatever it is given."""
    raise RuntimeError("CUDA error: device-side assert triggered")


def raises_for_images(dy, x, gamma, eps):
    """Right for matrices, and raises for everything else, which is a way to say so."""
    m, n = x.shape
    assert dy.shape == (m, n)
    return _right(dy, x, gamma, eps)


def exits(dy, x, gamma, eps):
    """Ends the interpreter."""
    sys.exit(3)


def wrong_shape(dy, x, gamma, eps):
    """dx comes back flattened."""
    return _right(dy, x, gamma, eps).ravel()


def scalar(dy, x, gamma, eps):
    """Returns the loss, not its gradient."""
    return float((dy * _right(dy, x, gamma, eps)).sum())


def nothing(dy, x, gamma, eps):
    """The return is forgotten."""
    _right(dy, x, gamma, eps)


def text(dy, x, gamma, eps):
    """Returns no array at all."""
    return "dx"


def four_gradients(dy, x, gamma, eps):
    """Returns one gradient more than there are inputs: nobody can tell which is which."""
    dx = _right(dy, x, gamma, eps)
    return dx, dy.sum(0), dy.sum(0), dy.sum(0)


def integers(dy, x, gamma, eps):
    """Rounded to integers."""
    return _right(dy, x, gamma, eps).astype(int)


def complex_numbers(dy, x, gamma, eps):
    """The right values as complex numbers."""
    return _right(dy, x, gamma, eps) + 0j


def not_a_number(dy, x, gamma, eps):
    """The first element is NaN."""
    dx = _right(dy, x, gamma, eps)
    dx[0, 0] = np.nan
    return dx


def noise(dy, x, gamma, eps):
    """A random number, another one at each call."""
    return _right(dy, x, gamma, eps) * np.random.default_rng().uniform(0.5, 2.0)


def remembers(dy, x, gamma, eps, calls=[]):  # noqa: B006 -- the mistake on show
    """Right at the first call; every later one adds what came before, as a gradient buffer that is never zeroed."""
    calls.append(1)
    return _right(dy, x, gamma, eps) * len(calls)


def prints(dy, x, gamma, eps):
    """Right, and talks on both streams."""
    print("backward:", x.shape, {"verdict": "passed"})
    print("warning: deprecated", file=sys.stderr)
    return _right(dy, x, gamma, eps)


def warns(dy, x, gamma, eps):
    """Right, and makes NumPy warn on the way."""
    np.array([1.0]) / np.array([0.0])
    return _right(dy, x, gamma, eps)


def hangs(dy, x, gamma, eps):
    """Never returns."""
    while True:
        time.sleep(0.01)


def unknown_argument(dy, x, gamma, temperature):
    """Wants something that the layer does not have."""
    return dy / temperature


def any_arguments(*args):
    """Has no names to go by."""
    return args[0]


not_a_function = 42
"""No function."""
