"""The computation graph of a forward pass: named intermediates in order, assigned once, shapes checked.

Promises: every name is defined before its use and once, every tensor is read with as many indices as it has and each
index runs over one size only. What is built here is what `backward` differentiates; nothing is simplified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr, Indexed, IndexedBase, KroneckerDelta, S, Sum, Symbol

from derive.errors import LayerError
from derive.indices import indices_of, name_of
from derive.layers.layer import Layer, Quantity

__all__ = ["Graph", "Node", "build", "upstream_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """An input (`value` is None) or an intermediate: its target with free indices, their sizes, and what it reads."""

    target: Quantity
    value: Expr | None
    shape: tuple[Expr, ...]
    reads: tuple[str, ...]

    @property
    def name(self) -> str:
        return name_of(self.target)

    @property
    def indices(self) -> tuple[Symbol, ...]:
        return indices_of(self.target)


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes of a layer by name, inputs first, then intermediates in the order of the forward pass."""

    layer: Layer
    nodes: dict[str, Node]

    @property
    def output(self) -> Node:
        return self.nodes[name_of(self.layer.output)]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes.values() if node.value is None)

    @property
    def intermediates(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes.values() if node.value is not None)

    def users(self, name: str) -> tuple[Node, ...]:
        """The intermediates that read `name` directly, in the order of the forward pass."""
        return tuple(node for node in self.intermediates if name in node.reads)

    @property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbolic sizes, in the order they are met."""
        shapes = (size for node in self.nodes.values() for size in node.shape)
        return tuple(dict.fromkeys(size for size in shapes if isinstance(size, Symbol)))


def build(layer: Layer) -> Graph:
    """The checked graph of a layer. Raises `LayerError` naming the line that is wrong."""
    if not layer.forward:
        raise LayerError(f"{layer.name} has no forward pass. Assign at least one intermediate.")
    nodes: dict[str, Node] = {}
    for target in layer.inputs:
        _add(nodes, Node(target, None, _shape(target), ()))
    for assignment in layer.forward:
        _add(nodes, _intermediate(assignment.target, assignment.value, nodes))
    if layer.loss in nodes:
        raise LayerError(f"{layer.loss} is the loss and can't name a quantity of the layer. Choose another name.")
    graph = Graph(layer, nodes)
    _check_upstream(graph)
    _check_claims(graph)
    return graph


def upstream_of(graph: Graph) -> Expr:
    """The upstream gradient g = ∂L/∂y at the output's own indices; 1 where the output is the loss itself."""
    base = graph.layer.upstream
    if base is None:
        return S.One
    return base[graph.output.indices] if graph.output.shape else Symbol(base.label.name)


def _add(nodes: dict[str, Node], node: Node) -> None:
    if node.name in nodes:
        raise LayerError(f"{node.name} is assigned twice. Give the second one a name of its own.")
    nodes[node.name] = node


def _shape(target: Quantity) -> tuple[Expr, ...]:
    if not isinstance(target, Indexed):
        return ()
    if target.base.shape is None:
        raise LayerError(f"{target.base} has no shape. Declare it with tensor({str(target.base)!r}, size).")
    return tuple(target.base.shape)


def _intermediate(target: Quantity, value: Expr, nodes: dict[str, Node]) -> Node:
    shape = _shape(target)
    if len(set(indices_of(target))) != len(shape):
        raise LayerError(f"{target} repeats an index. Use a letter of its own for each axis.")
    ranges = dict(zip(indices_of(target), shape, strict=True))
    reads = tuple(dict.fromkeys(_reads(value, ranges, target, nodes)))
    return Node(target, value, shape, reads)


