"""Layer normalization: each row by its own mean and variance, a scale and a shift for each feature."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total

N, D = size("N"), size("D")
i, j, k = index("i"), index("j"), index("k")
x, xhat, y, g = (tensor(name, N, D) for name in ("x", "x̂", "y", "g"))
gamma, beta = tensor("γ", D), tensor("β", D)
mu, var = tensor("μ", N), tensor("σ²", N)
eps = positive("ε")

LAYER = Layer(
    name="layernorm",
    title="Layer normalization",
    inputs=(x[i, j], gamma[j], beta[j], eps),
    forward=(
        Assignment(mu[i], mean(x[i, k], k, D)),
        Assignment(var[i], mean((x[i, k] - mu[i]) ** 2, k, D)),
        Assignment(xhat[i, j], (x[i, j] - mu[i]) / sqrt(var[i] + eps)),
        Assignment(y[i, j], gamma[j] * xhat[i, j] + beta[j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], total(g[k, j] * xhat[k, j], k, N)),
        Gradient(beta[j], total(g[k, j], k, N)),
        Gradient(
            x[i, j],
            (
                D * gamma[j] * g[i, j]
                - total(gamma[k] * g[i, k], k, D)
                - xhat[i, j] * total(gamma[k] * g[i, k] * xhat[i, k], k, D)
            )
            / (D * sqrt(var[i] + eps)),
        ),
    ),
    source="J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, 2016; the compact dx as in common use.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the last normalized: (N, D), (N, T, D), (N, H, W, C)."""
    *outer, last = axes
    return split(LAYER, {N: tuple(outer), D: (last,)})
