"""Knet.jl 288: γ missing in dx, as in a forward pass without scale and shift."""

import numpy as np


def _reduced(x):
    return tuple(i for i in range(x.ndim) if i != 1)


def _channelwise(v, x):
    return v.reshape((1, -1) + (1,) * (x.ndim - 2))


def batchnorm_backward(dy, x, gamma, mean, invstd):
    """Wrong: γ is applied nowhere in dx. With γ = 1, as it is initialized, nobody sees it."""
    dims = _reduced(x)
    m = x.size // x.shape[1]
    xhat = (x - _channelwise(mean, x)) * _channelwise(invstd, x)
    dbeta = dy.sum(dims)
    dgamma = (dy * xhat).sum(dims)
    dx = (m * dy - _channelwise(dbeta, x) - xhat * _channelwise(dgamma, x)) * _channelwise(invstd, x) / m
    return dx, dgamma, dbeta


def batchnorm_backward_corrected(dy, x, gamma, mean, invstd):
    """Right: with γ."""
    dims = _reduced(x)
    m = x.size // x.shape[1]
    xhat = (x - _channelwise(mean, x)) * _channelwise(invstd, x)
    dbeta = dy.sum(dims)
    dgamma = (dy * xhat).sum(dims)
    scale = _channelwise(gamma * invstd / m, x)
    return scale * (m * dy - _channelwise(dbeta, x) - xhat * _channelwise(dgamma, x)), dgamma, dbeta


def layernorm_backward(dy, x, weight, eps=1e-5):
    """Wrong: dy where γ dy is needed, in all three terms."""
    mu = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    dweight = (dy * xhat).reshape(-1, x.shape[-1]).sum(0)
    dbias = dy.reshape(-1, x.shape[-1]).sum(0)
    dx = rstd * (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))
    return dx, dweight, dbias


def rmsnorm_backward(dy, x, weight, eps):
    """Wrong: the weight is in the forward pass and in its own gradient, and not in dx."""
    n = x.shape[-1]
    inv = (np.square(x).sum(-1, keepdims=True) / n + eps) ** -0.5
    return inv * dy - inv**3 * x * (dy * x).sum(-1, keepdims=True) / n


def instancenorm_backward(dy, x, gamma, eps=1e-5):
    """Wrong: γ missing in dx, for one image and one channel at a time."""
    dx = np.empty_like(dy)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            s = np.sqrt(x[n, c].var() + eps)
            z = (x[n, c] - x[n, c].mean()) / s
            dx[n, c] = (dy[n, c] - dy[n, c].mean() - z * (dy[n, c] * z).mean()) / s
    return dx
