"""Layer norm's backward pass as different people write it. All of them are right."""

import numpy as np


def compact(dy, x, gamma, eps=1e-5):
    """Right: the closed form along the last axis, for arrays of any rank."""
    d = x.shape[-1]
    mu = x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    rows = tuple(range(x.ndim - 1))
    gdy = gamma * dy
    dx = rstd / d * (d * gdy - gdy.sum(-1, keepdims=True) - xhat * (gdy * xhat).sum(-1, keepdims=True))
    return dx, (dy * xhat).sum(rows), dy.sum(rows)


def kernel_b_x_plus_c(dy, x, gamma, mean, rstd):
    """Right: dx = rstd·γ·dy + b·x + c with two numbers a row, as CPU kernels do: one pass over x after two sums."""
    n = x.shape[-1]
    ds = (dy * x * gamma).sum(axis=-1)
    db = (dy * gamma).sum(axis=-1)
    b = (db * mean - ds) * rstd * rstd * rstd / n
    c = -b * mean - db * rstd / n
    return rstd[..., None] * dy * gamma + b[..., None] * x + c[..., None]


def two_corrections(dout, x, weight, mean, rstd):
    """Right: c1 and c2, as fused kernels call the two means."""
    xhat = (x - mean[..., None]) * rstd[..., None]
    wdout = weight * dout
    c1 = np.mean(xhat * wdout, axis=-1, keepdims=True)
    c2 = np.mean(wdout, axis=-1, keepdims=True)
    dx = (wdout - (xhat * c1 + c2)) * rstd[..., None]
    axes = tuple(range(dout.ndim - 1))
    return dx, np.sum(dout * xhat, axis=axes), np.sum(dout, axis=axes)


def rows_first(grad_output, x, weight, eps=1e-5):
    """Right: flattened to rows, treated as a matrix, and folded back."""
    shape = x.shape
    g = grad_output.reshape(-1, shape[-1])
    rows = x.reshape(-1, shape[-1])
    centred = rows - rows.mean(1)[:, None]
    inv = ((centred**2).mean(1)[:, None] + eps) ** -0.5
    normed = centred * inv
    gw = g * weight
    grad = inv * (gw - gw.mean(1)[:, None] - normed * (gw * normed).mean(1)[:, None])
    return grad.reshape(shape), (g * normed).sum(0), g.sum(0)


def staged(dout, x, gamma, eps):
    """Right: dx̂, dσ², dμ, dx one after the other."""
    D = x.shape[-1]
    mu = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + eps) ** -1.5, axis=-1, keepdims=True)
    dmu = np.sum(-dxhat / np.sqrt(var + eps), axis=-1, keepdims=True)
    dmu += dvar * np.sum(-2 * (x - mu), axis=-1, keepdims=True) / D
    return dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / D + dmu / D


def einsum_for_tokens(dy, xhat, gamma, rstd):
    """Right: for (batch, token, feature), every sum as an einsum."""
    d = dy.shape[-1]
    first = np.einsum("btd,d->bt", dy, gamma) / d
    second = np.einsum("btd,btd,d->bt", dy, xhat, gamma) / d
    dx = np.einsum("btd,d->btd", dy, gamma) - first[:, :, None] - np.einsum("btd,bt->btd", xhat, second)
    return rstd[:, :, None] * dx, np.einsum("btd,btd->d", dy, xhat), np.einsum("btd->d", dy)


def hard_coded_epsilon(dy, x, gamma):
    """Right: ε is 1e-5, a constant of the function."""
    eps = 1e-5
    xc = x - x.mean(-1, keepdims=True)
    s = np.sqrt((xc * xc).mean(-1, keepdims=True) + eps)
    y = xc / s
    w = gamma * dy
    return (w - w.mean(-1, keepdims=True) - y * (w * y).mean(-1, keepdims=True)) / s


def mean_of_squares(dy, x, gamma, eps):
    """Right, but it cancels: σ² = E[x²] − E[x]², in one pass over the row."""
    mean = x.mean(-1, keepdims=True)
    var = np.square(x).mean(-1, keepdims=True) - np.square(mean)
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    gdy = gamma * dy
    return rstd * (gdy - gdy.mean(-1, keepdims=True) - xhat * (gdy * xhat).mean(-1, keepdims=True))


def row_by_row(dy, x, gamma, eps):
    """Right: the Jacobian of every row, as a matrix."""
    out = np.zeros(x.shape)
    for where in np.ndindex(*x.shape[:-1]):
        row, d = x[where], x.shape[-1]
        s = np.sqrt(row.var() + eps)
        h = (row - row.mean()) / s
        jacobian = (np.eye(d) - 1 / d - np.outer(h, h) / d) / s * gamma[:, None]
        out[where] = dy[where] @ jacobian
    return out


def with_an_axis(dy, x, gamma, eps=1e-5, axis=-1):
    """Right: the axis is an argument with a default, as it is in the forward pass."""
    mu = np.mean(x, axis=axis, keepdims=True)
    s = np.sqrt(np.mean((x - mu) ** 2, axis=axis, keepdims=True) + eps)
    xhat = (x - mu) / s
    g = dy * gamma
    return (g - np.mean(g, axis=axis, keepdims=True) - xhat * np.mean(g * xhat, axis=axis, keepdims=True)) / s


def centred_twice(dy, xhat, gamma, rstd):
    """Right: the mean is subtracted at the end, from what the variance left. Σ x̂ = 0 makes it the same."""
    g = gamma * dy
    g = g - xhat * np.mean(g * xhat, axis=-1, keepdims=True)
    return rstd[..., None] * (g - np.mean(g, axis=-1, keepdims=True))


def statistics_with_axes_kept(dy, x, gamma, mean, rstd):
    """Right: mean and rstd are saved with an axis of length 1 for the features."""
    xhat = (x - mean) * rstd
    g = gamma * dy
    return rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))


def in_single_precision(dy, x, gamma, eps):
    """Right, but with seven digits only: everything is computed in float32 and handed back as it came."""
    dtype = x.dtype
    x, dy, gamma = (a.astype(np.float32) for a in (x, dy, gamma))
    xc = x - x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((xc * xc).mean(-1, keepdims=True) + np.float32(eps))
    xhat = xc * rstd
    g = gamma * dy
    dx = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    return dx.astype(dtype)


def residual(dy, x, residual, gamma, eps):
    """Right: norm(x + r): one gradient for both summands."""
    z = x + residual
    zc = z - z.mean(-1, keepdims=True)
    s = np.sqrt((zc**2).mean(-1, keepdims=True) + eps)
    zhat = zc / s
    g = gamma * dy
    dz = (g - g.mean(-1, keepdims=True) - zhat * (g * zhat).mean(-1, keepdims=True)) / s
    rows = tuple(range(dy.ndim - 1))
    return dz, dz, (dy * zhat).sum(rows), dy.sum(rows)


def residual_for_a_matrix(dout, x, res, gamma, eps):
    """Right: the same, staged, with a copy for the second summand."""
    z = x + res
    _, d = z.shape
    mu = z.mean(axis=1)[:, np.newaxis]
    v = z.var(axis=1)[:, np.newaxis]
    dzhat = dout * gamma
    dv = -0.5 * ((z - mu) * dzhat).sum(axis=1)[:, np.newaxis] * np.power(v + eps, -1.5)
    dmu = -dzhat.sum(axis=1)[:, np.newaxis] / np.sqrt(v + eps)
    dz = dzhat / np.sqrt(v + eps) + (2 * (z - mu) * dv + dmu) / d
    return dz, dz.copy()
