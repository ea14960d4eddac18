"""Wrong gradients as people write them in NumPy, each with the words that it is to be diagnosed with.

Nothing here uses the program. A row is a name, a function of the upstream gradient and the layer's inputs in their
order, and what is wrong with it.
"""

# ruff: noqa: PLR0913 -- gradients are computed from that much

from typing import NamedTuple

import numpy as np


class Wrong(NamedTuple):
    """What is wrong with `function` as the gradient for `of`, in a layer over named axes, in how many edits."""

    layer: str
    axes: tuple[str, ...]
    of: str
    name: str
    function: object
    words: str
    edits: int


# --- what a function computes on the way, rightly --------------------------------------------------------------------


def normal(x, eps, axes, ddof=0):
    """The root and x̂."""
    s = np.sqrt(x.var(axes, keepdims=True, ddof=ddof) + eps)
    return s, (x - x.mean(axes, keepdims=True)) / s


def rms(x, eps):
    s = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    return s, x / s


def probabilities(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def length(x):
    return np.sqrt((x**2).sum(-1, keepdims=True))


# --- batch norm ------------------------------------------------------------------------------------------------------


def batch(dy, x, gamma, eps, *, m=None, on_dy=None, s=None, hats=None, signs=(1, 1), axes=(0,)):
    """The closed form, with any of its parts as the caller wants it: `hats` are x̂ outside and inside of the Σ."""
    root, xhat = normal(x, eps, axes)
    count = np.prod([x.shape[axis] for axis in axes])
    m, on_dy = count if m is None else m, count if on_dy is None else on_dy
    s, (outside, inside) = root if s is None else s, (xhat, xhat) if hats is None else hats
    means = signs[0] * dy.sum(axes, keepdims=True) + signs[1] * outside * (dy * inside).sum(axes, keepdims=True)
    return gamma / (m * s) * (on_dy * dy - means)


def by_stages(dy, x, gamma, eps, *, power=-1.5, half=0.5, two=2, mean_of=None):
    """Reverse mode, with any of its numbers as the caller wants it."""
    m, mu, var = len(x), x.mean(0), x.var(0)
    dxhat = gamma * dy
    dvar = -(half * dxhat * (x - mu) * (var + eps) ** power).sum(0)
    dmu = -(dxhat / np.sqrt(var + eps)).sum(0)
    return dxhat / np.sqrt(var + eps) + dvar * two * (x - mu) / m + dmu / (mean_of or m)


def unbiased(dy, x, gamma, eps, divisor):
    """σ² with m − 1; `divisor` is what the last term is divided by."""
    s, xhat = normal(x, eps, 0, ddof=1)
    return gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).sum(0) / divisor)


def not_centred(dy, x, gamma, eps):
    s = np.sqrt((x**2).mean(0) + eps)
    xhat = (x - x.mean(0)) / s
    return gamma / s * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0))


