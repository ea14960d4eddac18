"""Batch norm's backward pass with the mistakes people make. Each is wrong, most of them by one factor or one sum."""

import numpy as np


def _dims(x):
    return (0, *range(2, x.ndim))


def _lift(v, x):
    return v.reshape((1, -1) + (1,) * (x.ndim - 2))


def m_minus_one_in_the_last_term(dy, x, gamma, eps):
    """Wrong: the mean of dy x̂ divides by m − 1; the forward pass divides by m."""
    m = x.shape[0]
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / m - xhat * dgamma / (m - 1)), dgamma, dbeta


def m_minus_one_in_the_mean_of_dy(dy, x, gamma, eps):
    """Wrong: the mean of dy divides by m − 1."""
    m = x.shape[0]
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / (m - 1) - xhat * dgamma / m), dgamma, dbeta


def epsilon_outside_the_root(dout, x, gamma, eps):
    """Wrong: x̂ = (x − μ)/(σ + ε). At ε = 1e-5 that is a relative error of 1e-5."""
    m = len(x)
    rstd = 1 / (x.std(0) + eps)
    xhat = (x - x.mean(0)) * rstd
    dgamma, dbeta = (dout * xhat).sum(0), dout.sum(0)
    return gamma * rstd / m * (m * dout - dbeta - xhat * dgamma), dgamma, dbeta


def epsilon_lost_in_dvar(dout, x, gamma, eps):
    """Wrong: ε is in the root of x̂ and not in the power −3/2 of dσ²."""
    m = x.shape[0]
    var = x.var(axis=0)
    xc = x - x.mean(axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xc * -0.5 * var**-1.5, axis=0)
    dmu = -np.sum(dxhat, axis=0) / np.sqrt(var + eps)
    return dxhat / np.sqrt(var + eps) + dvar * 2 * xc / m + dmu / m


def variance_gradient_not_centred(dout, x, gamma, eps):
    """Wrong: ∂σ²/∂x_i is taken for 2 x_i/m where it is 2 (x_i − μ)/m."""
    m = x.shape[0]
    std = np.sqrt(x.var(axis=0) + eps)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - x.mean(axis=0)), axis=0) * -0.5 / std**3
    dmu = -np.sum(dxhat, axis=0) / std
    return dxhat / std + dvar * 2 * x / m + dmu / m


def mean_gradient_not_centred(dout, x, gamma, eps):
    """Wrong: the term of the variance in dμ, which is 0, is written with Σ x in place of Σ (x − μ)."""
    m = x.shape[0]
    std = np.sqrt(x.var(axis=0) + eps)
    xc = x - x.mean(axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xc, axis=0) * -0.5 / std**3
    dmu = -np.sum(dxhat, axis=0) / std + dvar * np.sum(-2 * x, axis=0) / m
    return dxhat / std + dvar * 2 * xc / m + dmu / m


def no_sum_in_dgamma(dy, xhat, gamma, rstd):
    """Wrong: dγ and dβ are not summed over the batch: they have the shape of x."""
    dx = gamma * rstd * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))
    return dx, dy * xhat, dy


def mean_in_dgamma(dy, xhat, gamma, rstd):
    """Wrong: dγ and dβ are means over the batch, not sums."""
    mean_dy, mean_dy_xhat = dy.mean(0), (dy * xhat).mean(0)
    return gamma * rstd * (dy - mean_dy - xhat * mean_dy_xhat), mean_dy_xhat, mean_dy


def sums_over_the_features(dy, xhat, gamma, rstd):
    """Wrong: the two means in dx are over axis 1, the features."""
    mean_dy = dy.mean(axis=1, keepdims=True)
    mean_dy_xhat = (dy * xhat).mean(axis=1, keepdims=True)
    return gamma * rstd * (dy - mean_dy - xhat * mean_dy_xhat), (dy * xhat).sum(0), dy.sum(0)


def variance_derivative_without_the_two(dout, x, gamma, eps):
    """Wrong: ∂σ²/∂x_i is taken for (x_i − μ)/m where it is 2 (x_i − μ)/m."""
    m = x.shape[0]
    std = np.sqrt(x.var(axis=0) + eps)
    xc = x - x.mean(axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xc, axis=0) * -0.5 / std**3
    dmu = -np.sum(dxhat, axis=0) / std
    return dxhat / std + dvar * xc / m + dmu / m


def sign_of_the_last_term(dy, x, gamma, eps=1e-5):
    """Wrong: + x̂ Σ dy x̂ where − is needed."""
    m = x.size // x.shape[1]
    rstd = 1 / np.sqrt(x.var(_dims(x), keepdims=True) + eps)
    xhat = (x - x.mean(_dims(x), keepdims=True)) * rstd
    dgamma, dbeta = (dy * xhat).sum(_dims(x)), dy.sum(_dims(x))
    return _lift(gamma, x) * rstd / m * (m * dy - _lift(dbeta, x) + xhat * _lift(dgamma, x)), dgamma, dbeta


