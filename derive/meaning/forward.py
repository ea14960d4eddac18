"""The forward pass of a document: what its equations define, in what order, and which of them are claims.

A left side that is a plain name seen for the first time defines it. A second definition is a claim that it equals the
first, unless it is built on intermediates that came in between: then a new forward pass starts, in which the name has
its new value. A derivative that is set equal to a name nobody defined gives that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from derive.meaning.names import letters, plain, reads
from derive.notation.syntax import Call, Fraction, Minus, Name, Node, Number, Partial, Summation, walk

__all__ = ["FUNCTIONS", "Definition", "Forward", "Statement", "Story", "Unread", "tell"]

FUNCTIONS = frozenset(
    {"exp", "log", "ln", "mean", "e", "𝔼", "var", "variance", "‖", "norm"}
    | {"abs", "cos", "erf", "max", "min", "relu", "sgn", "sign", "sin", "tanh"}
)


@dataclass(frozen=True, slots=True)
class Statement:
    """An equation of the document, or one that was given. `key` is its place in the document, from 0."""

    key: int
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Definition:
    """`name` at `letters` is `value`. `key` is the statement that says so."""

    key: int
    name: str
    letters: tuple[str, ...]
    target: Name
    value: Node


@dataclass(frozen=True, slots=True)
class Forward:
    """One forward pass: its definitions by name. `start` is the statement with which it begins.

    `read` are the names that some intermediate of the document reads, in this pass or in another.
    """

    start: int
    definitions: Mapping[str, Definition]
    read: frozenset[str] = frozenset()

    def reads(self, name: str) -> set[str]:
        """The names a definition reads directly."""
        return reads(self.definitions[name].value) if name in self.definitions else set()

    def reached(self, names: Iterable[str]) -> set[str]:
        """Everything that `names` are made of, themselves included."""
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.reads(name))
        return found

    @property
    def intermediates(self) -> tuple[str, ...]:
        """What is defined without a derivative, in the order of the document."""
        return tuple(name for name, one in self.definitions.items() if not has_derivative(one.value))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The intermediates that no other intermediate of the document reads."""
        return tuple(name for name in self.intermediates if name not in self.read)


@dataclass(frozen=True, slots=True)
class Unread:
    """A definition that could not be read: the name it would define, and the letters it may be made of."""

    name: str
    letters: frozenset[str]
    line: int


@dataclass(slots=True)
class Story:
    """A document taken apart: its forward passes in order, which statements define, and its losses.

    `special` are values that are given to names which the rest of the document reads as any number (γ = 1): they hold
    where they stand, and are no part of the forward pass. `hypotheses` state a property of what nothing defines
    (Σ_k t_k = 1), or were given and define nothing. `functions` only say what a loss depends on, its `arguments`:
    l = f(y). `circular` are those solved for what an earlier definition reads: x = x̂ s + μ. `claims` are all other
    statements. `unread` are definitions that the forward pass lacks.
    """

    passes: list[Forward]
    defining: dict[int, Definition]
    restarts: set[int] = field(default_factory=set)
    special: dict[int, Definition] = field(default_factory=dict)
    circular: set[int] = field(default_factory=set)
    functions: frozenset[int] = frozenset()
    arguments: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    hypotheses: tuple[Statement, ...] = ()
    claims: tuple[Statement, ...] = ()
    losses: frozenset[str] = frozenset()
    same_loss: dict[str, str] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    def latest(self, key: int, needed: set[str]) -> Forward:
        """The latest forward pass begun by then in which every needed name leads to the output."""
        begun = [one for one in self.passes if one.start <= key] or self.passes[:1]
        fitting = (one for one in reversed(begun) if needed <= one.reached(one.outputs))
        return next(fitting, begun[-1])


def has_derivative(tree: Node) -> bool:
    return any(isinstance(node, Partial) for node in walk(tree))


