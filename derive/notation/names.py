"""Names as people write them, read into their parts: σ² is a σ with a superscript, ∂L/∂x̂ a derivative of L.

Promises: every string is a name; one that has no structure is one long base. Which of a derivative's indices belong to
its top and which to its bottom is decided here, from the number of indices that each part is known to have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from derive.notation.syntax import Name, Node, Number, Partial

__all__ = [
    "ACCENTS", "Axes", "Indices", "Ranks", "Slots", "axes_of", "derivative_parts", "joined", "placed", "read_name",
    "subscript", "superscript",
]  # fmt: skip

Indices: TypeAlias = tuple[Node, ...]
Axes: TypeAlias = tuple[str, ...]


class Slots(NamedTuple):
    """Which slots of a derivative's name are the indices of its top, and which of its bottom: all by letter."""

    slots: Axes
    top: Axes
    bottom: Axes


Ranks: TypeAlias = Mapping[str, int | Sequence[str] | Slots]

ACCENTS: Final = "\u0302\u0304\u0303\u0307\u20d7"
_UP: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_DOWN: Final = "₀₁₂₃₄₅₆₇₈₉"
_TO_UP: Final = str.maketrans("0123456789−", _UP)
_FROM_UP: Final = str.maketrans(_UP, "0123456789−")
_TO_DOWN: Final = str.maketrans("0123456789", _DOWN)
_FROM_DOWN: Final = str.maketrans(_DOWN, "0123456789")
_LOSSES: Final = frozenset({"L", "ℒ", "J", "loss"})

_NAME: Final = re.compile(
    rf"""(?P<base>[^\W\d_][^\W_{_UP}{_DOWN}]*?)
         (?P<accent>[{ACCENTS}]?)
         (?P<before>['′]*[{_UP}]*)
         (?:(?P<down>[{_DOWN}]+) | _(?P<word>[^\W_{_UP}{_DOWN}]+) | _\{{(?P<braced>[^\W_]+)\}})?
         (?P<after>['′]*[{_UP}]*)""",
    re.VERBOSE,
)


def superscript(digits: str) -> str:
    """Digits and a minus sign as superscripts: ² for 2."""
    return digits.translate(_TO_UP)


def subscript(digits: str) -> str:
    """Digits as subscripts: ₂ for 2."""
    return digits.translate(_TO_DOWN)


def derivative_parts(plain: str) -> tuple[str, str] | None:
    """("L", "x̂") for "∂L/∂x̂", None for a name that is no first derivative."""
    top, slash, bottom = plain[1:].partition("/∂")
    whole = plain.startswith("∂") and slash and top and bottom
    return (top, bottom) if whole and "∂" not in top + bottom and top[0] not in _UP else None


@lru_cache(maxsize=1024)
def read_name(plain: str) -> Name:
    """The parts of a plain name. What has no structure becomes one base, as it is."""
    found = _NAME.fullmatch(_decomposed(plain))
    if found is None or (found["before"] and found["after"]):
        return Name(plain)
    if found["accent"] and len(found["base"]) > 1:  # dx̂: the hat is on the x alone
        return Name(plain)
    label = (found["down"] or "").translate(_FROM_DOWN) or found["word"] or found["braced"] or ""
    raised = (found["before"] or found["after"]).replace("'", "′").translate(_FROM_UP)
    return Name(found["base"], found["accent"], raised, label)


def _decomposed(plain: str) -> str:
    """ŷ in one code point becomes y with a combining hat; other composed letters stay."""
    apart = unicodedata.normalize("NFD", plain)
    return apart if any(accent in apart for accent in ACCENTS) else plain


def axes_of(name: str, ranks: Ranks) -> Axes | None:
    """What the slots of a name are called: the letters given for them, or their positions. None if unknown."""
    match ranks.get(name):
        case None:
            return () if name in _LOSSES else None
        case Slots():
            return None
        case int(rank):
            return tuple(str(position) for position in range(rank))
        case letters:
            return tuple(letters)


def placed(plain: str, indices: Indices, ranks: Ranks) -> Name | Partial:
    """The name with its indices; those of a derivative go to its top, to its bottom or to both."""
    parts = derivative_parts(plain)
    if parts is None:
        return with_indices(plain, indices)
    known = ranks.get(plain)
    if isinstance(known, Slots) and len(known.slots) == len(indices):
        at = dict(zip(known.slots, indices, strict=True))
        above, below = (tuple(at[letter] for letter in letters) for letters in (known.top, known.bottom))
        return Partial(with_indices(parts[0], above), with_indices(parts[1], below))
    above, below = shared(axes_of(parts[0], ranks), axes_of(parts[1], ranks), indices)
    return Partial(with_indices(parts[0], above), with_indices(parts[1], below))


def with_indices(plain: str, indices: Indices) -> Name:
    name = read_name(plain)
    return Name(name.base, name.accent, name.superscript, name.label, indices) if indices else name


def shared(top: Axes | None, bottom: Axes | None, indices: Indices) -> tuple[Indices, Indices]:
    """The indices of a derivative's top and of its bottom.

    As many as both have together are split, top first; as many as the larger has are the same in both (the diagonal).
    An unknown part gets what the other leaves, or else all.
    """
    count = len(indices)
    if top is None or bottom is None:
        known = top if top is not None else bottom
        rest = count - len(known) if known is not None else 0
        if rest <= 0:
            return indices if top != () else (), indices if bottom != () else ()
        cut = rest if top is None else count - rest
        return indices[:cut], indices[cut:]
    if len(top) + len(bottom) == count:
        return indices[: len(top)], indices[len(top) :]
    return diagonal(top, bottom, indices), diagonal(bottom, top, indices)


def diagonal(axes: Axes, others: Axes, indices: Indices) -> Indices:
    """The indices of one part on the diagonal. The part with fewer slots takes those of its own axes: x̂_bf, μ_f."""
    if not axes or len(axes) >= len(indices):
        return indices if axes else ()
    of_axis = dict(zip(others, indices, strict=False))
    named = tuple(of_axis[axis] for axis in axes if axis in of_axis)
    return named if len(named) == len(axes) else indices[: len(axes)]


def joined(indices: Indices) -> bool:
    """Whether indices can be written without commas: all single letters, or all single digits."""
    letters = all(isinstance(index, Name) and index == Name(index.base) and len(index.base) == 1 for index in indices)
    return letters or all(isinstance(index, Number) and len(index.digits) == 1 for index in indices)