BATCHNORM = [
    (
        "statistics constant",
        lambda dy, x, gamma, eps: gamma * dy / normal(x, eps, 0)[0],
        "dx is the gradient with μ and σ² held constant (the statistics treated as constants)",
    ),
    (
        "σ² constant",
        lambda dy, x, gamma, eps: gamma / normal(x, eps, 0)[0] * (dy - dy.mean(0)),
        "dx is the gradient with σ² held constant",
    ),
    (
        "μ constant",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, signs=(0, 1)),
        "dx is the gradient with μ held constant",
    ),
    ("γ missing", lambda dy, x, eps: batch(dy, x, 1, eps), "γ is missing"),
    (
        "γ missing on one term",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, on_dy=len(x) / gamma),
        "γ is missing on the m·dy term",
    ),
    (
        "γ missing on two terms",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, signs=(1 / gamma, 1 / gamma)),
        "γ is missing on the Σ dy and x̂·Σ dy·x̂ terms",
    ),
    ("γ twice", lambda dy, x, gamma, eps: batch(dy, x, gamma**2, eps), "γ is applied twice"),
    ("β for γ", lambda dy, x, beta, eps: batch(dy, x, gamma=beta, eps=eps), "β stands where γ belongs"),
    (
        "m − 1 in front",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, m=len(x) - 1),
        "dx is divided by m − 1, not m",
    ),
    (
        "m − 1 on dy",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, on_dy=len(x) - 1),
        "the m·dy term is multiplied by m − 1, not m",
    ),
    (
        "m lost on dy",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, on_dy=1),
        "m is missing on the m·dy term",
    ),
    ("m lost in front", lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, m=1), "dx is not divided by m"),
    (
        "m lost in one mean",
        lambda dy, x, gamma, eps: by_stages(dy, x, gamma, eps, mean_of=1),
        "the Σ dy term is not divided by m",
    ),
    (
        "sign of a mean",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, signs=(-1, 1)),
        "the Σ dy term has the wrong sign",
    ),
    (
        "sign of the last term",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, signs=(1, -1)),
        "the x̂·Σ dy·x̂ term has the wrong sign",
    ),
    ("sign of all", lambda dy, x, gamma, eps: -batch(dy, x, gamma, eps), "dx has the wrong sign"),
    (
        "½ missing in ∂σ²",
        lambda dy, x, gamma, eps: by_stages(dy, x, gamma, eps, half=1),
        "the x̂·Σ dy·x̂ term is doubled",
    ),
    (
        "2 missing in the last step",
        lambda dy, x, gamma, eps: by_stages(dy, x, gamma, eps, two=1),
        "the x̂·Σ dy·x̂ term is halved",
    ),
    (
        "exponent −½ in ∂σ²",
        lambda dy, x, gamma, eps: by_stages(dy, x, gamma, eps, power=-0.5),
        "x − μ stands where x̂ belongs, everywhere",
    ),
    (
        "x for x̂",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, hats=(x, normal(x, eps, 0)[1])),
        "x stands where x̂ belongs in the x̂·Σ dy·x̂ term",
    ),
    (
        "x for x̂ in the sum",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, hats=(normal(x, eps, 0)[1], x)),
        "x stands where x̂ belongs inside the Σ in the x̂·Σ dy·x̂ term",
    ),
    (
        "x for x̂ in both places",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, hats=(x, x)),
        "x stands where x̂ belongs, everywhere",
    ),
    (
        "x − μ for x̂",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, hats=(x - x.mean(0), normal(x, eps, 0)[1])),
        "x − μ stands where x̂ belongs in the x̂·Σ dy·x̂ term",
    ),
    (
        "no root",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, s=x.var(0) + eps),
        "the √ over σ² + ε is missing",
    ),
    (
        "multiplied by the root",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, s=1 / normal(x, eps, 0)[0]),
        "1/√(σ² + ε) stands where √(σ² + ε) belongs",
    ),
    (
        "divided by the root three times",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, s=normal(x, eps, 0)[0] ** 3),
        "dx is divided by √(σ² + ε) three times",
    ),
    (
        "ε outside the root",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, s=x.std(0) + eps),
        "ε is added outside the √",
    ),
    ("ε of its own", lambda dy, x, gamma: batch(dy, x, gamma, 1e-4), "ε is 1e-4, whatever is given"),
    ("ε ten times", lambda dy, x, gamma, eps: batch(dy, x, gamma, 10 * eps), "ε is multiplied by 10"),
    ("ε a tenth", lambda dy, x, gamma, eps: batch(dy, x, gamma, 0.1 * eps), "ε is divided by 10"),
    ("ε times m", lambda dy, x, gamma, eps: batch(dy, x, gamma, len(x) * eps), "ε is multiplied by m"),
    ("no ε", lambda dy, x, gamma: batch(dy, x, gamma, 0), "ε is missing: 0 is used"),
    ("ε squared", lambda dy, x, gamma, eps: batch(dy, x, gamma, eps**2), "ε is squared"),
    ("root of ε", lambda dy, x, gamma, eps: batch(dy, x, gamma, eps**0.5), "√ε stands where ε belongs"),
    (
        "unbiased σ² in the biased formula",
        lambda dy, x, gamma, eps: unbiased(dy, x, gamma, eps, len(x)),
        "σ² is divided by m − 1, not m",
    ),
    (
        "unbiased σ² throughout",
        lambda dy, x, gamma, eps: unbiased(dy, x, gamma, eps, len(x) - 1),
        "dx is the gradient of another forward pass: σ² is divided by m − 1, not m",
    ),
    (
        "σ² not centred",
        not_centred,
        "μ is missing in (x − μ)² of σ²",
    ),
    ("transposed", lambda dy, x, gamma, eps: batch(dy, x, gamma, eps).T, "dx is right, but transposed"),
    (
        "reversed",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps)[::-1],
        "dx is right, but reversed along the axis m",
    ),
    (
        "summed",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps).sum(1),
        "dx is right, but summed over the axis n too",
    ),
    (
        "averaged and repeated",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps).mean(1, keepdims=True) + 0 * x,
        "dx is right, but averaged over the axis n too, and repeated along it",
    ),
    (
        "the first feature for all",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps)[:, :1] + 0 * x,
        "dx is right for the first of the axis n only, and repeated for the others",
    ),
    ("upstream", lambda dy: dy, "dx is the upstream gradient dy itself"),
    ("no further than x̂", lambda dy, gamma: gamma * dy, "dx is ∂L/∂x̂ itself"),
    ("zero", lambda x: 0 * x, "dx is 0 everywhere"),
    ("residual", lambda dy, x, gamma, eps: dy + batch(dy, x, gamma, eps), "dy is added to dx"),
    (
        "times a number",
        lambda dy, x, gamma, eps: 1.5 * batch(dy, x, gamma, eps),
        "dx is right up to the factor 1.5",
    ),
    (
        "loss averaged",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps) / x.size,
        "dx is right up to the factor 1/(m·n)",
    ),
    (
        "γ missing, σ² constant",
        lambda dy, x, eps: (dy - dy.mean(0)) / normal(x, eps, 0)[0],
        "γ is missing; and dx is the gradient with σ² held constant",
        2,
    ),
    (
        "two terms",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, on_dy=len(x) - 1, signs=(1, -1)),
        "the m·dy term is multiplied by m − 1, not m; and the x̂·Σ dy·x̂ term has the wrong sign",
        2,
    ),
    (
        "unbiased σ², γ missing",
        lambda dy, x, eps: unbiased(dy, x, 1, eps, len(x)),
        "γ is missing; and σ² is divided by m − 1, not m",
        2,
    ),
    (
        "ε of its own, γ missing",
        lambda dy, x: batch(dy, x, 1, 1e-3),
        "ε is 1e-3; and γ is missing",
        2,
    ),
    (
        "transposed, γ missing",
        lambda dy, x, eps: batch(dy, x, 1, eps).T,
        "γ is missing; and dx is transposed",
        2,
    ),
    (
        "one term twice",
        lambda dy, x, gamma, eps: batch(dy, x, gamma, eps, signs=(1, -1), hats=(x, normal(x, eps, 0)[1])),
        "the x̂·Σ dy·x̂ term has the wrong sign; and x stands where x̂ belongs in the x̂·Σ dy·x̂ term",
        2,
    ),
]

