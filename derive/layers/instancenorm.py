"""Instance normalization: each channel of each sample by its own mean and variance over S positions."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total, totals

N, C, S = size("N"), size("C"), size("S")
i, c, s, a, b = (index(letter) for letter in "icsab")
x, xhat, y, g = (tensor(name, N, C, S) for name in ("x", "x̂", "y", "g"))
gamma, beta = tensor("γ", C), tensor("β", C)
mu, var = tensor("μ", N, C), tensor("σ²", N, C)
eps = positive("ε")
BATCH = (a, N), (b, S)

LAYER = Layer(
    name="instancenorm",
    title="Instance normalization",
    inputs=(x[i, c, s], gamma[c], beta[c], eps),
    forward=(
        Assignment(mu[i, c], mean(x[i, c, b], b, S)),
        Assignment(var[i, c], mean((x[i, c, b] - mu[i, c]) ** 2, b, S)),
        Assignment(xhat[i, c, s], (x[i, c, s] - mu[i, c]) / sqrt(var[i, c] + eps)),
        Assignment(y[i, c, s], gamma[c] * xhat[i, c, s] + beta[c]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[c], totals(g[a, c, b] * xhat[a, c, b], *BATCH)),
        Gradient(beta[c], totals(g[a, c, b], *BATCH)),
        Gradient(
            x[i, c, s],
            gamma[c]
            / (S * sqrt(var[i, c] + eps))
            * (S * g[i, c, s] - total(g[i, c, b], b, S) - xhat[i, c, s] * total(g[i, c, b] * xhat[i, c, b], b, S)),
        ),
    ),
    source="D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance Normalization, 2016; dx as that of batch normalization.",
)


def over(*axes: str) -> Layer:
    """Data with the axes (sample, channel, positions …)."""
    sample, channel, *inner = axes
    return split(LAYER, {N: (sample,), C: (channel,), S: tuple(inner)})
