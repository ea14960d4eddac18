"""Local derivatives of SymPy expressions over indexed symbols: one rule a node kind, sums collapsed over their δ.

SymPy's `diff` of a `Sum` captures the bound index, so sums and indices are differentiated here. The kernel has a
calculus of its own (`derive.kernel.total`) and shares nothing with this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sympy import (
    Abs,
    Add,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Number,
    Pow,
    Rational,
    S,
    Sum,
    Symbol,
    cos,
    erf,
    exp,
    log,
    pi,
    sign,
    sin,
    sqrt,
    tanh,
)

from derive.errors import LayerError
from derive.indices import indices_of, name_of, rename_bound
from derive.layers.layer import Quantity

__all__ = ["RULES", "Rule", "collapsed", "differentiate", "rules_used", "without_max"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a node is differentiated: `of(node, wrt)` is ∂node/∂wrt."""

    name: str
    of: Callable[[Expr, Quantity], Expr]


def differentiate(expr: Expr, wrt: Quantity) -> Expr:
    """∂expr/∂wrt with every other quantity held fixed. Indices of `wrt` are free in the result.

    Raises `LayerError` for a function that has no rule.
    """
    if not _reads(expr, wrt):
        return S.Zero
    return _rule(expr).of(expr, wrt)


def rules_used(expr: Expr, wrt: Quantity) -> tuple[str, ...]:
    """The names of the rules that ∂expr/∂wrt takes, outermost first, each once."""
    return tuple(dict.fromkeys(_rule_names(expr, wrt)))


def _rule_names(expr: Expr, wrt: Quantity) -> Iterator[str]:
    if not _reads(expr, wrt):
        return
    if isinstance(expr, Symbol | Indexed):
        return
    readers = [arg for arg in expr.args if isinstance(arg, Expr) and _reads(arg, wrt)]
    yield "constant factor" if isinstance(expr, Mul) and len(readers) == 1 else _rule(expr).name
    for arg in readers:
        yield from _rule_names(arg, wrt)


def _reads(expr: Expr, wrt: Quantity) -> bool:
    if isinstance(expr, Symbol | Indexed):
        return name_of(expr) == name_of(wrt)
    return any(_reads(arg, wrt) for arg in expr.args if isinstance(arg, Expr))


def _rule(expr: Expr) -> Rule:
    for kind, rule in RULES.items():
        if isinstance(expr, kind):
            return rule
    name = type(expr).__name__
    raise LayerError(
        f"There is no derivative rule for {name}. Write it with +, ·, powers, Σ, exp, log, |x|, max and tanh."
    )


# --- the rules ---------------------------------------------------------------------------------------------------


def _quantity(expr: Expr, wrt: Quantity) -> Expr:
    """∂x_i/∂x_j = δ_ij."""
    pairs = zip(indices_of(expr), indices_of(wrt), strict=True)
    return Mul(*(KroneckerDelta(own, other) for own, other in pairs))


def _sum_of_terms(expr: Add, wrt: Quantity) -> Expr:
    return Add(*(differentiate(arg, wrt) for arg in expr.args if _reads(arg, wrt)))


def _product(expr: Mul, wrt: Quantity) -> Expr:
    args = expr.args
    reading = [k for k, arg in enumerate(args) if _reads(arg, wrt)]
    return Add(*(Mul(*args[:k], differentiate(args[k], wrt), *args[k + 1 :]) for k in reading))


def _power(expr: Pow, wrt: Quantity) -> Expr:
    """∂E^p = p E^(p−1) ∂E for a number p."""
    if not isinstance(expr.exp, Number):
        raise LayerError(f"There is no derivative rule for the power {expr}. Exponents have to be numbers.")
    return Mul(expr.exp, Pow(expr.base, expr.exp - 1), differentiate(expr.base, wrt))


def _exponential(expr: exp, wrt: Quantity) -> Expr:
    return Mul(expr, differentiate(expr.args[0], wrt))


def _logarithm(expr: log, wrt: Quantity) -> Expr:
    return Mul(Pow(expr.args[0], Integer(-1)), differentiate(expr.args[0], wrt))


def _function(slope: Callable[[Expr], Expr]) -> Callable[[Expr, Quantity], Expr]:
    """∂f(E) = f′(E) ∂E."""

    def of(expr: Expr, wrt: Quantity) -> Expr:
        (inside,) = expr.args
        return Mul(slope(inside), differentiate(inside, wrt))

    return of


def _step(expr: sign, wrt: Quantity) -> Expr:
    """0 wherever it has a derivative."""
    del expr, wrt
    return S.Zero


