"""Forward mode: proved against the kernel's total derivative, the transpose of the backward pass, and run in NumPy."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from norms import LAYERS
from sympy import KroneckerDelta

from derive import cli
from derive.derivation import Derivation, derive
from derive.forward_mode import ForwardMode
from derive.kernel import Proved
from derive.layers.batchnorm import LAYER
from derive.layers.layer import Assignment, Gradient, Layer, index, positive, scalar, size, tensor, total
from derive.report import report
from derive.write.json import json as written
from derive.write.latex import latex
from derive.write.markdown import markdown
from derive.write.terminal import plain

i, j, m = index("i"), index("j"), size("m")
x, y, g = tensor("x", m), tensor("y", m), tensor("g", m)


@cache
def derived(name):
    return derive(LAYERS[name])


def said(mode, one):
    return mode.notation.equation_text(one.name, one.right)


# --- what is proved ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_proved(name):
    mode = derived(name).forward_mode
    assert all(isinstance(verdict, Proved) for verdict in mode.verdicts)
    assert not [one.verdict for one in (mode.product, mode.transpose, *mode.jacobian) if one.verdict.note]
    assert len(mode.jacobian) == len(LAYERS[name].gradients)


JACOBIANS = {
    "batchnorm": ["∂y_i/∂γ = x̂_i", "∂y_i/∂β = 1", "∂y_i/∂x_j = γ/(m√(σ² + ε)) (m δ_ij − 1 − x̂_i x̂_j)"],
    "layernorm": [
        "∂y_ij/∂γ_k = δ_jk x̂_ij",
        "∂y_ij/∂β_k = δ_jk",
        "∂y_ij/∂x_kl = δ_ik γ_j/(n√(σ²_i + ε)) (n δ_jl − 1 − x̂_ij x̂_il)",
    ],
    "rmsnorm": ["∂y_ij/∂γ_k = δ_jk x̂_ij", "∂y_ij/∂x_kl = δ_ik γ_j (δ_jl − x̂_ij x̂_il/n)/√(r_i + ε)"],
    "groupnorm": [
        "∂y_ikcs/∂γ_jl = δ_cl δ_jk x̂_ikcs",
        "∂y_ikcs/∂β_jl = δ_cl δ_jk",
        "∂y_ikcs/∂x_jlpq = δ_ij δ_kl γ_kc/(C S√(σ²_ik + ε)) (C S δ_cp δ_qs − 1 − x̂_ikcs x̂_ikpq)",
    ],
    "softmax": ["∂p_i/∂x_j = p_i (δ_ij − p_j)"],
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_the_jacobian_is_found(name):
    mode = derived(name).forward_mode
    assert [said(mode, one) for one in mode.jacobian] == JACOBIANS[name]


def test_the_tangents_go_forward():
    steps = derived("batchnorm").forward_mode.steps
    assert list(dict.fromkeys(str(step.target) for step in steps)) == ["∂μ/∂t", "∂σ²/∂t", "∂x̂/∂t[i]", "∂y/∂t[i]"]
    assert "∂σ²/∂t = (2/m) Σ_i ẋ_i (x_i − μ)" in [str(step).partition("  (")[0] for step in steps]


def test_the_second_order_has_a_forward_mode():
    mode = derive("batchnorm", order=2).forward_mode
    assert all(isinstance(verdict, Proved) for verdict in mode.verdicts)


def test_an_input_that_the_output_does_not_move_with():
    layer = Layer(
        "still", "", (x[i], scalar("c")), (Assignment(y[i], 2 * x[i]),), g, (Gradient(scalar("c"), 0 * m),), ""
    )
    mode = Derivation(layer).forward_mode
    assert [one.verdict.note for one in (mode.product, *mode.jacobian)] == ["both sides are 0"] * 2


def test_names_that_are_taken_get_another():
    t, dotted = positive("t"), scalar("ẋ")
    layer = Layer(
        "busy",
        "",
        (x[i], t, dotted),
        (Assignment(y[i], x[i] * dotted / t),),
        g,
        (Gradient(x[i], g[i] * dotted / t),),
        "",
    )
    mode = Derivation(layer).forward_mode
    assert said(mode, mode.product) == "∂y_i/∂τ = ẋ ẋ′_i/t"
    assert all(isinstance(verdict, Proved) for verdict in mode.verdicts)


# --- what is refuted ---------------------------------------------------------------------------------------------


class Wrong(ForwardMode):
    @property
    def _found(self):
        return 2 * super()._found


def labels(*equations):
    return [one.verdict.label for one in equations]


def test_a_wrong_product_is_refuted_everywhere():
    mode = Wrong(derived("batchnorm"))
    assert labels(mode.product, mode.transpose, *mode.jacobian) == ["refuted"] * 5


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_wrong_gradient_is_not_the_transpose(at):
    claims = list(LAYER.gradients)
    claims[at] = Gradient(claims[at].of, -claims[at].value)
    mode = Derivation(replace(LAYER, gradients=tuple(claims))).forward_mode
    assert labels(mode.transpose) == ["refuted"]
    assert set(labels(mode.product, *mode.jacobian)) == {"proved"}


@pytest.mark.parametrize("edge", ["∂y/∂x̂", "∂x̂/∂σ²", "∂σ²/∂x", "∂μ/∂x"])
def test_a_wrong_local_partial_proves_nothing(edge):
    derivation = derive("batchnorm")
    derivation.partials = tuple(
        replace(one, value=2 * one.value) if str(one.target).partition("[")[0] == edge else one
        for one in derivation.partials
    )
    mode = derivation.forward_mode
    assert labels(mode.product, mode.transpose) == ["refuted"] * 2
    assert "refuted" in [step.verdict.label for step in mode.steps]


@pytest.mark.parametrize(
    ("planted", "label"),
    [(lambda d: 1 + d, "refuted"), (lambda d: d * 2, "refuted"), (lambda d: d + x[i] * d - x[j] * d, "proved")],
)
def test_a_jacobian_is_decided_element_by_element(planted, label):
    layer = Layer("same", "", (x[i],), (Assignment(y[i], x[i]),), g, (Gradient(x[i], g[i]),), "")
    mode = Derivation(layer).forward_mode
    (found,) = mode.jacobian
    assert found.right == KroneckerDelta(i, j)
    assert mode._kernel.decide(found.left, planted(found.right)).label == label


# --- numbers -----------------------------------------------------------------------------------------------------

SHAPES = {
    "batchnorm": {"x": (6,), "γ": (), "β": ()},
    "batchnorm, trailing": {"x": (6, 3), "γ": (3,), "β": (3,)},
    "batchnorm of features": {"x": (6, 3), "γ": (3,), "β": (3,)},
    "layernorm": {"x": (4, 5), "γ": (5,), "β": (5,)},
    "rmsnorm": {"x": (4, 5), "γ": (5,)},
    "groupnorm": {"x": (2, 3, 2, 4), "γ": (3, 2), "β": (3, 2)},
    "softmax": {"x": (5,)},
    "cosine": {"a": (5,), "b": (5,)},
}


@pytest.mark.parametrize("case", SHAPES)
def test_the_product_is_what_central_differences_say(case):
    derivation = derived(case.partition(",")[0])
    random = np.random.default_rng(5)
    values = {name: random.normal(size=shape) for name, shape in SHAPES[case].items()} | {"ε": 0.05}
    directions = {name: random.normal(size=shape) for name, shape in SHAPES[case].items()}
    names = [node.name for node in derivation.graph.inputs]
    order = [str(one.of).partition("[")[0] for one in derivation.layer.gradients]

    mode = derivation.forward_mode
    output, found = mode.numpy()(*(values[name] for name in names), *(directions[name] for name in order))
    forward = derivation.numpy().forward

    def moved(step):
        return forward(*(values[name] + step * directions.get(name, 0.0) for name in names))

    step = 1e-5
    np.testing.assert_allclose(output, moved(0.0), rtol=1e-13)
    np.testing.assert_allclose(found, (moved(step) - moved(-step)) / (2 * step), rtol=1e-6, atol=1e-8)


# --- what is written ---------------------------------------------------------------------------------------------


def test_every_writer_shows_it_when_asked():
    derivation = derive("batchnorm", 3)
    default, one = report(derivation, stable=True), report(derivation, stable=True, forward_mode=True)
    assert default.forward_mode == ()
    for writer, mark in ((plain, "Jacobian"), (latex, r"\dot{x}"), (markdown, r"\dot{x}"), (written, "forward_mode")):
        assert mark not in writer(default)
        assert mark in writer(one)
    lines = json.loads(written(one))["forward_mode"]
    assert [line["number"] for line in lines] == list(range(26, 26 + len(lines)))
    assert {line["verdict"] for line in lines} == {"proved"}
    assert {line["part"] for line in lines} == {"tangents", "Jacobian–vector product", "transpose", "Jacobian"}


def test_a_refuted_line_of_forward_mode_is_the_verdict_of_the_report():
    derivation = derive("batchnorm")
    derivation.forward_mode = Wrong(derivation)
    assert report(derivation).verdict == "proved"
    assert report(derivation, forward_mode=True).verdict == "refuted"


@pytest.mark.parametrize("arguments", [("--forward-mode",), ("--forward-mode", "--m", "2", "--order", "2")])
def test_the_command_line_shows_it(arguments, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["derive-bn", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    words = capsys.readouterr().out
    assert end.value.code == 0
    assert "Jacobian–vector product" in words
    assert "lines of forward mode" in words


def test_a_sum_over_a_direction_that_rests_is_gone():
    c, sum_x, sum_g = scalar("c"), total(x[j], j, m), total(g[j], j, m)
    claims = (Gradient(x[i], g[i] + c * sum_g), Gradient(c, sum_g * sum_x))
    layer = Layer("shift", "", (x[i], c), (Assignment(y[i], x[i] + c * sum_x),), g, claims, "")
    mode = Derivation(layer).forward_mode
    assert [said(mode, one) for one in mode.jacobian] == ["∂y_i/∂x_j = δ_ij + c", "∂y_i/∂c = Σ_j x_j"]
