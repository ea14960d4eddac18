r"""Where the maths of a document is: `$…$`, `$$…$$`, `\[…\]`, `\(…\)`, `\\(…\\)` and environments, outside of code.

Promises: one pass, linear in the length of the text whatever it holds; a formula in dollars ends at a blank line, so
that a lost dollar costs one paragraph. Comments are no maths; those that state a given are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from derive.read.commands import DISPLAYS, VERBATIM
from derive.read.damage import BEGIN
from derive.read.limits import GIVENS, LINES, MACROS, MATHS, SHORTEST
from derive.read.macros import DEFINITION, definition_end

__all__ = ["Block", "GivenText", "Scan", "scan"]


class Block(NamedTuple):
    """text[start:end] is maths. `closed` is false if nothing ends it, and then it ends where it was given up."""

    start: int
    end: int
    outer_start: int
    outer_end: int
    display: bool = True
    closed: bool = True


class GivenText(NamedTuple):
    """text[start:end] was stated as given."""

    start: int
    end: int


@dataclass(slots=True)
class Scan:
    """What is in a text."""

    blocks: list[Block] = field(default_factory=list)
    givens: list[GivenText] = field(default_factory=list)


_ENVIRONMENTS: Final = "|".join(sorted(DISPLAYS))
_VERBATIM: Final = "|".join(sorted(VERBATIM))
_COMMON: Final = rf"""
        (?P<env>(?:\\begin|{BEGIN})\{{(?P<name>(?:{_ENVIRONMENTS})\*?)\}})
      | (?P<verbatim>\\begin\{{(?P<code>(?:{_VERBATIM})\*?)\}})
      | (?P<define>{DEFINITION.pattern.replace("(?P<", "(?P<_")})
      | (?P<bracket>\\\[)
      | (?P<paren>\\\()
      | (?P<escape>\\.)
      | (?P<dollars>\$\$?)
"""
_PATTERNS: Final = {
    "tex": rf"(?P<comment>%[^\n]*) | (?P<verb>\\verb\*?(?P<mark>[^A-Za-z\s*])) | (?P<pair>\\\\ | \${{4,}}) | {_COMMON}",
    "md": rf"""(?P<html><!--) | (?P<tag><(?P<tagname>pre|code|script|style)\b) | (?P<ticks>`+)
      | ^(?P<indented>\ {{0,3}}%[^\n]*)
      | (?P<double>\\\\[(\[]) | (?P<pair>\\\\ | \${{4,}}) | {_COMMON}""",
}
_BLOCKS: Final = MATHS // SHORTEST + 1
_PRICE: Final = re.compile(r"\d[\d.,]*[^\\^_=]*\s[^\\^_=]*")  # the text between $5 and the next dollar
_BLANK: Final = re.compile(r"\n[ \t]*\r?\n")
_GIVEN: Final = re.compile(r"\s*%*\s*given\s*:\s*(?P<text>.*\S)", re.IGNORECASE)
_MATH_FENCE: Final = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*math[ \t]*\r?\n")
_FENCE: Final = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_INDENTED: Final = re.compile(r"(?: {4}|\t)[^\n]*\S")
_ITEM: Final = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)")


@lru_cache(maxsize=4)
def _pattern(kind: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS["tex" if kind == "tex" else "md"], re.VERBOSE | re.MULTILINE)


def scan(text: str, kind: str, start: int = 0, end: int | None = None) -> Scan:
    """All the maths in text[start:end]."""
    scanner = _Scanner(text, kind, start, len(text) if end is None else end)
    scanner.run()
    return scanner.result


class _Scanner:
    __slots__ = ("at", "code", "definitions", "end", "kind", "known", "regions", "result", "text")

    def __init__(self, text: str, kind: str, start: int, end: int) -> None:
        self.text = text
        self.kind = kind
        self.at = start
        self.end = end
        self.known: dict[str, int] = {}
        self.result = Scan()
        self.definitions = 0
        marked = kind in {"md", "ipynb"}
        self.regions = [] if kind == "tex" else [*code_regions(text, start, end, indented=marked)]
        self.code = iter(self.regions)

    def run(self) -> None:
        code = next(self.code, None)
        pattern = _pattern(self.kind)
        while (
            len(self.result.blocks) <= _BLOCKS and (found := pattern.search(self.text, self.at, self.end)) is not None
        ):
            while code is not None and code[1] <= self.at:
                code = next(self.code, None)
            if code is not None and found.start() >= code[0]:
                self.at = max(code[1], self.at)
                code = next(self.code, None)
                continue
            self.at = found.end()
            self.handle(found)
        self.fenced()

    def fenced(self) -> None:
        """```math … ```, which is how GitHub and GitLab write a display."""
        for start, end in self.regions:
            head = _MATH_FENCE.match(self.text, start, end)
            last = self.text.rfind("\n", start, end)
            if head is not None and head.end() < last and len(self.result.blocks) <= _BLOCKS:
                self.result.blocks.append(Block(head.end(), last, start, end))
        self.result.blocks.sort(key=lambda block: block.start)

    def handle(self, found: re.Match[str]) -> None:
        group = found.lastgroup or ""  # the outermost group is closed last
        match group:
            case "comment" | "indented":
                self.given(found.start(), found.end())
            case "verb":
                self.at = self.find(found["mark"], self.at) + 1
            case "verbatim":
                self.at = self.find(f"\\end{{{found['code']}}}", self.at)
            case "define":
                self.definition(found.start())
            case "html" | "tag" | "ticks":
                self.markup(group, found)
            case "escape" | "pair":
                pass
            case _:
                self.maths(group, found)

    def definition(self, start: int) -> None:
        """Goes past the definition of a macro: its body is no maths of the document."""
        self.definitions += 1
        found = DEFINITION.match(self.text, start) if self.definitions <= MACROS else None
        self.at = definition_end(self.text, found) if found else self.at

    def find(self, needle: str, at: int) -> int:
        """Where `needle` is next, or the end. Each text is searched for each needle once only."""
        known = self.known.get(needle, -1)
        if known < at:
            place = self.text.find(needle, at, self.end)
            known = self.known[needle] = self.end if place < 0 else place
        return known

    def find_blank(self, at: int) -> int:
        known = self.known.get("", -1)
        if known < at:
            blank = _BLANK.search(self.text, at, self.end)
            known = self.known[""] = blank.start() if blank else self.end
        return known

    def given(self, start: int, end: int) -> None:
        found = _GIVEN.match(self.text, start, end)
        if found and len(self.result.givens) < GIVENS:
            self.result.givens.append(GivenText(found.start("text"), found.end("text")))

    def markup(self, group: str, found: re.Match[str]) -> None:
        if group == "html":
            end = self.find("-->", self.at)
            self.html_givens(self.at, end)
            self.at = min(end + 3, self.end)
        elif group == "tag":
            self.at = self.find(f"</{found['tagname']}>", self.at)
        else:
            self.at = self.find_ticks(found[0]) or self.at

    def find_ticks(self, ticks: str) -> int | None:
        """Behind the backticks that close these; None if there are none in the paragraph."""
        limit = self.find_blank(self.at)
        place = self.find(ticks, self.at)
        while place < limit and self.text[place + len(ticks) : place + len(ticks) + 1] == "`":
            longer = place + len(ticks)
            while longer < limit and self.text[longer] == "`":
                longer += 1
            place = self.find(ticks, longer)
        return place + len(ticks) if place < limit else None

    def html_givens(self, start: int, end: int) -> None:
        if not _GIVEN.match(self.text, start, end):
            return
        at = start
        for line in self.text[start:end].splitlines(keepends=True):
            first = at + len(line) - len(line.lstrip())
            found = _GIVEN.match(self.text, at, at + len(line))
            if found:
                self.result.givens.append(GivenText(found.start("text"), found.end("text")))
            elif line.strip():
                self.result.givens.append(GivenText(first, first + len(line.strip())))
            at += len(line)

    # Maths

    def maths(self, group: str, found: re.Match[str]) -> None:
        opening = found.start()
        match group:
            case "env":
                self.until(opening, f"\\end{{{found['name']}}}", display=True, whole=True)
            case "bracket":
                self.until(opening, "\\]", display=True)
            case "paren":
                self.until(opening, "\\)", display=False)
            case "double":
                display = found[0][-1] == "["
                self.until(opening, "\\\\]" if display else "\\\\)", display=display)
            case _ if found[0] == "$$":
                self.displayed(opening)
            case _:
                self.inline(opening)

    def until(self, opening: int, closer: str, *, display: bool, whole: bool = False) -> None:
        """A block with a closer of its own. `whole`: the opener and the closer are part of the maths."""
        end = self.find(closer, self.at)
        if end == self.end:
            limit = self.find_blank(self.at)
            self.add(Block(self.at, limit, opening, limit, display=display, closed=False))
            return
        after = end + len(closer)
        inside = (opening, after) if whole else (self.at, end)
        self.add(Block(*inside, opening, after, display=display))

    def add(self, block: Block) -> None:
        if block.start < block.end:
            self.result.blocks.append(block)
        self.at = max(self.at, block.outer_end)

    def displayed(self, opening: int) -> None:
        """$$…$$, with blank lines only at its edges."""
        end = self.find("$$", self.at)
        inside = self.text[self.at : min(end, self.at + 200)]
        lead = len(inside) - len(inside.lstrip())
        blank = self.find_blank(self.at + lead)
        if end < self.end and (blank >= end or not self.text[blank:end].strip()):
            self.add(Block(self.at, end, opening, end + 2))
        else:
            self.add(Block(self.at, blank, opening, blank, closed=False))

    def inline(self, opening: int) -> None:
        """$…$ within a paragraph. A price is none; a second dollar at the end of a line is taken with the first."""
        blank = self.find_blank(self.at)
        end = self.find_dollar(blank)
        if end is None:
            return
        if self.kind != "tex" and _PRICE.fullmatch(self.text, opening + 1, end):
            return
        doubled = self.text.startswith("$$", end) and self.text[end + 2 : end + 3] in {"", "\n", "\r", " "}
        ticked = self.kind != "tex" and self.text[self.at] == self.text[end - 1] == "`" and end - self.at > 2  # $`…`$
        self.add(Block(self.at + ticked, end - ticked, opening, end + 1 + doubled, display=False))

    def find_dollar(self, limit: int) -> int | None:
        """The next dollar that no backslash escapes."""
        place = self.find("$", self.at)
        while place < limit and self.text[place - 1] == "\\" and self.text[place - 2] != "\\":
            place = self.find("$", place + 1)
        return place if place < limit else None


def code_regions(text: str, start: int, end: int, *, indented: bool) -> Iterator[tuple[int, int]]:
    """Fenced code, and indented code where `indented` says that it counts, in order."""
    at = start
    indented = indented and text.count("\n", start, end) <= LINES
    while at < end:
        found = _FENCE.search(text, at, end)
        until = found.start() if found else end
        if indented:
            yield from _indented(text, at, until)
        if found is None:
            return
        close = _closing_fence(found["fence"]).search(text, min(found.end() + 1, end), end)
        at = close.end() if close else end
        yield found.start(), at


@lru_cache(maxsize=16)
def _closing_fence(fence: str) -> re.Pattern[str]:
    return re.compile(rf"^ {{0,3}}{fence[0]}{{{min(len(fence), 999)},}}[ \t]*\r?$", re.MULTILINE)


def _indented(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Lines indented by four behind a blank line, outside of a list."""
    after_blank, in_list, in_code = True, False, False
    at = start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop + 1
        blank = not text[at : min(stop, at + 400)].strip()
        is_code = not blank and bool(_INDENTED.match(text, at, stop)) and not in_list and (after_blank or in_code)
        if is_code:
            yield at, stop
        elif not blank and text[at] not in " \t":
            in_list = bool(_ITEM.match(text, at, stop))
        in_code = is_code or (blank and in_code)
        after_blank = blank
        at = stop
