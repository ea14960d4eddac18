"""Formulas as people write them, and what they are read as (shown as text), or why they are not read."""

from __future__ import annotations

import pytest

from derive.notation import text
from derive.notation.syntax import Indicator, Name, Number, Partial, Power, Summation
from derive.read import FormulaError, parse_equation, parse_formula

READ = [
    # roots, powers, fractions
    (r"\sqrt{\sigma_B^2 + \epsilon}", "√(σ_B² + ε)"),
    (r"\sqrt x + \sqrt2 + \sqrt[3]{x}", "√x + √2 + ∛x"),
    (r"√(a + b)", "√(a + b)"),
    (r"(v+e)^{-1/2}", "(v + e)^(−1/2)"),
    (r"(v+e)^{-\frac12}", "(v + e)^(−1/2)"),
    (r"(v+e)^{-\frac{1}{2}}", "(v + e)^(−1/2)"),
    (r"(v+e)^{-0.5}", "(v + e)^(−0.5)"),
    (r"(v+e)^{\frac{-3}{2}}", "(v + e)^((−3)/2)"),
    (r"1/\sqrt{v+e}", "1/√(v + e)"),
    (r"(\sqrt{v+e})^{-3}", "(√(v + e))⁻³"),
    (r"\dfrac{a}{b} + \cfrac{a}{b} + \tfrac ab + {a \over b}", "a/b + a/b + a/b + a/b"),
    (r"\frac{-1}{2}", "(−1)/2"),
    (r"1/m \sum_i x_i", "(1/m) Σ_i x_i"),
    (r"-1/2 (a + b)", "−(1/2) (a + b)"),
    (r"x/(2m)", "x/(2m)"),
    (r"1e-5", "10⁻⁵"),
    (r"2.5e3 x", "(2.5·10³) x"),
    # derivatives
    (r"\frac{\partial L}{\partial \hat{x}_i}", "∂L/∂x̂_i"),
    (r"\dfrac{\partial L}{\partial \sigma_B^2}", "∂L/∂σ²_B"),
    (r"\frac{dL}{dx_i} + \frac{d L}{d \mu}", "∂L/∂x_i + ∂L/∂μ"),
    (r"\frac{{\rm d} L}{{\rm d} x} + \frac{\mathrm d L}{\mathrm d x}", "∂L/∂x + ∂L/∂x"),
    (r"\frac{\mathrm{d}L}{\mathrm{d}x}", "∂L/∂x"),
    (r"\partial L/\partial x_i \cdot \gamma", "(∂L/∂x_i) γ"),
    (r"dl/d\hat{x}_i", "∂l/∂x̂_i"),
    (r"∂L/∂x_i", "∂L/∂x_i"),
    (r"\frac{\delta L}{\delta x_i}", "∂L/∂x_i"),
    (r"\nabla_x L + \nabla_{x_i} \mathcal{L}", "∂L/∂x + ∂ℒ/∂x_i"),
    (r"\frac{\partial}{\partial x_i}\left[\frac{x_i-\mu}{s}\right] y", "∂/∂x_i [(x_i − μ)/s] y"),
    (r"\frac{\partial}{\partial x} (x - \mu)^2", "∂/∂x [(x − μ)²]"),
    (r"\frac{\partial}{\partial x} \frac{1}{x}", "∂/∂x [1/x]"),
    (r"\frac{\partial}{\partial x} L", "∂L/∂x"),
    (r"\frac{\partial (x_i - \mu)}{\partial \mu}", "∂/∂μ [x_i − μ]"),
    (r"\frac{d}{d}", "d/d"),
    # sums
    (r"\sum_{i=1}^m x_i + y", "Σ_i x_i + y"),
    (r"\sum\limits_{i=1}^{m} x_i", "Σ_i x_i"),
    (r"\Sigma^m_{i=1} x_i + \Sigma_i x_i + \Sigma^{-1}", "Σ_i x_i + Σ_i x_i + Σ⁻¹"),
    (r"\sum_i x_i y_i \cdot z_i", "Σ_i x_i y_i z_i"),
    (r"\sum_{j \neq i} x_j + \sum_{i \in B} x_i + \sum x_k", "Σ_{j≠i} x_j + Σ_{i∈B} x_i + Σ x_k"),
    (r"\sum_{\substack{j=1 \\ j \neq i}}^m x_j", "Σ_{j=1..m, j≠i} x_j"),
    (r"\sum_{i,j} x_{ij} + \sum_{i=1}^n \sum_{j=1}^m x_{i j}", "Σ_i Σ_j x_ij + Σ_i Σ_j x_ij"),
    (r"\sum_{i,j=1}^{m} x_{i,j}", "Σ_i Σ_j x_ij"),
    (r"\sum_{1 \le i \le m} x_i + \sum_{i \in \{1, \ldots, m\}} x_i", "Σ_i x_i + Σ_i x_i"),
    (r"\sum_{i=1}^m -2(x_i-\mu)", "Σ_i (−2(x_i − μ))"),
    (r"x_1 + x_2 + \dots + x_m", "Σ_k x_k"),
    (r"\frac{1}{m}(x_1^2 + x_2^2 + \cdots + x_m^2)", "(1/m) (Σ_k x_k²)"),
    # products
    (r"a \cdot b \times c * d \odot e \; f", "a b c d e f"),
    (r"2 \left( a + b \right) \big[ c \big] \bigl\{ d \bigr\}", "2(a + b) [c] {d}"),
    (r"x(x-1)", "x (x − 1)"),
    (r"a \cdot -b", "a (−b)"),
    # names
    (r"\hat{x}_i + \hat{x_i} + \hat x_i + \widehat{x}_i + \hat{\mathbf{x}}_i + x̂_i", " + ".join(["x̂_i"] * 6)),
    (r"\bar{x} + \tilde x + x' + x'' + x^{*} + \mathcal{L}", "x̄ + x̃ + x′ + x′′ + x* + ℒ"),
    (r"\mathbf{x} + \boldsymbol{x} + \mathrm{x} + \bm x", "x + x + x + x"),
    (r"x_{norm} + dout + dq + \mathrm{dout} + \text{loss}", "x_norm + dout + dq + dout + loss"),
    (r"d\gamma + d\hat{x}_i", "dγ + dx̂_i"),
    (r"\mu_B + \mu_{\mathcal{B}} + \mu_{\mathrm{b}}", "μ_B + μ_ℬ + μ_b"),
    (r"\mu_{Bj} + x_{i,j} + x_{ij} + x_{i j} + x_{i+1} + x_{k,1}", "μ_{B,j} + x_ij + x_ij + x_ij + x_{i+1} + x_{k,1}"),
    (r"x^{(i)} + x_i^{(k)}", "x_i + x_ik"),
    (r"σ² + x₁", "σ² + x₁"),
    # functions, indicators, bars
    (r"\operatorname{Var}(x) + \mathrm{Var}[x] + \mathbb{E}[x]", "Var(x) + Var(x) + E(x)"),
    (r"\exp(x) + \log x + e^{-x} + \max(0, x)", "exp(x) + log(x) + e^(−x) + max(0, x)"),
    (r"\log \sum_k e^{x_k} - \ln \sum_{k=1}^n x_k y + z", "log(Σ_k e^(x_k)) − ln(Σ_k x_k y) + z"),
    (r"E[x^2] - E[x]^2 + Var(x - y) + mean(x)", "E(x²) − E(x)² + Var(x − y) + mean(x)"),
    (r"f(y_1, y_2) + L(y) + \text{RMS}(\mathbf{a})", "f(y₁, y₂) + L(y) + RMS(a)"),
    (r"\delta_{ij} + 1\{i=j\} + \mathbf 1_{i=j} + [i \neq j]", "δ_ij + [i = j] + [i = j] + [i ≠ j]"),
    (r"\begin{cases} 1 & i = j \\ 0 & \text{otherwise}\end{cases}", "[i = j]"),
    (r"\begin{cases} a & \text{if } i = j \\ b & \text{if } i \neq j\end{cases}", "b + (a − b) [i = j]"),
    (r"\|x\|^2 + \lVert x \rVert_2 + |x|", "‖x‖² + ‖x‖ + abs(x)"),
    # what only shows
    (r"\underbrace{a + b}_{=0} + \boxed{c} + \color{red}{d}", "a + b + c + d"),
    (r"\textcolor{red}{x} \, \cdot \! y \quad", "x y"),
]


