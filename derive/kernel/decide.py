"""Is this equation true? The one place that says `Proved`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import combinations, product
from math import prod
from types import MappingProxyType

from sympy import Expr, Integer, Pow, Rational, Symbol

from derive.kernel import polynomial as pl
from derive.kernel.language import Definitions, Unsupported, name_of, parts_of
from derive.kernel.reduce import is_zero
from derive.kernel.scope import Scope
from derive.kernel.search import Audit, Question, Sieve, find, question
from derive.kernel.verdict import Proved, Refuted, Undecided, Verdict

GIVES_UP = (RecursionError, MemoryError, OverflowError, ValueError, TypeError, AttributeError, ArithmeticError)
MOST_EXPLAINED, MOST_CASES = 6, 64
NO_CASE: Mapping[Symbol, int] = MappingProxyType({})


class Kernel:
    """Decides equations under one set of definitions, (target, value) pairs such as (μ, (1/m) Σ x_j)."""

    def __init__(self, pairs: Iterable[tuple[Expr, Expr]] = ()) -> None:
        self._definitions = Definitions(pairs)
        self._scopes: dict[object, Scope] = {}
        self._audit = Audit(self._definitions)

    def decide(self, left: Expr, right: Expr, *, explain: tuple[str, ...] = ()) -> Verdict:
        """Whether `left` = `right` for every size, wherever no denominator is 0.

        `explain` lists intermediates of which a `Proved` is to name those whose definitions it needed. Never raises
        for an expression outside the class it decides: that is `Undecided`.
        """
        try:
            return self._decided(left, right, explain)
        except Unsupported as reason:
            return Undecided(str(reason))
        except GIVES_UP as error:
            return Undecided(f"too large or of an unknown kind ({type(error).__name__})")

    def _decided(self, left: Expr, right: Expr, explain: tuple[str, ...]) -> Verdict:
        ask = question(left, right, self._definitions)
        try:
            equal = self._equal(ask, frozenset())
        except Unsupported as reason:
            return self._refuted(ask, str(reason))
        if not equal:
            return self._refuted(ask, "the two normal forms differ")
        survey = self._audit.survey(ask)
        if survey is None or not survey.agreed:
            return Undecided("the normal forms are equal, but no point was found where both sides have a value")
        note = "same on both sides" if left == right else "" if survey.nonzero else self._note(ask)
        return Proved(self._used(ask, explain) if explain else (), conditions(ask), note)

    def equal(self, left: Expr, right: Expr) -> bool:
        """Whether the normal forms are equal: a hint for finding short forms, not a verdict."""
        try:
            return self._equal(question(left, right, self._definitions), frozenset())
        except (Unsupported, *GIVES_UP):
            return False

    def sieve(self, left: Expr, right: Expr) -> Sieve:
        """For trying many other right sides: those that could equal `left`. Not a verdict."""
        return Sieve(left, right, self._definitions)

    def _equal(self, ask: Question, opaque: frozenset[str]) -> bool:
        return self._equal_at(ask, opaque, {}) or any(
            all(self._equal_at(ask, opaque, case) for case in cases) for cases in _cases(ask)
        )

    def _equal_at(self, ask: Question, opaque: frozenset[str], case: Mapping[Symbol, int]) -> bool:
        """Whether the normal forms are equal, with some free indices at particular elements."""
        left, right = (self._normal(ask, side, opaque, case) for side in (ask.left, ask.right))
        return is_zero(self._scope(ask), pl.subtract(left, right))

    def _scope(self, ask: Question) -> Scope:
        """The scope of a claim, shared with those that take the same roots under the same assumptions."""
        positive = frozenset((*ask.sizes, *(name_of(leaf) for leaf in ask.leaves if leaf.is_positive)))
        key = frozenset(ask.roots), positive
        if key not in self._scopes:
            self._scopes[key] = self._with_roots(Scope(self._definitions, positive), ask)
        return self._scopes[key]

    @staticmethod
    def _with_roots(scope: Scope, ask: Question) -> Scope:
        """The scope with the roots of the claim made, simple ones first: what is read first is then of no account."""
        for base, q in sorted(ask.roots, key=lambda root: len(parts_of(root[0]))):
            try:
                scope.power(scope.poly(base), Fraction(1, q))
            except Unsupported:
                continue
        return scope

    def _normal(
        self, ask: Question, side: Expr, opaque: frozenset[str] = frozenset(), case: Mapping[Symbol, int] = NO_CASE
    ) -> pl.Poly:
        scope = self._scope(ask)
        env = {
            index: f"#{case[index]}" if index in case else f"{index}:{scope.label(size)}" for index, size in ask.free
        }
        return scope.poly(side, env, opaque)

    def _refuted(self, ask: Question, reason: str) -> Verdict:
        try:
            counterexample, survey = find(ask)
        except Unsupported as limit:
            return Undecided(reason, str(limit))
        if counterexample is not None:
            return Refuted(counterexample)
        evidence = f"equal at {survey.agreed} points" if survey.agreed else "no point was found where both have a value"
        return Undecided(reason, evidence)

    def _note(self, ask: Question) -> str:
        return "both sides are 0" if is_zero(self._scope(ask), self._normal(ask, ask.left)) else ""

    def _used(self, ask: Question, candidates: tuple[str, ...]) -> tuple[str, ...]:
        """The smallest set of candidates without whose definitions the sides would differ; all, if they are many."""
        for number in range(len(candidates) + 1 if len(candidates) <= MOST_EXPLAINED else 0):
            for used in combinations(candidates, number):
                if self._equal_with(ask, frozenset(candidates) - set(used)):
                    return used
        return candidates

    def _equal_with(self, ask: Question, opaque: frozenset[str]) -> bool:
        try:
            return self._equal(ask, opaque)
        except Unsupported:
            return False


def _cases(ask: Question) -> Iterable[list[dict[Symbol, int]]]:
    """The elements of the free indices whose size is a number, one by one; nothing if there are too many or none."""
    lengths = {index: int(size) for index, size in ask.free if isinstance(size, Integer)}
    if lengths and 0 < prod(lengths.values()) <= MOST_CASES:
        every = product(*(range(1, length + 1) for length in lengths.values()))
        yield [dict(zip(lengths, case, strict=True)) for case in every]


def conditions(ask: Question) -> tuple[Expr, ...]:
    """What is divided by on either side, as written, unless it is known to be positive."""
    powers = (
        part for part in parts_of(ask.left, ask.right) if isinstance(part, Pow) and isinstance(part.exp, Rational)
    )
    return tuple(dict.fromkeys(power.base for power in powers if power.exp < 0 and not _positive(power.base)))


def _positive(base: Expr) -> bool:
    """Sizes, numbers and parameters declared positive. SymPy is not asked about sums: that can outlast a proof."""
    return isinstance(base, Symbol | Rational) and bool(base.is_positive)


__all__ = ["Kernel", "conditions"]
