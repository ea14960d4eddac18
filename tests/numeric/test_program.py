"""Programs: numbers against plain NumPy, shapes, dtypes, and what must be refused."""

import inspect
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from material import SAMPLES, e, eps, gamma, i, j, k, m, mu, n, var, x, xhat, y
from sympy import Float, Rational, Sum, Symbol, cbrt, exp, log, pi, sqrt, tanh

from derive.errors import DeriveError, SizeError, VectorizeError
from derive.layers.layer import Assignment, index, mean, scalar, tensor, total
from derive.numeric.backends import AUTOGRAD, JAX, MPMATH, NUMPY, TORCH
from derive.numeric.program import compile_program

RNG = np.random.default_rng(7)
s, t = scalar("s"), tensor("t", m)


def run(value, *arrays, target=y[i], inputs=(x[i],), backend=NUMPY):
    return compile_program(inputs, (Assignment(target, value),), (target,), backend)(*arrays)[0]


DATA = RNG.normal(size=6)
POSITIVE = RNG.uniform(0.5, 2.0, 6)

VALUES = [
    (x[i] - mean(x[j], j, m), lambda x: x - x.mean()),
    (mean(x[j], j, m) - x[i], lambda x: x.mean() - x),
    (-x[i] - 1, lambda x: -x - 1),
    (-x[i], lambda x: -x),
    (x[i] * total(x[j] * x[i], j, m), lambda x: x * x * x.sum()),
    (total(x[j] ** 3, j, m) * x[i], lambda x: (x**3).sum() * x),
    (x[i] ** 5 / m**2, lambda x: x**5 / 36),
    (exp(-x[i]) + tanh(x[i]) * pi, lambda x: np.exp(-x) + np.tanh(x) * np.pi),
    (abs(x[i]) ** Rational(5, 2), lambda x: np.abs(x) ** 2.5),
    (cbrt(x[i] ** 2 + 1), lambda x: np.cbrt(x**2 + 1)),
    (sqrt(m) * x[i] / 3, lambda x: np.sqrt(6) * x / 3),
    (log(x[i] ** 2 + 1) * Float("0.1"), lambda x: np.log(x**2 + 1) * 0.1),
    (x[i] * total(1, j, m), lambda x: x * 6),
    (x[i] / (1 + x[i] ** 2), lambda x: x / (1 + x**2)),
    (x[i] * total(total(x[j] * x[k], j, m), k, m), lambda x: x * x.sum() ** 2),
    (Sum(x[j] * x[k], (j, 1, m), (k, 1, m)) + x[i], lambda x: x.sum() ** 2 + x),
    (m * x[i] - total(x[j], j, m) - x[i] * total(x[j], j, m), lambda x: 6 * x - x.sum() - x * x.sum()),
    (2 * x[i] - 2 * total(x[j], j, m), lambda x: 2 * x - 2 * x.sum()),
    (Rational(7, 2) + 0 * x[i], lambda x: np.full(x.shape, 3.5)),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[str(value) for value, _ in VALUES])
def test_agrees_with_plain_numpy(value, expected):
    np.testing.assert_allclose(run(value, DATA), expected(DATA), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[str(value) for value, _ in VALUES])
def test_keeps_float32(value, expected):
    result = run(value, DATA.astype(np.float32))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected(DATA), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", [AUTOGRAD, JAX, TORCH, MPMATH], ids=lambda backend: backend.name)
@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[str(value) for value, _ in VALUES])
def test_every_library_gives_the_same(value, expected, backend):
    if not backend.installed:
        pytest.skip(f"{backend.name} is not installed")
    data = DATA
    if backend is TORCH:
        data = pytest.importorskip("torch").tensor(DATA)
    result = np.asarray(run(value, data, backend=backend), dtype=float)
    np.testing.assert_allclose(result, expected(DATA), rtol=1e-5 if backend is JAX else 1e-13, atol=1e-5)


