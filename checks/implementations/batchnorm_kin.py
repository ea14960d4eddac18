"""Batch norm with fixed statistics, with the unbiased variance, without ε and over several workers: right and wrong."""

import numpy as np


def inference_from_saved(dy, xhat, gamma, rstd):
    """Right, with fixed statistics: nothing but γ/s."""
    dims = tuple(i for i in range(dy.ndim) if i != 1)
    shape = (1, -1) + (1,) * (dy.ndim - 2)
    return dy * (gamma * rstd).reshape(shape), (dy * xhat).sum(dims), dy.sum(dims)


def inference_folded(dy, x, weight, running_mean, running_var):
    """Right, with fixed statistics: the layer is an affine map a·x + b; ε is 1e-5."""
    a = weight / np.sqrt(running_var + 1e-5)
    return dy * a, ((x - running_mean) * dy).sum(0) / np.sqrt(running_var + 1e-5), dy.sum(0)


def inference_without_epsilon(dy, gamma, var, eps):
    """Wrong, with fixed statistics: ε is forgotten."""
    return dy * gamma / np.sqrt(var)


def inference_with_variance_for_deviation(dy, gamma, var, eps):
    """Wrong, with fixed statistics: divided by σ² + ε, without the root."""
    return dy * gamma / (var + eps)


def unbiased(dy, x, gamma, eps):
    """Right, with the unbiased variance: 1/m for the mean of dy, 1/(m − 1) for the term of the variance."""
    dims = (0, *range(2, x.ndim))
    lift = (1, -1) + (1,) * (x.ndim - 2)
    m = x.size // x.shape[1]
    s = np.sqrt(x.var(dims, ddof=1, keepdims=True) + eps)
    xhat = (x - x.mean(dims, keepdims=True)) / s
    dgamma, dbeta = (dy * xhat).sum(dims), dy.sum(dims)
    dx = gamma.reshape(lift) / s * (dy - dbeta.reshape(lift) / m - xhat * dgamma.reshape(lift) / (m - 1))
    return dx, dgamma, dbeta


def unbiased_staged(dout, x, gamma, eps):
    """Right, with the unbiased variance: the paper's three stages with m − 1 in ∂σ²/∂x."""
    m = x.shape[0]
    xmu = x - x.mean(0)
    var = (xmu**2).sum(0) / (m - 1)
    dxhat = dout * gamma
    dvar = (dxhat * xmu).sum(0) * -0.5 * (var + eps) ** -1.5
    dmu = -dxhat.sum(0) / np.sqrt(var + eps)
    return dxhat / np.sqrt(var + eps) + dvar * 2 * xmu / (m - 1) + dmu / m


def unbiased_with_m_in_the_gradient(dy, x, gamma, eps):
    """Wrong, with the unbiased variance: the forward pass divides by m − 1, the backward pass by m."""
    m = x.shape[0]
    s = np.sqrt(x.var(0, ddof=1) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def unbiased_with_m_minus_one_twice(dy, x, gamma, eps):
    """Wrong, with the unbiased variance: the mean of dy divides by m − 1 as well."""
    m = x.shape[0]
    s = np.sqrt(x.var(0, ddof=1) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / (m - 1) - xhat * dgamma / (m - 1)), dgamma, dbeta


def no_epsilon(dy, x, gamma):
    """Right, without ε."""
    s = x.std(axis=0)
    xhat = (x - x.mean(axis=0)) / s
    centred = dy - dy.mean(axis=0)
    return gamma / s * (centred - xhat * (dy * xhat).mean(axis=0)), (dy * xhat).sum(axis=0), dy.sum(axis=0)


def epsilon_where_there_is_none(dy, x, gamma):
    """Wrong, without ε: 1e-5 is added by habit."""
    s = np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - x.mean(axis=0)) / s
    centred = dy - dy.mean(axis=0)
    return gamma / s * (centred - xhat * (dy * xhat).mean(axis=0)), (dy * xhat).sum(axis=0), dy.sum(axis=0)


def over_all_workers(dy, x, gamma, eps):
    """Right, over several workers: dy and dy x̂ are summed over all of them."""
    dims = (0, 1, *range(3, x.ndim))
    lift = (1, 1, -1) + (1,) * (x.ndim - 3)
    count = x.size / x.shape[2]
    mu = x.mean(dims, keepdims=True)
    rstd = 1 / np.sqrt(((x - mu) ** 2).mean(dims, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    sum_dy = dy.sum(dims, keepdims=True)
    sum_dy_xhat = (dy * xhat).sum(dims, keepdims=True)
    dx = gamma.reshape(lift) * rstd * (dy - sum_dy / count - xhat * sum_dy_xhat / count)
    return dx, sum_dy_xhat.ravel(), sum_dy.ravel()


def sums_of_one_worker(dy, x, gamma, eps):
    """Wrong, over several workers: the statistics are shared, the sums of the backward pass are not."""
    dims = (0, 1, *range(3, x.ndim))
    own = (1, *range(3, x.ndim))
    lift = (1, 1, -1) + (1,) * (x.ndim - 3)
    mu = x.mean(dims, keepdims=True)
    rstd = 1 / np.sqrt(((x - mu) ** 2).mean(dims, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    dx = gamma.reshape(lift) * rstd
    dx = dx * (dy - dy.mean(own, keepdims=True) - xhat * (dy * xhat).mean(own, keepdims=True))
    return dx, (dy * xhat).sum(dims), dy.sum(dims)