SCALE = [
    ("β's gradient", lambda dy: dy.sum(0), "dgamma is dbeta: the two may be swapped"),
    ("x for x̂", lambda dy, x: (dy * x).sum(0), "x stands where x̂ belongs inside the Σ"),
    (
        "x − μ for x̂",
        lambda dy, x: (dy * (x - x.mean(0))).sum(0),
        "x − μ stands where x̂ belongs inside the Σ",
    ),
    (
        "mean",
        lambda dy, x, eps: (dy * normal(x, eps, 0)[1]).mean(0),
        "dgamma is a mean, not a sum, over m",
    ),
    (
        "not summed",
        lambda dy, x, eps: dy * normal(x, eps, 0)[1],
        "dgamma is right, but not summed over the axis m",
    ),
    (
        "an axis kept",
        lambda dy, x, eps: (dy * normal(x, eps, 0)[1]).sum(0, keepdims=True),
        "dgamma is right, but of shape (1, 4), not (4,)",
    ),
    (
        "repeated",
        lambda dy, x, eps: (dy * normal(x, eps, 0)[1]).sum(0) + 0 * x,
        "dgamma is right, but repeated along the axis m",
    ),
    (
        "summed over everything",
        lambda dy, x, eps: (dy * normal(x, eps, 0)[1]).sum(),
        "dgamma is right, but summed over the axis n too",
    ),
    (
        "y for x̂",
        lambda dy, x, gamma, beta, eps: (dy * (gamma * normal(x, eps, 0)[1] + beta)).sum(0),
        "y stands where x̂ belongs inside the Σ",
    ),
    (
        "γ too many",
        lambda dy, x, gamma, eps: (dy * gamma * normal(x, eps, 0)[1]).sum(0),
        "dgamma is multiplied by γ, which does not belong there",
    ),
]


