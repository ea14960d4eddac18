r"""How wide a LaTeX formula is when typeset, and where to break one that is too wide.

Promises: the estimate is never below the real width of the formulas this project prints; a formula is broken before
+, − or =, outside as many brackets as possible, and stays the same formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Final

__all__ = ["factors", "pieces", "rows", "terms", "width"]

_TOKENS: Final = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|\s+|.", re.DOTALL)
_SIZES: Final = MappingProxyType(
    {"+": 1.25, "-": 1.25, "=": 1.35, r"\cdot": 0.75, ",": 0.45, r"\sum": 1.65, r"\ ": 0.35, "/": 0.5, "(": 0.4}
    | {")": 0.4, r"\left": 0.4, r"\right": 0.4, r"\quad": 1.0, "}": 0.0}
)
_WRAPPERS: Final = frozenset(("mathrm", "mathcal", "operatorname", "text", "hat", "bar", "tilde", "dot", "vec"))
_BREAKS: Final = ("+", "-", "=")
_HELD: Final = frozenset(("+", "-", "=", "(", "", r"\cdot", r"\left", r"\right"))  # nothing may be cut off behind these
_HOLDING: Final = frozenset(("+", "-", "=", r"\bigr", r"\Bigr", r"\Biggr"))  # nor before these
_OPEN: Final = r"\left("
_CLOSE: Final = r"\right)"


def width(latex: str) -> float:
    """About how many em a formula takes in a display; rather too many than too few."""
    tokens = _TOKENS.findall(latex)
    total, at = 0.0, 0
    while at < len(tokens):
        # In a fraction or an exponent the limits of a Σ stand beside it, elsewhere above and below.
        size, at = _sum_size(tokens, at + 1) if tokens[at] == r"\sum" else _size(tokens, at)
        total += size
    return total


def _sum_size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    """The width of a Σ with its limits above and below; `at` is the token behind it."""
    widest = _SIZES[r"\sum"]
    while at < len(tokens) and tokens[at] in ("^", "_"):
        size, at = _size(tokens, at)
        widest = max(widest, size)
    return widest + 0.2, at


def _size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    """The width of the atom that starts at a word, and where the next one starts."""
    word = tokens[at] if at < len(tokens) else ""
    if word == "{":
        return _group_size(tokens, at + 1)
    if word in ("^", "_"):
        size, at = _size(tokens, at + 1)
        return 0.72 * size, at
    if word == r"\frac":
        above, at = _size(tokens, at + 1)
        below, at = _size(tokens, at)
        return max(above, below) + 0.35, at
    if word == r"\sqrt":
        size, at = _size(tokens, at + 1)
        return size + 0.95, at
    if word[1:] in _WRAPPERS:
        return _size(tokens, at + 1)
    return _plain_size(word), at + 1


def _group_size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    total = 0.0
    while at < len(tokens) and tokens[at] != "}":
        size, at = _size(tokens, at)
        total += size
    return total, at + 1


def _plain_size(word: str) -> float:
    if word in _SIZES or not word.strip():
        return _SIZES.get(word, 0.0)
    return 0.62 if word.isascii() else 3.6


def terms(latex: str) -> list[str]:
    """A formula cut before every +, − and = that stands outside all braces and brackets."""
    found, depth = [""], 0
    tokens = _TOKENS.findall(latex)
    for before, word, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
        if depth == 0 and word in _BREAKS and before.isspace() and after.isspace():
            found.append("")
        found[-1] += word
    return [one.strip() for one in found]


def pieces(latex: str, limit: float) -> list[str]:
    """A formula in parts that a line can end between. A term wider than the limit is opened at its widest bracket."""
    parts = []
    for term in terms(latex):
        parts += [term] if width(term) <= limit else _opened(term, limit)
    return parts


def _opened(term: str, limit: float) -> list[str]:
    r"""The parts of one wide term. \left( cannot span lines: its bracket becomes a \bigl( of fixed size."""
    term = _widest_first(term)
    inside = _bracket(term)
    if inside is None:
        return [term]
    start, stop = inside
    first, *others = pieces(term[start + len(_OPEN) : stop].strip(), limit)
    size = "Bigg" if r"\frac" in term[start:stop] else "Big" if r"\sum" in term[start:stop] else "big"
    parts = [rf"{term[:start]}\{size}l( {first}", *others]
    parts[-1] += rf" \{size}r){term[stop + len(_CLOSE) :]}"
    return parts


def _widest_first(term: str) -> str:
    r"""\frac{A}{B} with a long A as \frac{1}{B} \left( A \right), so that A can be broken; other terms as they are."""
    found = _fraction(term)
    inside = _bracket(term)
    if found is None or (inside and width(term[slice(*inside)]) > width(found[1])):
        return term
    before, above, below, after = found
    return (
        term if after.lstrip()[:1] in ("^", "_") else rf"{before}\frac{{1}}{{{below}}} {_OPEN} {above} {_CLOSE}{after}"
    )


def _fraction(term: str) -> tuple[str, str, str, str] | None:
    """The widest fraction outside all brackets that has a + or − on top: what is before, above, below and after it."""
    depth, found = 0, []
    for at in _places(term):
        word = term[at.start() : at.end()]
        if depth == 0 and word == r"\frac":
            middle = _closing(term, at.end())
            stop = _closing(term, middle)
            above = term[at.end() + 1 : middle - 1]
            found.append((term[: at.start()], above, term[middle + 1 : stop - 1], term[stop:]))
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
    broken = [one for one in found if len(terms(one[1])) > 1]
    return max(broken, key=lambda one: width(one[1]), default=None)


def _places(latex: str) -> Iterator[re.Match[str]]:
    return _TOKENS.finditer(latex)


def _closing(latex: str, start: int) -> int:
    """The place behind the group that starts with the brace at `start`."""
    depth = 0
    for at in re.finditer(r"\\.|[{}]", latex[start:]):
        depth += (at[0] == "{") - (at[0] == "}")
        if depth == 0:
            return start + at.end()
    return len(latex)


def _bracket(term: str) -> tuple[int, int] | None:
    r"""Where the widest \left( … \right) outside all braces starts, and where its \right) does."""
    depth, start, found = 0, 0, []
    for at in _places(term):
        word = at[0]
        if depth == 0 and word == r"\left":
            start = at.start()
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
        if depth == 0 and word == r"\right":
            found.append((start, at.start()))
    round_ones = [(low, high) for low, high in found if term.startswith(_OPEN, low) and term.startswith(_CLOSE, high)]
    return max(round_ones, key=lambda one: width(term[slice(*one)]), default=None)


def rows(latex: str, room: float) -> list[str]:
    r"""An equation in lines of at most `room` em. One line is the equation as it is; more are aligned with &."""
    left, *right = terms(latex)
    if width(latex) <= room or not right:
        return [latex]
    limit = max(room - width(left) - 2.5, room / 2)
    first, *others = _filled(pieces(latex[len(left) :].strip().removeprefix("= "), limit), limit)
    return [f"{left} &= {first}", *(rf"&\quad {line}" for line in others)] if others else [f"{left} = {first}"]


def _filled(parts: Iterable[str], limit: float) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and width(f"{lines[-1]} {part}") <= limit:
            lines[-1] += f" {part}"
        else:
            lines += [part] if width(part) <= limit else _by_factors(part, limit)
    return lines


def _by_factors(part: str, limit: float) -> list[str]:
    r"""A part with nothing left to open, broken between factors: the \cdot says that the product goes on."""
    first, *others = factors(part)
    lines = [first]
    for factor in others:
        if width(f"{lines[-1]} {factor}") <= limit:
            lines[-1] += f" {factor}"
        else:
            lines.append(factor if factor.startswith(r"\cdot") else rf"\cdot {factor}")
    return lines


def factors(latex: str) -> list[str]:
    """A product cut before every factor; signs and brackets of fixed size stay with the factor they belong to."""
    found, depth, last = [""], 0, ""
    for word in _TOKENS.findall(latex):
        depth -= word in ("}", r"\right")
        if depth == 0 and found[-1].endswith(" ") and not word.isspace() and last not in _HELD and word not in _HOLDING:
            found.append("")
        depth += word in ("{", r"\left")
        found[-1] += word
        last = last if word.isspace() else word
    return [one.strip() for one in found]
