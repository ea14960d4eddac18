"""A place in a list of tokens, and what every grammar rule needs: looking, taking, failing, and going deeper.

Promises: no rule calls another more than DEPTH levels deep, so that no input can overflow Python's stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from derive.notation.syntax import Node
from derive.read.decisions import Decisions, Evidence
from derive.read.errors import Misread
from derive.read.limits import DEPTH
from derive.read.pairing import paired
from derive.read.tokens import Token

__all__ = ["Cursor"]

_NONE: Final = Token("end of text", "", 0, 0)


class Cursor:
    """Reads tokens[at:end]."""

    __slots__ = ("at", "decisions", "depth", "end", "evidence", "pairs", "spans", "tokens")

    def __init__(self, tokens: Sequence[Token], decisions: Decisions, evidence: Evidence) -> None:
        self.tokens = tokens
        self.decisions = decisions
        self.evidence = evidence
        self.pairs = paired(tokens)
        self.spans: list[tuple[Node, int, int]] = []
        self.at = 0
        self.end = len(tokens)
        self.depth = 0

    def look(self, ahead: int = 0) -> Token:
        """The token at the cursor, or an empty one at the end."""
        place = self.at + ahead
        return self.tokens[place] if place < self.end else _NONE

    def sees(self, *marks: str) -> bool:
        token = self.look()
        return token.kind == "mark" and token.text in marks

    def take(self, *marks: str) -> bool:
        """Goes past a mark if it is one of these."""
        if not self.sees(*marks):
            return False
        self.at += 1
        return True

    def closing(self, expected: str = "") -> int:
        """The index of the partner of the bracket at the cursor."""
        end = self.pairs.get(self.at)
        if end is None or end >= self.end:
            self.fail(expected or f"this {self.look().text.replace('(', '') or '('} is never closed")
        return end

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        raise self.misread(message, at)

    def misread(self, message: str, at: int | None = None) -> Misread:
        return Misread(self.offset(self.at if at is None else at), message)

    def offset(self, place: int) -> int:
        """Where a token starts; behind the last one for a place past the end."""
        if place < self.end and place < len(self.tokens):
            return self.tokens[place].start
        return self.tokens[min(self.end, len(self.tokens)) - 1].end if self.tokens else 0

    def found(self) -> str:
        """What stands at the cursor, for a message."""
        token = self.look()
        return f"found {token.text}" if token.text.strip() else "found nothing more"

    def touches(self, place: int) -> bool:
        """Whether the token at `place` stands right behind the one before it."""
        return 0 < place < self.end and self.tokens[place].start <= self.tokens[place - 1].end

    @contextmanager
    def deeper(self) -> Iterator[None]:
        if self.depth >= DEPTH:
            self.fail(f"this is nested more than {DEPTH} deep; give parts of it a name")
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def within(self, start: int, end: int) -> Iterator[None]:
        """Reads tokens[start:end] inside the `with`, and goes on where it was (the caller moves it)."""
        outer = self.at, self.end
        self.at, self.end = start, end
        yield
        self.at, self.end = outer

    def remember(self, node: Node, start: int) -> Node:
        """`node` was read from the tokens from `start` to here."""
        if start < self.at:
            self.spans.append((node, self.tokens[start].start, self.tokens[self.at - 1].end))
        return node
