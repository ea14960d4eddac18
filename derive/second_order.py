"""The backward pass of a layer as a layer of its own: what double backward returns is derived like any gradient.

Its inputs are those of the layer, the upstream gradient g, and for each gradient of the layer the incoming gradient of
the second order, u_i = ∂Q/∂(∂L/∂x_i). Its forward pass is the layer's own as far as it is read, the sums of the closed
forms under names of their own, the gradients dx, dγ, … themselves, and the number Q₁ = Σ u dx + v dγ + …. Q may be any
function of the gradients: only its derivatives u, v, … enter, so Q₁ stands for it as Σ g y stands for L.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sympy import Add, Expr, Indexed, Mul, S, Sum, Symbol, preorder_traversal
from sympy.core.parameters import distribute

from derive.backward import adjoint_of, named
from derive.closed_form import operations
from derive.derivation import Derivation, quantities
from derive.graph import Graph, upstream_of
from derive.indices import indices_of, name_of, relabel
from derive.layers.layer import Assignment, Gradient, Layer, Quantity
from derive.terms import Term, divided, gathered, shared_factor, terms, to_expr

__all__ = ["second_order"]

LOSSES, INCOMING, SUMS = "QRTUVW", "uvwz", "ABCEFGHKMNPRTUVW"
BAR, FIRST = "\u0304", "₁"


def second_order(first: Derivation) -> Layer:
    """The layer of a derived layer's backward pass. Its gradients are stated as far as that layer states them.

    The backward pass is that of the closed forms: the caller has to see that these are proved.
    """
    with distribute(False):  # noqa: FBT003 -- SymPy's own signature
        return _Backward(first).layer()


@dataclass(slots=True)
class _Names:
    """The names that are taken."""

    taken: set[str]

    def free(self, wishes: Iterable[str]) -> str:
        """The first wish that is free; after the last one, it with primes."""
        for wish in _with_primes(wishes):
            if wish not in self.taken:
                self.taken.add(wish)
                return wish
        raise AssertionError


def _with_primes(wishes: Iterable[str]) -> Iterator[str]:
    wish = ""
    for wish in wishes:
        yield wish
    while True:
        wish += "′"
        yield wish


@dataclass(slots=True)
class _Backward:
    """One layer's backward pass, put together as a layer."""

    derivation: Derivation
    names: _Names = field(init=False)

    def __post_init__(self) -> None:
        graph = self.derivation.graph
        upstream = upstream_of(graph)
        letters = {str(letter) for assignment in graph.layer.forward for letter in assignment.value.atoms(Symbol)}
        stated = graph.layer.second_order
        incoming = {name_of(one) for one in stated.incoming} if stated else set()
        self.names = _Names({*graph.nodes, *letters, graph.layer.loss, name_of(upstream), *incoming})

    def layer(self) -> Layer:
        own, graph = self.derivation.layer, self.derivation.graph
        claims = self.derivation.claims
        sums, forms = self._named_sums([(claim.of, claim.form) for claim in claims])
        gradients = [
            Assignment(_like(claim.of, self.names.free([f"d{name_of(claim.of)}"])), form)
            for claim, form in zip(claims, forms, strict=True)
        ]
        incoming = own.second_order.incoming if own.second_order else self._incoming(gradients)
        loss = self.names.free(LOSSES)
        output = Assignment(Symbol(self.names.free([loss + FIRST])), _paired(gradients, incoming))
        forward = _read((*own.forward, *sums, *gradients, output))
        given = (*own.inputs, upstream_of(graph), *incoming)
        read = {name_of(q) for line in forward for q in quantities(line.value)}
        inputs = tuple(one for one in given if name_of(one) in read)
        return Layer(
            name=f"{own.name}-second-order",
            title=f"{own.title}, second order",
            inputs=inputs,
            forward=forward,
            upstream=None,
            gradients=self._wanted({name_of(one) for one in inputs}),
            source=own.second_order.source if own.second_order else "",
            loss=loss,
            meanings=(
                Assignment(upstream_of(graph), adjoint_of(graph, graph.output)),
                *(
                    Assignment(one.target, adjoint_of(graph, graph.nodes[name_of(claim.of)]))
                    for one, claim in zip(gradients, claims, strict=True)
                ),
            ),
            assumptions=tuple(one for one in own.assumptions if name_of(one.of) in read),
        )

    def _named_sums(self, formulas: list[tuple[Quantity, Expr]]) -> tuple[list[Assignment], list[Expr]]:
        """The sums as intermediates and the formulas in terms of them: means where these make shorter formulas."""
        tried = [_Sums(self.derivation.graph, _Names(set(self.names.taken)), averaged=mean) for mean in (True, False)]
        forms = [sums.named(formulas) for sums in tried]
        best = min((0, 1), key=lambda one: sum(map(operations, forms[one])))
        self.names = tried[best].names
        return tried[best].assignments, forms[best]

    def _incoming(self, gradients: list[Assignment]) -> tuple[Quantity, ...]:
        """A name for the gradient of Q by each gradient; the one with the most indices comes first in the alphabet."""
        ranked = sorted(gradients, key=lambda one: -len(indices_of(one.target)))
        made = {one.target: _like(one.target, self.names.free(INCOMING)) for one in ranked}
        return tuple(made[one.target] for one in gradients)

    def _wanted(self, read: set[str]) -> tuple[Gradient, ...]:
        """The gradients asked for: by the upstream gradient, and by what the layer is differentiated by."""
        own, graph = self.derivation.layer, self.derivation.graph
        if own.second_order:
            return own.second_order.gradients
        asked = (upstream_of(graph), *(claim.of for claim in own.gradients))
        return tuple(Gradient(one) for one in asked if name_of(one) in read)


