"""Reasons not to call a claim wrong although its two sides differ.

A document may say under which condition a line is meant where no equation shows it: in a value it gives to a name, in a
property of its inputs, in two lines for the two cases i = j and i ≠ j. A claim that would be true under one of them is
not refuted; nothing here proves anything. Where a definition could not be read, what may rest on it is left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from sympy import Expr, KroneckerDelta, Mul, Symbol

from derive.kernel.language import quantities
from derive.kernel.search import free_indices
from derive.meaning.elaborate import Meaningless
from derive.meaning.forward import Statement
from derive.meaning.names import plain, reads
from derive.meaning.problem import Meaning, Problem, name_of
from derive.notation import text
from derive.notation.syntax import Derivative, Indicator, Partial, walk

__all__ = ["doubt", "is_given", "lost_definition", "related_inputs"]


def doubt(statement: Statement, problem: Problem, meanings: tuple[Meaning, ...]) -> str | None:
    """Why a claim that is refuted under `meanings` may still be what its author means; None without a reason."""
    reasons = (_special_values(problem, meanings), _cases(statement, problem, meanings), _givens(problem, meanings))
    return next(filter(None, reasons), None)


def lost_definition(statement: Statement, problem: Problem, meaning: Meaning, *, refuted: bool) -> str | None:
    """Which definition that could not be read a verdict may rest on; None without one.

    A gradient may have a path through it that is not seen. A claim that reads its name may be wrong only because the
    name has no value; what is true of every value stays true.
    """
    nodes = [node for side in (statement.left, statement.right) for node in walk(side) if isinstance(node, Partial)]
    bottoms = {plain(node.bottom): node.bottom for node in nodes}
    made_of = {
        one.target.base for name, one in problem.definitions.items() if problem.forward.reached([name]) & set(bottoms)
    } | {bottom.base for bottom in bottoms.values()}
    read = problem.forward.reached(name_of(one) for one in quantities(meaning.left, meaning.right)) if refuted else ()
    for one in problem.story.unread:
        if one.name in read or made_of & one.letters:
            return f"it may rest on the definition of {one.name} in line {one.line}, which could not be read"
    return None


def related_inputs(statement: Statement, problem: Problem, meaning: Meaning) -> str | None:
    """A line that relates two inputs, 2v = x² where nothing else says what v is, may define one by the other.

    Then it is not wrong, and the derivative by the one goes through the other; None where no such line stands.
    """
    nodes = [node for side in (statement.left, statement.right) for node in walk(side) if isinstance(node, Partial)]
    bottoms = {plain(node.bottom) for node in nodes}
    read = {name_of(one) for one in quantities(meaning.left, meaning.right)}
    about = problem.forward.reached(read | bottoms | (problem.reached if nodes else set()))
    for one in (*problem.story.hypotheses, *problem.story.claims):
        inputs = _inputs_of(one, problem)
        if len(inputs) < 2 or one in problem.usable:
            continue
        if one == statement or (inputs & bottoms and len(inputs & about) > 1):
            names = " and ".join(sorted(inputs))
            return f"{text(one.left)} = {text(one.right)} may say what one of {names} is: nothing else does"
    return None


def _inputs_of(one: Statement, problem: Problem) -> set[str]:
    """The names in a line without derivatives, if nothing defines any of them."""
    if any(isinstance(node, Partial | Derivative) for side in (one.left, one.right) for node in walk(side)):
        return set()
    try:
        meaning = problem.meaning(one.left, one.right, {})
    except Meaningless:
        return set()
    inputs = {name_of(q) for q in quantities(meaning.left, meaning.right) if not q.is_integer}
    if len(inputs) < 2 or inputs & (problem.words.defined | problem.story.losses):
        return set()
    return set() if problem.kernel.equal(meaning.left, meaning.right) else inputs


def is_given(statement: Statement, problem: Problem) -> bool:
    """Whether an equation gives a name a value, or states a property of the inputs: γ = 1, Σ_k t_k = 1."""
    return statement.key in problem.story.special or statement in problem.story.hypotheses


def _special_values(problem: Problem, meanings: tuple[Meaning, ...]) -> str | None:
    """γ = 1 was said somewhere, and with it the claim is true."""
    every = list(problem.story.special.values())
    for chosen in [*([one] for one in every), *([every] if len(every) > 1 else [])]:
        kernel = problem.kernel_with(chosen)
        if kernel is not None and any(kernel.equal(one.left, one.right) for one in meanings):
            return "holds if " + " and ".join(f"{one.name} = {text(one.value)}" for one in chosen)
    return None


def _givens(problem: Problem, meanings: tuple[Meaning, ...]) -> str | None:
    """A property of what the claim is about was stated, and it may be true under it."""
    read = {name_of(one) for meaning in meanings for one in quantities(meaning.left, meaning.right)}
    about = problem.forward.reached(read) | (problem.reached if any("∂" in name for name in read) else set())
    about |= {name.partition("/∂")[2] for name in read}
    for one in problem.story.hypotheses:
        if about & (reads(one.left) | reads(one.right)):
            return f"it may rest on {text(one.left)} = {text(one.right)}, which is stated and not derived"
    return None


# --- two cases of one derivative ---------------------------------------------------------------------------------


def _cases(statement: Statement, problem: Problem, meanings: tuple[Meaning, ...]) -> str | None:
    """The claim is true for i = j, or for i ≠ j, and another line is about the other case."""
    if any(isinstance(node, Indicator) for node in walk(statement.right)):
        return None  # both cases are there
    others = [one for one in problem.story.claims if one.key != statement.key and _same_derivative(one, statement)]
    if not others:
        return None
    for meaning in meanings:
        for one, other in _alike(meaning.left, meaning.right):
            for equal in (True, False):
                if _holds(problem, meaning, (one, other), equal=equal) and any(
                    _is_other_case(claim, problem, (one, other), meaning, equal=equal) for claim in others
                ):
                    return (
                        f"holds for {one} {'=' if equal else '≠'} {other}; write both cases as one with δ_{one}{other}"
                    )
    return None


def _same_derivative(one: Statement, other: Statement) -> bool:
    match one.left, other.left:
        case Partial() as first, Partial() as second:
            return (plain(first.top), plain(first.bottom)) == (plain(second.top), plain(second.bottom))
    return False


def _alike(*sides: Expr) -> Iterator[tuple[Symbol, Symbol]]:
    """Pairs of free indices that run over one range."""
    ranges = dict(free_indices(sides))
    letters = sorted(ranges, key=str)
    return ((one, other) for one, other in combinations(letters, 2) if ranges[one] == ranges[other])


def _holds(problem: Problem, meaning: Meaning, pair: tuple[Symbol, Symbol], *, equal: bool) -> bool:
    one, other = pair
    if equal:
        put = dict.fromkeys(pair, Symbol(f"{one}{other}", integer=True))
        return problem.kernel.equal(meaning.left.xreplace(put), meaning.right.xreplace(put))
    apart = 1 - KroneckerDelta(one, other)
    return problem.kernel.equal(Mul(apart, meaning.left), Mul(apart, meaning.right))


def _is_other_case(
    claim: Statement, problem: Problem, pair: tuple[Symbol, Symbol], meaning: Meaning, *, equal: bool
) -> bool:
    """Whether a line is about the case that is left: ∂y_i/∂z_i beside ∂y_i/∂z_j, or the same left side, true there."""
    assert isinstance(claim.left, Partial)  # noqa: S101 -- the caller asked
    if not equal and claim.left.top.indices == claim.left.bottom.indices:
        return True
    try:
        found = problem.meaning(claim.left, claim.right, meaning.readings)
    except Meaningless:
        return False
    return set(pair) <= {letter for letter, _ in free_indices((found.left,))} and _holds(
        problem, found, pair, equal=not equal
    )