def test_mpmath_constants_have_all_digits():
    mp = pytest.importorskip("mpmath").mp
    with mp.workdps(50):
        value = run(Rational(2, 3) * x[i] / sqrt(m) + pi, np.ones(6), backend=MPMATH)[0]
        assert abs(value - (mp.mpf(2) / 3 / mp.sqrt(6) + mp.pi)) < mp.mpf(10) ** -48


@pytest.mark.parametrize("shape", [(6,), (6, 3), (6, 2, 3), (1,), (1, 1)])
def test_trailing_axes_are_carried(shape):
    data = RNG.normal(size=shape)
    scale = RNG.normal(size=shape[1:])
    forward = SAMPLES["batchnorm"].graph.layer.forward
    inputs = SAMPLES["batchnorm"].graph.layer.inputs
    out, centre = compile_program(inputs, forward, (y[i], mu))(data, scale, 0.5, 0.1)
    assert out.shape == shape
    assert centre.shape == shape[1:]
    expected = scale * (data - data.mean(0)) / np.sqrt(data.var(0) + 0.1) + 0.5
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.floats(-1e3, 1e3),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_normalizes_any_shape(shape, offset, dtype, seed):
    data = (offset + np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    layer = SAMPLES["batchnorm"].graph.layer
    (out,) = compile_program(layer.inputs, layer.forward, (y[i],))(data, 2.0, 1.0, 0.1)
    exact = data.astype(float)
    expected = 2 * (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 0.1) + 1
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expected, atol=100 * np.finfo(dtype).eps * (1 + abs(offset)))


def test_non_contiguous_input():
    data = RNG.normal(size=(3, 12))[:, ::2].T
    assert not data.flags.contiguous
    np.testing.assert_allclose(run(x[i] - mean(x[j], j, m), data), data - data.mean(0), atol=1e-15)


def test_bound_index_names_do_not_matter():
    a, b = index("a"), index("b")
    first = run(x[a] * total(x[b], b, m), DATA, target=y[a], inputs=(x[a],))
    second = run(x[i] * total(x[i], i, m), DATA)
    np.testing.assert_array_equal(first, second)


def test_slots_in_another_order():
    rows, turned = tensor("x", m, n), tensor("w", n, m)
    data, weights = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 4))
    program = compile_program(
        (rows[i, j], turned[j, i]), (Assignment(turned[j, i], rows[i, j] * turned[j, i]),), (turned[j, i],)
    )
    np.testing.assert_array_equal(program(data, weights)[0], data.T * weights)


def test_an_axis_in_the_middle():
    rows, scale = tensor("x", m, n), tensor("w", n)
    program = compile_program(
        (rows[i, j], scale[j]), (Assignment(scale[j], scale[j] * total(rows[i, j], i, m)),), (scale[j],)
    )
    data, weights = RNG.normal(size=(4, 3, 2)), RNG.normal(size=3)
    np.testing.assert_allclose(program(data, weights)[0], data.sum(0) * weights[:, None])


def test_a_size_that_is_a_number():
    five = tensor("x", 5)
    value = five[i] - total(five[j], j, 5) / 5
    program = compile_program((five[i],), (Assignment(y[i].xreplace({m: 5}), value),), (five[i],))
    assert program(np.ones(5))[0].shape == (5,)
    with pytest.raises(DeriveError, match="length 5"):
        program(np.ones(6))


OUTER = [
    total((x[j] - x[i]) ** 2, j, m),
    total(exp(x[i] * x[j]), j, m),
    total(x[j] / (1 + x[i] + x[j]), j, m),
]


@pytest.mark.parametrize("value", OUTER, ids=str)
def test_an_outer_product_is_refused(value):
    with pytest.raises(VectorizeError, match=r"more axis than its tensors have\. Pull"):
        run(value, DATA)


