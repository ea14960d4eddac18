"""The formulas of every layer as trees: what they are worth is what the layer's own programs give."""

import numpy as np
import pytest
from observing import data, derived, functions

from derive.layers import names
from derive.notation import text
from derive.notation.names import read_name
from derive.read import parse_formula
from derive.testing.diagnosis import Observation
from derive.testing.variants.evaluate import Scope, Unfit
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed

AXES = {"groupnorm": ("N", "G", "C", "S"), "syncbatchnorm": ("W", "N", "C", "S"), "instancenorm": ("N", "C", "S")}
GRADIENTS = [
    (layer, axes, str(getattr(claim.of, "base", claim.of)))
    for layer in names()
    for axes in [AXES.get(layer, ("N", "D"))]
    for claim in derived(layer, axes).claims
]


def observed(layer, axes, of):
    derivation = derived(layer, axes)
    formulas = Formulas(derivation, of)
    for inputs, upstream in data(derivation, 1):
        true = functions(derivation).backward(upstream, *inputs.values())[of]
        one = Observation(inputs, upstream, 2 * true, true, 1e-14)
        yield Observed(formulas, one, [one])


@pytest.mark.parametrize(("layer", "axes", "of"), GRADIENTS)
def test_every_way_of_writing_a_gradient_is_worth_the_gradient(layer, axes, of):
    for case in observed(layer, axes, of):
        formulas = case.formulas
        lines = (formulas.target, *formulas.other_forms, formulas.inlined)
        staged = case.scope.array(formulas.target.name)[..., 0, 0]
        named = case.run(case.scope, formulas.program, {}).extended({})
        values = [case.gradient(line.tree) for line in lines]
        values += [staged, case.of_line(formulas.program[-1], named)[..., 0, 0]]
        for value in values:
            np.testing.assert_allclose(value, case.true, rtol=1e-9, atol=1e-12 * np.max(np.abs(case.true)))


@pytest.mark.parametrize(("layer", "axes", "of"), GRADIENTS)
def test_the_derivative_of_the_forward_pass_is_the_gradient(layer, axes, of):
    for case in observed(layer, axes, of):
        if case.formulas.layer.assumptions:
            continue  # its closed form holds for targets that sum to 1, which steps do not keep
        found = case.differentiated(case.perturbed(np.arange(case.true.size)))
        np.testing.assert_allclose(found.reshape(case.shape), case.true, rtol=1e-9, atol=1e-12)


def test_products_of_sizes_and_shared_roots_have_names():
    formulas = Formulas(derived("batchnorm", ("N", "C", "L")), "x")
    written = [f"{text(line.name)} = {text(line.tree)}" for line in formulas.program]
    assert written == [
        "μ = (1/N·L) Σ_w Σ_k x_kjw",
        "σ² = (1/N·L) Σ_w Σ_k (x_kjw − μ_j)²",
        "√(σ² + ε) = √(σ²_j + ε)",
        "x̂ = (x_ijh − μ_j)/√(σ² + ε)_j",
        "y = β_j + γ_j x̂_ijh",
        "∂ℓ/∂x = γ_j/(N·L√(σ² + ε)_j) (N·L g_ijh − Σ_w Σ_k g_kjw − x̂_ijh Σ_w Σ_k g_kjw x̂_kjw)",
    ]
    assert text(formulas.spelled(formulas.program[-1].tree)) == (
        "γ_j/((N L) √(σ²_j + ε)) ((N L) g_ijh − Σ_w Σ_k g_kjw − x̂_ijh Σ_w Σ_k g_kjw x̂_kjw)"
    )


def test_a_path_that_is_cut_leaves_the_others():
    formulas = Formulas(derived("layernorm", ("N", "D")), "x")
    cut = {(above, below): text(line.tree) for above, below, line in formulas.without_edges()}
    assert cut["σ²", "x"] == "(1/D) ∂L/∂μ_i + (1/√(σ²_i + ε)) ∂L/∂x̂_ij"
    assert cut["x̂", "σ²"] == "0"


# --- values ----------------------------------------------------------------------------------------------------------

ALIKE = np.arange(6.0).reshape(2, 3, 1, 1)
ARRAYS = {"x": ALIKE, "v": np.arange(3.0).reshape(3, 1, 1), "m": np.full((1, 1), 2.0)}
SCOPE = Scope("ijk", {read_name(name): array for name, array in ARRAYS.items()})


VALUES = [
    (r"x_{ij} v_j", "ij", ALIKE[..., 0, 0] * np.arange(3.0)),
    (r"x_{ij}", "ji", ALIKE[..., 0, 0].T),
    (r"\sum_{k=1}^m x_{kj}", "j", ALIKE[..., 0, 0].sum(0)),
    (r"\sum_{k=1}^m v_j", "j", 2 * np.arange(3.0)),
    (r"\frac{1}{m} \sum_{i=1}^m x_{ij} - v_j^2", "j", ALIKE[..., 0, 0].mean(0) - np.arange(3.0) ** 2),
    (r"\sqrt{v_j} + e^{v_j}", "j", np.sqrt(np.arange(3.0)) + np.exp(np.arange(3.0))),
    (r"-v_j", "ij", np.broadcast_to(-np.arange(3.0), (2, 3))),
]


@pytest.mark.parametrize(("said", "letters", "expected"), VALUES)
def test_a_formula_is_worth_what_numpy_says(said, letters, expected):
    shape = expected.shape
    np.testing.assert_allclose(SCOPE.result(parse_formula(said), letters, shape)[..., 0, 0], expected)


@pytest.mark.parametrize(
    ("said", "letters", "shape"),
    [
        (r"x_{ij} v_i", "ij", (2, 3)),  # axes of different lengths
        (r"x_{ii}", "i", (2,)),  # a diagonal
        (r"x_{ij}", "j", (3,)),  # an index left over
        (r"v_j w_j", "j", (3,)),  # an unknown name
        (r"x_j", "j", (3,)),  # an index too few
    ],
)
def test_a_formula_that_has_no_value_is_unfit(said, letters, shape):
    with pytest.raises(Unfit):
        SCOPE.result(parse_formula(said), letters, shape)


def test_alternatives_are_worked_out_side_by_side():
    changed = SCOPE.extended({read_name("v"): np.arange(6.0).reshape(3, 2, 1)})
    found = changed.result(parse_formula(r"x_{ij} v_j"), "ij", (2, 3))
    assert found.shape == (2, 3, 2, 1)
    np.testing.assert_array_equal(found[..., 1, 0], ALIKE[..., 0, 0] * np.array([1.0, 3.0, 5.0]))


def test_what_is_remembered_is_that_of_its_own_scope():
    tree = parse_formula(r"v_j + v_j")
    remembering = SCOPE.remembering(tree)
    changed = remembering.extended({read_name("v"): np.ones((3, 1, 1))})
    np.testing.assert_array_equal(changed.result(tree, "j", (3,))[..., 0, 0], [2, 2, 2])
    np.testing.assert_array_equal(remembering.result(tree, "j", (3,))[..., 0, 0], [0, 2, 4])
