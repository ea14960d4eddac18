"""The package from Python: what `import derive` gives, and what hangs off a derivation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sympy import Abs, Expr, IndexedBase, S, Sum, Symbol, exp, sqrt

import derive
from derive.errors import DeriveError, LayerError, SizeError, UnknownLayerError
from derive.kernel import Proved, Refuted, Undecided

ROOT = Path(derive.__file__).parent.parent


def fresh(program):
    """What a new interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def bn():
    return derive.derive("batchnorm", 4)


# --- the package -------------------------------------------------------------------------------------------------

# Each in an interpreter of its own, because an import leaves its traces.
FIRST_USE = [
    ("derive.__version__", "str"),
    ("derive.layers", "module"),
    ("derive.derive", "function"),
    ("derive.Derivation", "type"),
    ("derive.Kernel", "type"),
    ("derive.Layer", "type"),
    ("derive.batchnorm", "Derivation"),
]


@pytest.mark.parametrize(("name", "kind"), FIRST_USE, ids=[row[0] for row in FIRST_USE])
def test_a_public_name_is_there_when_it_is_first_used(name, kind):
    assert fresh(f"import derive; print(type({name}).__name__)") == kind


LIGHT = ["import derive", "import derive; dir(derive)", "import derive; derive.__version__", "import derive.layers"]


@pytest.mark.parametrize("program", LIGHT)
def test_nothing_heavy_is_imported_before_it_is_needed(program):
    assert fresh(f"import sys; {program}; print(sorted(set(sys.modules) & {{'sympy', 'numpy', 'rich'}}))") == "[]"


def test_every_public_name_is_listed():
    assert {*derive.__all__, "batchnorm"} <= set(dir(derive))
    assert dir(derive) == sorted(set(dir(derive)))
    assert "derive" in fresh("from derive import *; print(sorted(globals()))")


@pytest.mark.parametrize("name", ["nope", "batch_norm", "layer", "Batchnorm", "_private"])
def test_an_unknown_attribute_is_named(name):
    with pytest.raises(AttributeError, match=f"module 'derive' has no attribute '{name}'"):
        getattr(derive, name)


def test_the_layer_by_attribute_is_the_layer_by_name(bn):
    one = derive.batchnorm
    assert isinstance(one, derive.Derivation)
    assert (one.layer, one.m) == (bn.layer, None)
    assert (repr(one), repr(bn)) == ("<Derivation of batchnorm, every m>", "<Derivation of batchnorm, m = 4>")


WRONG = [
    (("qqq",), UnknownLayerError, "no layer 'qqq'"),
    (("batchnrm",), UnknownLayerError, "Did you mean 'batchnorm'"),
    (("batchnorm", 0), SizeError, "m = 0"),
    (("batchnorm", -1), SizeError, "m = -1"),
    (("batchnorm", 10**9), SizeError, "m = 1000000000"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), WRONG, ids=lambda one: str(one)[:30])
