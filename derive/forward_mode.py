"""Forward mode: tangents, the Jacobian–vector product, that it is the transpose of the backward pass, the Jacobian.

Every differentiated input x moves along a direction ẋ; ∂u/∂t is how fast an intermediate u moves then, from the same
local partials that reverse mode multiplies the other way. The kernel judges each line against its own total derivative,
Σ ∂u/∂x_k ẋ_k, and that Σ g_i ∂y_i/∂t = Σ dx_i ẋ_i + … for every size.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from sympy import Add, Expr, KroneckerDelta, Mul, Pow, S, Sum, Symbol

from derive.backward import LocalPartial, named
from derive.calculus import collapsed
from derive.closed_form import Identity, Line, compact, known_sums_put_in, operations
from derive.derivation import Derivation, Reason, Step, definitions, quantities, undistributed
from derive.graph import Node, upstream_of
from derive.indices import fresh_index, indices_of, name_of, put_in, relabel, with_indices
from derive.kernel import Kernel, Verdict, partial
from derive.layers.layer import Assignment, Quantity
from derive.notation import Notation
from derive.notation.names import read_name
from derive.notation.syntax import Name
from derive.terms import divided, shared_factor, terms, to_expr

if TYPE_CHECKING:
    from derive.numeric.program import Program

__all__ = ["Equation", "ForwardMode", "forward_mode"]

DOT, PARAMETERS = "\u0307", "tτθ"
TANGENTS, PRODUCT = "tangents", "Jacobian–vector product"


@dataclass(frozen=True, slots=True)
class Equation:
    """`left` = `right`, judged by the kernel. `name` is how the left side is written where it is a derivative."""

    left: Expr
    right: Expr
    verdict: Verdict
    name: Expr


def forward_mode(derivation: Derivation) -> ForwardMode:
    """The forward mode of a derived layer."""
    return ForwardMode(derivation)


class ForwardMode:
    """The forward mode of a layer. Everything is worked out when it is first asked for."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation, self.graph = derivation, derivation.graph
        self.inputs = tuple(self.graph.nodes[name_of(one.of)] for one in derivation.layer.gradients)
        taken = {*self.graph.nodes, *map(name_of, quantities(upstream_of(self.graph))), self.graph.layer.loss}
        self.parameter = _free(PARAMETERS, taken)
        self.directions = {node.name: self._direction(node, taken) for node in self.inputs}

    # --- what is derived -----------------------------------------------------------------------------------------

    @cached_property
    def notation(self) -> Notation:
        """Prints formulas of this layer with its tangents."""
        directions = {name_of(one): len(indices_of(one)) for one in self.directions.values()}
        return Notation({**self.derivation.ranks, **directions, self.parameter: 0})

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every line: the tangent of each intermediate, then the simplification of the output's."""
        return undistributed(lambda: tuple(self._steps()))

    @cached_property
    def product(self) -> Equation:
        """The Jacobian–vector product: the output's tangent in its compact form, against the total derivative."""
        return undistributed(lambda: self._equation(self.tangent(self.graph.output), self._found))

    @cached_property
    def transpose(self) -> Equation:
        """Σ g_i ∂y_i/∂t = Σ dx_i ẋ_i + …: the product on the left, the closed forms of reverse mode on the right."""
        return undistributed(self._transpose)

    @cached_property
    def jacobian(self) -> tuple[Equation, ...]:
        """∂y_i/∂x_j for every differentiated input: the product for a direction that is 1 in one element and else 0."""
        return undistributed(lambda: tuple(self._jacobian(node) for node in self.inputs))

    def numpy(self) -> Program:
        """The layer and its Jacobian–vector product as one function: inputs, then directions → output and tangent.

        The directions are those of the differentiated inputs, in the order of the layer's gradients.
        """
        from derive.numeric.backends import NUMPY
        from derive.numeric.program import compile_program

        given = (*(node.target for node in self.graph.inputs), *self.directions.values())
        product = Assignment(self.tangent(self.graph.output), self.product.right)
        wanted = (self.graph.output.target, product.target)
        return compile_program(given, (*self.derivation.layer.forward, product), wanted, NUMPY)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every verdict of the kernel."""
        steps = (verdict for step in self.steps for verdict in (step.verdict, *(r.verdict for r in step.because)))
        return (*steps, *(one.verdict for one in (self.product, self.transpose, *self.jacobian)))

    def tangent(self, node: Node) -> Quantity:
        """How fast a quantity moves: ẋ for an input, ∂u/∂t for an intermediate."""
        if node.name in self.directions:
            return self.directions[node.name]
        return named(f"∂{node.name}/∂{self.parameter}", node.shape, node.indices)

    # --- tangents ------------------------------------------------------------------------------------------------

    def _direction(self, node: Node, taken: set[str]) -> Quantity:
        plain = read_name(node.name) == Name(node.name) and len(node.name) == 1
        name = _free([unicodedata.normalize("NFC", node.name + DOT)] if plain else [f"{node.name}′"], taken)
        return named(name, node.shape, node.indices)

    @cached_property
    def _moving(self) -> tuple[Node, ...]:
        """The intermediates that move, in order; the output in any case."""
        names = {node.name for node in self.inputs}
        for node in self.graph.intermediates:
            if names & set(node.reads):
                names.add(node.name)
        return tuple(node for node in self.graph.intermediates if node.name in names or node is self.graph.output)

    @cached_property
    def _kernel(self) -> Kernel:
        """The kernel under which ∂u/∂t is the total derivative along the direction."""
        tangents = ((self.tangent(node), self._total(node)) for node in self._moving)
        return Kernel((*definitions(self.graph, self.derivation.partials, ()), *tangents))

    def _total(self, node: Node) -> Expr:
        """Σ ∂u/∂x_k ẋ_k over the elements of all differentiated inputs, in the kernel's own derivative."""
        return Add(*(self._total_by(node, one) for one in self.inputs))

    def _total_by(self, node: Node, one: Node) -> Expr:
        indices = _apart(one.indices, node.indices)
        term = Mul(partial(node.target, with_indices(one.target, indices)), self._moved(one, indices))
        limits = [(index, 1, size) for index, size in zip(indices, one.shape, strict=True)]
        return Sum(term, *limits) if limits else term

    def _moved(self, node: Node, indices: tuple[Expr, ...]) -> Quantity:
        return with_indices(self.tangent(node), indices)

    @cached_property
    def _edges(self) -> dict[str, list[LocalPartial]]:
        """The local partials by the intermediate they are of."""
        found: dict[str, list[LocalPartial]] = {node.name: [] for node in self._moving}
        for one in self.derivation.partials:
            found[name_of(one.of)].append(one)
        return found

    def _tangent_of(self, node: Node, *, by_name: bool) -> Expr:
        """The chain rule: what the node reads, local partial times tangent, with the partials by name or by value."""
        parts = (self._along(node, one, one.target if by_name else one.value) for one in self._edges[node.name])
        return relabel(Add(*parts), frozenset(node.indices))

    def _along(self, node: Node, edge: LocalPartial, factor: Expr) -> Expr:
        read, indices = self.graph.nodes[name_of(edge.wrt)], indices_of(edge.wrt)
        term = Mul(factor, self._moved(read, indices))
        limits = [
            (index, 1, size) for index, size in zip(indices, read.shape, strict=True) if index not in node.indices
        ]
        return collapsed(Sum(term, *limits)) if limits else term

    @cached_property
    def _simple(self) -> dict[str, Line]:
        """Each tangent with the sums that are known put in."""
        return {
            node.name: known_sums_put_in(
                self._tangent_of(node, by_name=False), self.graph, self.derivation.kernel.equal, node.indices
            )
            for node in self._moving
        }

    @cached_property
    def _written_out(self) -> Expr:
        """The output's tangent by the chain rule alone, down to the directions."""
        values = {name_of(self.tangent(node)): self._assigned(node) for node in self._moving}
        output = self.graph.output
        expr: Expr = self.tangent(output)
        while any(name_of(q) in values for q in quantities(expr)):
            expr = put_in(expr, values, frozenset(output.indices))
        return relabel(expr, frozenset(output.indices))

    def _assigned(self, node: Node) -> Assignment:
        return Assignment(self.tangent(node), self._simple[node.name].value)

    @cached_property
    def _lines(self) -> tuple[Line, ...]:
        return compact(self._written_out, self.graph, self.derivation.kernel.equal, self.graph.output.indices)

    @property
    def _found(self) -> Expr:
        return self._lines[-1].value if self._lines else self._written_out

    def _steps(self) -> Iterator[Step]:
        for node in self._moving:
            yield from self._tangent_steps(node)
        target = self.tangent(self.graph.output)
        for line in self._lines or (Line(self._found, "adjoints put in"),):
            rule = line.rule.replace("adjoints", "tangents")
            yield self._judged(target, line.value, rule, PRODUCT, line.identities)

    def _tangent_steps(self, node: Node) -> Iterator[Step]:
        target, value = self.tangent(node), self._tangent_of(node, by_name=False)
        through = ", ".join(name_of(one.wrt) for one in self._edges[node.name])
        yield self._judged(
            target, self._tangent_of(node, by_name=True), f"chain rule forward through {through}", TANGENTS
        )
        yield self._judged(target, value, "local partials put in", TANGENTS)
        line = self._simple[node.name]
        if line.value != value:
            yield self._judged(target, line.value, line.rule, TANGENTS, line.identities)

    def _judged(self, target: Quantity, value: Expr, rule: str, part: str, identities: Iterable[Identity] = ()) -> Step:
        because = tuple(Reason(one, self._kernel.decide(one.left, one.right)) for one in identities)
        return Step(target, value, rule, part, self._kernel.decide(target, value), because, self.notation)

    # --- results -------------------------------------------------------------------------------------------------

    def _equation(self, left: Expr, right: Expr) -> Equation:
        return Equation(left, right, self._kernel.decide(left, right), left)

    def _transpose(self) -> Equation:
        output = self.graph.output
        left = _summed(Mul(upstream_of(self.graph), self._found), output)
        pairs = zip(self.inputs, self.derivation.claims, strict=True)
        right = Add(*(_summed(Mul(_value(one.value), self._at(one.of, node)), node, one.of) for node, one in pairs))
        return self._equation(left, right)

    def _at(self, of: Quantity, node: Node) -> Quantity:
        """The direction of an input at the indices that its claim gives it."""
        return self._moved(node, indices_of(of))

    def _jacobian(self, node: Node) -> Equation:
        indices = _apart(node.indices, self.graph.output.indices)
        output = self.graph.output
        found = self._equation(partial(output.target, with_indices(node.target, indices)), self._unit(node, indices))
        at = (*output.indices, *indices)
        return replace(found, name=named(f"∂{output.name}/∂{node.name}", (*output.shape, *node.shape), at))

    def _unit(self, node: Node, indices: tuple[Symbol, ...]) -> Expr:
        """The product for the direction that is 1 in one element of `node`, where all else rests."""
        values = {}
        for one in self.inputs:
            # Letters of its own: δ_ij with one letter for both would be 1.
            formal = tuple(Symbol(f"_{index}", integer=True) for index in one.indices)
            value = _unit_vector(formal, indices) if one is node else S.Zero
            values[name_of(self.tangent(one))] = Assignment(self._moved(one, formal), value)
        free = frozenset((*self.graph.output.indices, *indices))
        picked = _collapsed(put_in(self._product_apart(indices), values, free))
        return _short(picked, free)

    def _product_apart(self, indices: tuple[Symbol, ...]) -> Expr:
        """The product with bound letters that leave `indices` free."""
        return relabel(self._found, frozenset((*self.graph.output.indices, *indices)))


