"""The second order: the backward pass as a layer, its gradients proved and compared with nested autodiff."""

import json
from dataclasses import replace
from functools import cache
from time import process_time

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from norms import LAYERS

from derive import cli
from derive.cli import EXIT_CODES
from derive.derivation import derive
from derive.errors import LayerError, OrderError
from derive.graph import build
from derive.kernel import Proved
from derive.layers.batchnorm import LAYER, SECOND_ORDER, covariance, g_mean, g_xhat, gamma, s, u_xhat, v, w, xhat
from derive.layers.layer import Gradient, index, mean, size, tensor
from derive.report import report
from derive.write.json import json as written
from derive.write.latex import latex
from derive.write.markdown import markdown
from derive.write.terminal import plain

i, j, m = index("i"), index("j"), size("m")
g, u = tensor("g", m), tensor("u", m)
UNSTATED = replace(LAYER, second_order=None)


@cache
def derived(name):
    return derive(LAYERS[name], order=2)


def text(derivation):
    return [derivation.notation.equation_text(line.target, line.value) for line in derivation.layer.forward]


# --- what is made ------------------------------------------------------------------------------------------------


def test_the_forward_pass_is_the_layers_backward_pass():
    made = derived("batchnorm")
    assert text(made)[2:] == [
        "x̂_i = (x_i − μ)/√(σ² + ε)",
        "ḡ = (1/m) Σ_j g_j",
        "A = (1/m) Σ_j g_j x̂_j",
        "dγ = m A",
        "dβ = m ḡ",
        "dx_i = (γ/√(σ² + ε)) (g_i − A x̂_i − ḡ)",
        "Q₁ = dβ w + dγ v + Σ_i dx_i u_i",
    ]
    assert made.layer.title == "Batch normalization, second order"
    assert {str(one.of) for one in made.layer.gradients} == {"g[i]", "γ", "x[i]"}


@pytest.mark.parametrize(
    ("name", "there", "not_there"),
    [
        ("batchnorm", "x̂", "y"),  # no closed form reads the output
        ("softmax", "p", "ḡ"),  # here they do, and a sum that is no mean is named as it is
        ("layernorm", "A", "β"),
    ],
)
def test_only_what_is_read_is_kept(name, there, not_there):
    names = set(derived(name).graph.nodes)
    assert there in names
    assert not_there not in names


def test_names_that_are_taken_get_another():
    busy = {"x": "u", "μ": "A", "σ²": "Q", "x̂": "v", "ε": "dx", "y": "ḡ"}

    def renamed(quantity):
        return quantity.xreplace(
            {
                old: type(old)(busy[str(old)], **old.assumptions0 if old.is_Symbol else {})
                for old in quantity.atoms(type(mu))
                if str(old) in busy
            }
        )

    mu = LAYER.forward[0].target
    x, x_hat, y = (tensor(busy[name], m) for name in ("x", "x̂", "y"))
    old = [tensor(name, m) for name in ("x", "x̂", "y")]

    def swapped(expr):
        moved = {before[at]: after[at] for before, after in zip(old, (x, x_hat, y), strict=True) for at in (i, j)}
        return renamed(expr.xreplace(moved))

    layer = replace(
        UNSTATED,
        inputs=tuple(map(swapped, LAYER.inputs)),
        forward=tuple(type(line)(swapped(line.target), swapped(line.value)) for line in LAYER.forward),
        gradients=tuple(Gradient(swapped(one.of), swapped(one.value)) for one in LAYER.gradients),
    )
    made = derive(layer, order=2)
    assert made.layer.loss == "R"
    assert {"w", "z"} <= set(made.graph.nodes)
    assert made.verdict == "proved"


def test_a_tensor_is_no_loss():
    with pytest.raises(LayerError, match="can't be the loss"):
        build(replace(LAYER, upstream=None))


@pytest.mark.parametrize("order", [0, 3, -1])
def test_there_are_two_orders(order):
    with pytest.raises(OrderError, match="The orders are 1 and 2"):
        derive("batchnorm", order=order)


# --- what is proved ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_proved_at_order_2(name):
    made = derived(name)
    assert made.verdict == "proved"
    assert all(isinstance(verdict, Proved) for verdict in made.verdicts)
    assert not [
        verdict for check in made.checks[:2] for _, verdict in check.verdicts if verdict.note.startswith("both")
    ]
    assert made.numeric


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "rmsnorm", "groupnorm"])
@pytest.mark.slow
def test_a_complete_derivation_takes_less_than_ten_seconds(name):
    start = process_time()
    made = derive(LAYERS[name], order=2)
    assert made.verdict == "proved"
    assert process_time() - start < 10