def _largest(expr: Max | Min, wrt: Quantity) -> Expr:
    """∂max(a, b) = (1 + sign(a − b))/2 ∂a + (1 + sign(b − a))/2 ∂b: the larger's, or half of each."""
    turned = S.NegativeOne if isinstance(expr, Min) else S.One
    parts = []
    for place, arg in enumerate(expr.args):
        others = expr.func(*expr.args[:place], *expr.args[place + 1 :])
        chosen = Mul(Rational(1, 2), Add(S.One, Mul(turned, sign(Add(arg, Mul(S.NegativeOne, others))))))
        parts.append(Mul(chosen, differentiate(arg, wrt)))
    return Add(*parts)


def _big_sum(expr: Sum, wrt: Quantity) -> Expr:
    """The derivative of each summand, then Σ_j δ_ij f_j = f_i."""
    safe = rename_bound(expr, frozenset(indices_of(wrt)))
    return collapsed(Sum(differentiate(safe.function, wrt), *safe.limits))


RULES: dict[type, Rule] = {
    Indexed: Rule("∂x_i/∂x_j = δ_ij", _quantity),
    Symbol: Rule("∂v/∂v = 1", _quantity),
    Add: Rule("sum rule", _sum_of_terms),
    Mul: Rule("product rule", _product),
    exp: Rule("exponential rule", _exponential),
    log: Rule("logarithm rule", _logarithm),
    Pow: Rule("power rule", _power),
    Abs: Rule("∂|x| = sign(x)", _function(sign)),
    sign: Rule("sign(x) is constant", _step),
    Max: Rule("∂max is that of the larger", _largest),
    Min: Rule("∂min is that of the smaller", _largest),
    tanh: Rule("∂tanh = 1 − tanh²", _function(lambda inside: 1 - tanh(inside) ** 2)),
    erf: Rule("∂erf(x) = 2/√π e^(−x²)", _function(lambda inside: 2 / sqrt(pi) * exp(-(inside**2)))),
    sin: Rule("∂sin = cos", _function(cos)),
    cos: Rule("∂cos = −sin", _function(lambda inside: -sin(inside))),
    Sum: Rule("derivative inside Σ", _big_sum),
}


def without_max(expr: Max | Min) -> Expr:
    """max(a, b) = (a + b + |a − b|)/2 and min(a, b) = (a + b − |a − b|)/2, for routes that know neither."""
    first, *others = expr.args
    for other in others:
        apart = Abs(Add(first, Mul(S.NegativeOne, other)))
        apart = Mul(S.NegativeOne, apart) if isinstance(expr, Min) else apart
        first = Mul(Rational(1, 2), Add(first, other, apart))
    return first


# --- sums --------------------------------------------------------------------------------------------------------


def collapsed(expr: Sum) -> Expr:
    """Σ over its indices with Σ_j δ_ij f_j = f_i applied and factors without the index taken out."""
    body = expr.function
    for bound, _, size in expr.limits:
        body = Add(*(_one(term, bound, size) for term in _exposed(body, bound)))
    return body


def _one(term: Expr, bound: Symbol, size: Expr) -> Expr:
    """Σ over `bound` of a term in which any δ with `bound` is a factor of its own."""
    factors = Mul.make_args(term)
    for factor in factors:
        if isinstance(factor, KroneckerDelta) and bound in factor.free_symbols:
            (other,) = (index for index in factor.args[:2] if index != bound)
            rest = Mul(*(kept for kept in factors if kept is not factor))
            return rename_bound(rest, frozenset({other})).xreplace({bound: other})
    outside = [factor for factor in factors if bound not in factor.free_symbols]
    inside = [factor for factor in factors if bound in factor.free_symbols]
    return Mul(*outside, Sum(Mul(*inside), (bound, 1, size)) if inside else size)


def _exposed(expr: Expr, bound: Symbol) -> list[Expr]:
    """`expr` as terms, multiplied out only as far as needed to make every δ with `bound` a factor of its term."""
    if isinstance(expr, Add) and _hides(expr, bound):
        return [term for arg in expr.args for term in _exposed(arg, bound)]
    if isinstance(expr, Mul):
        for position, factor in enumerate(expr.args):
            if isinstance(factor, Add) and _hides(factor, bound):
                others = (*expr.args[:position], *expr.args[position + 1 :])
                return [whole for term in factor.args for whole in _exposed(Mul(term, *others), bound)]
    return [expr]


def _hides(expr: Expr, bound: Symbol) -> bool:
    return any(bound in delta.free_symbols for delta in expr.atoms(KroneckerDelta))