def feature(gamma):
    """γ of (C,) for data of (N, C, L)."""
    return gamma[:, None]


IMAGES = [
    (
        "over the batch alone",
        lambda dy, x, gamma, eps: batch(dy, x, feature(gamma), eps, axes=(0,)),
        "the statistics and the sums of the gradient are taken over N, not over N and L",
    ),
    (
        "the right statistics, means over the batch alone",
        lambda dy, x, gamma, eps: batch(
            dy,
            x,
            feature(gamma),
            eps,
            axes=(0,),
            s=normal(x, eps, (0, 2))[0],
            hats=2 * (normal(x, eps, (0, 2))[1],),
        ),
        "sums and means are taken over N, not over N and L",
    ),
    (
        "N for N·L",
        lambda dy, x, gamma, eps: batch(dy, x, feature(gamma), eps, axes=(0, 2), m=len(x)),
        "dx is divided by N, not N·L",
    ),
    (
        "N·L − 1",
        lambda dy, x, gamma, eps: batch(dy, x, feature(gamma), eps, axes=(0, 2), m=len(x) * x.shape[2] - 1),
        "dx is divided by N·L − 1, not N·L",
    ),
    ("γ missing", lambda dy, x, eps: batch(dy, x, 1, eps, axes=(0, 2)), "γ is missing"),
    (
        "axes turned",
        lambda dy, x, gamma, eps: batch(dy, x, feature(gamma), eps, axes=(0, 2)).transpose(0, 2, 1),
        "dx is right, but has its axes in the order (N, L, C)",
    ),
]

INFERENCE = [
    (
        "the formula of training",
        lambda dy, x, gamma, mean, var, eps: batch(
            dy, x, gamma, eps, s=np.sqrt(var + eps), hats=2 * ((x - mean) / np.sqrt(var + eps),)
        ),
        "dx is computed by the closed form of batchnorm, not of batchnorm-inference",
    ),
    (
        "training",
        batch,
        "dx is the gradient of batchnorm, not of batchnorm-inference",
    ),
]


# --- layer norm and kin ----------------------------------------------------------------------------------------------


def row(dy, x, gamma, eps, *, axes=(-1,), stats=(-1,), signs=(1, 1)):
    s, xhat = normal(x, eps, stats)
    g = gamma * dy
    means = signs[0] * g.mean(axes, keepdims=True) + signs[1] * xhat * (g * xhat).mean(axes, keepdims=True)
    return (g - means) / s


def outside(dy, x, gamma, eps, *, both):
    """γ in front of a mean that it belongs into."""
    s, xhat = normal(x, eps, -1)
    last = gamma * (dy * xhat).mean(-1, keepdims=True) if both else (gamma * dy * xhat).mean(-1, keepdims=True)
    return (gamma * dy - gamma * dy.mean(-1, keepdims=True) - xhat * last) / s


def rows(x):
    return x.reshape(-1, x.shape[-1])


def first_rows(gradient):
    """A loop over the first axis of data that has two axes of rows."""
    found = np.zeros_like(gradient)
    rows(found)[: len(gradient)] = rows(gradient)[: len(gradient)]
    return found


LAYERNORM = [
    ("γ missing", lambda dy, x, eps: row(dy, x, 1, eps), "γ is missing"),
    (
        "path through μ cut",
        lambda dy, x, gamma, eps: row(dy, x, gamma, eps, signs=(0, 1)),
        "dx is the gradient with μ held constant",
    ),
    (
        "γ outside one Σ",
        lambda dy, x, gamma, eps: outside(dy, x, gamma, eps, both=False),
        "γ stands outside the Σ of the Σ γ·dy term, not inside",
    ),
    (
        "γ outside every Σ",
        lambda dy, x, gamma, eps: outside(dy, x, gamma, eps, both=True),
        "γ stands outside every Σ, not inside",
    ),
    (
        "means over the rows",
        lambda dy, x, gamma, eps: row(dy, x, gamma, eps, axes=(0,)),
        "sums and means are taken over N, not over D",
    ),
]

