"""Which bracket closes which, in one linear pass, for brackets of all kinds and for environments.

Promises: a bracket that has no partner gets none and disturbs no other; braces and environments are never crossed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from derive.read.errors import Misread
from derive.read.limits import DEPTH
from derive.read.tokens import Token

__all__ = ["CLOSERS", "OPENERS", "paired"]

OPENERS: Final = MappingProxyType({"{": "}", "(": ")", "[": "]", "\\{": "\\}", "|(": ")|", "‖(": ")‖"})
CLOSERS: Final = frozenset(OPENERS.values())
_BARS: Final = frozenset({"|", "‖"})


def paired(tokens: Sequence[Token]) -> dict[int, int]:
    """Each opening token's index with that of its partner."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind == "begin" or (token.kind == "mark" and token.text in OPENERS):
            stack.append(place)
            if len(stack) > 2 * DEPTH:
                raise Misread(token.start, f"brackets are nested more than {2 * DEPTH} deep here")
        elif token.kind == "mark" and token.text in _BARS:
            _bar(tokens, place, stack, pairs)
        elif token.kind == "end" or (token.kind == "mark" and token.text in CLOSERS):
            _close(tokens, place, stack, pairs)
    return pairs


def _bar(tokens: Sequence[Token], place: int, stack: list[int], pairs: dict[int, int]) -> None:
    """A plain bar closes the bar before it at its level, or else opens."""
    if stack and tokens[stack[-1]][:2] == tokens[place][:2]:
        pairs[stack.pop()] = place
    else:
        stack.append(place)


def _close(tokens: Sequence[Token], place: int, stack: list[int], pairs: dict[int, int]) -> None:
    """What stands open inside a brace or an environment is left without a partner when that is closed."""
    token = tokens[place]
    hard = token.kind == "end" or token.text == "}"
    depth = len(stack)
    while depth and _passes(tokens[stack[depth - 1]], token, hard=hard):
        depth -= 1
    if depth and _partner(tokens[stack[depth - 1]]) == token[:2]:
        pairs[stack[depth - 1]] = place
        del stack[depth - 1 :]


def _passes(opener: Token, closer: Token, *, hard: bool) -> bool:
    """Whether the search for a closer's partner goes past this opener."""
    if _partner(opener) == closer[:2]:
        return False
    if hard:
        return opener.kind == "mark" and opener.text != "{"
    return opener.kind == "mark" and opener.text in _BARS


def _partner(opener: Token) -> tuple[str, str]:
    if opener.kind == "begin":
        return "end", opener.text
    return "mark", OPENERS.get(opener.text, opener.text)
