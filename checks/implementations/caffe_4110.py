"""Caffe 4110: reported as a bug: the term of the variance in the gradient of the mean. Keeping it changes nothing."""

import numpy as np


def term_dropped(dy, x, gamma, eps):
    """Right: dμ = −Σ dx̂/s has one term only: the other one is a multiple of Σ (x − μ), which is 0."""
    n = x.shape[0]
    xc = x - x.mean(axis=0)
    std = np.sqrt((xc**2).mean(axis=0) + eps)
    dxhat = dy * gamma
    dvar = (dxhat * xc).sum(axis=0) * -0.5 * std**-3
    dmu = -dxhat.sum(axis=0) / std
    return dxhat / std + dvar * 2 * xc / n + dmu / n


def term_kept(dy, x, gamma, eps):
    """Right: dμ as the paper writes it, with dσ² · (−2/m) Σ (x − μ)."""
    n = x.shape[0]
    xc = x - x.mean(axis=0)
    std = np.sqrt((xc**2).mean(axis=0) + eps)
    dxhat = dy * gamma
    dvar = (dxhat * xc).sum(axis=0) * -0.5 * std**-3
    dmu = -dxhat.sum(axis=0) / std + dvar * (-2 / n) * xc.sum(axis=0)
    return dxhat / std + dvar * 2 * xc / n + dmu / n
