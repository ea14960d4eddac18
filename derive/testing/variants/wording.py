"""One edit of a formula in words for somebody who wrote it as a program: "γ is missing on the m·dy term".

Promises: the words follow from the kind and the place of the edit alone. Formulas are said without indices, the
upstream gradient under its name in programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from derive.meaning.edits import Edit
from derive.notation.syntax import (
    ZERO,
    Addition,
    Bracket,
    Call,
    Fraction,
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
from derive.testing.variants.trees import MINUS_ONE, bare, difference, exponents, indices_in, short, stripped, with_part

__all__ = ["Teller", "listed"]

Way = tuple[tuple[Node, Node], ...]
"""The nodes from the top of a tree to a place in it, each with the part that the way goes through."""

_TIMES = MappingProxyType({2: "twice", 3: "three times", 4: "four times"})
_OFTEN = MappingProxyType({0: "missing", **{count: f"applied {times}" for count, times in _TIMES.items()}})


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True, slots=True)
class Teller:
    """Says what an edit of a formula does.

    `subject` is what the formula is of; `within` holds where that has to be said, because it is not the gradient.
    `called` are names in programs, `sizes` the names of sizes.
    """

    subject: str
    called: Mapping[Node, str]
    sizes: frozenset[str]
    within: bool = False

    @property
    def place(self) -> str:
        """The words "in σ²" where the formula is not the gradient itself."""
        return f" in {self.subject}" if self.within else ""

    def said(self, tree: Node) -> str:
        return short(tree, self.called)

    def tell(self, tree: Node, edit: Edit) -> str:
        """The edit of `tree` in words."""
        place = _Place(self, *difference(tree, edit.tree))
        if place.nested:  # what is edited is one term of a bracket, and not the term that the bracket stands in
            return f"{self.subject}: {edit.edit}{place.nested}"
        return place.words() or f"{self.subject}: {edit.edit}"

    def where(self, tree: Node, part: Node) -> str:
        """Where a part of a formula stands: "inside the Σ in the x̂·Σ dy·x̂ term"."""
        return _Place(self, *difference(tree, with_part(tree, part, ZERO))).where


@dataclass(frozen=True)
class _Place:
    """The place of one edit: the way to it, what stood there, what stands there now."""

    teller: Teller
    way: Way
    old: Node
    new: Node

    def words(self) -> str | None:
        kinds = (self._root, self._size, self._name, self._power, self._factor, self._term, self._sum)
        return next(filter(None, (kind() for kind in kinds)), None)

    # --- where ---------------------------------------------------------------------------------------------------

    @property
    def nested(self) -> str:
        """Where a bracket with several terms is part of a term: "in x − μ of the Σ dy·(x − μ) term"; else nothing."""
        inner = [node for node, _ in self._near if isinstance(node, Addition)]
        term = self._term_of
        return (
            f" in {self._said(inner[-1])} of the {self._said(term)} term" if len(inner) > 1 and term is not None else ""
        )

    @cached_property
    def _start(self) -> int:
        """Where the last part of the way begins that leads through products, fractions, sums and terms only."""
        start = 0
        for at, (node, part) in enumerate(self.way):
            below = isinstance(node, Fraction) and part is node.bottom
            deeper = any(isinstance(one, Addition) for one, _ in self.way[at + 1 :])
            if isinstance(node, Root | Power | Call) or (below and deeper):
                start = at + 1
        return start

    @property
    def _near(self) -> Way:
        return self.way[self._start :]

    @property
    def _term_of(self) -> Node | None:
        """The term that the edit is in, without its sign."""
        term = next((part for node, part in self._near if isinstance(node, Addition)), None)
        return None if term is None else _positive(term)

    @property
    def _below(self) -> bool:
        """Whether the place is in a denominator of its term."""
        return sum(isinstance(node, Fraction) and part is node.bottom for node, part in self._near) % 2 == 1

    @property
    def _subject(self) -> str:
        """What is said to be wrong: a term, a part under a root, or the formula."""
        term = self._term_of
        if self._start:
            return self._said(_positive(self._near[0][0] if self._near and term is None else term or self.old))
        return self.teller.subject if term is None else f"the {self._said(term)} term"

    @property
    def where(self) -> str:
        """The words "in the m·dy term", "in √(σ² + ε) of x̂", "in σ²", or none where it is clear."""
        inside = " inside the Σ" if self._within_sum else ""
        of = f" of {self.teller.subject}" if self.teller.within else ""
        if self._start:
            return f"{inside} in {self._said(self.way[self._start - 1][0])}{of}"
        term = self._term_of
        return f"{inside}{self.teller.place}" if term is None else f"{inside} in the {self._said(term)} term{of}"

    @property
    def _of(self) -> str:
        """The same behind what is said of a whole term: only what the term is of."""
        return f" of {self.teller.subject}" if self.teller.within and (self._start or self._term_of) else ""

    @property
    def _within_sum(self) -> bool:
        """Whether the place is in a Σ, and its term is more than that Σ."""
        term = self._term_of
        return any(isinstance(node, Summation) for node, _ in self._near) and not isinstance(term, Summation)

    def _said(self, tree: Node) -> str:
        return self.teller.said(tree)

    # --- names, sizes, roots, powers -----------------------------------------------------------------------------

    def _root(self) -> str | None:
        match self.old, self.new:
            case Root(value), other if other == value:
                return f"the √ over {self._said(value)} is missing{self.where}"
            case Addition() | Bracket(), Root(value) if value in {self.old, *self.old.parts}:
                return f"there is a √ over {self._said(value)} that does not belong there{self.where}"
        return None

    def _size(self) -> str | None:
        """m − 1 for m, or another size."""
        match self.old, self.new:
            case Name() as size, Bracket(Addition((same, Minus(Number("1"))))) if size == same:
                return self._instead(f"{self._said(size)} − 1", self._said(size))
            case Addition((Name() as size, Minus(Number("1")))), same if size == same:
                return self._instead(self._said(size), self._said(self.old))
            case Name(base=base), Name(base=other) if {base, other} <= self.teller.sizes:
                return self._instead(other, base)
        return None

    def _instead(self, new: str, old: str) -> str:
        verb = "divided" if self._below else "multiplied"
        return f"{self._subject}{self._of} is {verb} by {new}, not {old}"

    def _name(self) -> str | None:
        """One quantity for another, or at another index."""
        match self.old, self.new:
            case (Name() | Partial()) as old, (Name() | Partial()) as new if bare(old) == bare(new):
                return self._other_index(old, new)
            case Name() | Partial(), Name() | Partial() | Addition():
                return f"{self._said(self.new)} stands where {self._said(self.old)} belongs{self.where}"
        return None

    def _other_index(self, old: Name | Partial, new: Name | Partial) -> str:
        """Inside a Σ, an index that is not summed takes the factor out of it."""
        bound = {node.index.base for node, _ in self.way if isinstance(node, Summation) and node.index is not None}
        was, is_now = (bool(bound & set(indices_in(name))) for name in (old, new))
        term = self._term_of
        of = f" of the {self._said(term)} term" if term is not None else ""
        if was != is_now:
            places = ("outside", "inside") if was else ("inside", "outside")
            return f"{self._said(old)} stands {places[0]} the Σ{of}{self._of}, not {places[1]}"
        return f"{self._said(old)} is taken at another index{self.where}"

    def _power(self) -> str | None:
        match self.old, self.new:
            case Power(base, exponent), Power(other, new) if base == other:
                powers = (self._said(one) for one in (new, exponent))
                return f"{self._said(base)} has the exponent {', not '.join(powers)}{self.where}"
        return None

    # --- factors -------------------------------------------------------------------------------------------------

    def _factor(self) -> str | None:
        """A factor lost or too many, a sign."""
        before, after = exponents(self.old), exponents(self.new)
        changed = {
            one: after[one] - before[one] for one in dict.fromkeys((*before, *after)) if after[one] != before[one]
        }
        if MINUS_ONE in changed:
            return f"{self._subject}{self._of} has the wrong sign" if len(changed) == 1 else None
        off = {one: -change if self._below else change for one, change in changed.items()}
        if len(off) != 1:
            return self._several(off)
        ((factor, change),) = off.items()
        return self._number(factor, change) if isinstance(factor, Number) else self._off(factor, change)

    def _several(self, off: Mapping[Node, int]) -> str | None:
        """One number for another, or several factors lost together."""
        match self.old, self.new:
            case Number(old), Number(new):
                part = "1/" if self._below else ""
                return f"{self._subject}{self._of} has the factor {part}{new}, not {part}{old}"
        said, had = listed([self._said(one) for one in off]), {one: self._had(one) for one in off}
        if any(had[one] != -change or abs(change) > 1 for one, change in off.items()):
            return None
        if min(had.values()) > 0:
            return f"{said} are missing{self._on}"
        return f"{self._subject}{self._of} is not divided by {said}" if max(had.values()) < 0 else None

    def _off(self, factor: Node, change: int) -> str:
        """A factor whose exponent in the term is off by `change`."""
        had = self._had(factor)
        said = self._said(_squared(factor) if had % 2 == change % 2 == 0 else factor)
        if had > 0 and (had + change == 0 or had == 1 < had + change):
            return f"{said} is {_OFTEN.get(had + change, f'applied {had + change} times')}{self._on}"
        return f"{self._subject}{self._of} is {self._multiplied(had, change, said, mean=self._is_count(factor))}"

    @staticmethod
    def _multiplied(had: int, change: int, said: str, *, mean: bool) -> str:
        """What is said of a term that a factor stands in as often as it `had` and `change` more."""
        match had, had + change:
            case _, 0:
                return f"not divided by {said}"
            case 0, -1 if mean:
                return f"a mean, not a sum, over {said}"
            case 0, _:
                return f"{'multiplied' if change > 0 else 'divided'} by {said}, which does not belong there"
            case -1, now if now < -1:
                return f"divided by {said} {_TIMES.get(-now, f'{-now} times')}"
            case _, now:
                return f"{_powered(now, said)}, not {_powered(had, said)}"

    @property
    def _on(self) -> str:
        """The words "on the m·dy term" for these."""
        whole_term = self._term_of is not None and not self._start
        return self.where.replace(" in the ", " on the ", 1) if whole_term else self.where

    def _is_count(self, factor: Node) -> bool:
        """Whether a Σ is edited, and the size is what it runs to, or the product of these."""
        highs, node = set[str](), self.old
        while isinstance(node, Summation):
            highs |= {node.high.base} if isinstance(node.high, Name) else set()
            node = node.body
        return isinstance(factor, Name) and bool(highs) and set(factor.base.split("·")) == highs

    def _number(self, factor: Number, change: int) -> str:
        had = self._had(factor)
        if had and had + change == 0:
            return f"the factor {factor.digits if had > 0 else f'1/{factor.digits}'} is missing{self._on}"
        if factor.digits == "2" and abs(change) == 1:
            return f"{self._subject}{self._of} is {'doubled' if change > 0 else 'halved'}"
        return f"{self._subject}{self._of} is {'multiplied' if change > 0 else 'divided'} by {factor.digits}"

    def _had(self, factor: Node) -> int:
        """How often a factor stands in the term that is edited, whatever its indices; else in front of the bracket."""
        wanted, found = stripped(factor), _content(self.old)
        for node, part in reversed(self._near):
            if isinstance(node, Addition) and found[wanted]:
                break
            if isinstance(node, Fraction) and part is node.bottom:
                found = _times(found, -1)
            found = _sum(found, _beside(node, part))
        return found[wanted]

    # --- terms and sums ------------------------------------------------------------------------------------------

    def _term(self) -> str | None:
        """A term lost, a bracket that reaches too far or not far enough."""
        match self.old, self.new:
            case Product(), Addition((first, *_)):
                reached = first.factors[-1] if isinstance(first, Product) else first
                return f"what stands before the bracket multiplies only {self._said(_positive(reached))}{self.where}"
            case Addition((_, *others)), Product((*front, Bracket())):
                return self._also(Product(tuple(front)) if len(front) > 1 else front[0], others)
            case Addition(terms), _:
                return self._lost(terms)
        return None

    def _also(self, front: Node, others: Sequence[Node]) -> str:
        """A factor of the first term that acts on the others too."""
        terms = f"{listed([self._said(_positive(one)) for one in others])} {'term' if len(others) == 1 else 'terms'}"
        wanted = stripped(front)
        if all(_content(one)[wanted] == 1 for one in others):
            return f"{self._said(front)} is applied twice on the {terms}{self._of}"
        return f"{self._said(front)} also multiplies the {terms}{self._of}"

    def _lost(self, terms: tuple[Node, ...]) -> str | None:
        left = self.new.terms if isinstance(self.new, Addition) else (self.new,)
        lost = list((Counter(terms) - Counter(left)).elements())
        if len(lost) != 1 or len(left) != len(terms) - 1:
            return None
        term = _positive(lost[0])
        return (
            f"{self._said(term) if isinstance(term, Name) else f'the {self._said(term)} term'} is missing{self.where}"
        )

    def _sum(self) -> str | None:
        match self.old, self.new:
            case Summation(body=body), other if other == body:
                return f"the Σ over {self._said(body)} is missing{self.where}"
            case other, Summation(body=body) if other == body:
                return f"there is a Σ over {self._said(body)} that does not belong there{self.where}"
            case Summation(), Product((Bracket(Summation(body=inside)), *_)):
                return f"the Σ ends too early: it covers only {self._said(inside)}{self.where}"
        return None


# --- exponents, without indices --------------------------------------------------------------------------------------


def _beside(node: Node, part: Node) -> Counter[Node]:
    """What the part of a product or fraction is multiplied by there."""
    match node:
        case Product(factors):
            return _sum(*(_content(one) for one in factors if one is not part))
        case Fraction(top, bottom):
            return _content(top) if part is bottom else _times(_content(bottom), -1)
    return Counter()


def _content(node: Node) -> Counter[Node]:
    """The factors of a term without their indices, those inside a Σ included."""
    found: Counter[Node] = Counter()
    for factor, power in exponents(node).items():
        if isinstance(factor, Summation):
            found = _sum(found, _times(_content(factor.body), power))
        else:
            found[stripped(factor)] += power
    return found


def _sum(*parts: Counter[Node]) -> Counter[Node]:
    """Exponents added up, negative ones too, which `+` would drop."""
    found: Counter[Node] = Counter()
    for part in parts:
        found.update(part)
    return found


def _times(found: Counter[Node], power: int) -> Counter[Node]:
    return Counter({one: power * times for one, times in found.items()})


def _powered(times: int, said: str) -> str:
    """Multiplied by √r, divided by √r three times."""
    often = "" if abs(times) == 1 else f" {_TIMES.get(abs(times), f'{abs(times)} times')}"
    return f"{'multiplied' if times > 0 else 'divided'} by {said}{often}"


def _squared(factor: Node) -> Node:
    """σ² + ε for √(σ² + ε), which counts twice in it."""
    return factor.value if isinstance(factor, Root) else factor


def _positive(term: Node) -> Node:
    return term.value if isinstance(term, Minus) else term
