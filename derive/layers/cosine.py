"""The cosine similarity of two vectors, neither of which is 0."""

from sympy import IndexedBase, sqrt

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
a, b = tensor("a", m), tensor("b", m)
p, alpha, beta, y, g = (scalar(name) for name in ("p", "α", "β", "y", "g"))

LAYER = Layer(
    name="cosine",
    title="Cosine similarity",
    inputs=(a[i], b[i]),
    forward=(
        Assignment(p, total(a[j] * b[j], j, m)),
        Assignment(alpha, sqrt(total(a[j] ** 2, j, m))),
        Assignment(beta, sqrt(total(b[j] ** 2, j, m))),
        Assignment(y, p / (alpha * beta)),
    ),
    upstream=IndexedBase(g),
    gradients=(
        Gradient(a[i], g / alpha * (b[i] / beta - y * a[i] / alpha)),
        Gradient(b[i], g / beta * (a[i] / alpha - y * b[i] / beta)),
    ),
    source="The quotient rule, with the quotient put back as y, as in common use.",
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
