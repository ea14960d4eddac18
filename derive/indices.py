"""Index letters in SymPy expressions: renaming without capture, and putting values in for quantities.

SymPy's own `subs` into a `Sum` captures bound indices; everything here renames first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sympy import Expr, Indexed, Sum, Symbol

from derive.layers.layer import Assignment, Quantity

__all__ = [
    "Letters",
    "fresh_index",
    "indices_of",
    "letters_in",
    "name_of",
    "put_in",
    "relabel",
    "rename_bound",
    "with_indices",
]

LETTERS = "ijklpqrstuvwabcdefh"
Letters = Mapping[Expr, tuple[str, ...]]
"""By size, the letters that its indices are to have, the first one first."""


def name_of(quantity: Quantity) -> str:
    """The name without indices: x for x[i]."""
    return str(quantity.base.label) if isinstance(quantity, Indexed) else str(quantity.name)


def indices_of(quantity: Quantity) -> tuple[Symbol, ...]:
    return tuple(quantity.indices) if isinstance(quantity, Indexed) else ()


def with_indices(quantity: Quantity, indices: tuple[Expr, ...]) -> Quantity:
    """The same name at other indices."""
    return quantity.base[indices] if isinstance(quantity, Indexed) else quantity


def fresh_index(taken: Iterable[Expr], first: Iterable[str] = ()) -> Symbol:
    """The first letter of `first`, then of i, j, k, …, that is not taken."""
    used = {str(symbol) for symbol in taken}
    names = [*first, *LETTERS, *(f"i{number}" for number in range(len(used) + 1))]
    return Symbol(next(name for name in names if name not in used), integer=True)


def rename_bound(expr: Expr, taken: frozenset[Expr]) -> Expr:
    """`expr` with every bound index that is in `taken` given another letter."""
    if not expr.has(Sum):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(rename_bound(arg, taken) for arg in expr.args))
    body, limits = expr.function, []
    for bound, *ends in expr.limits:
        free = fresh_index(taken | body.free_symbols) if bound in taken else bound
        body = body.xreplace({bound: free})
        limits.append((free, *ends))
        taken |= {free}
    return Sum(rename_bound(body, taken), *limits)


def relabel(expr: Expr, taken: frozenset[Expr], letters: Letters = MappingProxyType({})) -> Expr:
    """Every bound index becomes the first letter that is free there, so that equal sums are equal expressions.

    `taken` holds the letters in use around `expr`: the free indices of the whole equation.
    """
    if not expr.has(Sum):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(relabel(arg, taken, letters) for arg in expr.args))
    body, limits, inner = expr.function, [], taken
    aside = {bound: Symbol(f"_{bound}", integer=True) for bound, *_ in expr.limits}
    body = relabel(body.xreplace(aside), taken | frozenset(aside.values()), letters)
    for bound, *ends in expr.limits:
        letter = fresh_index(inner | body.free_symbols, letters.get(ends[1], ()))
        body = rename_bound(body, inner | {letter}).xreplace({aside[bound]: letter})
        limits.append((letter, *ends))
        inner |= {letter}
    return Sum(body, *limits)


def letters_in(lines: Iterable[Assignment]) -> Letters:
    """The letters that a forward pass itself gives to the indices of each size, then those it gives to none."""
    found: dict[Expr, set[str]] = {}
    for line in lines:
        for part in (line.target, *line.value.atoms(Indexed)):
            for index, size in zip(indices_of(part), getattr(part, "shape", ()), strict=False):
                found.setdefault(size, set()).add(str(index))
    others = tuple(letter for letter in LETTERS if not any(letter in own for own in found.values()))
    return {size: (*sorted(own, key=lambda one: (LETTERS.find(one), one)), *others) for size, own in found.items()}


def put_in(expr: Expr, values: Mapping[str, Assignment], taken: frozenset[Expr] = frozenset()) -> Expr:
    """`expr` with each quantity named in `values` replaced by its value at the indices it has there."""
    if isinstance(expr, Symbol | Indexed):
        if name_of(expr) not in values:
            return expr
        assignment = values[name_of(expr)]
        indices = indices_of(expr)
        around = taken | frozenset().union(*(index.free_symbols for index in indices), frozenset())
        formal = dict(zip(indices_of(assignment.target), indices, strict=True))
        return rename_bound(assignment.value, around).xreplace(formal)
    if isinstance(expr, Sum):
        inner = taken | {limit[0] for limit in expr.limits}
        return Sum(put_in(expr.function, values, inner), *expr.limits)
    return expr.func(*(put_in(arg, values, taken) for arg in expr.args)) if expr.args else expr
