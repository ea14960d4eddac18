"""The check in checks/: it passes, and it fails for any wrong factor and for any wrong rule of the calculus."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sympy import Abs, Add, Max, Min, Mul, S, Symbol, cos, erf, exp, log, sign, sin, sqrt, tanh

import derive
from derive import calculus, derivation, layers
from derive.layers.layer import Assignment, Gradient, Layer, index, scalar, size, tensor, total

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "checks" / "closed_form_equals_autodiff.py"
PACKAGE = Path(derive.__file__).parent

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="checks/ is not installed")
pytest.importorskip("autograd")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("closed_form_equals_autodiff", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(root=PACKAGE.parent, before="", script_=SCRIPT):
    program = f"import runpy, sys\n{before}\nrunpy.run_path({str(script_)!r}, run_name='__main__')"
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_it_passes_and_says_what_it_compared():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(layers.names())
    assert all("autograd" in line for line in lines)


def test_without_autograd_it_says_how_to_get_it():
    done = run(before="sys.modules['autograd'] = None")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "autograd is not installed" in done.stderr
    assert "pip install" in done.stderr


# --- wrong closed forms ------------------------------------------------------------------------------------------

BN = layers.load("batchnorm")
i, j, m = index("i"), index("j"), size("m")
x, xhat, g = (tensor(name, m) for name in ("x", "x̂", "g"))
gamma, mu, var = scalar("γ"), scalar("μ"), scalar("σ²")
eps = Symbol("ε", positive=True)
s = sqrt(var + eps)
G, GX = total(g[j], j, m), total(g[j] * xhat[j], j, m)


def dx(of_g=1, of_sum=1, of_hat=1, outside=1):
    """Batch norm's dx with a factor on each part."""
    return outside * gamma / (m * s) * (of_g * m * g[i] - of_sum * G - of_hat * xhat[i] * GX)


# The quantity, what is wrong, the wrong closed form.
WRONG = [
    ("x", "twice", dx(outside=2)),
    ("x", "sign", dx(outside=-1)),
    ("x", "γ lost", dx(outside=1 / gamma)),
    ("x", "γ twice", dx(outside=gamma)),
    ("x", "m lost", dx(outside=m)),
    ("x", "m twice", dx(outside=1 / m)),
    ("x", "root lost", dx(outside=s)),
    ("x", "root twice", dx(outside=1 / s)),
    ("x", "first term twice", dx(of_g=2)),
    ("x", "first term without m", dx(of_g=1 / m)),
    ("x", "second term lost", dx(of_sum=0)),
    ("x", "second term twice", dx(of_sum=2)),
    ("x", "second term's sign", dx(of_sum=-1)),
    ("x", "third term lost", dx(of_hat=0)),
    ("x", "third term twice", dx(of_hat=2)),
    ("x", "third term's sign", dx(of_hat=-1)),
    ("x", "x for x̂", dx(of_hat=x[i] / xhat[i])),
    ("x", "one in a million", dx(outside=1 + S(1) / 10**6)),
    ("x", "one in 10¹⁵", dx(outside=1 + S(1) / 10**15)),
    ("x", "0", S.Zero),
    ("γ", "mean", GX / m),
    ("γ", "x for x̂", total(g[j] * x[j], j, m)),
    ("γ", "without μ", total(g[j] * x[j], j, m) / s),
    ("γ", "sign", -GX),
    ("β", "mean", G / m),
    ("β", "twice", 2 * G),
    ("β", "γ times", gamma * G),
]


def with_claim(layer, of, value):
    """The layer with another closed form for one gradient."""
    named = {str(getattr(claim.of, "base", claim.of)): claim.of for claim in layer.gradients}
    wrong = Gradient(named[of], value)
    return replace(layer, gradients=tuple(wrong if claim.of == wrong.of else claim for claim in layer.gradients))


@pytest.fixture
def instead(script, monkeypatch):
    """Runs the check over one layer that stands in the place of all others.

    `quick` leaves the libraries out, which the check itself counts as a failure: what is asserted then has to be a
    refutation.
    """

    def put(layer, *, quick=True):
        monkeypatch.setattr(layers, "names", lambda: (layer.name,))
        monkeypatch.setattr(layers, "load", lambda *_: layer)
        monkeypatch.setattr(derivation, "load", lambda *_: layer)
        if quick:
            made = derivation.derive
            monkeypatch.setattr(script, "derive", lambda name, size, **_: made(name, size))
        return script.main()

    return put


def test_the_right_closed_form_passes_spelled_as_the_wrong_ones_are(instead, capsys):
    assert instead(with_claim(BN, "x", dx()), quick=False) == 0
    assert "batchnorm: closed form equals reverse mode for every m" in capsys.readouterr().out


