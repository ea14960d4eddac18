"""A syntax tree as LaTeX, for math mode.

Promises: what comes out compiles whatever the names are, needs no package beyond amsmath, and has the brackets that the
text has except where a fraction bar, a root or braces already hold things together.
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import Final, assert_never

from derive.notation.names import joined
from derive.notation.syntax import (
    BASE,
    BODY,
    FACTOR,
    LAST_FACTOR,
    TERM,
    Addition,
    Bracket,
    Call,
    Derivative,
    Fraction,
    Indicator,
    Minus,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Product,
    Root,
    Summation,
    lacks_bracket,
)

__all__ = ["render"]

_GREEK: Final = MappingProxyType({
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi",
    "ϱ": "varrho", "ϖ": "varpi", "∂": "partial", "∇": "nabla", "ℓ": "ell", "∞": "infty",
})  # fmt: skip
_NARROW: Final = MappingProxyType(
    {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec"}
)
_ESCAPES: Final = MappingProxyType(
    {char: f"{{}}^{{{digit}}}" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    | {char: f"{{}}_{{{digit}}}" for digit, char in enumerate("₀₁₂₃₄₅₆₇₈₉")}
    | {"\\": r"\backslash{}", "^": r"{\wedge}", "~": r"{\sim}", "′": "'"}
    | {char: f"\\{char}" for char in "{}_#$%&"}
)
_CLOSING: Final = MappingProxyType({"(": ")", "[": "]", "{": r"\}"})
_FUNCTIONS: Final = frozenset(
    ("log", "ln", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "arg", "det", "dim", "gcd")
)
_CALLED: Final = frozenset(Name(letter) for letter in "fFLℒJℓl")


def render(node: Node) -> str:
    """The tree as LaTeX."""
    match node:
        case Name():
            line = _name(node)
        case Number(digits):
            line = digits
        case Product(factors):
            line = _product(factors)
        case Partial(above, below):
            line = rf"\frac{{\partial {_name(above)}}}{{\partial {_name(below)}}}"
        case Fraction(above, below):
            line = rf"\frac{{{render(above)}}}{{{render(below)}}}"
        case Addition(terms):
            line = _addition(terms)
        case Minus(value):
            line = f"-{_placed(value, TERM)}"
        case _:
            line = _enclosing(node)
    return line


def _enclosing(node: Derivative | Indicator | Power | Root | Summation | Call | Bracket) -> str:
    match node:
        case Power(base, exponent):
            return f"{_placed(base, BASE)}^{{{_exponent(exponent)}}}"
        case Root(value, degree):
            return rf"\sqrt{{{render(value)}}}" if degree == 2 else rf"\sqrt[{degree}]{{{render(value)}}}"
        case Summation():
            return f"{_sigma(node)} {_placed(node.body, BODY)}"
        case _:
            return _delimited(node)


def _delimited(node: Derivative | Indicator | Call | Bracket) -> str:
    match node:
        case Derivative(body, below):
            return rf"\frac{{\partial}}{{\partial {_name(below)}}} \left[ {render(body)} \right]"
        case Indicator():
            return _indicator(node)
        case Call():
            return _call(node)
        case Bracket(body, opening):
            return rf"\left{_escaped(opening) if opening == '{' else opening} {render(body)} \right{_CLOSING[opening]}"
        case _:
            assert_never(node)


def _indicator(node: Indicator) -> str:
    if node.mark == "δ":
        return _name(Name("δ", indices=(node.left, node.right)))
    relation = "=" if node.relation == "=" else r"\neq"
    return rf"\left[ {render(node.left)} {relation} {render(node.right)} \right]"


def _placed(node: Node, place: int) -> str:
    return rf"\left( {render(node)} \right)" if lacks_bracket(node, place) else render(node)


def _addition(terms: tuple[Node, ...]) -> str:
    first, *others = terms
    start = render(first) if isinstance(first, Minus) else _placed(first, TERM)
    return start + "".join(_signed(term) for term in others)


def _signed(term: Node) -> str:
    return f" - {_placed(term.value, TERM)}" if isinstance(term, Minus) else f" + {_placed(term, TERM)}"


def _product(factors: tuple[Node, ...]) -> str:
    pieces = [_placed(factor, FACTOR) for factor in factors[:-1]] + [_placed(factors[-1], LAST_FACTOR)]
    line = pieces[0]
    for before, factor, piece in zip(factors, factors[1:], pieces[1:], strict=False):
        called = piece.startswith(r"\left(") and _calls(before, factor)
        line += rf" \cdot {piece}" if piece[0].isdecimal() or called else f" {piece}"
    return line


def _calls(before: Node, factor: Node) -> bool:
    """Whether a name and a bracket side by side read as a function and its argument: L(a + b), x(y)²."""
    base = factor.base if isinstance(factor, Power) else factor
    inside = base.body if isinstance(base, Bracket) else base
    return isinstance(before, Name) and (before in _CALLED or isinstance(inside, Name | Indicator))


def _exponent(exponent: Node) -> str:
    match exponent:
        case Fraction(Number(above), Number(below)):
            return f"{above}/{below}"
        case Minus(Fraction(Number(above), Number(below))):
            return f"-{above}/{below}"
        case _:
            return render(exponent)


def _call(node: Call) -> str:
    inside = ", ".join(map(render, node.arguments))
    if node.function == "abs":
        return rf"\left| {inside} \right|"
    if node.function == "norm":
        return rf"\left\| {inside} \right\|"
    return rf"{_operator(node.function)}\left( {inside} \right)"


def _operator(function: str) -> str:
    if function in _FUNCTIONS:
        return rf"\{function}"
    return _letters(function) if len(function) == 1 and function != "E" else rf"\operatorname{{{_escaped(function)}}}"


def _sigma(node: Summation) -> str:
    if node.index is None:
        return r"\sum"
    index = _name(node.index)
    high = f"^{{{render(node.high)}}}" if node.high is not None else ""
    told = [f"{index}={render(node.low)}"] if node.low is not None else []
    told += [rf"{index} \in {render(node.within)}"] if node.within is not None else []
    told += [rf"{index} \neq {render(node.other_than)}"] if node.other_than is not None else []
    return rf"\sum_{{{', '.join(told) or index}}}{high}"


def _name(name: Name) -> str:
    letters = _accented(name)
    primes = "'" * name.superscript.count("′")
    digits = name.superscript.replace("′", "").replace("−", "-")
    return letters + primes + (f"^{{{digits}}}" if digits else "") + _subscripts(name)


def _accented(name: Name) -> str:
    letters = _letters(name.base)
    return rf"\{_NARROW[name.accent]}{{{letters}}}" if name.accent else letters


def _subscripts(name: Name) -> str:
    written = [render(index) for index in name.indices]
    if name.label:
        written.insert(0, name.label if name.label.isdecimal() else _letters(name.label))
    if not written:
        return ""
    bare = not name.label and joined(name.indices) and not written[0].isdecimal()
    return f"_{{{_side_by_side(written) if bare else ','.join(written)}}}"


def _side_by_side(letters: list[str]) -> str:
    r"""ij, but `\alpha j` with a space where a macro would swallow the letter behind it."""
    return "".join(f"{letter} " if letter[0] == "\\" else letter for letter in letters).rstrip()


def _letters(word: str) -> str:
    """One letter is a variable, more are a word."""
    return _letter(word) if len(word) == 1 else rf"\mathrm{{{_escaped(word)}}}"


def _letter(char: str) -> str:
    if char in _GREEK:
        return rf"\{_GREEK[char]}"
    if not char.isascii() and "SCRIPT" in unicodedata.name(char, ""):
        return rf"\mathcal{{{unicodedata.normalize('NFKC', char)}}}"
    return char if char.isalnum() else rf"\mathrm{{{_escaped(char)}}}"


def _escaped(word: str) -> str:
    r"""A word for use inside \mathrm: special characters escaped, accents on the letter before them."""
    out: list[str] = []
    for char in word:
        if char in _NARROW and out:
            out[-1] = rf"\{_NARROW[char]}{{{out[-1].rstrip()}}}"
        elif char in _GREEK:
            out.append(rf"\{_GREEK[char]} ")
        else:
            out.append(_ESCAPES.get(char) or (char if char.isprintable() and char != " " else r"\ "))
    return "".join(out).rstrip() if word[-1:] in _GREEK else "".join(out)
