"""Batch norm's backward pass as different people write it. All of them are right."""

from typing import NamedTuple

import numpy as np


def staged_like_a_course(dout, x, gamma, beta, eps):
    """Right: one line for each node of the graph, backwards."""
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar

    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    return dx1 + dx2, dgamma, dbeta


def compact(dy, x, gamma, eps):
    """Right: the closed form for a matrix, with everything made again from x."""
    m = x.shape[0]
    s = np.sqrt(np.var(x, axis=0) + eps)
    xhat = (x - np.mean(x, axis=0)) / s
    dgamma = np.sum(dy * xhat, axis=0)
    dbeta = np.sum(dy, axis=0)
    return gamma / (m * s) * (m * dy - dbeta - xhat * dgamma), dgamma, dbeta


def channels_last_inside(grad_output, x, weight, eps=1e-5):
    """Right: the channels are moved to the end, so that images become rows, and back."""
    g = np.moveaxis(grad_output, 1, -1)
    moved = np.moveaxis(x, 1, -1)
    shape = moved.shape
    g, rows = g.reshape(-1, shape[-1]), moved.reshape(-1, shape[-1])
    rows = rows - rows.mean(0)
    rstd = 1 / np.sqrt((rows * rows).mean(0) + eps)
    xhat = rows * rstd
    grad_weight = (g * xhat).sum(0)
    grad_bias = g.sum(0)
    grad_rows = weight * rstd * (g - g.mean(0) - xhat * (g * xhat).mean(0))
    return np.moveaxis(grad_rows.reshape(shape), -1, 1), grad_weight, grad_bias


def einsum_for_images(dy, xhat, gamma, rstd):
    """Right: every sum as an einsum."""
    n, _, h, w = dy.shape
    count = n * h * w
    dbeta = np.einsum("nchw->c", dy)
    dgamma = np.einsum("nchw,nchw->c", dy, xhat)
    centred = dy - (dbeta / count)[:, None, None] - np.einsum("nchw,c->nchw", xhat, dgamma / count)
    return np.einsum("nchw,c->nchw", centred, gamma * rstd), dgamma, dbeta


def kernel_with_projection(grad_output, x, weight, save_mean, save_invstd):
    """Right: two reductions first, then one pass: (dy − mean dy − (x − μ) k) · invstd · w, as CPU kernels do."""
    n_channel = x.shape[1]
    n = x.size // n_channel
    grad_input = np.empty_like(x)
    grad_weight, grad_bias = np.empty(n_channel), np.empty(n_channel)
    for f in range(n_channel):
        dy, x_f = grad_output[:, f], x[:, f]
        total = np.sum(dy)
        dotp = np.sum((x_f - save_mean[f]) * dy)
        k = dotp * save_invstd[f] * save_invstd[f] / n
        grad_mean = total / n
        grad_input[:, f] = (dy - grad_mean - (x_f - save_mean[f]) * k) * save_invstd[f] * weight[f]
        grad_weight[f] = dotp * save_invstd[f]
        grad_bias[f] = total
    return grad_input, grad_weight, grad_bias


def one_pass_a_b_c(grad_out, x, weight, mean, rstd):
    """Right: dx = a·dy + b·x + c with three numbers a channel, as fused kernels do."""
    dims = tuple(i for i in range(x.ndim) if i != 1)
    up = [None, slice(None)] + [None] * (x.ndim - 2)
    m = np.prod([x.shape[i] for i in dims])
    db = grad_out.sum(dims)
    ds = (grad_out * x).sum(dims)
    a = weight * rstd
    b = (db * mean - ds) * rstd**3 * weight / m
    c = -b * mean - db * a / m
    return a[tuple(up)] * grad_out + b[tuple(up)] * x + c[tuple(up)]


def in_place_on_own_arrays(dout, x, gamma, eps):
    """Right: works in place, on arrays that it made itself."""
    m = x.shape[0]
    work = x - x.mean(axis=0)
    s = np.sqrt(np.einsum("ij,ij->j", work, work) / m + eps)
    work /= s
    dgamma = np.einsum("ij,ij->j", dout, work)
    dbeta = dout.sum(axis=0)
    work *= dgamma / -m
    work += dout
    work -= dbeta / m
    np.multiply(work, gamma / s, out=work)
    return work, dgamma, dbeta


def hard_coded_epsilon(dy, x, gamma):
    """Right: ε is 1e-5 and cannot be chosen."""
    dims = (0, *range(2, x.ndim))
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    s = np.sqrt(x.var(dims) + 1e-5).reshape(shape)
    z = (x - x.mean(dims).reshape(shape)) / s
    return gamma.reshape(shape) / s * (dy - dy.mean(dims, keepdims=True) - z * (dy * z).mean(dims, keepdims=True))


def mean_of_squares(dy, x, gamma, eps):
    """Right, but it cancels: σ² = E[x²] − E[x]² loses all digits where the mean is large beside the deviation."""
    mean = x.mean(0)
    var = (x * x).mean(0) - mean * mean
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma * rstd * (dy - dbeta / len(x) - xhat * dgamma / len(x)), dgamma, dbeta


