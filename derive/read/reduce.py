r"""Tokens → fewer kinds of tokens: what only looks different is made the same, what only shows is left out.

Promises: what is left out has no meaning (spaces, sizes, colours, labels, fonts), and the tokens that remain stand
where they stood. After it, \left( and \bigl( are (, \dfrac is \frac, {\rm d} is an upright d, and \text{if} is prose.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from derive.read.commands import (
    ACCENTS,
    DELIMITERS,
    DROPPED,
    DROPPED_WITH,
    FONTS,
    FRAMES,
    LETTERS,
    MARKS,
    OLD_FONTS,
    PROSE,
    RELATIONS,
    SCRIPTS,
    SIZES,
    TEXTS,
    UPRIGHT,
    WIDE,
    double,
    script,
)
from derive.read.errors import Misread
from derive.read.limits import DEPTH
from derive.read.tokens import Token

__all__ = ["braces", "reduced"]

_FRACTIONS: Final = frozenset({"dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "flatfrac"})
_ALREADY: Final = frozenset("([{|‖")
_OPENING: Final = {"|": "|(", "‖": "‖("}
_CLOSING: Final = {"|": ")|", "‖": ")‖"}


def braces(tokens: list[Token]) -> dict[int, int]:
    """Where each brace that opens is closed. Refuses nesting that is too deep."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text == "{":
            stack.append(place)
        elif token.text == "}" and stack:
            pairs[stack.pop()] = place
        if len(stack) > DEPTH:
            raise Misread(token.start, f"braces are nested more than {DEPTH} deep here")
    return pairs


def reduced(tokens: list[Token]) -> list[Token]:
    """The tokens that have a meaning."""
    return _Reducer(tokens).run()


class _Reducer:
    __slots__ = ("at", "closing", "out", "pairs", "tokens")

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.pairs = braces(tokens)
        # Braces that close a frame: whether they are kept, and whether a remark may follow under or over them.
        self.closing: dict[int, tuple[bool, bool]] = {}
        self.out: list[Token] = []
        self.at = 0

    def run(self) -> list[Token]:
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == "command":
                self.command(token)
            elif self.at in self.closing:
                self.close(token)
            elif token.kind in {"raised", "lowered"}:
                self.typed_script(token)
            elif token.kind == "space" or self.is_old_font(token):
                self.at += 1
            else:
                self.keep(token)
        return self.out

    def keep(self, token: Token) -> None:
        self.out.append(token)
        self.at += 1

    def become(self, kind: str, text: str, token: Token, end: int | None = None) -> None:
        """`token`, and all before the index `end`, is one token of another kind."""
        last = self.tokens[(end or self.at + 1) - 1]
        self.out.append(Token(kind, text, token.start, max(last.end, token.end)))
        self.at = end or self.at + 1

    def command(self, token: Token) -> None:
        name = token.text[1:]
        if name in LETTERS:
            self.become("letter", LETTERS[name], token)
        elif name in MARKS:
            self.become("mark", MARKS[name], token)
        elif name in DROPPED:
            self.at += 1
        elif name in WIDE:
            self.become("wide", " ", token)
        elif name in _FRACTIONS:
            self.become("command", "\\frac", token)
        else:
            self.with_argument(name, token)

    def with_argument(self, name: str, token: Token) -> None:
        for names, action in _ACTIONS:
            if name in names:
                action(self, name, token)
                return
        self.keep(token)

    def argument(self, at: int) -> tuple[int, int, int]:
        """From where to where the argument at `at` reaches, and where what follows it begins."""
        if at >= len(self.tokens):
            return at, at, at
        if at in self.pairs:
            return at + 1, self.pairs[at], self.pairs[at] + 1
        return at, at + 1, at + 1

    def drop_with(self, name: str, _token: Token) -> None:
        self.at += 1
        if self.mark() == "*":
            self.at += 1
        for _ in range(DROPPED_WITH[name]):
            self.at = self.argument(self.at)[2]

    def mark(self, ahead: int = 0) -> str:
        token = self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None
        return token.text if token and token.kind == "mark" else ""

    def sized(self, name: str, token: Token) -> None:
        r"""\left and its like: the delimiter stays, a full stop in its place goes."""
        self.at += 1
        if self.at >= len(self.tokens):
            return
        delimiter = self.tokens[self.at]
        text = DELIMITERS.get(delimiter.text[1:], "") if delimiter.kind == "command" else self.mark()
        if text == "." and name in {"left", "right"}:
            self.at += 1
        elif text:
            opens, closes = name == "left" or name[-1] == "l", name == "right" or name[-1] == "r"
            text = _OPENING.get(text, text) if opens else _CLOSING.get(text, text) if closes else text
            self.out.append(Token("mark", text, token.start, delimiter.end))
            self.at += 1

    def font(self, name: str, token: Token) -> None:
        start, end, after = self.argument(self.at + 1)
        only = self.tokens[start] if end == start + 1 else None
        if only and only.text == "1" and name not in {"mathit", "mathsf"}:
            self.become("indicator", "1", token, after)
        elif only and name in SCRIPTS and only.kind == "letter":
            self.become("letter", script(only.text), token, after)
        elif only and name in {"mathbb", "mathds", "mathbbm"} and only.kind == "letter":
            kind = {"E": "operator", "I": "indicator"}.get(only.text, "letter")
            self.become(kind, only.text if kind != "letter" else double(only.text), token, after)
        elif name in SCRIPTS:
            self.keep(token)
        else:
            self.leave_out(token)

    def leave_out(self, token: Token) -> None:
        """Drops a command; what it stands before begins where it began."""
        self.at += 1
        if self.at < len(self.tokens):
            self.tokens[self.at] = self.tokens[self.at]._replace(start=token.start)

    def is_old_font(self, token: Token) -> bool:
        r"""Whether `token` opens {\rm …}; if so it is read as \mathrm{…} from here."""
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        if not (token[:2] == ("mark", "{") and following and following.kind == "command" and self.at in self.pairs):
            return False
        font = OLD_FONTS.get(following.text[1:])
        if font is None:
            return False
        place, end = self.at, self.pairs[self.at]
        self.tokens[place : place + 2] = [following._replace(text=f"\\{font}"), token]
        del self.pairs[place]
        self.pairs[place + 1] = end
        self.command(self.tokens[place])
        self.at -= 1  # the caller goes on by one
        return True

    def upright(self, name: str, token: Token) -> None:
        """A word, an upright d, prose, or else only a font."""
        start, end, after = self.argument(self.at + 1)
        word = self.word(start, end)
        in_text = name in TEXTS
        if in_text and start < end and self.has_margin(start, end):
            word = ""
        if word == "d" and not (self.out and self.out[-1][:2] == ("mark", "_")):
            self.become("partial", "d", token, after)
        elif word and not (in_text and word.lower() in PROSE):
            self.become("operator" if name in {"operatorname", "mathop"} else "word", word, token, after)
        elif in_text or self.has_spaces(start, end):
            self.become("prose", self.plain(start, end), token, after)
        else:
            self.leave_out(token)

    def word(self, start: int, end: int) -> str:
        """The one word in tokens[start:end], or nothing."""
        letters: list[str] = []
        accent = ""
        for place in range(start, end):
            token = self.tokens[place]
            name = token.text[1:]
            if token.kind in {"letter", "combining"} or (token.kind == "digit" and letters):
                letters.append(token.text + accent)
                accent = ""
            elif token.kind == "command" and name in LETTERS:
                letters.append(LETTERS[name] + accent)
                accent = ""
            elif token.kind == "command" and name in ACCENTS and not accent:
                accent = ACCENTS[name]
            elif token.text == "\\_" and letters:
                letters.append("_")
            elif not (token.kind == "mark" and token.text in {"{", "}"}):
                return ""
        return "" if accent or self.has_spaces(start, end) else "".join(letters)

    def has_margin(self, start: int, end: int) -> bool:
        r"""\text{ so } with its spaces is no name."""
        opened = start > 0 and self.tokens[start - 1].end < self.tokens[start].start
        return opened or (end < len(self.tokens) and self.tokens[end - 1].end < self.tokens[end].start)

    def has_spaces(self, start: int, end: int) -> bool:
        """Whether there is white space inside a word: letters that don't touch."""
        inside = self.tokens[start:end]
        apart = any(first.end < second.start and first.kind != "command" for first, second in pairwise(inside))
        return apart or any(token.kind == "space" for token in inside)

    def plain(self, start: int, end: int) -> str:
        """The words of a stretch of prose, with single spaces."""
        line, before = "", None
        for token in self.tokens[start:end]:
            line += " " * (before is not None and before.end < token.start) + token.text
            before = token
        return line

    def frame(self, name: str, token: Token) -> None:
        r"""\boxed{…}: its braces stay, unless all of an equation is in it."""
        self.at += 1
        for _ in range(FRAMES[name]):
            self.at = self.argument(self.at)[2]
        if self.at not in self.pairs:
            return
        end = self.pairs[self.at]
        keeps = not self.has_relation(self.at + 1, end)
        self.closing[end] = keeps, name in {"underbrace", "overbrace"}
        if keeps:
            self.out.append(self.tokens[self.at]._replace(start=token.start))
        self.at += 1

    def has_relation(self, start: int, end: int) -> bool:
        place = start
        while place < end:
            if place in self.pairs:
                place = self.pairs[place]
            token = self.tokens[place]
            name = token.text if token.kind == "mark" else MARKS.get(token.text[1:], "")
            if name in RELATIONS:
                return True
            place += 1
        return False

    def close(self, token: Token) -> None:
        """The end of a frame; what is written under or over a brace is a remark."""
        keeps, has_remark = self.closing[self.at]
        if keeps:
            self.out.append(token)
        self.at += 1
        while has_remark and self.mark() in {"_", "^"}:
            self.at = self.argument(self.at + 1)[2]

    def over_relation(self, _name: str, token: Token) -> None:
        r"""\overset{(a)}{=} is =, \overset{def}{=} is :=."""
        start, end, after = self.argument(self.at + 1)
        sign, sign_end, after = self.argument(after)
        shown = self.tokens[sign] if sign_end == sign + 1 else None
        text = shown and (shown.text if shown.kind == "mark" else MARKS.get(shown.text[1:], ""))
        if text in RELATIONS:
            above = self.plain(start, end)
            self.become("mark", ":=" if "def" in above or "\\Delta" in above else str(text), token, after)
        else:
            self.keep(token)

    def negated(self, _name: str, token: Token) -> None:
        sign = self.mark(1) or MARKS.get(
            self.tokens[self.at + 1].text[1:] if self.at + 1 < len(self.tokens) else "", ""
        )
        if sign == "=":
            self.become("mark", "≠", token, self.at + 2)
        else:
            self.keep(token)

    def typed_script(self, token: Token) -> None:
        """σ² is σ^{2}, x₁ is x_{1}."""
        start = self.at
        while self.at < len(self.tokens) and self.tokens[self.at].kind == token.kind:
            self.at += 1
        inside = self.tokens[start : self.at]
        self.out.append(Token("mark", "^" if token.kind == "raised" else "_", token.start, token.start))
        self.out.append(Token("mark", "{", token.start, token.start))
        kinds = {True: "digit", False: "mark"}
        self.out += [
            Token("letter" if one.text.isalpha() else kinds[one.text.isdecimal()], one.text, one.start, one.end)
            for one in inside
        ]
        self.out.append(Token("mark", "}", inside[-1].end, inside[-1].end))


_ACTIONS: Final[tuple[tuple[frozenset[str], Callable[[_Reducer, str, Token], None]], ...]] = (
    (frozenset(DROPPED_WITH), _Reducer.drop_with),
    (SIZES, _Reducer.sized),
    (FONTS, _Reducer.font),
    (UPRIGHT | TEXTS, _Reducer.upright),
    (frozenset(FRAMES), _Reducer.frame),
    (frozenset({"overset", "stackrel", "underset"}), _Reducer.over_relation),
    (frozenset({"not"}), _Reducer.negated),
)
