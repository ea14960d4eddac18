"""The verdict on one equation: every way it can fairly be read is tried, and the verdict says which one it took.

Order of charity: as written, with each derivative local or total; with an undefined name taken for the upstream
gradient; with two sizes taken for one. The first is a plain proof, the second a proof that names its assumption, the
third only says under which condition the equation would hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, product

from sympy import Expr, Indexed, Symbol

from derive.kernel import Counterexample, Proved, Refuted, Undecided, Verdict
from derive.kernel.language import quantities
from derive.meaning.elaborate import Meaningless, Vocabulary, typical_size
from derive.meaning.forward import Statement
from derive.meaning.names import names_in, plain
from derive.meaning.problem import LOCAL, TOTAL, Meaning, Pair, Problem, name_of

__all__ = ["Judgement", "judge"]

MOST_READINGS = 16


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided about one equation.

    `readings` are those of the derivatives that have two, `assumed` the assumptions the verdict rests on, `others` the
    counterexamples under the readings that were not reported.
    """

    verdict: Verdict
    meaning: Meaning | None = None
    readings: Mapping[Pair, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    others: tuple[Counterexample, ...] = ()
    problem: Problem | None = None


def judge(statement: Statement, problem: Problem) -> Judgement:
    """The verdict on `statement` under a forward pass. Never raises for an equation that was read."""
    tried = _as_written(statement, problem)
    if isinstance(tried.verdict, Proved):
        return tried
    named = _with_upstream(statement, problem)
    if named is not None and isinstance(named.verdict, Proved):
        return named
    best = named or tried
    for one, other in _size_pairs(statement, problem):
        joined = _with_one_size(problem, one, other)
        again = _as_written(statement, joined)
        again = again if isinstance(again.verdict, Proved) else _with_upstream(statement, joined) or again
        if isinstance(again.verdict, Proved):
            condition = f"holds if {one} = {other}; say so with --given '{one} = {other}'"
            return replace(again, verdict=Undecided(condition))
        if isinstance(again.verdict, Refuted):
            best = again
    return _unless_unknown(statement, problem, best)


def _unless_unknown(statement: Statement, problem: Problem, found: Judgement) -> Judgement:
    """No equation is refuted for a name that nobody defined."""
    if isinstance(found.verdict, Refuted) and not any("∂" in one for one in found.assumed):
        unknown = _unknown(statement, problem)
        if unknown:
            reason = f"{' and '.join(sorted(unknown))} {'is' if len(unknown) == 1 else 'are'} not defined"
            return replace(found, verdict=Undecided(reason))
    return found


def _unknown(statement: Statement, problem: Problem) -> set[str]:
    """Names that neither the forward pass nor the sizes know, and missing ends of derivatives."""
    known = problem.words.defined | problem.forward.reached(problem.forward.intermediates) | problem.story.losses
    read = {plain(name) for side in (statement.left, statement.right) for name in names_in(side)}
    loose = {one for one in read - known if not problem.words.is_size(one) and not typical_size(one)}
    return loose | _loose_ends(statement, problem)


def _loose_ends(statement: Statement, problem: Problem) -> set[str]:
    """What a loss is differentiated by although no definition leads from it to the loss."""
    try:
        meaning = problem.meaning(statement.left, statement.right, {})
    except Meaningless:
        return set()
    names = {name_of(q) for q in quantities(meaning.left, meaning.right)}
    ends = {name.partition("/∂")[2] for name in names if name.startswith("∂")}
    return ends - set(problem.outputs)


# --- as written --------------------------------------------------------------------------------------------------


def _as_written(statement: Statement, problem: Problem) -> Judgement:
    """The first reading that is proved; else the refutation under the first, with the others beside it."""
    tried: list[Judgement] = []
    for readings in _readings(problem.pairs(statement.left, statement.right)):
        tried.append(_under(statement, problem, readings))
        if isinstance(tried[-1].verdict, Proved):
            return tried[-1]
    return _worst_known(tried)


def _worst_known(tried: list[Judgement]) -> Judgement:
    """Refuted only if every reading is; the first refutation is reported and the others are kept."""
    for one in tried:
        if not isinstance(one.verdict, Refuted):
            return one
    others = tuple(one.verdict.counterexample for one in tried[1:] if isinstance(one.verdict, Refuted))
    return replace(tried[0], others=others)


def _readings(pairs: list[Pair]) -> Iterator[Mapping[Pair, str]]:
    """All local, all total, then mixed."""
    choices = [dict.fromkeys(pairs, LOCAL), dict.fromkeys(pairs, TOTAL)] if pairs else [{}]
    yield from choices
    mixed = (dict(zip(pairs, choice, strict=True)) for choice in product((LOCAL, TOTAL), repeat=len(pairs)))
    for number, choice in enumerate(mixed):
        if number >= MOST_READINGS:
            return
        if choice not in choices:
            yield choice


def _under(statement: Statement, problem: Problem, readings: Mapping[Pair, str]) -> Judgement:
    try:
        meaning = problem.meaning(statement.left, statement.right, readings)
    except Meaningless as reason:
        return Judgement(Undecided(str(reason)), readings=readings, problem=problem)
    return decided(problem, meaning)


def decided(problem: Problem, meaning: Meaning, extra: tuple[str, ...] = ()) -> Judgement:
    """The kernel's verdict on a meaning, if nothing it divides by is 0 and no size had to be taken for another."""
    verdict = problem.kernel.decide(meaning.left, meaning.right)
    assumed = (*meaning.assumed, *extra)
    if isinstance(verdict, Proved):
        conditions = _conditions(problem, meaning)
        if conditions:
            pairs = " and ".join(f"{one} = {other}" for one, other in conditions)
            verdict = Undecided(f"holds if {pairs}; say so with --given")
        elif any(_vanishes(problem, one) for one in meaning.denominators):
            verdict = Undecided("a denominator is 0 everywhere")
    return Judgement(verdict, meaning, meaning.readings, assumed, problem=problem)


def _conditions(problem: Problem, meaning: Meaning) -> tuple[tuple[str, str], ...]:
    """Sizes that were taken for one in the equation or in a definition it goes back to."""
    names = problem.forward.reached(name_of(one) for one in quantities(meaning.left, meaning.right))
    names |= problem.reached if any(name.startswith("∂") for name in names) else set()
    behind = (pair for name in names for pair in problem.conditional.get(name, ()))
    return tuple(dict.fromkeys((*meaning.conditions, *behind)))


def _vanishes(problem: Problem, denominator: Expr) -> bool:
    plain_one = isinstance(denominator, Symbol | Indexed) or denominator.is_number
    return not plain_one and problem.kernel.equal(denominator, Symbol("0") * 0)


# --- assumptions -------------------------------------------------------------------------------------------------


def _with_upstream(statement: Statement, problem: Problem) -> Judgement | None:
    """One undefined name taken for ∂L/∂y, if the document has one loss, one output and one such name."""
    losses = sorted({problem.story.same_loss.get(one, one) for one in problem.story.losses})
    unknown = _unknown(statement, problem) - problem.mentioned
    if len(problem.outputs) != 1 or len(unknown) != 1 or len(losses) > 1:
        return None
    (name,), (output,) = unknown, problem.outputs
    loss = losses[0] if losses else "L"
    tried = []
    for readings in _readings(problem.pairs(statement.left, statement.right)):
        try:
            meaning = problem.meaning(statement.left, statement.right, readings)
            put = _upstream_for(problem, name, output, loss, meaning)
        except Meaningless:
            return None
        if not put:
            return None
        changed = replace(meaning, left=meaning.left.xreplace(put), right=meaning.right.xreplace(put))
        told = ", ".join(f"{old} is {new}" for old, new in put.items())
        tried.append(decided(problem, changed, (told,)))
        if isinstance(tried[-1].verdict, Proved):
            return tried[-1]
    return _worst_known(tried)


def _upstream_for(problem: Problem, name: str, output: str, loss: str, meaning: Meaning) -> dict[Expr, Expr]:
    """Each occurrence of `name` with the upstream gradient that takes its place."""
    found = [q for q in quantities(meaning.left, meaning.right) if name_of(q) == name]
    rank = problem.words.sizes.ranks.get(output, 0)
    put = {}
    for one in found:
        indices = one.indices if isinstance(one, Indexed) else _usual(problem.words, output)
        if len(indices) != rank:
            return {}
        put[one] = problem.upstream(loss, problem.words.quantity(output, tuple(indices)))
    return put


def _usual(words: Vocabulary, name: str) -> tuple[Expr, ...]:
    return tuple(Symbol(letter, integer=True) for letter in words.letters.get(name, ()))


def _size_pairs(statement: Statement, problem: Problem) -> list[tuple[str, str]]:
    """Pairs of sizes that the author may mean to be one: rivals for an index, and letters like N beside m."""
    known = sorted({problem.words.same.get(name, name) for name in problem.words.sizes.names()})
    trees = (statement.left, statement.right, *(one.value for one in problem.definitions.values()))
    read = {plain(name) for tree in trees for name in names_in(tree)}
    loose = sorted(one for one in read if typical_size(one) and one not in problem.words.defined and one not in known)
    loose = [one for one in loose if one not in problem.words.same]
    return [*((one, other) for one in loose for other in known), *combinations(known, 2)][:6]


def _with_one_size(problem: Problem, one: str, other: str) -> Problem:
    words = problem.words
    keep, drop = (other, one)
    return replace(problem, words=replace(words, same={**words.same, drop: keep}))
