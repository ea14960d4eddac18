"""One forward pass as a problem for the kernel: definitions, the loss behind them, and a meaning for every derivative.

The loss of a document is known by its derivatives only. It stands for any function of the outputs, so it is written as
Σ (∂L/∂y) y with ∂L/∂y a free tensor: all that a first derivative can see of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from string import ascii_uppercase

from sympy import Expr, Indexed, Sum, Symbol

from derive.kernel import Kernel, partial
from derive.kernel.language import is_index, quantities
from derive.layers.layer import Assumption
from derive.meaning.elaborate import Elaborator, Meaningless, Vocabulary
from derive.meaning.forward import Definition, Forward, Statement, Story
from derive.meaning.names import plain, reads
from derive.notation import text
from derive.notation.syntax import Derivative, Name, Node, Number, Partial, Root, walk

__all__ = ["LOCAL", "TOTAL", "Meaning", "Problem"]

LOCAL, TOTAL = "local", "total"
Pair = tuple[str, str]


@dataclass(slots=True)
class Meaning:
    """One equation as SymPy, under one choice of readings, with what was assumed on the way."""

    left: Expr
    right: Expr
    assumed: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    denominators: tuple[Expr, ...]
    readings: Mapping[Pair, str]


@dataclass(frozen=True)
class Problem:
    """A forward pass with its vocabulary.

    `mentioned` are the quantities that each loss is differentiated by, `bodies` the expressions that are differentiated
    as such, under names of their own. `under` are stated properties, such as Σ_k t_k = 1, that proofs make use of.
    """

    story: Story
    forward: Forward
    words: Vocabulary
    mentioned: Mapping[str, frozenset[str]]
    bodies: Mapping[str, Definition]
    under: tuple[Statement, ...] = ()

    # --- the graph of names --------------------------------------------------------------------------------------

    def outputs_of(self, loss: str) -> tuple[str, ...]:
        """What a loss is a function of.

        The outputs it is differentiated by, else the last output that everything it is differentiated by leads to. An
        intermediate is never taken for the end: the paths around it would be lost.
        """
        loss = self.story.same_loss.get(loss, loss)
        if loss not in self._outputs:
            self._outputs[loss] = self._chosen_outputs(loss)
        return self._outputs[loss]

    def _refuse_arguments(self, loss: str) -> None:
        """l = f(y) says what l is a function of. Raises `Meaningless` if that is no plain set of outputs."""
        arguments = self.story.arguments.get(loss, ())
        if not all(isinstance(one, Name) for one in arguments):
            raise Meaningless(f"what {loss} depends on")
        named = [one for one in arguments if isinstance(one, Name)]
        names = {self._argument(one) for one in named}
        for name in sorted(names):
            if all(_is_element(one) for one in named if self._argument(one) == name):
                raise Meaningless(f"{loss} is said to depend on elements of {name} alone")
            if name not in self.definitions or (names - {name}) & self.forward.reached([name]):
                raise Meaningless(f"{loss} is said to depend on {name} beside what it leads to or is made of")

    def _argument(self, one: Name) -> str:
        """The name of an argument. In f(y_1, …, y_m) the m is an index, also where it is none elsewhere."""
        last = plain(replace(one, label="", indices=()))
        return last if plain(one) not in self.definitions and self.words.is_size(one.label) else plain(one)

    def _chosen_outputs(self, loss: str) -> tuple[str, ...]:
        same = {one for one, to in self.story.same_loss.items() if to == loss} | {loss}
        mentioned = frozenset().union(*(self.mentioned.get(one, frozenset()) for one in same))
        sinks = tuple(name for name in self.forward.outputs if name not in self.story.losses)
        arguments = (self._argument(one) for one in self.story.arguments.get(loss, ()) if isinstance(one, Name))
        stated = tuple(name for name in dict.fromkeys(arguments) if name in self.definitions)
        if stated:
            return stated
        named = tuple(name for name in sinks if name in mentioned)
        if named:
            return named
        known = mentioned & (self.words.defined | self.forward.reached(self.forward.intermediates))
        fitting = [name for name in sinks if known <= self.forward.reached([name])]
        return tuple(fitting[-1:]) or sinks[-1:]

    @cached_property
    def _outputs(self) -> dict[str, tuple[str, ...]]:
        return {}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of all losses, or the last output of a document without one."""
        found = dict.fromkeys(name for loss in sorted(self.story.losses) for name in self.outputs_of(loss))
        return tuple(found) or self.forward.outputs[-1:]

    @cached_property
    def reached(self) -> set[str]:
        """Everything the outputs are made of."""
        return self.forward.reached(self.outputs)

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return self.forward.definitions

    def is_loss(self, name: str) -> bool:
        return (name in self.story.losses and name not in self.definitions) or name in self.story.same_loss

    def ambiguous(self, top: str, bottom: str) -> bool:
        """Whether ∂top/∂bottom has two readings: top reads bottom itself and also through another intermediate."""
        direct = self.forward.reads(top)
        if bottom not in direct or (top in self.forward.outputs and not self.definitions[top].letters):
            return False  # a number that nothing reads is a loss: nobody means its derivative with the rest held fixed
        return any(bottom in self.forward.reached([other]) for other in direct - {bottom} if other in self.definitions)

    def pairs(self, *trees: Node) -> list[Pair]:
        """The derivatives in `trees` that can be read in two ways, each once."""
        nodes = [node for tree in trees for node in walk(tree)]
        found = ((plain(n.top), plain(n.bottom)) for n in nodes if isinstance(n, Partial))
        named = ((plain(self.words.bodies[n.body]), plain(n.bottom)) for n in nodes if isinstance(n, Derivative))
        return [*(pair for pair in dict.fromkeys(found) if self.ambiguous(*pair)), *dict.fromkeys(named)]

    # --- to SymPy ------------------------------------------------------------------------------------------------

    def meaning(self, left: Node, right: Node, readings: Mapping[Pair, str]) -> Meaning:
        """Both sides in SymPy. Raises `Meaningless`."""
        elaborator = self._elaborator(readings, _letters_outside(left, self.words.letters))
        elaborator.free = _letters_written(left, right)
        sides = elaborator.expr(left), elaborator.expr(right)
        self._refuse_missing(*sides)
        self._refuse_matrices(left, right)
        return Meaning(
            *sides,
            (*elaborator.assumed, *self._told_outputs(left, right), *self._told_roots(left, right)),
            tuple(elaborator.conditions),
            tuple(elaborator.denominators),
            readings,
        )

    def _told_outputs(self, left: Node, right: Node) -> tuple[str, ...]:
        """On what a loss depends, where the document leaves a choice."""
        nodes = (node for side in (left, right) for node in walk(side) if isinstance(node, Partial))
        told: dict[str, None] = {}
        for loss in sorted({plain(node.top) for node in nodes if self.is_loss(plain(node.top))}):
            chosen = self.outputs_of(loss)
            others = [name for name in self.forward.outputs if name not in {*chosen, *self.story.losses}]
            others = [name for name in others if not self._is_implied(name)]
            if chosen and any(not set(self.forward.reached([name])) & set(chosen) for name in others):
                told[f"{loss} depends on {' and '.join(chosen)} only"] = None
        return tuple(told)

    def _told_roots(self, left: Node, right: Node) -> tuple[str, ...]:
        """σ was taken to be √(σ²)."""
        read = sorted((reads(left) | reads(right)) & self.definitions.keys())
        return tuple(f"{name} is {text(self.definitions[name].value)}" for name in read if self._is_implied(name))

    def _is_implied(self, name: str) -> bool:
        """Whether no line of the document and no given defines a name, but what it is the root of."""
        one = self.definitions[name]
        return one.key < 0 and isinstance(one.value, Root) and one.value.value == replace(one.target, superscript="2")

    def _refuse_missing(self, *sides: Expr) -> None:
        """Nothing can be said about what goes back to a definition without a meaning."""
        read = {name_of(one) for one in quantities(*sides)}
        if read & self.story.losses:
            read |= set(self.outputs)
        for name in sorted(self.forward.reached(read) & self.missing.keys()):
            raise Meaningless(f"the definition of {name}: {self.missing[name]}")

    def _refuse_matrices(self, left: Node, right: Node) -> None:
        """In y = W x without any index W may be a matrix, for which ∂L/∂x = W ∂L/∂y is wrong."""
        if not any(isinstance(node, Partial | Derivative) for side in (left, right) for node in walk(side)):
            return
        names = self.forward.reached(reads(left) | reads(right)) - self.story.losses
        ranks = self.words.sizes.ranks
        if any(ranks.get(name, 0) for name in names):
            return
        leaves = sorted(name for name in names - self.words.defined if not self.words.is_size(name))
        matrices = [name for name in leaves if name[0] in ascii_uppercase]
        if matrices:
            raise Meaningless(f"nothing has an index: {matrices[0]} may be a matrix or a number; write the indices")

    def sketcher(self, left: Node, readings: Mapping[Pair, str]) -> Callable[[Node], Expr]:
        """A translation that remembers parts of trees, for looking at many variants of one formula."""
        elaborator = self._elaborator(readings, _letters_outside(left, self.words.letters))
        elaborator.free = _letters_written(left)
        elaborator.memory = {}
        return elaborator.expr

    def _elaborator(self, readings: Mapping[Pair, str], outer: frozenset[str]) -> Elaborator:
        return Elaborator(self.words, lambda top, bottom: self._derivative(top, bottom, readings), outer)

    def _derivative(self, top: Expr, bottom: Expr, readings: Mapping[Pair, str]) -> Expr:
        above, below = name_of(top), name_of(bottom)
        if self.is_loss(above):
            return self._adjoint(self.story.same_loss.get(above, above), bottom)
        if above in self.bodies:
            local = readings.get((above, below), TOTAL) == LOCAL
            return partial(top, bottom, set(self.forward.intermediates) if local else ())
        if above not in self.definitions:
            if above == below:
                return partial(top, bottom)
            raise Meaningless(f"{above} is not defined")
        if below not in self.forward.reached([above]):
            if below not in self.words.defined:
                raise Meaningless(f"nothing leads from {below} to {above}")
            if above in self.forward.reached([below]):
                raise Meaningless(f"{below} is made of {above}, and not the other way round")
        local = readings.get((above, below), TOTAL) == LOCAL
        held = set(self.forward.intermediates) - {above} if local else ()
        return partial(top, bottom, held)

    def _adjoint(self, loss: str, of: Expr) -> Expr:
        name = name_of(of)
        if loss in self.definitions:
            return partial(Symbol(loss), of)
        self._refuse_arguments(loss)
        outputs = self.outputs_of(loss)
        if name in outputs:
            return self.upstream(loss, of)
        if name in self.forward.reached(outputs):
            return partial(Symbol(loss), of)
        if name in self.definitions:
            raise Meaningless(f"nothing leads from {name} to {loss}: a definition that reads {name} is missing")
        return self.upstream(loss, of)

    def upstream(self, loss: str, of: Expr) -> Expr:
        """∂L/∂y as a quantity of its own, with the indices of y."""
        name = f"∂{loss}/∂{name_of(of)}"
        return of.base.func(name, shape=of.base.shape)[of.indices] if isinstance(of, Indexed) else Symbol(name)

    # --- the kernel ----------------------------------------------------------------------------------------------

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel under the definitions of this forward pass."""
        return Kernel(self.equations)

    def kernel_with(self, more: Iterable[Definition]) -> Kernel | None:
        """The kernel under more definitions, such as γ = 1; None if one of them has no meaning or is about a size."""
        pairs = [self._value(one) for one in more]
        known = [pair for pair in pairs if isinstance(pair, tuple) and not pair[0].is_integer]
        return Kernel((*self.equations, *known)) if len(known) == len(pairs) else None

    @cached_property
    def equations(self) -> tuple[tuple[Expr, Expr], ...]:
        """Every definition that has a meaning, and each loss as Σ (∂L/∂y) y, as (target, value)."""
        stated = (self._assumption(one) for one in self.under)
        known = (one.parametrized for one in stated if one is not None)
        return (*self.values.values(), *known, *(self._surrogate(loss) for loss in sorted(self._undefined_losses)))

    @cached_property
    def usable(self) -> tuple[Statement, ...]:
        """The stated properties of which a proof can make use: Σ_k t_k = 1 of one input t."""
        found: dict[str, Statement] = {}
        for one in self.story.hypotheses:
            assumption = self._assumption(one)
            if assumption is not None:
                found.setdefault(name_of(assumption.of), one)
        return tuple(found.values())

    def _assumption(self, one: Statement) -> Assumption | None:
        """A stated property as an assumption on an input, if it is that a sum over one of its indices is 1."""
        try:
            meaning = self.meaning(one.left, one.right, {})
        except Meaningless:
            return None
        if meaning.conditions or meaning.assumed:
            return None
        total = meaning.left
        if meaning.right != 1 or not isinstance(total, Sum) or not isinstance(total.function, Indexed):
            return None
        of, ((over, low, high), *more) = total.function, total.limits
        sizes = dict(zip(of.indices, of.base.shape or (), strict=False))
        whole = len(sizes) == len(of.indices) and all(map(is_index, sizes)) and (low, sizes.get(over)) == (1, high)
        return Assumption(of, over) if whole and not more and name_of(of) not in self.words.defined else None

    @cached_property
    def values(self) -> dict[str, tuple[Expr, Expr]]:
        """Definitions by name, as SymPy. Those without a meaning are left out: see `missing`."""
        return {name: pair for name, pair in self._tried.items() if isinstance(pair, tuple)}

    @cached_property
    def missing(self) -> dict[str, str]:
        """Definitions without a meaning, with the reason."""
        return {name: reason for name, reason in self._tried.items() if isinstance(reason, str)}

    @cached_property
    def conditional(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Definitions that only make sense if two sizes are one, with those sizes."""
        found = {}
        for name, one in self.definitions.items():
            if name in self.values:
                elaborator = self._elaborator({}, frozenset(one.letters))
                elaborator.expr(one.value)
                if elaborator.conditions:
                    found[name] = tuple(elaborator.conditions)
        return found

    def assumed_in(self, name: str) -> tuple[str, ...]:
        """What had to be assumed to give a definition a meaning."""
        if name not in self.values:
            return ()
        one = self.definitions[name]
        elaborator = self._elaborator({}, frozenset(one.letters))
        elaborator.expr(one.value)
        return tuple(elaborator.assumed)

    def would_follow(self, claim: Statement, earlier: Statement, readings: Mapping[Pair, str]) -> bool:
        """Whether a claim would be true if an earlier one about a single derivative were."""
        if not isinstance(earlier.left, Partial) or earlier.left.bottom.indices != earlier.left.bottom.indices:
            return False
        pair = plain(earlier.left.top), plain(earlier.left.bottom)
        used = [n for side in (claim.left, claim.right) for n in walk(side) if isinstance(n, Partial)]
        if not any((plain(n.top), plain(n.bottom)) == pair and n != claim.left for n in used):
            return False
        try:
            wrong = self.meaning(earlier.left, earlier.right, readings)
            meaning = self.meaning(claim.left, claim.right, readings)
        except Meaningless:
            return False
        put = {wrong.left: wrong.right}
        return self.kernel.equal(_except_alone(meaning.left, put), meaning.right.xreplace(put))

    @cached_property
    def _tried(self) -> dict[str, tuple[Expr, Expr] | str]:
        every = {**self.definitions, **self.bodies}
        return {name: self._value(one) for name, one in every.items() if not self.is_loss(name)}

    def _value(self, one: Definition) -> tuple[Expr, Expr] | str:
        elaborator = self._elaborator({}, frozenset(one.letters))
        elaborator.free = _letters_written(one.target, one.value)
        try:
            target, value = elaborator.quantity(one.target), elaborator.expr(one.value)
        except Meaningless as reason:
            return str(reason)
        loose = sorted(str(letter) for letter in _letters(value) - set(getattr(target, "indices", ())))
        return f"{one.name} does not have the index {', '.join(loose)} of its value" if loose else (target, value)

    @property
    def _undefined_losses(self) -> set[str]:
        return {self.story.same_loss.get(loss, loss) for loss in self.story.losses if loss not in self.values}

    def _surrogate(self, loss: str) -> tuple[Expr, Expr]:
        numbers = count()
        total: Expr = Symbol("0") * 0
        for name in self.outputs_of(loss):
            if name not in self.values:
                continue
            target = self.values[name][0]
            letters = [Symbol(f"s{next(numbers)}", integer=True) for _ in getattr(target, "indices", ())]
            place = target.base[tuple(letters)] if letters else target
            limits = [(letter, 1, size) for letter, size in zip(letters, _shape(target), strict=True)]
            weighted = self.upstream(loss, place) * place
            total += Sum(weighted, *limits) if limits else weighted
        return Symbol(loss), total


