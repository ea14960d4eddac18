"""Reverse mode: local partials and adjoints of batch norm as in the textbooks, and right at a point."""

from fractions import Fraction

import pytest
from sympy import S, Sum, Symbol, sqrt

from derive.backward import adjoints, local_partials
from derive.graph import build
from derive.indices import name_of
from derive.kernel import Kernel, partial
from derive.layers.batchnorm import LAYER, eps, g, gamma, i, j, m, mu, var, x, xhat, y
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, scalar, size, tensor, total

GRAPH = build(LAYER)
LOCAL = local_partials(GRAPH)
DONE = adjoints(GRAPH, LOCAL)
LOSS = Symbol("L")
s = sqrt(var + eps)

PARTIALS = {
    "∂y/∂x̂": (gamma, True),
    "∂y/∂γ": (xhat[i], False),
    "∂y/∂β": (S.One, False),
    "∂x̂/∂x": (1 / s, True),
    "∂x̂/∂μ": (-1 / s, False),
    "∂x̂/∂σ²": (-(x[i] - mu) / (2 * s**3), False),
    "∂σ²/∂x": (2 * (x[i] - mu) / m, False),
    "∂σ²/∂μ": (-2 * mean(x[j] - mu, j, m), False),
    "∂μ/∂x": (1 / m, False),
}


def test_there_is_one_local_partial_for_each_edge():
    assert {name_of(one.target) for one in LOCAL} == set(PARTIALS)


@pytest.mark.parametrize("name", PARTIALS)
def test_local_partial(name):
    value, diagonal = PARTIALS[name]
    (one,) = (one for one in LOCAL if name_of(one.target) == name)
    assert one.diagonal is diagonal
    assert Kernel().equal(one.value + x[i], value + x[i])
    assert one.rules


PATHS = {"γ": ("y",), "β": ("y",), "x̂": ("y",), "σ²": ("x̂",), "μ": ("x̂", "σ²"), "x": ("x̂", "σ²", "μ")}


def test_an_adjoint_goes_through_everything_that_reads_it():
    assert {name_of(one.of): one.paths for one in DONE} == PATHS


@pytest.mark.parametrize("one", DONE, ids=lambda one: name_of(one.of))
def test_an_adjoint_is_the_derivative_of_the_loss(one, independent):
    """Chain and value of every adjoint at a rational point, beside dual numbers through the forward pass."""
    pairs = [(line.target, line.value) for line in LAYER.forward]
    pairs += [(LOSS, total(g[j] * y[j], j, m)), (tensor("∂L/∂y", m)[i], g[i])]
    pairs += [(other.target, partial(LOSS, other.of)) for other in DONE if other is not one]
    names = {node.name for node in GRAPH.intermediates}
    pairs += [(local.target, partial(local.of, local.wrt, names - {name_of(local.of)})) for local in LOCAL]
    values = {("x", (1,)): 1, ("x", (2,)): 2, ("x", (3,)): 6, ("g", (1,)): 3, ("g", (2,)): -1, ("g", (3,)): 4}
    values |= {("γ", ()): 5, ("β", ()): 7, ("ε", ()): Fraction(25) - Fraction(14, 3)}
    values = {place: Fraction(value) for place, value in values.items()}
    world = independent.World(independent.definitions_of(pairs), {"m": 3}, values)
    for row in (1, 2, 3):
        expected, chain, value = (
            independent.evaluate(expr, world, (("i", row),)) for expr in (partial(LOSS, one.of), one.chain, one.value)
        )
        assert expected == chain == value


n = size("n")
p, k = index("p"), index("k")
u, q, v, h = tensor("u", m, n), tensor("q", m), tensor("v", m, n), tensor("h", m, n)
a = scalar("a")


def test_an_index_that_is_summed_in_the_forward_pass_is_free_in_the_adjoint():
    layer = Layer(
        "rows",
        "Rows",
        (u[i, p], a),
        (Assignment(q[i], total(u[i, p] ** 2, p, n)), Assignment(v[i, p], a * u[i, p] * q[i])),
        h,
        (
            Gradient(a, Sum(h[i, p] * u[i, p] * q[i], (i, 1, m), (p, 1, n))),
            Gradient(u[i, p], a * h[i, p] * q[i] + 2 * a * u[i, p] * total(h[i, k] * u[i, k], k, n)),
        ),
        "",
    )
    graph = build(layer)
    done = {name_of(one.of): one for one in adjoints(graph, local_partials(graph))}
    upstream = tensor("∂L/∂v", m, n)
    assert Kernel().equal(done["q"].value + q[i], a * total(upstream[i, k] * u[i, k], k, n) + q[i])
    expected = a * upstream[i, p] * q[i] + 2 * u[i, p] * tensor("∂L/∂q", m)[i]
    assert Kernel().equal(done["u"].value, expected)
