"""An expression as a sum of terms, each a number times powers of bases: the form in which short forms are looked for.

A base is a symbol, an indexed quantity, a sum Σ, an exponential, or a bracket of the forward pass that is kept whole
(x_i − μ, σ² + ε). Products of other brackets are multiplied out, factors that do not depend on the index are taken out
of a Σ, and a Σ of several terms becomes several Σ. This only rearranges: whether the result is equal is the kernel's
to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Mul, Pow, Rational, S, Sum, Symbol, ceiling
from sympy.core.numbers import igcd, ilcm

from derive.indices import relabel

__all__ = ["Term", "gathered", "is_count", "is_size", "multiplied_out", "product", "shared_factor", "terms", "to_expr"]

Factors = Mapping[Expr, Rational]
LARGEST_POWER = 8
Keep = Callable[[Expr], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient` · Π base^exponent."""

    coefficient: Rational
    factors: Factors

    def times(self, other: Term) -> Term:
        exponents = dict(self.factors)
        for base, exponent in other.factors.items():
            exponents[base] = exponents.get(base, S.Zero) + exponent
        kept = {base: exponent for base, exponent in exponents.items() if exponent != 0}
        return Term(self.coefficient * other.coefficient, kept)

    def power(self, exponent: Rational) -> Term:
        """Its power; a number in front takes an integer."""
        return Term(self.coefficient**exponent, {base: e * exponent for base, e in self.factors.items()})

    def to_expr(self) -> Expr:
        return Mul(self.coefficient, *(Pow(base, exponent) for base, exponent in self.factors.items()))


def terms(expr: Expr, keep: Keep, taken: frozenset[Expr] = frozenset()) -> list[Term]:
    """`expr` as terms; brackets for which `keep` holds stay whole. `taken` are the free index letters around it."""
    if isinstance(expr, Rational):
        return [Term(expr, {})] if expr != 0 else []
    if isinstance(expr, Add) and not keep(expr):
        return gathered(term for arg in expr.args for term in terms(arg, keep, taken))
    if isinstance(expr, Mul):
        return product([terms(arg, keep, taken) for arg in expr.args])
    if isinstance(expr, Pow):
        return _power(expr, keep, taken)
    if isinstance(expr, Sum):
        return _sum(expr, keep, taken)
    return [Term(S.One, {expr: S.One})]


def product(parts: list[list[Term]]) -> list[Term]:
    """The product of sums of terms, multiplied out."""
    result = [Term(S.One, {})]
    for part in parts:
        result = [one.times(other) for one in result for other in part]
        result = gathered(result) if len(part) > 1 else result
    return result


def _power(expr: Pow, keep: Keep, taken: frozenset[Expr]) -> list[Term]:
    if not isinstance(expr.exp, Rational):
        return [Term(S.One, {expr: S.One})]
    inner = terms(expr.base, keep, taken)
    whole = isinstance(expr.exp, Integer)
    if whole and expr.exp > 0:
        return product([inner] * int(expr.exp))
    if whole and len(inner) == 1:
        return [inner[0].power(expr.exp)]
    return [Term(S.One, {expr.base: expr.exp})]


def _sum(expr: Sum, keep: Keep, taken: frozenset[Expr]) -> list[Term]:
    """Σ of each term of the body, with what does not depend on the index in front."""
    result = terms(expr.function, keep, taken | {limit[0] for limit in expr.limits})
    for bound, low, high in expr.limits:
        result = [_summed(term, bound, (low, high), taken) for term in result]
    return gathered(result)


def _summed(term: Term, bound: Symbol, ends: tuple[Expr, Expr], taken: frozenset[Expr]) -> Term:
    """Σ of one term. What leaves the sum is relabelled: the bound letter no longer counts as taken there."""
    inside = {base: exponent for base, exponent in term.factors.items() if bound in base.free_symbols}
    outside = Term(term.coefficient, {})
    for base, exponent in term.factors.items():
        if base not in inside:
            outside = outside.times(Term(S.One, {relabel(base, taken): exponent}))
    if not inside:
        return outside.times(Term(S.One, {ends[1]: S.One}))
    body = Mul(*(Pow(base, exponent) for base, exponent in inside.items()))
    return outside.times(Term(S.One, {relabel(Sum(body, (bound, *ends)), taken): S.One}))


def multiplied_out(parts: list[Term], taken: frozenset[Expr]) -> list[Term]:
    """`parts` with no bracket kept that can be multiplied out; `parts` itself if there is none.

    That includes half of one where another term divides by the other half: √(σ²+ε) beside 1/√(σ²+ε).
    """
    powers = [power for part in parts for base, power in part.factors.items() if power > 0 and base.has(Add)]
    if not powers or max(powers) > LARGEST_POWER:
        return parts
    whole = terms(to_expr(parts), lambda _: False, taken)
    lowest = {base: S.Zero for part in whole for base in part.factors if isinstance(base, Add)}
    for part in whole:
        lowest |= {base: min(lowest[base], power) for base, power in part.factors.items() if base in lowest}
    result = [term for part in whole for term in _halves_apart(part, lowest, taken)]
    return parts if to_expr(result) == to_expr(parts) else gathered(result)


def _halves_apart(part: Term, lowest: Factors, taken: frozenset[Expr]) -> list[Term]:
    for base, power in part.factors.items():
        if base in lowest and power > 0 and lowest[base] <= power - ceiling(power):
            rest = part.times(Term(S.One, {base: -ceiling(power)}))
            return product([[rest], terms(base ** ceiling(power), lambda _: False, taken)])
    return [part]


def gathered(parts: Iterable[Term]) -> list[Term]:
    """Equal terms added up, in the order they first come."""
    found: dict[frozenset[tuple[Expr, Rational]], Term] = {}
    for term in parts:
        key = frozenset(term.factors.items())
        before = found.get(key)
        found[key] = term if before is None else Term(before.coefficient + term.coefficient, before.factors)
    return [term for term in found.values() if term.coefficient != 0]


def shared_factor(parts: list[Term], *, clear: bool = True) -> Term:
    """The largest term that divides every one of `parts`: lowest powers, and the common part of the numbers.

    With `clear` it takes every denominator along: 1/z² from a/z + b/z². Without, only what all have: 1/z.
    """
    bases = {base: None for term in parts for base in term.factors}
    lowest = {base: _shared_power([term.factors.get(base, S.Zero) for term in parts], clear=clear) for base in bases}
    tops, bottoms = zip(*((abs(term.coefficient.p), term.coefficient.q) for term in parts), strict=True)
    number = Rational(igcd(*tops, 0), ilcm(*bottoms, 1))
    if all(term.coefficient < 0 for term in parts):
        number = -number
    return Term(number, {base: exponent for base, exponent in lowest.items() if exponent != 0})


def _shared_power(exponents: list[Rational], *, clear: bool) -> Rational:
    if not clear and all(exponent < 0 for exponent in exponents):
        return max(exponents)
    return min(exponents) if clear or all(exponent > 0 for exponent in exponents) else S.Zero


def divided(term: Term, by: Term) -> Term:
    inverse = Term(1 / by.coefficient, {base: -exponent for base, exponent in by.factors.items()})
    return term.times(inverse)


def to_expr(parts: Iterable[Term]) -> Expr:
    return Add(*(term.to_expr() for term in parts))


def is_size(expr: Expr) -> bool:
    return isinstance(expr, Symbol) and bool(expr.is_integer)


def is_count(expr: Expr) -> bool:
    """Whether it is made of sizes alone, such as m − 1, which unlike a size can be 0."""
    return is_size(expr) or (bool(expr.free_symbols) and all(map(is_size, expr.free_symbols)))
