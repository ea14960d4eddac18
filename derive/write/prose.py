"""Running text with names and formulas in it, as pure ASCII LaTeX: what is a formula becomes one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from derive.report import Formula, GraphNode

__all__ = ["Prose", "ascii_math"]

_GREEK_LETTERS: Final = "αβγδεζηθικλμνξπρστυφχψωςϵΓΔΘΛΞΠΣΥΦΨΩ"
_GREEK_WORDS: Final = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega varsigma epsilon Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK: Final = MappingProxyType(dict(zip(_GREEK_LETTERS, _GREEK_WORDS.split(), strict=True)))
_MATH_ACCENTS: Final = MappingProxyType({"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"})
_TEXT_ACCENTS: Final = MappingProxyType(
    dict(
        zip(
            "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
            "`'^~=u.\"rHvck",
            strict=True,
        )
    )
)
_CHARACTERS: Final = MappingProxyType({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "…": r"\dots{}", "–": "--", "—": "---", "“": "``", "”": "''",
    "‘": "`", "’": "'", "\u00a0": "~", "≥": r"$\ge$", "≤": r"$\le$", "≠": r"$\ne$", "−": "$-$", "×": r"$\times$",
    "·": r"$\cdot$", "√": r"$\surd$", "∞": r"$\infty$", "≈": r"$\approx$", "→": r"$\to$", "∈": r"$\in$",
    "Σ": r"$\sum$", "∂": r"$\partial$", "ℓ": r"$\ell$", "°": r"\textdegree{}", "ß": r"\ss{}", "ø": r"\o{}",
    "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}", "å": r"\aa{}", "Å": r"\AA{}", "\t": " ", "\n": " ",
})  # fmt: skip
_UP: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_DOWN: Final = "₀₁₂₃₄₅₆₇₈₉"
_FROM_SMALL: Final = str.maketrans(_UP + _DOWN, "0123456789-0123456789")
_LETTERS: Final = "mnLgijk"  # single letters that are names in any report; others are if the graph has them
_NAME: Final = (
    rf"[^\W\d_][{''.join(_MATH_ACCENTS)}]*[{_UP}]*"
    rf"(?:_\{{[\w,]+\}}|_\w+(?:,\w+)*|[{_DOWN}]+)?[{_UP}]*(?![^\W_]|[\u0300-\u036f])"
)


@cache
def _prose_pattern() -> re.Pattern[str]:
    """Compiled when it is first needed, which keeps the import short."""
    return re.compile(
        rf"(?<![^\W_])(?<![\u0300-\u036f])(?:(?P<top>∂{_NAME})/(?P<bottom>∂{_NAME})|(?P<name>{_NAME}))"
        r"|(?P<minus>-(?=\d))|(?P<accented>[A-Za-z][\u0300-\u036f])|(?P<other>.)",
        re.DOTALL,
    )


@cache
def _parts_pattern() -> re.Pattern[str]:
    """The parts of one name."""
    return re.compile(
        rf"(?P<base>.)(?P<accents>[{''.join(_MATH_ACCENTS)}]*)(?P<up>[{_UP}]*)"
        rf"(?:_\{{?(?P<word>[\w,]+)\}}?|(?P<down>[{_DOWN}]+))?(?P<after>[{_UP}]*)"
    )


class Prose:
    """Turns running text into LaTeX: names become maths, everything else is escaped."""

    def __init__(self, nodes: Iterable[GraphNode]) -> None:
        bare = {_plain(node.name): ascii_math(_stem(node.symbol)) for node in nodes}
        self._letters = frozenset((*_LETTERS, *(name for name in bare if len(name) == 1 and name != "a")))
        # Only names that the pattern of names does not read: words and anything odd.
        self._odd = {name: latex for name, latex in bare.items() if not re.fullmatch(_NAME, name)}
        longest = sorted(map(re.escape, self._odd), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\w)({'|'.join(longest)})(?!\w)") if longest else None

    def __call__(self, text: str) -> str:
        plain = _plain(text)
        if self._known is None:
            return _prose_pattern().sub(self._written, plain)
        parts = self._known.split(plain)
        return "".join(f"${self._odd[part]}$" if at % 2 else self._unknown(part) for at, part in enumerate(parts))

    def _unknown(self, text: str) -> str:
        return _prose_pattern().sub(self._written, text)

    def _written(self, found: re.Match[str]) -> str:
        if found["top"]:
            top, bottom = (_math_name(found[part].removeprefix("∂")) for part in ("top", "bottom"))
            return rf"$\partial {top}/\partial {bottom}$"
        if found["name"]:
            return self._name(found["name"])
        if found["minus"]:
            return "$-$"
        return _accented(found["accented"]) if found["accented"] else _character(found["other"])

    def _name(self, name: str) -> str:
        """A name as maths; a single letter that no name has is a word."""
        if len(name) == 1 and name not in self._letters and name not in _GREEK:
            return _character(name)
        return _character(name) if name == "Σ" else f"${_math_name(name)}$"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _stem(symbol: Formula) -> str:
    """The LaTeX of a name without its indices: x for x_{i}."""
    return re.sub(r"_\{[^{}]*\}$", "", symbol.latex) if "_" in symbol.text else symbol.latex


def _math_name(name: str) -> str:
    found = _parts_pattern().match(name)
    if found is None:
        return _math_letter(name[0])
    letter = _math_letter(found["base"])
    for accent in found["accents"]:
        letter = rf"\{_MATH_ACCENTS[accent]}{{{letter.rstrip()}}}"
    raised = (found["up"] or found["after"]).translate(_FROM_SMALL)
    lowered = found["word"] or (found["down"] or "").translate(_FROM_SMALL)
    below = "".join(map(_math_letter, lowered))
    return letter.rstrip() + (f"^{{{raised}}}" if raised else "") + (f"_{{{below.rstrip()}}}" if below else "")


def _math_letter(char: str) -> str:
    if char in _GREEK:
        return rf"\{_GREEK[char]} "
    return {"_": r"\_", "ℓ": r"\ell "}.get(char) or (char if char.isascii() else rf"\text{{{_code(char)}}}")


def _accented(pair: str) -> str:
    accent = _TEXT_ACCENTS.get(pair[1])
    return rf"\{accent}{{{pair[0]}}}" if accent else pair[0]


def _character(char: str) -> str:
    if char in _CHARACTERS:
        return _CHARACTERS[char]
    return char if char.isascii() and char.isprintable() else _code(char)


def _code(char: str) -> str:
    """A character that no usual font has, by its number."""
    return f"U+{ord(char):04X}"


def ascii_math(latex: str) -> str:
    """A formula with every character outside ASCII, which can only come from an odd name, written by its number."""
    return "".join(char if char.isascii() else rf"\text{{{_code(char)}}}" for char in latex)
