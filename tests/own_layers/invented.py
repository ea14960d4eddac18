"""Layers nobody has published, as a user would write them down. No gradient is stated: it is to be found."""

from sympy import Abs, Max, Rational, erf, exp, sqrt, tanh

from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = index("i"), index("j"), index("k")
x, y, xhat, z, e, p, g = (tensor(name, m) for name in ("x", "y", "x̂", "z", "e", "p", "g"))
mu, var, q, r, total_e, nu = (scalar(name) for name in ("μ", "σ²", "q", "r", "Z", "ν"))
gamma, beta = scalar("γ"), scalar("β")
eps = positive("ε")

STATISTICS = (Assignment(mu, mean(x[j], j, m)), Assignment(var, mean((x[j] - mu) ** 2, j, m)))
NORMALIZED = (*STATISTICS, Assignment(xhat[i], (x[i] - mu) / sqrt(var + eps)))


def made(name, inputs, *lines, gradients=()):
    return Layer(name, name, inputs, lines, g, gradients, "")


power = made(
    "power norm",
    (x[i],),
    Assignment(q, mean(x[j] ** 4, j, m)),
    Assignment(y[i], x[i] / q ** Rational(1, 4)),
)
learned = made(
    "batch norm with a learned ε",
    (x[i], gamma, eps),
    *NORMALIZED,
    Assignment(y[i], gamma * xhat[i]),
    gradients=(Gradient(x[i]), Gradient(gamma), Gradient(eps)),
)
centred = made(
    "centred softmax",
    (x[i],),
    Assignment(e[i], exp(x[i])),
    Assignment(total_e, total(e[j], j, m)),
    Assignment(p[i], e[i] / total_e),
    Assignment(y[i], p[i] - 1 / m),
)
scaled = made("scale by 1/(1 + σ²)", (x[i],), *STATISTICS, Assignment(y[i], (x[i] - mu) / (1 + var)))
twice = made(
    "RMS norm of a batch norm",
    (x[i], gamma, beta, eps),
    *NORMALIZED,
    Assignment(z[i], gamma * xhat[i] + beta),
    Assignment(nu, mean(z[j] ** 2, j, m)),
    Assignment(y[i], z[i] / sqrt(nu + eps)),
)
meanabs = made(
    "norm by mean absolute value",
    (x[i], gamma, eps),
    Assignment(mu, mean(x[j], j, m)),
    Assignment(r, mean(Abs(x[j] - mu), j, m)),
    Assignment(y[i], gamma * (x[i] - mu) / (r + eps)),
)
rectified = made(
    "ReLU of an RMS norm",
    (x[i], eps),
    Assignment(r, sqrt(mean(x[j] ** 2, j, m) + eps)),
    Assignment(y[i], Max(x[i] / r, 0)),
)
squashed = made("dynamic tanh", (x[i], gamma), Assignment(y[i], tanh(gamma * x[i])))
smooth = made("GELU", (x[i],), Assignment(y[i], x[i] * (1 + erf(x[i] / sqrt(2))) / 2))

a, b, h = (tensor(name, m, n) for name in ("a", "b", "h"))
rows, columns = tensor("s", m), tensor("t", n)
grid = Layer(
    "grid",
    "Rows to length 1, then columns to mean 0",
    (a[i, j], eps),
    (
        Assignment(rows[i], sqrt(total(a[i, k] ** 2, k, n) + eps)),
        Assignment(columns[j], mean(a[k, j] / rows[k], k, m)),
        Assignment(b[i, j], a[i, j] / rows[i] - columns[j]),
    ),
    h,
    (),
    "",
)
wrong = made(
    "batch norm as if its statistics were constants",
    (x[i], gamma, eps),
    *NORMALIZED,
    Assignment(y[i], gamma * xhat[i]),
    gradients=(Gradient(x[i], gamma * g[i] / sqrt(var + eps)), Gradient(gamma, total(g[j] * xhat[j], j, m))),
)
