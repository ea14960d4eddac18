"""RMS normalization, with ε inside the root: no mean is subtracted, no shift added."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total

N, D = size("N"), size("D")
i, j, k = index("i"), index("j"), index("k")
x, xhat, y, g = (tensor(name, N, D) for name in ("x", "x̂", "y", "g"))
gamma, ms = tensor("γ", D), tensor("r", N)
eps = positive("ε")

LAYER = Layer(
    name="rmsnorm",
    title="RMS normalization",
    inputs=(x[i, j], gamma[j], eps),
    forward=(
        Assignment(ms[i], mean(x[i, k] ** 2, k, D)),
        Assignment(xhat[i, j], x[i, j] / sqrt(ms[i] + eps)),
        Assignment(y[i, j], gamma[j] * xhat[i, j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], total(g[k, j] * xhat[k, j], k, N)),
        Gradient(
            x[i, j],
            (gamma[j] * g[i, j] - xhat[i, j] * mean(gamma[k] * g[i, k] * xhat[i, k], k, D)) / sqrt(ms[i] + eps),
        ),
    ),
    source="B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, 2019, with ε inside the root.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the last normalized: (N, D), (N, T, D), (N, H, W, C)."""
    *outer, last = axes
    return split(LAYER, {N: tuple(outer), D: (last,)})
