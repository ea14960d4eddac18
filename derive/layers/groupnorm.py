"""Group normalization: G groups of C channels at S positions, each group by its own mean and variance."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, means, positive, size, tensor, totals

N, G, C, S = size("N"), size("G"), size("C"), size("S")
i, k, c, s, a, b = (index(letter) for letter in "ikcsab")
x, xhat, y, g = (tensor(name, N, G, C, S) for name in ("x", "x̂", "y", "g"))
gamma, beta = tensor("γ", G, C), tensor("β", G, C)
mu, var = tensor("μ", N, G), tensor("σ²", N, G)
eps = positive("ε")
GROUP, BATCH = ((a, C), (b, S)), ((a, N), (b, S))

LAYER = Layer(
    name="groupnorm",
    title="Group normalization",
    inputs=(x[i, k, c, s], gamma[k, c], beta[k, c], eps),
    forward=(
        Assignment(mu[i, k], means(x[i, k, a, b], *GROUP)),
        Assignment(var[i, k], means((x[i, k, a, b] - mu[i, k]) ** 2, *GROUP)),
        Assignment(xhat[i, k, c, s], (x[i, k, c, s] - mu[i, k]) / sqrt(var[i, k] + eps)),
        Assignment(y[i, k, c, s], gamma[k, c] * xhat[i, k, c, s] + beta[k, c]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[k, c], totals(g[a, k, c, b] * xhat[a, k, c, b], *BATCH)),
        Gradient(beta[k, c], totals(g[a, k, c, b], *BATCH)),
        Gradient(
            x[i, k, c, s],
            (
                C * S * gamma[k, c] * g[i, k, c, s]
                - totals(gamma[k, a] * g[i, k, a, b], *GROUP)
                - xhat[i, k, c, s] * totals(gamma[k, a] * g[i, k, a, b] * xhat[i, k, a, b], *GROUP)
            )
            / (C * S * sqrt(var[i, k] + eps)),
        ),
    ),
    source="Y. Wu and K. He, Group Normalization, 2018; the compact dx as that of layer normalization.",
)


def over(*axes: str) -> Layer:
    """Data with the axes (sample, group, channel of the group, positions …), the last ones none or several."""
    sample, group, channel, *inner = axes
    return split(LAYER, {N: (sample,), G: (group,), C: (channel,), S: tuple(inner)})
