"""Cross entropy of softmax with a target t that sums to 1, such as a one-hot or a smoothed label."""

from sympy import IndexedBase, exp, log

from derive.layers.axes import rows_of
from derive.layers.layer import Assignment, Assumption, Gradient, Layer, index, scalar, size, tensor, total

m = size("m")
i, j = index("i"), index("j")
x, t, q, p = (tensor(name, m) for name in ("x", "t", "q", "p"))
z, y, g = scalar("z"), scalar("y"), scalar("g")

LAYER = Layer(
    name="softmax-cross-entropy",
    title="Cross entropy of softmax",
    inputs=(x[i], t[i]),
    forward=(
        Assignment(q[i], exp(x[i])),
        Assignment(z, total(q[j], j, m)),
        Assignment(p[i], q[i] / z),
        Assignment(y, -total(t[j] * log(p[j]), j, m)),
    ),
    upstream=IndexedBase(g),
    gradients=(Gradient(x[i], g * (p[i] - t[i])),),
    source="Softmax minus target, as in common use.",
    assumptions=(Assumption(t[j], j),),
)


def over(*axes: str) -> Layer:
    """Rows of data with these axes, each treated by itself along the last."""
    return rows_of(LAYER, axes, m)
