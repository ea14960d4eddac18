r"""Damage that is mechanical: a backslash and its letter read as an escape, so that `\frac` is a form feed and `rac`.

Promises: only what can't have been meant is changed. A control character before the rest of a command's name is certain
when it occurs in no text; the rest alone, and the rest on a new line, only where it could be nothing else.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["BEGIN", "Edit", "edits"]


class Edit(NamedTuple):
    """text[start:end] was written as `written`."""

    start: int
    end: int
    written: str


# The letter that an escape took, and the commands that it begins.
_ESCAPES: Final = MappingProxyType(
    {
        "\x07": ("a", "lpha approx ast ngle"),
        "\x08": ("b", "egin oxed ar eta ig Big oldsymbol inom ullet eginaligned m f"),
        "\x0b": ("v", "arepsilon ec artheta arphi dots ert arnothing"),
        "\x0c": ("f", "rac orall box rak"),
        "\t": ("t", "ext imes heta ilde frac extbf extrm extit riangleq herefore"),
        "\r": ("r", "ight ho ightarrow angle"),
        "\n": ("", ""),
    }
)
_LONE: Final = (
    (r"rac(?=\s*[{\d\\])", "f"),
    (r"egin(?=\{[a-z]+\*?\})", "b"),
    (r"oxed(?=\{)", "b"),
    (r"ight(?=\s*(?:[)\]|.]|\\[}|]))", "r"),
    (r"ext(?:rm|bf|it)?(?=\{)", "t"),
    (r"imes(?![A-Za-z])", "t"),
    (r"heta(?![A-Za-z])", "t"),
    (r"ilde(?=\s*\{|\s+[A-Za-z\\])", "t"),
    (r"abla(?![A-Za-z])", "n"),
    (r"lpha(?![A-Za-z])", "a"),
    (r"arepsilon(?![A-Za-z])", "v"),
    (r"oldsymbol(?=\{)", "b"),
)
_CONTROLLED: Final = "|".join(
    rf"{re.escape(char)}(?:{'|'.join(sorted(tails.split(), key=len, reverse=True))})(?![A-Za-z])"
    for char, (_, tails) in _ESCAPES.items()
    if tails
)
_ALONE: Final = "|".join(f"(?P<l{number}>{pattern})" for number, (pattern, _) in enumerate(_LONE))
_DAMAGE: Final = re.compile(
    rf"(?P<controlled>{_CONTROLLED})|(?P<lead>(?:\r\n|[\n\r\t\x07\x08\x0b\x0c])?)(?<![A-Za-z\\])(?:{_ALONE})"
)
_LEADS: Final = MappingProxyType(
    {"r": "\n\r", "n": "\n", "f": "\x0c", "b": "\x08", "t": "\t", "a": "\x07", "v": "\x0b"}
)
_ROW_BREAK: Final = re.compile(r"(?<!\\)\\[ \n](?=\s*&)")
BEGIN: Final = "\x08?(?<![A-Za-z\\\\])egin"


def edits(text: str) -> list[Edit]:
    r"""What has to be changed in a block of maths, in order. `\ &` is a row break in a block with other damage."""
    found = [_edit(match) for match in _DAMAGE.finditer(text)]
    if (found and "aligned" in text) or (found and "align}" in text):
        found += [Edit(match.start(), match.start() + 1, "\\\\") for match in _ROW_BREAK.finditer(text)]
    return sorted(found)


def _edit(match: re.Match[str]) -> Edit:
    if match["controlled"]:
        letter = _ESCAPES[match[0][0]][0]
        return Edit(match.start(), match.end(), f"\\{letter}{match[0][1:]}")
    number = next(number for number in range(len(_LONE)) if match[f"l{number}"] is not None)
    word, letter, lead = match[f"l{number}"], _LONE[number][1], match["lead"]
    # White space before it is part of the damage only if it is what the escape became.
    kept = lead if lead and lead[-1] not in _LEADS[letter] else ""
    return Edit(match.start() + len(kept), match.end(), f"\\{letter}{word}")
