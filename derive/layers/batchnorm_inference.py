"""Batch normalization with fixed statistics, as at inference: μ and σ² are given and not differentiated."""

from sympy import sqrt

from derive.layers.axes import features_of
from derive.layers.layer import Assignment, Gradient, Layer, index, positive, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, xhat, y, g = (tensor(name, m) for name in ("x", "x̂", "y", "g"))
gamma, beta, mu, var = scalar("γ"), scalar("β"), scalar("μ"), scalar("σ²")
eps = positive("ε")

LAYER = Layer(
    name="batchnorm-inference",
    title="Batch normalization with fixed statistics",
    inputs=(x[i], gamma, beta, mu, var, eps),
    forward=(
        Assignment(xhat[i], (x[i] - mu) / sqrt(var + eps)),
        Assignment(y[i], gamma * xhat[i] + beta),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma, total(g[j] * xhat[j], j, m)),
        Gradient(beta, total(g[j], j, m)),
        Gradient(x[i], gamma * g[i] / sqrt(var + eps)),
    ),
    source="S. Ioffe and C. Szegedy, Batch Normalization, 2015, section 3.1.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the batch first and the feature second: (m, n), (N, C, L), (N, C, H, W)."""
    return features_of(LAYER, m, axes)
