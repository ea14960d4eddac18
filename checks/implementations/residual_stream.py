"""The layer of quack 53: y = z + γ z/√(mean z² + ε) with z = x + r: dy arrives at z twice, once past the norm."""

from sympy import sqrt

from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, size, tensor, total

N, D = size("N"), size("D")
i, j, k = index("i"), index("j"), index("k")
x, r, z, zhat, y, g = (tensor(name, N, D) for name in ("x", "r", "z", "ẑ", "y", "g"))
gamma, ms = tensor("γ", D), tensor("q", N)
eps = positive("ε")

DZ = g[i, j] + (gamma[j] * g[i, j] - zhat[i, j] * mean(gamma[k] * g[i, k] * zhat[i, k], k, D)) / sqrt(ms[i] + eps)

LAYER = Layer(
    name="residual-stream",
    title="RMS normalization beside a residual stream",
    inputs=(x[i, j], r[i, j], gamma[j], eps),
    forward=(
        Assignment(z[i, j], x[i, j] + r[i, j]),
        Assignment(ms[i], mean(z[i, k] ** 2, k, D)),
        Assignment(zhat[i, j], z[i, j] / sqrt(ms[i] + eps)),
        Assignment(y[i, j], z[i, j] + gamma[j] * zhat[i, j]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma[j], total(g[k, j] * zhat[k, j], k, N)),
        Gradient(x[i, j], DZ),
        Gradient(r[i, j], DZ),
    ),
    source="The closed form of RMS normalization, and dy itself for the way past the norm.",
)