def _reads(value: Expr, ranges: dict[Symbol, Expr], target: Quantity, nodes: dict[str, Node]) -> Iterator[str]:
    """The names `value` reads, after checking each against its definition and each index against its range."""
    if isinstance(value, Sum):
        for bound, low, high in value.limits:
            if low != 1:
                raise LayerError(f"In {target} the sum over {bound} starts at {low}. Sums start at 1.")
            yield from _reads(high, ranges, target, nodes)
            ranges = {**ranges, bound: high}
        yield from _reads(value.function, ranges, target, nodes)
    elif isinstance(value, Indexed):
        _check_indices(value, ranges, target)
        yield _known(value, target, nodes)
    elif isinstance(value, IndexedBase):
        raise LayerError(f"In {target}, {value} has no index. Write {value}[i].")
    elif isinstance(value, Symbol):
        if not _is_size(value, ranges, target):
            yield _known(value, target, nodes)
    elif not isinstance(value, KroneckerDelta):
        for arg in value.args:
            yield from _reads(arg, ranges, target, nodes)


def _is_size(symbol: Symbol, ranges: dict[Symbol, Expr], target: Quantity) -> bool:
    """Whether it is a size, which may stand among numbers; an index may not."""
    if symbol in ranges or (symbol.is_integer and not symbol.is_positive):
        raise LayerError(f"In {target} the index {symbol} is used as a number. An index only says which element.")
    return bool(symbol.is_integer)


def _known(read: Quantity, target: Quantity, nodes: dict[str, Node]) -> str:
    name = name_of(read)
    if name not in nodes:
        said = f"{target} reads {name}, which is not defined before it."
        raise LayerError(f"{said} Add it to the inputs or move its line up.")
    if len(indices_of(read)) != len(nodes[name].shape):
        rank = len(nodes[name].shape)
        raise LayerError(f"{target} reads {read}, but {name} has {rank} indices. Give it as many.")
    return name


def _check_indices(read: Indexed, ranges: dict[Symbol, Expr], target: Quantity) -> None:
    for index, size in zip(read.indices, _shape(read), strict=True):
        if index not in ranges:
            said = f"In {target} the index {index} of {read} is neither an index of {target} nor summed over."
            raise LayerError(f"{said} Sum over it, or give it to {target}.")
        if ranges[index] != size:
            said = f"In {target} the index {index} runs to {ranges[index]}, but {read.base} has size {size} there."
            raise LayerError(f"{said} Use one size for both.")


def _check_upstream(graph: Graph) -> None:
    """The upstream gradient has a name of its own and the shape of the output; that of a scalar needs no shape."""
    upstream, output = graph.layer.upstream, graph.output
    if upstream is None:
        if output.shape:
            raise LayerError(
                f"{output.target} is a tensor, so it can't be the loss. Give the layer an upstream gradient."
            )
        return
    name = upstream.label.name
    if name in graph.nodes or name == graph.layer.loss:
        raise LayerError(f"{name} is the upstream gradient and can't name another quantity. Choose another name.")
    if not output.shape:
        return
    if upstream.shape is None:
        raise LayerError(f"{name} has no shape. Declare it with tensor({name!r}, size).")
    if tuple(upstream.shape) != output.shape:
        mine, its = (", ".join(map(str, shape)) for shape in (upstream.shape, output.shape))
        raise LayerError(f"The upstream gradient {name} has shape ({mine}), but {output.target} has shape ({its}).")


def _check_claims(graph: Graph) -> None:
    """Claims may read any quantity and the upstream gradient, with the indices of what they are the gradient of."""
    known = dict(graph.nodes)
    if graph.layer.upstream is not None:
        upstream = Node(upstream_of(graph), None, graph.output.shape, ())
        known[upstream.name] = upstream
    claimed: set[str] = set()
    for claim in graph.layer.gradients:
        name = name_of(claim.of)
        if name not in graph.nodes:
            said = f"A gradient is claimed for {claim.of}, which {graph.layer.name} does not have."
            raise LayerError(f"{said} Remove it, or define {claim.of}.")
        if name in claimed:
            raise LayerError(f"Two gradients are claimed for {name}. Keep one.")
        claimed.add(name)
        if claim.value is not None:
            ranges = dict(zip(indices_of(claim.of), _shape(claim.of), strict=True))
            tuple(_reads(claim.value, ranges, claim.of, known))
