"""Batch normalization with the unbiased variance, divided by m − 1. It needs m ≥ 2."""

from sympy import sqrt

from derive.layers.axes import features_of
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, xhat, y, g = (tensor(name, m) for name in ("x", "x̂", "y", "g"))
gamma, beta, mu, var = scalar("γ"), scalar("β"), scalar("μ"), scalar("σ²")
eps = positive("ε")

LAYER = Layer(
    name="batchnorm-unbiased",
    title="Batch normalization with the unbiased variance",
    inputs=(x[i], gamma, beta, eps),
    forward=(
        Assignment(mu, mean(x[j], j, m)),
        Assignment(var, total((x[j] - mu) ** 2, j, m) / (m - 1)),
        Assignment(xhat[i], (x[i] - mu) / sqrt(var + eps)),
        Assignment(y[i], gamma * xhat[i] + beta),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma, total(g[j] * xhat[j], j, m)),
        Gradient(beta, total(g[j], j, m)),
        Gradient(
            x[i],
            gamma / sqrt(var + eps) * (g[i] - total(g[j], j, m) / m - xhat[i] * total(g[j] * xhat[j], j, m) / (m - 1)),
        ),
    ),
    source="The closed form of batch normalization with 1/(m − 1) in place of 1/m in the term of the variance.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the batch first and the feature second: (m, n), (N, C, L), (N, C, H, W)."""
    return features_of(LAYER, m, axes)
