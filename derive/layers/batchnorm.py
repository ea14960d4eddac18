"""Batch normalization of one feature over a batch of m elements, with the batch's own statistics (training)."""

from sympy import sqrt

from derive.layers.axes import features_of
from derive.layers.layer import (
    Assignment,
    Gradient,
    Layer,
    SecondOrder,
    index,
    mean,
    positive,
    scalar,
    size,
    tensor,
    total,
)

m = size("m")
i, j, k = index("i"), index("j"), index("k")
x, xhat, y, g = (tensor(name, m) for name in ("x", "x̂", "y", "g"))
gamma, beta, mu, var = scalar("γ"), scalar("β"), scalar("μ"), scalar("σ²")
eps = positive("ε")

# The second order: u, v and w are the gradients of a function of dx, dγ and dβ.
u, v, w = tensor("u", m), scalar("v"), scalar("w")
s = 1 / sqrt(var + eps)
g_mean, g_xhat = mean(g[j], j, m), mean(g[j] * xhat[j], j, m)
u_mean, u_xhat = mean(u[j], j, m), mean(u[j] * xhat[j], j, m)
covariance = mean(u[j] * g[j], j, m) - u_mean * g_mean

SECOND_ORDER = SecondOrder(
    incoming=(v, w, u[i]),
    gradients=(
        Gradient(g[i], gamma * s * (u[i] - u_mean - xhat[i] * u_xhat) + v * xhat[i] + w),
        Gradient(gamma, s * total(u[j] * (g[j] - mean(g[k], k, m) - xhat[j] * mean(g[k] * xhat[k], k, m)), j, m)),
        Gradient(
            x[i],
            gamma
            * s**2
            * (
                3 * xhat[i] * g_xhat * u_xhat
                - xhat[i] * covariance
                - u_xhat * (g[i] - g_mean)
                - g_xhat * (u[i] - u_mean)
            )
            + v * s * (g[i] - g_mean - xhat[i] * g_xhat),
        ),
    ),
    source="The double backward of batch normalization in common use, with what comes in for dγ and dβ.",
)

LAYER = Layer(
    name="batchnorm",
    title="Batch normalization",
    inputs=(x[i], gamma, beta, eps),
    forward=(
        Assignment(mu, mean(x[j], j, m)),
        Assignment(var, mean((x[j] - mu) ** 2, j, m)),
        Assignment(xhat[i], (x[i] - mu) / sqrt(var + eps)),
        Assignment(y[i], gamma * xhat[i] + beta),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma, total(g[j] * xhat[j], j, m)),
        Gradient(beta, total(g[j], j, m)),
        Gradient(
            x[i],
            gamma / (m * sqrt(var + eps)) * (m * g[i] - total(g[j], j, m) - xhat[i] * total(g[j] * xhat[j], j, m)),
        ),
    ),
    source="S. Ioffe and C. Szegedy, Batch Normalization, 2015, section 3; the compact dx as in common use.",
    second_order=SECOND_ORDER,
)


def over(*axes: str) -> Layer:
    """Data with these axes, the batch first and the feature second: (m, n), (N, C, L), (N, C, H, W)."""
    return features_of(LAYER, m, axes)
