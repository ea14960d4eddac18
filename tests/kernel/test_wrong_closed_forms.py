"""Hand-made wrong gradients of batch norm: each is refuted, and its counterexample holds when evaluated anew.

The true gradient at the counterexample comes from a forward pass in plain fractions with dual numbers, written here.
"""

from fractions import Fraction
from math import isqrt

import pytest
from sympy import Rational, S, Sum, Symbol, sqrt

from derive.kernel import Kernel, Refuted, partial
from derive.layers.batchnorm import LAYER, beta, eps, g, gamma, i, j, m, mu, var, x, xhat, y
from derive.layers.layer import index, mean, total

LOSS = Symbol("L")
PAIRS = (*((line.target, line.value) for line in LAYER.forward), (LOSS, total(g[j] * y[j], j, m)))
KERNEL = Kernel(PAIRS)

k = index("k")
s, h = sqrt(var + eps), Rational(1, 2)
c = gamma / (m * s)  # the factor in front
G, H = total(g[j], j, m), total(g[j] * xhat[j], j, m)
X = total(g[j] * (x[j] - mu), j, m)
DX = c * (m * g[i] - G - xhat[i] * H)
DVAR = -h * gamma * X / s**3

WRONG = {
    # signs
    "dx: + Σg": (x[i], c * (m * g[i] + G - xhat[i] * H)),
    "dx: + x̂Σgx̂": (x[i], c * (m * g[i] - G + xhat[i] * H)),
    "dx: − m g": (x[i], c * (-m * g[i] - G - xhat[i] * H)),
    "dx: all signs": (x[i], -DX),
    # factors
    "dx: 2 in front": (x[i], 2 * DX),
    "dx: ½ in front": (x[i], DX / 2),
    "dx: ½ on the last term": (x[i], c * (m * g[i] - G - h * xhat[i] * H)),
    "dx: 2 on the last term": (x[i], c * (m * g[i] - G - 2 * xhat[i] * H)),
    "dx: γ dropped": (x[i], DX / gamma),
    "dx: γ dropped on m g only": (x[i], c * (m * g[i] / gamma - G - xhat[i] * H)),
    "dx: γ twice": (x[i], gamma * DX),
    "dx: γ twice on the last term": (x[i], c * (m * g[i] - G - gamma * xhat[i] * H)),
    "dx: 1/m dropped": (x[i], m * DX),
    "dx: 1/m twice": (x[i], DX / m),
    "dx: m dropped on g": (x[i], c * (g[i] - G - xhat[i] * H)),
    "dx: m twice on Σg": (x[i], c * (m * g[i] - m * G - xhat[i] * H)),
    "dx: 1/m on the last term": (x[i], c * (m * g[i] - G - xhat[i] * H / m)),
    "dx: 1/s dropped": (x[i], s * DX),
    "dx: 1/s on the last term": (x[i], c * (m * g[i] - G - xhat[i] * H / s)),
    "dx: m − 1 in front": (x[i], DX * m / (m - 1)),
    "dx: m − 1 on g": (x[i], c * ((m - 1) * g[i] - G - xhat[i] * H)),
    # exponents
    "dx: exponent −3/2": (x[i], gamma * (var + eps) ** Rational(-3, 2) / m * (m * g[i] - G - xhat[i] * H)),
    "dx: exponent +1/2": (x[i], gamma * s / m * (m * g[i] - G - xhat[i] * H)),
    "dx: exponent −1": (x[i], gamma / (m * (var + eps)) * (m * g[i] - G - xhat[i] * H)),
    "dx: x̂²Σgx̂": (x[i], c * (m * g[i] - G - xhat[i] ** 2 * H)),
    "dx: x̂Σgx̂²": (x[i], c * (m * g[i] - G - xhat[i] * total(g[j] * xhat[j] ** 2, j, m))),
    "dx: x̂Σg²x̂": (x[i], c * (m * g[i] - G - xhat[i] * total(g[j] ** 2 * xhat[j], j, m))),
    # sums
    "dx: Σ lost on g": (x[i], c * (m * g[i] - g[i] - xhat[i] * H)),
    "dx: Σ lost on gx̂": (x[i], c * (m * g[i] - G - xhat[i] * g[i] * xhat[i])),
    "dx: Σ doubled on g": (x[i], c * (m * g[i] - Sum(g[k], (j, 1, m), (k, 1, m)) - xhat[i] * H)),
    "dx: Σ doubled on gx̂": (x[i], c * (m * g[i] - G - xhat[i] * Sum(g[k] * xhat[k], (j, 1, m), (k, 1, m)))),
    "dx: ΣgΣx̂ for Σgx̂": (x[i], c * (m * g[i] - G - xhat[i] * G * total(xhat[j], j, m))),
    # indices
    "dx: x̂_j for x̂_i": (x[i], c * (m * g[i] - G - total(g[j] * xhat[j] ** 2, j, m))),
    "dx: x̂_i for x̂_j": (x[i], c * (m * g[i] - G - m * xhat[i] ** 2 * G)),
    "dx: g_i for g_j": (x[i], c * (m * g[i] - G - xhat[i] * g[i] * total(xhat[j], j, m))),
    "dx: g_1 for g_i": (x[i], c * (m * g[1] - G - xhat[i] * H)),
    "dx: x̂_1 for x̂_i": (x[i], c * (m * g[i] - G - xhat[1] * H)),
    # symbols
    "dx: x for x̂ in front of Σ": (x[i], c * (m * g[i] - G - x[i] * H)),
    "dx: x for x̂ inside Σ": (x[i], c * (m * g[i] - G - xhat[i] * total(g[j] * x[j], j, m))),
    "dx: x for x̂": (x[i], c * (m * g[i] - G - x[i] * total(g[j] * x[j], j, m))),
    "dx: x − μ for x̂ in front of Σ": (x[i], c * (m * g[i] - G - (x[i] - mu) * H)),
    "dx: x − μ for x̂": (x[i], c * (m * g[i] - G - (x[i] - mu) * X)),
    "dx: y for x̂": (x[i], c * (m * g[i] - G - y[i] * H)),
    "dx: 0 for μ": (x[i], c * (m * g[i] - G - x[i] / s * total(g[j] * x[j] / s, j, m))),
    "dx: β added": (x[i], DX + beta),
    # ε
    "dx: ε dropped in front": (x[i], gamma / (m * sqrt(var)) * (m * g[i] - G - xhat[i] * H)),
    "dx: ε dropped under x − μ": (x[i], c * (m * g[i] - G - (x[i] - mu) * X / var)),
    "dx: ε outside the root": (x[i], gamma / (m * (sqrt(var) + eps)) * (m * g[i] - G - xhat[i] * H)),
    "dx: 2ε": (x[i], gamma / (m * sqrt(var + 2 * eps)) * (m * g[i] - G - xhat[i] * H)),
    # terms
    "dx: statistics held constant": (x[i], gamma * g[i] / s),
    "dx: variance held constant": (x[i], gamma / s * (g[i] - G / m)),
    "dx: mean held constant": (x[i], c * (m * g[i] - xhat[i] * H)),
    "dx: 0": (x[i], S.Zero),
    # dγ, dβ
    "dγ: x for x̂": (gamma, total(g[j] * x[j], j, m)),
    "dγ: x − μ for x̂": (gamma, X),
    "dγ: mean for Σ": (gamma, mean(g[j] * xhat[j], j, m)),
    "dγ: ΣgΣx̂": (gamma, G * total(xhat[j], j, m)),
    "dγ: γ twice": (gamma, gamma * H),
    "dβ: mean for Σ": (beta, G / m),
    "dβ: γ Σg": (beta, gamma * G),
    "dβ: Σ lost": (beta, g[1]),
    # dσ², dμ
    "dσ²: sign": (var, -DVAR),
    "dσ²: ½ lost": (var, 2 * DVAR),
    "dσ²: exponent −1/2": (var, -h * gamma * X / s),
    "dσ²: γ lost": (var, DVAR / gamma),
    "dσ²: x for x − μ": (var, -h * gamma * total(g[j] * x[j], j, m) / s**3),
    "dμ: sign": (mu, gamma * G / s),
    "dμ: 1/m": (mu, -gamma * G / (m * s)),
    "dμ: 1/s²": (mu, -gamma * G / s**2),
    "dμ: Σx for Σ(x − μ)": (mu, -gamma * G / s - 2 / m * DVAR * total(x[j], j, m)),
    "dμ: 0": (mu, S.Zero),
}


