"""The cross-check passes every right closed form and catches every planted error."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from material import SAMPLES, eps, i, j, m, x
from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, log

from derive.errors import DeriveError, VectorizeError
from derive.graph import build
from derive.layers.layer import Assignment, Gradient, Layer, tensor, total
from derive.numeric import crosscheck as module
from derive.numeric.backends import AUTOGRAD, JAX, TORCH, Backend
from derive.numeric.crosscheck import crosscheck
from derive.numeric.functions import functions
from derive.numeric.oracles import ORACLES, autodiff, estimate, probes_of, unavailable


def checks(sample, m=None, **options):
    return crosscheck(sample.graph, sample.staged, options.pop("gradients", sample.gradients), m, **options)


def failures(found):
    return [check for check in found if not check.passed]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("m", [None, 1, 2, 3, 4, 17, 100])
def test_right_closed_forms_pass(name, m):
    found = checks(SAMPLES[name], m)
    assert found
    assert not failures(found)
    assert {check.m for check in found} == {m or 5}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_right_closed_forms_pass_for_every_seed(name):
    assert not [check for seed in range(200) for check in failures(checks(SAMPLES[name], seed=seed))]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", range(3))
def test_right_closed_forms_pass_on_hard_data(name, seed):
    found = checks(SAMPLES[name], thorough=True, seed=seed)
    assert not failures(found)
    assert {check.dtype for check in found} == {"float32", "float64"}
    assert {1, 2, 3, 4, 1000} <= {check.m for check in found}


def wrong(expr: Expr) -> Iterator[Expr]:
    """Every expression with one factor or term lost, one sign or exponent changed, one m off by one, one ε changed."""
    match expr:
        case Add():
            yield from (expr - term for term in expr.args)
            yield from (expr - 2 * term for term in expr.args)
        case Mul():
            yield from (Mul(*(other for other in expr.args if other != factor)) for factor in expr.args)
            yield -expr
            yield 2 * expr
        case Pow():
            yield from (expr.base ** (expr.exp + 1), expr.base ** (expr.exp - 1))
        case Symbol() if expr == m:
            yield from (m - Integer(1), m + Integer(1))
        case Symbol() if expr == eps:
            yield from (Integer(0) * eps, 2 * eps)
    if isinstance(expr, Sum):
        yield from (Sum(body, *expr.limits) for body in wrong(expr.function))
        yield 2 * expr
    elif not isinstance(expr, Indexed):
        for position, arg in enumerate(expr.args):
            yield from (expr.func(*expr.args[:position], new, *expr.args[position + 1 :]) for new in wrong(arg))


PLANTED = [
    pytest.param(name, position, value, id=f"{name} {gradient.of} {number}")
    for name, sample in SAMPLES.items()
    for position, gradient in enumerate(sample.gradients)
    for number, value in enumerate(dict.fromkeys(wrong(gradient.value)))
    if value != gradient.value
]


@pytest.mark.parametrize(("name", "position", "value"), PLANTED)
def test_planted_errors_are_caught(name, position, value):
    sample = SAMPLES[name]
    claims = list(sample.gradients)
    claims[position] = Gradient(claims[position].of, value)
    failed = failures(checks(sample, gradients=tuple(claims)))
    assert {check.quantity for check in failed} == {str(getattr(claims[position].of, "base", claims[position].of))}


def test_there_are_many_planted_errors():
    assert len(PLANTED) > 150


@pytest.mark.parametrize("name", SAMPLES)
def test_wrong_steps_are_caught(name):
    sample = SAMPLES[name]
    for position, step in enumerate(sample.staged):
        steps = list(sample.staged)
        steps[position] = replace(step, value=2 * step.value)
        if step.value.has(Sum) and str(step.target) == "∂L/∂μ":
            continue
        found = failures(crosscheck(sample.graph, tuple(steps), sample.gradients, None))
        assert "staged reverse mode" in {check.against for check in found}


def test_tolerances_follow_the_conditioning():
    found = checks(SAMPLES["batchnorm"], thorough=True)
    by_note = {
        note: max(
            check.tolerance
            for check in found
            if note in check.case and check.dtype == "float64" and check.against == "mpmath"
        )
        for note in ("scale 1e-6", "scale 1e6", "offset 1e4")
    }
    assert by_note["scale 1e6"] < 1e-13
    assert 1e-13 < by_note["offset 1e4"] < 1e-9


def test_a_tolerance_can_always_tell():
    for name, sample in SAMPLES.items():
        assert max(check.tolerance for check in checks(sample)) < 1e-6, name


def test_a_large_batch_is_capped_and_says_so():
    found = checks(SAMPLES["batchnorm"], 12_345)
    assert {check.m for check in found} == {module.LARGEST}
    assert all("12345" in check.case for check in found)
    assert not failures(found)


def test_steps_without_a_claimed_quantity_are_refused():
    sample = SAMPLES["rmsnorm"]
    with pytest.raises(DeriveError, match="∂L/∂x is claimed"):
        crosscheck(sample.graph, sample.staged[:-1], sample.gradients, None)


def test_a_case_where_the_forward_pass_is_not_defined_gives_no_checks():
    found = checks(SAMPLES["batchnorm"], 1, thorough=True)
    assert not [check for check in found if check.m == 1 and "ε = 0," in f"{check.case},"]


def test_the_same_seed_gives_the_same_numbers():
    assert checks(SAMPLES["rmsnorm"], seed=4) == checks(SAMPLES["rmsnorm"], seed=4)
    assert checks(SAMPLES["rmsnorm"], seed=4) != checks(SAMPLES["rmsnorm"], seed=5)


def test_a_claim_that_is_not_a_number_fails():
    sample = SAMPLES["rmsnorm"]
    (dx, dgamma) = sample.gradients
    undefined = Gradient(dx.of, dx.value * log(-1 - eps))
    failed = failures(checks(sample, gradients=(undefined, dgamma)))
    assert {check.quantity for check in failed} == {"x"}
    assert "mpmath" in {check.against for check in failed}


def test_a_claim_that_divides_by_zero_is_refused():
    sample = SAMPLES["rmsnorm"]
    undefined = Gradient(x[i], 1 / (Symbol("γ") - Symbol("γ", positive=True)))
    with pytest.raises(VectorizeError, match="divided by"):
        checks(sample, gradients=(undefined,))


def test_a_layer_whose_batch_size_is_a_number():
    data, out, up, steps = (tensor(name, 4) for name in ("x", "y", "g", "∂L/∂x"))
    value = up[i] - total(up[j], j, 4) / 4
    forward = (Assignment(out[i], data[i] - total(data[j], j, 4) / 4),)
    layer = Layer("centred", "", (data[i],), forward, up, (Gradient(data[i], value),), "")
    for thorough in (False, True):
        found = crosscheck(build(layer), (Assignment(steps[i], value),), layer.gradients, 9, thorough=thorough)
        assert {check.m for check in found} == {4}
        assert not failures(found)


@pytest.mark.parametrize("backend", [AUTOGRAD, TORCH, JAX], ids=lambda backend: backend.name)
@pytest.mark.parametrize("name", SAMPLES)
def test_automatic_differentiation_agrees(name, backend):
    if not backend.installed:
        pytest.skip(f"{backend.name} is not installed")
    sample = SAMPLES[name]
    made = functions(sample.graph, sample.staged, sample.gradients)
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(1, 2, (5, 4)[: len(node.shape)]) for node in sample.graph.inputs]
    if name == "layernorm":
        arrays[1:3] = [rng.normal(size=4), rng.normal(size=4)]
    g = rng.normal(size=arrays[0].shape)
    found = dict(zip(made.names, autodiff(backend.name, made.forward_program, g, arrays), strict=True))
    for quantity, gradient in made.backward(g, *arrays).items():
        np.testing.assert_allclose(found[quantity], gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("oracle", ["finite differences", "complex step", "mpmath"])
def test_oracles_agree_along_probes(oracle):
    sample = SAMPLES["batchnorm"]
    made = functions(sample.graph, sample.staged, sample.gradients)
    rng = np.random.default_rng(1)
    arrays = (3 + rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=2), 0.1)
    g = rng.normal(size=(4, 2))
    probes = np.eye(8).reshape(8, 4, 2)
    values, _ = estimate(oracle, made.forward_program, g, arrays, 0, probes)
    np.testing.assert_allclose(values, made.backward(g, *arrays)["x"].ravel(), atol=1e-9)


def test_an_oracle_that_is_not_installed_is_not_available(monkeypatch):
    absent = Backend("autograd", ("no_such_module",), dict)
    monkeypatch.setattr(module, "AUTOGRAD", absent)
    assert not absent.installed
    assert "autograd" not in {check.against for check in checks(SAMPLES["rmsnorm"])}
    assert set(unavailable()) <= set(ORACLES)


def test_probes_of_a_large_array_are_elements_and_directions():
    probes = probes_of((100, 3), Random(0))  # noqa: S311
    np.testing.assert_allclose(np.abs(probes).sum(axis=(1, 2)), 1)
    assert np.count_nonzero(probes[0]) == 1
    assert np.count_nonzero(probes[-1]) == 300
