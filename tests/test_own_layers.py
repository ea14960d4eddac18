"""Layers of the user's own, from Python files and from documents: derived, proved where that can be, and right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.extend import defvjp, primitive

import derive
from derive.derivation import Derivation
from derive.errors import DeriveError
from derive.own_layers import is_file, load_layer

ROOT = Path(derive.__file__).parent.parent
FILES = Path(__file__).parent / "own_layers"
PYTHON = FILES / "invented.py"


@dataclass(frozen=True)
class Invented:
    """What a layer is by hand, in NumPy, and what must come out of it.

    `names` are its inputs in the Python file and in the document, in the order that `forward` takes them.
    """

    document: str
    names: tuple[tuple[str, str], ...]
    differentiated: str
    forward: object
    verdict: str = "proved"
    positive: str = ""
    shape: tuple[int, ...] = (6,)
    letters: tuple[str, ...] = field(default=())


@primitive
def error_function(x):
    from math import erf

    return np.vectorize(erf)(x)


defvjp(error_function, lambda _, x: lambda g: g * 2 / np.sqrt(np.pi) * np.exp(-(x**2)))


def batch_norm(x, eps):
    return (x - anp.mean(x)) / anp.sqrt(anp.var(x) + eps)


def rms_norm(x, eps):
    return x / anp.sqrt(anp.mean(x**2) + eps)


def by_rows(x, eps):
    long = x / anp.sqrt(anp.sum(x**2, axis=1, keepdims=True) + eps)
    return long - anp.mean(long, axis=0)


LAYERS = {
    "power": Invented("power.tex", (("x", "u"),), "x", lambda x: x / anp.mean(x**4) ** 0.25, letters=("k", "N")),
    "learned": Invented(
        "learned.md",
        (("x", "a"), ("γ", "w"), ("ε", "τ")),
        "xγε",
        lambda x, gamma, eps: gamma * batch_norm(x, eps),
        positive="ε",
        letters=("t", "s", "T", "d", "ℓ"),
    ),
    "centred": Invented(
        "centred.tex", (("x", "u"),), "x", lambda x: anp.exp(x) / anp.sum(anp.exp(x)) - 1 / len(x), letters=("c", "C")
    ),
    "scaled": Invented(
        "scaled.md", (("x", "u"),), "x", lambda x: (x - anp.mean(x)) / (1 + anp.var(x)), letters=("l", "n")
    ),
    "twice": Invented(
        "twice.tex",
        (("x", "u"), ("γ", "a"), ("β", "b"), ("ε", "ε")),
        "xγβ",
        lambda x, gamma, beta, eps: rms_norm(gamma * batch_norm(x, eps) + beta, eps),
        positive="ε",
        letters=("n", "N"),
    ),
    "meanabs": Invented(
        "meanabs.md",
        (("x", "u"), ("γ", "a"), ("ε", "t")),
        "xγ",
        lambda x, gamma, eps: gamma * (x - anp.mean(x)) / (anp.mean(anp.abs(x - anp.mean(x))) + eps),
        "undecided",
        positive="ε",
        letters=("k", "N"),
    ),
    "rectified": Invented(
        "rectified.tex",
        (("x", "u"), ("ε", "ε")),
        "x",
        lambda x, eps: anp.maximum(rms_norm(x, eps), 0),
        "undecided",
        positive="ε",
        letters=("k", "N"),
    ),
    "squashed": Invented(
        "squashed.md", (("x", "u"), ("γ", "a")), "xγ", lambda x, gamma: anp.tanh(gamma * x), "undecided", letters=("k",)
    ),
    "smooth": Invented(
        "smooth.tex",
        (("x", "u"),),
        "x",
        lambda x: x * (1 + error_function(x / anp.sqrt(2))) / 2,
        "undecided",
        letters=("k",),
    ),
    "grid": Invented(
        "grid.tex", (("a", "u"), ("ε", "ε")), "a", by_rows, positive="ε", shape=(4, 3), letters=("t", "f", "T")
    ),
}
WAYS = [(name, way) for name in LAYERS for way in ("python", "document")]


@cache
def derived(name, way):
    said = f"{PYTHON}:{name}" if way == "python" else str(FILES / LAYERS[name].document)
    return Derivation(load_layer(said), 3 if way == "document" else None)


def told(name, way):
    """The layer's inputs under their names in that file, and which of them are differentiated."""
    one = LAYERS[name]
    names = [python if way == "python" else document for python, document in one.names]
    asked = [names[at] for at, (python, _) in enumerate(one.names) if python in one.differentiated]
    return names, asked


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_every_layer_gets_its_verdict_and_none_is_passed_over(name, way):
    made = derived(name, way)
    assert made.verdict == LAYERS[name].verdict
    assert made.closed_forms
    assert all(check.passed for check in made.numeric)
    assert {check.quantity for check in made.numeric} == {form.target.name.partition("/∂")[2] for form in forms(made)}


