"""Layers with closed forms and reverse-mode steps, written by hand so that the numerical part is tested on its own."""

from dataclasses import dataclass

from sympy import Rational, exp, sqrt

from derive.graph import Graph, build
from derive.layers import batchnorm
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = index("i"), index("j"), index("k")
half = Rational(1, 2)


@dataclass(frozen=True)
class Sample:
    graph: Graph
    staged: tuple[Assignment, ...]

    @property
    def gradients(self):
        return self.graph.layer.gradients


def adjoint(name, *shape):
    return tensor(f"∂L/∂{name}", *shape) if shape else scalar(f"∂L/∂{name}")


def make(name, inputs, forward, gradients, staged):
    output = forward[-1][0]
    upstream = tensor("g", *output.base.shape)
    lines = tuple(Assignment(*line) for line in forward)
    claims = tuple(Gradient(*claim) for claim in gradients)
    layer = Layer(name, name, inputs, lines, upstream, claims, "")
    return Sample(build(layer), tuple(Assignment(*line) for line in staged))


x, xhat, y, g, p, e = (tensor(name, m) for name in ("x", "x̂", "y", "g", "p", "e"))
gamma, beta, mu, var, r, c = (scalar(name) for name in ("γ", "β", "μ", "σ²", "r", "c"))
eps = positive("ε")


def of_batchnorm():
    root = sqrt(var + eps)
    ax, dx, dv, dm = adjoint("x̂", m), adjoint("x", m), adjoint("σ²"), adjoint("μ")
    staged = (
        (adjoint("β"), total(g[i], i, m)),
        (adjoint("γ"), total(g[i] * xhat[i], i, m)),
        (ax[i], g[i] * gamma),
        (dv, -half * total(ax[j] * (x[j] - mu), j, m) * (var + eps) ** Rational(-3, 2)),
        (dm, -total(ax[j], j, m) / root - 2 * dv * total(x[j] - mu, j, m) / m),
        (dx[i], ax[i] / root + dv * 2 * (x[i] - mu) / m + dm / m),
    )
    return Sample(build(batchnorm.LAYER), tuple(Assignment(*line) for line in staged))


def of_rmsnorm():
    dx, ax, dr = adjoint("x", m), adjoint("x̂", m), adjoint("r")
    return make(
        "rmsnorm",
        (x[i], gamma, eps),
        (
            (r, sqrt(mean(x[j] ** 2, j, m) + eps)),
            (xhat[i], x[i] / r),
            (y[i], gamma * xhat[i]),
        ),
        (
            (x[i], gamma / r * (g[i] - xhat[i] * mean(g[j] * xhat[j], j, m))),
            (gamma, total(g[j] * x[j], j, m) / r),
        ),
        (
            (adjoint("γ"), total(g[j] * xhat[j], j, m)),
            (ax[i], gamma * g[i]),
            (dr, -total(ax[j] * x[j], j, m) / r**2),
            (dx[i], ax[i] / r + dr * x[i] / (m * r)),
        ),
    )


def of_layernorm():
    rows, hat, out, up = (tensor(name, m, n) for name in ("x", "x̂", "y", "g"))
    scale, shift, mean_of, var_of = tensor("γ", n), tensor("β", n), tensor("μ", m), tensor("σ²", m)
    hats, variances, means, inputs = adjoint("x̂", m, n), adjoint("σ²", m), adjoint("μ", m), adjoint("x", m, n)
    scales, shifts = adjoint("γ", n), adjoint("β", n)
    root = sqrt(var_of[i] + eps)
    inner = total(up[i, k] * scale[k], k, n) / n
    return make(
        "layernorm",
        (rows[i, j], scale[j], shift[j], eps),
        (
            (mean_of[i], mean(rows[i, k], k, n)),
            (var_of[i], mean((rows[i, k] - mean_of[i]) ** 2, k, n)),
            (hat[i, j], (rows[i, j] - mean_of[i]) / root),
            (out[i, j], scale[j] * hat[i, j] + shift[j]),
        ),
        (
            (
                rows[i, j],
                (scale[j] * up[i, j] - inner - hat[i, j] * mean(up[i, k] * scale[k] * hat[i, k], k, n)) / root,
            ),
            (scale[j], total(up[i, j] * hat[i, j], i, m)),
            (shift[j], total(up[i, j], i, m)),
        ),
        (
            (shifts[j], total(up[i, j], i, m)),
            (scales[j], total(up[i, j] * hat[i, j], i, m)),
            (hats[i, j], up[i, j] * scale[j]),
            (variances[i], -half * total(hats[i, k] * (rows[i, k] - mean_of[i]), k, n) / root**3),
            (means[i], -total(hats[i, k], k, n) / root),
            (inputs[i, j], hats[i, j] / root + variances[i] * 2 * (rows[i, j] - mean_of[i]) / n + means[i] / n),
        ),
    )


def of_l2norm():
    dx, dr = adjoint("x", m), adjoint("r")
    return make(
        "l2norm",
        (x[i],),
        ((r, sqrt(total(x[j] ** 2, j, m))), (y[i], x[i] / r)),
        ((x[i], (g[i] - y[i] * total(g[j] * y[j], j, m)) / r),),
        ((dr, -total(g[j] * x[j], j, m) / r**2), (dx[i], g[i] / r + dr * x[i] / r)),
    )


def of_centred():
    dx, dv, dm, dp = adjoint("x", m), adjoint("σ²"), adjoint("μ"), adjoint("p", m)
    return make(
        "centred scaling",
        (x[i],),
        (
            (mu, mean(x[j], j, m)),
            (p[i], x[i] - mu),
            (var, mean(p[j] ** 2, j, m)),
            (y[i], p[i] / (1 + var)),
        ),
        ((x[i], (g[i] - mean(g[j], j, m) - 2 * y[i] * mean(g[j] * p[j], j, m)) / (1 + var)),),
        (
            (dv, -total(g[j] * p[j], j, m) / (1 + var) ** 2),
            (dp[i], g[i] / (1 + var) + 2 * dv * p[i] / m),
            (dm, -total(dp[j], j, m)),
            (dx[i], dp[i] + dm / m),
        ),
    )


def of_softmax():
    dx, de, dc = adjoint("x", m), adjoint("e", m), adjoint("c")
    return make(
        "softmax",
        (x[i],),
        ((e[i], exp(x[i])), (c, total(e[j], j, m)), (y[i], e[i] / c)),
        ((x[i], y[i] * (g[i] - total(g[j] * y[j], j, m))),),
        (
            (dc, -total(g[j] * e[j], j, m) / c**2),
            (de[i], g[i] / c + dc),
            (dx[i], de[i] * e[i]),
        ),
    )


MAKERS = {
    "batchnorm": of_batchnorm,
    "rmsnorm": of_rmsnorm,
    "layernorm": of_layernorm,
    "l2norm": of_l2norm,
    "centred scaling": of_centred,
    "softmax": of_softmax,
}
SAMPLES = {name: maker() for name, maker in MAKERS.items()}
