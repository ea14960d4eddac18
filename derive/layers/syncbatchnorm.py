"""Batch normalization with statistics over W workers of m elements each: every worker sends Σ x and Σ x²."""

from sympy import sqrt

from derive.layers.axes import repeated, split
from derive.layers.layer import Assignment, Gradient, Layer, index, positive, scalar, size, tensor, total, totals

W, m = size("W"), size("m")
w, i, k, p = index("w"), index("i"), index("k"), index("p")
x, xhat, y, g = (tensor(name, W, m) for name in ("x", "x̂", "y", "g"))
s, q = tensor("s", W), tensor("q", W)
gamma, beta, mu, var = scalar("γ"), scalar("β"), scalar("μ"), scalar("σ²")
eps = positive("ε")
EVERY = (k, W), (p, m)

LAYER = Layer(
    name="syncbatchnorm",
    title="Batch normalization over several workers",
    inputs=(x[w, i], gamma, beta, eps),
    forward=(
        Assignment(s[w], total(x[w, p], p, m)),
        Assignment(q[w], total(x[w, p] ** 2, p, m)),
        Assignment(mu, total(s[k], k, W) / (W * m)),
        Assignment(var, total(q[k], k, W) / (W * m) - mu**2),
        Assignment(xhat[w, i], (x[w, i] - mu) / sqrt(var + eps)),
        Assignment(y[w, i], gamma * xhat[w, i] + beta),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma, totals(g[k, p] * xhat[k, p], *EVERY)),
        Gradient(beta, totals(g[k, p], *EVERY)),
        Gradient(
            x[w, i],
            gamma
            / (W * m * sqrt(var + eps))
            * (W * m * g[w, i] - totals(g[k, p], *EVERY) - xhat[w, i] * totals(g[k, p] * xhat[k, p], *EVERY)),
        ),
    ),
    source="The closed form of batch normalization with W m elements; sums as PyTorch's SyncBatchNorm sends them.",
)


def over(*axes: str) -> Layer:
    """Data with the axes (worker, batch, feature, …)."""
    worker, batch, feature, *inner = axes
    one = split(LAYER, {W: (worker,), m: (batch, *inner)})
    return repeated(one, "j", feature, at=2)
