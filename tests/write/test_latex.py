"""The LaTeX report: what it says, what it escapes, where it breaks formulas, that it compiles cleanly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from sympy import sqrt

import derive
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total
from derive.report import Report, report
from derive.write.breaking import pieces, rows, terms, width
from derive.write.drawing import spread
from derive.write.latex import latex
from derive.write.prose import Prose

m = size("m")
i, j = index("i"), index("j")
x, y, g = (tensor(name, m) for name in ("x", "y", "g"))
gamma, eps = scalar("γ"), positive("ε")


def rms(root: str = "r", factor: int = 1) -> Layer:
    """RMS norm; with a factor other than 1 its closed form for x is wrong."""
    r = scalar(root)
    return Layer(
        name="rms",
        title="Root mean square & 100 % Größe_γ",
        inputs=(x[i], gamma, eps),
        forward=(Assignment(r, sqrt(mean(x[j] ** 2, j, m) + eps)), Assignment(y[i], gamma * x[i] / r)),
        upstream=g,
        gradients=(
            Gradient(gamma, total(g[j] * x[j] / r, j, m)),
            Gradient(x[i], gamma / r * (g[i] - factor * x[i] * total(g[j] * x[j], j, m) / (m * r**2))),
        ),
        source="#1 of {none}",
    )


@cache
def made(name: str) -> Report:
    """The reports the tests look at, each made once."""
    known = {
        "batchnorm 4": ("batchnorm", 4),
        "batchnorm 8": ("batchnorm", 8),
        "batchnorm": ("batchnorm", None),
        "rms": (rms(), 3),
        "wrong": (rms(factor=2), 3),
        "odd": (rms(root="weird_name%#\\ 中"), 2),
    }
    return report(derive.derive(*known[name]), stable=name == "batchnorm")


NAMES = ("batchnorm 4", "batchnorm 8", "batchnorm", "rms", "wrong", "odd")


@pytest.mark.parametrize("name", ["batchnorm 4", "batchnorm", "rms", "wrong"])
def test_every_step_has_its_number_formula_rule_and_verdict(name: str) -> None:
    one = made(name)
    found = latex(one)
    for line in one.steps:
        head, _, rest = found.partition(rf"\step{{{line.number}}}{{")[2].partition("\n")
        assert line.judged.verdict in head
        assert all(part.strip() in flat(rest) for part in terms(line.formula.latex)), line.formula.text
    assert found.count("\n\\step{") == len(one.steps)


def flat(source: str) -> str:
    """LaTeX with the line breaks of split taken out."""
    return re.sub(r"\s*\\\\\s*&\\quad ", " ", source).replace("&=", "=")


def test_every_definition_stands_in_the_forward_pass() -> None:
    part = latex(made("batchnorm 4")).partition(r"\section{\texorpdfstring{Computation")[0]
    for line in made("batchnorm 4").forward:
        assert " ".join(terms(line.formula.latex)[1:]) in part


def test_the_parts_stand_in_order() -> None:
    found = re.findall(r"\\section\{(?:\\texorpdfstring\{)?([\w ]+)", latex(made("batchnorm 4")))
    assert found == [
        "Forward pass", "Computation graph", "Local partial derivatives", "Adjoints", "Simplification", "Closed forms",
        "Identities", "Proofs", "Numerical checks", "Conditions and verdicts",
    ]  # fmt: skip


def test_a_planted_wrong_closed_form_is_refuted_with_its_counterexample() -> None:
    found = latex(made("wrong"))
    example = next(form.judged.counterexample for form in made("wrong").closed_forms if form.of == "x")
    assert r"The overall verdict is \verdict{bad}{refuted}" in found
    assert "Counterexample: $m$~=~1, $i$~=~1, $g_{1}$~=~1" in found
    assert f"left side {example.left}, right side {example.right}." in found


def test_what_is_stated_is_shown_where_it_differs() -> None:
    assert "The stated form is" in latex(made("wrong"))
    assert latex(made("batchnorm 4")).count("The stated form is the same.") == 1


def test_spelled_out_lines_only_at_a_given_m() -> None:
    assert "At $m$ = 4:" in latex(made("batchnorm 4"))
    assert r"\aside{At" not in latex(made("batchnorm"))


def test_an_undecided_step_says_why() -> None:
    one = made("batchnorm 4")
    judged = replace(one.steps[0].judged, verdict="undecided", reason="too many terms: 5 > 4 for x̂_i")
    changed = replace(one, steps=(replace(one.steps[0], judged=judged), *one.steps[1:]), verdict="undecided")
    found = latex(changed)
    assert r"\verdict{open}{undecided}" in found
    assert r"too many terms: 5 \textgreater{} 4 for $\hat{x}_{i}$" in found


def test_versions_and_times_only_where_the_report_holds_them() -> None:
    assert "Made with derive-bn" in latex(made("batchnorm 4"))
    stable = latex(made("batchnorm"))
    assert "Made with" not in stable
    assert " ms" not in stable
    assert "Tolerance" not in stable


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_ascii_with_balanced_braces(name: str) -> None:
    found = latex(made(name))
    assert found.isascii()
    bare = re.sub(r"\\[\\{}]", "", found)
    assert bare.count("{") == bare.count("}")
    assert found.count(r"\begin{") == found.count(r"\end{")


def test_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys, derive; from derive.report import report; from derive.write.latex import latex;"
        "sys.stdout.write(latex(report(derive.derive('batchnorm'), stable=True)))"
    )
    root = Path(__file__).parents[2]
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert run.stdout.decode() == latex(made("batchnorm"))


# --- text --------------------------------------------------------------------------------------------------------

TEXTS = [
    ("chain rule through x̂, σ², μ", r"chain rule through $\hat{x}$, $\sigma^{2}$, $\mu$"),
    ("∂x_i/∂x_j = δ_ij", r"$\partial x_{i}/\partial x_{j}$ = $\delta_{ij}$"),
    ("L(x_1 … x_m)", r"$L$($x_{1}$ \dots{} $x_{m}$)"),
    ("derivative inside Σ, a rule", r"derivative inside $\sum$, a rule"),
    (
        "50 % of #1 & {a} _ ~ ^ \\ $",
        r"50 \% of \#1 \& \{a\} \_ \textasciitilde{} \textasciicircum{} \textbackslash{} \$",
    ),
    ("Größe, naïve, Ångström", r"Gr\"{o}\ss{}e, na\"{i}ve, \r{A}ngstr\"{o}m"),
    ("x₁ ≥ −3/2 and -1/3", r"$x_{1}$ $\ge$ $-$3/2 and $-$1/3"),
    ("ŷ_i and x'", r"$\hat{y}_{i}$ and $x$'"),
    ("a model in 中", "a model in U+4E2D"),
    ("ε = 1e-05", r"$\epsilon$ = 1e$-$05"),
    ("g_1,2 = 1", "$g_{1,2}$ = 1"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_running_text(text: str, expected: str) -> None:
    assert Prose(made("batchnorm 4").graph)(text) == expected


# --- breaking formulas -------------------------------------------------------------------------------------------

LONG = r"a = b + \left( c - d \right) e - \frac{f + g}{h}"


def test_terms_are_cut_outside_brackets_only() -> None:
    assert terms(LONG) == ["a", "= b", r"+ \left( c - d \right) e", r"- \frac{f + g}{h}"]


def test_a_formula_that_fits_is_left_alone() -> None:
    assert rows(LONG, 60) == [LONG]


def test_a_long_formula_is_aligned_at_its_equals_sign() -> None:
    assert rows(LONG, 12) == [r"a &= b + \left( c - d \right) e", r"&\quad - \frac{f + g}{h}"]


def test_a_long_fraction_becomes_a_factor_and_a_bracket() -> None:
    fraction = r"-\frac{a_{1} + a_{2} + a_{3} + a_{4}}{m} b"
    assert pieces(fraction, 5) == [r"-\frac{1}{m} \bigl( a_{1}", "+ a_{2}", "+ a_{3}", r"+ a_{4} \bigr) b"]


def test_a_long_product_is_broken_between_factors() -> None:
    assert rows(r"y = aaaaaaaaaa bbbbbbbbbb \cdot 3", 13) == [
        r"y &= aaaaaaaaaa", r"&\quad \cdot bbbbbbbbbb \cdot 3",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("room", [20, 36])
def test_no_row_is_wider_than_asked(name: str, room: float) -> None:
    for line in made(name).steps:
        formulas = filter(None, (line.formula, line.spelled_out))
        assert all(width(row) <= room + 5 for formula in formulas for row in rows(formula.latex, room))


# --- the graph ---------------------------------------------------------------------------------------------------


def test_every_edge_is_drawn_and_gradients_flow_back_where_there_are_some() -> None:
    found = latex(made("batchnorm 4"))
    edges = sum(len(node.reads) for node in made("batchnorm 4").graph) + 1
    assert found.count(r"\draw[forward]") == edges
    assert found.count(r"\draw[gradient]") == edges - 1  # ε is not differentiated


@pytest.mark.parametrize(
    ("wanted", "gaps", "places"),
    [([0, 0, 0], [1, 1], [-1, 0, 1]), ([0, 5], [1], [0, 5]), ([3, 1], [2], [1, 3])],
)
def test_places_are_the_nearest_with_the_gaps(wanted: list[float], gaps: list[float], places: list[float]) -> None:
    assert spread(wanted, gaps) == pytest.approx(places)


# --- TeX ---------------------------------------------------------------------------------------------------------

SERIOUS = re.compile(r"^!|Missing character|undefined|multiply.defined|LaTeX Warning|Package \w+ Warning", re.MULTILINE)


def complaints(log: str) -> list[str]:
    """What matters in a log."""
    found = [line for line in log.splitlines() if SERIOUS.search(line) and "rerunfilecheck" not in line]
    wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)
    return found + [f"overfull by {points} pt" for points in wide if float(points) > 2]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("latexmk"), reason="latexmk is not installed")
@pytest.mark.parametrize(("name", "engine"), [*((name, "-pdf") for name in NAMES), ("odd", "-lualatex")])
def test_it_compiles_without_a_complaint(name: str, engine: str, tmp_path: Path) -> None:
    if not shutil.which(engine.replace("-pdf", "-pdflatex").removeprefix("-")):
        pytest.skip("that engine is not installed")
    (tmp_path / "report.tex").write_text(latex(made(name)), "utf-8")
    command = ["latexmk", "-norc", engine, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert run.returncode == 0, run.stdout[-2000:]
    assert complaints((tmp_path / "report.log").read_text("utf-8", "replace")) == []
