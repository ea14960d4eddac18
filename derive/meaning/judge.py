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
from derive.meaning.doubt import doubt, lost_definition, related_inputs
from derive.meaning.elaborate import Meaningless, Vocabulary, typical_size
from derive.meaning.forward import Statement
from derive.meaning.names import names_in, plain
from derive.meaning.problem import LOCAL, TOTAL, Meaning, Pair, Problem, name_of
from derive.notation import text
from derive.notation.syntax import Partial, walk

__all__ = ["Judgement", "judge"]

MOST_READINGS = 16
MOST_PAIRS = 6
UPSTREAM_LETTERS = frozenset("δgGΔ∇η")
UPSTREAM_NAMES = frozenset({"dout", "dL", "dY", "dy", "upstream", "grad", "d", "D"})
SCALES = ("γ", "w", "g", "α", "a", "weight", "scale")


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


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One fair way to take an equation: its meanings under each choice of readings, or why it has none."""

    problem: Problem
    meanings: tuple[Meaning, ...]
    assumed: tuple[str, ...] = ()
    condition: str = ""
    reason: str = ""

    def proof(self) -> Judgement | None:
        """The first meaning whose sides are equal, judged."""
        for meaning in self.meanings:
            if self.problem.kernel.equal(meaning.left, meaning.right):
                found = decided(self.problem, meaning, self.assumed)
                proved = isinstance(found.verdict, Proved)
                return replace(found, verdict=Undecided(self.condition)) if proved and self.condition else found
        return None

    def refutation(self) -> Judgement:
        """Refuted if both pure readings are: all derivatives local, all total. The second counterexample is kept."""
        if not self.meanings:
            return Judgement(Undecided(self.reason), problem=self.problem)
        return _worst_known([decided(self.problem, meaning, self.assumed) for meaning in self.meanings[:2]])


def judge(statement: Statement, problem: Problem) -> Judgement:
    """The verdict on `statement` under a forward pass. Never raises for an equation that was read."""
    found = _judged(statement, problem)
    if found.problem is None or found.meaning is None or not isinstance(found.verdict, Proved | Refuted):
        return found
    refuted = isinstance(found.verdict, Refuted)
    reason = lost_definition(statement, found.problem, found.meaning, refuted=refuted)
    if reason is None and (refuted or _differentiates(statement)):
        reason = related_inputs(statement, found.problem, found.meaning)
    return replace(found, verdict=Undecided(reason)) if reason else found


def _differentiates(statement: Statement) -> bool:
    return any(isinstance(node, Partial) for side in (statement.left, statement.right) for node in walk(side))


def _judged(statement: Statement, problem: Problem) -> Judgement:
    """The verdict if all of the forward pass is known."""
    problem, told = _with_one_loss(statement, problem)
    attempts = []
    for attempt in _attempts(statement, problem):
        if told:
            attempt = replace(attempt, assumed=(*attempt.assumed, *told))  # noqa: PLW2901 -- the same attempt, told whole
        attempts.append(attempt)
        proof = attempt.proof()
        if proof is not None:
            return proof
    fairest = _fairest(attempts)
    found = _unless_unknown(statement, problem, fairest.refutation())
    if isinstance(found.verdict, Refuted):
        reason = doubt(statement, fairest.problem, fairest.meanings) or _unsure(found)
        return replace(found, verdict=Undecided(reason)) if reason else found
    return found


def _tensors(found: Judgement) -> list[Indexed]:
    sides = (found.meaning.left, found.meaning.right) if found.meaning else ()
    return [q for q in quantities(*sides) if isinstance(q, Indexed)]


def _unsure(found: Judgement) -> str | None:
    """A claim is not wrong because of a size or a name that was only guessed."""
    conditions = found.meaning.conditions if found.meaning else ()
    if conditions:
        pairs = " and ".join(f"{one} = {other}" for one, other in conditions)
        return f"it is not clear whether {pairs}; say so with --given"
    named = {int(i) for q in _tensors(found) for i in q.indices if i.is_Integer}
    sizes = dict(found.verdict.counterexample.sizes).values() if isinstance(found.verdict, Refuted) else ()
    if named and sizes and min(sizes) < max(named):
        return f"it names element {max(named)}, and no counterexample was found that has as many"
    if any(" is the loss " in one for one in found.assumed):
        return f"it does not hold if {found.assumed[-1]}; say what is meant with --given"
    return None


def _with_one_loss(statement: Statement, problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """Two losses in one equation are taken for one: l and f, where l = f(y) was said in words."""
    nodes = (node for side in (statement.left, statement.right) for node in walk(side) if isinstance(node, Partial))
    found = [plain(node.top) for node in nodes if plain(node.top) in problem.story.losses]
    first, *others = dict.fromkeys(problem.story.same_loss.get(one, one) for one in found) or [""]
    if not others:
        return problem, ()
    same = {**problem.story.same_loss, **dict.fromkeys(others, first)}
    told = tuple(f"{one} is the loss {first}" for one in others)
    return replace(problem, story=replace(problem.story, same_loss=same)), told


def _attempts(statement: Statement, problem: Problem) -> Iterator[_Attempt]:
    """From the plainest on."""
    yield _as_written(statement, problem)
    upstream = _with_upstream(statement, problem)
    if upstream is not None:
        yield upstream
    for one, other in _size_pairs(statement, problem):
        joined = _with_one_size(problem, one, other)
        condition = f"holds if {one} = {other}; say so with --given '{one} = {other}'"
        yield replace(_as_written(statement, joined), condition=condition)
        upstream = _with_upstream(statement, joined)
        if upstream is not None:
            yield replace(upstream, condition=condition)
    if problem.usable and statement not in problem.story.hypotheses:
        stated = replace(problem, under=problem.usable)
        told = tuple(f"{text(one.left)} = {text(one.right)}" for one in problem.usable)
        yield replace(_as_written(statement, stated), assumed=told)


def _fairest(attempts: list[_Attempt]) -> _Attempt:
    """What a refutation is reported under: with the assumption that gives every name a meaning, if there is one."""
    plain_ones = [one for one in attempts if not one.condition and not one.problem.under]
    return plain_ones[-1]


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


def _as_written(statement: Statement, problem: Problem) -> _Attempt:
    """The equation as it stands, with each derivative local or total."""
    meanings = []
    for readings in _readings(problem.pairs(statement.left, statement.right)):
        try:
            meanings.append(problem.meaning(statement.left, statement.right, readings))
        except Meaningless as reason:
            return _Attempt(problem, (), reason=str(reason))
    return _Attempt(problem, tuple(meanings))


def _worst_known(tried: list[Judgement]) -> Judgement:
    """Refuted only if every reading is; the first refutation is reported and the others are kept."""
    for one in tried:
        if not isinstance(one.verdict, Refuted):
            return one
    found = dict.fromkeys(one.verdict.counterexample for one in tried if isinstance(one.verdict, Refuted))
    return replace(tried[0], others=tuple(found)[1:])


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


def _with_upstream(statement: Statement, problem: Problem) -> _Attempt | None:
    """One undefined name taken for ∂L/∂y, if the document has one loss, one output and one such name.

    With a scale that is not defined either (γ), the output that was left out is taken to be y = γ x̂ + β, so that the
    name is ∂L/∂x̂ / γ.
    """
    losses = sorted({problem.story.same_loss.get(one, one) for one in problem.story.losses})
    unknown = _unknown(statement, problem).difference(*problem.mentioned.values())
    scale = next((one for one in SCALES if one in unknown), None) if len(unknown) > 1 else None
    unknown -= {scale}
    if len(problem.outputs) != 1 or len(unknown) != 1 or len(losses) > 1:
        return None
    (name,), (output,) = unknown, problem.outputs
    if not _may_be_upstream(name, output):
        return None
    loss = losses[0] if losses else "L"
    plainly = _as_written(statement, problem)
    meanings = []
    for meaning in plainly.meanings:
        put = _upstream_for(problem, name, output, loss, meaning)
        if not put:
            return None
        if scale is not None:
            put = {old: new / problem.words.quantity(scale, ()) for old, new in put.items()}
        meanings.append(replace(meaning, left=meaning.left.xreplace(put), right=meaning.right.xreplace(put)))
    return _Attempt(problem, tuple(meanings), (_told(name, output, loss, scale),)) if meanings else None


def _may_be_upstream(name: str, output: str) -> bool:
    """Whether a name is one that authors give to ∂L/∂y: δ, g, dy, dout, with or without an accent or a label."""
    letter = name.partition("_")[0]
    if letter != output and letter.startswith(output) and not letter[len(output) :].isalnum():
        return True  # ȳ
    return (
        letter[:1] in UPSTREAM_LETTERS or letter in {f"{d}{output}" for d in ("d", "D", "Δ", "∇", "g")} | UPSTREAM_NAMES
    )


def _told(name: str, output: str, loss: str, scale: str | None) -> str:
    if scale is None:
        return f"{name} is ∂{loss}/∂{output}"
    return f"{name} is ∂{loss}/∂y with y = {scale} {output} + β, which the document leaves out"


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
    known = sorted({problem.words.same.get(name, name) for name in problem.words.sizes.names()} - {""})
    trees = (statement.left, statement.right, *(one.value for one in problem.definitions.values()))
    read = {plain(name) for tree in trees for name in names_in(tree)}
    loose = sorted(one for one in read if typical_size(one) and one not in problem.words.defined and one not in known)
    loose = [one for one in loose if one not in problem.words.same]
    pairs = ((one, other) for one in loose for other in known)
    return [*pairs, *combinations(known, 2), *combinations(loose, 2)][:MOST_PAIRS]


def _with_one_size(problem: Problem, one: str, other: str) -> Problem:
    words = problem.words
    keep, drop = (other, one)
    return replace(problem, words=replace(words, same={**words.same, drop: keep}))
