"""Terms written as short as factoring makes them, and how length is counted: in operations, equal parts once."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Add, Expr, Indexed, Mul, S, Sum, Symbol

from derive.terms import Term, divided, shared_factor, to_expr

__all__ = ["common_factor_out", "factors_out", "operations"]


def operations(expr: Expr, seen: set[Expr] | None = None) -> int:
    """The number of +, ·, powers and Σ in `expr`, equal parts counted once."""
    seen = set() if seen is None else seen
    if not expr.args or isinstance(expr, Indexed) or expr in seen:
        return 0
    seen.add(expr)
    if isinstance(expr, Sum):
        return 1 + operations(expr.function, seen)
    own = len(expr.args) - 1 if isinstance(expr, Add | Mul) else 1
    return own + sum(operations(arg, seen) for arg in expr.args if isinstance(arg, Expr))


def common_factor_out(parts: list[Term]) -> Expr:
    """The shortest of: a common factor taken out so that no denominator stays, or only what all share, or none."""
    return min((Mul(one.to_expr(), to_expr(rest)) for one, rest in _splits(parts)), key=operations)


def factors_out(parts: list[Term]) -> Expr:
    """Like `common_factor_out`, with factors that only some of the terms share taken out of those."""
    return min((Mul(one.to_expr(), _grouped(rest)) for one, rest in _splits(parts)), key=operations)


def _splits(parts: list[Term]) -> Iterable[tuple[Term, list[Term]]]:
    """A factor and what it leaves: with every denominator, with only what all share, nothing."""
    if len(parts) > 1:
        for one in (shared_factor(parts), shared_factor(parts, clear=False)):
            yield one, [divided(part, one) for part in parts]
    yield Term(S.One, {}), parts


def _grouped(parts: list[Term]) -> Expr:
    """The terms with the factor taken out whose group saves most, and the same again for the group and the rest."""
    best, shortest = None, operations(to_expr(parts))
    for base in _in_several(parts):
        group = [part for part in parts if part.factors.get(base, 0) > 0]
        rest = [part for part in parts if part not in group]
        shared = shared_factor(group, clear=False)
        inside = [divided(part, shared) for part in group]
        length = operations(Add(Mul(shared.to_expr(), to_expr(inside)), to_expr(rest)))
        if length < shortest:
            best, shortest = (shared, inside, rest), length
    if best is None:
        return to_expr(parts)
    shared, inside, rest = best
    return Add(Mul(shared.to_expr(), _grouped(inside)), _grouped(rest))


def _in_several(parts: list[Term]) -> list[Expr]:
    """The quantities that several terms have as a factor. Sizes and denominators are for the common factor alone."""
    counts: dict[Expr, int] = {}
    for part in parts:
        for base, exponent in part.factors.items():
            if exponent > 0 and not (isinstance(base, Symbol) and base.is_integer):
                counts[base] = counts.get(base, 0) + 1
    return [base for base, count in counts.items() if count > 1]
