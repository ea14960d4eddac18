"""What the kernel is asked about: SymPy expressions, definitions, and derivatives as expressions.

Indices run from 1 to a size; a sum is `Sum(body, (j, 1, m))`; δ_ij is SymPy's `KroneckerDelta`. `Partial` is the one
addition, because a SymPy `Derivative` neither knows which intermediates are held fixed nor survives bound indices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from sympy import (
    Abs,
    Add,
    Expr,
    Indexed,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Rational,
    S,
    Sum,
    Symbol,
    Tuple,
    cos,
    erf,
    sign,
    sin,
    tanh,
)

__all__ = [
    "FUNCTIONS",
    "Definition",
    "Definitions",
    "Partial",
    "Unsupported",
    "name_of",
    "partial",
    "parts_of",
    "quantities",
    "without_max",
]

FUNCTIONS = {Abs: "abs", sign: "sign", tanh: "tanh", erf: "erf", sin: "sin", cos: "cos"}
"""Functions of one real number of which the normal form knows only that equal arguments give equal values."""


class Unsupported(Exception):  # noqa: N818 -- a reason to stay undecided, not an error of the user's
    """Outside the class of expressions the kernel decides. The message is the reason of an `Undecided`."""


class Partial(Expr):
    """∂of/∂wrt with the quantities named in `held` kept fixed; total when `held` is empty.

    `of` and `wrt` are quantities (Symbol or Indexed). The derivative goes through every definition between the two,
    except those of `wrt` and of the held names.
    """

    is_commutative = True

    @property
    def of(self) -> Expr:
        return self.args[0]

    @property
    def wrt(self) -> Expr:
        return self.args[1]

    @property
    def held(self) -> frozenset[str]:
        return frozenset(symbol.name for symbol in self.args[2])


def partial(of: Expr, wrt: Expr, held: Iterable[str] = ()) -> Partial:
    """∂of/∂wrt. Raises `Unsupported` unless both are quantities."""
    if not all(isinstance(side, Symbol | Indexed) for side in (of, wrt)):
        raise Unsupported(f"a derivative of {of} by {wrt}: both must be names")
    if any(isinstance(side, Symbol) and side.is_integer for side in (of, wrt)):
        raise Unsupported(f"a derivative of {of} by {wrt}: sizes and indices are whole numbers")
    return Partial(of, wrt, Tuple(*(Symbol(name) for name in sorted(held))))


@dataclass(frozen=True, slots=True)
class Definition:
    """`name[indices] = value`, the indices running over `shape` (None where it is not known)."""

    name: str
    indices: tuple[Symbol, ...]
    shape: tuple[Expr | None, ...]
    value: Expr


class Definitions(dict[str, Definition]):
    """Definitions by name, from (target, value) pairs such as (x̂[i], (x[i] − μ)/√(σ²+ε)). Not changed afterwards.

    Raises `ValueError` for a name defined twice, at particular elements (x[1], x[i, i]), or by a value with an index
    letter that the name does not have: such a pair would say something about every element.
    """

    def __init__(self, pairs: Iterable[tuple[Expr, Expr]] = ()) -> None:
        super().__init__()
        self._quantities: dict[str, tuple[Expr, ...]] = {}
        self._behind: dict[str, frozenset[str]] = {}
        for target, value in pairs:
            indices = tuple(target.indices) if isinstance(target, Indexed) else ()
            _refuse_odd(self, target, indices, value)
            shape = (target.base.shape if indices else None) or (None,) * len(indices)
            self[name_of(target)] = Definition(name_of(target), indices, tuple(shape), value)

    def reached_from(self, sides: Iterable[Expr]) -> list[str]:
        """The defined names that `sides` go back to, each after those it reads. Raises `Unsupported` for a circle."""
        found: dict[str, None] = {}
        above: list[str] = []

        def visit(name: str) -> None:
            if name not in self or name in found:
                return
            if name in above:
                raise Unsupported(f"{name} is defined by itself")
            above.append(name)
            for quantity in self.read_by(name):
                visit(name_of(quantity))
            above.pop()
            found[name] = None

        for side in quantities(*sides):
            visit(name_of(side))
        return list(found)

    def behind(self, name: str) -> frozenset[str]:
        """Every name that the definition of `name` goes back to."""
        if name not in self._behind:
            found: set[str] = set()
            for reached in self.reached_from(self.read_by(name)):
                found |= {name_of(quantity) for quantity in self.read_by(reached)}
            self._behind[name] = frozenset(found | {name_of(quantity) for quantity in self.read_by(name)})
        return self._behind[name]

    def read_by(self, name: str) -> tuple[Expr, ...]:
        """The quantities in a definition's value."""
        if name not in self._quantities:
            self._quantities[name] = quantities(self[name].value)
        return self._quantities[name]


