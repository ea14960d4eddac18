"""A layer's forward and backward pass as functions of arrays.

Promises: `backward` is the claimed closed form and nothing else, `staged` is reverse mode step by step; both go
through the same forward program, and neither knows what the other says. Shapes are checked, and a gradient has the
shape of the array it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Indexed, S, Symbol

from derive.errors import DeriveError
from derive.graph import Graph, upstream_of
from derive.indices import name_of
from derive.layers.layer import Assignment, Gradient, Quantity, tensor
from derive.numeric.backends import NUMPY, Backend
from derive.numeric.lowering import shape_of
from derive.numeric.program import Array, Program, compile_program

__all__ = ["Functions", "adjoint_name", "functions"]


def adjoint_name(graph: Graph, name: str) -> str:
    """The name of a quantity's adjoint: ∂L/∂v."""
    return f"∂{graph.layer.loss}/∂{name}"


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of one layer. Arrays come in the order of the layer's inputs, for batch norm `x, γ, β, ε`.

    x has the shape of the layer, (m,) for x[i], and may have trailing axes: (m, n) normalizes each of n columns. Inputs
    without indices are numbers or arrays of the trailing shape, here (n,). The upstream gradient g has the shape of y.
    """

    graph: Graph
    forward_program: Program
    backward_program: Program
    staged_program: Program
    claimed: tuple[str, ...]

    def on(self, backend: Backend) -> Functions:
        """The same functions on another array library."""
        forward, backward, staged = (
            program.on(backend) for program in (self.forward_program, self.backward_program, self.staged_program)
        )
        return Functions(self.graph, forward, backward, staged, self.claimed)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, in the order the functions take them."""
        return tuple(node.name for node in self.graph.inputs)

    def forward(self, *inputs: Array) -> Array:
        """The output y, of the shape of the first input with its trailing axes."""
        (output,) = self.forward_program(*inputs)
        return output

    def backward(self, g: Array, *inputs: Array) -> dict[str, Array]:
        """The claimed closed forms: ∂L/∂v by the name of v, of the shape of v.

        An input that is shared along trailing axes (a number γ for x of shape (m, n)) gets the sum over them.
        """
        return self._gradients(self.backward_program, self.claimed, g, inputs)

    def staged(self, g: Array, *inputs: Array) -> dict[str, Array]:
        """The gradient of every input from the reverse-mode steps, with the shapes of `backward`."""
        return self._gradients(self.staged_program, self._staged_names, g, inputs)

    @property
    def _staged_names(self) -> tuple[str, ...]:
        prefix = adjoint_name(self.graph, "")
        return tuple(name_of(output).removeprefix(prefix) for output in self.staged_program.outputs)

    def _gradients(
        self, program: Program, names: tuple[str, ...], g: Array, inputs: Sequence[Array]
    ) -> dict[str, Array]:
        shape_in = program.backend.load()["shape"]
        found = program(g, *inputs)
        shapes = {name: tuple(shape_in(array)) for name, array in zip(self.names, inputs, strict=True)}
        return {name: _shared(program, array, shapes.get(name)) for name, array in zip(names, found, strict=True)}


def _shared(program: Program, gradient: Array, shape: tuple[int, ...] | None) -> Array:
    """`gradient` summed over the trailing axes along which its quantity was one and the same."""
    library = program.backend.load()
    full = tuple(library["shape"](gradient))
    if shape is None or full == shape:
        return gradient
    for axis in range(len(shape), len(full)):
        gradient = library["total"](gradient, axis)
    return library["reshape"](gradient, shape)


def functions(
    graph: Graph, staged: tuple[Assignment, ...], gradients: tuple[Gradient, ...], backend: Backend = NUMPY
) -> Functions:
    """Compiles the forward pass, the claimed closed forms and the reverse-mode steps of a layer.

    `staged` assigns adjoints in reverse order, named ∂L/∂v. The adjoint of the output is the upstream gradient, which
    may be read by its own name (g) or as ∂L/∂y. Where the output is the loss itself, its weight takes g's place: 1, or
    another number that all gradients are then a multiple of.
    """
    inputs = tuple(node.target for node in graph.inputs)
    forward = graph.layer.forward
    given = (_given(graph),)
    both = (_upstream(graph), *inputs)
    claims = tuple(_claim(graph, gradient) for gradient in gradients)
    found = (_assigned(adjoint_name(graph, node.name), staged) for node in graph.inputs)
    wanted = tuple(target for target in found if target is not None)
    return Functions(
        graph,
        compile_program(inputs, forward, (graph.output.target,), backend),
        compile_program(both, forward + given + claims, tuple(claim.target for claim in claims), backend),
        compile_program(both, forward + given + staged, wanted, backend),
        tuple(name_of(gradient.of) for gradient in gradients),
    )


def _upstream(graph: Graph) -> Quantity:
    """What the programs take first: the upstream gradient, or the weight of an output that is the loss itself."""
    found = upstream_of(graph)
    return found if isinstance(found, Symbol | Indexed) else Symbol(f"weight of {graph.output.name}")


def _given(graph: Graph) -> Assignment:
    """The adjoint of the output under its other name."""
    return Assignment(_like(graph.output.target, adjoint_name(graph, graph.output.name)), _upstream(graph))


def _claim(graph: Graph, gradient: Gradient) -> Assignment:
    """A claim as an assignment. Its target is named as no quantity of a layer or of the staged steps can be."""
    weight = S.One if graph.layer.upstream is not None else _upstream(graph)
    name = f"claimed {adjoint_name(graph, name_of(gradient.of))}"
    return Assignment(_like(gradient.of, name), weight * gradient.form)


def _like(quantity: Quantity, name: str) -> Quantity:
    """Another name with the indices and the shape of `quantity`."""
    shape = shape_of(quantity)
    return tensor(name, *shape)[quantity.indices] if shape else Symbol(name)


def _assigned(name: str, staged: tuple[Assignment, ...]) -> Quantity | None:
    """The target of the step that assigns an adjoint; None for an input that is not differentiated."""
    found = [step.target for step in staged if name_of(step.target) == name]
    if len(found) > 1:
        raise DeriveError(f"{name} is assigned {len(found)} times. Assign each adjoint once.")
    return found[0] if found else None