ROWS_OF_TWO_AXES = [
    (
        "first rows only",
        lambda dy, x, gamma, eps: first_rows(row(dy, x, gamma, eps)),
        "dx is right in the first N of the N·T rows only, and 0 in the others",
    ),
    (
        "means over both",
        lambda dy, x, gamma, eps: row(dy, x, gamma, eps, axes=(1, 2)),
        "sums and means are taken over T and D, not over D",
    ),
    (
        "another axis throughout",
        lambda dy, x, gamma, eps: row(dy, x, gamma, eps, axes=(1,), stats=(1,)),
        "the statistics and the sums of the gradient are taken over T, not over D",
    ),
]

SCALE_OF_TWO_AXES = [
    (
        "an axis not summed",
        lambda dy, x, eps: (dy * normal(x, eps, -1)[1]).sum(0),
        "dgamma is right, but not summed over the axis T",
    ),
    (
        "two axes not summed",
        lambda dy, x, eps: dy * normal(x, eps, -1)[1],
        "dgamma is right, but not summed over the axes N and T",
    ),
    (
        "first rows only",
        lambda dy, x, eps: rows(dy * normal(x, eps, -1)[1])[: len(x)].sum(0),
        "dgamma adds up only the first N of the N·T rows",
    ),
    (
        "the first of an axis",
        lambda dy, x, eps: (dy * normal(x, eps, -1)[1])[:, 0].sum(0),
        "dgamma takes only the first of the axis T, instead of the sum over it",
    ),
    (
        "not summed, and x for x̂",
        lambda dy, x: (dy * x).sum(0),
        "x stands where x̂ belongs inside the Σ; and dgamma is not summed over the axis T",
        2,
    ),
]

RESIDUAL = [
    (
        "residual added before the product",
        lambda dy, x, r, gamma, eps: row(dy + r, x + r, gamma, eps),
        "r is added to dy",
    ),
    (
        "residual left out of the statistics",
        row,
        "r is missing in z",
    ),
]


def root_mean_square(dy, x, gamma, eps, *, outside=1, inside=1, mean=np.mean):
    s, xhat = rms(x, eps)
    g = gamma * dy
    return (g - outside * xhat * mean(inside * g * xhat, axis=-1, keepdims=True)) / s


def with_eps_outside(dy, x, gamma, eps):
    q = length(x) / np.sqrt(x.shape[-1])
    xhat, g = x / (q + eps), gamma * dy
    return g / (q + eps) - xhat * (g * xhat).mean(-1, keepdims=True) / q


RMSNORM = [
    (
        "γ twice in the last term",
        lambda dy, x, gamma, eps: root_mean_square(dy, x, gamma, eps, outside=gamma),
        "γ is applied twice on the (x̂/D)·Σ γ·dy·x̂ term",
    ),
    (
        "γ twice in the sum",
        lambda dy, x, gamma, eps: root_mean_square(dy, x, gamma, eps, inside=gamma),
        "γ is applied twice inside the Σ on the (x̂/D)·Σ γ·dy·x̂ term",
    ),
    (
        "sum for mean",
        lambda dy, x, gamma, eps: root_mean_square(dy, x, gamma, eps, mean=np.sum),
        "the (x̂/D)·Σ γ·dy·x̂ term is not divided by D",
    ),
    (
        "a residual's gradient added",
        lambda dy, x, gamma, eps: dy + root_mean_square(dy, x, gamma, eps),
        "dy is added to dx",
    ),
    ("path cut", lambda dy, x, gamma, eps: gamma * dy / rms(x, eps)[0], "dx is the gradient with r held constant"),
    ("detached", lambda dy: 0 * dy, "dx is 0 everywhere"),
    (
        "ε outside",
        with_eps_outside,
        "dx is the gradient of another forward pass: ε is added outside the √",
    ),
]

RMSNORM_EPS_OUTSIDE = [
    (
        "ε inside",
        root_mean_square,
        "dx is the gradient of another forward pass: ε is added inside the √",
    ),
]


