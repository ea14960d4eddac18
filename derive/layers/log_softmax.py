"""The logarithm of softmax."""

from sympy import exp, log

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, q, p, y, g = (tensor(name, m) for name in ("x", "q", "p", "y", "g"))
z = scalar("z")

LAYER = Layer(
    name="log-softmax",
    title="Log-softmax",
    inputs=(x[i],),
    forward=(
        Assignment(q[i], exp(x[i])),
        Assignment(z, total(q[j], j, m)),
        Assignment(p[i], q[i] / z),
        Assignment(y[i], log(p[i])),
    ),
    upstream=g,
    gradients=(Gradient(x[i], g[i] - p[i] * total(g[j], j, m)),),
    source="The Jacobian δ_ij − p_j applied to g, as in common use.",
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
