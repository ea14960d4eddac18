"""From SymPy expressions to the normal form, under definitions.

A `Scope` holds the definitions of one problem and the generators it needed: a generator is a new name r with r^q = E
for an E that is not a single term, so that powers of E other than natural ones are again monomials. Every rewrite here
is an identity wherever its denominators are not zero; a denominator that is zero everywhere raises `ZeroDenominator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations
from math import gcd, lcm

from sympy import (
    Add,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    exp,
    factorint,
    log,
    pi,
)

from derive.kernel import polynomial as pl
from derive.kernel.language import (
    FUNCTIONS,
    Definition,
    Definitions,
    Partial,
    Unsupported,
    is_index,
    name_of,
    without_max,
)
from derive.kernel.polynomial import Atom, Key, Monomial, Poly
from derive.kernel.reduce import is_zero
from derive.kernel.total import derivative

Env = Mapping[Expr, str]
Opaque = frozenset[str]
MAX_EXPONENT, MAX_INDICES, LARGEST_PRIME, MAX_ELEMENTS = 200, 5, 100_000, 8


class ZeroDenominator(Unsupported):
    """A division by an expression that is 0 everywhere: no claim about it can be proved or refuted."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A name for a function of `base`: base^(1/q) for kind "root", exp(base), log(base), one of FUNCTIONS, or π.

    `indices` are the free ones of the base.
    """

    name: str
    kind: str
    q: int
    base: Poly
    indices: tuple[str, ...]


@dataclass(slots=True)
class Scope:
    """Definitions, generators, and the translations made so far. Grows while problems are decided.

    A root r of E stands for E ≥ 0, and 1/E is then r^−q: so a scope may be shared only by claims with the same roots.
    `positive` are the names of what is positive: sizes, and parameters declared so that no definition names.
    """

    definitions: Definitions
    positive: frozenset[str] = frozenset()
    generators: dict[str, Generator] = field(default_factory=dict)
    aliases: dict[str, tuple[str, int]] = field(default_factory=dict)
    _sizes: dict[str, Poly] = field(default_factory=dict)
    _defined: dict[tuple[str, Opaque], tuple[tuple[str, ...], Poly]] = field(default_factory=dict)
    _translations: dict[tuple[Expr, Opaque], Poly] = field(default_factory=dict)
    _not_zero: set[str] = field(default_factory=set)
    _open: list[str] = field(default_factory=list)

    # --- translation ---------------------------------------------------------------------------------------------

    def poly(self, expr: Expr, env: Env | None = None, opaque: Opaque = frozenset()) -> Poly:
        """The normal form of `expr`: `env` names its bound indices, names in `opaque` are not expanded.

        Raises `Unsupported` with a reason outside the class of design 4.3.
        """
        if env:
            return self._translated(expr, env, opaque)
        key = (expr, opaque)
        if key not in self._translations:
            self._translations[key] = self._translated(expr, {}, opaque)
        return self._translations[key]

    def _translated(self, expr: Expr, env: Env, opaque: Opaque) -> Poly:
        match expr:
            case Rational():
                return pl.constant(Fraction(expr.p, expr.q))
            case Indexed() | Symbol():
                return self._quantity(expr, env, opaque)
            case Add():
                return pl.total(self.poly(arg, env, opaque) for arg in expr.args)
            case Mul():
                return self._product(expr, env, opaque)
            case exp():
                return self.exponential(self.poly(expr.args[0], env, opaque))
            case log():
                return self.function("log", self.poly(expr.args[0], env, opaque))
            case Pow():
                return self._pow(expr, env, opaque)
            case Sum():
                return self._sum(expr, env, opaque)
            case KroneckerDelta():
                return self._delta(expr, env)
            case Partial():
                return derivative(self, expr, env, opaque)
        if expr is pi:
            return self.function("π", pl.constant(1))
        return self._applied(expr, env, opaque)

    def _applied(self, expr: Expr, env: Env, opaque: Opaque) -> Poly:
        """A function of which nothing is known but that it is one: its value is a name that its argument gives."""
        if isinstance(expr, Max | Min):
            return self.poly(without_max(expr), env, opaque)
        if type(expr) in FUNCTIONS:
            return self.function(FUNCTIONS[type(expr)], self.poly(expr.args[0], env, opaque))
        raise Unsupported(f"{type(expr).__name__} is outside what the kernel decides")

    def _product(self, expr: Mul, env: Env, opaque: Opaque) -> Poly:
        result = pl.constant(1)
        for arg in expr.args:
            result = pl.multiply(result, self.poly(arg, env, opaque))
        return result

    def _pow(self, expr: Pow, env: Env, opaque: Opaque) -> Poly:
        if not isinstance(expr.exp, Rational):
            raise Unsupported(f"a power with the exponent {expr.exp}")
        return self.power(self.poly(expr.base, env, opaque), Fraction(expr.exp.p, expr.exp.q))

    def _quantity(self, expr: Expr, env: Env, opaque: Opaque) -> Poly:
        name = name_of(expr)
        if name < " ":
            raise Unsupported("a name that begins with a control character")
        defined = self.definitions.get(name)
        if expr in env or (isinstance(expr, Symbol) and expr.is_integer and defined is None):
            return self._size(expr, env)
        indices = self._indices(expr, env) if isinstance(expr, Indexed) else ()
        if defined is None or name in opaque:
            return pl.variable((name, *indices))
        return self.defined_at((name, *indices), opaque)

    def defined_at(self, atom: Atom, opaque: Opaque) -> Poly:
        """The definition of a name at the indices of `atom`."""
        defined = self.definitions[atom[0]]
        if len(defined.indices) != len(atom) - 1:
            raise Unsupported(f"{atom[0]} is read with {len(atom) - 1} indices and defined with {len(defined.indices)}")
        formal, value = self._definition(defined, opaque)
        return pl.rename(value, dict(zip(formal, atom[1:], strict=True)))

    def _definition(self, defined: Definition, opaque: Opaque) -> tuple[tuple[str, ...], Poly]:
        key = (defined.name, opaque)
        if key not in self._defined:
            if defined.name in self._open:
                raise Unsupported(f"{defined.name} is defined by itself")
            sizes = ("?" if size is None else self.label(size) for size in defined.shape)
            formal = tuple(f"{defined.name}.{slot}:{size}" for slot, size in enumerate(sizes))
            self._open.append(defined.name)
            try:
                value = self.poly(defined.value, dict(zip(defined.indices, formal, strict=True)), opaque)
            finally:
                self._open.pop()
            self._defined[key] = formal, value
        return self._defined[key]

    def _size(self, expr: Expr, env: Env) -> Poly:
        if expr in env or not expr.is_positive:
            raise Unsupported(f"the index {expr} used as a number")
        return pl.variable((expr.name,))

    def _indices(self, expr: Indexed, env: Env) -> tuple[str, ...]:
        return tuple(self._index(index, self._range(expr, slot), env) for slot, index in enumerate(expr.indices))

    def _range(self, expr: Expr, slot: int) -> str:
        shape = expr.base.shape if isinstance(expr, Indexed) else None
        return self.label(shape[slot]) if shape is not None and len(shape) > slot else "?"

    def _index(self, index: Expr, size: str, env: Env) -> str:
        if isinstance(index, Integer):
            return f"#{index}"
        if not isinstance(index, Symbol):
            raise Unsupported(f"the index {index}: only a letter or a number can stand there")
        bound = env.get(index)
        if bound is None and not is_index(index):
            raise Unsupported(f"the index {index}: a size or a number can't stand there")
        if bound is None:
            return f"{index.name}:{size}"
        if size not in ("?", pl.size_of(bound)) and bound[0] != "#":
            raise Unsupported(f"the index {index} runs to {pl.size_of(bound)} where a size of {size} is needed")
        return bound

    def label(self, size: Expr) -> str:
        """The name of a size; what it counts is kept for sums over nothing that depends on the index."""
        label = str(size)
        if label not in self._sizes:
            if not _counts(size):
                raise Unsupported(
                    f"a sum or a tensor of {size} elements: only sizes, their sums and products are counts"
                )
            self._sizes[label] = self.poly(size)
        return label

    def count(self, label: str) -> Poly:
        """The size a label stands for, as a polynomial."""
        if label not in self._sizes:
            raise Unsupported("a sum over an index whose size is not known")
        return self._sizes[label]

    def _sum(self, expr: Sum, env: Env, opaque: Opaque) -> Poly:
        inner, bound = dict(env), []
        if len(expr.limits) > pl.MAX_DUMMIES:
            raise Unsupported(f"a sum over more than {pl.MAX_DUMMIES} indices")
        if isinstance(expr.limits[-1][2], Integer) and expr.limits[-1][2] <= MAX_ELEMENTS:
            return self._elements(expr, env, opaque)
        for index, low, high in reversed(expr.limits):
            if low not in (0, 1):
                raise Unsupported(f"a sum that starts at {low}")
            if any(limit.has(*inner) for limit in (low, high)):
                raise Unsupported("a sum whose limits depend on another index")
            bound.append(pl.fresh(self.label(high if low == 1 else high + 1)))
            inner[index] = bound[-1]
        result = self.poly(expr.function, inner, opaque)
        for name in reversed(bound):
            result = pl.bind(result, name, self.count)
        return result

    def _elements(self, expr: Sum, env: Env, opaque: Opaque) -> Poly:
        """A sum whose outer index runs over a few elements that are counted, one after another."""
        *inner, (index, low, high) = expr.limits
        body = Sum(expr.function, *inner) if inner else expr.function
        if low not in (0, 1):
            raise Unsupported(f"a sum that starts at {low}")
        elements = range(1, int(high) + 1 + int(low == 0))
        return pl.total(self.poly(body, {**env, index: f"#{element}"}, opaque) for element in elements)

    def _delta(self, expr: KroneckerDelta, env: Env) -> Poly:
        if len(expr.args) != 2:
            raise Unsupported("a Kronecker delta with a range of its own")
        left, right = expr.args
        ranges = [pl.size_of(env[side]) for side in (left, right) if side in env and env[side][0] != "#"]
        indices = [self._index(side, ranges[0] if ranges else "?", env) for side in (left, right)]
        return pl.settle_deltas(pl.variable((pl.DELTA, *sorted(indices))))

    # --- powers --------------------------------------------------------------------------------------------------

    def power(self, poly: Poly, exponent: Fraction) -> Poly:
        """`poly` to a rational exponent. Even roots are the non-negative ones."""
        if abs(exponent) > MAX_EXPONENT:
            raise Unsupported(f"an exponent above {MAX_EXPONENT}")
        if exponent.denominator == 1 and exponent >= 0:
            return pl.power(poly, int(exponent))
        poly = pl.settle_deltas(poly)
        if not poly:
            if exponent < 0:
                raise ZeroDenominator("a denominator is 0 everywhere")
            return {}
        if any(key[0] == pl.DELTA for monomial in poly for key, _ in monomial):
            raise Unsupported("a root of, or a division by, a Kronecker delta")
        monomial, coefficient, rest = self._content(self._settled(poly), invertible=exponent.denominator == 1)
        if exponent.denominator == 1 and self._find(rest, "root") is None:
            turned = pl.scale(rest, -1)
            if self._find(turned, "root") is not None:  # 1/(a − b) is −1/(b − a): no second name for it
                rest, coefficient = turned, -coefficient
        result = self._monomial_power(monomial, coefficient, exponent)
        if rest != pl.constant(1):
            result = pl.multiply(result, self._generator_power(rest, exponent, "root"))
        return result

    def _settled(self, poly: Poly) -> Poly:
        """`poly` with whole powers of √m written in m, so that one base is not taken for two."""
        plain = {made.name for made in self.generators.values() if made.kind == "root" and _is_one_name(made.base)}
        if not plain & pl.names_of(poly):
            return poly
        return pl.total(self._settled_term(monomial, value, plain) for monomial, value in poly.items())

    def _settled_term(self, monomial: Monomial, coefficient: pl.Rational, plain: set[str]) -> Poly:
        result: Poly = {frozenset(pair for pair in monomial if pair[0][0] not in plain): coefficient}
        for key, exponent in monomial:
            if key[0] in plain:
                whole, rest = divmod(exponent, self.generators[key[0]].q)
                ((base, number),) = self.base_at(key[0], key[1:]).items()
                raised = frozenset((one, times * whole) for one, times in base if whole)
                result = pl.multiply(result, {raised: Fraction(number) ** whole})
                result = pl.multiply(result, pl.variable(key, rest)) if rest else result
        return result

    def _content(self, poly: Poly, *, invertible: bool) -> tuple[Monomial, pl.Rational, Poly]:
        """`poly` as coefficient · monomial · rest: what can be taken out of every term of it.

        For a root only what is positive may leave it; for a division any atom and the sign may.
        """
        shared = dict(next(iter(poly)))
        for term in poly:
            exponents = dict(term)
            shared = {key: min(value, exponents.get(key, 0)) for key, value in shared.items()}
            lower = {key: value for key, value in exponents.items() if value < 0 and key not in shared}
            shared |= lower
        keys = {k: v for k, v in shared.items() if v and k[0] != pl.SIGMA and (invertible or self.is_positive(k[0]))}
        monomial = frozenset(keys.items())
        inverse = pl.invert(monomial)
        rest = {pl.merge(term, inverse): value for term, value in poly.items()}
        numbers = [Fraction(value) for value in rest.values()]
        coefficient = Fraction(gcd(*(n.numerator for n in numbers)), lcm(*(n.denominator for n in numbers)))
        if invertible and rest[min(rest, key=_order)] < 0:
            coefficient = -coefficient
        return monomial, coefficient, pl.scale(rest, 1 / coefficient)

    def is_positive(self, name: str) -> bool:
        """Whether a name is known to be positive wherever it may be divided by."""
        generator = self.generators.get(name)
        if generator is not None:
            return generator.kind == "exp" or (generator.kind == "root" and generator.q % 2 == 0)
        return name in self.positive

    def _monomial_power(self, monomial: Monomial, coefficient: pl.Rational, exponent: Fraction) -> Poly:
        result = self._number_power(Fraction(coefficient), exponent)
        for key, value in monomial:
            raised = value * exponent
            if raised.denominator == 1:
                part = pl.variable(key, int(raised))
            else:
                part = self._generator_power(pl.variable(key), raised, "root")
            result = pl.multiply(result, part)
        return result

    def _number_power(self, number: Fraction, exponent: Fraction) -> Poly:
        if exponent.denominator == 1:
            return pl.constant(number ** int(exponent))
        primes = {**factorint(number.numerator, limit=LARGEST_PRIME)}
        for prime, times in factorint(number.denominator, limit=LARGEST_PRIME).items():
            primes[prime] = primes.get(prime, 0) - times
        result = pl.constant(1)
        for prime, times in primes.items():
            raised = times * exponent
            whole, part = divmod(raised.numerator, raised.denominator)
            result = pl.scale(result, Fraction(int(prime)) ** whole)
            if part:
                root = self._generator_power(pl.constant(int(prime)), Fraction(part, raised.denominator), "root")
                result = pl.multiply(result, root)
        return result

    def _generator_power(self, base: Poly, exponent: Fraction, kind: str) -> Poly:
        """base^exponent as a power of the generator of `base`, which is made if there is none."""
        name, indices = self._generator(base, exponent.denominator, kind)
        if exponent < 0 and kind == "root":
            self._refuse_zero(name)
        steps = exponent * self.generators[name].q
        return pl.variable((name, *indices), int(steps)) if steps else pl.constant(1)

    def _refuse_zero(self, name: str) -> None:
        if name not in self._not_zero:
            if is_zero(self, self.generators[name].base):
                raise ZeroDenominator("a denominator is 0 everywhere")
            self._not_zero.add(name)

    def _generator(self, base: Poly, q: int, kind: str) -> tuple[str, tuple[str, ...]]:
        found = self._find(base, kind)
        if found is None:
            return self._make(base, q, kind)
        name, indices = found
        old = self.generators[name]
        if old.q % q == 0:
            return found
        finer, _ = self._make(old.base, lcm(old.q, q), kind)
        self.aliases[name] = finer, lcm(old.q, q) // old.q
        return finer, tuple(indices)

    def _find(self, base: Poly, kind: str) -> tuple[str, tuple[str, ...]] | None:
        free = sorted(pl.all_free_indices(base))
        if len(free) > MAX_INDICES:
            raise Unsupported(f"a root or function of more than {MAX_INDICES} free indices")
        for generator in self.generators.values():
            same = generator.kind == kind and generator.name not in self.aliases
            if not same or len(generator.base) != len(base) or len(generator.indices) != len(free):
                continue
            for order in permutations(free):
                mapping = dict(zip(generator.indices, order, strict=True))
                fits = all(pl.size_of(old) == pl.size_of(new) for old, new in mapping.items())
                if fits and pl.rename(generator.base, mapping) == base:
                    return generator.name, order
        return None

    def _make(self, base: Poly, q: int, kind: str) -> tuple[str, tuple[str, ...]]:
        name = f"\x00{kind} {len(self.generators)}"
        indices = tuple(sorted(pl.all_free_indices(base)))
        self.generators[name] = Generator(name, kind, q, base, indices)
        return name, indices

    def function(self, kind: str, base: Poly) -> Poly:
        name, indices = self._generator(base, 1, kind)
        return pl.variable((name, *indices))

    def base_at(self, name: str, indices: tuple[str, ...]) -> Poly:
        """The base of a generator at the given indices."""
        generator = self.generators[name]
        return pl.rename(generator.base, dict(zip(generator.indices, indices, strict=True)))

    def exponential(self, argument: Poly) -> Poly:
        """exp of a sum is the product of the exps of its terms, each a rational power of exp of a monomial."""
        result = pl.constant(1)
        for monomial, coefficient in argument.items():
            unit = self.function("exp", {monomial: 1})
            result = pl.multiply(result, self.power(unit, Fraction(coefficient)))
        return result

    # --- replacement ---------------------------------------------------------------------------------------------

    def replaced(self, poly: Poly, name: str, value_of: Callable[[Atom], Poly]) -> Poly:
        """Every atom of that name replaced by `value_of(atom)`, inside components too."""
        kept: Poly = {}
        parts = [kept]
        for monomial, coefficient in poly.items():
            hit = [pair for pair in monomial if pl.holds(pair[0], name)]
            if not hit:
                kept[monomial] = coefficient
                continue
            part = {monomial.difference(hit): coefficient}
            for key, exponent in hit:
                part = pl.multiply(part, self._replaced_key(key, exponent, name, value_of))
            parts.append(part)
        return pl.total(parts)

    def _replaced_key(self, key: Key, exponent: int, name: str, value_of: Callable[[Atom], Poly]) -> Poly:
        if key[0] != pl.SIGMA:
            return self.power(value_of(key), Fraction(exponent))
        dummies, factors = pl.opened(key)
        body = pl.constant(1)
        for atom, times in factors:
            part = self.power(value_of(atom), Fraction(times)) if atom[0] == name else pl.variable(atom, times)
            body = pl.multiply(body, part)
        for dummy in dummies:
            body = pl.bind(body, dummy, self.count)
        return pl.power(body, exponent)


def _is_one_name(base: Poly) -> bool:
    """Whether a base is m or x_i, and no number, sum or product."""
    (monomial, *others) = base
    return not others and len(monomial) == 1 and all(key[0] != pl.SIGMA for key, _ in monomial)


def _counts(size: Expr) -> bool:
    """Whether an expression is a number of elements whatever its sizes are: m, 3, m n, m + n, m − 1."""
    match size:
        case Integer():
            return bool(size >= 0)
        case Symbol():
            return bool(size.is_integer and size.is_positive)
        case Mul():
            return all(_counts(part) for part in size.args)
        case Add():
            less = [part for part in size.args if not _counts(part)]
            return not less or (less == [Integer(-1)] and len(size.args) > 1)
    return False


def _order(monomial: Monomial) -> str:
    return repr(sorted(monomial, key=repr))
