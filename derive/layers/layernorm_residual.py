"""Layer normalization of a residual sum, z = x + r, where r is the output of a sublayer."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total

N, D = size("N"), size("D")
i, j, k = index("i"), index("j"), index("k")
x, r, z, xhat, y, g = (tensor(name, N, D) for name in ("x", "r", "z", "x̂", "y", "g"))
gamma, beta = tensor("γ", D), tensor("β", D)
mu, var = tensor("μ", N), tensor("σ²", N)
eps = positive("ε")

DZ = (
    D * gamma[j] * g[i, j] - total(gamma[k] * g[i, k], k, D) - xhat[i, j] * total(gamma[k] * g[i, k] * xhat[i, k], k, D)
) / (D * sqrt(var[i] + eps))

LAYER = Layer(
    name="layernorm-residual",
    title="Layer normalization of a residual sum",
    inputs=(x[i, j], r[i, j], gamma[j], beta[j], eps),
    forward=(
        Assignment(z[i, j], x[i, j] + r[i, j]),
        Assignment(mu[i], mean(z[i, k], k, D)),
        Assignment(var[i], mean((z[i, k] - mu[i]) ** 2, k, D)),
        Assignment(xhat[i, j], (z[i, j] - mu[i]) / sqrt(var[i] + eps)),
        Assignment(y[i, j], gamma[j] * xhat[i, j] + beta[j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], total(g[k, j] * xhat[k, j], k, N)),
        Gradient(beta[j], total(g[k, j], k, N)),
        Gradient(x[i, j], DZ),
        Gradient(r[i, j], DZ),
    ),
    source="The closed form of layer normalization, which both summands of z share.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the last normalized: (N, D), (N, T, D), (N, H, W, C)."""
    *outer, last = axes
    return split(LAYER, {N: tuple(outer), D: (last,)})
