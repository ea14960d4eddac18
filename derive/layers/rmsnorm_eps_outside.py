"""RMS normalization, with ε added to the root: x̂ = x/(√(mean x²) + ε). It needs a row that is not 0."""

from sympy import sqrt

from derive.layers.axes import split
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total

N, D = size("N"), size("D")
i, j, k = index("i"), index("j"), index("k")
x, xhat, y, g = (tensor(name, N, D) for name in ("x", "x̂", "y", "g"))
gamma, ms, rms = tensor("γ", D), tensor("r", N), tensor("q", N)
eps = positive("ε")

LAYER = Layer(
    name="rmsnorm-eps-outside",
    title="RMS normalization with ε outside the root",
    inputs=(x[i, j], gamma[j], eps),
    forward=(
        Assignment(ms[i], mean(x[i, k] ** 2, k, D)),
        Assignment(rms[i], sqrt(ms[i])),
        Assignment(xhat[i, j], x[i, j] / (rms[i] + eps)),
        Assignment(y[i, j], gamma[j] * xhat[i, j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], total(g[k, j] * xhat[k, j], k, N)),
        Gradient(
            x[i, j],
            gamma[j] * g[i, j] / (rms[i] + eps) - xhat[i, j] * mean(gamma[k] * g[i, k] * xhat[i, k], k, D) / rms[i],
        ),
    ),
    source="B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, 2019, with ε added to the root.",
)


def over(*axes: str) -> Layer:
    """Data with these axes, the last normalized: (N, D), (N, T, D), (N, H, W, C)."""
    *outer, last = axes
    return split(LAYER, {N: tuple(outer), D: (last,)})
