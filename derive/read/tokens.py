"""Text of maths → tokens with their offsets, in one linear pass.

Promises: every character that is not white space or a comment is in a token or in the text of one; what is not
understood becomes a token of its own, which no grammar rule takes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from derive.notation.names import ACCENTS as COMBINING
from derive.read.commands import CHARACTERS

__all__ = ["Token", "tokens_of"]


class Token(NamedTuple):
    r"""A piece of text with a kind: letter, digit, mark, command, space, row, begin, end, combining, strange.

    After `reduce` also: word, operator (a word of \operatorname), prose, wide, indicator, partial (an upright d).
    """

    kind: str
    text: str
    start: int
    end: int


_ARRAYS: Final = r"(?:array|alignat\*?|alignedat)"
_TOKEN: Final = re.compile(
    rf"""(?P<blank>(?:\s|(?<!\\)%[^\n]*)+)
      | \\begin\s*\{{\s*(?P<begin>{_ARRAYS})\s*\}}(?:\[[tbc]\])?\{{[lcr|@{{}}!\d\s.:]*\}}
      | \\begin\s*\{{\s*(?P<opens>[A-Za-z]+\*?)\s*\}}(?:\[[tbc]\])?
      | \\end\s*\{{\s*(?P<end>[A-Za-z]+\*?)\s*\}}
      | (?P<row>\\\\\*?(?:\[-?\d*\.?\d+\s*(?:pt|em|ex|cm|mm|in|mu|\\jot)\])? | \\cr\b | \\newline\b)
      | (?P<command>\\[A-Za-z]+\*?)
      | (?P<space>\\[,:;!>\ \n\t/]|~)
      | (?P<escaped>\\.)
      | (?P<dots>\.\.\.)
      | (?P<assign>:\s*=)
      | (?P<bars>\|\|)
      | (?P<digit>[0-9])
      | (?P<letter>[A-Za-z])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_FIXED: Final = {"dots": "…", "assign": ":=", "bars": "‖"}
_ESCAPED: Final = {"\\|": "‖", "\\{": "\\{", "\\}": "\\}"}
_PLAIN: Final = frozenset("+-*/^_{}()[]|&,;:=<>'.!#$@?\"`")
_UP: Final = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))
_DOWN: Final = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖ", "0123456789ijk", strict=True))


def tokens_of(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The tokens of text[start:end], with offsets into `text`."""
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text, start, len(text) if end is None else end):
        kind = found.lastgroup or "other"
        if kind == "blank":
            continue
        if kind in {"digit", "letter", "row", "space"}:
            tokens.append(Token(kind, found[0], found.start(), found.end()))
        elif kind in _FIXED:
            tokens.append(Token("mark", _FIXED[kind], found.start(), found.end()))
        else:
            tokens.extend(_special(kind, found))
    return tokens


def _special(kind: str, found: re.Match[str]) -> Iterator[Token]:
    start, end, char = found.start(), found.end(), found[0]
    if kind == "command":
        name = char if char == "\\operatorname*" else char.rstrip("*")
        yield Token("command", name.rstrip("*"), start, end)
        if char.endswith("*") and name == char.rstrip("*"):
            yield Token("mark", "*", end - 1, end)
    elif kind in {"begin", "opens", "end"}:
        yield Token("end" if kind == "end" else "begin", found[kind].rstrip("*"), start, end)
    elif kind == "escaped":
        yield Token("mark", _ESCAPED[char], start, end) if char in _ESCAPED else Token("strange", char, start, end)
    elif char in _PLAIN:
        yield Token("mark", char, start, end)
    else:
        yield from _unicode(char, start, end)


def _unicode(char: str, start: int, end: int) -> Iterator[Token]:
    if char in CHARACTERS:
        yield Token("mark", CHARACTERS[char], start, end)
    elif char in _UP or char in _DOWN:
        scripts = _UP if char in _UP else _DOWN
        yield Token("raised" if char in _UP else "lowered", scripts[char], start, end)
    elif char in {"∂", "√"}:
        yield Token("command", "\\partial" if char == "∂" else "\\sqrt", start, end)
    elif char in COMBINING:
        yield Token("combining", char, start, end)
    elif len(apart := unicodedata.normalize("NFD", char)) == 2 and apart[1] in COMBINING:
        yield Token("letter", apart[0], start, end)
        yield Token("combining", apart[1], start, end)
    elif "α" <= char <= "ω" or "Α" <= char <= "Ω" or char in "ϵϑϕϱϖℓ∞" or _is_script(char):
        yield Token("letter", {"ϵ": "ε", "ϕ": "φ"}.get(char, char), start, end)
    else:
        yield Token("strange", char, start, end)


def _is_script(char: str) -> bool:
    return "SCRIPT CAPITAL" in unicodedata.name(char, "")