def from_the_output(grad_output, out, weight, bias, rstd):
    """Right: x is not kept: x̂ = (y − β)/γ, as norms do that save memory. It needs γ ≠ 0."""
    xhat = (out - bias) / weight
    m = out.shape[0]
    grad_weight = (grad_output * xhat).sum(0)
    grad_bias = grad_output.sum(0)
    return weight * rstd * (grad_output - grad_bias / m - xhat * grad_weight / m), grad_weight, grad_bias


def whole_jacobian(dy, x, gamma, eps):
    """Right: the m × m Jacobian of every feature, δ_ij − 1/m − x̂_i x̂_j/m, times dy."""
    m, n = x.shape
    dx = np.zeros((m, n))
    for j in range(n):
        s = np.sqrt(np.var(x[:, j]) + eps)
        h = (x[:, j] - np.mean(x[:, j])) / s
        jacobian = gamma[j] / s * (np.eye(m) - 1 / m - np.outer(h, h) / m)
        dx[:, j] = jacobian.T @ dy[:, j]
    return dx


def written_in_loops(dy, x, gamma, eps):
    """Right: no array operation at all."""
    m, n = x.shape
    dx, dgamma, dbeta = np.zeros((m, n)), np.zeros(n), np.zeros(n)
    for j in range(n):
        mean = sum(x[i, j] for i in range(m)) / m
        var = sum((x[i, j] - mean) ** 2 for i in range(m)) / m
        s = (var + eps) ** 0.5
        for i in range(m):
            dgamma[j] += dy[i, j] * (x[i, j] - mean) / s
            dbeta[j] += dy[i, j]
        for i in range(m):
            dx[i, j] = gamma[j] / (m * s) * (m * dy[i, j] - dbeta[j] - (x[i, j] - mean) / s * dgamma[j])
    return dx, dgamma, dbeta


def centring_matrix(dy, x, gamma, eps):
    """Right: H = I − 11ᵀ/m centres from the left, before and after."""
    m = x.shape[0]
    h = np.eye(m) - np.ones((m, m)) / m
    xc = h @ x
    s = np.sqrt(np.diag(xc.T @ xc) / m + eps)
    dxhat = dy * gamma
    return h @ (dxhat / s - xc * np.diag(xc.T @ dxhat) / (m * s**3))


def in_at_least_single_precision(dy, x, gamma, eps):
    """Right: half precision is raised to single for the sums, and dx is of x's type again. Double stays double."""
    acc = np.promote_types(x.dtype, np.float32)
    x32, dy32, w32 = x.astype(acc), dy.astype(acc), gamma.astype(acc)
    mean = x32.mean(axis=0, dtype=acc)
    xc = x32 - mean
    rstd = 1 / np.sqrt(np.mean(xc * xc, axis=0, dtype=acc) + acc.type(eps))
    xhat = xc * rstd
    dgamma = np.sum(dy32 * xhat, axis=0, dtype=acc)
    dbeta = np.sum(dy32, axis=0, dtype=acc)
    m = acc.type(x.shape[0])
    dx = w32 * rstd * (dy32 - (dbeta + xhat * dgamma) / m)
    return dx.astype(x.dtype), dgamma.astype(gamma.dtype), dbeta.astype(gamma.dtype)


def other_order_of_arguments(gamma, var, mean, x, *, eps=1e-5, dout):
    """Right: the upstream gradient comes last, and by name only."""
    rstd = (var + eps) ** -0.5
    xhat = (x - mean) * rstd
    centred = dout - np.average(dout, axis=0)
    return (centred - xhat * np.average(centred * xhat, axis=0)) * (gamma * rstd)


def one_feature(dy, x, gamma, eps):
    """Right: a vector: one feature over the batch."""
    s = np.sqrt(x.var() + eps)
    h = (x - x.mean()) / s
    return gamma / s * (dy - dy.mean() - h * (dy @ h) / x.size), dy @ h, dy.sum()


class Gradients(NamedTuple):
    """The three gradients by name."""

    dx: np.ndarray
    dgamma: np.ndarray
    dbeta: np.ndarray


def with_named_gradients(dz, x_norm, gamma, std):
    """Right: a named tuple is a tuple."""
    m = dz.shape[0]
    dgamma = np.sum(dz * x_norm, axis=0)
    dbeta = np.sum(dz, axis=0)
    dx = gamma * (1.0 / std) / m * (m * dz - dgamma * x_norm - dbeta)
    return Gradients(dx, dgamma, dbeta)


def two_steps_through_the_variance(dy, x, gamma, std):
    """Right: dσ² and dμ with exponents, where std is given and σ² + ε is its square."""
    dims = (0, *range(2, x.ndim))
    lift = (1, -1) + (1,) * (x.ndim - 2)
    std = std.reshape(lift)
    m = x.size / x.shape[1]
    xmu = x - x.mean(dims, keepdims=True)
    dxhat = dy * gamma.reshape(lift)
    dvar = np.sum(dxhat * xmu, axis=dims, keepdims=True) * (-1 / 2) * (std**2) ** (-3 / 2)
    dmu = np.sum(-dxhat / std, axis=dims, keepdims=True) + dvar * np.mean(-2 * xmu, axis=dims, keepdims=True)
    return dxhat / std + dvar * 2 * xmu / m + dmu / m
