"""Source text: long lines broken the way a formatter breaks them."""

from __future__ import annotations

from textwrap import wrap

__all__ = ["WIDEST", "indented", "wrapped"]

WIDEST = 100
"""Characters of the longest line of emitted source."""

OPENING, CLOSING = "([{", ")]}"


def indented(text: str, depth: int = 1) -> str:
    """Every line of a text moved to the right."""
    return "\n".join("    " * depth + line if line else line for line in text.split("\n"))


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
    return _below(statement[:start], parts, statement[-1]) if parts else _by_terms(statement)


def _by_terms(statement: str) -> str:
    target, equals, value = statement.partition("= ")
    terms = "\n".join(map(indented, _terms(value)))
    return f"{target}{equals}(\n{terms}\n)" if equals else statement


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


def _split(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that are in no brackets."""
    parts, depth, last = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if depth == 0 and text.startswith(mark, place):
            parts.append(text[last:place])
            last = place + len(mark)
    return [*parts, text[last:]]


def _terms(value: str) -> list[str]:
    """The terms of a sum, each with its sign."""
    first, *rest = [piece for part in _split(value, " + ") for piece in _differences(part)]
    return [first.removeprefix("+ "), *rest]


def _differences(part: str) -> list[str]:
    first, *rest = _split(part, " - ")
    return [f"+ {first}", *(f"- {one}" for one in rest)]
