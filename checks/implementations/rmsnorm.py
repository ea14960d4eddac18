"""RMS norm's backward pass, right and wrong, with ε inside the root and outside."""

import numpy as np


def compact(dy, x, gamma, eps=1e-6):
    """Right: no mean is subtracted, neither in the forward pass nor here."""
    inv_rms = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x * inv_rms
    g = gamma * dy
    dx = inv_rms * (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True))
    return dx, np.sum(dy * xhat, axis=tuple(range(x.ndim - 1)))


def upcast_as_in_transformers(grad_output, hidden_states, weight, variance_epsilon=1e-6):
    """Right: half precision is raised to float32, the result is of the input's type. float64 stays as it is."""
    input_dtype = hidden_states.dtype
    compute = np.result_type(input_dtype, np.float32)
    h = hidden_states.astype(compute)
    g = grad_output.astype(compute) * weight.astype(compute)
    variance = np.power(h, 2).mean(-1, keepdims=True)
    rsqrt = 1 / np.sqrt(variance + variance_epsilon)
    inner = (g * h).mean(-1, keepdims=True)
    grad_h = rsqrt * g - h * inner * rsqrt**3
    grad_w = (grad_output.astype(compute) * h * rsqrt).reshape(-1, h.shape[-1]).sum(0)
    return grad_h.astype(input_dtype), grad_w.astype(weight.dtype)


def from_saved_root(dout, x, weight, rstd):
    """Right: with the root of the forward pass, a row at a time."""
    shape = x.shape
    d = shape[-1]
    dout, x, rstd = dout.reshape(-1, d), x.reshape(-1, d), rstd.reshape(-1)
    dx, dw = np.empty_like(x), np.zeros_like(weight)
    for i, (dy_row, x_row, r) in enumerate(zip(dout, x, rstd, strict=True)):
        wdy = weight * dy_row
        dx[i] = r * wdy - (r**3 / d) * np.dot(wdy, x_row) * x_row
        dw += dy_row * x_row * r
    return dx.reshape(shape), dw


def staged(dy, x, gamma, eps):
    """Right: by way of the mean square: dms = −½ Σ γ dy x r^−3, dx = γ dy/r + dms · 2x/D."""
    D = x.shape[-1]
    root = np.sqrt((x**2).sum(-1, keepdims=True) / D + eps)
    dxhat = gamma * dy
    dms = -0.5 * (dxhat * x).sum(-1, keepdims=True) / root**3
    return dxhat / root + dms * 2 * x / D


def hard_coded_epsilon(dy, x, gamma):
    """Right: ε is 1e-5."""
    r = np.sqrt(np.einsum("...i,...i->...", x, x) / x.shape[-1] + 1e-5)[..., None]
    g = dy * gamma
    return g / r - x / r**3 * np.einsum("...i,...i->...", g, x)[..., None] / x.shape[-1]


def projection_forgotten(dy, x, gamma, eps):
    """Wrong: the length is taken for a constant: the projection onto x̂ is not subtracted."""
    return gamma * dy / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)


def sum_for_mean(dy, x, gamma, eps):
    """Wrong: the projection is a sum over the row: the 1/D is lost."""
    inv = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x * inv
    g = gamma * dy
    return inv * (g - xhat * np.sum(g * xhat, axis=-1, keepdims=True))


def centred_as_a_layer_norm(dy, x, gamma, eps):
    """Wrong: the mean of γ dy is subtracted, as layer norm has it. There is no mean in the forward pass."""
    inv = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x * inv
    g = gamma * dy
    return inv * (g - np.mean(g, axis=-1, keepdims=True) - xhat * np.mean(g * xhat, axis=-1, keepdims=True))


def exponent_of_the_root(dy, x, gamma, rstd):
    """Wrong: r^−1 stands in the second term where r^−3 is needed."""
    r = rstd[..., None]
    g = gamma * dy
    return r * g - x * r * np.mean(g * x, axis=-1, keepdims=True)


def sum_over_rows_lost(dy, x, gamma, eps):
    """Wrong: the gradient for the weight has the shape of x."""
    r = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x / r
    g = gamma * dy
    return (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True)) / r, dy * xhat


def epsilon_lost_in_the_second_term(dy, x, gamma, eps):
    """Wrong: Σ γ dy x̂ x̂/D is divided by mean x² where mean x² + ε is needed."""
    ms = np.mean(x * x, axis=-1, keepdims=True)
    inv = 1 / np.sqrt(ms + eps)
    g = gamma * dy
    return inv * (g - x / ms * np.mean(g * x, axis=-1, keepdims=True))


def epsilon_added_to_the_root(dy, x, gamma, eps):
    """Wrong where ε is inside the root: the gradient of x/(r + ε), in itself right."""
    r = np.sqrt(np.mean(x * x, axis=-1, keepdims=True))
    xhat = x / (r + eps)
    g = gamma * dy
    return g / (r + eps) - xhat * np.mean(g * xhat, axis=-1, keepdims=True) / r


def weight_lost_in_the_projection(dy, x, gamma, eps):
    """Wrong: the mean is of dy x̂ where γ dy x̂ is needed."""
    inv = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x * inv
    return inv * (gamma * dy - xhat * np.mean(dy * xhat, axis=-1, keepdims=True))


def outside(dy, x, gamma, eps):
    """Right where ε is added to the root: r in the second term without ε."""
    r = np.sqrt(np.mean(x * x, axis=-1, keepdims=True))
    xhat = x / (r + eps)
    g = gamma * dy
    dx = g / (r + eps) - xhat * np.mean(g * xhat, axis=-1, keepdims=True) / r
    return dx, np.sum(dy * xhat, axis=tuple(range(x.ndim - 1)))


def outside_by_the_quotient_rule(dy, x, gamma, eps):
    """Right where ε is added to the root: (dx̂ · s − Σ … · ds)/s² with s = r + ε and ds/dx = x/(D r)."""
    D = x.shape[-1]
    r = np.sqrt((x * x).sum(-1, keepdims=True) / D)
    s = r + eps
    g = gamma * dy
    return (g * s - (g * x).sum(-1, keepdims=True) * x / (D * r)) / s**2


def outside_compact(dy, x, gamma, eps):
    """Wrong: the compact form of the other layer with r + ε for the root. ε/r off in the second term only."""
    s = np.sqrt(np.mean(x * x, axis=-1, keepdims=True)) + eps
    xhat = x / s
    g = gamma * dy
    return (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True)) / s


def outside_as_inside(dy, x, gamma, eps):
    """Wrong: ε is under the root, and the layer adds it to the root."""
    s = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    xhat = x / s
    g = gamma * dy
    dx = (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True)) / s
    return dx, np.sum(dy * xhat, axis=tuple(range(x.ndim - 1)))
