"""Softmax of a vector."""

from sympy import exp

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, q, p, g = (tensor(name, m) for name in ("x", "q", "p", "g"))
z = scalar("z")

LAYER = Layer(
    name="softmax",
    title="Softmax",
    inputs=(x[i],),
    forward=(
        Assignment(q[i], exp(x[i])),
        Assignment(z, total(q[j], j, m)),
        Assignment(p[i], q[i] / z),
    ),
    upstream=g,
    gradients=(Gradient(x[i], p[i] * (g[i] - total(g[j] * p[j], j, m))),),
    source="The Jacobian p_i (δ_ij − p_j) applied to g, as in common use.",
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
