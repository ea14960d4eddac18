r"""The grammar of formulas: tokens → one tree, by recursive descent, in one pass without backtracking.

It is no lark grammar because what a token means in LaTeX depends on what stands around it (`d` in `\frac{dL}{dx}`, the
`l` of `x_{il}`), on the document, and on whether two letters touch; an Earley parser takes the same grammar a hundred
times as long, and an error here names what was expected in the words of the subject.

    addition  = [sign] term {sign term}          an ellipsis is a term
    term      = factor {[· × * ⊙ [sign] | /] factor}
    factor    = primary [^ exponent]
    primary   = number | name | fraction | derivative | root | bracket | call | sum | indicator | cases

Promises: all tokens are read or the whole is unreadable, and what can be read in two ways is unreadable (a/b c).
"""

from __future__ import annotations

from typing import Final

from derive.notation.syntax import (
    Addition,
    Bracket,
    Call,
    Derivative,
    Fraction,
    Indicator,
    Minus,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Product,
    Root,
    Summation,
    walk,
)
from derive.read.build import addition, minus, over, power, product
from derive.read.commands import CALLS, LISTED, MATRICES, MULTIPLY, ORDERS, RELATIONS, SYMBOL_COMMANDS
from derive.read.derivatives import DerivativeReader
from derive.read.errors import LaidOut
from derive.read.layout import is_ellipsis, split_relations
from derive.read.limits import SLASHES, TERMS
from derive.read.sums import series
from derive.read.tokens import Token

__all__ = ["Grammar"]

_OPENING: Final = frozenset({"(", "[", "\\{", "{", "|(", "‖("})
_SIGNS: Final = tuple(MULTIPLY)
_INDICES: Final = (["i"], ["j"], ["k"], ["l"], ["n"])
_DOTS: Final = "an ellipsis leaves out what stands there; write it as a Σ"
_BRACES: Final = "braces around a sum don't show: a bracket was expected"
_SLASH: Final = "it is not clear what belongs under this slash: write \\frac, or put a bracket"


