"""The kernel's own derivative: taken on the normal form, without a graph and without a chain through intermediates.

Product rule on monomials, δ for indices, a generator through its relation r^q = E. This is the second way of design
4.4; `derive.backward` shares none of it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from derive.kernel import polynomial as pl
from derive.kernel.language import Partial, Unsupported, name_of
from derive.kernel.polynomial import Atom, Key, Poly

if TYPE_CHECKING:
    from derive.kernel.scope import Env, Opaque, Scope


def derivative(scope: Scope, expr: Partial, env: Env, opaque: Opaque) -> Poly:
    """∂of/∂wrt in normal form: differentiated with `wrt` and the held names opaque, then written out in full."""
    if getattr(expr.wrt, "is_integer", False) and not expr.wrt.args[1:]:
        raise Unsupported(f"a derivative by {expr.wrt}, which is a whole number")
    fixed = expr.held | {name_of(expr.wrt)}
    value = scope.poly(expr.of, env, opaque | fixed)
    (atom,) = next(iter(scope.poly(expr.wrt, env, opaque | fixed)))
    result = differentiate(scope, value, atom[0])
    for name in sorted(fixed - opaque):
        result = _expanded(scope, result, name, opaque)
    return result


def differentiate(scope: Scope, poly: Poly, wrt: Atom) -> Poly:
    """d poly / d wrt, names that are not `wrt` and not generators being constants."""
    return pl.total(
        pl.multiply({_without(monomial, key, exponent): coefficient * exponent}, _key(scope, key, wrt))
        for monomial, coefficient in poly.items()
        for key, exponent in monomial
        if _depends(scope, key, wrt[0])
    )


def _without(monomial: pl.Monomial, key: Key, exponent: int) -> pl.Monomial:
    """The monomial with one factor `key` less."""
    rest = monomial - {(key, exponent)}
    return rest | {(key, exponent - 1)} if exponent != 1 else rest


def _depends(scope: Scope, key: Key, name: str) -> bool:
    return any(
        atom[0] == name or (atom[0] in scope.generators and _reaches(scope, atom[0], name)) for atom in pl.atoms_of(key)
    )


def _key(scope: Scope, key: Key, wrt: Atom) -> Poly:
    """d key / d wrt."""
    if key[0] == pl.SIGMA:
        return _component(scope, key, wrt)
    if key[0] in scope.generators:
        return _generator(scope, key, wrt)
    return _same(key, wrt)


def _same(atom: Atom, wrt: Atom) -> Poly:
    """∂x_i/∂x_j = δ_ij, one δ for each slot."""
    if atom[0] != wrt[0]:
        return {}
    result = pl.constant(1)
    for own, other in zip(atom[1:], wrt[1:], strict=True):
        if own[0] == other[0] == "#" and own != other:
            return {}
        if own != other:
            result = pl.multiply(result, pl.variable((pl.DELTA, *sorted((own, other)))))
    return result


def _generator(scope: Scope, atom: Atom, wrt: Atom) -> Poly:
    """dr = r^(1−q)/q dE for a root, e dE for e = exp E, dE/E for log E. Raises `Unsupported` for others."""
    generator = scope.generators[atom[0]]
    base = scope.base_at(atom[0], atom[1:])
    inner = differentiate(scope, base, wrt)
    match generator.kind:
        case "root":
            rest = pl.variable(atom, 1 - generator.q) if generator.q > 1 else pl.constant(1)
            outer = pl.scale(rest, Fraction(1, generator.q))
        case "exp":
            outer = pl.variable(atom)
        case "log":
            outer = scope.power(base, Fraction(-1))
        case kind:
            raise Unsupported(f"the derivative of {kind} is outside what the kernel decides")
    return pl.multiply(outer, inner)


def _component(scope: Scope, key: Key, wrt: Atom) -> Poly:
    """Product rule inside the sum, then the sum again: a δ with a dummy makes it the free index."""
    dummies, factors = pl.opened(key)
    body = frozenset(factors)
    result = differentiate(scope, {body: 1}, wrt)
    for dummy in dummies:
        result = pl.bind(result, dummy, scope.count)
    return result


def _expanded(scope: Scope, poly: Poly, name: str, opaque: Opaque) -> Poly:
    """`poly` with an intermediate that was held opaque replaced by its definition, in the bases of generators too."""
    for used in sorted(pl.names_of(poly) & scope.generators.keys()):
        if _reaches(scope, used, name):
            poly = scope.replaced(poly, used, lambda atom: _regenerated(scope, atom, name, opaque))
    if name not in scope.definitions:
        return poly
    return scope.replaced(poly, name, lambda atom: scope.defined_at(atom, opaque))


def _reaches(scope: Scope, generator: str, name: str) -> bool:
    names = pl.names_of(scope.generators[generator].base)
    return name in names or any(_reaches(scope, other, name) for other in names & scope.generators.keys())


def _regenerated(scope: Scope, atom: Atom, name: str, opaque: Opaque) -> Poly:
    """The generator whose base has `name` written out."""
    made = scope.generators[atom[0]]
    base = _expanded(scope, scope.base_at(atom[0], atom[1:]), name, opaque)
    match made.kind:
        case "root":
            return scope.power(base, Fraction(1, made.q))
        case "exp":
            return scope.exponential(base)
        case _:
            return scope.function(made.kind, base)
