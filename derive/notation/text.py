"""A syntax tree as one line of Unicode text.

Promises: the text reads back to the same meaning by these rules. A slash holds tighter than a space and takes one
factor to its right; a Σ reaches to the next + or − at its level; a superscript belongs to the name and its indices.
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import Final, assert_never

from derive.notation.names import joined, subscript, superscript
from derive.notation.syntax import (
    BASE,
    BODY,
    BOTTOM,
    FACTOR,
    LAST_FACTOR,
    ONE,
    TERM,
    TOP,
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
    open_ended,
)

__all__ = ["render"]

_CLOSING: Final = MappingProxyType({"(": ")", "[": "]", "{": "}"})
_ROOTS: Final = MappingProxyType({2: "√", 3: "∛", 4: "∜"})


def render(node: Node) -> str:
    """The tree as text."""
    match node:
        case Name():
            line = _name(node)
        case Number(digits):
            line = digits
        case Product(factors):
            line = _product(factors)
        case Partial(above, below):
            line = f"∂{_name(above)}/∂{_name(below)}"
        case Fraction(above, below):
            line = f"{_top(above)}/{_placed(below, BOTTOM)}"
        case Addition(terms):
            line = _addition(terms)
        case Minus(value):
            line = f"−{_placed(value, TERM)}"
        case _:
            line = _enclosing(node)
    return line


def _enclosing(node: Derivative | Indicator | Power | Root | Summation | Call | Bracket) -> str:
    match node:
        case Power(base, exponent):
            return _placed(base, BASE) + _exponent(exponent)
        case Root():
            return _root(node, bare=True)
        case Summation():
            return f"{_sigma(node)} {_placed(node.body, BODY)}"
        case _:
            return _delimited(node)


def _delimited(node: Derivative | Indicator | Call | Bracket) -> str:
    match node:
        case Derivative(body, below):
            return f"∂/∂{_name(below)} [{render(body)}]"
        case Indicator():
            return _indicator(node)
        case Call("norm", (argument,)):
            return f"‖{render(argument)}‖"
        case Call(function, arguments):
            return f"{function}({', '.join(map(render, arguments))})"
        case Bracket(body, opening):
            return f"{opening}{render(body)}{_CLOSING[opening]}"
        case _:
            assert_never(node)


def _indicator(node: Indicator) -> str:
    if node.mark == "δ":
        return _name(Name("δ", indices=(node.left, node.right)))
    return f"[{render(node.left)} {node.relation} {render(node.right)}]"


def _placed(node: Node, place: int) -> str:
    return f"({render(node)})" if lacks_bracket(node, place) else render(node)


def _name(name: Name) -> str:
    letter = unicodedata.normalize("NFC", name.base + name.accent) if name.accent else name.base
    return letter + superscript(name.superscript) + _subscripts(name)


def _subscripts(name: Name) -> str:
    indices = name.indices
    if not name.label and not indices:
        return ""
    if not indices:
        return subscript(name.label) if name.label.isdecimal() else f"_{name.label}"
    written = [_compact(render(index)) for index in indices]
    if name.label or not joined(indices):
        if len(written) == 1 and not name.label and written[0].isdecimal():
            return subscript(written[0])
        return f"_{{{','.join([name.label, *written] if name.label else written)}}}"
    together = "".join(written)
    return subscript(together) if together.isdecimal() else f"_{together}"


def _compact(index: str) -> str:
    return index.replace(" + ", "+").replace(" − ", "−")


def _addition(terms: tuple[Node, ...]) -> str:
    first, *others = terms
    start = render(first) if isinstance(first, Minus) else _placed(first, TERM)
    return start + "".join(_signed(term) for term in others)


def _signed(term: Node) -> str:
    return f" − {_placed(term.value, TERM)}" if isinstance(term, Minus) else f" + {_placed(term, TERM)}"


def _product(factors: tuple[Node, ...]) -> str:
    last = len(factors) - 1
    pieces = [_factor(factor, factors[place + 1] if place < last else None) for place, factor in enumerate(factors)]
    line = pieces[0]
    for place in range(1, len(factors)):
        line += _glue(factors[place - 1], factors[place], pieces[place]) + pieces[place]
    return line


def _factor(factor: Node, following: Node | None) -> str:
    """A fraction with factors behind it is bracketed unless its bottom shows by a bracket where it ends."""
    if following is None:
        return _placed(factor, LAST_FACTOR)
    if isinstance(factor, Root):
        return _root(factor, bare=False)
    bare_bottom = isinstance(factor, Fraction) and not lacks_bracket(factor.bottom, BOTTOM)
    unclear = isinstance(factor, Partial) and not isinstance(following, Partial)
    return f"({render(factor)})" if bare_bottom or unclear else _placed(factor, FACTOR)


def _glue(before: Node, node: Node, piece: str) -> str:
    """What stands between two factors: 2·3, 2x_i, 2(a + b), m√2, γ x."""
    if piece[0].isdecimal():
        return "·"
    if piece[0] in "√∛∜" and (isinstance(before, Number) or (isinstance(before, Name) and not before.indices)):
        return ""
    first = node.base if isinstance(node, Power) else node
    letter = (isinstance(first, Name) and len(first.base) == 1) or (isinstance(first, Indicator) and first.mark == "δ")
    return "" if isinstance(before, Number) and (letter or piece[0] == "(") else " "


def _top(node: Node) -> str:
    """A numerator. One that ends in a slash or in a Σ is bracketed, so that the next slash can't be misread."""
    last = node.factors[-1] if isinstance(node, Product) else node
    unclear = open_ended(node) or isinstance(last, Fraction | Partial)
    return f"({render(node)})" if unclear else _placed(node, TOP)


def _exponent(exponent: Node) -> str:
    match exponent:
        case Number(digits) if digits.isdecimal():
            return superscript(digits)
        case Minus(Number(digits)) if digits.isdecimal():
            return superscript(f"−{digits}")
        case Name() if exponent == Name(exponent.base):
            return f"^{exponent.base}"
        case _:
            return f"^({render(exponent)})"


def _root(root: Root, *, bare: bool) -> str:
    """√m where nothing follows, √(m) where something could be taken for a part of it."""
    if root.degree not in _ROOTS:
        return f"{_placed(root.value, BASE)}^(1/{root.degree})"
    value = root.value
    short = isinstance(value, Number) or (isinstance(value, Name) and value == Name(value.base))
    return _ROOTS[root.degree] + (render(value) if bare and short else f"({render(value)})")


def _sigma(node: Summation) -> str:
    """Σ with its index; with its range too where that is not 1 to a size."""
    if node.index is None:
        return "Σ"
    index = _name(node.index)
    if node.other_than is not None or node.within is not None:
        return f"Σ_{{{_conditions(node, index)}}}"
    if node.low in {None, ONE} and (node.high is None or isinstance(node.high, Name)):
        return f"Σ_{index}" if len(index) == 1 else f"Σ_{{{index}}}"
    low, high = (_compact(render(end)) if end is not None else "" for end in (node.low, node.high))
    return f"Σ_{{{index}={low}..{high}}}"


def _conditions(node: Summation, index: str) -> str:
    """j≠i, i∈B; with a range that is not 1 to a size before it."""
    low, high = (_compact(render(end)) if end is not None else "" for end in (node.low, node.high))
    told = [f"{index}={low}..{high}"] if low or high else []
    told += [f"{index}∈{render(node.within)}"] if node.within is not None else []
    told += [f"{index}≠{_compact(render(node.other_than))}"] if node.other_than is not None else []
    return ", ".join(told)