def _refuse_odd(known: Mapping[str, Definition], target: Expr, indices: tuple[Expr, ...], value: Expr) -> None:
    name = name_of(target)
    if name in known:
        raise ValueError(f"{name} is defined twice")
    if not all(isinstance(index, Symbol) for index in indices) or len(set(indices)) != len(indices):
        raise ValueError(f"{target} is defined at particular elements")
    loose = {one for one in value.free_symbols if is_index(one)} - set(indices)
    if loose:
        raise ValueError(f"the value of {target} has the index {min(map(str, loose))}, which {target} does not have")


def without_max(expr: Max | Min) -> Expr:
    """max(a, b) = (a + b + |a − b|)/2, one argument after the other; min with −|a − b|."""
    weight = Rational(1, 2) if isinstance(expr, Max) else Rational(-1, 2)

    def joined(one: Expr, other: Expr) -> Expr:
        apart = Abs(Add(one, Mul(S.NegativeOne, other)))
        return Add(Mul(Rational(1, 2), one), Mul(Rational(1, 2), other), Mul(weight, apart))

    return reduce(joined, expr.args)


def is_index(symbol: Expr) -> bool:
    """Whether a symbol is an index letter: an integer that is not declared positive, as a size is."""
    return isinstance(symbol, Symbol) and bool(symbol.is_integer) and not symbol.is_positive


def name_of(quantity: Expr) -> str:
    return str((quantity.base.label if isinstance(quantity, Indexed) else quantity).name)


def parts_of(*exprs: Expr) -> list[Expr]:
    """Every distinct sub-expression, an expression before its parts. Shared parts are visited once.

    The names a `Partial` holds fixed are no parts of its value.
    """
    found: dict[Expr, None] = {}
    waiting = list(reversed(exprs))
    while waiting:
        expr = waiting.pop()
        if expr not in found:
            found[expr] = None
            waiting.extend(reversed(expr.args[:2] if isinstance(expr, Partial) else expr.args))
    return list(found)


def quantities(*exprs: Expr) -> tuple[Expr, ...]:
    """The symbols and indexed quantities in `exprs`, the bases of tensors left out.

    A letter that only says which element, in x[i], Σ_i or δ_ij, is no quantity: q[i] may be summed over q beside it.
    """
    found: dict[Expr, None] = {}
    bases: set[Expr] = set()
    waiting = list(reversed(exprs))
    while waiting:
        expr = waiting.pop()
        if expr not in found:
            found[expr] = None
            waiting.extend(reversed([part for part in _values(expr) if part not in found]))
            if isinstance(expr, Indexed):
                bases.add(expr.base.label)
    return tuple(part for part in found if isinstance(part, Symbol | Indexed) and part not in bases)


def _values(expr: Expr) -> list[Expr]:
    """The parts of an expression that are values or sizes: not the letters of indices."""
    match expr:
        case Indexed():
            return [expr.base, *(index for index in expr.indices if not is_index(index))]
        case Sum():
            return [expr.function, *(end for _, *ends in expr.limits for end in ends)]
        case KroneckerDelta():
            return [arg for arg in expr.args if not is_index(arg)]
        case Partial():
            return list(expr.args[:2])
    return list(expr.args)
