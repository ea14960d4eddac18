"""The measure of accuracy is itself right: its truth, its errors, and what it says of each form on each data."""

import math
from dataclasses import replace
from random import Random

import mpmath
import numpy as np
import pytest
from material import i, m, make, x
from sympy import Integer, Rational, exp, sqrt

from derive import layers
from derive.derivation import derive
from derive.layers import load
from derive.layers.layer import Gradient, tensor
from derive.numeric import accuracy as module
from derive.numeric.accuracy import DRAWS, Form, Measured, Source, forms_of, measure, refuted, truth_of
from derive.numeric.backends import AUTOGRAD, JAX, TORCH
from derive.numeric.bounds import Bounded, bounded
from derive.numeric.oracles import estimate, probes_of
from derive.numeric.settings import EPSILON, Draw, Setting

CANCELS = "sums multiplied out"


def source_of(layer):
    derivation = derive(layer)
    return Source(derivation.graph, derivation.staged, derivation.claims)


def sample_of(source, setting, seed=0, **options):
    return Draw(source.graph, setting, Random(seed), **options).sample()  # noqa: S311


def measured(layer, *settings, **options):
    """The scaled errors by form, gradient and setting, of NumPy's forms alone."""
    found = measure(source_of(layer), settings or None, frameworks=False, **options)
    return {(one.form, one.gradient, one.setting): one for one in found}


# --- truth -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [Setting(m=6), Setting(m=6, kappa=1e8), Setting("float32", m=6, kappa=1e6)])
@pytest.mark.parametrize("name", layers.names())
def test_truth_is_what_differences_of_the_forward_pass_are_in_60_digits(name, setting):
    source = source_of(name)
    made, sample = source.functions(), sample_of(source, setting, positive=True)
    truth = truth_of(made, sample)
    for place, quantity in enumerate(made.names):
        if quantity in made.claimed:
            probes = probes_of(np.shape(truth.values[quantity]), Random(1))  # noqa: S311
            slopes, _ = estimate("mpmath", made.forward_program, sample.g, sample.inputs, place, probes)
            found = [np.sum(probe * truth.values[quantity]) for probe in probes]
            # The step of the difference is 10^-20 of the data; far from zero that is more of its spread.
            far = max(setting.kappa, 1.0) ** 2 * 1e-30 + EPSILON["float64"]
            np.testing.assert_allclose(np.asarray(found, float), slopes, rtol=0, atol=8 * far * truth.natural[quantity])


def test_truth_has_60_digits_of_the_very_numbers():
    """Batch norm's dx by hand, on numbers that no decimal fraction is."""
    source = source_of("batchnorm")
    sample = sample_of(source, Setting("float32", m=5, kappa=1e4))
    found = truth_of(source.functions(), sample).values["x"]
    with mpmath.workdps(60):
        g, data = ([mpmath.mpf(float(one)) for one in array] for array in (sample.g, sample.inputs[0]))
        gamma, _, eps = map(mpmath.mpf, sample.inputs[1:])
        mean = mpmath.fsum(data) / 5
        root = mpmath.sqrt(mpmath.fsum((one - mean) ** 2 for one in data) / 5 + eps)
        hat = [(one - mean) / root for one in data]
        both = mpmath.fsum(a * b for a, b in zip(g, hat, strict=True))
        total = mpmath.fsum(g)
        right = [gamma / (5 * root) * (5 * one - total - other * both) for one, other in zip(g, hat, strict=True)]
        assert max(abs(one - other) for one, other in zip(found, right, strict=True)) < mpmath.mpf(10) ** -50


def test_magnitudes_are_those_of_float64_where_it_has_them_and_finite_where_it_overflows():
    source = source_of("softmax")
    made = source.functions()
    sizes = []
    for kappa in (1.0, 1e4):
        sample = sample_of(source, Setting(kappa=kappa))
        marked = Bounded(sample.g, 0.0, np.abs(sample.g), 0.0)
        with np.errstate(all="ignore"):
            found = made.on(bounded(0.0)).backward(marked, *(Bounded(one, 0.0, None, 0.0) for one in sample.inputs))
        sizes.append((float(np.max(found["x"].size_of)), truth_of(made, sample).natural["x"]))
    (near, exact), (far, shifted) = sizes
    assert near == pytest.approx(exact, rel=1e-12)
    assert math.isnan(far)
    # Softmax does not see an offset, but for what rounding makes of the data.
    assert shifted == pytest.approx(exact, rel=1e-9)


