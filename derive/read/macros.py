r"""Simple macros: \newcommand, \renewcommand, \providecommand, \def and \DeclareMathOperator, expanded in tokens.

Promises: an expanded token stands where the macro was used; expansion is bounded in depth and length, so macros that
call each other end in an error. A macro with default arguments, or with two definitions that differ, is not expanded,
and its use is then a command that nobody knows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from derive.read.errors import Misread
from derive.read.limits import MACRO_DEPTH, MACROS, TOKENS
from derive.read.tokens import Token, tokens_of

__all__ = ["DEFINITION", "Macro", "definition_end", "definitions", "expanded"]

DEFINITION: Final = re.compile(
    r"""\\(?:(?:re|provide)?newcommand|providecommand|renewcommand|DeclareMathOperator)\*?\s*
        (?:\{\s*(?P<braced>\\[A-Za-z]+)\s*\}|(?P<bare>\\[A-Za-z]+))\s*(?:\[(?P<count>\d)\])?\s*(?P<default>\[)?
      | \\def\s*(?P<def>\\[A-Za-z]+)\s*(?P<parameters>(?:\#[1-9])*)\s*(?=\{)""",
    re.VERBOSE,
)
_LONGEST: Final = 2000  # characters of a macro's body


@dataclass(frozen=True, slots=True)
class Macro:
    """How many arguments it takes, and what it stands for; an argument is a mark `#` and a digit."""

    count: int
    body: tuple[tuple[str, str], ...]


def definitions(text: str) -> dict[str, Macro]:
    """All macros that a text defines in one way only."""
    macros: dict[str, Macro] = {}
    twice: set[str] = set()
    for found in islice(DEFINITION.finditer(text), MACROS):
        name = found["braced"] or found["bare"] or found["def"]
        macro = _macro(text, found)
        if macro is None or macros.setdefault(name, macro) != macro:
            twice.add(name)
    return {name: macro for name, macro in macros.items() if name not in twice}


def definition_end(text: str, found: re.Match[str]) -> int:
    """Where a definition ends, so that its body is not taken for maths of the document."""
    return _body_end(text, found.end()) or found.end()


def _macro(text: str, found: re.Match[str]) -> Macro | None:
    end = _body_end(text, found.end())
    if end is None or found["default"]:
        return None
    count = len(found["parameters"] or "") // 2 if found["def"] else int(found["count"] or 0)
    body = tuple((token.kind, token.text) for token in tokens_of(text, found.end() + 1, end - 1))
    if "DeclareMathOperator" in found[0]:
        body = (("command", "\\operatorname"), ("mark", "{"), *body, ("mark", "}"))
    return Macro(count, body)


def _body_end(text: str, start: int) -> int | None:
    """Behind the brace that closes the one at `start`."""
    if text[start : start + 1] != "{":
        return None
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, start + _LONGEST):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return None


def expanded(tokens: list[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """The tokens with every macro replaced by what it stands for."""
    if not any(token.kind == "command" and token.text in macros for token in tokens):
        return tokens
    counts = Counter(token.text for token in tokens if token.kind == "command")
    if not counts.keys() & macros.keys():
        return tokens
    for _ in range(MACRO_DEPTH):
        tokens, changed = _once(tokens, macros)
        if not changed:
            return tokens
    first = next(token for token in tokens if token.kind == "command" and token.text in macros)
    raise Misread(first.start, f"the macro {first.text} uses itself, or too many others; write out what it stands for")


def _once(tokens: list[Token], macros: Mapping[str, Macro]) -> tuple[list[Token], bool]:
    out: list[Token] = []
    at, changed = 0, False
    while at < len(tokens):
        token = tokens[at]
        macro = macros.get(token.text) if token.kind == "command" else None
        at += 1
        if macro is None:
            out.append(token)
            continue
        arguments, at = _arguments(tokens, at, macro.count, token)
        out.extend(_filled(macro, arguments, token))
        changed = True
        if len(out) > TOKENS // 10:
            raise Misread(token.start, f"the macro {token.text} makes the formula too long; write it out")
    return out, changed


def _arguments(tokens: list[Token], at: int, count: int, use: Token) -> tuple[list[Sequence[Token]], int]:
    found: list[Sequence[Token]] = []
    for _ in range(count):
        if at >= len(tokens):
            raise Misread(use.start, f"the macro {use.text} takes {count} arguments, and fewer are given")
        end = at + 1 if tokens[at][:2] != ("mark", "{") else _closing(tokens, at)
        found.append(tokens[at:end] if end == at + 1 else tokens[at + 1 : end - 1])
        at = end
    return found, at


def _closing(tokens: list[Token], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        if tokens[place].kind == "mark":
            depth += {"{": 1, "}": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place + 1
    raise Misread(tokens[at].start, "this brace is never closed")


def _filled(macro: Macro, arguments: list[Sequence[Token]], use: Token) -> list[Token]:
    out: list[Token] = []
    body, at = macro.body, 0
    while at < len(body):
        kind, text = body[at]
        following = body[at + 1] if at + 1 < len(body) else ("", "")
        if (kind, text) == ("mark", "#") and following[0] == "digit" and 0 < int(following[1]) <= len(arguments):
            out.extend(token._replace(start=use.start, end=use.end) for token in arguments[int(following[1]) - 1])
            at += 2
        else:
            out.append(Token(kind, text, use.start, use.end))
            at += 1
    return out
