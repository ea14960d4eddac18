"""quack 53: the gradient of the residual stream is sent through the norm: (dres + dout) · dnorm."""

import numpy as np


def residual_through_the_norm(dout, x, residual, weight, eps=1e-5):
    """Wrong: what comes back along the stream is added to dout before the norm's backward pass, not after it."""
    z = x + residual
    rstd = 1.0 / np.sqrt((z * z).mean(-1, keepdims=True) + eps)
    zhat = z * rstd
    dres = dout
    wdy = (dres + dout) * weight
    dz = (wdy - zhat * (zhat * wdy).mean(-1, keepdims=True)) * rstd
    return dz, dz, (dout * zhat).sum(0)


def residual_past_the_norm(dout, x, residual, weight, eps=1e-5):
    """Right: dnorm · dout + dres."""
    z = x + residual
    rstd = 1.0 / np.sqrt((z * z).mean(-1, keepdims=True) + eps)
    zhat = z * rstd
    dres = dout
    wdy = dout * weight
    dz = (wdy - zhat * (zhat * wdy).mean(-1, keepdims=True)) * rstd + dres
    return dz, dz, (dout * zhat).sum(0)


def stream_forgotten(dout, x, residual, weight, eps=1e-5):
    """Wrong: the opposite slip: the way past the norm is left out."""
    z = x + residual
    rstd = 1.0 / np.sqrt((z * z).mean(-1, keepdims=True) + eps)
    zhat = z * rstd
    wdy = dout * weight
    dz = (wdy - zhat * (zhat * wdy).mean(-1, keepdims=True)) * rstd
    return dz, dz, (dout * zhat).sum(0)


def post_norm_twice(dout, x, residual, gamma, eps=1e-5):
    """Wrong: y = norm(x + r) has no stream past the norm, and dout is counted as if it had: dx and dr are doubled."""
    z = x + residual
    zc = z - z.mean(-1, keepdims=True)
    rstd = 1.0 / np.sqrt((zc * zc).mean(-1, keepdims=True) + eps)
    zhat = zc * rstd
    dres = dout
    wdy = (dres + dout) * gamma
    dz = rstd * (wdy - wdy.mean(-1, keepdims=True) - zhat * (zhat * wdy).mean(-1, keepdims=True))
    rows = tuple(range(dout.ndim - 1))
    return dz, dz, (dout * zhat).sum(rows), dout.sum(rows)
