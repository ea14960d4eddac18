"""L2 normalization: a vector divided by its length. It needs a vector that is not 0."""

from sympy import sqrt

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, y, g = (tensor(name, m) for name in ("x", "y", "g"))
rho = scalar("ρ")

LAYER = Layer(
    name="l2norm",
    title="L2 normalization",
    inputs=(x[i],),
    forward=(
        Assignment(rho, sqrt(total(x[j] ** 2, j, m))),
        Assignment(y[i], x[i] / rho),
    ),
    upstream=g,
    gradients=(Gradient(x[i], (g[i] - y[i] * total(g[j] * y[j], j, m)) / rho),),
    source="The projection orthogonal to y, divided by the length, as in common use.",
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