class Dual:
    """value + tangent·ε, ε² = 0, in fractions."""

    def __init__(self, value, tangent=0):
        self.value, self.tangent = Fraction(value), Fraction(tangent)

    def __add__(self, other):
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def __sub__(self, other):
        return Dual(self.value - other.value, self.tangent - other.tangent)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.tangent * other.value + self.value * other.tangent)

    def __truediv__(self, other):
        quotient = self.value / other.value
        return Dual(quotient, (self.tangent - quotient * other.tangent) / other.value)

    def root(self):
        top, bottom = isqrt(self.value.numerator), isqrt(self.value.denominator)
        assert Fraction(top, bottom) ** 2 == self.value, "the counterexample is not exact"
        return Dual(Fraction(top, bottom), self.tangent / (2 * Fraction(top, bottom)))


def true_gradient(of, found):
    """dL/d`of` at a counterexample: the forward pass of batch norm with a tangent carried along."""
    (size,) = (length for name, length in found.sizes if name == "m")
    at = dict(found.at).get("i")
    values = {(name, place): value for name, place, value in found.values}

    def leaf(name, *place):
        return Dual(values.get((name, place), 1), (name, *place) == of or (name == of[0] and place == (at,)))

    def intermediate(name, value):
        return Dual(value.value, 1) if name == of[0] else value

    def sum_of(parts):
        return sum(parts, Dual(0))

    xs, gs = ([leaf(name, place) for place in range(1, size + 1)] for name in ("x", "g"))
    average = intermediate("μ", sum_of(xs) / Dual(size))
    variance = intermediate("σ²", sum_of((one - average) * (one - average) for one in xs) / Dual(size))
    root = (variance + leaf("ε")).root()
    ys = [leaf("γ") * ((one - average) / root) + leaf("β") for one in xs]
    return sum_of(weight * one for weight, one in zip(gs, ys, strict=True)).tangent


@pytest.mark.parametrize(("of", "wrong"), WRONG.values(), ids=WRONG)
def test_is_refuted_by_a_counterexample_that_holds(of, wrong, independent):
    verdict = KERNEL.decide(partial(LOSS, of), wrong)
    assert isinstance(verdict, Refuted)
    left, right = independent.recheck(verdict.counterexample, PAIRS, partial(LOSS, of), wrong)
    name = of.name if isinstance(of, Symbol) else of.base.label.name
    assert left == true_gradient((name,), verdict.counterexample) != right


def test_there_are_fifty():
    assert len(WRONG) >= 50
    assert len(set(WRONG.values())) == len(WRONG)


def test_the_right_form_is_not_refuted():
    assert not isinstance(KERNEL.decide(partial(LOSS, x[i]), DX), Refuted)