@pytest.mark.parametrize(("latex", "shown"), READ)
def test_is_read_as(latex: str, shown: str) -> None:
    assert text(parse_formula(latex.removesuffix(r" \quad"))) == shown


UNREADABLE = [
    (r"1/m x", "under this slash"),
    (r"1/2\sqrt{x}", "under this slash"),
    (r"x^T y", "transpose"),
    (r"x^\top", "transpose"),
    (r"x^i", "index or a power"),
    (r"x^12", "braces around this number"),
    (r"x^2^3", "one superscript"),
    (r"x_i_j", "one subscript"),
    (r"a + \dots", "an ellipsis"),
    (r"x_1 + x_3 + \dots + x_m", "an ellipsis"),
    (r"\foo x", r"\foo is not a command"),
    (r"temp + 1", "may be a word or a product"),
    (r"BN(x)", "function or a product"),
    (r"\mathrm{BN}(x + y)", "function or a factor"),
    (r"\mathrm{LN}_i(x + y)", "product or a function"),
    (r"\mu_B (x)", "product or a function"),
    (r"\Sigma_B^{-1} (x)^2_i", "a subscript belongs"),
    (r"x_i (y)", "product or a function"),
    (r"{a + b} c", "braces around a sum"),
    (r"{a + b}^2", "braces around a sum"),
    (r"x 2", "sign of multiplication"),
    (r"\frac{\partial^2 L}{\partial x^2}", "first derivative"),
    (r"\frac{\partial}{\partial x} a \cdot b", "where this derivative ends"),
    (r"\frac{\partial}{\partial x} (a) b", "where this derivative ends"),
    (r"\partial L", "∂ was expected in a fraction"),
    (r"\overline{a + b}", "one letter"),
    (r"(a", "never closed"),
    (r"a)", "an operator or the end"),
    (r"\frac{a", "never closed"),
    (r"a \pm b", "an operator"),
    (r"\sum_{k<3} x_k", "under this Σ"),
    (r"\sum^m x", "index under this Σ"),
    (r"", "a formula was expected"),
    (r"a = b", "an operator or the end"),
    (r"__import__('os').system('true')", "a formula was expected"),
    ("x \u202e y", "an operator"),
    ("א", "a formula was expected"),
    (r"x_{}", "a subscript"),
    (r"\log x y", "where the argument"),
]