def tell(statements: Sequence[Statement], claims: frozenset[int] = frozenset(), *, circles: bool = False) -> Story:
    """Sorts the statements of a document into definitions and claims. Second definitions in `claims` start nothing.

    With `circles` a definition is one also where it closes a circle, of which nothing can then be said.
    """
    losses, same_loss = _losses(statements)
    lefts = [one for one in statements if isinstance(one.left, Name)]
    candidates = {plain(one.left) for one in lefts if isinstance(one.left, Name)}
    # A name that the forward pass reads is no new name for a derivative: ∂y/∂x̂ = γ is a claim about γ.
    candidates |= {name for one in lefts if not has_derivative(one.right) for name in reads(one.right)}
    # Nor are the letters of indices and the sizes that sums run to: ∂y/∂x_j = j defines no j.
    candidates |= _letters_and_sizes(statements)
    story = Story([], {}, losses=losses, same_loss=same_loss)
    first: dict[str, Definition] = {}
    again: list[Definition] = []
    for one in statements:
        found = _definition(one, candidates, losses)
        if found is None:
            continue
        if _is_special(found, statements):
            story.special[found.key] = found
        elif found.name not in first:
            if not circles and _is_circular(found, first):
                story.circular.add(found.key)
                continue
            first[found.name] = found
            story.defining[found.key] = found
        elif found.key not in claims and _restarts(found, first):
            again.append(found)
    if len({one.name for one in again}) > 1 or any(_is_built_anew(one, first) for one in again):
        story.restarts |= {one.key for one in again}
        story.defining |= {one.key: one for one in again}
    story.functions = frozenset(one.key for one in statements if _names_a_loss(one, losses))
    story.arguments = {
        plain(one.left): one.right.arguments
        for one in statements
        if one.key in story.functions and isinstance(one.left, Name) and isinstance(one.right, Call)
    }
    _sort_the_rest(story, statements)
    story.passes += _passes(statements, first, [one for one in again if one.key in story.restarts], story)
    return story


def _sort_the_rest(story: Story, statements: Sequence[Statement]) -> None:
    """What defines nothing, as hypotheses and claims."""
    told = story.defining.keys() | story.special.keys() | story.functions
    rest = [one for one in statements if one.key not in told]
    known = {one.name for one in story.defining.values()} | story.losses
    # What is assumed is said before anything is claimed; the same line further down is a claim.
    start = {one.key for one in takewhile(lambda one: one.key < 0 or _is_hypothesis(one, known), rest)}
    # Nor can anything be derived about an input that is not differentiated by, where others are.
    inputs = _differentiated_by(statements)
    later = {one.key for one in rest if inputs and _is_hypothesis(one, known | inputs)}
    story.hypotheses = tuple(one for one in rest if one.key in start | later)
    story.claims = tuple(one for one in rest if one not in story.hypotheses)


def _letters_and_sizes(statements: Sequence[Statement]) -> set[str]:
    nodes = [node for one in statements for side in (one.left, one.right) for node in walk(side)]
    letters = {i.base for node in nodes if isinstance(node, Name) for i in node.indices if isinstance(i, Name)}
    highs = {node.high.base for node in nodes if isinstance(node, Summation) and isinstance(node.high, Name)}
    return letters | highs


def _passes(
    statements: Sequence[Statement], first: Mapping[str, Definition], again: Sequence[Definition], story: Story
) -> list[Forward]:
    """The first forward pass, and one more from each line on that defines a name anew."""
    values = (one.value for one in story.defining.values() if not has_derivative(one.value))
    read = frozenset(name for value in values for name in reads(value))
    passes = [Forward(min((one.key for one in statements), default=0), first, read)]
    for one in again:
        passes.append(Forward(one.key, {**passes[-1].definitions, one.name: one}, read))
    return passes


def _is_special(found: Definition, statements: Sequence[Statement]) -> bool:
    """Whether a value is given to a name that other statements read as any number: γ = 1, ε = 0, m = 2, a = b."""
    value = found.value.value if isinstance(found.value, Minus) else found.value
    plain_value = isinstance(value, Number) or (isinstance(value, Fraction) and not reads(value))
    same = isinstance(value, Name) and not value.indices and not found.letters and found.key > 0
    if not (plain_value or same):
        return False
    if any(_gives_a_formula(one, found.name) for one in statements if one.key != found.key):
        return False
    others = [one for one in statements if one.key != found.key and (plain_value or one.key < found.key)]
    return any(found.name in reads(side) for one in others for side in (one.left, one.right))


