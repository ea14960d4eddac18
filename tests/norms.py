"""Batch, layer, RMS and group norm over several axes, a softmax and a cosine: for tests of what any layer gets."""

from sympy import IndexedBase, Mul, Sum, Symbol, exp, sqrt

from derive.layers.batchnorm import LAYER as BATCHNORM
from derive.layers.layer import Assignment, Gradient, Layer, index, positive, scalar, size, tensor

D, G, C, S, N, m, n = map(size, "DGCSNmn")
i, j, k, p, c, s, a, b = map(index, "ijkpcsab")
eps = positive("ε")


def total(term, *over):
    return Sum(term, *((letter, 1, count) for letter, count in over))


def mean(term, *over):
    return total(term, *over) / Mul(*(count for _, count in over))


def layer(name, inputs, forward, upstream, gradients):
    lines = tuple(Assignment(target, value) for target, value in forward)
    return Layer(name, name, inputs, lines, upstream, tuple(Gradient(of, value) for of, value in gradients), "")


def of_normalized(name, data, scale, statistics, over, others):  # noqa: PLR0913, PLR0917
    """A layer that normalizes `data`, is scaled per feature, and takes its statistics `over` some axes."""
    shape, at = data.base.shape, data.indices
    xhat, y, g = (tensor(letter, *shape) for letter in ("x̂", "y", "g"))
    gamma, beta = (tensor(letter, *scale.base.shape)[scale.indices] for letter in "γβ")
    mu, var = (tensor(letter, *statistics.base.shape)[statistics.indices] for letter in ("μ", "σ²"))
    moved = {letter: bound for letter, (bound, _) in over.items()}
    around = {letter: bound for letter, (bound, _) in others.items()}
    limits, rest = tuple(over.values()), tuple(others.values())
    count, root = Mul(*(length for _, length in limits)), sqrt(var + eps)
    scaled = gamma * g[at]
    return layer(
        name,
        (data, gamma, beta, eps),
        (
            (mu, mean(data.xreplace(moved), *limits)),
            (var, mean((data.xreplace(moved) - mu) ** 2, *limits)),
            (xhat[at], (data - mu) / root),
            (y[at], gamma * xhat[at] + beta),
        ),
        g,
        (
            (gamma, total((g[at] * xhat[at]).xreplace(around), *rest)),
            (beta, total(g[at].xreplace(around), *rest)),
            (
                data,
                (
                    count * scaled
                    - total(scaled.xreplace(moved), *limits)
                    - xhat[at] * total((scaled * xhat[at]).xreplace(moved), *limits)
                )
                / (count * root),
            ),
        ),
    )


X, X4 = tensor("x", m, n), tensor("x", N, G, C, S)
FEATURE, ROW, GROUP = tensor("γ", n), tensor("γ", m), tensor("γ", N, G)

x2, xhat2, y2, g2 = (tensor(letter, m, n) for letter in ("x", "x̂", "y", "g"))
r, gamma_j = tensor("r", m), tensor("γ", n)
RMSNORM = layer(
    "rmsnorm",
    (x2[i, j], gamma_j[j], eps),
    (
        (r[i], mean(x2[i, k] ** 2, (k, n))),
        (xhat2[i, j], x2[i, j] / sqrt(r[i] + eps)),
        (y2[i, j], gamma_j[j] * xhat2[i, j]),
    ),
    g2,
    (
        (gamma_j[j], total(g2[k, j] * xhat2[k, j], (k, m))),
        (
            x2[i, j],
            (gamma_j[j] * g2[i, j] - xhat2[i, j] * mean(gamma_j[k] * g2[i, k] * xhat2[i, k], (k, n)))
            / sqrt(r[i] + eps),
        ),
    ),
)

x1, e1, p1, g1 = (tensor(letter, m) for letter in "xepg")
z = scalar("z")
SOFTMAX = layer(
    "softmax",
    (x1[i],),
    ((e1[i], exp(x1[i])), (z, total(e1[j], (j, m))), (p1[i], e1[i] / z)),
    g1,
    ((x1[i], p1[i] * (g1[i] - total(g1[j] * p1[j], (j, m)))),),
)

left, right = tensor("a", m), tensor("b", m)
dot, first, second, cosine, g0 = (scalar(letter) for letter in ("p", "α", "β", "y", "g"))
COSINE = layer(
    "cosine",
    (left[i], right[i]),
    (
        (dot, total(left[j] * right[j], (j, m))),
        (first, sqrt(total(left[j] ** 2, (j, m)))),
        (second, sqrt(total(right[j] ** 2, (j, m)))),
        (cosine, dot / (first * second)),
    ),
    IndexedBase("g"),
    (
        (left[i], Symbol("g") / first * (right[i] / second - cosine * left[i] / first)),
        (right[i], Symbol("g") / second * (left[i] / first - cosine * right[i] / second)),
    ),
)

LAYERS = {
    "batchnorm": BATCHNORM,
    "batchnorm of features": of_normalized(
        "batchnorm of features", X[i, j], FEATURE[j], FEATURE[j], {i: (k, m)}, {i: (k, m)}
    ),
    "layernorm": of_normalized("layernorm", X[i, j], FEATURE[j], ROW[i], {j: (k, n)}, {i: (k, m)}),
    "rmsnorm": RMSNORM,
    "groupnorm": of_normalized(
        "groupnorm",
        X4[i, k, c, s],
        tensor("γ", G, C)[k, c],
        GROUP[i, k],
        {c: (a, C), s: (b, S)},
        {i: (a, N), s: (b, S)},
    ),
    "softmax": SOFTMAX,
    "cosine": COSINE,
}