def forms(made):
    """The closed forms with a target that has a name."""
    return [type("Form", (), {"target": getattr(one.target, "base", one.target)}) for one in made.closed_forms]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_all_that_is_not_proved_says_why_and_what_it_was_compared_with(name, way):
    made = derived(name, way)
    judged = [step.verdict for step in made.steps] + [one.verdict for one in made.closed_forms]
    open_ones = [verdict for verdict in judged if verdict.label == "undecided"]
    assert bool(open_ones) == (LAYERS[name].verdict == "undecided")
    for verdict in open_ones:
        assert verdict.reason
        assert verdict.evidence.startswith("equal at ")


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_the_gradient_that_was_found_is_that_of_automatic_differentiation(name, way):
    """Of a forward pass written by hand, so that the reading of a document is tested as well."""
    one, made = LAYERS[name], derived(name, way)
    names, asked = told(name, way)
    random = np.random.default_rng(7)
    values = [number(one, python, random) for python, _ in one.names]
    g = random.normal(size=one.shape)
    order = [names.index(input_name) for input_name in made.numpy().names]
    functions = made.numpy()
    assert functions.forward(*(values[at] for at in order)) == pytest.approx(one.forward(*values), rel=1e-12)
    found = functions.backward(g, *(values[at] for at in order))
    assert sorted(found) == sorted(set(asked) | (set(found) if way == "document" else set()))
    for at, input_name in enumerate(names):
        if input_name in found:
            slope = autograd.grad(lambda *given: anp.sum(g * one.forward(*given)), at)(*values)
            assert np.asarray(found[input_name]) == pytest.approx(slope, rel=1e-10, abs=1e-12), input_name


def number(one, name, random):
    if name in one.positive:
        return 0.3
    return random.normal(size=one.shape) if name in {"x", "a"} else float(random.uniform(0.5, 1.5))


@pytest.mark.parametrize("name", LAYERS)
def test_a_document_is_answered_in_its_own_letters(name):
    one, made = LAYERS[name], derived(name, "document")
    said = " ".join(made.notation.equation_text(step.target, step.value) for step in made.steps)
    said += " ".join(map(str, made.closed_forms))
    allowed = {document for _, document in one.names} | set(one.letters)
    assert all(letter in said for letter in allowed - {"N", "C", "n"})
    assert not ({"x", "γ", "β", "μ", "x̂"} - allowed) & set(said)


@pytest.mark.parametrize("name", LAYERS)
def test_both_ways_find_forms_of_the_same_length(name):
    counts = [sorted(one.operations for one in derived(name, way).closed_forms) for way in ("python", "document")]
    fewer, more = sorted(counts, key=len)
    assert all(count in more for count in fewer)


# --- the command line --------------------------------------------------------------------------------------------