@pytest.mark.parametrize(("name", "size"), [("batchnorm", 4), ("rmsnorm", 2), ("softmax", 3)])
def test_a_given_size_is_spelled_out(name, size):
    route = derive(LAYERS[name], size, order=2).checks[2]
    assert route.verdicts
    assert all(isinstance(verdict, Proved) for _, verdict in route.verdicts)


def test_a_size_that_is_too_large_to_spell_out_is_left_to_the_proofs():
    made = derive("batchnorm", 16, order=2)
    assert made.checks[2].detail.startswith("not taken: m = 16 is above 9")
    assert made.verdict == "proved"


def test_where_nothing_is_stated_the_form_found_is_proved_and_reported():
    made = derive(UNSTATED, order=2)
    assert made.verdict == "proved"
    assert all(form.stated is None for form in made.closed_forms)
    assert [one.value for one in made.claims] == [form.found for form in made.closed_forms]


def test_first_order_gradients_may_be_asked_for_without_a_claim_too():
    asked = replace(LAYER, gradients=tuple(Gradient(one.of) for one in LAYER.gradients), second_order=None)
    made = derive(asked)
    assert made.verdict == "proved"
    assert str(made.closed_forms[-1]) == str(derive("batchnorm").closed_forms[-1])
    assert derive(asked, order=2).verdict == "proved"
    assert derive(asked, 3).verdict == "proved"


of_g, of_gamma, of_x = SECOND_ORDER.gradients
P_U = u[i] - mean(u[j], j, m) - xhat[i] * u_xhat
WRONG = {
    "x: 2 for 3": (2, of_x.value - gamma * s**2 * xhat[i] * g_xhat * u_xhat),
    "x: the covariance's sign": (2, of_x.value + 2 * gamma * s**2 * xhat[i] * covariance),
    "x: Σ u g for the covariance": (2, of_x.value - gamma * s**2 * xhat[i] * mean(u[j], j, m) * g_mean),
    "x: what comes in for dγ": (2, of_x.value - v * s * (g[i] - g_mean - xhat[i] * g_xhat)),
    "x: s for s²": (2, of_x.value / s),
    "γ: not projected": (1, s * mean(u[j] * g[j], j, m) * m),
    "g: v left out": (0, of_g.value - v * xhat[i]),
    "g: w left out": (0, of_g.value - w),
    "g: γ left out": (0, s * P_U + v * xhat[i] + w),
}


@pytest.mark.parametrize("planted", WRONG)
def test_a_wrong_second_order_form_is_refuted(planted):
    at, value = WRONG[planted]
    claims = list(SECOND_ORDER.gradients)
    claims[at] = Gradient(claims[at].of, value)
    made = derive(replace(LAYER, second_order=replace(SECOND_ORDER, gradients=tuple(claims))), order=2)
    labels = [form.verdict.label for form in made.closed_forms]
    assert labels[at] == "refuted"
    assert labels.count("proved") == 2
    assert EXIT_CODES[made.verdict] == 1


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_wrong_first_order_form_proves_nothing_at_order_2(at):
    claims = list(LAYER.gradients)
    claims[at] = Gradient(claims[at].of, 2 * claims[at].value)
    made = derive(replace(UNSTATED, gradients=tuple(claims)), order=2)
    assert [form.verdict.label for form in made.closed_forms] == ["proved"] * 3
    assert [verdict.label for _, verdict in made.checks[-1].verdicts].count("refuted") == 1
    assert EXIT_CODES[made.verdict] == 1


# --- nested autodiff ---------------------------------------------------------------------------------------------


def normalized(library, data, axes, *, centred=True):
    centre = data - library.mean(data, axis=axes, keepdims=True) if centred else data
    return centre / library.sqrt(library.mean(centre**2, axis=axes, keepdims=True) + EPS)


EPS = 0.05


def of_axes(*axes):
    return lambda library, x, scale, shift: scale * normalized(library, x, axes) + shift


def of_rows(library, x, scale, _):
    return scale * normalized(library, x, (1,), centred=False)


def of_groups(library, x, scale, shift):
    return scale[..., None] * normalized(library, x, (2, 3)) + shift[..., None]


# Layer, shape of x, shape of γ, the forward pass.
PASSES = {
    "batchnorm (m)": ("batchnorm", (7,), (), of_axes(0)),
    "batchnorm (m, n)": ("batchnorm", (6, 3), (3,), of_axes(0)),
    "batchnorm of features (m, n)": ("batchnorm of features", (6, 3), (3,), of_axes(0)),
    "layernorm (m, n)": ("layernorm", (4, 5), (5,), of_axes(1)),
    "rmsnorm (m, n)": ("rmsnorm", (4, 5), (5,), of_rows),
    "groupnorm (N, G, C, S)": ("groupnorm", (2, 3, 2, 4), (3, 2), of_groups),
}


