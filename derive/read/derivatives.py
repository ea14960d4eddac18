r"""Derivatives: \frac{\partial L}{\partial x_i}, dL/dx, \nabla_x L, and the operator \frac{\partial}{\partial x} […].

Promises: ∂, d and an upright d are alike; a fraction is a derivative if its top begins with one of them and its bottom
is one of them and a name. Second derivatives are not read.
"""

from __future__ import annotations

from typing import Final

from derive.notation.syntax import Bracket, Derivative, Name, Node, Partial, Power
from derive.read.build import bare
from derive.read.sums import SumReader
from derive.read.tokens import Token

__all__ = ["DerivativeReader"]

_FIRST: Final = "a first derivative by one name was expected"


class DerivativeReader(SumReader):
    """Adds derivatives to sums."""

    __slots__ = ()

    def factor(self) -> Node:
        """A factor with its powers; the grammar defines it."""
        raise NotImplementedError

    def starts_factor(self, token: Token) -> bool:
        raise NotImplementedError

    def sign_of(self, place: int, end: int) -> str:
        """The d that tokens[place:end] begins with: ∂, d, an upright d, or δ as some write it."""
        token = self.tokens[place] if place < end else None
        if token is None:
            return ""
        if token.kind == "partial" or token.text == "\\partial":
            return "∂"
        return token.text if token.kind == "letter" and token.text in {"d", "δ"} else ""

    def derivative(self, top: tuple[int, int], bottom: tuple[int, int]) -> Node | None:
        """A fraction, given by its two ranges, if it is a derivative. The cursor stands behind it."""
        above, below = self.sign_of(*top), self.sign_of(*bottom)
        if above != below or not above:
            return None
        letter = above in {"d", "δ"}
        if letter and not self.is_name(bottom[0] + 1, bottom[1]):
            return None
        if above == "δ" and not self.is_name(top[0] + 1, top[1]):
            return None
        below_name = self.target(bottom[0] + 1, bottom[1])
        if top[1] == top[0] + 1:
            return self.operated(below_name)
        return self.of(top[0] + 1, top[1], below_name)

    def is_name(self, start: int, end: int) -> bool:
        """Whether tokens[start:end] look like a name and nothing else: used to tell d x from a product with d."""
        if start >= end:
            return False
        token = self.tokens[start]
        if not (self.starts_name(token) or token[:2] == ("mark", "{") or token.text == "("):
            return False
        place = start
        while place < end:
            if self.tokens[place].kind == "mark" and self.tokens[place].text in {"+", "-", "·", "×", "*", "/", "="}:
                return False
            place = self.pairs.get(place, place) + 1
        return True

    def target(self, start: int, end: int) -> Name:
        """What a derivative is taken by."""
        if start < end and self.tokens[start].text == "^":
            self.fail(_FIRST, start)
        if self.pairs.get(start) == end - 1 and self.tokens[start].text in {"(", "{"}:
            start, end = start + 1, end - 1
        with self.within(start, end), self.deeper():
            name = self.name(target=True) if start < end else None
            if self.at < end or not isinstance(name, Name):
                self.fail(_FIRST, min(self.at, end - 1))
        if name.superscript.startswith("2"):
            self.evidence.squared_bottom.add((name.base, name.accent))
        return name

    def of(self, start: int, end: int, bottom: Name) -> Node:
        """The derivative of tokens[start:end]: of a name, or of an expression in a bracket."""
        if self.tokens[start].text == "^":
            self.fail(_FIRST, start)
        with self.within(start, end), self.deeper():
            inner = bare(self.expression())
        return self.derived(inner, bottom)

    def derived(self, inner: Node, bottom: Name) -> Node:
        if isinstance(inner, Bracket):
            inner = inner.body
        return Partial(inner, bottom) if isinstance(inner, Name) else Derivative(inner, bottom)

    def operated(self, bottom: Name) -> Node:
        """What the operator ∂/∂x stands before: a bracket, or the product behind it."""
        opening = self.look()
        if self.sees("[", "\\{", "("):
            with self.deeper():
                inner = self.factor()
            if opening.text == "(" and self.starts_factor(self.look()):
                self.fail("it is not clear where this derivative ends: put […] around what is differentiated")
            if isinstance(inner, Power) and opening.text != "(":
                self.fail("it is not clear whether the power is differentiated: put […] around what is")
            return self.derived(bare(inner), bottom)
        if not self.starts_factor(opening):
            self.fail(f"what is differentiated was expected, {self.found()}")
        with self.deeper():
            inner = self.juxtaposed()
        return self.derived(bare(inner), bottom)

    def juxtaposed(self) -> Node:
        """A product without signs of multiplication."""
        start = self.at
        inner = self.term()
        if any(
            token.kind == "mark" and token.text in {"·", "×", "*", "⊙", "/"}
            for place, token in enumerate(self.tokens[start : self.at], start)
            if self.outermost(start, place)
        ):
            self.fail("it is not clear where this derivative ends: put […] around what is differentiated", start)
        return inner

    def outermost(self, start: int, place: int) -> bool:
        at = start
        while at < place:
            at = self.pairs.get(at, at) + 1
        return at == place

    def slashed(self) -> Node | None:
        """∂L/∂x and dL/dx at the cursor; None if it is something else, with the cursor where it was."""
        start = self.at
        sign = self.sign_of(start, self.end)
        if not sign or sign == "δ":
            return None
        slash = self.slash_after(start + 1)
        if slash is None or self.sign_of(slash + 1, self.end) != sign:
            return None
        end = self.name_end(slash + 2)
        if end is None:
            return None
        self.at = end
        bottom = self.target(slash + 2, end)
        node = self.operated(bottom) if slash == start + 1 else self.of(start + 1, slash, bottom)
        return self.remember(node, start)

    def slash_after(self, place: int) -> int | None:
        """The slash behind a name at `place`, or at `place` itself."""
        if place < self.end and self.tokens[place].text == "/":
            return place
        end = self.name_end(place)
        return end if end is not None and end < self.end and self.tokens[end].text == "/" else None

    def name_end(self, place: int) -> int | None:
        """Behind the name, with its scripts, that begins at `place`."""
        if place < self.end and self.tokens[place].kind == "command" and self.starts_name(self.tokens[place]):
            place += 1
        elif not (place < self.end and self.starts_name(self.tokens[place])):
            return None
        place = self.word_end(place)
        while place < self.end and self.tokens[place].kind == "mark" and self.tokens[place].text in {"_", "^", "'"}:
            place = place + 1 if self.tokens[place].text == "'" else self.pairs.get(place + 1, place + 1) + 1
        return min(place, self.end)

    def word_end(self, place: int) -> int:
        """Behind the base of a name: a letter, a word of the document, or what stands under an accent."""
        with self.within(place, self.end):
            run = self.run()
        if len(run) > 1 and self.is_word(run):
            return place + len(run)
        end = self.pairs.get(place, place) + 1
        return end + (end < self.end and self.tokens[end].kind == "combining")

    def gradient(self) -> Node:
        r"""\nabla_x L."""
        start = self.at
        self.at += 1
        if not self.take("_"):
            self.fail("what the gradient is taken by was expected: \\nabla_x L", start)
        first, last, after = self.argument_range("a name")
        bottom = self.target(first, last)
        self.at = after
        if not self.starts_name(self.look()):
            self.fail(f"the name of what is differentiated was expected, {self.found()}")
        inner = self.name()
        if not isinstance(inner, Name):
            self.fail("a name was expected behind \\nabla", start)
        return self.remember(Partial(inner, bottom), start)
