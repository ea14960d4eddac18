"""The smallest single edit that makes a refuted equation true: tried in order of likelihood, proved by the kernel.

Each candidate is first evaluated exactly at a point or two, which only equal ones pass; those few are proved. The
search ends after a fixed number of candidates and a fixed processor time, so that a hopeless line costs no more than
others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import process_time

from derive.kernel import Proved
from derive.kernel.language import Unsupported
from derive.meaning.edits import Material, edits, other_names
from derive.meaning.elaborate import Meaningless
from derive.meaning.forward import Statement
from derive.meaning.judge import Judgement, decided
from derive.meaning.names import letters, plain
from derive.meaning.problem import Pair, Problem
from derive.notation.syntax import Fraction, Name, Node, Number, Partial, Power, Root, Summation, walk

__all__ = ["Repair", "repair"]

MOST_EDITS = 1_500
MOST_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Repair:
    """The equation after the edit, and the edit in words."""

    left: Node
    right: Node
    edit: str


def repair(statement: Statement, found: Judgement) -> Repair | None:
    """The first single edit that makes the equation true, under the reading that was reported."""
    if found.problem is None or found.meaning is None:
        return None
    problem, readings = found.problem, found.readings
    material = _material(statement, problem)
    end = process_time() + MOST_SECONDS
    return _left_side(statement, problem, readings, material) or _right_side(statement, found, material, end)


def _left_side(
    statement: Statement, problem: Problem, readings: Mapping[Pair, str], material: Material
) -> Repair | None:
    """Another name in the derivative on the left, such as x̂ for x: there are few."""
    if not isinstance(statement.left, Partial):
        return None
    for one in other_names(statement.left, material):
        tried = Repair(one.tree, statement.right, one.edit)
        try:
            if _true(problem, tried, readings):
                return tried
        except (Meaningless, Unsupported):
            continue
    return None


def _right_side(statement: Statement, found: Judgement, material: Material, end: float) -> Repair | None:
    problem, meaning = found.problem, found.meaning
    if problem is None or meaning is None:
        return None
    sketch = problem.sketcher(statement.left, found.readings)
    sieve = problem.kernel.sieve(meaning.left, meaning.right)
    for number, one in enumerate(edits(statement.right, material)):
        if number >= MOST_EDITS or process_time() > end:
            return None
        tried = Repair(statement.left, one.tree, one.edit)
        try:
            if sieve.passes(sketch(one.tree)) and _true(problem, tried, found.readings):
                return tried
        except (Meaningless, Unsupported):
            continue
    return None


def _true(problem: Problem, tried: Repair, readings: Mapping[Pair, str]) -> bool:
    meaning = problem.meaning(tried.left, tried.right, readings)
    if not problem.kernel.equal(meaning.left, meaning.right):
        return False
    verdict = decided(problem, meaning).verdict
    return isinstance(verdict, Proved) and not verdict.note


def _material(statement: Statement, problem: Problem) -> Material:
    """The author's own names, letters, sizes and roots."""
    values = [one.value for name, one in problem.definitions.items() if name in problem.reached]
    trees = (statement.left, statement.right, *values, *(one.target for one in problem.definitions.values()))
    nodes = [node for tree in trees for node in walk(tree)]
    sizes = tuple(sorted(problem.words.sizes.names()))
    names = tuple(dict.fromkeys(_names(nodes, problem)))
    scalars = tuple(name for name in names if not name.indices and plain(name) not in problem.definitions)
    used = (letter for node in nodes if isinstance(node, Name) for letter in letters(node) or ())
    bound = (node.index.base for node in nodes if isinstance(node, Summation) and node.index is not None)
    factors = (*scalars, *map(Name, sizes), *_roots(nodes), Number("2"), Fraction(Number("1"), Number("2")))
    return Material(tuple(dict.fromkeys(factors)), names, tuple(dict.fromkeys((*used, *bound))), sizes)


def _names(nodes: list[Node], problem: Problem) -> Iterator[Name]:
    """Quantities of the forward pass; index letters and losses are not among them."""
    known = problem.reached | problem.words.defined
    for node in nodes:
        if isinstance(node, Name) and plain(node) in known and not problem.is_loss(plain(node)):
            yield node


def _roots(nodes: list[Node]) -> Iterator[Node]:
    """√(σ²+ε), as the author writes it, for a root or a half-integer power."""
    for node in nodes:
        match node:
            case Root():
                yield node
            case Power(base, exponent) if any(isinstance(part, Fraction) for part in walk(exponent)):
                yield Root(base)
