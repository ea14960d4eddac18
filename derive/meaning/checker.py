"""A document as a whole: its statements, forward passes and vocabularies, and the verdict on each equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from derive.kernel import Proved
from derive.meaning.doubt import is_given
from derive.meaning.elaborate import TYPICAL_SIZES, Vocabulary
from derive.meaning.forward import Definition, Forward, Statement, Story, Unread, tell
from derive.meaning.judge import Judgement, judge
from derive.meaning.names import letters, plain, reads, whole_number
from derive.meaning.problem import Problem
from derive.meaning.sizes import Sizes, infer
from derive.meaning.supply import in_the_letters_of
from derive.notation.syntax import Addition, Derivative, Fraction, Name, Node, Partial, Power, Root, Summation, walk
from derive.read.document import Document, Equation, Unreadable

__all__ = ["Checker", "Outcome"]

EPSILONS = frozenset({"ε", "eps", "epsilon"})  # what is added under a root under these names is taken to be positive


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one equation: it defined a name, was given (a value, a property of inputs), or was judged."""

    key: int
    equation: Equation
    defines: Definition | None
    judgement: Judgement | None
    restarts: bool = False
    given: bool = False


class Checker:
    """Judges the equations of one document, each against the forward pass and not against earlier claims.

    The last `supplied` givens of the document are a layer's forward pass, for what the document does not define.
    """

    def __init__(self, document: Document, supplied: int = 0) -> None:
        self.document = document
        stated = [one for one in document.givens if isinstance(one, Equation)]
        cut = len(stated) - supplied
        self.givens, self.supplied = tuple(stated[:cut]), tuple(stated[cut:])
        self._problems: dict[int, Problem] = {}

    def outcome(self, key: int, equation: Equation) -> Outcome:
        """What becomes of the equation with that number."""
        defined = self.story.defining.get(key)
        if defined is not None or key in self.story.functions:
            return Outcome(key, equation, defined, None, key in self.story.restarts)
        statement = Statement(key, equation.left, equation.right)
        problem = self.problem(statement)
        judgement = None if key in self.story.special else judge(statement, problem)
        unread = judgement is not None and judgement.meaning is None
        if is_given(statement, problem) and not unread and not (judgement and isinstance(judgement.verdict, Proved)):
            return Outcome(key, equation, None, None, given=True)
        return Outcome(key, equation, None, judgement)

    def problem_of(self, outcome: Outcome) -> Problem:
        """The forward pass an equation belongs to."""
        statement = Statement(outcome.key, outcome.equation.left, outcome.equation.right)
        return self._problem(self._pass_of(statement))

    # --- the document as a whole ---------------------------------------------------------------------------------

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The layer's forward pass and the givens that are no sizes come first, with negative keys."""
        after = [Statement(key, one.left, one.right) for key, one in enumerate(self.document.equations)]
        given = [(one.left, one.right) for one in self.givens if not self._joins_sizes(one)]
        supplied = in_the_letters_of(after, self.supplied)
        before = [*given, *supplied, *roots_of_squares([*given, *((one.left, one.right) for one in after)])]
        return (*(Statement(key - len(before), *sides) for key, sides in enumerate(before)), *after)

    @cached_property
    def story(self) -> Story:
        """The document taken apart, and what of its forward pass could not be read."""
        told = self._told()
        known = {one.name for one in told.defining.values()}
        lost = (one for one in self.document.items if isinstance(one, Unreadable))
        named = (Unread(plain(one.defines), one.letters, one.place.line) for one in lost if one.defines is not None)
        told.unread = tuple(one for one in named if one.name not in known)
        return told

    def _told(self) -> Story:
        """The readable document taken apart. A second definition equal to the first starts no new forward pass."""
        told = tell(self.statements)
        # What is solved for another name and is never true may be its definition, and the earlier line the claim.
        names = {one.key: plain(one.left) for one in self.statements if isinstance(one.left, Name)}
        true = {names.get(key) for key in self._true(told, told.circular)}
        circles = any(names.get(key) not in true for key in told.circular)
        if circles:
            told = tell(self.statements, circles=True)
        if not told.restarts:
            return told
        equal = self._true(tell(self.statements, frozenset(told.restarts), circles=circles), told.restarts)
        return tell(self.statements, frozenset(equal), circles=circles) if equal else told

    def _true(self, story: Story, keys: set[int]) -> set[int]:
        """Those of the statements that are proved if the document is taken apart like this."""
        if not keys:
            return set()
        other = Checker(self.document, len(self.supplied))
        other.__dict__["story"] = story
        asked = [one for one in self.statements if one.key in keys]
        return {one.key for one in asked if isinstance(judge(one, other.problem(one)).verdict, Proved)}

    @cached_property
    def sizes(self) -> Sizes:
        """The sizes of the document as a whole."""
        return infer((str(one.key), one.left, one.right) for one in self.statements)

    def _joins_sizes(self, one: Equation) -> bool:
        """Whether a given says that two sizes are one, or a number: N = m, m = 4."""
        both = (one.left, one.right)
        if not isinstance(one.left, Name) or one.left.indices:
            return False
        if not (isinstance(one.right, Name) and not one.right.indices) and not whole_number(one.right):
            return False
        limits = infer((str(key), each.left, each.right) for key, each in enumerate(self.document.equations)).names()
        return any(plain(side) in limits for side in both if isinstance(side, Name))

    def _vocabulary(self, forward: Forward) -> Vocabulary:
        """The names of one forward pass: sizes are inferred from its own definitions and claims."""
        same: dict[str, str] = {}
        for one in self.givens:
            if self._joins_sizes(one) and isinstance(one.left, Name):
                right = plain(one.right) if isinstance(one.right, Name) else str(whole_number(one.right))
                same[plain(one.left)] = same.get(right, right)
        own = [one for one in self.statements if self._pass_of(one) is forward]
        sizes = infer(((str(one.key), one.left, one.right) for one in own), self._bodies.values())
        sizes.ranks |= self.sizes.ranks
        return Vocabulary(
            sizes,
            frozenset(_added_under_roots(self.statements) & EPSILONS),
            self._defined,
            same,
            self._letters(),
            frozenset(self._read - self._defined) & TYPICAL_SIZES,
            {one.value: one.target for one in self._bodies.values()},
            self._bottoms,
        )

    @cached_property
    def _bottoms(self) -> frozenset[str]:
        """What something is differentiated by: no size."""
        nodes = (node for one in self.statements for side in (one.left, one.right) for node in walk(side))
        return frozenset(plain(node.bottom) for node in nodes if isinstance(node, Partial | Derivative))

    @cached_property
    def _bodies(self) -> dict[str, Definition]:
        """The expressions that are differentiated as such, each under a name that no document has."""
        nodes = (node for one in self.statements for side in (one.left, one.right) for node in walk(side))
        found = dict.fromkeys(node.body for node in nodes if isinstance(node, Derivative))
        named = (_named(number, body) for number, body in enumerate(found))
        return {one.name: one for one in named}

    @cached_property
    def _read(self) -> set[str]:
        """Every name that stands for a value somewhere."""
        return {name for one in self.statements for side in (one.left, one.right) for name in reads(side)}

    def _pass_of(self, statement: Statement) -> Forward:
        """The forward pass a statement belongs to: the one it defines something in, or the one it is about."""
        defined = self.story.defining.get(statement.key)
        if defined is None:
            return self.story.latest(statement.key, self._needed(statement))
        own = [one for one in self.story.passes if defined.name in one.reached(one.outputs)]
        own = [one for one in own if one.definitions[defined.name] is defined]
        return own[0] if own else self.story.passes[0]

    def _letters(self) -> dict[str, tuple[str, ...]]:
        """The index letters of each tensor: those of its definition, or else of its first use with all of them."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.story.defining.values():
            if one.letters:
                found.setdefault(one.name, one.letters)
        for statement in self.statements:
            for side in (statement.left, statement.right):
                for node in walk(side):
                    if isinstance(node, Name) and node.indices and letters(node):
                        found.setdefault(plain(node), letters(node) or ())
        return found

    @cached_property
    def mentioned(self) -> dict[str, frozenset[str]]:
        """What each loss is differentiated by."""
        nodes = (node for one in self.statements for side in (one.left, one.right) for node in walk(side))
        found: dict[str, set[str]] = {loss: set() for loss in self.story.losses}
        for node in nodes:
            if isinstance(node, Partial) and plain(node.top) in found:
                found[plain(node.top)].add(plain(node.bottom))
        return {loss: frozenset(names) for loss, names in found.items()}

    def problem(self, statement: Statement) -> Problem:
        """The forward pass that a claim is about, with its vocabulary."""
        return self._problem(self.story.latest(statement.key, self._needed(statement)))

    def _problem(self, forward: Forward) -> Problem:
        if forward.start not in self._problems:
            words = self._vocabulary(forward)
            self._problems[forward.start] = Problem(self.story, forward, words, self.mentioned, self._bodies)
        return self._problems[forward.start]

    def _needed(self, statement: Statement) -> set[str]:
        """The defined names that the claim is about."""
        read = reads(statement.left) | reads(statement.right)
        return {name for name in read if name in self._defined}

    @cached_property
    def _defined(self) -> frozenset[str]:
        return frozenset(one.name for one in self.story.defining.values())


def _named(number: int, body: Node) -> Definition:
    """An expression under a name of its own, at the index letters that are free in it."""
    bound = {node.index.base for node in walk(body) if isinstance(node, Summation) and node.index is not None}
    used = (
        index.base for node in walk(body) if isinstance(node, Name) for index in node.indices if isinstance(index, Name)
    )
    free = tuple(dict.fromkeys(letter for letter in used if letter not in bound))
    target = Name(f"[{number}]", indices=tuple(map(Name, free)))
    return Definition(-1, plain(target), free, target, body)


def roots_of_squares(sides: Sequence[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """σ = √(σ²) for every σ² that is defined while σ is only read: the usual way to write a standard deviation."""
    defined = {plain(left): (left, right) for left, right in sides if isinstance(left, Name)}
    read = {name for pair in sides for side in pair for name in reads(side)}
    found: list[tuple[Node, Node]] = []
    for square, right in defined.values():
        if square.superscript == "2" and not isinstance(right, Power):
            root = replace(square, superscript="")
            if plain(root) in read and plain(root) not in defined:
                found.append((root, Root(square)))
    return found


def _added_under_roots(statements: Sequence[Statement]) -> set[str]:
    """Names without indices that are a term of something under a root, such as ε: taken to be positive.

    Sizes and names that are defined are not among them: the vocabulary asks for those first.
    """
    found = set()
    defined = {plain(one.left) for one in statements if isinstance(one.left, Name)}
    for one in statements:
        for side in (one.left, one.right):
            for node in walk(side):
                for term in _terms_under_root(node):
                    if isinstance(term, Name) and not term.indices and plain(term) not in defined:
                        found.add(plain(term))
    return found


def _terms_under_root(node: Node) -> tuple[Node, ...]:
    match node:
        case Root(value):
            inner = value
        case Power(base, exponent) if any(isinstance(part, Fraction) for part in walk(exponent)):
            inner = base
        case _:
            return ()
    inner = getattr(inner, "body", inner)
    return inner.terms if isinstance(inner, Addition) else ()