def run(*arguments, cwd=None, text=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "derive", *map(str, arguments)],
        env=environment,
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (f"{PYTHON}:power", 0),
        (FILES / "learned.md", 0),
        (FILES / "grid.tex", 0),
        (FILES / "meanabs.md", 3),
        (f"{PYTHON}:wrong", 1),
    ],
)
def test_the_exit_code_is_that_of_the_verdict(said, code):
    done = run("--layer", said, "--format", "json", "--m", 3)
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout)["verdict"] == {0: "proved", 1: "refuted", 3: "undecided"}[code]


def test_a_wrong_closed_form_is_refuted_with_a_counterexample():
    done = run("--layer", f"{PYTHON}:wrong", "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["closed_form"]["dx"]["verdict"] == "refuted"
    assert found["closed_form"]["dx"]["counterexample"]["left"] != found["closed_form"]["dx"]["counterexample"]["right"]
    assert found["closed_form"]["dγ"]["verdict"] == "proved"


def test_standard_input_is_a_document():
    done = run("--layer", "-", text=(FILES / "power.tex").read_text("utf-8"))
    assert done.returncode == 0
    assert "∂L/∂u_k = (1/q^(1/4)) (g_k − (v_k³/N) Σ_i g_i v_i)" in done.stdout


def test_a_document_can_be_checked_against_a_layer_of_ones_own(tmp_path):
    claim = r"$$\frac{\partial L}{\partial x_i} = \frac{1}{q^{1/4}} \Bigl(g_i - \frac{y_i^3}{m} \sum_j g_j y_j\Bigr)$$"
    document = tmp_path / "claim.md"
    document.write_text(claim, "utf-8")
    assert run("check", document, "--layer", f"{PYTHON}:power").returncode == 0
    document.write_text(claim.replace("y_i^3", "y_i^2"), "utf-8")
    assert run("check", document, "--layer", f"{PYTHON}:power").returncode == 1


@pytest.mark.parametrize("form", ["text", "json", "latex", "markdown"])
def test_every_format_says_that_nothing_was_stated(form):
    done = run("--layer", FILES / "power.tex", "--format", form, "--stable")
    assert done.returncode == 0
    known = {"json": '"stated": null', "text": "found, and proved"}
    assert known.get(form, "No form was stated") in done.stdout


def test_batch_norm_is_derived_without_the_reader():
    """It starts as fast as before: nothing that reads documents is imported."""
    program = (
        "import sys\nfrom derive import cli\nsys.argv = ['derive-bn', '--m', '4', '--format', 'json']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith(('derive.read', 'derive.meaning'))), "
        "file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr.strip() == "[]"


# --- what is wrong with a Python file ----------------------------------------------------------------------------

HEAD = """from derive.layers.layer import *
m = size("m"); i, j = index("i"), index("j")
x, y, g = (tensor(name, m) for name in "xyg")
"""
GOOD = 'mynorm = Layer("mynorm", "My norm", (x[i],), (Assignment(y[i], x[i] ** 2),), g, (), "")\n'
BROKEN = {
    "no such name": (HEAD + GOOD, ":mynrom", "There is no 'mynrom' in own.py. Did you mean 'mynorm'?"),
    "no layer": (HEAD, "", "own.py has no layer. Define one"),
    "two layers": (
        HEAD + GOOD + "other = mynorm\n",
        "",
        "own.py has 2 layers. Say which: own.py:mynorm, own.py:other.",
    ),
    "not a layer": (HEAD + GOOD + "z = 3\n", ":z", "z in own.py is of type int and no Layer."),
    "raises": (HEAD + "\nz = 1 / 0\n", "", "own.py:5: the file stops with ZeroDivisionError: division by zero."),
    "raises in a call": (
        HEAD + "def f():\n    raise ValueError\nf()\n",
        "",
        "own.py:5: the file stops with ValueError.",
    ),
    "exits": ("import sys\nsys.exit('no')\n", "", "own.py:2: the file stops with SystemExit: no."),
    "no Python": ("a = (\n", "", "own.py:1: the file stops with SyntaxError:"),
    "a missing import": ("import nothing_of_this_name\n", "", "own.py:1: the file stops with ModuleNotFoundError:"),
    "a list": (HEAD + GOOD.replace("(x[i],)", "[x[i]]"), "", "own.py: inputs is no tuple."),
    "a pair": (
        HEAD + GOOD.replace("Assignment(y[i], x[i] ** 2)", "(y[i], x[i])"),
        "",
        "own.py: forward is no tuple of",
    ),
    "a number": (HEAD + GOOD.replace("x[i] ** 2", "2"), "", "own.py: the value 2 is no expression."),
    "a tensor": (HEAD + GOOD.replace("(x[i],)", "(x,)"), "", "own.py: x is no name."),
    "an index": (HEAD.replace('index("i")', 'scalar("i")') + GOOD, "", "own.py: x[i] has the index i. Use a letter"),
    "a size": (HEAD.replace('size("m")', 'scalar("m")') + GOOD, "", "own.py: x[i] has the size m. Declare it"),
    "an upstream": (HEAD + GOOD.replace(" g,", " 'g',"), "", "own.py: upstream is no tensor."),
    "an unknown name": (HEAD + GOOD.replace("x[i] **", "scalar('q') *"), "", "own.py: y[i] reads q, which is not"),
    "a function": (
        HEAD + "from sympy import gamma\n" + GOOD.replace("x[i] ** 2", "gamma(x[i])"),
        "",
        "There is no derivative rule for gamma.",
    ),
}


@pytest.mark.parametrize(("content", "name", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_python_file_is_told_with_the_place(content, name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(content, "utf-8")
    with pytest.raises(DeriveError) as found:
        _ = Derivation(load_layer(f"own.py{name}")).steps
    assert str(found.value).startswith(message), str(found.value)
    assert not Path("__pycache__").exists()


def test_what_has_no_notation_is_one_sentence(tmp_path):
    (tmp_path / "own.py").write_text(HEAD + "from sympy import I\n" + GOOD.replace("x[i] ** 2", "I * x[i]"), "utf-8")
    done = run("--layer", "own.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "There is no notation for SymPy ImaginaryUnit" in done.stderr


@pytest.mark.parametrize("case", ["raises", "no such name", "a function"])
def test_a_broken_python_file_is_one_sentence(case, tmp_path):
    content, name, message = BROKEN[case]
    (tmp_path / "own.py").write_text(content, "utf-8")
    done = run("--layer", f"own.py{name}", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"derive-bn: {message}"), done.stderr


def test_what_a_file_prints_does_not_get_into_the_report(tmp_path):
    (tmp_path / "own.py").write_text(HEAD + "print('hello')\n" + GOOD, "utf-8")
    done = run("--layer", "own.py", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["verdict"] == "proved"
    assert done.stderr == "hello\n"


def test_a_file_may_import_what_lies_beside_it(tmp_path):
    (tmp_path / "shared.py").write_text(HEAD, "utf-8")
    (tmp_path / "own.py").write_text("from shared import *\nLAYER = 0\n" + GOOD, "utf-8")
    assert load_layer(f"{tmp_path}/own.py").name == "mynorm"


def test_layer_is_taken_where_there_are_several(tmp_path):
    (tmp_path / "own.py").write_text(HEAD + GOOD + GOOD.replace("mynorm =", "LAYER =").replace("mynorm", "it"), "utf-8")
    assert load_layer(f"{tmp_path}/own.py").name == "it"


MISSING = {
    "unlike.py": "There is no file unlike.py. Check the path.",
    "no.tex:mynorm": "There is no layer 'no.tex:mynorm'.",
    "own.p": "own.p is neither a layer nor a file that can hold one.",
    "onw.py": "There is no file onw.py, but there is own.py. Check the path.",
    "batchnrom": "There is no layer 'batchnrom'. Did you mean 'batchnorm'?",
    "folder.py": "folder.py is no file.",
}


@pytest.mark.parametrize(("said", "message"), MISSING.items())
def test_a_missing_file_is_one_sentence(said, message, tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(HEAD + GOOD, "utf-8")
    (tmp_path / "folder.py").mkdir()
    monkeypatch.chdir(tmp_path)
    if said == "no.tex:mynorm":
        message = "no.tex:mynorm is neither a layer nor a file that can hold one."
    with pytest.raises(DeriveError) as found:
        load_layer(said)
    assert str(found.value).startswith(message)


@pytest.mark.parametrize("said", ["batchnorm", "rms-norm"])
def test_a_plain_name_is_no_file(said):
    assert not is_file(said)


# --- what is wrong with a document -------------------------------------------------------------------------------

DOCUMENTS = {
    "nothing": ("Only words.", "own.md: there is no equation."),
    "a claim": (
        r"$y_i = x_i^2$ and $\frac{\partial L}{\partial x_i} = 2 x_i g_i$",
        "own.md:1:20: this defines no new name, so it is no line of a forward pass.",
    ),
    "a value": (r"$y_i = a x_i$, $a = 2$", "own.md:1:17: this defines no new name"),
    "a second definition": ("$y_i = x_i^2$\n\n$y_i = x_i^3$", "own.md:3:2: this defines no new name"),
    "two outputs": ("$y_i = x_i^2$\n\n$z_i = x_i^3$", "own.md: y (line 1) and z (line 3) are read by no other line"),
    "an unreadable one": ("$y_i = x_i^2$\n\n$z_i = \\frac{y_i}{2$", "own.md:3:"),
    "a size of another name": (
        r"$c = \frac1m \sum_{i=1}^m x_i$ and $y_i = x_i - c + \sum_{j=1}^n x_j$",
        "own.md:1:37: y only has a meaning if",
    ),
    "a function": ("$y_i = \\operatorname{softmax}(x_i)$", "own.md:1:2: y has no meaning here: the function softmax."),
    "a loose index": ("$y_i = x_i z_j$", "own.md:1:2: y has no meaning here: y does not have the index j"),
    "only a derivative": (
        r"$g_i = \frac{\partial L}{\partial y_i}$",
        "own.md: nothing is defined without a derivative.",
    ),
    "another derivative": (
        r"$y_i = x_i^2$ and $a_i = \frac{\partial y_i}{\partial x_i}$",
        "own.md:1:20: the only derivative that a forward pass can name",
    ),
    "one element": ("$y_i = x_i - x_1$", "own.md: In y[i] the index 1 of x"),
}


@pytest.mark.parametrize(("content", "message"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_is_no_forward_pass_is_one_sentence_with_the_place(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.md").write_text(content, "utf-8")
    with pytest.raises(DeriveError) as found:
        load_layer("own.md")
    said = " ".join(str(found.value).split())
    assert said.startswith(message), said
    assert said.endswith(".")


def test_a_document_that_can_not_be_read_ends_with_2(tmp_path):
    done = run("--layer", "-", text=r"$y_i = x_i z_j$")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert run("--layer", "-", text="").returncode == 2


def test_a_document_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.tex").write_text(r"$y_i = x_i \text{__import__('pathlib').Path('run').touch()}$", "utf-8")
    with suppress(DeriveError):
        load_layer("own.tex")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("lines", "loss", "upstream"),
    [
        ("$y_i = a x_i$", "L", "g"),
        ("$y_i = g x_i$", "L", "δ"),
        ("$L = \\sum_i x_i^2$", "ℒ", "g"),
        (r"$y_i = a x_i$ and $\Delta_i = \frac{\partial J}{\partial y_i}$", "J", "Δ"),
    ],
)
def test_the_loss_and_the_upstream_gradient_have_names_of_their_own(lines, loss, upstream, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.md").write_text(lines, "utf-8")
    layer = load_layer("own.md")
    assert (layer.loss, str(layer.upstream.label)) == (loss, upstream)
    assert Derivation(layer).verdict == "proved"


def test_an_index_that_was_left_out_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.md").write_text(r"$y_i = x_i^2$ and $z_i = x_i / y$", "utf-8")
    assert "y stands for y_i" in load_layer("own.md").title