def group(dy, x, gamma, eps, *, axes=(2, 3), weights=None):
    s, xhat = normal(x, eps, (2, 3))
    g = dy * (gamma[:, :, None] if weights is None else weights)
    return (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True)) / s


GROUPNORM = [
    ("γ missing", lambda dy, x, gamma, eps: group(dy, x, gamma, eps, weights=1), "γ is missing"),
    (
        "means over the positions alone",
        lambda dy, x, gamma, eps: group(dy, x, gamma, eps, axes=(3,)),
        "sums and means are taken over S, not over C and S",
    ),
]


# --- without mean and variance ---------------------------------------------------------------------------------------

SOFTMAX = [
    ("path through z cut", lambda dy, x: probabilities(x) * dy, "dx is the gradient with z held constant"),
    (
        "p left out of the sum",
        lambda dy, x: probabilities(x) * (dy - dy.sum(-1, keepdims=True)),
        "p is missing on the Σ dy·p term",
    ),
]

LOG_SOFTMAX = [("no sum", lambda dy, x: dy - probabilities(x) * dy, "the Σ over dy is missing")]

CROSS_ENTROPY = [
    ("upstream ignored", lambda x, t: probabilities(x) - t, "dy is missing"),
    ("turned round", lambda dy, x, t: dy[:, None] * (t - probabilities(x)), "dx has the wrong sign"),
    ("target forgotten", lambda dy, x: dy[:, None] * probabilities(x), "t is missing"),
]

L2NORM = [
    (
        "x for y",
        lambda dy, x: (dy - x * (dy * x / length(x)).sum(-1, keepdims=True)) / length(x),
        "x stands where y belongs in the y·Σ dy·y term",
    ),
    ("projection forgotten", lambda dy, x: dy / length(x), "dx is the gradient with ρ held constant"),
]

WEIGHTNORM = [
    (
        "γ missing",
        lambda dy, v: (dy - v * (dy * v).sum(-1, keepdims=True) / length(v) ** 2) / length(v),
        "γ is missing",
    ),
]


def similarity(a, b):
    return (a * b).sum(-1, keepdims=True) / (length(a) * length(b))


COSINE = [
    (
        "length left out",
        lambda dy, a, b: dy[:, None] / length(a) * (b / length(b) - similarity(a, b) * a),
        "the y·a/α term is not divided by α",
    ),
    (
        "the other vector's gradient",
        lambda dy, a, b: dy[:, None] / length(b) * (a / length(a) - similarity(a, b) * b / length(b)),
        "da is db: the two may be swapped",
    ),
]

TABLES = [
    ("batchnorm", ("m", "n"), "x", BATCHNORM),
    ("batchnorm", ("m", "n"), "γ", SCALE),
    ("batchnorm", ("N", "C", "L"), "x", IMAGES),
    ("batchnorm-inference", ("m", "n"), "x", INFERENCE),
    ("layernorm", ("N", "D"), "x", LAYERNORM),
    ("layernorm", ("N", "T", "D"), "x", ROWS_OF_TWO_AXES),
    ("layernorm", ("N", "T", "D"), "γ", SCALE_OF_TWO_AXES),
    ("layernorm-residual", ("N", "D"), "x", RESIDUAL),
    ("rmsnorm", ("N", "D"), "x", RMSNORM),
    ("rmsnorm-eps-outside", ("N", "D"), "x", RMSNORM_EPS_OUTSIDE),
    ("groupnorm", ("N", "G", "C", "S"), "x", GROUPNORM),
    ("softmax", ("N", "D"), "x", SOFTMAX),
    ("log-softmax", ("N", "D"), "x", LOG_SOFTMAX),
    ("softmax-cross-entropy", ("N", "D"), "x", CROSS_ENTROPY),
    ("l2norm", ("N", "D"), "x", L2NORM),
    ("weightnorm", ("N", "D"), "v", WEIGHTNORM),
    ("cosine", ("N", "D"), "a", COSINE),
]

EVERY = [
    Wrong(layer, axes, of, name, function, words, *(edits or (1,)))
    for layer, axes, of, rows_of_table in TABLES
    for name, function, words, *edits in rows_of_table
]
