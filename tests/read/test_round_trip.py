"""What the package prints, it reads back as the same tree: SymPy expressions, its own layers, what was read before."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Abs, Expr, I, IndexedBase, KroneckerDelta, Rational, Sum, Symbol, exp, log, nan, zoo

from derive.layers.batchnorm import LAYER
from derive.notation import latex, text
from derive.read import Decisions, parse_formula

DECISIONS = Decisions(
    indices=frozenset("ijkl"),
    sizes=frozenset("m"),
    indexed=frozenset({("x", ""), ("g", "")}),
    squared=frozenset({("σ", "")}),
)

m = Symbol("m", integer=True, positive=True)
i, j, k = (Symbol(letter, integer=True) for letter in "ijk")
NAMES = ("γ", "μ_B", "σ²", "dout", "∂L/∂σ²", "∂L/∂γ", "x_norm", "β", "a", "b")
TENSORS = ("x", "x̂", "g", "∂L/∂x̂", "∂L/∂y", "γ", "σ²")
leaves = st.one_of(
    st.sampled_from([m, Symbol("ε", positive=True), *map(Symbol, NAMES)]),
    st.sampled_from([Rational(*pair) for pair in ((1, 1), (2, 1), (-3, 1), (1, 2), (-2, 3), (12, 1))]),
    st.builds(
        lambda name, index: IndexedBase(name)[index], st.sampled_from(TENSORS), st.sampled_from([i, j, k, j + 1])
    ),
    st.builds(lambda name: IndexedBase(name)[i, j], st.sampled_from(TENSORS)),
    st.builds(KroneckerDelta, st.just(i), st.sampled_from([j, k])),
)
EXPONENTS = [Rational(*pair) for pair in ((2, 1), (3, 1), (-1, 1), (-2, 1), (1, 2), (-1, 2), (-3, 2), (1, 3))]


def larger(inner):
    return st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a / b, inner, inner.filter(lambda b: b != 0)),
        st.builds(lambda a, p: a**p, inner.filter(lambda a: a != 0), st.sampled_from(EXPONENTS)),
        st.builds(lambda a, over: Sum(a, (over, 1, m)), inner, st.sampled_from([j, k])),
        st.builds(exp, inner),
        st.builds(lambda a: log(a**2 + 1), inner),
        st.builds(Abs, inner),
    )


expressions = st.recursive(leaves, larger, max_leaves=10)


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_printed_sympy_expressions_read_back(expr: Expr) -> None:
    assume(not expr.has(I, zoo, nan))  # these have no notation
    tree = parse_formula(latex(expr), DECISIONS)
    assert text(tree) == text(expr), latex(expr)
    assert parse_formula(latex(tree), DECISIONS) == tree


def test_the_formulas_of_a_layer_read_back() -> None:
    formulas = [assignment.value for assignment in LAYER.forward] + [each.value for each in LAYER.gradients]
    for expr in formulas:
        assert text(parse_formula(latex(expr), DECISIONS)) == text(expr)


atoms = st.sampled_from(
    [
        *("x", "x_i", r"\hat{x}_i", r"\mu_B", r"\sigma_B^2", "m", "2", r"\gamma", r"x_{i,j}", r"\mathcal{L}", "0.5"),
        *(
            r"\frac{\partial L}{\partial x_i}",
            r"dL/d\mu",
            r"\delta_{ij}",
            r"1\{i=j\}",
            r"\mathbf{w}_{k}",
            "x'",
            "x^{(i)}",
        ),
    ]
)


def written(inner):
    return st.one_of(
        st.builds(lambda a, b: f"{a} + {b}", inner, inner),
        st.builds(lambda a, b: f"{a} - {b}", inner, inner),
        st.builds(lambda a, b: rf"{a} \cdot {b}", inner, inner),
        st.builds(lambda a, b: rf"\left({a}\right) \left[{b}\right]", inner, inner),
        st.builds(lambda a, b: rf"\frac{{{a}}}{{{b}}}", inner, inner),
        st.builds(lambda a, b: rf"({a})^{{{b}}}", inner, inner),
        st.builds(lambda a: rf"\sqrt{{{a}}}", inner),
        st.builds(lambda a: rf"-({a})", inner),
        st.builds(lambda a: rf"\sum_{{j=1}}^m {a}", inner),
        st.builds(lambda a: rf"\sum_{{j \neq i}} {a}", inner),
        st.builds(lambda a: rf"\sum {a}", inner),
        st.builds(lambda a: rf"\frac{{\partial}}{{\partial x_i}} [{a}]", inner),
        st.builds(lambda a: rf"\operatorname{{Var}}[{a}]", inner),
        st.builds(lambda a: rf"\left\| {a} \right\|", inner),
        st.builds(lambda a, b: rf"({a}) / ({b})", inner, inner),
    )


@settings(max_examples=400, deadline=None)
@given(st.recursive(atoms, written, max_leaves=8))
def test_what_was_read_is_printed_and_read_as_the_same_tree(formula: str) -> None:
    tree = parse_formula(formula, DECISIONS)
    assert parse_formula(latex(tree), DECISIONS) == tree, latex(tree)
