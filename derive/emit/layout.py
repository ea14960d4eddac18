"""Source text: long lines broken the way a formatter breaks them."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

__all__ = ["WIDEST", "docstring", "function", "indented", "wrapped"]

WIDEST = 100
"""Characters of the longest line of emitted source."""

OPENING, CLOSING = "([{", ")]}"


def indented(text: str, depth: int = 1) -> str:
    """Every line of a text moved to the right."""
    return "\n".join("    " * depth + line if line else line for line in text.split("\n"))


def function(head: str, lines: Iterable[str], doc: str = "") -> str:
    """A function or method: its `def` line, a docstring if there is one, and its statements."""
    text = "\n".join([*([docstring(doc)] if doc else []), *lines])
    body = (wrapped(line, WIDEST - 4) for line in text.split("\n"))
    return "\n".join([wrapped(head, WIDEST), *map(indented, body)])


def docstring(text: str) -> str:
    """A text as a docstring, whatever it holds."""
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{safe}\n"""' if "\n" in safe else f'"""{safe}"""'


def wrapped(line: str, width: int) -> str:
    """A statement in as many lines as it needs, behind its own indentation.

    The arguments of its last call stand below each other, or the terms of its sum; a comment behind it goes above it.
    """
    if len(line) <= width:
        return line
    code = line.lstrip(" ")
    margin = len(line) - len(code)
    return "\n".join(" " * margin + each for each in _broken(code, width - margin).split("\n"))


def _broken(code: str, width: int) -> str:
    if code.startswith("# "):
        return "\n".join(f"# {part}" for part in wrap(code[2:], width - 2, break_long_words=False))
    statement, mark, comment = code.partition("  # ")
    if mark:
        return f"{_broken(f'# {comment}', width)}\n{wrapped(statement, width)}"
    if statement.startswith("return ") and len(_split(statement, ", ")) > 1:
        return _below("return (", _split(statement.removeprefix("return "), ", "), ")")
    if statement.startswith("def "):
        name, _, parameters = statement.removesuffix("):").partition("(")
        return _below(f"{name}(", _split(parameters, ", "), "):")
    start, parts = _arguments(statement)
    return _below(statement[:start], parts, statement[-1]) if parts else _by_terms(statement, width)


def _by_terms(statement: str, width: int) -> str:
    target, equals, value = statement.partition("= ")
    if not equals:
        return statement
    return "\n".join([f"{target}{equals}(", *map(indented, _spread(value, width - 4)), ")"])


def _spread(value: str, width: int) -> list[str]:
    """A formula term by term, or else factor by factor, and its brackets in the same way where they are too long."""
    if len(value) <= width:
        return [value]
    for marks in ((" + ", " - "), (" * ", " / ")):
        pieces = _split(value, *marks)
        if len(pieces) > 1:
            return [line for piece in pieces for line in _in_brackets(piece.strip(), width)]
    return _in_brackets(value, width)


def _in_brackets(piece: str, width: int) -> list[str]:
    """A term or factor behind its sign; what stands in its brackets on lines of its own if it is too long."""
    sign = piece[:2] if piece[:2] in {"+ ", "- ", "* ", "/ "} else ""
    operand = piece.removeprefix(sign)
    if len(piece) <= width or not operand.startswith("(") or _closing(operand) != len(operand) - 1:
        return [piece]
    return [f"{sign}(", *map(indented, _spread(operand[1:-1], width - 4)), ")"]


def _closing(text: str) -> int:
    """Where the bracket is closed that a text starts with."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if depth == 0:
            return place
    return -1


def _below(start: str, parts: list[str], end: str) -> str:
    """Parts below each other, in brackets."""
    return "\n".join([start, *(f"{indented(part)}," for part in parts), end])


def _arguments(code: str) -> tuple[int, list[str]]:
    """Where the brackets of a call begin that is the whole of a statement's value, and what stands between them."""
    if code[-1] not in CLOSING:
        return 0, []
    depth = 0
    for start in range(len(code) - 1, -1, -1):
        depth += (code[start] in CLOSING) - (code[start] in OPENING)
        if depth == 0:
            name = code[:start].rpartition("= ")[2]
            is_call = name.replace(".", "").isidentifier()
            return (start + 1, _split(code[start + 1 : -1], ", ")) if is_call else (0, [])
    return 0, []


def _split(text: str, *marks: str) -> list[str]:
    """The parts of a text between marks that are in no brackets. A mark that is no comma stays ahead of its part."""
    parts, depth, last = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        found = next((mark for mark in marks if depth == 0 and text.startswith(mark, place)), None)
        if found is not None:
            parts.append(text[last:place])
            last = place + (len(found) if found == ", " else 0)
    return [*parts, text[last:]]