def sign_of_dmu(dy, x, gamma, eps=1e-5):
    """Wrong: the minus of ∂x̂/∂μ = −1/s is lost, so that Σ dy is added."""
    m = x.shape[0]
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    return gamma / s * (dy + dy.sum(0) / m - xhat * (dy * xhat).sum(0) / m)


def sign_of_the_mean(dout, x, gamma, eps):
    """Wrong: ∂σ²/∂x_i is taken for 2 (x_i + μ)/m: the sign of μ, not of the term."""
    m = x.shape[0]
    mu = x.mean(axis=0)
    std = np.sqrt(x.var(axis=0) + eps)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu), axis=0) * -0.5 / std**3
    dmu = -np.sum(dxhat, axis=0) / std
    return dxhat / std + dvar * 2 * (x + mu) / m + dmu / m


def exponent_of_dvar(dout, x, gamma, eps):
    """Wrong: dσ² has (σ²+ε) to the power −1/2 where −3/2 is needed."""
    m = x.shape[0]
    var = x.var(axis=0)
    xc = x - x.mean(axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xc * -0.5 * (var + eps) ** (-1 / 2), axis=0)
    dmu = -np.sum(dxhat * (var + eps) ** (-1 / 2), axis=0)
    return dxhat * (var + eps) ** (-1 / 2) + dvar * 2 * xc / m + dmu / m


def deviation_for_xhat(dy, x, gamma, rstd):
    """Wrong: x − μ where x̂ is needed in front of the last sum: a root is lost."""
    xmu = x - x.mean(0)
    return gamma * rstd * (dy - dy.mean(0) - xmu * (dy * xmu * rstd).mean(0))


def root_lost(dy, xhat, gamma, var, eps):
    """Wrong: γ/(σ²+ε) in front where γ/√(σ²+ε) is needed."""
    return gamma / (var + eps) * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))


def statistics_for_each_position(dy, x, gamma, eps=1e-5):
    """Wrong for images: the statistics are over the batch only, for each position by itself. Right for vectors."""
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    w = gamma.reshape((-1,) + (1,) * (x.ndim - 2))
    return w / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))


def images_counted_not_pixels(dy, xhat, gamma, rstd):
    """Wrong for images: the sums are over batch and positions, and divided by the batch size. Right for vectors."""
    m = dy.shape[0]
    dgamma, dbeta = (dy * xhat).sum(_dims(dy)), dy.sum(_dims(dy))
    dx = _lift(gamma * rstd, dy) / m * (m * dy - _lift(dbeta, dy) - xhat * _lift(dgamma, dy))
    return dx, dgamma, dbeta


def gamma_twice(dy, x, gamma, eps):
    """Wrong: γ goes into dx̂, and into the factor in front once more."""
    m = x.shape[0]
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dxhat = dy * gamma
    dx = gamma / (m * s) * (m * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))
    return dx, (dy * xhat).sum(0), dy.sum(0)


def unbiased_statistics(dy, x, gamma, eps):
    """Wrong: the variance divides by m − 1, the gradient is the one of the variance that divides by m."""
    m = x.shape[0]
    s = np.sqrt(x.var(0, ddof=1) + eps)
    xhat = (x - x.mean(0)) / s
    return gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).sum(0) / m)


def unbiased_throughout(dy, x, gamma, eps):
    """Wrong here: the right gradient of another layer, whose variance divides by m − 1."""
    m = x.shape[0]
    s = np.sqrt(x.var(0, ddof=1) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / m - xhat * dgamma / (m - 1)), dgamma, dbeta


def transposed_result(dy, x, gamma, eps):
    """Wrong: works with the features first, and does not turn the result back."""
    xt, gt = x.T, dy.T
    s = np.sqrt(xt.var(1, keepdims=True) + eps)
    xhat = (xt - xt.mean(1, keepdims=True)) / s
    return gamma[:, None] / s * (gt - gt.mean(1, keepdims=True) - xhat * (gt * xhat).mean(1, keepdims=True))


def scale_and_shift_swapped(dy, x, gamma, eps):
    """Wrong: dβ is returned in dγ's place, and dγ in dβ's."""
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / len(x) - xhat * dgamma / len(x)), dbeta, dgamma


