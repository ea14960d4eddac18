"""Names: letters, words and accents with their subscripts and superscripts.

Promises: the rules of `decisions` say what a script means; one that has two meanings (x^T, x^i) is unreadable. The
first reading takes every subscript for an index and notes it as evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from derive.notation.syntax import Bracket, Indicator, Minus, Name, Node, Number, Power
from derive.read.build import power
from derive.read.commands import ACCENTS, LOSSES
from derive.read.cursor import Cursor
from derive.read.decisions import Key
from derive.read.tokens import Token

__all__ = ["NameReader"]

_TRANSPOSED: Final = frozenset({"T", "⊤", "H"})


@dataclass(slots=True)
class _Scripts:
    label: str = ""
    indices: list[Node] = field(default_factory=list)
    raised_indices: list[Node] = field(default_factory=list)
    superscript: str = ""
    exponent: Node | None = None
    square: bool = False


class NameReader(Cursor):
    """Adds names to a cursor."""

    __slots__ = ()

    def expression(self) -> Node:
        """All of the tokens up to `end`; the grammar defines it."""
        raise NotImplementedError

    def starts_name(self, token: Token) -> bool:
        return token.kind in {"letter", "word", "operator"} or (token.kind == "command" and token.text[1:] in ACCENTS)

    def name(self, *, target: bool = False) -> Node:
        """A name with its scripts: a Name, a Power of one, or an Indicator. `target`: σ² is a name in any case."""
        start = self.at
        base = self.bare_name()
        return self.remember(self.with_scripts(base, start, target=target), start)

    def bare_name(self) -> Name:
        """A letter, a word or an accent over one, as yet without the scripts behind it."""
        token = self.look()
        if token.kind == "letter":
            return self.letter()
        if token.kind in {"word", "operator"}:
            self.at += 1
            return Name(token.text)
        if token.kind == "command" and token.text[1:] in ACCENTS:
            return self.accented(ACCENTS[token.text[1:]])
        if self.sees("{"):
            return self.braced_name()
        raise self.misread(f"a name was expected, {self.found()}")

    def letter(self) -> Name:
        token = self.look()
        run = self.run()
        if len(run) > 1 and self.is_word(run):
            self.at += len(run)
            return Name(run)
        if token.text == "d" and self.names_differential():
            return self.differential()
        self.check_run(run)
        self.note_letter(token)
        self.at += 1
        if self.look().kind == "combining":
            self.at += 1
            return Name(token.text, self.tokens[self.at - 1].text)
        return Name(token.text)

    def run(self) -> str:
        """The Latin letters that touch each other from here."""
        place = self.at
        while place < self.end and self.tokens[place].kind == "letter" and self.tokens[place].text.isascii():
            if place > self.at and not self.touches(place):
                break
            if place + 1 < self.end and self.tokens[place + 1].kind == "combining":
                break
            place += 1
        return "".join(token.text for token in self.tokens[self.at : place])

    def is_word(self, run: str) -> bool:
        return run in self.decisions.words or (len(run) == 2 and run[0] == "d" and not self.decisions.d_is_a_letter)

    def check_run(self, run: str) -> None:
        started = self.at > 0 and self.touches(self.at) and self.tokens[self.at - 1].kind == "letter"
        if len(run) > 2 and not started and not self.is_count(run):
            word = run if len(run) < 20 else f"{run[:20]}…"
            self.fail(f"{word} may be a word or a product: write \\mathrm{{{word}}} or put spaces between its letters")
        if run[:1] == "d" and len(run) == 2 and not started:
            self.fail(f"{run} may be a name or d times {run[1]}: write \\mathrm{{{run}}} or d \\cdot {run[1]}")
        if len(run) > 1 and run.isupper() and self.tokens[self.at + len(run) : self.at + len(run) + 1] and (
            self.look(len(run)).text in {"(", "["}
        ):  # fmt: skip
            self.fail(f"{run} may be a function or a product: write \\operatorname{{{run}}}")

    def is_count(self, run: str) -> bool:
        """Whether a run is a product of sizes: NHW, where sums go up to N, H and W."""
        return run.isupper() and (self.decisions.first_reading or self.decisions.sizes.issuperset(run))

    def names_differential(self) -> bool:
        r"""Whether this d belongs to what touches it, as in d\gamma or d\hat{x}."""
        following = self.look(1)
        accent = following.kind == "command" and following.text[1:] in ACCENTS
        greek = following.kind == "letter" and not following.text.isascii()
        return (accent or greek) and self.touches(self.at + 1) and not self.decisions.d_is_a_letter

    def differential(self) -> Name:
        self.at += 1
        with self.deeper():
            inner = self.bare_name()
        if inner.label or inner.indices:
            self.fail("a letter was expected under the accent behind d")
        return Name(f"d{inner.base}{inner.accent}")

    def note_letter(self, token: Token) -> None:
        following = self.look(1)
        if token.text == "d" and not (following.kind == "letter" and self.touches(self.at + 1)):
            self.evidence.d_is_a_letter = True

    def accented(self, accent: str) -> Name:
        r"""\hat{x}, \hat x, \hat{x_i}, \hat{\mathbf{x}}."""
        self.at += 1
        start = self.at
        if self.sees("{"):
            end = self.closing()
            with self.within(start + 1, end), self.deeper():
                inner = self.name()
                if self.at < self.end:
                    self.fail("one letter was expected under this accent", start)
            self.at = end + 1
        else:
            with self.deeper():
                inner = self.bare_name()
        if not isinstance(inner, Name) or inner.accent or inner.superscript:
            self.fail("one letter was expected under this accent", start)
        return replace(inner, accent=accent) if len(inner.base) == 1 else replace(inner, base=inner.base + accent)

    def braced_name(self) -> Name:
        """{x}_i, where the braces came from a font."""
        start, end = self.at, self.closing()
        with self.within(start + 1, end), self.deeper():
            inner = self.name()
            if self.at < self.end or not isinstance(inner, Name):
                self.fail("one name was expected in these braces", start)
        self.at = end + 1
        return inner

    # Scripts

    def with_scripts(self, base: Name, start: int, *, target: bool) -> Node:
        scripts = _Scripts(label=base.label, indices=list(base.indices), superscript=base.superscript)
        key = (base.base, base.accent)
        while (token := self.look()).kind == "mark" and token.text in {"_", "^", "'"}:
            place = self.at
            self.at += 1
            if token.text == "'":
                self.put_superscript(scripts, "′", place)
            elif token.text == "_":
                self.subscript(scripts, key, place)
            else:
                self.superscript(scripts, key, place, target=target)
        return self.finished(base, scripts, key, start)

    def put_superscript(self, scripts: _Scripts, mark: str, place: int) -> None:
        if scripts.exponent is not None or scripts.square:
            self.fail("one superscript was expected", place)
        scripts.superscript += mark

    def finished(self, base: Name, scripts: _Scripts, key: Key, start: int) -> Node:
        indices = (*scripts.indices, *scripts.raised_indices)
        name = Name(base.base, base.accent, scripts.superscript, scripts.label, indices)
        if key == ("δ", ""):
            self.evidence.saw(key, [str(number) for number in range(len(indices) + bool(scripts.label))])
        if key == ("δ", "") and self.decisions.kronecker and len(indices) == 2 and name == Name("δ", indices=indices):
            return Indicator(indices[0], indices[1], mark="δ")
        if scripts.square:
            return replace(name, superscript="2" + name.superscript)
        if scripts.exponent is None:
            return name
        self.remember(name, start)
        return power(name, scripts.exponent)

    def argument_range(self, what: str) -> tuple[int, int, int]:
        """From where to where an argument reaches, and where what follows it begins."""
        if self.at >= self.end:
            self.fail(f"{what} was expected, {self.found()}")
        if self.sees("{"):
            end = self.closing()
            return self.at + 1, end, end + 1
        return self.at, self.at + 1, self.at + 1

    def superscript(self, scripts: _Scripts, key: Key, place: int, *, target: bool) -> None:
        start, end, after = self.argument_range("an exponent")
        self.check_digits(start, end, after)
        texts = [token.text for token in self.tokens[start:end]]
        if scripts.exponent is not None or scripts.square:
            self.fail("one superscript was expected", place)
        if texts and set(texts) <= {"*", "'"}:
            scripts.superscript += "".join(texts).replace("'", "′")
        elif texts == ["2"] and (target or key in self.decisions.squared):
            scripts.square = True
        elif self.is_raised_index(start, end):
            with self.within(start + 1, end - 1), self.deeper():
                scripts.raised_indices.append(self.expression())
        else:
            self.check_exponent(start, end, of_name=key != ("e", ""))
            with self.within(start, end), self.deeper():
                scripts.exponent = self.expression()
        self.at = after

    def check_digits(self, start: int, end: int, after: int) -> None:
        """x^12 is x¹2: braces were forgotten."""
        bare = end == after and self.tokens[start].kind == "digit" and after < self.end
        if bare and self.tokens[after].kind == "digit" and self.touches(after):
            self.fail("braces around this number were expected", start)

    def is_raised_index(self, start: int, end: int) -> bool:
        """x^{(i)} and x^{(1)}, but not x^{(1/2)}."""
        inside = self.tokens[start + 1 : end - 1]
        if not inside or self.pairs.get(start) != end - 1 or self.tokens[start].text != "(":
            return False
        simple = all(token.kind in {"letter", "digit"} or token.text == "+" for token in inside)
        return simple and len(inside) < 5 and sum(token.kind == "letter" for token in inside) < 2

    def check_exponent(self, start: int, end: int, *, of_name: bool) -> None:
        """Refuses what is no exponent: a transpose, a word or an index on a name."""
        only = self.tokens[start] if end == start + 1 else None
        if of_name and any(token.kind in {"word", "prose", "operator"} for token in self.tokens[start:end]):
            self.fail("a word as a superscript has no one meaning; write it as a subscript", start)
        if only is None:
            return
        if only.text in _TRANSPOSED:
            self.fail("a transpose is not read; write the elements, with indices", start)
        if (
            of_name
            and only.kind == "letter"
            and only.text in self.decisions.indices
            and not self.decisions.first_reading
        ):
            self.fail(
                f"a superscript {only.text} may be an index or a power: write x_{only.text} or x^{{({only.text})}}",
                start,
            )

    def subscript(self, scripts: _Scripts, key: Key, place: int) -> None:
        if scripts.label or scripts.indices:
            self.fail("one subscript was expected", place)
        start, end, after = self.argument_range("a subscript")
        self.check_digits(start, end, after)
        if start == end:
            self.fail("a subscript was expected in these braces", start)
        with self.deeper():
            parts = self.parts(start, end)
            for first, last in parts:
                self.part(scripts, key, (first, last), listed=len(parts) > 1)
        self.at = after

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """A subscript cut at its commas."""
        found, first, place = [], start, start
        while place < end:
            if self.tokens[place][:2] == ("mark", ","):
                found.append((first, place))
                first = place + 1
            place = self.pairs.get(place, place) + 1
        return [*found, (first, end)]

    def part(self, scripts: _Scripts, key: Key, span: tuple[int, int], *, listed: bool) -> None:
        """One of the parts between commas; a number among others is an index."""
        start, end = span
        units = self.units(start, end)
        if units is None:
            with self.within(start, end):
                scripts.indices.append(self.expression())
            return
        if not units:
            self.fail("a subscript was expected", start)
        self.evidence.saw(key, [unit.text for unit in units])
        place = 0 if listed and len(units) == 1 and units[0].text.isdecimal() else self.label_end(key, units)
        if place:
            if tuple(unit.text for unit in units) in self.decisions.doubtful:
                run = "".join(unit.text for unit in units)
                self.fail(f"{run} may be a label or indices: write \\mathrm{{{run}}} or commas between them", start)
            if scripts.label or scripts.indices:
                self.fail("one label, before the indices, was expected in this subscript", start)
            scripts.label = "".join(unit.text for unit in units[:place])
        for unit in units[place:]:
            index = Number(unit.text) if unit.text.isdecimal() else Name(unit.text)
            self.spans.append((index, unit.start, unit.end))
            scripts.indices.append(index)

    def units(self, start: int, end: int) -> list[Token] | None:
        """Letters, numbers and words side by side; None for anything else, which is an expression."""
        found: list[Token] = []
        place = start
        while place < end:
            token = self.tokens[place]
            if token[:2] == ("mark", "{") and self.pairs.get(place, end) < end:
                inner = self.units(place + 1, self.pairs[place])
                if inner is None:
                    return None
                found += inner
                place = self.pairs[place] + 1
                continue
            if token.kind == "digit" and found and found[-1].text.isdecimal() and found[-1].end == token.start:
                found[-1] = Token("digit", found[-1].text + token.text, found[-1].start, token.end)
            elif token.kind in {"letter", "digit", "word", "operator"} or (
                token.kind == "prose" and token.text.isalpha()
            ):
                found.append(token)
            else:
                return None
            place += 1
        return found

    def label_end(self, key: Key, units: list[Token]) -> int:
        """How many of the units are a label."""
        if units[0].kind not in {"letter", "digit"}:  # \mathrm{norm}
            if len(units) > 1 and not all(self.decisions.is_index(key, unit.text) for unit in units[1:]):
                return len(units)
            return 1
        indices = [self.decisions.is_index(key, unit.text) for unit in units]
        if all(indices):
            return 0
        label = next((place for place, is_index in enumerate(indices) if is_index), len(units))
        lower = any(unit.text.isascii() and unit.text.islower() for unit in units[:label])
        rest = all(is_index for is_index in indices[label:])
        return label if rest and label and not lower else len(units)

    def is_loss(self, node: Node) -> bool:
        return isinstance(node, Name) and node.base in LOSSES and not node.indices and not node.superscript

    def squared_key(self, node: Node) -> Key | None:
        """The letter of σ², read either way."""
        match node:
            case Name(base, accent, "2"):
                return base, accent
            case Power(Name(base, accent, ""), Number("2")):
                return base, accent
            case Bracket(inner):
                return self.squared_key(inner)
            case _:
                return None

    @staticmethod
    def negated(value: Node) -> bool:
        return isinstance(value, Minus)
