"""What is printed means what the expression means: random expressions, printed, read by the published rules, evaluated.

The reader here is small and knows the rules only, not the printer. It computes the value while it reads.
"""

from __future__ import annotations

import cmath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Abs, Expr, Indexed, IndexedBase, KroneckerDelta, Rational, Sum, Symbol, conjugate, exp, im, log, sqrt
from sympy import re as re_

from derive.notation import Notation, latex, spell_out, text

SIZE = 3
m = Symbol("m", integer=True, positive=True)
i, j, k = (Symbol(letter, integer=True) for letter in "ijk")
SCALARS = {"e": cmath.e, "γ": 1.25, "μ": -0.75, "σ²": 2.5, "ε": 0.375, "dout": 1.75, "m": float(SIZE), "∂L/∂σ²": -1.125}
TENSORS = {
    "x": (0.5, -1.5, 2.25),
    "x̂": (1.125, 0.25, -0.875),
    "g": (-2.0, 0.625, 1.375),
    "∂L/∂x̂": (0.3, -0.7, 1.9),
}
FREE = {"i": 3, "j": 2, "k": 1}
FUNCTIONS: dict[str, Callable[[complex], complex]] = {"log": cmath.log, "abs": abs, "exp": cmath.exp}

# Expressions and their true value

leaves = st.one_of(
    st.sampled_from([m, *(Symbol(name) for name in ("γ", "μ", "σ²", "dout", "∂L/∂σ²")), Symbol("ε", positive=True)]),
    st.sampled_from([Rational(*pair) for pair in ((1, 1), (2, 1), (-3, 1), (1, 2), (-2, 3))]),
    st.builds(lambda name, index: IndexedBase(name)[index], st.sampled_from(list(TENSORS)), st.sampled_from([i, j, k])),
    st.builds(KroneckerDelta, st.just(i), st.sampled_from([j, k])),
)
EXPONENTS = [Rational(*pair) for pair in ((2, 1), (3, 1), (-1, 1), (-2, 1), (1, 2), (-1, 2), (-3, 2), (1, 3))]


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
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


expressions = st.recursive(leaves, _larger, max_leaves=9)


def truth(expr: Any, at: Mapping[str, int]) -> complex:
    """The value of a SymPy expression, computed without SymPy's own evaluation."""
    if isinstance(expr, Sum):
        return _sum(expr.function, [limit[0].name for limit in expr.limits], at)
    if isinstance(expr, Indexed):
        return TENSORS[str(expr.base.label)][at[expr.indices[0].name] - 1]
    if isinstance(expr, Symbol):
        return SCALARS[expr.name]
    if isinstance(expr, KroneckerDelta):
        return float(at[expr.args[0].name] == at[expr.args[1].name])
    if expr.is_number:
        return complex(expr)
    return _combined(expr, [truth(argument, at) for argument in expr.args])


def _sum(body: Any, indices: list[str], at: Mapping[str, int]) -> complex:
    """The last index is that of the outermost sum."""
    if not indices:
        return truth(body, at)
    return sum((_sum(body, indices[:-1], {**at, indices[-1]: value}) for value in range(1, SIZE + 1)), complex(0))


def _combined(expr: Any, values: list[complex]) -> complex:
    match expr.func.__name__:
        case "Add":
            return sum(values)
        case "Mul":
            product = complex(1)
            for value in values:
                product *= value
            return product
        case "Pow":
            return _off_the_cut(values[0], expr.exp) ** values[1]
        case name:
            return FUNCTIONS[name.lower()](values[0] if name != "log" else _off_the_cut(values[0], None))


def _off_the_cut(base: complex, exponent: Any) -> complex:
    """The base, unless it lies where rounding decides between two values of its root or logarithm."""
    whole = exponent is not None and exponent.is_integer
    if not whole and base.real <= 0 and abs(base.imag) < 1e-9:
        raise ValueError(base)
    return base


# The reader

_WORDS = "|".join(sorted(map(re.escape, [*SCALARS, *TENSORS, "δ"]), key=len, reverse=True))
_TEXT = re.compile(
    rf"""\s*(?: (?P<sum>Σ_(?P<over>\w)) | (?P<call>log|abs|exp)\( |
         (?P<name>{_WORDS})
         (?:_(?P<sub>[ijk]+)|(?P<low>[₁₂₃]+))? |
         (?P<number>\d+) | (?P<raised>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+) | (?P<mark>[-+−·/√^()]) )""",
    re.VERBOSE,
)
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹₁₂₃", "-0123456789123")
# LaTeX needs no second reader: it is brought into the form of the text, braces becoming brackets.
_FROM_LATEX = (
    (r"\\frac\{\\partial L\}\{\\partial \\hat\{x\}_\{(\w)\}\}", r"∂L/∂x̂_\1"),
    (r"\\frac\{\\partial L\}\{\\partial \\sigma\^\{2\}\}", "∂L/∂σ²"),
    (r"\\sum_\{(\w)=1\}\^\{(?:m|3)\}", r"Σ_\1"),
    (r"\\hat\{x\}", "x̂"), (r"\\sigma\^\{2\}", "σ²"), (r"\\mathrm\{dout\}", "dout"), (r"\\delta", "δ"),
    (r"\\gamma", "γ"), (r"\\mu", "μ"), (r"\\epsilon", "ε"), (r"_\{([ijk]+)\}", r"_\1"),
    (r"\\log\\left\(", "log("), (r"\\exp\\left\(", "exp("), (r"\\left\|", "abs("), (r"\\right\|", ")"),
    (r"\\left\(", "("), (r"\\right\)", ")"), (r"\\cdot", "·"), (r"\\sqrt\[3\]", "∛"), (r"\\sqrt", "√"),
    (r"\\frac", "%"), (r"\{", "("), (r"\}", ")"),
)  # fmt: skip


