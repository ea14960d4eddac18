"""Group normalization: G groups of C channels at S positions, each group by its own mean and variance."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, means, positive, size, tensor, totals

N, G, C, S = size("N"), size("G"), size("C"), size("S")
i, j, k, p, a, b = (index(letter) for letter in "ijklab")
x, xhat, y, g = (tensor(name, N, G, C, S) for name in ("x", "x̂", "y", "g"))
gamma, beta = tensor("γ", G, C), tensor("β", G, C)
mu, var = tensor("μ", N, G), tensor("σ²", N, G)
eps = positive("ε")
GROUP, BATCH = ((a, C), (b, S)), ((a, N), (b, S))

LAYER = Layer(
    name="groupnorm",
    title="Group normalization",
    inputs=(x[i, j, k, p], gamma[j, k], beta[j, k], eps),
    forward=(
        Assignment(mu[i, j], means(x[i, j, a, b], *GROUP)),
        Assignment(var[i, j], means((x[i, j, a, b] - mu[i, j]) ** 2, *GROUP)),
        Assignment(xhat[i, j, k, p], (x[i, j, k, p] - mu[i, j]) / sqrt(var[i, j] + eps)),
        Assignment(y[i, j, k, p], gamma[j, k] * xhat[i, j, k, p] + beta[j, k]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j, k], totals(g[a, j, k, b] * xhat[a, j, k, b], *BATCH)),
        Gradient(beta[j, k], totals(g[a, j, k, b], *BATCH)),
        Gradient(
            x[i, j, k, p],
            (
                C * S * gamma[j, k] * g[i, j, k, p]
                - totals(gamma[j, a] * g[i, j, a, b], *GROUP)
                - xhat[i, j, k, p] * totals(gamma[j, a] * g[i, j, a, b] * xhat[i, j, a, b], *GROUP)
            )
            / (C * S * sqrt(var[i, j] + eps)),
        ),
    ),
    source="Y. Wu and K. He, Group Normalization, 2018; the compact dx as that of layer normalization.",
    joined=(G, C),
)


def over(*axes: str) -> Layer:
    """Data with the axes (sample, group, channel of the group, positions …), the last ones none or several."""
    sample, group, channel, *inner = axes
    return split(LAYER, {N: (sample,), G: (group,), C: (channel,), S: tuple(inner)})