class Grammar(DerivativeReader):
    """Reads one formula: `whole` is the entry."""

    __slots__ = ()

    def whole(self) -> Node:
        """The tree of all the tokens."""
        if not self.tokens:
            self.fail("a formula was expected")
        return self.expression()

    def expression(self) -> Node:
        start = self.at
        node = self.addition()
        if self.at < self.end:
            self.fail(f"an operator or the end of the formula was expected, {self.found()}")
        return self.remember(node, start)

    # Sums of terms

    def addition(self) -> Node:
        start = self.at
        terms: list[Node] = []
        dots: list[int] = []
        while True:
            negative = self.sign(first=not terms)
            if self.sees("…"):
                dots.append(len(terms))
                self.at += 1
                self.check_dots(negative=negative)
            else:
                self.one_term(terms, negative=negative)
            if not self.sees("+", "-"):
                break
            if len(terms) > TERMS:
                self.fail(f"a sum has more than {TERMS} terms", start)
        return self.series(terms, dots, start) if dots else addition(terms)

    def sign(self, *, first: bool) -> bool:
        """Takes the signs before a term; whether they make it negative."""
        if self.sees("±"):
            self.fail("one sign, + or −, was expected")
        negative = False
        if not first or self.sees("+", "-"):
            negative = self.sees("-")
            self.at += 1
        while self.sees("+", "-"):
            negative ^= self.sees("-")
            self.at += 1
        return negative

    def one_term(self, terms: list[Node], *, negative: bool) -> None:
        start = self.at
        node = self.term(loose=not negative)
        if negative:
            terms.append(self.remember(minus(node), start))
        elif self.was_braced(start) and isinstance(node, Addition):
            terms.extend(node.terms)
        else:
            terms.append(node)

    def was_braced(self, start: int) -> bool:
        return self.tokens[start][:2] == ("mark", "{") and self.pairs.get(start) == self.at - 1

    def check_dots(self, *, negative: bool) -> None:
        if negative or not (self.at == self.end or self.sees("+", "-")):
            self.fail(_DOTS, self.at - 1)

    def series(self, terms: list[Node], dots: list[int], start: int) -> Node:
        place = self.at - 1
        found = None
        if len(dots) == 1 and 0 < dots[0] == len(terms) - 1:
            found = series(terms[0], terms[1:-1], terms[-1])
        if found is None:
            self.fail(_DOTS, next(at for at in range(start, place + 1) if self.tokens[at].text == "…"))
        self.saw_series(terms[-1], found)
        return found

    def saw_series(self, last: Node, found: Summation) -> None:
        for part in _names(last):
            if found.high in part.indices:
                self.evidence.elements.add((part.base, part.accent))
        if isinstance(found.high, Name):
            self.evidence.sizes.add(found.high.base)
        if found.index is not None:
            self.evidence.bound.add(found.index.base)

    # Products

    def term(self, *, loose: bool = False) -> Node:
        """`loose`: a sum in bare braces is allowed, if it is all there is."""
        start = self.at
        factors = [self.checked_factor(loose=loose)]
        slashes, slashed = 0, False
        while True:
            token = self.look()
            if token.kind == "mark" and token.text in MULTIPLY:
                self.at += 1
                factors.append(self.signed_factor())
                slashed = False
            elif self.take("/"):
                slashes += 1
                slashed = self.divide(factors, slashes)
            elif self.starts_factor(token):
                self.check_juxtaposed(factors[-1], token, slashed=slashed)
                factors.append(self.factor())
                slashed = False
            else:
                break
            self.check_product(factors, start, loose=loose)
        return self.remember(product(factors), start)

    def checked_factor(self, *, loose: bool) -> Node:
        start = self.at
        node = self.factor()
        if not loose and self.was_braced(start) and isinstance(node, Addition | Minus):
            self.fail(_BRACES, start)
        return node

    def check_product(self, factors: list[Node], start: int, *, loose: bool) -> None:
        first = self.tokens[start][:2] == ("mark", "{") and isinstance(factors[0], Addition | Minus)
        if loose and first:
            self.fail(_BRACES, start)
        if len(factors) > TERMS:
            self.fail(f"a product has more than {TERMS} factors", start)

    def signed_factor(self) -> Node:
        """The factor behind a sign of multiplication, which may be negative: a · −b."""
        start = self.at
        negative = False
        while self.sees("+", "-"):
            negative ^= self.sees("-")
            self.at += 1
        node = self.checked_factor(loose=False)
        return self.remember(minus(node), start) if negative else node

    def divide(self, factors: list[Node], slashes: int) -> bool:
        """Puts the last factor over the next one. Whether a factor that follows would be unclear."""
        if slashes > SLASHES:
            self.fail(f"more than {SLASHES} slashes follow each other")
        bracketed = self.sees("(", "[", "{")
        factors[-1] = over(factors[-1], self.checked_factor(loose=False))
        return not bracketed

    def check_juxtaposed(self, before: Node, token: Token, *, slashed: bool) -> None:
        if slashed and not (token.text in {"∑", "(", "[", "\\{"} or token.text == "\\frac"):
            self.fail(_SLASH)
        if token.kind == "digit" and not isinstance(before, Bracket | Fraction | Partial | Derivative):
            self.fail("a sign of multiplication was expected before this number")
        if token.kind == "digit" and self.touches(self.at) and self.tokens[self.at - 1].kind == "digit":
            self.fail("braces around this number were expected")
        if token.text == "(" and isinstance(before, Name):
            self.check_not_call(before)

    def check_not_call(self, before: Name) -> None:
        """x_i (y): nobody puts a lone name in a bracket to multiply by it. LN_i (x + y) is a function, too."""
        lone = self.is_lone(self.at + 1, self.pairs.get(self.at, self.at)) and (before.indices or before.label)
        if (lone or (len(before.base) > 1 and before.base[0].isupper())) and not self.decisions.first_reading:
            self.fail("this may be a product or a function; write \\cdot, or leave out the bracket")

    def is_lone(self, start: int, end: int) -> bool:
        """Whether the bracket around tokens[start:end] holds one name and does not need to: (σ²)² needs it."""
        raised = end + 1 < self.end and self.tokens[end + 1].text == "^"
        needed = raised and any(token.text == "^" for token in self.tokens[start:end])
        return self.is_name(start, end) and not needed

    def starts_factor(self, token: Token) -> bool:
        match token.kind:
            case "letter" | "digit" | "word" | "operator" | "indicator" | "partial":
                return True
            case "mark":
                bar = token.text in {"|", "‖"} and self.at in self.pairs
                return token.text in _OPENING or token.text in {"∑", "∇"} or bar
            case "command":
                name = token.text[1:]
                return name in SYMBOL_COMMANDS or name in LISTED or self.starts_name(token)
            case "begin":
                return True
            case _:
                return False

    # Factors

    def factor(self) -> Node:
        start = self.at
        with self.deeper():
            node = self.primary()
        if self.sees("^") and not isinstance(node, Summation):
            node = self.raised(node, start)
        if self.sees("_"):
            self.fail("a subscript belongs to a name; an operator was expected")
        if self.sees("'", "!"):
            self.fail(f"an operator was expected, {self.found()}")
        return self.remember(node, start)

    def raised(self, node: Node, start: int) -> Node:
        if self.was_braced_sum(node, start):
            self.fail(_BRACES, start)
        if isinstance(node, Power) and not self.is_bracketed(start):
            self.fail("one superscript was expected")
        self.at += 1
        first, last, after = self.argument_range("an exponent")
        self.check_digits(first, last, after)
        self.check_exponent(first, last, of_name=False)
        with self.within(first, last), self.deeper():
            exponent = self.expression()
        self.at = after
        return power(node, exponent)

    def was_braced_sum(self, node: Node, start: int) -> bool:
        return self.was_braced(start) and isinstance(node, Addition | Minus | Product | Fraction)

    def is_bracketed(self, start: int) -> bool:
        return self.tokens[start].text in {"(", "[", "\\{"}

    def primary(self) -> Node:
        token = self.look()
        node = self.slashed() if token.kind in {"partial", "letter", "command"} else None
        if node is not None:
            return node
        match token.kind:
            case "letter" | "word" | "operator":
                return self.summation() if token.text == "Σ" and self.is_sigma_sum() else self.name_or_call()
            case "digit":
                return self.number()
            case "command":
                return self.command(token)
            case _:
                return self.marked(token) if token.kind == "mark" else self.other(token)

    def is_sigma_sum(self) -> bool:
        r"""Whether \Sigma has the limits of a sum: a condition, or one small letter, and then a factor behind it."""
        place, found = self.at + 1, False
        while place < self.end and self.tokens[place].text in {"_", "^"}:
            end = self.pairs.get(place + 1, place + 1) + 1
            texts = [token.text for token in self.tokens[place + 1 : end] if token.text not in {"{", "}"}]
            if self.tokens[place].text == "_":
                found = texts in _INDICES or not {"=", "∈", "≠", "≤"}.isdisjoint(texts)
            elif "-" in texts:
                return False
            place = end
        return found and place < self.end

    def other(self, token: Token) -> Node:
        match token.kind, token.text:
            case "partial", _:
                return self.upright_d()
            case "indicator", _:
                self.at += 1
                return self.indicator()
            case "begin", "cases" | "dcases" | "rcases":
                return self.cases()
            case "begin", name if name in MATRICES:
                raise LaidOut(token.start, "a matrix of entries")
            case "prose", _:
                raise self.misread("words stand in the middle of this formula")
            case _:
                raise self.misread(f"a formula was expected, {self.found()}")

    def upright_d(self) -> Node:
        r"""\mathrm{d}x on its own is the name dx."""
        start = self.at
        self.at += 1
        if not self.starts_name(self.look()):
            self.fail(f"a name was expected behind d, {self.found()}")
        inner = self.bare_name()
        if inner.label or inner.indices:
            self.fail("one letter was expected behind d", start)
        return self.remember(self.with_scripts(Name(f"d{inner.base}{inner.accent}"), start, target=False), start)

    def marked(self, token: Token) -> Node:
        text = token.text
        if text in {"(", "[", "\\{"}:
            return self.bracket()
        if text == "{":
            return self.braces()
        if text in {"|", "|(", "‖", "‖("}:
            return self.bars()
        if text == "∑":
            return self.summation()
        if text == "∇":
            return self.gradient()
        raise self.misread(_DOTS if text == "…" else f"a formula was expected, {self.found()}")

    def command(self, token: Token) -> Node:
        name = token.text[1:]
        if name == "frac":
            return self.fraction()
        if name == "sqrt":
            return self.root()
        if name in LISTED:
            return self.function(name)
        if self.starts_name(token):
            return self.name()
        if name == "partial":
            self.fail("∂ was expected in a fraction, as in \\frac{\\partial L}{\\partial x}")
        raise self.misread(f"{token.text} is not a command that is read here")

    # Numbers, fractions, roots

    def number(self) -> Node:
        start = self.at
        digits = self.digits()
        if self.sees(".") and self.look(1).kind == "digit" and self.touches(self.at) and self.touches(self.at + 1):
            self.at += 1
            digits = f"{digits}.{self.digits()}"
        if digits == "1" and (self.sees("_") or self.brackets_relation()):
            return self.indicator()
        node: Node = Number(digits)
        if self.look().text in {"e", "E"} and self.touches(self.at):
            node = self.scientific(digits)
        return self.remember(node, start)

    def digits(self) -> str:
        start = self.at
        self.at += 1
        while self.look().kind == "digit" and self.touches(self.at):
            self.at += 1
        return "".join(token.text for token in self.tokens[start : self.at])

    def scientific(self, digits: str) -> Node:
        """1e-5 is 10⁻⁵; 2e is 2 times e."""
        negative = self.look(1).text == "-"
        place = self.at + 1 + (self.look(1).text in {"-", "+"})
        if not (place < self.end and self.tokens[place].kind == "digit" and self.touches(place)):
            return Number(digits)
        self.at = place
        exponent = Number(self.digits())
        ten = Power(Number("10"), Minus(exponent) if negative else exponent)
        return ten if digits == "1" else Product((Number(digits), ten))

    def argument(self, what: str) -> tuple[int, int]:
        """The range of an argument in braces, or of one token."""
        start, end, after = self.argument_range(what)
        if start == end:
            self.fail(f"{what} was expected in these braces")
        self.at = after
        return start, end

    def fraction(self) -> Node:
        start = self.at
        self.at += 1
        top = self.argument("the top of a fraction")
        bottom = self.argument("the bottom of a fraction")
        node = self.derivative(top, bottom)
        if node is None:
            with self.deeper():
                node = Fraction(self.part_of(*top), self.part_of(*bottom))
        return self.remember(node, start)

    def root(self) -> Node:
        self.at += 1
        degree = 2
        if self.sees("["):
            end = self.closing()
            inside = "".join(token.text for token in self.tokens[self.at + 1 : end])
            if not inside.isdecimal() or not 2 <= int(inside[:4]) <= 99:
                self.fail("a whole number was expected as the degree of this root")
            degree = int(inside)
            self.at = end + 1
        if self.tokens[self.at - 1].text == "\\sqrt" and self.sees("("):  # √(σ² + ε), typed
            bracket = self.bracket()
            return Root(bracket.body if isinstance(bracket, Bracket) else bracket, degree)
        start, end = self.argument("what is under the root")
        with self.deeper():
            return Root(self.part_of(start, end), degree)

    # Brackets

    def bracket(self) -> Node:
        start, end = self.at, self.closing()
        opening = self.tokens[start].text
        inside = self.tokens[start + 1 : end]
        if self.has_comma(start + 1, end):
            raise LaidOut(self.tokens[start].start, "a list of entries")
        if opening == "[" and split_relations([*inside])[1]:
            return self.indicator()
        self.at = start + 1
        with self.within(start + 1, end), self.deeper():
            if start + 1 == end:
                self.fail("a formula was expected in this bracket", start)
            node = self.expression()
        self.at = end + 1
        return self.remember(Bracket(node, "{" if opening == "\\{" else opening), start)

    def has_comma(self, start: int, end: int) -> bool:
        return len(self.parts(start, end)) > 1

    def braces(self) -> Node:
        start, end = self.at, self.closing()
        if start + 1 == end:
            self.fail("a formula was expected in these braces")
        if self.is_scripted_name(start, end):
            return self.name()
        over_place = next((at for at in range(start + 1, end) if self.tokens[at].text == "\\over"), None)
        with self.deeper():
            if over_place is not None:
                node: Node = Fraction(self.part_of(start + 1, over_place), self.part_of(over_place + 1, end))
            else:
                node = self.part_of(start + 1, end)
        self.at = end + 1
        return node

    def is_scripted_name(self, start: int, end: int) -> bool:
        """{x}_i or {x}^2, where the braces are those of a font."""
        place = end + 1
        scripted = place < self.end and self.tokens[place].text in {"_", "^", "'"}
        simple = self.is_name(start + 1, end) and self.tokens[start + 1].text != "("
        with self.within(start + 1, end):
            return scripted and simple and self.name_end(start + 1) == end

    def bars(self) -> Node:
        """|x| and ‖x‖."""
        start, end = self.at, self.closing()
        if start + 1 == end:
            self.fail("a formula was expected between these bars")
        with self.deeper():
            inside = self.part_of(start + 1, end)
        norm = self.tokens[start].text in {"‖", "‖("}
        self.at = end + 1
        if norm and self.sees("_") and self.look(1).text in {"2", "{"}:
            first, last, after = self.norm_label()
            self.at = after if [token.text for token in self.tokens[first:last]] == ["2"] else self.at
        return Call("norm" if norm else "abs", (inside,))

    def norm_label(self) -> tuple[int, int, int]:
        with self.within(self.at + 1, self.end):
            return self.argument_range("a number")

    # Calls

    def name_or_call(self) -> Node:
        start, token = self.at, self.look()
        word = token.text if token.kind != "letter" else self.run()
        length = len(word) if token.kind == "letter" else 1
        if word in CALLS and self.look(length).text in {"(", "[", "\\{"}:
            return self.function(word, length)
        if token.kind == "letter" and token.text == "I" and self.brackets_relation(1):
            self.at += 1
            return self.indicator()
        node = self.name()
        if isinstance(node, Name) and self.sees("(", "[", "\\{") and self.is_call(node, token):
            return self.remember(Call(node.base, self.arguments()), start)
        return node

    def is_call(self, name: Name, token: Token) -> bool:
        """Whether a name with a bracket behind it is a function of what is in the bracket."""
        if name != Name(name.base):
            return False
        end = self.closing()
        lone = self.sees("(") and self.is_lone(self.at + 1, end)
        listed = self.has_comma(self.at + 1, end)
        if token.kind == "letter":
            return listed or lone or (self.is_loss(name) and self.sees("("))
        if listed or lone or token.kind == "operator":
            return True
        if name.base[:1].isupper():
            self.fail(f"{name.base} may be a function or a factor: write \\operatorname{{{name.base}}}, or \\cdot")
        return False

    def function(self, name: str, length: int = 1) -> Node:
        r"""\log(x), \exp x, \log \sum_k x_k, \operatorname{Var}[x], E[x]; the name is that many tokens long."""
        start = self.at
        self.at += length
        if self.sees("_", "^"):
            self.fail(f"the argument of {name} was expected, {self.found()}")
        if self.sees("(", "[", "\\{"):
            return self.remember(Call(name, self.arguments()), start)
        if not (self.starts_name(self.look()) or self.sees("{", "∑") or self.look().text in {"\\frac", "\\sqrt"}):
            self.fail(f"the argument of {name} was expected, {self.found()}")
        argument = self.factor()
        if self.starts_factor(self.look()):
            self.fail(f"it is not clear where the argument of {name} ends: put a bracket around it")
        return self.remember(Call(name, (argument,)), start)

    def arguments(self) -> tuple[Node, ...]:
        """What stands in the bracket. An ellipsis is left out beside two others: no function of several is known."""
        start, end = self.at, self.closing()
        listed = self.parts(start + 1, end)
        ranges = [each for each in listed if not is_ellipsis([*self.tokens[slice(*each)]])]
        if len(ranges) < len(listed) and len(ranges) < 2:
            raise LaidOut(self.tokens[start].start, "a list of arguments with an ellipsis")
        with self.deeper():
            found = tuple(self.argument_of_call(first, last) for first, last in ranges)
        self.at = end + 1
        return found

    def argument_of_call(self, start: int, end: int) -> Node:
        if start == end:
            self.fail("an argument was expected", start)
        return self.part_of(start, end)

    # Indicators

    def brackets_relation(self, ahead: int = 0) -> bool:
        """Whether a bracket with a relation in it stands at the cursor."""
        place = self.at + ahead
        if self.look(ahead).text not in {"\\{", "(", "["} or self.pairs.get(place, self.end) >= self.end:
            return False
        return len(split_relations([*self.tokens[place + 1 : self.pairs[place]]])[1]) == 1

    def indicator(self) -> Node:
        r"""[i = j], 1\{i = j\}, \mathbf{1}_{i = j}."""
        start = self.at
        self.take("_")
        first, last, after = self.argument_range("a condition") if not self.sees("(", "[", "\\{") else self.bracketed()
        if self.pairs.get(first) == last - 1:
            first, last = first + 1, last - 1
        self.at = after
        return self.remember(self.condition(first, last), start)

    def bracketed(self) -> tuple[int, int, int]:
        end = self.closing()
        return self.at + 1, end, end + 1

    def condition(self, start: int, end: int) -> Indicator:
        place = start
        while place < end and not (self.tokens[place].kind == "mark" and self.tokens[place].text in RELATIONS | ORDERS):
            place = self.pairs.get(place, place) + 1
        if not start < place < end - 1 or self.tokens[place].text not in {"=", "≠"}:
            self.fail("a condition such as i = j was expected", start)
        with self.deeper():
            left, right = self.part_of(start, place), self.part_of(place + 1, end)
        for side in (left, right):
            if isinstance(side, Name) and side == Name(side.base):
                self.evidence.bound.add(side.base)
        return Indicator(left, right, self.tokens[place].text)

    def cases(self) -> Node:
        """A value that depends on whether two indices are equal: b + (a − b)[i = j]."""
        start, end = self.at, self.closing()
        rows = self.rows_of(start + 1, end)
        if len(rows) != 2:
            self.fail("two cases were expected, of which the second is `otherwise`", start)
        (value, condition), (other, otherwise) = rows
        with self.deeper():
            indicator = self.condition(*self.without_words(*condition))
            first, second = self.part_of(*value), self.part_of(*other)
        self.check_otherwise(indicator, *otherwise)
        self.at = end + 1
        return _chosen(indicator, first, second)

    def rows_of(self, start: int, end: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """For each row of cases, the range of its value and that of its condition."""
        found = []
        first = start
        for place in [*(at for at in range(start, end) if self.tokens[at].kind == "row"), end]:
            cut = next((at for at in range(first, place) if self.tokens[at].text == "&" or self.is_words(at)), None)
            if cut is None and first < place:
                self.fail("& and a condition were expected in this case", first)
            if cut is not None:
                behind = cut + (self.tokens[cut].text == "&")
                found.append((self.trimmed(first, cut), self.trimmed(behind, place)))
            first = place + 1
        return found

    def is_words(self, place: int) -> bool:
        return self.tokens[place].kind in {"prose", "wide"}

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        while end > start and (self.tokens[end - 1].text in {",", ".", ";"} or self.tokens[end - 1].kind == "wide"):
            end -= 1
        while start < end and self.tokens[start].kind == "wide":
            start += 1
        return start, end

    def without_words(self, start: int, end: int) -> tuple[int, int]:
        while start < end and self.tokens[start].kind == "prose":
            if self.tokens[start].text.strip(", ").lower() not in {"if", "for", "when", "where"}:
                self.fail("a condition such as i = j was expected", start)
            start += 1
        return start, end

    def check_otherwise(self, indicator: Indicator, start: int, end: int) -> None:
        words = " ".join(token.text for token in self.tokens[start:end]).strip(" ,.").lower()
        if words in {"otherwise", "else"}:
            return
        other = self.condition(*self.without_words(start, end))
        if {other.relation, indicator.relation} != {"=", "≠"} or (other.left, other.right) != (
            indicator.left,
            indicator.right,
        ):
            self.fail("`otherwise` was expected as the second case", start)


def _chosen(indicator: Indicator, first: Node, second: Node) -> Node:
    zero, one = Number("0"), Number("1")
    if second == zero:
        return indicator if first == one else product((_bracketed(first), indicator))
    return Addition((second, product((Bracket(Addition((first, minus(_bracketed(second))))), indicator))))


def _bracketed(node: Node) -> Node:
    return Bracket(node) if isinstance(node, Addition | Minus | Summation | Product) else node


def _names(node: Node) -> list[Name]:
    return [part for part in walk(node) if isinstance(part, Name)]