def test_a_magnitude_does_not_vanish_with_the_gradient():
    """Two elements without ε: x̂ = ±1 whatever they are, and dx is 0."""
    source = source_of("batchnorm-no-eps")
    truth = truth_of(source.functions(), sample_of(source, Setting(m=2)))
    assert truth.largest["x"] < 1e-50
    assert truth.natural["x"] > 0.1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("batchnorm-no-eps", np.ones_like),  # a variance of 0
        ("l2norm", lambda data: 0 * data),
    ],
)
def test_there_is_no_truth_where_the_layer_is_not_defined(name, change):
    source = source_of(name)
    sample = sample_of(source, Setting(m=4))
    broken = replace(sample, inputs=(change(sample.inputs[0]), *sample.inputs[1:]))
    assert truth_of(source.functions(), broken) is None


def test_a_root_of_negative_numbers_is_drawn_again_without_signs():
    layer = make("root", (x[i],), ((tensor("y", m)[i], sqrt(x[i])),), ((x[i],),), ()).graph.layer
    found = measured(layer, Setting(m=4), draws=3)
    assert {one.draws for one in found.values()} == {3}
    assert all(one.scaled < 4 * EPSILON["float64"] for one in found.values())


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [1e-3, 1e-9, 1e-14])
def test_an_error_is_measured_as_large_as_it_is(error):
    source = source_of("batchnorm")
    made = source.functions()
    sample = sample_of(source, Setting())
    truth = truth_of(made, sample)
    form = Form("off", ("float64",), lambda one: {"x": made.backward(one.g, *one.inputs)["x"] * (1 + error)})
    ((relative, scaled),) = module._errors(form, sample, truth).values()
    assert relative == pytest.approx(error, rel=0.05)
    assert scaled == pytest.approx(error * truth.largest["x"] / truth.natural["x"], rel=0.05)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_the_worst_of_all_draws(bad):
    source = source_of("l2norm")
    made = source.functions()
    calls = []

    def gradients(one):
        calls.append(one)
        return {"x": made.backward(one.g, *one.inputs)["x"] * (bad if len(calls) == 2 else 1)}

    (found,) = module._measured(made, (Form("bad", ("float64",), gradients),), Setting(m=4), 3)
    assert len(calls) == found.draws == 3
    assert math.isnan(found.scaled)
    assert math.isnan(found.relative)


def test_a_form_without_a_dtype_or_without_a_kernel_for_it_is_left_out():
    def none(_):
        raise NotImplementedError

    made = source_of("l2norm").functions()
    forms = (Form("other", ("float32",), none), Form("none", ("float64",), none))
    assert not list(module._measured(made, forms, Setting(m=4), 2))


def test_draws_are_as_many_as_there_are_numbers_for():
    found = measured("layernorm", Setting(m=4), Setting(m=1024))
    assert {one.setting.m: one.draws for one in found.values()} == {4: DRAWS, 1024: 1}


# --- forms -------------------------------------------------------------------------------------------------------


def test_numpys_forms_are_there_and_frameworks_where_they_are_installed():
    source = source_of("batchnorm")
    made = source.functions()
    own = ["closed form", "staged", CANCELS]
    assert [one.name for one in forms_of(source, made, frameworks=False)] == own
    libraries = [f"{one.name} (autodiff)" for one in (AUTOGRAD, JAX, TORCH) if one.installed]
    native = ["PyTorch batch_norm"] if TORCH.installed else []
    assert [one.name for one in forms_of(source, made)] == [*own, *libraries, *native]


def test_a_layer_of_monomials_has_no_sums_to_multiply_out():
    source = source_of("rmsnorm")
    assert [one.name for one in forms_of(source, source.functions(), frameworks=False)] == ["closed form", "staged"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "softmax-cross-entropy"])
