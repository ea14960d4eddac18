"""Weight normalization: a direction v of length 1 times a learned length γ. It needs a v that is not 0."""

from sympy import sqrt

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
v, vhat, w, g = (tensor(name, m) for name in ("v", "v̂", "w", "g"))
gamma, rho = scalar("γ"), scalar("ρ")

LAYER = Layer(
    name="weightnorm",
    title="Weight normalization",
    inputs=(v[i], gamma),
    forward=(
        Assignment(rho, sqrt(total(v[j] ** 2, j, m))),
        Assignment(vhat[i], v[i] / rho),
        Assignment(w[i], gamma * vhat[i]),
    ),
    upstream=g,
    gradients=(
        Gradient(gamma, total(g[j] * vhat[j], j, m)),
        Gradient(v[i], gamma / rho * (g[i] - vhat[i] * total(g[j] * vhat[j], j, m))),
    ),
    source="T. Salimans and D. P. Kingma, Weight Normalization, 2016, equation 3.",
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
