"""Right gradients of batch norm written in other ways: each is proved, with what it divides by and what it needed."""

import pytest
from sympy import KroneckerDelta, Rational, Sum, Symbol, sqrt

from derive.kernel import Kernel, Proved, partial
from derive.layers.batchnorm import LAYER, beta, eps, g, gamma, i, j, m, mu, var, x, xhat, y
from derive.layers.layer import index, mean, scalar, total

LOSS = Symbol("L")
PAIRS = (*((line.target, line.value) for line in LAYER.forward), (LOSS, total(g[j] * y[j], j, m)))
root = scalar("s")
cov, gbar = scalar("cov"), scalar("ḡ")
EXTRA = (
    (root, sqrt(var + eps)),
    (gbar, mean(g[j], j, m)),
    (cov, mean((g[j] - gbar) * (x[j] - mu), j, m)),
)
KERNEL = Kernel((*PAIRS, *EXTRA))

k, n = index("k"), index("n")
s, h = sqrt(var + eps), Rational(1, 2)
c = gamma / (m * s)
G, H = total(g[j], j, m), total(g[j] * xhat[j], j, m)
X = total(g[j] * (x[j] - mu), j, m)
DX = c * (m * g[i] - G - xhat[i] * H)
DVAR, DMU = -h * gamma * X / s**3, -gamma * G / s
XBAR, XX = mean(x[k], k, m), mean(x[k] ** 2, k, m)
S2 = XX - mu**2 + eps
PURE = mean((x[k] - mean(x[n], n, m)) ** 2, k, m) + eps  # σ² + ε in x alone


def adjoint(of):
    return partial(LOSS, of)


def delta(a, b):
    return KroneckerDelta(a, b)