def test_wrong_input_is_an_error_with_a_sentence(arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        derive.derive(*arguments)
    assert isinstance(caught.value, DeriveError)


# --- a derivation ------------------------------------------------------------------------------------------------


def test_the_steps_are_sympy_expressions_with_a_proof_each(bn):
    assert len(bn.steps) == 25
    parts = list(dict.fromkeys(step.part for step in bn.steps))
    assert parts == ["local partials", "adjoints", "simplification"]
    for step in bn.steps:
        assert isinstance(step.value, Expr)
        assert isinstance(step.verdict, Proved)
        assert all(isinstance(reason.verdict, Proved) for reason in step.because)
        assert str(step).endswith(f"({step.rule}; proved)")
        assert str(step).count("\n") == 0


def test_the_first_step_reads_well(bn):
    assert str(bn.steps[0]) == "∂y_i/∂x̂_i = γ  (sum rule, constant factor; 0 off the diagonal; proved)"


def test_the_kernel_sees_the_chain_rule_and_the_steps_as_one(bn):
    """A user may go on from any step: its value is an expression to calculate with."""
    last = [step for step in bn.steps if step.part == "simplification"][-1]
    assert isinstance(bn.judge("x", last.value), Proved)
    assert isinstance(bn.judge("x", 2 * last.value), Refuted)


def test_closed_forms_and_checks(bn):
    assert [form.of for form in bn.closed_forms] == [bn.symbols["γ"], bn.symbols["β"], bn.symbols["x"][bn.symbols["i"]]]
    assert str(bn.closed_forms[-1]) == "∂L/∂x_i = γ/(m√(σ² + ε)) (m g_i − Σ_j g_j − x̂_i Σ_j g_j x̂_j)"
    assert all(isinstance(form.verdict, Proved) for form in bn.closed_forms)
    assert [len(check.verdicts) for check in bn.checks] == [3, 3, 6]
    assert {verdict.label for check in bn.checks for _, verdict in check.verdicts} == {"proved"}
    assert all(check.passed for check in bn.numeric)
    assert bn.verdict == "proved"


SYMBOLS = {
    "x": IndexedBase, "x̂": IndexedBase, "y": IndexedBase, "g": IndexedBase,
    "γ": Symbol, "β": Symbol, "ε": Symbol, "μ": Symbol, "σ²": Symbol, "m": Symbol, "i": Symbol,
}  # fmt: skip


def test_symbols_are_those_of_the_layer(bn):
    assert {name: type(symbol) for name, symbol in bn.symbols.items()} == SYMBOLS
    assert bn.symbols["m"].is_positive
    assert bn.symbols["ε"].is_positive


# Whose gradient, a closed form in the symbols of the layer, the verdict, words of its str.
JUDGED = [
    ("x", "γ/s * (g[i] - Σ(g[j])/m - x̂[i] * Σ(g[j]*x̂[j])/m)", Proved, "proved for every size"),
    ("x", "γ*g[i]/s - γ*Σ(g[j])/(m*s) - γ*(x[i]-μ)*Σ(g[j]*(x[j]-μ))/(m*s**3)", Proved, "proved for every size"),
    ("x", "γ/(m*s) * Σ((g[i]-g[j]) - x̂[i]*g[j]*x̂[j])", Proved, "proved for every size"),
    ("x", "γ*g[i]/s", Refuted, "refuted at m = 1, i = 1"),
    ("x", "γ/s * (g[i] - Σ(g[j])/m)", Refuted, "refuted at m = "),
    ("x", "γ/s * (g[i] - Σ(g[j])/m + x̂[i] * Σ(g[j]*x̂[j])/m)", Refuted, "refuted at m = "),
    ("x", "γ/s**2 * (g[i] - Σ(g[j])/m - x̂[i] * Σ(g[j]*x̂[j])/m)", Refuted, "refuted at m = "),
    ("x", "γ/s * (g[i] - Σ(g[j])/(m-1) - x̂[i] * Σ(g[j]*x̂[j])/m)", Refuted, "refuted at m = "),
    ("x", "0", Refuted, "refuted at m = 2"),
    ("γ", "Σ(g[j]*x̂[j])", Proved, "proved for every size"),
    ("γ", "Σ(g[j]*(x[j]-μ))/s", Proved, "proved for every size"),
    ("γ", "Σ(g[j]*x[j])", Refuted, "left "),
    ("γ", "Σ(g[j]*x̂[j])/m", Refuted, "left "),
    ("β", "Σ(g[j])", Proved, "proved for every size"),
    ("β", "m*g[i]", Refuted, "left "),
    ("β", "Σ(g[j]) + Abs(γ) - sqrt(γ**2)", Undecided, "undecided: the two normal forms differ"),
    ("σ²", "-γ/(2*s**3) * Σ(g[j]*(x[j]-μ))", Proved, "proved for every size"),
    ("μ", "-γ/s * Σ(g[j])", Proved, "proved for every size"),
    ("x̂", "γ*g[i]", Proved, "proved for every size"),
    ("y", "g[i]", Proved, "proved for every size"),
    ("ε", "-γ/(2*s**3) * Σ(g[j]*(x[j]-μ))", Proved, "proved for every size"),
    ("x", "γ*g[i]/s + exp(μ)", Refuted, "left "),
]  # fmt: skip


@pytest.mark.parametrize(("of", "form", "verdict", "words"), JUDGED)
def test_somebodys_closed_form_is_judged(bn, of, form, verdict, words):
    j, m = Symbol("j", integer=True), bn.symbols["m"]
    known = {**bn.symbols, "j": j, "s": sqrt(bn.symbols["σ²"] + bn.symbols["ε"]), "sqrt": sqrt, "Abs": Abs, "exp": exp}
    source = form.replace("σ²", "var")
    value = S(eval(source, {**known, "Σ": lambda term: Sum(term, (j, 1, m))}))  # noqa: S307 -- the table above
    found = bn.judge(of, value)
    assert isinstance(found, verdict)
    assert words in str(found)
    assert str(found).startswith(found.label)
    assert (found.label == "proved") is ("proved" in str(found))


def test_the_gradient_of_an_unknown_quantity_is_an_error(bn):
    with pytest.raises(LayerError, match=r"batchnorm has no quantity q\. It has: x, γ"):
        bn.judge("q", S.Zero)


def test_a_counterexample_is_data(bn):
    found = bn.judge("β", S.Zero).counterexample
    assert dict(found.sizes)["m"] >= 1
    assert (found.left == found.right) is False
    assert all(len(entry) == 3 for entry in found.values)


# --- numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (5,), (8, 3)])
def test_numpy_functions_are_the_gradients(bn, shape):
    rng = np.random.default_rng(1)
    g, x = rng.normal(size=(2, *shape))
    gamma, beta = rng.normal(size=(2, *shape[1:]))
    eps = 1e-3
    made = bn.numpy()
    assert made.names == ("x", "γ", "β", "ε")
    hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    np.testing.assert_allclose(made.forward(x, gamma, beta, eps), gamma * hat + beta, atol=1e-13)

    def loss(x, gamma, beta):
        return (g * made.forward(x, gamma, beta, eps)).sum()

    for way in (made.backward, made.staged):
        found = way(g, x, gamma, beta, eps)
        assert found["x"].shape == shape
        change = rng.normal(size=shape)
        step = 1e-6
        slope = (loss(x + step * change, gamma, beta) - loss(x - step * change, gamma, beta)) / (2 * step)
        assert np.isclose((found["x"] * change).sum(), slope, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found["γ"], (g * hat).sum(axis=0), atol=1e-12)
        np.testing.assert_allclose(found["β"], g.sum(axis=0), atol=1e-12)


# --- notebooks ---------------------------------------------------------------------------------------------------


def test_steps_closed_forms_and_derivations_show_as_latex(bn):
    for one in (*bn.steps, *bn.closed_forms):
        found = one._repr_latex_()
        assert found.startswith("$")
        assert found.endswith("$")
        assert found.count("{") == found.count("}")
        assert found.isascii()
    whole = bn._repr_latex_()
    assert whole.startswith(r"$$\begin{aligned}")
    assert whole.count("&=") == len(bn.closed_forms)
    assert whole.isascii()