@pytest.mark.parametrize(("of", "value"), [(row[0], row[2]) for row in WRONG], ids=[f"d{a} {b}" for a, b, _ in WRONG])
def test_a_wrong_closed_form_fails_and_is_named(instead, capsys, of, value):
    assert instead(with_claim(BN, of, value)) == 1
    found = capsys.readouterr().out
    assert "batchnorm: closed form differs from autodiff" in found
    sentences = [line.strip() for line in found.splitlines() if "refuted" in line]
    assert len(sentences) >= 2, "reverse mode and the kernel's own derivative say so"
    assert all(line.startswith((f"∂L/∂{of}", f"{of}_", f"{of}:")) for line in sentences)


def test_autograd_alone_sees_a_wrong_factor(script, instead, capsys, monkeypatch):
    """The two kinds of autodiff do not lean on each other."""
    monkeypatch.setattr(derivation.Derivation, "checks", ())
    assert instead(with_claim(BN, "x", dx(outside=1 + S(1) / 10**6)), quick=False) == 1
    assert "x differs from autograd" in capsys.readouterr().out


# --- wrong rules -------------------------------------------------------------------------------------------------

# Batch norm has no exp and no log: these rules are tried on y_i = log(1 + e^{x_i}) + e^{x_i}/m.
e, y = tensor("e", m), tensor("y", m)
SOFT = Layer(
    name="soft",
    title="A layer with exp and log",
    inputs=(x[i],),
    forward=(Assignment(e[i], exp(x[i])), Assignment(y[i], log(1 + e[i]) + e[i] / m)),
    upstream=g,
    gradients=(Gradient(x[i], g[i] * (e[i] / (1 + e[i]) + e[i] / m)),),
    source="",
)
CHANGES = {
    "twice": lambda right: 2 * right,
    "sign": lambda right: -right,
    "0": lambda right: right * 0,
    "one more": lambda right: right + 1,
}


def of_one_function(kind):
    """y_i = f(x_i). The right derivative of such a function is undecided, a wrong one refuted."""
    value = kind(x[i], x[i] ** 2) if kind in {Max, Min} else kind(x[i])
    return Layer(kind.__name__, "", (x[i],), (Assignment(y[i], value),), g, (Gradient(x[i]),), "")


FUNCTIONS = {Abs, sign, Max, Min, tanh, erf, sin, cos}
STAYS_0 = {"twice", "sign", "0"}
"""What leaves a derivative that is 0, such as that of sign, as it is."""


WRONG_RULES = [
    (kind, change) for kind in calculus.RULES for change in CHANGES if kind is not sign or change not in STAYS_0
]


@pytest.mark.parametrize(("kind", "change"), WRONG_RULES, ids=lambda one: getattr(one, "__name__", one))
def test_a_wrong_rule_fails(instead, capsys, monkeypatch, kind, change):
    rule = calculus.RULES[kind]
    wrong = calculus.Rule(rule.name, lambda node, wrt: CHANGES[change](rule.of(node, wrt)))
    monkeypatch.setitem(calculus.RULES, kind, wrong)
    layer = SOFT if kind in {exp, log} else of_one_function(kind) if kind in FUNCTIONS else BN
    assert instead(layer) == 1
    found = capsys.readouterr().out
    assert "differs from autodiff" in found
    assert [line for line in found.splitlines() if "∂" in line and "refuted" in line], "it is seen, and named"


def test_the_layer_with_exp_and_log_passes_with_the_right_rules(instead):
    assert instead(SOFT, quick=False) == 0


def test_every_kind_of_node_has_a_rule_that_is_tried():
    assert {Add, Mul, exp, log} <= set(calculus.RULES)


# --- a new layer -------------------------------------------------------------------------------------------------

NEW = '''"""Subtracts the mean."""

from derive.layers.layer import Assignment, Gradient, Layer, index, mean, scalar, size, tensor

m, i, j = size("m"), index("i"), index("j")
x, y, g = (tensor(name, m) for name in "xyg")
mu = scalar("μ")

LAYER = Layer(
    name="centring",
    title="Centring",
    inputs=(x[i],),
    forward=(Assignment(mu, mean(x[j], j, m)), Assignment(y[i], x[i] - mu)),
    upstream=g,
    gradients=(Gradient(x[i], g[i] - FACTOR * mean(g[j], j, m)),),
    source="",
)
'''


@pytest.mark.parametrize(("factor", "code"), [("1", 0), ("2", 1)])
def test_a_new_layer_is_covered_without_a_change(tmp_path, factor, code):
    shutil.copytree(PACKAGE, tmp_path / "derive", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "derive" / "layers" / "centring.py").write_text(NEW.replace("FACTOR", factor), "utf-8")
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert "batchnorm: closed form equals" in done.stdout
    assert f"centring: closed form {'differs' if code else 'equals'}" in done.stdout
    assert ("∂L/∂x" in done.stdout) is bool(code)