RIGHT = {
    # rearranged
    "dx: as stated": (x[i], DX),
    "dx: multiplied out": (x[i], gamma * g[i] / s - gamma * G / (m * s) - gamma * xhat[i] * H / (m * s)),
    "dx: means for sums": (x[i], gamma / s * (g[i] - mean(g[j], j, m) - xhat[i] * mean(g[j] * xhat[j], j, m))),
    "dx: minus in front": (x[i], -c * (G + xhat[i] * H - m * g[i])),
    "dx: x̂ inside the sum": (x[i], c * (m * g[i] - total(g[j] * (1 + xhat[i] * xhat[j]), j, m))),
    "dx: one sum": (x[i], c * total(g[i] - g[j] - xhat[i] * xhat[j] * g[j], j, m)),
    "dx: index n": (x[i], c * (m * g[i] - total(g[n], n, m) - xhat[i] * total(g[k] * xhat[k], k, m))),
    "dx: Σ from 0": (x[i], c * (m * g[i] - Sum(g[j], (j, 0, m - 1)) - xhat[i] * Sum(g[j] * xhat[j], (j, 0, m - 1)))),
    # other symbols
    "dx: x − μ for x̂": (x[i], c * (m * g[i] - G - (x[i] - mu) * X / s**2)),
    "dx: powers of σ² + ε": (
        x[i],
        gamma * (g[i] - G / m) * (var + eps) ** -h - gamma / m * (x[i] - mu) * (var + eps) ** Rational(-3, 2) * X,
    ),
    "dx: s⁻³": (x[i], gamma * s**-3 * (s**2 * (g[i] - G / m) - (x[i] - mu) * X / m)),
    "dx: s/(σ² + ε)": (x[i], gamma * root / (m * (var + eps)) * (m * g[i] - G - xhat[i] * H)),
    "dx: s named": (x[i], gamma / (m * root) * (m * g[i] - G - xhat[i] * H)),
    "dx: s named, x − μ": (x[i], gamma / root * (g[i] - gbar) - gamma / (m * root**3) * (x[i] - mu) * X),
    "dx: ε eliminated": (x[i], DX * (eps / root**2 + mean(xhat[j] ** 2, j, m))),
    "dx: σ² eliminated": (x[i], DX * (root**2 - eps) / var),
    "dx: y for x̂": (x[i], c * (m * g[i] - G - (y[i] - beta) / gamma * total(g[j] * (y[j] - beta) / gamma, j, m))),
    # statistics written in other ways
    "dx: E[x²] − μ²": (x[i], gamma / sqrt(S2) * (g[i] - G / m - (x[i] - mu) * X / (m * S2))),
    "dx: E[x²] − E[x]²": (x[i], gamma / (m * sqrt(XX - XBAR**2 + eps)) * (m * g[i] - G - xhat[i] * H)),
    "dx: (m Σx² − (Σx)²)/m²": (
        x[i],
        gamma
        / sqrt((m * total(x[k] ** 2, k, m) - total(x[k], k, m) ** 2) / m**2 + eps)
        * (g[i] - G / m - xhat[i] * H / m),
    ),
    "dx: half the mean of pairs": (
        x[i],
        gamma / sqrt(mean(mean((x[k] - x[n]) ** 2, k, m), n, m) / 2 + eps) * (g[i] - gbar - xhat[i] * H / m),
    ),
    "dx: x alone": (
        x[i],
        gamma / (m * sqrt(PURE)) * (m * g[i] - G - (x[i] - XBAR) * total(g[j] * (x[j] - XBAR), j, m) / PURE),
    ),
    "dx: covariance": (x[i], gamma / s * (g[i] - gbar - (x[i] - mu) * cov / s**2)),
    "dx: covariance as E[gx] − ḡμ": (
        x[i],
        gamma / s * (g[i] - gbar - (x[i] - mu) * (mean(g[j] * x[j], j, m) - gbar * mu) / (var + eps)),
    ),
    "dx: g centred": (x[i], gamma / s * (g[i] - gbar - xhat[i] * mean((g[j] - gbar) * xhat[j], j, m))),
    # sums that are 0
    "dx: + Σ(x − μ)": (x[i], DX + total(x[j] - mu, j, m)),
    "dx: + g Σx̂": (x[i], DX + 7 * g[i] * total(xhat[j], j, m) / s),
    "dx: (Σx̂)² added": (x[i], c * (m * g[i] - G + total(xhat[j], j, m) ** 2 - xhat[i] * H)),
    "dx: ΣΣ(x_j − x_k) added": (x[i], DX + Sum(x[j] - x[k], (j, 1, m), (k, 1, m))),
    # double sums and δ
    "dx: g_i − g_j": (x[i], c * (total(g[i] - g[j], j, m) - xhat[i] * H)),
    "dx: ΣΣ/m": (x[i], c * (m * g[i] - Sum(g[k], (j, 1, m), (k, 1, m)) / m - xhat[i] * H)),
    "dx: Jacobian": (x[i], c * total(g[j] * (m * delta(i, j) - 1 - xhat[i] * xhat[j]), j, m)),
    "dx: Σ over j ≠ i": (
        x[i],
        c * ((m - 1 - xhat[i] ** 2) * g[i] - total((1 - delta(i, j)) * g[j] * (1 + xhat[i] * xhat[j]), j, m)),
    ),
    "dx: ΣΣδ": (x[i], c * (m * g[i] - Sum(delta(j, k) * g[k] * (1 + xhat[i] * xhat[j]), (j, 1, m), (k, 1, m)))),
    # through other adjoints
    "dx: the paper's three terms": (x[i], gamma * g[i] / s + DVAR * 2 * (x[i] - mu) / m + DMU / m),
    "dx: the second term of ∂L/∂μ kept": (
        x[i],
        gamma * g[i] / s + DVAR * 2 * (x[i] - mu) / m + (DMU + DVAR * mean(-2 * (x[j] - mu), j, m)) / m,
    ),
    "dx: through all adjoints": (
        x[i],
        adjoint(xhat[i]) / s + adjoint(var) * 2 * (x[i] - mu) / m + adjoint(mu) / m,
    ),
    "dx: through ∂L/∂x̂": (
        x[i],
        (m * adjoint(xhat[i]) - total(adjoint(xhat[j]), j, m) - xhat[i] * total(adjoint(xhat[j]) * xhat[j], j, m))
        / (m * s),
    ),
    "dx: through dγ and dβ": (x[i], c * (m * g[i] - adjoint(beta) - xhat[i] * adjoint(gamma))),
    "dx: Σ g ∂y/∂x": (x[i], total(g[j] * partial(y[j], x[i]), j, m)),
    "dx: γ Σ g ∂x̂/∂x": (x[i], gamma * total(g[j] * partial(xhat[j], x[i]), j, m)),
    # dγ and dβ
    "dγ: as stated": (gamma, H),
    "dγ: x − μ for x̂": (gamma, X / s),
    "dγ: Σgx − μΣg": (gamma, (total(g[j] * x[j], j, m) - mu * G) / s),
    "dγ: covariance": (gamma, m * cov / s),
    "dγ: y for x̂": (gamma, total(g[j] * (y[j] - beta), j, m) / gamma),
    "dγ: g centred": (gamma, total((g[j] - gbar) * xhat[j], j, m)),
    "dβ: as stated": (beta, G),
    "dβ: m ḡ": (beta, m * gbar),
    "dβ: ΣΣ/m": (beta, Sum(g[k], (j, 1, m), (k, 1, m)) / m),
    "dβ: ΣΣδ": (beta, Sum(delta(j, k) * g[k], (j, 1, m), (k, 1, m))),
    "dβ: + Σx̂": (beta, G + total(xhat[j], j, m)),
    # dσ², dμ, dx̂
    "dσ²: as stated": (var, DVAR),
    "dσ²: x̂ for x − μ": (var, -gamma * H / (2 * s**2)),
    "dσ²: through dγ": (var, -gamma * adjoint(gamma) / (2 * (var + eps))),
    "dσ²: Σgx − μΣg": (var, -h * gamma * (var + eps) ** Rational(-3, 2) * (total(g[j] * x[j], j, m) - mu * G)),
    "dμ: one term": (mu, DMU),
    "dμ: second term kept": (mu, DMU + DVAR * mean(-2 * (x[j] - mu), j, m)),
    "dμ: second term as 2μ − 2E[x]": (mu, DMU + DVAR * (2 * mu - 2 * XBAR)),
    "dμ: through ∂L/∂x̂": (mu, -total(adjoint(xhat[j]), j, m) / s),
    "dx̂": (xhat[i], gamma * g[i]),
}


