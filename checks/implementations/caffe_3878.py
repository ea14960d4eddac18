"""Caffe 3878: reported as a bug, and equal to the true gradient."""

import numpy as np


def batch_norm_backward_cpu(grad_output, normalized, gamma, std):
    """Right: dE/dX = (dE/dY − mean(dE/dY) − mean(dE/dY · Y) · Y)/s, one line in place of the staged gradients.

    It looks as if the derivatives of μ and σ² were left out. They are the two means.
    """
    dims = (0, *range(2, grad_output.ndim))
    shape = (1, -1) + (1,) * (grad_output.ndim - 2)
    diff = grad_output * gamma.reshape(shape)
    sum_dedy = diff.mean(axis=dims, keepdims=True)
    sum_dedy_y = (diff * normalized).mean(axis=dims, keepdims=True)
    return (diff - sum_dedy - sum_dedy_y * normalized) / std.reshape(shape)


def with_deviations(grad_y, x, gamma, eps):
    """Right: the same with (x − μ)/(σ²+ε) in place of one Y and one root, which looks like a power too many."""
    dims = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    diff = grad_y * gamma.reshape(shape)
    centered = x - x.mean(dims, keepdims=True)
    v = (centered**2).mean(dims, keepdims=True) + eps
    bracket = diff - diff.mean(dims, keepdims=True) - centered / v * (diff * centered).mean(dims, keepdims=True)
    return bracket / np.sqrt(v)