REFUSED = [
    (Symbol("f") * x[i], "f is read before"),
    (i * x[i], "index i is used as a number"),
    (x[i] * Symbol("k", integer=True), "No tensor has an axis of size k"),
    (Sum(x[j], (j, 2, m)) + x[i], "starts at 2"),
    (x[i] * x[j], "index j has no axis"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_has_no_array_form_is_refused(value, message):
    with pytest.raises(VectorizeError, match=message):
        run(value, DATA)


WRONG_SHAPES = [
    ((5.0, 1.0, 0.0, 0.1), "x has shape"),
    ((np.ones(5), np.ones(5), 0.0, 0.1), "γ has shape"),
    ((np.ones((5, 3)), np.ones(4), 0.0, 0.1), "trailing axes"),
    ((np.ones((5, 3)), np.ones((1, 3)), 0.0, 0.1), "γ has shape"),
    ((np.ones(5), 1.0, 0.0), "3 arrays were given for 4 inputs"),
    ((np.ones(0), 1.0, 0.0, 0.1), "is empty"),
]


@pytest.mark.parametrize(("arrays", "message"), WRONG_SHAPES, ids=[message for _, message in WRONG_SHAPES])
def test_wrong_shapes_are_named(arrays, message):
    layer = SAMPLES["batchnorm"].graph.layer
    with pytest.raises(DeriveError, match=message) as raised:
        compile_program(layer.inputs, layer.forward, (y[i],))(*arrays)
    assert str(raised.value).count(". ") == 1


def test_an_empty_batch_is_a_size_error():
    with pytest.raises(SizeError):
        run(x[i] - mean(x[j], j, m), np.ones(0))


@pytest.mark.parametrize("name", ["__import__('os')", "lambda", "sqrt", "total", "a0", "t0", "n0", "x y\n", "1"])
def test_names_never_reach_the_source(name):
    strange, also = tensor(name, m), scalar(f"{name}2")
    program = compile_program((strange[i], also), (Assignment(y[i], also * strange[i] + sqrt(also)),), (y[i],))
    np.testing.assert_allclose(program(DATA, 4.0)[0], 4 * DATA + 2)
    if "(" in name or "\n" in name:
        assert name not in inspect.getsource(program.function)


def test_shared_work_is_done_once():
    layer = SAMPLES["batchnorm"].graph.layer
    source = inspect.getsource(compile_program(layer.inputs, layer.forward, (xhat[i], y[i], var)).function)
    assert source.count("total(a0, 0)") == 1
    assert source.count("sqrt(") == 1


def test_unused_work_is_dropped():
    lines = (Assignment(e[i], exp(x[i])), Assignment(y[i], 2 * x[i]))
    assert "exp" not in inspect.getsource(compile_program((x[i],), lines, (y[i],)).function)


def test_small_factors_meet_before_the_large_array():
    program = compile_program((x[i], gamma, eps), (Assignment(y[i], gamma * x[i] / (m * sqrt(eps))),), (y[i],))
    source = inspect.getsource(program.function)
    assert any(f"({pair[0]} * {pair[1]})" in source for pair in permutations(["a0", "(a1 / (sqrt(a2) * n0))"]))


def test_the_variance_is_two_pass():
    data = 1e6 + RNG.normal(size=1000)
    layer = SAMPLES["batchnorm"].graph.layer
    (found,) = compile_program(layer.inputs, layer.forward, (var,))(data, 1.0, 0.0, 0.1)
    np.testing.assert_allclose(found, np.var(data), rtol=1e-9)


@pytest.mark.parametrize("kind", [int, np.int64, np.float32, list])
def test_integers_and_lists_are_numbers_too(kind):
    data = list(range(6)) if kind is list else np.arange(6, dtype=kind)
    result = run(x[i] - mean(x[j], j, m), data)
    assert result.dtype == (np.float32 if kind is np.float32 else np.float64)
    np.testing.assert_allclose(result, np.arange(6) - 2.5)
