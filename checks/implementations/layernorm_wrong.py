"""Layer norm's backward pass with the mistakes people make."""

import numpy as np


def _normalized(x, eps):
    xc = x - x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((xc * xc).mean(-1, keepdims=True) + eps)
    return xc * rstd, rstd


def mean_of_gamma_dy_forgotten(dy, x, gamma, eps):
    """Wrong: the mean of γ dy is not subtracted."""
    xhat, rstd = _normalized(x, eps)
    g = gamma * dy
    return rstd * (g - xhat * (g * xhat).mean(-1, keepdims=True))


def gamma_taken_out_of_the_sums(dy, x, gamma, eps):
    """Wrong unless γ is constant: γ_j is put in front of the bracket, as batch norm allows and layer norm does not."""
    xhat, rstd = _normalized(x, eps)
    rows = tuple(range(x.ndim - 1))
    dx = gamma * rstd * (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))
    return dx, (dy * xhat).sum(rows), dy.sum(rows)


def gamma_lost_in_one_mean(dy, x, gamma, eps):
    """Wrong: the mean of dy x̂ is taken without γ."""
    xhat, rstd = _normalized(x, eps)
    g = gamma * dy
    return rstd * (g - g.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))


def means_over_the_batch(dy, xhat, gamma, rstd):
    """Wrong: x̂ and the root are those of layer norm, the two means are those of batch norm."""
    g = gamma * dy
    return rstd[..., None] * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))


def unbiased_deviation(dy, x, gamma, eps):
    """Wrong: σ² divides by D − 1, as the deviation of some libraries does without being asked."""
    d = x.shape[-1]
    xc = x - x.mean(-1, keepdims=True)
    s = np.sqrt((xc * xc).sum(-1, keepdims=True) / (d - 1) + eps)
    xhat = xc / s
    g = gamma * dy
    return (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / s


def d_minus_one_in_the_mean_of_dy(dy, x, gamma, eps):
    """Wrong: the mean of γ dy divides by D − 1."""
    d = x.shape[-1]
    xhat, rstd = _normalized(x, eps)
    g = gamma * dy
    return rstd * (g - g.sum(-1, keepdims=True) / (d - 1) - xhat * (g * xhat).sum(-1, keepdims=True) / d)


def dgamma_over_the_features(dy, x, gamma, eps):
    """Wrong: dγ and dβ are summed over the last axis; there is one of each for a row, not for a feature."""
    xhat, rstd = _normalized(x, eps)
    g = gamma * dy
    dx = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    return dx, (dy * xhat).sum(-1), dy.sum(-1)


def rstd_along_the_wrong_axis(dy, x, gamma, eps):
    """Wrong: rstd has one number a row and is broadcast along the rows: an error, or a wrong value where N = D."""
    rstd = 1 / np.sqrt(x.var(-1) + eps)
    xhat, _ = _normalized(x, eps)
    g = gamma * dy
    return rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))


def sign_of_the_projection(dy, xhat, gamma, rstd):
    """Wrong: the projection onto x̂ is added."""
    g = gamma * dy
    return rstd[..., None] * (g - g.mean(-1, keepdims=True) + xhat * (g * xhat).mean(-1, keepdims=True))


def input_centred_in_place(dy, x, gamma, eps):
    """Wrong: what is returned is right, and the mean is subtracted from the caller's x."""
    x -= x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    xhat = x * rstd
    g = gamma * dy
    return rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))


def all_axes_but_the_first(dy, x, gamma, eps):
    """Wrong at rank 3 and more: each sample is normalized as a whole, not each token."""
    axes = tuple(range(1, x.ndim))
    xc = x - x.mean(axes, keepdims=True)
    s = np.sqrt((xc * xc).mean(axes, keepdims=True) + eps)
    xhat = xc / s
    g = gamma * dy
    return (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True)) / s


def epsilon_squared(dy, x, gamma, eps):
    """Wrong: ε² under the root: ε was thought to be added to σ, not to σ²."""
    mu = x.mean(-1, keepdims=True)
    s = np.sqrt(x.var(-1, keepdims=True) + eps**2)
    xhat = (x - mu) / s
    g = gamma * dy
    return (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / s


def averaged_over_the_batch(dy, x, gamma, eps):
    """Wrong: dx, dγ and dβ are divided by the batch size, which is the business of the loss."""
    xhat, rstd = _normalized(x, eps)
    rows = tuple(range(x.ndim - 1))
    batch = np.prod([x.shape[i] for i in rows])
    g = gamma * dy
    dx = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    return dx / batch, (dy * xhat).sum(rows) / batch, dy.sum(rows) / batch


def sum_in_place_of_mean(dy, xhat, gamma, rstd):
    """Wrong: the second mean is a sum: D times too large."""
    g = gamma * dy
    return rstd[..., None] * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True))


def gamma_on_xhat(dy, xhat, gamma, rstd):
    """Wrong: the output γ x̂ is used where x̂ is needed, in front of the last mean."""
    g = gamma * dy
    yhat = gamma * xhat
    return rstd[..., None] * (g - g.mean(-1, keepdims=True) - yhat * (g * xhat).mean(-1, keepdims=True))


def variance_not_centred(dy, x, gamma, eps):
    """Wrong unless the row is centred: σ² is taken for the mean of x²."""
    mu = x.mean(-1, keepdims=True)
    s = np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    xhat = (x - mu) / s
    g = gamma * dy
    return (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / s


def sequence_contiguous_only(dy, x, gamma, eps):
    """Wrong for a dy that is not contiguous: the tokens are numbered as they lie in memory."""
    d = x.shape[-1]
    rows = dy.reshape(-1, order="A").reshape(-1, d)
    xhat, rstd = _normalized(x.reshape(-1, d), eps)
    g = gamma * rows
    dx = rstd * (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True))
    return dx.reshape(x.shape)


def residual_past_the_norm(dy, x, residual, gamma, eps):
    """Wrong: y = norm(x + r), and dr is taken for dy, as if r were added after the norm."""
    zhat, rstd = _normalized(x + residual, eps)
    g = gamma * dy
    dz = rstd * (g - g.mean(-1, keepdims=True) - zhat * (g * zhat).mean(-1, keepdims=True))
    return dz, dy.copy()


def residual_not_in_the_statistics(dy, x, residual, gamma, eps):
    """Wrong: y = norm(x + r), and the backward pass normalizes x alone."""
    xhat, rstd = _normalized(x, eps)
    g = gamma * dy
    dz = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    return dz, dz
