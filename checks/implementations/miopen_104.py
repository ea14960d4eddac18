"""MIOpen 104: γ on two of the three terms, and missing on the m·dy term."""

import numpy as np


def spatial_backward(dy, x, scale, saved_mean, saved_invstd):
    """Wrong: for images, a channel at a time: the first term of the bracket has no γ."""
    n, channels, h, w = x.shape
    nhw = n * h * w
    dx = np.zeros_like(dy)
    dscale = np.zeros(channels)
    dbias = np.zeros(channels)
    for c in range(channels):
        elem_std = x[:, c] - saved_mean[c]
        xhat = elem_std * saved_invstd[c]
        dbias[c] = dy[:, c].sum()
        dscale[c] = (xhat * dy[:, c]).sum()
        tmp1 = nhw * dy[:, c] - scale[c] * dbias[c]
        tmp2 = -xhat * dscale[c]
        dx[:, c] = saved_invstd[c] / nhw * (scale[c] * tmp2 + tmp1)
    return dx, dscale, dbias


def spatial_backward_corrected(dy, x, scale, saved_mean, saved_invstd):
    """Right: the bracket as a whole times γ."""
    n, channels, h, w = x.shape
    nhw = n * h * w
    dx = np.zeros_like(dy)
    dscale = np.zeros(channels)
    dbias = np.zeros(channels)
    for c in range(channels):
        elem_std = x[:, c] - saved_mean[c]
        xhat = elem_std * saved_invstd[c]
        dbias[c] = dy[:, c].sum()
        dscale[c] = (xhat * dy[:, c]).sum()
        tmp1 = nhw * dy[:, c] - dbias[c]
        tmp2 = -xhat * dscale[c]
        tmp3 = scale[c] * saved_invstd[c] / nhw
        dx[:, c] = tmp3 * (tmp2 + tmp1)
    return dx, dscale, dbias


def batch_of_vectors(dy, x, gamma, eps):
    """Wrong: the same in one line, for vectors."""
    m = len(x)
    std = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / std
    return (m * dy - gamma * dy.sum(0) - gamma * xhat * (dy * xhat).sum(0)) / (m * std)


def layernorm_backward(dy, xhat, gamma, rstd):
    """Wrong: the same in a layer norm: the two sums are of γ dy, the first term is of dy."""
    d = xhat.shape[-1]
    gdy = gamma * dy
    sum1 = gdy.sum(-1, keepdims=True)
    sum2 = (gdy * xhat).sum(-1, keepdims=True)
    return rstd[..., None] / d * (d * dy - sum1 - xhat * sum2)
