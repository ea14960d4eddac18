"""L2 normalization, weight normalization and cosine similarity: right and wrong."""

import numpy as np


def l2(dy, x):
    """Right: dy without its part along y, divided by the length."""
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    y = x / length
    return (dy - y * (dy * y).sum(-1, keepdims=True)) / length


def l2_quotient_rule(dout, x):
    """Right: dy/ρ − x (x·dy)/ρ³."""
    rho = np.linalg.norm(x, axis=-1)[..., None]
    return dout / rho - x * np.sum(x * dout, axis=-1)[..., None] / rho**3


def l2_projector(dy, x):
    """Right: the matrix I − y yᵀ for each row of a matrix."""
    out = np.empty_like(dy)
    for i, (row, g) in enumerate(zip(x, dy, strict=True)):
        rho = np.linalg.norm(row)
        unit = row / rho
        out[i] = (np.identity(row.size) - np.outer(unit, unit)) @ g / rho
    return out


def l2_length_constant(dy, rho):
    """Wrong: the length is taken for a constant."""
    return dy / rho[..., None]


def l2_power_of_the_length(dy, x):
    """Wrong: x (x·dy) is divided by ρ² where ρ³ is needed."""
    rho = np.linalg.norm(x, axis=-1, keepdims=True)
    return dy / rho - x * np.sum(x * dy, axis=-1, keepdims=True) / rho**2


def l2_mean_for_sum(dy, y, rho):
    """Wrong: y·dy is taken as a mean over the row."""
    return (dy - y * (dy * y).mean(-1, keepdims=True)) / rho[..., None]


def weight_norm(dw, v, gamma):
    """Right: both gradients of w = γ v/‖v‖."""
    length = np.sqrt(np.sum(v**2, axis=-1, keepdims=True))
    vhat = v / length
    dgamma = np.sum(dw * vhat, axis=-1)
    dv = gamma[..., None] / length * (dw - dgamma[..., None] * vhat)
    return dv, dgamma


def weight_norm_as_in_the_paper(grad_w, v, gamma):
    """Right: ∇v = γ/‖v‖ ∇w − γ ∇γ/‖v‖² v."""
    norm = np.linalg.norm(v, axis=-1)
    grad_g = np.einsum("...i,...i->...", grad_w, v) / norm
    grad_v = (gamma / norm)[..., None] * grad_w - (gamma * grad_g / norm**2)[..., None] * v
    return grad_v, grad_g


def weight_norm_gamma_lost(dw, v, gamma):
    """Wrong: γ is in the first term of dv only."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    dgamma = (dw * v).sum(-1) / norm[..., 0]
    return gamma[..., None] / norm * dw - dgamma[..., None] * v / norm**2, dgamma


def weight_norm_projection_added(dw, v, gamma):
    """Wrong: the part along v is added."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    dgamma = (dw * v).sum(-1) / norm[..., 0]
    return gamma[..., None] / norm * (dw + dgamma[..., None] * v / norm), dgamma


def weight_norm_without_projection(dw, v, gamma):
    """Wrong: the length of v is taken for a constant in dv."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    return gamma[..., None] * dw / norm, (dw * v).sum(-1) / norm[..., 0]


def weight_norm_dgamma_not_normalized(dw, v, gamma):
    """Wrong: dγ is v·dw, without the length."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    vhat = v / norm
    dv = gamma[..., None] / norm * (dw - vhat * (dw * vhat).sum(-1, keepdims=True))
    return dv, (dw * v).sum(-1)


def cosine(dy, a, b):
    """Right: both gradients by the quotient rule, with the quotient put back."""
    la = np.sqrt((a * a).sum(-1, keepdims=True))
    lb = np.sqrt((b * b).sum(-1, keepdims=True))
    y = (a * b).sum(-1, keepdims=True) / (la * lb)
    g = dy[..., None]
    return g / la * (b / lb - y * a / la), g / lb * (a / la - y * b / lb)


def cosine_of_unit_vectors(dout, a, b):
    """Right: by way of the two unit vectors, each projected."""
    na, nb = np.linalg.norm(a, axis=-1)[..., None], np.linalg.norm(b, axis=-1)[..., None]
    ua, ub = a / na, b / nb
    dua, dub = dout[..., None] * ub, dout[..., None] * ua
    da = (dua - ua * (ua * dua).sum(-1, keepdims=True)) / na
    db = (dub - ub * (ub * dub).sum(-1, keepdims=True)) / nb
    return da, db


def cosine_lengths_swapped(dy, a, b):
    """Wrong: the length of b stands where that of a is needed, and the other way round."""
    la, lb = np.linalg.norm(a, axis=-1, keepdims=True), np.linalg.norm(b, axis=-1, keepdims=True)
    y = (a * b).sum(-1, keepdims=True) / (la * lb)
    g = dy[..., None]
    return g / lb * (b / lb - y * a / la), g / la * (a / la - y * b / lb)


def cosine_without_projection(dy, a, b):
    """Wrong: the lengths are taken for constants."""
    la, lb = np.linalg.norm(a, axis=-1, keepdims=True), np.linalg.norm(b, axis=-1, keepdims=True)
    g = dy[..., None]
    return g * b / (la * lb), g * a / (la * lb)


def cosine_gradients_swapped(dy, a, b):
    """Wrong: the gradient for b is returned for a, and the other way round."""
    la, lb = np.linalg.norm(a, axis=-1, keepdims=True), np.linalg.norm(b, axis=-1, keepdims=True)
    y = (a * b).sum(-1, keepdims=True) / (la * lb)
    g = dy[..., None]
    return g / lb * (a / la - y * b / lb), g / la * (b / lb - y * a / la)