def _free(wishes: Iterable[str], taken: set[str]) -> str:
    """The first wish that is free, or the last one with primes; it is taken then."""
    wished = list(wishes)
    primed = (wished[-1] + "′" * more for more in range(1, len(taken) + 2))
    found = next(name for name in chain(wished, primed) if name not in taken)
    taken.add(found)
    return found


def _apart(indices: tuple[Symbol, ...], taken: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
    """Index letters like `indices` that are not taken."""
    found: list[Symbol] = []
    for index in indices:
        used = (*taken, *found)
        found.append(fresh_index({*used, *indices}) if index in used else index)
    return tuple(found)


def _unit_vector(indices: tuple[Symbol, ...], at: tuple[Symbol, ...]) -> Expr:
    return Mul(*(KroneckerDelta(*pair) for pair in zip(indices, at, strict=True)))


def _value(value: Expr | None) -> Expr:
    return S.Zero if value is None else value


def _summed(term: Expr, node: Node, of: Quantity | None = None) -> Expr:
    """Σ over the indices of a node, in the letters of `of`."""
    indices = indices_of(of) if of is not None else node.indices
    limits = [(index, 1, size) for index, size in zip(indices, node.shape, strict=True)]
    return Sum(term, *limits) if limits else term


def _collapsed(expr: Expr) -> Expr:
    """Every Σ_k δ_ik f_k replaced by f_i, inner sums first."""
    if not isinstance(expr, Add | Mul | Pow | Sum):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(_collapsed(arg) for arg in expr.args))
    body = _collapsed(expr.function)
    inner = Sum(body, *expr.limits) if body != 0 else S.Zero
    return collapsed(inner) if inner.has(KroneckerDelta) else inner


def _short(expr: Expr, free: frozenset[Symbol]) -> Expr:
    """The shortest of: multiplied out, with what its terms share in front, and that over one denominator."""
    parts = terms(expr, lambda bracket: not bracket.has(KroneckerDelta), free)
    if len(parts) < 2:
        return to_expr(parts)
    shared = [shared_factor(parts, clear=clear) for clear in (True, False)]
    forms = [Mul(one.to_expr(), to_expr(divided(part, one) for part in parts)) for one in shared]
    return min((*forms, to_expr(parts)), key=operations)
