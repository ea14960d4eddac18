"""A forward pass in the form in which it is to be computed: equal to the stated one, and safe in rounded arithmetic.

Promises: every change is one that the kernel has proved. A variance that is stated as a difference of means,
E[x²] − E[x]², becomes the mean of squared deviations; a long sum behind a variance is corrected for what rounding takes
from it; exponentials that only enter as ratios are divided by the largest of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from sympy import Expr, Indexed, IndexedBase, Mul, Pow, Sum, Symbol, exp

from derive.derivation import Derivation
from derive.emit.flat import sizes_of
from derive.graph import Graph, Node
from derive.indices import indices_of, name_of, put_in, with_indices
from derive.kernel import Proved
from derive.layers.layer import Assignment, Layer, Quantity, tensor

__all__ = ["DRIFT", "GUESS", "Shift", "centred", "corrected", "shifts"]

GUESS, DRIFT = "guess", "drift"
"""A first value of a mean, and what it is off by."""

Shift = tuple[str, frozenset[Expr]]
"""The name of an exponential, and the sizes over which its largest element is taken."""


def centred(derivation: Derivation) -> Layer:
    """The layer with each variance in two passes: Σ (x − μ)², whatever it was stated as."""
    forward = tuple(replace(line, value=_two_pass(line, derivation)) for line in derivation.layer.forward)
    return replace(derivation.layer, forward=forward)


def _two_pass(line: Assignment, derivation: Derivation) -> Expr:
    """The value of a line that is a difference as a multiple of a sum of squared deviations, if it is one."""
    if not any(_is_negative(term) for term in line.value.args if line.value.is_Add):
        return line.value
    for candidate in _sums_of_squares(line, derivation.graph):
        if isinstance(derivation.kernel.decide(line.target, candidate), Proved):
            return candidate
    return line.value


def _is_negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _sums_of_squares(line: Assignment, graph: Graph) -> Iterator[Expr]:
    """Squared deviations from each mean before the line: their mean, their sum over count − 1, their sum."""
    for node in graph.intermediates:
        if node.name == name_of(line.target):
            return
        for total, count in _means(node, graph) if node.shape == sizes_of(line.target) else ():
            squares = Sum((total.function - node.target) ** 2, *total.limits)
            deviations = {node.name: Assignment(node.target, squares)}
            here = put_in(with_indices(node.target, indices_of(line.target)), deviations)
            yield from (here / count, here / (count - 1), here)


def _means(node: Node, graph: Graph) -> Iterator[tuple[Sum, Expr]]:
    """The node as (1/count) Σ of a quantity, also where it is a mean of sums."""
    value = put_in(node.value, {one.name: Assignment(one.target, one.value) for one in _sums(graph)})
    sums = [part for part in Mul.make_args(value) if isinstance(part, Sum)]
    rest = Mul(*(part for part in Mul.make_args(value) if part not in sums))
    if len(sums) == 1:
        total = _merged(sums[0])
        count = Mul(*(high for _, _, high in total.limits))
        if rest * count == 1 and isinstance(total.function, Symbol | Indexed):
            yield total, count


def _sums(graph: Graph) -> Iterator[Node]:
    """Intermediates that are plain sums, such as one worker's."""
    return (node for node in graph.intermediates if isinstance(node.value, Sum))


def _merged(total: Sum) -> Sum:
    """Σ_j Σ_k as one Σ over both."""
    inner = total.function
    return _merged(Sum(inner.function, *inner.limits, *total.limits)) if isinstance(inner, Sum) else total


def corrected(layer: Layer, derivation: Derivation, axis: Expr) -> Layer:
    """The layer with each variance that is summed over an axis from deviations from a first value of the mean.

    σ² = (1/m) Σ (x − a)² − δ² and μ = a + δ with δ = (1/m) Σ (x − a), which holds for any a. With the rounded mean for
    a, δ is what the rounding took: the corrected two-pass algorithm of T. F. Chan, G. H. Golub and R. J. LeVeque, 1983.
    """
    forward = list(layer.forward)
    for line in layer.forward:
        for mean, lines in _corrections(line, axis, derivation):
            at = next(number for number, one in enumerate(forward) if one.target == mean.target)
            forward[at : at + 1] = lines[:-1]
            forward[forward.index(line)] = lines[-1]
    return replace(layer, forward=tuple(forward))