def test_every_form_is_within_rounding_in_every_dtype(name):
    found = measure(source_of(name), [Setting(dtype, 0.0) for dtype in EPSILON], draws=2)
    assert {one.form for one in found} == {one.name for one in forms_of(source_of(name), source_of(name).functions())}
    for one in found:
        assert one.scaled <= 16 * EPSILON[one.setting.dtype], one


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numpys_forms_compute_in_the_dtype(dtype):
    source = source_of("groupnorm")
    sample = sample_of(source, Setting(dtype, m=8))
    for form in forms_of(source, source.functions(), frameworks=False):
        assert {array.dtype for array in form.gradients(sample).values()} == {np.dtype(dtype)}


# --- what it finds -----------------------------------------------------------------------------------------------


def test_the_closed_form_loses_kappa_and_multiplied_out_sums_its_square():
    settings = [Setting(kappa=kappa) for kappa in (0.0, 1e2, 1e4, 1e6)]
    found = measured("batchnorm", *settings)
    eps = EPSILON["float64"]
    for at in settings:
        kappa = max(at.kappa, 1.0)
        assert found["closed form", "x", at].scaled <= 2 * kappa * eps
        if at.kappa:
            assert 1e-3 * kappa**2 * eps <= found[CANCELS, "x", at].scaled
            assert found[CANCELS, "x", at].scaled >= 10 * found["closed form", "x", at].scaled


def test_a_variance_that_comes_out_negative_is_no_number():
    at = Setting("float32", 1e4)
    assert math.isnan(measured("layernorm", at, draws=4)[CANCELS, "x", at].scaled)


def test_softmax_as_it_is_stated_overflows():
    near, far = Setting(kappa=1e2), Setting(kappa=1e4)
    found = measured("softmax", near, far, draws=2)
    assert found["closed form", "x", near].scaled < 4 * EPSILON["float64"]
    assert math.isnan(found["closed form", "x", far].scaled)


def test_pytorchs_own_softmax_does_not():
    pytest.importorskip("torch")
    found = measure(source_of("softmax"), [Setting(kappa=1e8)], draws=2)
    (native,) = (one for one in found if one.form == "PyTorch softmax")
    assert native.scaled < 4 * EPSILON["float64"]


@pytest.mark.parametrize("axes", [("N", "C"), ("N", "C", "H", "W")])
def test_layers_over_several_axes(axes):
    found = measured(load("batchnorm", axes), Setting(), draws=2)
    assert {gradient for _, gradient, _ in found} == {"x", "γ", "β"}
    assert all(one.scaled < 4 * EPSILON["float64"] for one in found.values())


def test_a_layer_without_stated_closed_forms():
    layer = load("batchnorm")
    bare = replace(layer, gradients=tuple(Gradient(one.of) for one in layer.gradients), second_order=None)
    for one in measured(bare, Setting(), draws=2).values():
        assert one.scaled < 4 * EPSILON["float64"]


def test_an_error_has_both_measures():
    (one,) = (one for key, one in measured("batchnorm", Setting(), draws=1).items() if key[:2] == ("closed form", "x"))
    assert isinstance(one, Measured)
    assert one.scaled < one.relative < 100 * one.scaled


# --- wrong claims ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", layers.names())
def test_no_layer_is_refuted(name):
    assert refuted(source_of(name)) == ()


@pytest.mark.parametrize("factor", [2, -1, 1 + Rational(1, 10**30)])
def test_a_wrong_claim_is_refuted_in_60_digits(factor):
    layer = load("batchnorm")
    *others, dx = layer.gradients
    wrong = replace(layer, gradients=(*others, Gradient(dx.of, factor * dx.value)), second_order=None)
    assert refuted(source_of(wrong)) == ("x",)


def test_a_claim_that_is_right_at_0_only_is_refuted():
    layer = make("squares", (x[i],), ((tensor("y", m)[i], exp(x[i]) - exp(-x[i])),), ((x[i],),), ()).graph.layer
    g = layer.upstream
    assert refuted(source_of(replace(layer, gradients=(Gradient(x[i], Integer(2) * g[i]),)))) == ("x",)
