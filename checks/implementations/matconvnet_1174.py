"""matconvnet 1174: the backward pass of batch statistics used where the statistics are given."""

import numpy as np


def _over(x):
    return (0, *range(2, x.ndim))


def _as_channels(v, x):
    return np.expand_dims(v, tuple(range(1, x.ndim - 1)))


def batch_formula_with_given_moments(dout, x, gamma, running_mean, running_var, eps=1e-5):
    """Wrong: moments that are given do not move with x: the two sums do not belong there."""
    m = x.size / x.shape[1]
    rstd = _as_channels(1 / np.sqrt(running_var + eps), x)
    xhat = (x - _as_channels(running_mean, x)) * rstd
    dgamma = (dout * xhat).sum(_over(x))
    dbeta = dout.sum(_over(x))
    bracket = m * dout - _as_channels(dbeta, x) - xhat * _as_channels(dgamma, x)
    return _as_channels(gamma, x) * rstd * bracket / m, dgamma, dbeta


def given_moments(dout, x, gamma, running_mean, running_var, eps=1e-5):
    """Right: dx = γ dy/s with the given σ²."""
    rstd = _as_channels(1 / np.sqrt(running_var + eps), x)
    xhat = (x - _as_channels(running_mean, x)) * rstd
    return _as_channels(gamma, x) * rstd * dout, (dout * xhat).sum(_over(x)), dout.sum(_over(x))


def batch_moments_in_dgamma(dout, x, gamma, running_mean, running_var, eps=1e-5):
    """Wrong: dx is right, and dγ normalizes with the moments of the batch."""
    del running_mean
    rstd = _as_channels(1 / np.sqrt(running_var + eps), x)
    mu = x.mean(_over(x), keepdims=True)
    xhat = (x - mu) / np.sqrt(x.var(_over(x), keepdims=True) + eps)
    return _as_channels(gamma, x) * rstd * dout, (dout * xhat).sum(_over(x)), dout.sum(_over(x))


def gamma_lost(dout, gamma, running_var, eps=1e-5):
    """Wrong: with given moments all that is left of dx is γ dy/s, and γ is lost."""
    return dout / np.sqrt(running_var + eps)
