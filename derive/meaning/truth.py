"""What the right side of a refuted claim should have been: derived from the document's own forward pass.

The author's definitions become a layer, reverse mode derives what is asked for, and the short form is the one that
`derive.closed_form` finds. The chain-rule form also tells which sums a true claim needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from sympy import Expr, Indexed, Sum, Symbol

from derive.backward import Adjoint, adjoints, local_partials
from derive.calculus import differentiate
from derive.closed_form import compact
from derive.errors import DeriveError
from derive.graph import Graph, build
from derive.indices import indices_of, put_in, relabel
from derive.kernel import Kernel, partial
from derive.kernel.language import Partial, quantities
from derive.meaning.layer import as_layer
from derive.meaning.problem import LOCAL, Pair, Problem, name_of

__all__ = ["Truth"]


class Truth:
    """The derivatives of one forward pass, in the author's names."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @cached_property
    def graph(self) -> Graph | None:
        """The document's forward pass as a computation graph; None if it does not make one."""
        if len(self.problem.outputs) != 1 or not self.problem.values:
            return None
        loss = next(iter(sorted(self.problem.story.losses)), "L")
        (output,) = self.problem.outputs
        try:
            return build(as_layer(self.problem, loss, f"∂{loss}/∂{output}"))
        except DeriveError:
            return None

    @cached_property
    def adjoints(self) -> dict[str, Adjoint]:
        """The adjoint of each quantity by the chain rule, by the name of the quantity."""
        if self.graph is None:
            return {}
        return {name_of(one.of): one for one in adjoints(self.graph, local_partials(self.graph))}

    # --- what is asked for ---------------------------------------------------------------------------------------

    def right_side(self, left: Expr, readings: Mapping[Pair, str]) -> Expr | None:
        """The right side of a claim whose left side is one derivative; None for any other, or where none is found."""
        if self.graph is None:
            return None
        try:
            match left:
                case Partial() if name_of(left.of) in self.problem.story.losses:
                    return self._adjoint(left.wrt)
                case Partial() if name_of(left.of) in self.problem.values:
                    local = readings.get((name_of(left.of), name_of(left.wrt))) == LOCAL
                    return self._partial(left.of, left.wrt) if local else self._total(left.of, left.wrt)
        except DeriveError:
            return None
        return None

    def chain(self, left: Expr) -> Expr | None:
        """The chain rule for ∂L/∂v, in the adjoints one step further on; None for any other left side."""
        if not isinstance(left, Partial) or name_of(left.of) not in self.problem.story.losses:
            return None
        adjoint = self.adjoints.get(name_of(left.wrt))
        return None if adjoint is None else _moved(adjoint.value, adjoint.of, left.wrt)

    def _adjoint(self, of: Expr) -> Expr | None:
        """∂L/∂v in short form: an input's down to the upstream gradient, an intermediate's in the next adjoints."""
        adjoint = self.adjoints.get(name_of(of))
        if adjoint is None or self.graph is None:
            return None
        free = indices_of(adjoint.of)
        intermediate = self.graph.nodes[name_of(of)].value is not None
        value = adjoint.value if intermediate else self._written_out(adjoint.value, frozenset(free))
        return _moved(self._short(relabel(value, frozenset(free)), free), adjoint.of, of)

    def _written_out(self, expr: Expr, taken: frozenset[Symbol]) -> Expr:
        values = {name_of(one.target): one.assignment for one in self.adjoints.values()}
        while any(name_of(q) in values for q in quantities(expr)):
            expr = put_in(expr, values, taken)
        return expr

    def _partial(self, of: Expr, wrt: Expr) -> Expr:
        """The local partial, at the letters of the claim."""
        target, value = self.problem.values[name_of(of)]
        return differentiate(_moved(value, target, of), wrt)

    def _total(self, of: Expr, wrt: Expr) -> Expr:
        """The total derivative by the chain rule, intermediates written out as far as they depend on `wrt`."""
        name = name_of(of)
        result = self._partial(of, wrt)
        target, value = self.problem.values[name]
        for inner in quantities(_moved(value, target, of)):
            within = name_of(inner)
            depends = within in self.problem.values and name_of(wrt) in self.problem.forward.reached([within])
            if within not in (name, name_of(wrt)) and depends and not isinstance(inner, Indexed):
                result += differentiate(_moved(value, target, of), inner) * self._total(inner, wrt)
        return result

    def _short(self, expr: Expr, free: tuple[Symbol, ...]) -> Expr:
        if self.graph is None:
            return expr
        lines = compact(expr, self.graph, self.problem.kernel.equal, free)
        return lines[-1].value if lines else expr

    @cached_property
    def with_adjoints(self) -> Kernel:
        """The kernel with every ∂L/∂v as a name, defined as the derivative it stands for."""
        loss = next(iter(sorted(self.problem.story.losses)), "L")
        pairs = ((one.target, partial(Symbol(loss), one.of)) for one in self.adjoints.values())
        return Kernel((*self.problem.equations, *pairs))

    @cached_property
    def summed(self) -> tuple[str, ...]:
        """The intermediates that are sums, such as μ and σ²."""
        return tuple(name for name, (_, value) in self.problem.values.items() if value.has(Sum))


def _moved(value: Expr, at: Expr, to: Expr) -> Expr:
    """`value` at the indices of `to` instead of those of `at`."""
    old, new = indices_of(at), indices_of(to)
    moved = dict(zip(old, new, strict=True))
    # Bound letters are put aside from both, so that none of them is moved along or captures a new one.
    return relabel(value, frozenset((*old, *new))).xreplace(moved) if old != new else value
