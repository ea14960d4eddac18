"""The same layer with its sums multiplied out: Σ(x−μ)²/m as Σx²/m − 2μ Σx/m + μ², the form that cancels.

Promises: in exact arithmetic nothing changes, whatever the layer. In rounded arithmetic this is what not to do: the
terms are as large as the square of the data's offset, and what is left of them is lost. It shows what a program costs
that takes E[x²] − E[x]² for a variance, and whether data tells such a program from a careful one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Add, Expr, Indexed, Pow, Sum, Symbol

from derive.indices import indices_of, name_of, put_in
from derive.layers.layer import Assignment, Gradient, Layer, Quantity
from derive.terms import LARGEST_POWER, terms, to_expr

__all__ = ["multiplied_out"]

Values = Mapping[str, Assignment]
"""Elementwise intermediates by name, in terms of inputs and of intermediates that are not elementwise."""


def multiplied_out(layer: Layer) -> Layer:
    """`layer` with every sum of its forward pass and its claims a sum of monomials.

    Elementwise intermediates such as x̂ are put in first, so Σ g x̂ becomes (Σ g x − μ Σ g)/√(σ²+ε). The layer itself
    is returned where every sum is one of monomials already.
    """
    values = _elementwise(layer)
    forward = tuple(_line(one, values) for one in layer.forward)
    gradients = tuple(_claim(one, values) for one in layer.gradients)
    changed = (forward, gradients) != (layer.forward, layer.gradients)
    return replace(layer, forward=forward, gradients=gradients) if changed else layer


def _line(one: Assignment, values: Values) -> Assignment:
    return replace(one, value=_expanded(one.value, values, frozenset(indices_of(one.target))))


def _claim(one: Gradient, values: Values) -> Gradient:
    return one if one.value is None else replace(one, value=_expanded(one.value, values, frozenset(indices_of(one.of))))


def _elementwise(layer: Layer) -> Values:
    """The intermediates with one element for each element of an input or of another such: x̂_i, but not μ."""
    bases = {name_of(one) for one in layer.inputs if indices_of(one)}
    values: dict[str, Assignment] = {}
    for one in layer.forward:
        if any(name_of(read) in bases and _spans(read, one.target) for read in _read_outside_sums(one.value)):
            bases.add(name_of(one.target))
            values[name_of(one.target)] = replace(one, value=put_in(one.value, values))
    return values


def _spans(read: Quantity, target: Quantity) -> bool:
    return bool(indices_of(target)) and set(indices_of(target)) <= set(indices_of(read))


def _read_outside_sums(expr: Expr) -> set[Quantity]:
    if isinstance(expr, Symbol | Indexed):
        return {expr}
    return set() if isinstance(expr, Sum) else set[Quantity]().union(*map(_read_outside_sums, expr.args))


def _expanded(expr: Expr, values: Values, taken: frozenset[Expr]) -> Expr:
    """`expr` with each Σ of brackets written as several Σ; a Σ of one monomial stays as it is stated."""
    if not expr.has(Sum):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(_expanded(arg, values, taken) for arg in expr.args))
    inner = taken | {bound for bound, *_ in expr.limits}
    inside = Sum(_expanded(expr.function, values, inner), *expr.limits)
    whole = put_in(inside, values, taken)
    if any(power.exp.is_number and power.exp > LARGEST_POWER for power in whole.atoms(Pow) if power.base.has(Add)):
        return inside
    parts = terms(whole, lambda _: False, taken)
    return to_expr(parts) if len(parts) > 1 else inside
