"""The computation graph: what it holds, and every way in which a forward pass is refused."""

from dataclasses import replace

import pytest
from sympy import IndexedBase, Sum, Symbol

from derive.derivation import Derivation
from derive.errors import LayerError
from derive.graph import build
from derive.layers.batchnorm import LAYER
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k = (index(letter) for letter in "ijk")
x, y, z, g = (tensor(name, m) for name in ("x", "y", "z", "g"))
u, w = tensor("u", m, m), tensor("w", n)
a, mu = scalar("a"), scalar("μ")


def layer(*forward, inputs=(x[i], a), gradients=(), upstream=g):
    lines = tuple(Assignment(target, value) for target, value in forward)
    return Layer("test", "Test", inputs, lines, upstream, tuple(Gradient(*one) for one in gradients), "")


GOOD = (y[i], a * x[i])
BAD = {
    "a name twice": (
        layer((mu, mean(x[j], j, m)), (mu, a), GOOD),
        "μ is assigned twice. Give the second one a name of its own.",
    ),
    "an input assigned": (layer((a, mean(x[j], j, m)), GOOD), "a is assigned twice."),
    "an input twice": (layer(GOOD, inputs=(x[i], a, a)), "a is assigned twice."),
    "the loss as a name": (layer((Symbol("L"), a), GOOD), "L is the loss and can't name a quantity of the layer."),
    "the loss as an input": (layer(GOOD, inputs=(x[i], a, Symbol("L"))), "L is the loss"),
    "read before its definition": (
        layer((y[i], x[i] - mu), (mu, mean(x[j], j, m))),
        "y[i] reads μ, which is not defined before it. Add it to the inputs or move its line up.",
    ),
    "read in its own definition": (layer((y[i], y[i] + x[i])), "y[i] reads y, which is not defined before it."),
    "never defined": (layer((y[i], x[i] - mu)), "y[i] reads μ, which is not defined before it."),
    "no shape": (
        layer((IndexedBase("q")[i], x[i]), GOOD),
        "q has no shape. Declare it with tensor('q', size).",
    ),
    "an input without a shape": (layer(GOOD, inputs=(x[i], a, IndexedBase("q")[i])), "q has no shape."),
    "an index twice": (layer((u[i, i], x[i])), "u[i, i] repeats an index. Use a letter of its own for each axis."),
    "a sum from 0": (
        layer((mu, Sum(x[j], (j, 0, m - 1))), GOOD),
        "In μ the sum over j starts at 0. Sums start at 1.",
    ),
    "a tensor without index": (layer((y[i], a * x.args[0])), "y[i] reads x, but x has 1 indices."),
    "a tensor as a whole": (layer((y[i], a * x)), "In y[i], x has no index. Write x[i]."),
    "a scalar with an index": (layer((y[i], tensor("a", m)[i] * x[i])), "y[i] reads a[i], but a has 0 indices."),
    "an index from nowhere": (
        layer((y[i], x[j])),
        "In y[i] the index j of x[j] is neither an index of y[i] nor summed over.",
    ),
    "an index outside its sum": (layer((mu, total(x[j], j, m) * x[j]), GOOD), "In μ the index j of x[j]"),
    "an index over another size": (
        layer((mu, Sum(x[j], (j, 1, n))), GOOD),
        "In μ the index j runs to n, but x has size m there.",
    ),
    "a target over another size": (layer((w[i], x[i])), "In w[i] the index i runs to n, but x has size m there."),
    "a gradient of nothing": (
        layer(GOOD, gradients=((Symbol("b"), a),)),
        "A gradient is claimed for b, which ",
    ),
    "a gradient that reads nothing known": (
        layer(GOOD, gradients=((a, Symbol("b")),)),
        "a reads b, which is not defined",
    ),
    "a gradient with an index too many": (layer(GOOD, gradients=((a, g[i]),)), "In a the index i of g[i]"),
}


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_is_refused(bad, message):
    with pytest.raises(LayerError) as told:
        build(bad)
    assert str(told.value).startswith(message)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(layer(), id="no forward pass"),
        pytest.param(layer(GOOD, upstream=x), id="the upstream gradient is an input"),
        pytest.param(layer(GOOD, upstream=w), id="the upstream gradient has another shape"),
        pytest.param(layer(GOOD, upstream=u), id="the upstream gradient has another rank"),
        pytest.param(layer(GOOD, gradients=((a, total(g[j] * x[j], j, m)), (a, a))), id="two gradients for one input"),
        pytest.param(layer((y[i], i * x[i])), id="an index as a number"),
        pytest.param(layer((y[i], x[i + 1])), id="an index that is computed"),
    ],
)
def test_is_refused_before_anything_is_derived(bad):
    """Whatever is not a layer says so in one of the package's own errors."""
    with pytest.raises(LayerError):
        build(bad)


GOOD_LAYERS = {
    "an unused input": layer(GOOD, inputs=(x[i], a, Symbol("b")), gradients=((Symbol("b"), a - a),)),
    "a dead end": layer((mu, mean(x[j], j, m)), GOOD, gradients=((x[i], a * g[i]),)),
    "a scalar output": layer((mu, mean(x[j] ** 2, j, m)), gradients=((x[i], 2 * x[i] * Symbol("g") / m),)),
    "the input itself": layer((y[i], x[i]), gradients=((x[i], g[i]),)),
    "a shadowed index": layer((y[i], x[i] * total(x[i], i, m)), gradients=((a, a - a),)),
}


@pytest.mark.parametrize("good", GOOD_LAYERS.values(), ids=GOOD_LAYERS)
def test_is_accepted_and_derived(good):
    derivation = Derivation(good)
    assert {step.verdict.label for step in derivation.steps} <= {"proved"}
    assert {form.verdict.label for form in derivation.closed_forms} == {"proved"}


def test_batch_norms_graph():
    graph = build(LAYER)
    assert [node.name for node in graph.inputs] == ["x", "γ", "β", "ε"]
    assert [node.name for node in graph.intermediates] == ["μ", "σ²", "x̂", "y"]
    assert graph.output.name == "y"
    assert {node.name: set(node.reads) for node in graph.intermediates} == {
        "μ": {"x"},
        "σ²": {"x", "μ"},
        "x̂": {"x", "μ", "σ²", "ε"},
        "y": {"γ", "x̂", "β"},
    }
    assert [node.name for node in graph.users("x")] == ["μ", "σ²", "x̂"]
    assert graph.sizes == (m,)


def test_nothing_is_simplified():
    assert build(LAYER).nodes["σ²"].value == LAYER.forward[1].value


def test_a_layer_is_not_changed():
    before = replace(LAYER)
    build(LAYER)
    assert before == LAYER