@pytest.mark.parametrize(("of", "right"), RIGHT.values(), ids=RIGHT)
def test_is_proved(of, right):
    verdict = KERNEL.decide(adjoint(of), right)
    assert isinstance(verdict, Proved), verdict
    assert verdict.note == ""


def test_there_are_fifty():
    assert len(RIGHT) >= 50
    assert len(set(RIGHT.values())) == len(RIGHT)


@pytest.mark.parametrize(
    ("name", "conditions"),
    {
        "dx: as stated": {var + eps},
        "dx: s named": {root},
        "dγ: y for x̂": {gamma},
        "dx: σ² eliminated": {var, var + eps},
        "dx̂": set(),
        "dβ: m ḡ": set(),
    }.items(),
)
def test_says_what_it_divides_by(name, conditions):
    assert set(KERNEL.decide(adjoint(RIGHT[name][0]), RIGHT[name][1]).conditions) == conditions


@pytest.mark.parametrize(
    ("left", "right", "used"),
    [
        pytest.param(DMU + DVAR * mean(-2 * (x[j] - mu), j, m), DMU, ("μ",), id="the second term of ∂L/∂μ needs μ"),
        pytest.param(DX, DX + total(x[j] - mu, j, m), ("μ",), id="Σ(x − μ) needs μ"),
        pytest.param(total(xhat[j] ** 2, j, m), m * var / (var + eps), ("σ²",), id="Σx̂² needs σ²"),
        pytest.param(var, XX - mu**2, ("μ", "σ²"), id="E[x²] − μ² needs both"),
        pytest.param(DX, c * (total(g[i] - g[j], j, m) - xhat[i] * H), (), id="a rearrangement needs none"),
    ],
)
def test_names_the_definitions_it_needed(left, right, used):
    assert KERNEL.decide(left, right, explain=("μ", "σ²")).used == used