def _gives_a_formula(one: Statement, name: str) -> bool:
    """Whether a line defines a name by more than a number or another name."""
    value = one.right.value if isinstance(one.right, Minus) else one.right
    simple = isinstance(value, Name | Number | Fraction) or has_derivative(value)
    return isinstance(one.left, Name) and plain(one.left) == name and not simple


def _names_a_loss(one: Statement, losses: frozenset[str]) -> bool:
    """l = f(y_1, …, y_m), with a function that is known by its name only."""
    match one.left, one.right:
        case Name() as name, Call(function=function):
            return plain(name) in losses and function.lower() not in FUNCTIONS
    return False


def _differentiated_by(statements: Sequence[Statement]) -> set[str]:
    trees = [side for one in statements for side in (one.left, one.right)]
    return {plain(node.bottom) for tree in trees for node in walk(tree) if isinstance(node, Partial)}


def _is_hypothesis(one: Statement, known: set[str]) -> bool:
    """Whether an equation says what something is worth that nothing defines: Σ_k t_k = 1, ‖w‖ = 1."""
    if has_derivative(one.left) or has_derivative(one.right):
        return False
    left, right = reads(one.left), reads(one.right)
    value = isinstance(one.right, Number) or (isinstance(one.right, Name) and not one.right.indices)
    return value and bool(left) and not left & right and not (left | right) & known


def _definition(one: Statement, candidates: set[str], losses: frozenset[str]) -> Definition | None:
    """The definition a statement would make if its name is new."""
    match one.left, one.right:
        case Name() as target, value if letters(target) is not None:
            name = plain(target)
            if name in losses or name in reads(value):
                return None
            return Definition(one.key, name, letters(target) or (), target, value)
        case Partial() as value, Name() as target if plain(target) not in candidates | losses:
            named = letters(target)
            return None if named is None else Definition(one.key, plain(target), named, target, value)
    return None


def _is_circular(found: Definition, known: Mapping[str, Definition]) -> bool:
    """Whether the name's value goes back to the name: x = x̂ s + μ, after x̂ was made of x, is a claim about x."""
    return found.name in Forward(0, known).reached(reads(found.value))


def _restarts(found: Definition, known: Mapping[str, Definition]) -> bool:
    """Whether a second definition is of another forward pass.

    It is if it is built on intermediates that came after the first one, and goes back to none of the intermediates that
    the first one is made of, nor to the name itself.
    """
    old = known[found.name]
    forward = Forward(0, known)
    new = reads(found.value)
    if not any(known[name].key > old.key for name in new if name in known and name != found.name):
        return False
    behind = forward.reached(new)
    return not behind & (reads(old.value) & known.keys()) and found.name not in behind


def _is_built_anew(found: Definition, known: Mapping[str, Definition]) -> bool:
    """Whether a second definition rests on two new intermediates or more. On fewer, one line alone is a claim."""
    behind = Forward(0, known).reached(reads(found.value))
    return sum(known[name].key > known[found.name].key for name in behind if name in known) > 1


def _losses(statements: Sequence[Statement]) -> tuple[frozenset[str], dict[str, str]]:
    """Names that are differentiated and neither defined nor read, and names for one and the same loss: l = f(y)."""
    trees = [side for one in statements for side in (one.left, one.right)]
    partials = [node for tree in trees for node in walk(tree) if isinstance(node, Partial)]
    tops = {plain(node.top) for node in partials if not node.top.indices}
    named = {plain(one.left): one.right for one in statements if isinstance(one.left, Name)}
    calls = {name: value.function for name, value in named.items() if isinstance(value, Call) and name in tops}
    unknown = {name: function for name, function in calls.items() if function.lower() not in FUNCTIONS}
    read = {name for one in statements if not has_derivative(one.right) for name in reads(one.right)}
    losses = {top for top in tops if (top not in named or top in unknown) and top not in read}
    same = {function: name for name, function in unknown.items() if function in losses or function not in named}
    return frozenset(losses | set(same)), same