def name_of(quantity: Expr) -> str:
    return str((quantity.base.label if isinstance(quantity, Indexed) else quantity).name)


def _letters(value: Expr) -> set[Expr]:
    """The free index letters of an expression."""
    return {symbol for symbol in value.free_symbols if is_index(symbol)}


def _except_alone(left: Expr, put: Mapping[Expr, Expr]) -> Expr:
    """A left side with derivatives replaced, unless it is one itself."""
    return left if left in put else left.xreplace(put)


def _shape(target: Expr) -> tuple[Expr, ...]:
    return tuple(target.base.shape) if isinstance(target, Indexed) else ()


def _is_element(name: Name) -> bool:
    """y_1, one element by its number."""
    return any(isinstance(index, Number) for index in name.indices)


def _letters_written(*sides: Node) -> frozenset[str]:
    """The index letters of every name in an equation."""
    names = (node for side in sides for node in walk(side) if isinstance(node, Name))
    return frozenset(index.base for name in names for index in name.indices if isinstance(index, Name))


def _letters_outside(left: Node, usual: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The index letters of a left side, those it leaves out too: a Σ without an index does not run over them."""
    if isinstance(left, Partial):
        return _letters_outside(left.top, usual) | _letters_outside(left.bottom, usual)
    if not isinstance(left, Name):
        return frozenset()
    if not left.indices:
        return frozenset(usual.get(plain(left), ()))
    return frozenset(index.base for index in left.indices if isinstance(index, Name))
