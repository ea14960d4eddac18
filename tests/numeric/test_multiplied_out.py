"""Sums multiplied out: equal for every size in exact arithmetic, and not in rounded arithmetic, which is the point."""

import numpy as np
import pytest
from material import SAMPLES, i, j, k, m, make, x
from sympy import Add, Sum, exp

from derive.derivation import derive
from derive.layers import load, names
from derive.layers.layer import mean, scalar, tensor, total
from derive.numeric.functions import functions
from derive.numeric.multiplied_out import multiplied_out

OF_MONOMIALS = {
    "cosine",
    "l2norm",
    "log-softmax",
    "rmsnorm",
    "rmsnorm-eps-outside",
    "softmax",
    "softmax-cross-entropy",
    "weightnorm",
}
OTHERS = sorted(set(names()) - OF_MONOMIALS)
WITH_AXES = [("batchnorm", ("N", "C", "H", "W")), ("layernorm", ("N", "T", "D")), ("groupnorm", ("N", "G", "C", "S"))]


@pytest.mark.parametrize("name", sorted(OF_MONOMIALS))
def test_a_layer_whose_sums_are_of_monomials_is_returned_as_it_is(name):
    layer = load(name)
    assert multiplied_out(layer) is layer


@pytest.mark.parametrize(("name", "axes"), [*((name, ()) for name in OTHERS), *WITH_AXES])
def test_every_line_that_changed_is_proved_equal_to_what_was_stated(name, axes):
    layer = load(name, axes)
    other = multiplied_out(layer)
    derivation = derive(layer)
    changed = [line for line, before in zip(other.forward, layer.forward, strict=True) if line != before]
    claims = [claim for claim, before in zip(other.gradients, layer.gradients, strict=True) if claim != before]
    assert changed or claims
    for line in changed:
        assert derivation.kernel.decide(line.target, line.value).label == "proved"
    for claim in claims:
        assert derivation.judge(str(claim.of).partition("[")[0], claim.value).label == "proved"


@pytest.mark.parametrize("name", OTHERS)
def test_no_sum_that_is_left_is_of_several_terms(name):
    layer = multiplied_out(load(name))
    values = [line.value for line in (*layer.forward, *layer.gradients)]
    bodies = [one.function for value in values for one in value.atoms(Sum)]
    assert bodies
    assert not [body for body in bodies if isinstance(body.expand(), Add)]


def test_a_program_of_it_is_right_on_centred_data_and_cancels_far_from_zero():
    stated, other = derive("batchnorm").numpy(), derive(multiplied_out(load("batchnorm"))).numpy()
    rng = np.random.default_rng(5)
    data, g = rng.normal(size=64), rng.normal(size=64)

    def apart(offset):
        first, second = (made.backward(g, data + offset, 1.5, 0.2, 1e-3)["x"] for made in (stated, other))
        return np.max(np.abs(first - second)) / np.max(np.abs(first))

    assert apart(0.0) < 1e-13
    assert apart(1e6) > 1e-7


c, d = tensor("c", m), tensor("d", m)
mu, v = scalar("μ"), scalar("v")


def layer_of(*forward, claim=None):
    return make("own", (x[i],), forward, ((x[i], claim),), ()).graph.layer


FORWARDS = [
    # An elementwise intermediate is put in, and one of an elementwise one; a mean written in place is not named first.
    (((mu, mean(x[j], j, m)), (c[i], x[i] - mu), (v, mean(c[j] ** 2, j, m))), "v"),
    (((c[i], x[i] - mean(x[j], j, m)), (v, mean(c[k] ** 2, k, m))), "v"),
    (
        (
            (mu, mean(x[j], j, m)),
            (c[i], x[i] - mu),
            (d[i], 2 * c[i]),
            (v, total(d[j] ** 2, j, m)),
        ),
        "v",
    ),
    # A sum in a sum, and a sum in a function in a sum.
    (((v, total(x[j] * (1 + total(x[k] * (x[j] ** 2 - x[k]), k, m)), j, m)),), "v"),
    (((v, total(exp(-total((x[k] - 1) ** 2, k, m)) * x[j], j, m)),), "v"),
]


@pytest.mark.parametrize(("forward", "name"), FORWARDS)
def test_own_layers(forward, name):
    output = (tensor("y", m)[i], x[i] * v)
    layer = layer_of(*forward, output)
    other = multiplied_out(layer)
    (before,) = (line.value for line in layer.forward if str(line.target) == name)
    (after,) = (line.value for line in other.forward if str(line.target) == name)
    assert after != before
    assert not [one for one in after.atoms(Sum) if isinstance(one.function.expand(), Add)]
    assert derive(layer).kernel.decide(scalar(name), after).label == "proved"


@pytest.mark.parametrize(
    "value",
    [
        total((x[j] - 1) ** 60, j, m),  # 61 terms say no more than a few do
        total(exp(x[j] - 1), j, m),  # no bracket of a product
    ],
)
def test_what_cannot_be_expanded_stays(value):
    layer = layer_of((v, value), (tensor("y", m)[i], x[i] * v))
    assert multiplied_out(layer) is layer


def test_a_claim_that_is_not_stated_stays_to_be_found():
    layer = layer_of((mu, mean(x[j], j, m)), (v, mean((x[j] - mu) ** 2, j, m)), (tensor("y", m)[i], x[i] * v))
    assert [claim.value for claim in multiplied_out(layer).gradients] == [None]


def test_the_steps_of_a_sample_still_fit():
    sample = SAMPLES["batchnorm"]
    layer = multiplied_out(sample.graph.layer)
    made = functions(derive(layer).graph, sample.staged, layer.gradients)
    data = np.linspace(-1.0, 2.0, 7)
    closed, steps = (call(data**2, data, 1.5, 0.2, 1e-3)["x"] for call in (made.backward, made.staged))
    np.testing.assert_allclose(closed, steps, rtol=1e-12, atol=1e-14)