def drawn(shape, scale_shape, seed=3):
    random = np.random.default_rng(seed)
    arrays = {name: random.normal(size=shape) for name in ("x", "g", "u")}
    return arrays | {name: random.normal(size=scale_shape) for name in ("γ", "β", "v", "w")} | {"ε": EPS}


def own(name, data):
    functions = derived(name).numpy()
    return functions.backward(1.0, *(data[one] for one in functions.names))


def agree(found, expected):
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("case", PASSES)
def test_nested_autograd_agrees(case):
    name, shape, scale_shape, forward = PASSES[case]
    data = drawn(shape, scale_shape)
    incoming = [data[one] for one in "uvw" if one in derived(name).graph.nodes]

    def first(x, scale, g):
        def loss(x, scale, shift):
            return anp.sum(g * forward(anp, x, scale, shift))

        return [autograd.grad(loss, position)(x, scale, data["β"]) for position in range(len(incoming))]

    def second(x, scale, g):
        return sum(anp.sum(one * found) for one, found in zip(incoming, first(x, scale, g), strict=True))

    values = [autograd.grad(second, position)(data["x"], data["γ"], data["g"]) for position in range(3)]
    agree(own(name, data), dict(zip(("x", "γ", "g"), values, strict=True)))


@pytest.mark.parametrize("case", PASSES)
def test_double_backward_of_pytorch_agrees(case):
    torch = pytest.importorskip("torch")
    name, shape, scale_shape, forward = PASSES[case]
    data = drawn(shape, scale_shape)

    class Library:
        sqrt = staticmethod(torch.sqrt)

        @staticmethod
        def mean(tensor, axis, keepdims):
            return torch.mean(tensor, dim=axis, keepdim=keepdims)

    leaves = {one: torch.tensor(data[one], requires_grad=True) for one in ("x", "γ", "β", "g")}
    y = forward(Library, leaves["x"], leaves["γ"], leaves["β"])
    incoming = {"x": "u", "γ": "v"} | ({"β": "w"} if "w" in derived(name).graph.nodes else {})
    grads = torch.autograd.grad(y, [leaves[one] for one in incoming], leaves["g"], create_graph=True)
    loss = sum((torch.tensor(data[name]) * one).sum() for name, one in zip(incoming.values(), grads, strict=True))
    values = torch.autograd.grad(loss, [leaves[one] for one in ("x", "γ", "g")])
    agree(own(name, data), dict(zip(("x", "γ", "g"), (value.numpy() for value in values), strict=True)))


# --- what is written ---------------------------------------------------------------------------------------------


def test_the_command_line_derives_order_2(capsys):
    with pytest.raises(SystemExit) as end:
        cli_main("--order", "2", "--format", "json")
    said = json.loads(capsys.readouterr().out)
    assert end.value.code == 0
    assert (said["order"], said["title"]) == (2, "Batch normalization, second order")
    assert set(said["closed_form"]) == {"dg", "dγ", "dx"}
    assert {"latex": r"g_{i} = \frac{\partial L}{\partial y_{i}}", "text": "g_i = ∂L/∂y_i"} in said["meanings"]


@pytest.mark.parametrize("order", ["3", "0", "two", "1.5"])
def test_another_order_is_refused_in_one_sentence(order, capsys):
    with pytest.raises(SystemExit) as end:
        cli_main("--order", order)
    said = capsys.readouterr()
    assert end.value.code == 2
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert f"no derivation of order {order}" in said.err


def cli_main(*arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["derive-bn", *arguments])
        cli.main()


@pytest.mark.parametrize("layer", [LAYER, UNSTATED], ids=["stated", "unstated"])
def test_every_writer_writes_it(layer):
    one = report(derive(layer, 3, order=2), stable=True)
    assert "L, any differentiable" not in plain(one)
    assert "Q, any differentiable function of the gradients" in plain(one)
    assert ("to be the total derivative" in plain(one)) is (layer is UNSTATED)
    assert "second order" in latex(one)
    assert "∂Q/∂" in markdown(one)
    for form in (latex(one), markdown(one)):
        assert ("No form was stated" in form) is (layer is UNSTATED)
        assert "loss L" not in form
    stated = [form["stated"] for form in json.loads(written(one))["closed_form"].values()]
    assert all(form is None for form in stated) is (layer is UNSTATED)
