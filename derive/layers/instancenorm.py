"""Instance normalization: each channel of each sample by its own mean and variance over S positions."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total, totals

N, C, S = size("N"), size("C"), size("S")
i, j, k, a, b = (index(letter) for letter in "ijkab")
x, xhat, y, g = (tensor(name, N, C, S) for name in ("x", "x̂", "y", "g"))
gamma, beta = tensor("γ", C), tensor("β", C)
mu, var = tensor("μ", N, C), tensor("σ²", N, C)
eps = positive("ε")
BATCH = (a, N), (b, S)

LAYER = Layer(
    name="instancenorm",
    title="Instance normalization",
    inputs=(x[i, j, k], gamma[j], beta[j], eps),
    forward=(
        Assignment(mu[i, j], mean(x[i, j, b], b, S)),
        Assignment(var[i, j], mean((x[i, j, b] - mu[i, j]) ** 2, b, S)),
        Assignment(xhat[i, j, k], (x[i, j, k] - mu[i, j]) / sqrt(var[i, j] + eps)),
        Assignment(y[i, j, k], gamma[j] * xhat[i, j, k] + beta[j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], totals(g[a, j, b] * xhat[a, j, b], *BATCH)),
        Gradient(beta[j], totals(g[a, j, b], *BATCH)),
        Gradient(
            x[i, j, k],
            gamma[j]
            / (S * sqrt(var[i, j] + eps))
            * (S * g[i, j, k] - total(g[i, j, b], b, S) - xhat[i, j, k] * total(g[i, j, b] * xhat[i, j, b], b, S)),
        ),
    ),
    source="D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance Normalization, 2016; dx as that of batch normalization.",
)


def over(*axes: str) -> Layer:
    """Data with the axes (sample, channel, positions …)."""
    sample, channel, *inner = axes
    return split(LAYER, {N: (sample,), C: (channel,), S: tuple(inner)})