def _corrections(line: Assignment, axis: Expr, derivation: Derivation) -> Iterator[tuple[Assignment, list[Assignment]]]:
    """For a variance over the axis: the line of its mean, and the lines that take the place of both."""
    factor, total = _factor_and_sum(line.value)
    if total is None or axis not in {limit[2] for limit in total.limits} or not _is_square(total.function):
        return
    deviation = total.function.base
    for mean in derivation.layer.forward:
        data = deviation + mean.target
        if not isinstance(data, Symbol | Indexed) or sizes_of(mean.target) != sizes_of(line.target):
            continue
        guess, drift = (_named_like(mean.target, name) for name in (GUESS, DRIFT))
        count = Mul(*(high for _, _, high in total.limits))
        lost = Sum(data - guess, *total.limits) / count
        variance = factor * (Sum((data - guess) ** 2, *total.limits) - count * drift**2)
        whole = put_in(variance, {name_of(drift): Assignment(drift, lost)}, frozenset(indices_of(line.target)))
        if isinstance(derivation.kernel.decide(line.target, whole), Proved):
            made = [(guess, mean.value), (drift, lost), (mean.target, guess + drift), (line.target, variance)]
            yield mean, [Assignment(*pair) for pair in made]


def _factor_and_sum(value: Expr) -> tuple[Expr, Sum | None]:
    sums = [part for part in Mul.make_args(value) if isinstance(part, Sum)]
    rest = Mul(*(part for part in Mul.make_args(value) if part not in sums))
    return rest, sums[0] if len(sums) == 1 else None


def _is_square(value: Expr) -> bool:
    return isinstance(value, Pow) and value.exp == 2 and value.base.is_Add


def _named_like(quantity: Quantity, name: str) -> Quantity:
    return tensor(name, *sizes_of(quantity))[indices_of(quantity)] if sizes_of(quantity) else Symbol(name)


def shifts(derivation: Derivation, needed: Collection[str]) -> tuple[Shift, ...]:
    """The exponentials that may be divided by any positive number, the same along the axes they are summed over.

    `needed` are the intermediates that must not change. That the output does not is proved by the kernel.
    """
    found = []
    for node in derivation.graph.intermediates:
        sizes = _summed_over(node, derivation.graph)
        if isinstance(node.value, exp) and sizes and not _changed(node, sizes, derivation) & set(needed):
            found.append((node.name, sizes))
    return tuple(found)


def _summed_over(node: Node, graph: Graph) -> frozenset[Expr]:
    """The sizes of a node's own axes that later sums over it run over."""
    sums = {total for user in graph.users(node.name) for total in (user.value or node.target).atoms(Sum)}
    sizes = {limit[2] for total in sums if _reads(total, node) for limit in total.limits}
    return frozenset(sizes) & frozenset(node.shape)


def _reads(total: Sum, node: Node) -> bool:
    return any(name_of(one) == node.name for one in total.function.atoms(Indexed, Symbol) if not _is_base(one))


def _is_base(one: Expr) -> bool:
    return not isinstance(one, Indexed | Symbol) or isinstance(one, IndexedBase)


def _changed(node: Node, sizes: frozenset[Expr], derivation: Derivation) -> set[str]:
    """The intermediates, the node but for, that change when the node is multiplied by a factor."""
    values: dict[str, Assignment] = {node.name: Assignment(node.target, _factor(node, sizes) * node.value)}
    changed: set[str] = set()
    for line in derivation.layer.forward:
        name = name_of(line.target)
        if name == node.name or not _touched(line.value, values):
            continue
        scaled = put_in(line.value, values)
        if not isinstance(derivation.kernel.decide(line.target, scaled), Proved):
            values[name] = Assignment(line.target, scaled)
            changed.add(name)
    return changed | {node.name}


def _touched(value: Expr, values: Mapping[str, Assignment]) -> bool:
    return any(name_of(one) in values for one in value.atoms(Indexed, Symbol))


def _factor(node: Node, sizes: frozenset[Expr]) -> Quantity:
    """A factor with one element for each element of the node along the other axes."""
    kept = [(letter, size) for letter, size in zip(node.indices, node.shape, strict=True) if size not in sizes]
    name = "κ"
    if not kept:
        return Symbol(name, positive=True)
    return tensor(name, *(size for _, size in kept))[tuple(letter for letter, _ in kept)]
