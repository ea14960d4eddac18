"""The gradient of another layer: of one that reads what this layer has, and puts out the same shape.

Promises: layers are compared by the names and the shapes of their quantities. They are loaded only when this is asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sympy import Symbol

from derive.derivation import quantities
from derive.errors import DeriveError, VectorizeError
from derive.graph import Graph, build, upstream_of
from derive.indices import indices_of, name_of
from derive.layers import load, names
from derive.layers.layer import Assignment, Gradient, Quantity, tensor
from derive.notation.names import read_name
from derive.numeric.lowering import shape_of
from derive.numeric.program import Program, compile_program
from derive.testing.outputs import gradient_name
from derive.testing.variants.evaluate import Array
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed
from derive.testing.variants.variant import Candidate, Variant, said, valued

__all__ = ["other_layers"]

RESULT = "the gradient"
"""A name that no quantity of a layer has."""


def other_layers(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """Other layers' gradients for a quantity of that name, then their formulas with what this layer computes."""
    name, mine = gradient_name(formulas.of), formulas.layer.name
    others = tuple(_others(formulas))
    for other in others:
        words = f"{name} is the gradient of {other.graph.layer.name}, not of {mine}"
        yield from valued([Variant(said(words), other.whole)], case)
    for other in others:
        words = f"{name} is computed by the closed form of {other.graph.layer.name}, not of {mine}"
        yield from valued([Variant(said(words), other.formula)], case)


def _others(formulas: Formulas) -> Iterator[_Other]:
    """The layers over the axes of this one that claim the gradient and could be meant."""
    axes = tuple(str(size) for size in formulas.graph.inputs[0].shape)
    for name in names():
        try:
            graph = build(load(name, axes))
        except (DeriveError, ValueError):  # a layer that can't have so many axes
            continue
        claims = [claim for claim in graph.layer.gradients if name_of(claim.of) == formulas.of]
        if claims and graph.layer.forward != formulas.layer.forward and graph.layer.upstream is not None:
            yield _Other(graph, claims[0], formulas)


@dataclass(frozen=True)
class _Other:
    """Another layer, its closed form of the gradient, and what is known from the layer that is tested."""

    graph: Graph
    claim: Gradient
    mine: Formulas

    @property
    def _result(self) -> Quantity:
        shape = shape_of(self.claim.of)
        return tensor(RESULT, *shape)[indices_of(self.claim.of)] if shape else Symbol(RESULT)

    @property
    def _assigned(self) -> Assignment:
        return Assignment(self._result, self.claim.form)

    @cached_property
    def _through_forward(self) -> Program | None:
        """From its inputs, through its own forward pass; None if it has inputs that are not known."""
        inputs = tuple(node.target for node in self.graph.inputs)
        return self._compiled(inputs, (*self.graph.layer.forward, self._assigned))

    @cached_property
    def _alone(self) -> Program | None:
        """The closed form by itself; None if it reads what is not known."""
        read = {name_of(one) for one in quantities(self.claim.form)}
        known = tuple(node.target for node in self.graph.nodes.values() if node.name in read)
        return self._compiled(known, (self._assigned,))

    def _compiled(self, inputs: tuple[Quantity, ...], lines: tuple[Assignment, ...]) -> Program | None:
        upstream = upstream_of(self.graph)
        mine = self.mine.shapes
        fitting = all(mine.get(read_name(name_of(one))) == tuple(map(str, shape_of(one))) for one in inputs)
        if not fitting or mine[self.mine.upstream] != tuple(map(str, shape_of(upstream))):
            return None
        try:
            return compile_program((upstream, *inputs), lines, (self._result,))
        except VectorizeError:
            return None

    def whole(self, case: Observed) -> Array | None:
        """The gradient of that layer for the same inputs."""
        return self._of(self._through_forward, case)

    def formula(self, case: Observed) -> Array | None:
        """Its closed form, with the quantities of the layer that is tested."""
        return self._of(self._alone, case)

    @staticmethod
    def _of(program: Program | None, case: Observed) -> Array | None:
        if program is None:
            return None
        values = (case.scope.array(read_name(name_of(one)))[..., 0, 0] for one in program.inputs[1:])
        (found,) = program(case.seen.upstream, *values)
        return np.asarray(found)