@pytest.mark.parametrize(("latex", "reason"), UNREADABLE)
def test_is_refused_because(latex: str, reason: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(latex)
    assert reason in str(caught.value)


def test_trees() -> None:
    assert parse_formula(r"\sum_{j \neq i} x_j") == Summation(
        Name("j"), None, None, Name("x", indices=(Name("j"),)), other_than=Name("i")
    )
    assert parse_formula(r"\delta_{ij}") == Indicator(Name("i"), Name("j"), mark="δ")
    assert parse_formula(r"\frac{\partial L}{\partial \sigma^2}") == Partial(Name("L"), Name("σ", superscript="2"))
    assert parse_formula("x_i^2") == Power(Name("x", indices=(Name("i"),)), Number("2"))


def test_a_caret_points_at_the_error() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(r"a + \foo b")
    assert caught.value.caret == "a + \\foo b\n    ^"
    assert caught.value.place.column == 5


def test_an_equation_alone() -> None:
    equation = parse_equation(r"$\delta_i = \frac{\partial L}{\partial y_i}$")
    assert (text(equation.left), text(equation.right)) == ("δ_i", "∂L/∂y_i")
    for latex in ("x", "a = b = c", "a = ", "a = b, c = d"):
        with pytest.raises(FormulaError):
            parse_equation(latex)


def test_every_node_has_its_span() -> None:
    equation = parse_equation(r"y = \frac{a + b}{2}")
    numerator = equation.right.parts[0]
    span = equation.span_of(numerator)
    assert span is not None
    assert (span.start.column, span.end.column) == (11, 16)
