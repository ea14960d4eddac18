"""Reverse mode over the graph: local partial derivatives, then the adjoint of every quantity by the chain rule.

The adjoint of v is the sum, over every intermediate u that reads v directly and over u's indices, of (adjoint of u) ·
(local partial ∂u/∂v). Nothing here knows a layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr, IndexedBase, KroneckerDelta, Mul, Sum, Symbol

from derive.calculus import collapsed, differentiate, rules_used
from derive.graph import Graph, Node
from derive.indices import fresh_index, indices_of, name_of, relabel, rename_bound, with_indices
from derive.layers.layer import Assignment, Quantity

__all__ = ["Adjoint", "LocalPartial", "adjoint_of", "adjoints", "local_partials"]


@dataclass(frozen=True, slots=True)
class LocalPartial:
    """∂of/∂wrt with all other intermediates held fixed.

    `target` is its name, "∂σ²/∂x" at the indices that occur: where the derivative is δ_ij f, only the diagonal is
    named, `diagonal` is true and `value` is f. `rules` are the rules it took.
    """

    of: Quantity
    wrt: Quantity
    target: Quantity
    value: Expr
    diagonal: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adjoint:
    """∂L/∂of by the chain rule: in local partials by name (`chain`), then with their values (`value`)."""

    of: Quantity
    target: Quantity
    chain: Expr
    value: Expr
    paths: tuple[str, ...]

    @property
    def assignment(self) -> Assignment:
        return Assignment(self.target, self.value)


def named(name: str, shape: tuple[Expr, ...], indices: tuple[Expr, ...]) -> Quantity:
    """A quantity with that name: a symbol, or a tensor at its indices."""
    return IndexedBase(name, shape=shape)[indices] if indices else Symbol(name)


def adjoint_of(graph: Graph, node: Node) -> Quantity:
    """The name ∂L/∂v at v's own indices."""
    return named(f"∂{graph.layer.loss}/∂{node.name}", node.shape, node.indices)


def local_partials(graph: Graph) -> tuple[LocalPartial, ...]:
    """One for each edge of the graph into something that is differentiated, last intermediate first."""
    return tuple(
        _local_partial(node, graph.nodes[name])
        for node in reversed(graph.intermediates)
        for name in _in_order(node, graph)
        if name in _differentiated(graph)
    )


def _in_order(node: Node, graph: Graph) -> list[str]:
    """What a node reads: tensors first, then scalars in the order of the graph, inputs of its own kind last."""
    order = list(graph.nodes)
    return sorted(node.reads, key=lambda name: (not graph.nodes[name].shape, order.index(name)))


def _differentiated(graph: Graph) -> set[str]:
    """The quantities with an adjoint: inputs with a claimed gradient, or all, and every intermediate built on one."""
    claimed = {name_of(claim.of) for claim in graph.layer.gradients}
    names = claimed or {node.name for node in graph.inputs}
    for node in graph.intermediates:
        if names & set(node.reads):
            names.add(node.name)
    return names


def _local_partial(node: Node, read: Node) -> LocalPartial:
    own = node.indices
    other: list[Symbol] = []
    for index in read.indices:
        other.append(fresh_index({*own, *other, *read.indices}) if index in (*own, *other) else index)
    wrt = with_indices(read.target, tuple(other))
    value = differentiate(rename_bound(node.value, frozenset(other)), wrt)
    name = f"∂{node.name}/∂{read.name}"
    rules = rules_used(node.value, wrt)
    joined = _diagonal(value, own, tuple(other))
    if joined is None:
        target = named(name, (*node.shape, *read.shape), (*own, *other))
        return LocalPartial(
            node.target, wrt, target, relabel(value, frozenset((*own, *other))), diagonal=False, rules=rules
        )
    pairs, rest = joined
    kept = tuple(index for index in other if index not in pairs)
    shape = (*node.shape, *(size for index, size in zip(other, read.shape, strict=True) if index not in pairs))
    at = with_indices(read.target, tuple(pairs.get(index, index) for index in other))
    target = named(name, shape, (*own, *kept))
    return LocalPartial(
        node.target, at, target, relabel(rest, frozenset((*own, *kept))), diagonal=bool(pairs), rules=rules
    )


def _diagonal(
    value: Expr, own: tuple[Symbol, ...], other: tuple[Symbol, ...]
) -> tuple[dict[Symbol, Symbol], Expr] | None:
    """`value` as δ_ij… · rest, with the index that stands for each of `other`; None if a δ is not a plain factor."""
    factors = Mul.make_args(value)
    deltas = [factor for factor in factors if isinstance(factor, KroneckerDelta)]
    rest = Mul(*(factor for factor in factors if factor not in deltas))
    if rest.has(KroneckerDelta):
        return None
    pairs = {}
    for delta in deltas:
        left, right = sorted(delta.args[:2], key=lambda index: index in other)
        if left not in own or right not in other:
            return None
        pairs[right] = left
    return pairs, rest.xreplace(pairs)


def adjoints(graph: Graph, local: tuple[LocalPartial, ...]) -> tuple[Adjoint, ...]:
    """The adjoint of every quantity that has one, from the local partials.

    The output's own adjoint is the upstream gradient, under the name ∂L/∂y.
    """
    partials = {name_of(partial.target): partial for partial in local}
    wanted = _differentiated(graph)
    order = [node for node in reversed(graph.nodes.values()) if node.name in wanted and node is not graph.output]
    inputs = [node for node in graph.nodes.values() if node.name in wanted and node.value is None]
    # What the output reads directly comes first (γ, β), as in every textbook; then the intermediates, then the rest.
    early = [node for node in inputs if all(user is graph.output for user in graph.users(node.name))]
    middle = [node for node in order if node.value is not None]
    late = [node for node in inputs if node not in early]
    return tuple(_adjoint(graph, node, partials) for node in (*early, *middle, *late))


def _adjoint(graph: Graph, node: Node, partials: dict[str, LocalPartial]) -> Adjoint:
    chain, value, paths = [], [], []
    for user in reversed(graph.users(node.name)):
        partial = partials[f"∂{user.name}/∂{node.name}"]
        chain.append(_path(graph, (user, node), partial, partial.target))
        value.append(_path(graph, (user, node), partial, partial.value))
        paths.append(user.name)
    free = frozenset(node.indices)
    return Adjoint(
        node.target,
        adjoint_of(graph, node),
        relabel(Add(*chain), free),
        relabel(Add(*value), free),
        tuple(paths),
    )


def _path(graph: Graph, edge: tuple[Node, Node], partial: LocalPartial, factor: Expr) -> Expr:
    """Σ over the user's indices of (adjoint of user) · `factor`; on the diagonal the index is that of the read node."""
    user, node = edge
    joined = dict(zip(indices_of(partial.wrt), node.indices, strict=True))
    taken = frozenset(node.indices)
    moved: dict[Expr, Expr] = {}
    for index in user.indices:
        if index in joined and partial.diagonal:
            moved[index] = joined[index]
        else:
            moved[index] = fresh_index({*taken, *user.indices, *moved.values()}) if index in taken else index
    wrt = {own: index for own, index in joined.items() if own not in moved}
    adjoint = adjoint_of(graph, user).xreplace(moved) if user.indices else adjoint_of(graph, user)
    term = Mul(adjoint, rename_bound(factor, taken | frozenset(moved.values())).xreplace({**moved, **wrt}))
    bound = [
        (moved[index], 1, size)
        for index, size in zip(user.indices, user.shape, strict=True)
        if moved[index] not in joined.values()
    ]
    return collapsed(Sum(term, *bound)) if bound else term