def _like(quantity: Quantity, name: str) -> Quantity:
    """Another name with the indices and the shape of `quantity`."""
    return named(name, _shape(quantity), indices_of(quantity))


def _paired(gradients: list[Assignment], incoming: tuple[Quantity, ...]) -> Expr:
    """The sum of u_i dx_i over all elements of all gradients."""
    return Add(*(_total(one.target, Mul(u, one.target)) for one, u in zip(gradients, incoming, strict=True)))


def _total(over: Quantity, term: Expr) -> Expr:
    limits = [(index, 1, size) for index, size in zip(indices_of(over), _shape(over), strict=True)]
    return Sum(term, *limits) if limits else term


def _read(forward: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
    """The lines that the last one reads, directly or through others."""
    needed = {name_of(forward[-1].target)}
    for line in reversed(forward):
        if name_of(line.target) in needed:
            needed |= {name_of(q) for q in quantities(line.value)}
    return tuple(line for line in forward if name_of(line.target) in needed)


# --- the sums of the closed forms --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sums:
    """The sums of some formulas as intermediates: A, B, …, and ḡ for the mean of g_i. All are means, or none is."""

    graph: Graph
    names: _Names
    averaged: bool
    assignments: list[Assignment] = field(default_factory=list)
    _values: dict[Expr, Term] = field(default_factory=dict)

    def named(self, formulas: list[tuple[Quantity, Expr]]) -> list[Expr]:
        """The formulas, each for a quantity, with their sums by name. A formula that is one sum alone stays so."""
        spread = [(of, terms(value, self._whole, frozenset(indices_of(of)))) for of, value in formulas]
        for of, parts in spread:
            if not (len(parts) == 1 and _is_sum(parts[0])):
                for base in _sums_in(parts):
                    self._name(base, of)
        return [_short([self._put_in(part) for part in parts]) for _, parts in spread]

    def _whole(self, bracket: Expr) -> bool:
        """Whether a bracket is one of the forward pass alone, such as σ² + ε."""
        names = {name_of(q) for q in quantities(bracket)}
        return not bracket.has(Sum) and name_of(upstream_of(self.graph)) not in names

    def _name(self, total: Sum, of: Quantity) -> None:
        key = _key(total)
        if key in self._values:
            return
        sizes = dict(zip(indices_of(of), _shape(of), strict=True))
        free = tuple(index for index in sizes if index in total.free_symbols)
        body, barred = total.function, self.averaged and _can_wear_a_bar(total.function)
        wishes = [unicodedata.normalize("NFC", f"{name_of(body)}{BAR}")] if barred else []
        target = named(self.names.free([*wishes, *SUMS]), tuple(sizes[index] for index in free), free)
        limits = [limit for part in preorder_traversal(total) if isinstance(part, Sum) for limit in part.limits]
        count = Mul(*(high for _, _, high in limits)) if self.averaged else S.One
        self.assignments.append(Assignment(target, total / count))
        self._values[key] = Term(S.One, {**_powers(count), target: S.One})

    def _put_in(self, part: Term) -> Term:
        whole = Term(part.coefficient, {})
        for base, exponent in part.factors.items():
            value = self._values.get(_key(base)) if isinstance(base, Sum) and exponent == 1 else None
            whole = whole.times(Term(S.One, {base: exponent}) if value is None else value)
        return whole


def _powers(count: Expr) -> dict[Expr, Expr]:
    return dict(one.as_base_exp() for one in Mul.make_args(count) if one != 1)


def _shape(quantity: Quantity) -> tuple[Expr, ...]:
    return tuple(quantity.base.shape) if isinstance(quantity, Indexed) else ()


def _key(total: Expr) -> Expr:
    """Equal for sums that differ in their bound letters only."""
    return relabel(total, frozenset(total.free_symbols))


def _is_sum(term: Term) -> bool:
    return term.coefficient == 1 and all(isinstance(base, Sum) for base in term.factors) and len(term.factors) == 1


def _sums_in(parts: list[Term]) -> Iterator[Sum]:
    for part in parts:
        yield from (base for base, exponent in part.factors.items() if isinstance(base, Sum) and exponent == 1)


def _can_wear_a_bar(body: Expr) -> bool:
    return isinstance(body, Indexed) and len(name_of(body)) == 1


def _short(parts: list[Term]) -> Expr:
    """The sum of the terms with the factor they share taken out."""
    found = gathered(parts)
    if len(found) < 2:
        return to_expr(found)
    shared = shared_factor(found, clear=False)
    return Mul(shared.to_expr(), to_expr(divided(part, shared) for part in found))
