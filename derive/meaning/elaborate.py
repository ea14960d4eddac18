"""From a syntax tree to a SymPy expression over the document's own names.

Nothing is parsed and nothing is guessed here: a construct without a meaning raises `Meaningless` with the reason. What
had to be assumed (an index left out, a sum from 0 to n) is noted, and every denominator is kept, because SymPy cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from sympy import (
    Abs,
    Add,
    Expr,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    S,
    Sum,
    Symbol,
    cos,
    erf,
    exp,
    log,
    sign,
    sin,
    tanh,
)

from derive.meaning.names import plain, whole_number
from derive.meaning.sizes import Sizes, size_of_range
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
)

__all__ = ["TYPICAL_SIZES", "Elaborator", "Meaningless", "Vocabulary", "typical_size"]

TYPICAL_SIZES = frozenset("mnNMD")
MOST_DIGITS = 1_000
FUNCTIONS = {
    "abs": Abs,
    "cos": cos,
    "erf": erf,
    "exp": exp,
    "ln": log,
    "log": log,
    "sgn": sign,
    "sign": sign,
    "sin": sin,
    "tanh": tanh,
}
FUNCTION_LETTERS = frozenset("fFhφψσ")


class Meaningless(Exception):  # noqa: N818 -- a reason to stay undecided, not an error of the user's
    """Readable, but without a meaning here. The message is the reason."""


@dataclass(slots=True)
class Vocabulary:
    """The names of a document: which are tensors of what shape, which are sizes, which are positive.

    `same` says which sizes are one (from a given N = m); `letters` holds the index letters a name usually has;
    `letters_for_sizes` are the undefined letters that usually stand for a size; `bodies` names the expressions that are
    differentiated as such.
    """

    sizes: Sizes
    positive: frozenset[str]
    defined: frozenset[str]
    same: dict[str, str] = field(default_factory=dict)
    letters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    letters_for_sizes: frozenset[str] = frozenset()
    bodies: Mapping[Node, Name] = field(default_factory=dict)
    differentiated: frozenset[str] = frozenset()

    def size(self, name: str) -> Expr:
        """A size by name, or by its digits."""
        name = self.same.get(name, name)
        return Integer(name) if name.isdecimal() else Symbol(name, integer=True, positive=True)

    def slot(self, name: str, slot: int) -> Expr:
        """The size of a slot. Where no limits say it, the one size there is; else a size of its own."""
        return self.size(self.sizes.of(name, slot) or self._only_size() or self._own_size(name, slot))

    def _only_size(self) -> str | None:
        """The size of the document, or the letter in 1/m, if that is the only one and there is one range without."""
        known = {self.same.get(name, name) for name in self.sizes.names()} or set(self.letters_for_sizes)
        return next(iter(known)) if len(known) == 1 and len(self.sizes.without_size()) == 1 else None

    def _own_size(self, name: str, slot: int) -> str:
        kind, *rest = self.sizes.group(name, slot)
        return f"|{rest[0]}|" if kind == "slot" and rest[1] == "0" else f"|{' '.join(rest)}|"

    def size_names(self) -> set[str]:
        """Every size of the document, those that are one counted once."""
        found = {self.same.get(name, name) for name in self.sizes.names()}
        only = self._only_size()
        return found | ({only} if only is not None else set())

    def is_size(self, name: str) -> bool:
        known = self.sizes.names() | self.same.keys() | set(self.same.values())
        return name in known or (typical_size(name) and name not in self.defined | self.differentiated)

    def is_index(self, name: str) -> bool:
        """Whether a letter is the usual index of some tensor."""
        return any(name in letters for letters in self.letters.values())

    def quantity(self, name: str, indices: tuple[Expr, ...]) -> Expr:
        """A tensor at indices, a scalar, or a size."""
        if indices:
            shape = tuple(self.slot(name, slot) for slot in range(len(indices)))
            return IndexedBase(name, shape=shape)[indices]
        if self.is_size(name):
            return self.size(name)
        return Symbol(name, positive=True) if name in self.positive else Symbol(name)


@dataclass(slots=True)
class Elaborator:
    """Turns the sides of one equation into SymPy. `derivative` gives a meaning to ∂u/∂v with the indices in place."""

    words: Vocabulary
    derivative: Callable[[Expr, Expr], Expr]
    outer: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()  # the letters of the whole equation
    assumed: dict[str, None] = field(default_factory=dict)
    conditions: dict[tuple[str, str], None] = field(default_factory=dict)
    denominators: dict[Expr, None] = field(default_factory=dict)
    memory: dict[tuple[object, ...], tuple[Node, Expr]] | None = None

    def expr(self, tree: Node, bound: Mapping[str, Expr] | None = None) -> Expr:
        """The meaning of a tree; `bound` gives the size of each index that a sum around it binds."""
        bound = bound or {}
        if self.memory is None:
            return self._expr(tree, bound)
        # By identity, which is cheap: what is looked at again and again is the same object. The tree is kept with its
        # value, so that no other gets its identity.
        key = (id(tree), *bound.items())
        if key not in self.memory:
            self.memory[key] = tree, self._expr(tree, bound)
        return self.memory[key][1]

    def _expr(self, tree: Node, bound: Mapping[str, Expr]) -> Expr:
        match tree:
            case Number(digits):
                if len(digits) > MOST_DIGITS:
                    raise Meaningless(f"a number of {len(digits)} digits")
                return Rational(digits)
            case Name():
                self._refuse_index(tree, bound)
                return self.quantity(tree)
            case Bracket(body):
                return self.expr(body, bound)
            case Minus(value):
                return Mul(S.NegativeOne, self.expr(value, bound))
            case Addition(terms):
                return Add(*(self.expr(term, bound) for term in terms))
            case Product(factors):
                self._refuse_odd(factors)
                return Mul(*(self.expr(factor, bound) for factor in factors))
            case Fraction(top, bottom):
                return Mul(self.expr(top, bound), self._inverse(self.expr(bottom, bound)))
            case _:
                return self._compound(tree, bound)

    def _compound(self, tree: Node, bound: Mapping[str, Expr]) -> Expr:
        match tree:
            case Power(base, exponent):
                return self._power(base, exponent, bound)
            case Root(value, degree):
                return Pow(self.expr(value, bound), Rational(1, degree))
            case Summation():
                return self._sum(tree, bound)
            case Partial(top, bottom):
                return self.derivative(self.quantity(top), self.quantity(bottom))
            case Indicator(left, right, relation):
                delta = KroneckerDelta(self._index(left), self._index(right))
                return delta if relation == "=" else 1 - delta
            case Call():
                return self._call(tree, bound)
            case Derivative(body, bottom):
                return self.derivative(self.quantity(self.words.bodies[body]), self.quantity(bottom))
        raise Meaningless(f"{type(tree).__name__} has no meaning here")

    def _refuse_odd(self, factors: tuple[Node, ...]) -> None:
        """What looks like a product and may be a function's value or an equation's number."""
        if isinstance(factors[-1], Number) and factors[-1].digits != "0":  # … · 0 shows why a term is none
            raise Meaningless("a number behind a product: put it in front, or is it the equation's number?")
        for name, argument in pairwise(factors):
            if isinstance(name, Name) and not name.indices and plain(name) not in self.words.defined:
                letter = name.base in FUNCTION_LETTERS and isinstance(argument, Addition | Bracket)
                if letter or "′" in name.superscript:
                    raise Meaningless(f"{plain(name)} may be a function of what is in the bracket, or a factor")

    def _inverse(self, bottom: Expr) -> Expr:
        self.denominators[bottom] = None
        if bottom == 0:
            raise Meaningless("a denominator is 0")
        return Pow(bottom, -1)

    def _power(self, base: Node, exponent: Node, bound: Mapping[str, Expr]) -> Expr:
        power = self.expr(exponent, bound)
        if base == Name("e") and "e" not in self.words.defined:
            return exp(power)
        if not isinstance(power, Rational):
            raise Meaningless("an exponent that is not a number")
        value = self.expr(base, bound)
        if power < 0:
            self.denominators[value] = None
            if value == 0:
                raise Meaningless("a denominator is 0")
        return Pow(value, power)

    def _refuse_index(self, name: Name, bound: Mapping[str, Expr]) -> None:
        """The letter of an index is no number: i x_i, and x_k/k² under a Σ over k."""
        if name.indices or plain(name) != name.base:
            return
        free = name.base in self.outer | self.free or self.words.is_index(name.base)
        known = name.base in self.words.defined or self.words.is_size(name.base)
        if name.base in bound or (free and not known):
            raise Meaningless(f"the index {name.base} as a number: an index only says which element")

    # --- names ---------------------------------------------------------------------------------------------------

    def quantity(self, name: Name) -> Expr:
        """A name with its indices; those an author left out are the usual ones."""
        key = plain(name)
        indices = tuple(self._index(index) for index in name.indices)
        missing = self.words.sizes.ranks.get(key, 0) - len(indices)
        if missing and indices:
            raise Meaningless(f"{key} has {len(indices)} indices here and {len(indices) + missing} elsewhere")
        if missing:
            letters = self.words.letters.get(key, ())
            if len(letters) != missing:
                raise Meaningless(f"{key} stands without its indices")
            indices = tuple(Symbol(letter, integer=True) for letter in letters)
            self.assumed[f"{key} stands for {key}_{''.join(letters)}"] = None
        return self.words.quantity(key, indices)

    @staticmethod
    def _index(index: Node) -> Expr:
        number = whole_number(index)
        if number == 0:
            raise Meaningless("the element 0: elements are counted from 1")
        if number is not None:
            return Integer(number)
        if isinstance(index, Name) and not index.indices:
            return Symbol(index.base, integer=True)
        raise Meaningless("an index that is neither a letter nor a number")

    # --- sums ----------------------------------------------------------------------------------------------------

    def _sum(self, tree: Summation, bound: Mapping[str, Expr]) -> Expr:
        if tree.index is None:
            return self._over_its_letters(tree.body, bound)
        letter = tree.index.base
        size = self._range(tree, letter, bound)
        body = self.expr(tree.body, {**bound, letter: size})
        if tree.other_than is not None:
            other = getattr(tree.other_than, "base", "")
            if other and other not in self.outer | self.free and other not in bound:
                raise Meaningless(f"a sum over {letter} ≠ {other}, where nothing says what {other} is")
            body = Mul(1 - KroneckerDelta(Symbol(letter, integer=True), self._index(tree.other_than)), body)
        return Sum(body, (Symbol(letter, integer=True), 1, size))

    def _over_its_letters(self, body: Node, bound: Mapping[str, Expr]) -> Expr:
        """Σ without an index runs over the letters of its body that are not given from outside."""
        found = dict.fromkeys(letter for letter, _ in self._places(body))
        letters = [letter for letter in found if letter not in self.outer] or list(found)
        if not letters:
            raise Meaningless("a sum without an index")
        sizes = {letter: self._slot_size(body, letter) for letter in letters}
        limits = ((Symbol(letter, integer=True), 1, size) for letter, size in sizes.items())
        return Sum(self.expr(body, {**bound, **sizes}), *limits)

    def _range(self, tree: Summation, letter: str, bound: Mapping[str, Expr]) -> Expr:
        """The size a sum runs to. It is that of the tensors under it; another one in the limits is a condition."""
        written = size_of_range(tree)
        if tree.high is not None and written is None:
            raise Meaningless("a sum with limits other than 1 … m")
        inferred = next((self._slot_size(tree.body, letter) for at, _ in self._places(tree.body) if at == letter), None)
        if written is not None and whole_number(tree.low) == 0 and isinstance(tree.high, Name):
            if inferred is None:
                raise Meaningless(f"a sum from 0 to {written}: {written} terms or one more?")
            self.assumed[f"the sum over {letter} from 0 to {written} runs over all {written} elements"] = None
        elif tree.low is not None and whole_number(tree.low) not in (0, 1):
            raise Meaningless("a sum that starts elsewhere than at 1")
        if written is None:
            if inferred is None:
                raise Meaningless(f"a sum over {letter}, of which nothing says how far it runs")
            return inferred
        if written in self.outer or written in bound:
            raise Meaningless(f"a sum up to the index {written}")
        size = self.words.size(written)
        if inferred is not None and inferred != size:
            self.conditions[str(size), str(inferred)] = None
            return inferred
        return size

    def _slot_size(self, body: Node, letter: str) -> Expr:
        for at, (name, slot) in self._places(body):
            if at == letter:
                return self.words.slot(name, slot)
        raise Meaningless(f"a sum over {letter}, of which nothing says how far it runs")

    def _places(self, body: Node) -> Iterator[tuple[str, tuple[str, int]]]:
        """Each index letter in a tree that no sum inside binds, with a slot it stands in. Left-out indices count."""
        match body:
            case Summation(index=index) if index is not None:
                yield from ((letter, place) for letter, place in self._places(body.body) if letter != index.base)
            case Name():
                key = plain(body)
                usual = self.words.letters.get(key, ()) if not body.indices else ()
                found = [index.base for index in body.indices if isinstance(index, Name)] or list(usual)
                yield from ((letter, (key, slot)) for slot, letter in enumerate(found))
            case _:
                for part in body.parts:
                    yield from self._places(part)

    # --- functions -----------------------------------------------------------------------------------------------

    def _call(self, tree: Call, bound: Mapping[str, Expr]) -> Expr:
        function = tree.function.lower()
        if function in {"max", "min"} and len(tree.arguments) > 1:
            return (Max if function == "max" else Min)(*(self.expr(one, bound) for one in tree.arguments))
        if len(tree.arguments) != 1:
            raise Meaningless(f"the function {tree.function}")
        (argument,) = tree.arguments
        if function in FUNCTIONS:
            return FUNCTIONS[function](self.expr(argument, bound))
        match function:
            case "relu":
                return Max(self.expr(argument, bound), S.Zero)
            case "mean" | "e" | "𝔼":
                return self._mean(argument, bound)
            case "var" | "variance":
                spread = Addition((argument, Minus(Call("mean", (argument,)))))
                return self._mean(Power(Bracket(spread), Number("2")), bound)
            case "‖" | "norm":
                return Pow(self._over_its_letters(Power(Bracket(argument), Number("2")), bound), Rational(1, 2))
        raise Meaningless(f"the function {tree.function}")

    def _mean(self, body: Node, bound: Mapping[str, Expr]) -> Expr:
        total = self._over_its_letters(body, bound)
        return Mul(total, *(Pow(high, -1) for _, _, high in total.limits))


def typical_size(name: str) -> bool:
    """Whether a letter is one that people use for a size: a number from 1 on, even where no sum runs to it."""
    return name in TYPICAL_SIZES
