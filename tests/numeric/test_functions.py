"""The functions of a layer: closed forms and reverse-mode steps agree, in every shape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from material import SAMPLES, gamma, i, m, x

from derive.errors import DeriveError
from derive.layers.layer import Gradient, tensor
from derive.numeric.functions import functions

RNG = np.random.default_rng(3)
MADE = {name: functions(sample.graph, sample.staged, sample.gradients) for name, sample in SAMPLES.items()}


def by_hand(g, x, gamma, eps):
    size = x.shape[0]
    root = np.sqrt(x.var(axis=0) + eps)
    hat = (x - x.mean(axis=0)) / root
    dx = gamma / (size * root) * (size * g - g.sum(axis=0) - hat * (g * hat).sum(axis=0))
    return {"x": dx, "γ": (g * hat).sum(axis=0), "β": g.sum(axis=0)}


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3), (5, 1), (1, 3), (2,)])
@pytest.mark.parametrize("method", ["backward", "staged"])
def test_batchnorm_agrees_with_code_written_by_hand(shape, method):
    g, data, scale = RNG.normal(size=shape), RNG.normal(size=shape), RNG.normal(size=shape[1:])
    found = getattr(MADE["batchnorm"], method)(g, data, scale, np.zeros(shape[1:]), 0.1)
    for name, expected in by_hand(g, data, scale, 0.1).items():
        assert found[name].shape == expected.shape
        np.testing.assert_allclose(found[name], expected, rtol=1e-12, atol=1e-14)


def test_a_shared_input_gets_the_sum_over_the_trailing_axes():
    g, data = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    found = MADE["batchnorm"].backward(g, data, 2.0, 1.0, 0.1)
    expected = by_hand(g, data, 2.0, 0.1)
    assert found["γ"].shape == found["β"].shape == ()
    np.testing.assert_allclose(found["γ"], expected["γ"].sum())
    np.testing.assert_allclose(found["x"], expected["x"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SAMPLES)
def test_dtype_is_kept(name, dtype):
    made = MADE[name]
    arrays = [np.asarray(RNG.uniform(0.5, 1, (3, 4)[: len(node.shape)]), dtype) for node in made.graph.inputs]
    if name == "layernorm":
        arrays[1:3] = [np.ones(4, dtype), np.ones(4, dtype)]
    if made.names[-1] == "ε":
        arrays[-1] = 1e-5
    g = np.ones_like(arrays[0])
    results = [made.forward(*arrays), *made.backward(g, *arrays).values(), *made.staged(g, *arrays).values()]
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_closed_forms_equal_the_steps(rows, columns, seed):
    rng = np.random.default_rng(seed)
    for name, made in MADE.items():
        shapes = {"m": rows, "n": columns}
        lengths = [tuple(shapes[str(size)] for size in node.shape) for node in made.graph.inputs]
        trailing = () if name == "layernorm" else (columns,)
        arrays = [rng.normal(size=shape + trailing) for shape in lengths]
        arrays = [0.1 if node.name == "ε" else array for node, array in zip(made.graph.inputs, arrays, strict=True)]
        g = rng.normal(size=arrays[0].shape)
        closed, steps = made.backward(g, *arrays), made.staged(g, *arrays)
        for quantity, found in closed.items():
            np.testing.assert_allclose(found, steps[quantity], rtol=1e-9, atol=1e-9 * max(1, np.abs(g).max()))


def test_layer_norm_normalizes_rows():
    rows = RNG.normal(size=(4, 6))
    out = MADE["layernorm"].forward(rows, np.ones(6), np.zeros(6), 0.0)
    np.testing.assert_allclose(out.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(out.std(axis=1), 1)


def test_a_claim_may_read_every_intermediate_and_the_upstream_gradient():
    sample = SAMPLES["batchnorm"]
    hat, g = sample.graph.nodes["x̂"].target, sample.graph.layer.upstream
    made = functions(sample.graph, sample.staged, (Gradient(x[i], hat * g[i] * gamma * m),))
    assert made.claimed == ("x",)
    assert made.backward(np.ones(3), np.arange(3.0), 2.0, 0.0, 0.1)["x"].shape == (3,)


def test_non_contiguous_upstream_gradient():
    wide = RNG.normal(size=(3, 5))
    data = RNG.normal(size=(5, 3))
    first = MADE["batchnorm"].backward(wide.T, data, 2.0, 0.0, 0.1)["x"]
    second = MADE["batchnorm"].backward(np.ascontiguousarray(wide.T), data, 2.0, 0.0, 0.1)["x"]
    np.testing.assert_allclose(first, second, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("g", [np.ones(4), np.ones((5, 2)), 1.0])
def test_an_upstream_gradient_of_another_shape_is_refused(g):
    with pytest.raises(DeriveError, match=r"has shape .*\. Give "):
        MADE["batchnorm"].backward(g, np.ones((5, 3)), 2.0, 0.0, 0.1)


def test_steps_may_call_the_upstream_gradient_by_the_name_of_the_adjoint():
    sample = SAMPLES["l2norm"]
    up, named = sample.graph.layer.upstream, tensor("∂L/∂y", m)
    steps = tuple(replace(step, value=step.value.replace(up, named)) for step in sample.staged)
    made = functions(sample.graph, steps, sample.gradients)
    g, data = RNG.normal(size=5), RNG.normal(size=5)
    np.testing.assert_array_equal(made.staged(g, data)["x"], MADE["l2norm"].staged(g, data)["x"])