def from_latex(formula: str) -> str:
    for pattern, written in _FROM_LATEX:
        formula = re.sub(pattern, written, formula)
    return _without_bars(formula)


def _without_bars(formula: str) -> str:
    """`%(a)(b)` becomes `((a)/(b))`."""
    start = formula.rfind("%")
    if start < 0:
        return formula
    middle = _closing(formula, start + 1)
    end = _closing(formula, middle)
    fraction = f"({formula[start + 1 : middle]}/{formula[middle:end]})"
    return _without_bars(formula[:start] + fraction + formula[end:])


def _closing(formula: str, start: int) -> int:
    depth = 0
    for place in range(start, len(formula)):
        depth += (formula[place] == "(") - (formula[place] == ")")
        if depth == 0:
            return place + 1
    raise AssertionError(formula)


class Reader:
    """Reads a formula once for every value of a bound index, starting again behind its Σ."""

    def __init__(self, formula: str) -> None:
        self.formula = formula
        self.place = 0

    def value(self) -> complex:
        result = self.addition(FREE)
        assert self.place == len(self.formula), f"{self.formula[: self.place]} ⟨{self.formula[self.place :]}⟩"
        return result

    def look(self) -> re.Match[str] | None:
        return _TEXT.match(self.formula, self.place)

    def take(self, *marks: str) -> str | None:
        found = self.look()
        if found is None or found["mark"] not in marks:
            return None
        self.place = found.end()
        return found["mark"]

    def addition(self, at: Mapping[str, int]) -> complex:
        total = -self.term(at) if self.take("−", "-") else self.term(at)
        while sign := self.take("+", "−", "-"):
            total += self.term(at) if sign == "+" else -self.term(at)
        return total

    def term(self, at: Mapping[str, int]) -> complex:
        result = self.factor(at)
        while (found := self.look()) and found["mark"] not in {"+", "−", "-", ")", "/"}:
            self.take("·")
            result *= self.factor(at)
        return result

    def factor(self, at: Mapping[str, int]) -> complex:
        found = self.look()
        assert found is not None, self.formula[self.place :]
        if found["sum"]:
            start, total = found.end(), complex(0)
            for value in range(1, SIZE + 1):
                self.place = start
                total += self.term({**at, found["over"]: value})
            return total
        result = self.power(at)
        while self.take("/"):
            result /= self.power(at)
        return result

    def power(self, at: Mapping[str, int]) -> complex:
        base = self.atom(at)
        while (found := self.look()) and (found["raised"] or found["mark"] == "^"):
            self.place = found.end()
            base = base ** (int(found["raised"].translate(_DIGITS)) if found["raised"] else self.atom(at))
        return base

    def atom(self, at: Mapping[str, int]) -> complex:
        found = self.look()
        assert found is not None
        self.place = found.end()
        if found["name"]:
            return _named(found, at)
        if found["number"]:
            return float(found["number"])
        if found["mark"] == "√":
            return cmath.sqrt(self.atom(at))
        assert found["mark"] == "(" or found["call"]
        inside = self.addition(at)
        assert self.take(")")
        return FUNCTIONS[found["call"]](inside) if found["call"] else inside


def _named(found: re.Match[str], at: Mapping[str, int]) -> complex:
    name, letters, digits = found["name"], found["sub"], found["low"]
    values = [at[letter] for letter in letters or ""] or list(map(int, (digits or "").translate(_DIGITS)))
    if name == "δ":
        return float(values[0] == values[1])
    return TENSORS[name][values[0] - 1] if values else SCALARS[name]


def _same(first: complex, second: complex) -> bool:
    return abs(first - second) <= 1e-6 * max(1.0, abs(first), abs(second))


def _true_value(expr: Expr) -> complex:
    """The value, or the example is given up: 1/0, overflow, or a number only rounding decides."""
    try:
        value = truth(expr, FREE)
        small = abs(value) < 1e9
    except (ZeroDivisionError, OverflowError, ValueError, TypeError):
        value, small = complex("nan"), False
    assume(small)
    return value


def _nodes(expr: Any) -> Iterator[Any]:
    yield expr
    for argument in expr.args:
        yield from _nodes(argument)


def _is_fair(expr: Any) -> bool:
    """No complex numbers, whose branch rounding decides, and no functions but those of the test."""
    nodes = [node for node in _nodes(expr) if isinstance(node, Expr)]
    return not expr.has(re_, im, conjugate) and all(node.is_real for node in nodes if node.is_number)


@settings(max_examples=250, deadline=None)
@given(expressions)
def test_text_and_latex_read_back_to_the_same_value(expr: Expr) -> None:
    assume(_is_fair(expr))
    value = _true_value(expr)
    assert _same(Reader(text(expr)).value(), value), text(expr)
    assert _same(Reader(from_latex(latex(expr))).value(), value), latex(expr)


@settings(max_examples=120, deadline=None)
@given(expressions)
def test_spelled_out_is_the_same_value(expr: Expr) -> None:
    assume(_is_fair(expr))
    value = _true_value(expr)
    spelled = spell_out(expr, SIZE, m, {i: FREE["i"], j: FREE["j"], k: FREE["k"]})
    assert "Σ" not in text(spelled)
    assert _same(Reader(text(spelled)).value(), value), (text(expr), text(spelled))


def test_the_reader_knows_right_from_wrong() -> None:
    right, wrong = sqrt(Symbol("γ")) / m * Sum(IndexedBase("x")[j], (j, 1, m)), "√(γ)/m + Σ_j x_j"
    assert _same(Reader(Notation().text(right)).value(), truth(right, FREE))
    assert not _same(Reader(wrong).value(), truth(right, FREE))
