"""Batch normalization of one feature over a batch of m elements, with the batch's own statistics (training)."""

from sympy import sqrt

from derive.layers.axes import features_of
from derive.layers.layer import (
    Assignment,
    Gradient,
    Layer,
    index,
    mean,
    positive,
    scalar,
    size,
    tensor,
    total,
)

m = size("m")
i, j = index("i"), index("j")
x, xhat, y, g = (tensor(name, m) for name in ("x", "x̂", "y", "g"))
gamma, beta, mu, var = scalar("γ"), scalar("β"), scalar("μ"), scalar("σ²")
eps = positive("ε")

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
)


def over(*axes: str) -> Layer:
    """Data with these axes, the batch first and the feature second: (m, n), (N, C, L), (N, C, H, W)."""
    return features_of(LAYER, m, axes)
