"""Names of a document as the plain names of the program, and what is known of each: its rank and its sizes."""

from __future__ import annotations

from collections.abc import Iterator

from derive.notation.names import superscript
from derive.notation.syntax import Bracket, Derivative, Indicator, Name, Node, Number, Partial, Summation

__all__ = ["letters", "names_in", "plain", "reads"]

_SAME = {"ϵ": "ε", "ϕ": "φ", "ϑ": "θ", "ϱ": "ρ", "ς": "σ"}  # two shapes of one letter


def plain(name: Name) -> str:
    """The name without its indices, in the spelling that `derive.notation.names` reads: σ²_B, x̂, x_norm."""
    base = _SAME.get(name.base, name.base)
    raised = superscript(name.superscript) if name.superscript.lstrip("−").isdecimal() else name.superscript
    label = f"_{name.label}" if len(name.label) < 2 or name.label.isalnum() else f"_{{{name.label}}}"
    return f"{base}{name.accent}{raised}{label if name.label else ''}"


def letters(name: Name) -> tuple[str, ...] | None:
    """The index letters of a name, None if one is not a letter of its own or stands twice."""
    found = tuple(index.base for index in name.indices if isinstance(index, Name) and not index.indices)
    return found if len(found) == len(name.indices) == len(set(found)) else None


def names_in(tree: Node) -> Iterator[Name]:
    """Every quantity in a tree: not index letters, not the parts of derivatives and of δ_ij."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case Name():
                yield node
            case Partial() | Indicator():
                pass
            case _:
                waiting.extend(part for part in reversed(_quantities(node)))


def _quantities(node: Node) -> tuple[Node, ...]:
    """The parts of a node that are values: no bound index, no limits."""
    match node:
        case Derivative(body, bottom):
            return body, bottom
        case Summation(body=body) | Bracket(body=body):
            return (body,)
    return node.parts


def reads(tree: Node) -> set[str]:
    """The plain names a value reads, those inside derivatives included; index letters are no names."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case Name():
                found.add(plain(node))
            case Indicator():
                pass
            case Partial(top, bottom):
                found |= {plain(top), plain(bottom)}
            case _:
                waiting.extend(_quantities(node))
    return found


def whole_number(node: Node | None) -> int | None:
    return int(node.digits) if isinstance(node, Number) and node.digits.isdecimal() else None