def memory_order(dy, x, gamma, eps):
    """Wrong for a dy that is not contiguous: ravel with order "K" reads it as it lies in memory."""
    m, n = x.shape
    g = dy.ravel(order="K").reshape(m, n)
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (g * xhat).sum(0), g.sum(0)
    return gamma / s * (g - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def upstream_scaled_in_place(dout, x, gamma, eps):
    """Wrong: dx is right; γ is multiplied into the caller's dout, and dβ is summed from it afterwards."""
    m = x.shape[0]
    s = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / s
    dgamma = np.sum(dout * xhat, axis=0)
    dout *= gamma
    dx = (dout - dout.sum(axis=0) / m - xhat * (dout * xhat).sum(axis=0) / m) / s
    return dx, dgamma, np.sum(dout, axis=0)


def result_in_the_upstream_array(dout, x, gamma, eps):
    """Wrong: what is returned is right, and it is written into the caller's dout."""
    m = x.shape[0]
    s = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / s
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dout -= dbeta / m + xhat * dgamma / m
    dout *= gamma / s
    return dout, dgamma, dbeta


def single_precision_result(dy, x, gamma, eps):
    """Wrong: the gradient of a float64 array comes back as float32."""
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dx = gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))
    return dx.astype(np.float32), (dy * xhat).sum(0), dy.sum(0)


def two_for_m(dy, xhat, gamma, rstd):
    """Wrong for m ≥ 3: written and tried with batches of two; the 2 stayed."""
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma * rstd / 2 * (2 * dy - dbeta - xhat * dgamma), dgamma, dbeta


def dgamma_not_centred(dy, x, gamma, eps):
    """Wrong unless μ = 0: dγ is Σ dy x/s where Σ dy (x − μ)/s is needed."""
    rstd = 1 / np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) * rstd
    dx = gamma * rstd * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))
    return dx, (dy * x * rstd).sum(0), dy.sum(0)


def sum_of_dy_dropped(dy, x, gamma, eps):
    """Wrong unless Σ dy = 0: the mean of dy is not subtracted."""
    dims = _dims(x)
    rstd = 1 / np.sqrt(x.var(dims, keepdims=True) + eps)
    xhat = (x - x.mean(dims, keepdims=True)) * rstd
    return _lift(gamma, x) * rstd * (dy - xhat * (dy * xhat).mean(dims, keepdims=True))


def epsilon_ten_times_too_large(dy, x, gamma):
    """Wrong: ε is fixed, at 1e-4 and not at 1e-5."""
    s = np.sqrt(x.var(0) + 1e-4)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / len(x) - xhat * dgamma / len(x)), dgamma, dbeta


def epsilon_not_listened_to(dy, x, gamma, eps):
    """Wrong unless ε = 1e-5: eps is an argument, and 1e-5 is used whatever it is."""
    s = np.sqrt(x.var(0) + 1e-5)
    xhat = (x - x.mean(0)) / s
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    return gamma / s * (dy - dbeta / len(x) - xhat * dgamma / len(x)), dgamma, dbeta


def dbeta_with_gamma(dy, x, gamma, eps):
    """Wrong: dβ is summed from γ dy, which is dx̂."""
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    dxhat = gamma * dy
    dx = (dxhat - dxhat.mean(0) - xhat * (dxhat * xhat).mean(0)) / s
    return dx, (dy * xhat).sum(0), dxhat.sum(0)


def gamma_of_the_first_feature(dy, x, gamma, eps):
    """Wrong unless γ is constant: γ_1 is used for all features."""
    s = np.sqrt(x.var(0) + eps)
    xhat = (x - x.mean(0)) / s
    return gamma.flat[0] / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))


def channels_broadcast_from_the_right(dy, xhat, gamma, rstd):
    """Right for matrices only: for images (channel,) meets the last axis: an error, or a wrong value where W = C."""
    dims = _dims(dy)
    return gamma * rstd * (dy - dy.mean(dims, keepdims=True) - xhat * (dy * xhat).mean(dims, keepdims=True))


def xhat_forgotten(dy, xhat, gamma, rstd):
    """Wrong: the last term is Σ dy x̂/m without the x̂_i in front."""
    return gamma * rstd * (dy - dy.mean(0) - (dy * xhat).mean(0))


def m_times_too_large(dy, xhat, gamma, rstd):
    """Wrong: the 1/m in front is forgotten, so that dx is m times too large."""
    m = dy.shape[0]
    return gamma * rstd * (m * dy - dy.sum(0) - xhat * (dy * xhat).sum(0))


def spread_for_deviation(dy, x, gamma, eps):
    """Wrong: x̂ is made with the mean absolute deviation of a half remembered formula."""
    s = np.sqrt(np.abs(x - x.mean(0)).mean(0) ** 2 + eps)
    xhat = (x - x.mean(0)) / s
    return gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))
