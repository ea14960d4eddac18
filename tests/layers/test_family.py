"""Every layer there is, looked up by name: derived, proved and compared on data of every rank it takes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sympy import Symbol

from derive import layers
from derive.closed_form import operations
from derive.derivation import Derivation, derive
from derive.errors import ShapeError
from derive.indices import name_of
from derive.kernel import Proved, Refuted
from derive.layers.axes import repeated, split
from derive.numeric.backends import AUTOGRAD, TORCH
from derive.numeric.oracles import autodiff

OF_FEATURES = ("m,n", "N,C,L", "N,C,H,W")
OF_ROWS = ("D", "N,D", "N,T,D", "N,H,W,C")
AXES = {
    **dict.fromkeys(("batchnorm", "batchnorm-inference", "batchnorm-unbiased", "batchnorm-no-eps"), OF_FEATURES),
    **dict.fromkeys(("layernorm", "layernorm-residual", "rmsnorm", "rmsnorm-eps-outside"), OF_ROWS),
    **dict.fromkeys(("l2norm", "cosine", "softmax", "log-softmax", "softmax-cross-entropy", "weightnorm"), OF_ROWS),
    "groupnorm": ("N,G,C", "N,G,C,L", "N,G,C,H,W"),
    "instancenorm": ("N,C,L", "N,C,H,W"),
    "syncbatchnorm": ("V,N,C", "V,N,C,L", "V,N,C,H,W"),
}
CASES = [(name, axes) for name, every in AXES.items() for axes in every]
QUICK = [(name, axes) for name, axes in CASES if axes.count(",") < 3]
every_layer = pytest.mark.parametrize("name", layers.names())


@cache
def derived(name, axes=""):
    return derive(name, axes=tuple(axes.split(",")) if axes else ())


def wrong_verdicts(one):
    steps = [(str(step), step.verdict) for step in one.steps]
    forms = [(form.of, form.verdict) for form in one.closed_forms]
    routes = [(of, verdict) for check in one.checks for of, verdict in check.verdicts]
    reasons = [(str(reason.identity), reason.verdict) for step in one.steps for reason in step.because]
    return [pair for pair in (*steps, *forms, *routes, *reasons) if not isinstance(pair[1], Proved)]


def test_every_layer_is_tried_on_its_axes():
    """A new layer has to say here which axes it takes."""
    assert set(AXES) == set(layers.names())


@every_layer
def test_everything_is_proved_and_the_closed_form_compared(name):
    one = derived(name)
    assert wrong_verdicts(one) == []
    assert {form.of for form in one.closed_forms} == {claim.of for claim in one.layer.gradients}
    assert one.numeric
    assert [check for check in one.numeric if not check.passed] == []


@every_layer
def test_the_form_found_is_shorter_than_the_chain_rule(name):
    for form in derived(name).closed_forms:
        staged, found = form.operations
        assert found == operations(form.found) <= staged


@pytest.mark.parametrize(("name", "axes"), QUICK)
def test_it_holds_on_other_axes(name, axes):
    assert wrong_verdicts(derived(name, axes)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "axes"), [case for case in CASES if case not in QUICK])
def test_it_holds_on_many_axes(name, axes):
    assert wrong_verdicts(derived(name, axes)) == []


LIBRARIES = [backend for backend in (AUTOGRAD, TORCH) if backend.installed]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda backend: backend.name)
@pytest.mark.parametrize(("name", "axes"), CASES)
def test_an_autodiff_library_agrees_on_every_rank(name, axes, library):
    """Sizes 2, 3, 4, …, all different, so that no axis is taken for another; float64."""
    one = derived(name, axes)
    lengths = {size: number for number, size in enumerate(one.graph.sizes, 2)}
    random = np.random.default_rng(7)
    data = {node.name: drawn(random, node, lengths) for node in one.graph.inputs}
    for assumed in one.layer.assumptions:
        axis = assumed.of.indices.index(assumed.over)
        data[name_of(assumed.of)] /= data[name_of(assumed.of)].sum(axis, keepdims=True)
    g = random.normal(size=[lengths[size] for size in one.graph.output.shape])
    functions = one.numpy()
    found = functions.backward(g, *data.values())
    right = dict(
        zip(functions.names, autodiff(library.name, functions.forward_program, g, tuple(data.values())), strict=True)
    )
    for of, value in found.items():
        np.testing.assert_allclose(value, np.asarray(right[of]), rtol=1e-9, atol=1e-11, err_msg=of)


def drawn(random, node, lengths):
    if isinstance(node.target, Symbol) and node.target.is_positive:
        return 0.01
    return random.uniform(0.5, 2.0, size=[lengths[size] for size in node.shape])


@every_layer
def test_a_wrong_statement_is_refuted(name):
    """Twice a gradient is refuted of each input in turn, and nothing else is."""
    layer = layers.load(name)
    for number, claim in enumerate(layer.gradients):
        claims = list(layer.gradients)
        claims[number] = replace(claim, value=2 * claim.value)
        forms = Derivation(replace(layer, gradients=tuple(claims))).closed_forms
        assert [isinstance(form.verdict, Refuted) for form in forms] == [form.of == claim.of for form in forms]


# --- what is assumed ---------------------------------------------------------------------------------------------


def test_softmax_minus_target_needs_a_target_that_sums_to_one():
    layer = layers.load("softmax-cross-entropy")
    assert isinstance(Derivation(layer).closed_forms[0].verdict, Proved)
    assert isinstance(Derivation(replace(layer, assumptions=())).closed_forms[0].verdict, Refuted)


def test_an_assumption_proves_no_other_sum():
    layer = layers.load("softmax-cross-entropy")
    (claim,) = layer.gradients
    wrong = replace(claim, value=claim.value.subs(Symbol("g"), 2 * Symbol("g")))
    assert isinstance(Derivation(replace(layer, gradients=(wrong,))).closed_forms[0].verdict, Refuted)


# --- axes --------------------------------------------------------------------------------------------------------

REFUSED = {
    "too few": ("groupnorm", "N,C", "groupnorm can't have 2 axes."),
    "too many": ("softmax", "A,B,E,F,H,O,Q", "softmax can't have 7 axes."),
    "twice the same": ("batchnorm", "N,C,C", "The axis C has the name of something else"),
    "an input's name": ("batchnorm", "x,n", "The axis x has the name of something else"),
    "the upstream gradient's name": ("layernorm", "g,D", "The axis g has the name of something else"),
    "a number": ("batchnorm", "3,4", "The axis '3' is not a letter or a word."),
    "nothing": ("batchnorm", "m,,n", "The axis '' is not a letter or a word."),
}


@pytest.mark.parametrize(("name", "axes", "message"), REFUSED.values(), ids=REFUSED)
def test_axes_that_are_refused(name, axes, message):
    with pytest.raises(ShapeError, match=message.replace("(", r"\(")):
        layers.load(name, tuple(axes.split(",")))


def test_a_loss_gets_another_name_beside_an_axis_of_its_own():
    one = layers.load("instancenorm", ("N", "C", "L"))
    assert one.loss == "ℓ"
    assert "over (N, C, L)" in one.title


PRINTED = {
    ("batchnorm", "m,n"): "∂L/∂x_ij = γ_j/(m√(σ²_j + ε)) (m g_ij − Σ_k g_kj − x̂_ij Σ_k g_kj x̂_kj)",
    ("batchnorm", "N,C,H,W"): "∂L/∂γ_j = Σ_q Σ_p Σ_i g_ijpq x̂_ijpq",
    ("rmsnorm", "N,T,D"): "∂L/∂γ_j = Σ_h Σ_i g_ihj x̂_ihj",
    ("softmax", "N,D"): "∂L/∂x_ni = p_ni (g_ni − Σ_j g_nj p_nj)",
}


@pytest.mark.parametrize(("case", "line"), PRINTED.items(), ids=str)
def test_formulas_over_axes_read_as_usual(case, line):
    one = derived(*case)
    assert line in [one.notation.equation_text(form.target, form.found) for form in one.closed_forms]


def test_the_local_partials_name_the_right_indices():
    """∂y_ij/∂γ_j, of which only the diagonal is named, and not ∂y_ij/∂γ_i."""
    one = derived("layernorm")
    lines = [one.notation.equation_text(step.target, step.value) for step in one.steps if step.part == "local partials"]
    assert "∂y_ij/∂γ_j = x̂_ij" in lines
    assert "∂x̂_ij/∂μ_i = −1/√(σ²_i + ε)" in lines
    assert "∂μ_i/∂x_ij = 1/D" in lines


def test_splitting_and_repeating_leave_a_layer_that_is_proved():
    layer = layers.load("batchnorm")
    (m,) = Derivation(layer).graph.sizes
    both = repeated(split(layer, {m: ("A", "B")}), "k", "F", at=2, shared=("γ",))
    assert wrong_verdicts(Derivation(both)) == []
    assert [str(one) for one in both.inputs] == ["x[i, h, k]", "γ", "β[k]", "ε"]
