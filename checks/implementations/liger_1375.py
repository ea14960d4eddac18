"""Liger 1375: right for a matrix, wrong for tensors of rank 3 and more."""

import numpy as np


def columns_of_a_matrix(dy, x, weight, eps=1e-6):
    """Wrong: the length of a row is taken from axis 1, which is the last one in a matrix only."""
    n_cols = x.shape[1]
    rstd = 1.0 / np.sqrt((x * x).sum(-1, keepdims=True) / n_cols + eps)
    xhat = x * rstd
    wdy = weight * dy
    dx = rstd * (wdy - xhat * (wdy * xhat).sum(-1, keepdims=True) / n_cols)
    return dx, (dy * xhat).reshape(-1, x.shape[-1]).sum(0)


def reduced_over_axis_one(dy, x, weight, eps=1e-5):
    """Wrong: every mean is over axis 1: the tokens, not the features, of (batch, token, feature)."""
    mu = x.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    wdy = dy * weight
    return rstd * (wdy - wdy.mean(axis=1, keepdims=True) - xhat * (wdy * xhat).mean(axis=1, keepdims=True))


def weight_grad_of_the_first_axis(dy, x, weight, mean, rstd):
    """Wrong: dγ and dβ are summed over the first axis only, so that they have an axis too many at rank 3."""
    xhat = (x - mean[..., None]) * rstd[..., None]
    wdy = dy * weight
    c1 = (wdy * xhat).mean(-1)[..., None]
    c2 = wdy.mean(-1)[..., None]
    return (wdy - c2 - xhat * c1) * rstd[..., None], (dy * xhat).sum(0), dy.sum(0)


def weight_grad_of_the_last_row(dy, x, weight, mean, rstd):
    """Wrong: the partial sums of dγ are overwritten, not added up, for each entry of the first axis at rank 3."""
    xhat = (x - mean[..., None]) * rstd[..., None]
    wdy = dy * weight
    dx = (wdy - wdy.mean(-1, keepdims=True) - xhat * (wdy * xhat).mean(-1, keepdims=True)) * rstd[..., None]
    if dy.ndim == 2:
        return dx, (dy * xhat).sum(0)
    partial = np.zeros_like(weight)
    for dy_b, xhat_b in zip(dy, xhat, strict=True):
        partial = (dy_b * xhat_b).reshape(-1, x.shape[-1]).sum(0)
    return dx, partial


def rows_of_any_tensor(dy, x, weight, mean, rstd):
    """Right: all leading axes become rows first."""
    shape = dy.shape
    n_cols = shape[-1]
    dy, x = dy.reshape(-1, n_cols), x.reshape(-1, n_cols)
    mean, rstd = mean.reshape(-1, 1), rstd.reshape(-1, 1)
    xhat = (x - mean) * rstd
    wdy = dy * weight
    c1 = np.sum(wdy * xhat, axis=1, keepdims=True) / n_cols
    c2 = np.sum(wdy, axis=1, keepdims=True) / n_cols
    dx = (wdy - (xhat * c1 + c2)) * rstd
    return dx.reshape(shape), np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)
