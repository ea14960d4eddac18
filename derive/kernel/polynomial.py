r"""Laurent polynomials over closed components, the arithmetic of the normal form.

An atom is a name with its indices, `("x", "i:m")`. A component is Σ over dummy indices of a product of atoms that hang
together, `(SIGMA, sizes, factors)`; its dummies are numbered canonically, so equal components are equal tuples and a
component behaves as one more variable. A monomial maps keys (atoms and components) to non-zero integer exponents, a
polynomial maps monomials to non-zero rationals. Components never carry a negative exponent.

An index is a string: "i:m" is the free index i that runs to m, "#3" the element 3, "\x01" the first dummy of a
component.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import count, permutations, product
from typing import Any, TypeAlias

from derive.kernel.language import Unsupported

Rational: TypeAlias = int | Fraction
Atom: TypeAlias = tuple[str, ...]
Factors: TypeAlias = tuple[tuple[Atom, int], ...]
Key: TypeAlias = tuple[
    Any, ...
]  # an Atom, or (SIGMA, sizes, Factors): a recursive type would slow every caller's checks
Monomial: TypeAlias = frozenset[tuple[Key, int]]
Poly: TypeAlias = dict[Monomial, Rational]

SIGMA, DELTA = "\x00Σ", "\x00δ"  # no name of a quantity begins with a control character: see `Scope`
UNIT: Monomial = frozenset()
MAX_TERMS, MAX_DUMMIES, MAX_LABELLINGS = 50_000, 16, 5_040


def constant(value: Rational) -> Poly:
    return {UNIT: _tidy(value)} if value else {}


def variable(key: Key, exponent: int = 1) -> Poly:
    return {frozenset(((key, exponent),)): 1}


def add(left: Poly, right: Poly) -> Poly:
    small, large = (left, right) if len(left) < len(right) else (right, left)
    result = dict(large)
    for monomial, coefficient in small.items():
        _accumulate(result, monomial, coefficient)
    return result


def total(parts: Iterable[Poly]) -> Poly:
    result: Poly = {}
    for part in parts:
        for monomial, coefficient in part.items():
            _accumulate(result, monomial, coefficient)
    return result


def scale(poly: Poly, factor: Rational) -> Poly:
    return {monomial: _tidy(coefficient * factor) for monomial, coefficient in poly.items()} if factor else {}


def subtract(left: Poly, right: Poly) -> Poly:
    return add(left, scale(right, -1))


def multiply(left: Poly, right: Poly) -> Poly:
    if len(left) * len(right) > MAX_TERMS:
        raise Unsupported(f"a product of more than {MAX_TERMS} terms")
    result: Poly = {}
    for one, factor in left.items():
        for other, coefficient in right.items():
            _accumulate(result, merge(one, other), factor * coefficient)
    return result


def power(poly: Poly, exponent: int) -> Poly:
    """`poly` to a natural exponent."""
    result = constant(1)
    for _ in range(exponent):
        result = multiply(result, poly)
    return result


def merge(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    if not left or not right:
        return left or right
    exponents = dict(left)
    for key, exponent in right:
        exponents[key] = exponents.get(key, 0) + exponent
        if not exponents[key]:
            del exponents[key]
    return frozenset(exponents.items())


def invert(monomial: Monomial) -> Monomial:
    return frozenset((key, -exponent) for key, exponent in monomial)


def _accumulate(result: Poly, monomial: Monomial, coefficient: Rational) -> None:
    value = result.get(monomial, 0) + coefficient
    if value:
        result[monomial] = _tidy(value)
    else:
        result.pop(monomial, None)


def _tidy(value: Rational) -> Rational:
    """Integers as `int`: Python's fractions are some ten times slower."""
    return value.numerator if value.denominator == 1 else value


# --- indices -----------------------------------------------------------------------------------------------------


def is_dummy(index: str) -> bool:
    return index < "\x20"


def is_free(index: str) -> bool:
    return index > "\x20" and index[0] != "#"


def size_of(index: str) -> str:
    return index.rpartition(":")[2]


@lru_cache(maxsize=100_000)
def free_indices(key: Key) -> frozenset[str]:
    atoms = (atom for atom, _ in key[2]) if key[0] == SIGMA else (key,)
    return frozenset(index for atom in atoms for index in atom[1:] if is_free(index))


def all_free_indices(poly: Poly) -> frozenset[str]:
    return frozenset().union(*(free_indices(key) for monomial in poly for key, _ in monomial))


def atoms_of(key: Key) -> tuple[Atom, ...]:
    return tuple(atom for atom, _ in key[2]) if key[0] == SIGMA else (key,)


def holds(key: Key, name: str) -> bool:
    """Whether the name occurs in the key."""
    return any(atom[0] == name for atom, _ in key[2]) if key[0] == SIGMA else bool(key[0] == name)


def names_of(poly: Poly) -> frozenset[str]:
    """Every name that occurs, inside components too."""
    return frozenset(atom[0] for monomial in poly for key, _ in monomial for atom in atoms_of(key))


def _rename_atom(atom: Atom, mapping: Mapping[str, str]) -> Atom:
    if not any(index in mapping for index in atom[1:]):
        return atom
    renamed = (atom[0], *(mapping.get(index, index) for index in atom[1:]))
    return (DELTA, *sorted(renamed[1:])) if atom[0] == DELTA else renamed


def rename_key(key: Key, mapping: Mapping[str, str]) -> Key:
    if key[0] != SIGMA:
        return _rename_atom(key, mapping)
    if not any(index in mapping for index in free_indices(key)):
        return key
    return _canonical(key[1], _product((_rename_atom(atom, mapping), exponent) for atom, exponent in key[2]))


def rename(poly: Poly, mapping: Mapping[str, str]) -> Poly:
    """Free indices renamed, all at once. No dummy can be captured: dummies are not letters."""
    if not mapping:
        return poly
    return total({rename_monomial(monomial, mapping): coefficient} for monomial, coefficient in poly.items())


def rename_monomial(monomial: Monomial, mapping: Mapping[str, str]) -> Monomial:
    return frozenset(_product((rename_key(key, mapping), exponent) for key, exponent in monomial))


def _product(factors: Iterable[tuple[Key, int]]) -> Factors:
    exponents: dict[Key, int] = {}
    for key, exponent in factors:
        exponents[key] = exponents.get(key, 0) + exponent
    return tuple((key, exponent) for key, exponent in exponents.items() if exponent)


# --- components --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=100_000)
def _canonical(sizes: tuple[str, ...], factors: Factors) -> Key:
    """The component with its dummies numbered so that every labelling of the same sum gives the same tuple."""
    best: Key | None = None
    for order in _labellings(sizes, factors):
        mapping = {_dummy(old): _dummy(new) for new, old in enumerate(order)}
        labelled = sorted((_rename_atom(atom, mapping), exponent) for atom, exponent in factors)
        candidate = (SIGMA, tuple(sizes[old] for old in order), tuple(labelled))
        if best is None or candidate < best:
            best = candidate
    assert best is not None  # noqa: S101 -- there is always the identity labelling
    return best


def _dummy(position: int) -> str:
    return chr(position + 1)


def _labellings(sizes: tuple[str, ...], factors: Factors) -> Iterable[tuple[int, ...]]:
    """Orders of the dummies to try: only dummies that look alike from their own factors are permuted."""
    if len(sizes) > MAX_DUMMIES:
        raise Unsupported(f"a sum over more than {MAX_DUMMIES} indices")
    groups: dict[object, list[int]] = {}
    for position, size in enumerate(sizes):
        groups.setdefault((size, _signature(_dummy(position), factors)), []).append(position)
    ordered = [groups[signature] for signature in sorted(groups, key=repr)]
    choices = 1
    for group in ordered:
        for number in range(2, len(group) + 1):
            choices *= number
    if choices > MAX_LABELLINGS:
        raise Unsupported("a sum over too many interchangeable indices")
    for parts in product(*(permutations(group) for group in ordered)):
        yield tuple(position for part in parts for position in part)


def _signature(dummy: str, factors: Factors) -> tuple[object, ...]:
    """What a relabelling can't change: names, exponents and slots of the factors a dummy stands in."""
    seen = [
        (atom[0], exponent, tuple(index == dummy for index in atom[1:]), tuple(filter(is_free, atom[1:])))
        for atom, exponent in factors
        if dummy in atom[1:]
    ]
    return tuple(sorted(seen))


_serial = count()


def fresh(size: str) -> str:
    """A new index that runs to `size`."""
    return f"~{next(_serial)}:{size}"


def opened(key: Key) -> tuple[tuple[str, ...], Factors]:
    """A component's dummies under fresh names, and its factors."""
    names = tuple(fresh(size) for size in key[1])
    mapping = {_dummy(position): name for position, name in enumerate(names)}
    return names, tuple((_rename_atom(atom, mapping), exponent) for atom, exponent in key[2])


def bind(poly: Poly, index: str, count_of: Callable[[str], Poly]) -> Poly:
    """Σ over `index` of `poly`; `count_of` gives the size a label stands for."""
    return total(_bind_term(monomial, coefficient, index, count_of) for monomial, coefficient in poly.items())


def _bind_term(monomial: Monomial, coefficient: Rational, index: str, count_of: Callable[[str], Poly]) -> Poly:
    outside = {key: exponent for key, exponent in monomial if index not in free_indices(key)}
    inside = [(key, exponent) for key, exponent in monomial if index in free_indices(key)]
    if not inside:
        return multiply({monomial: coefficient}, count_of(size_of(index)))
    for key, _ in inside:
        if key[0] == DELTA:
            return _collapse(monomial, coefficient, key, index, count_of)
    dummies, factors = _joined(index, inside)
    return multiply({frozenset(outside.items()): coefficient}, close(dummies, factors, count_of))


def _collapse(
    monomial: Monomial, coefficient: Rational, delta: Key, index: str, count_of: Callable[[str], Poly]
) -> Poly:
    """Σ_j δ_ij f_j = f_i, which needs i to run over the range of j."""
    rest = frozenset(pair for pair in monomial if pair[0] != delta)
    others = [other for other in delta[1:] if other != index]
    if not others:
        return bind({rest: coefficient}, index, count_of)
    if size_of(others[0]) != size_of(index) or others[0][0] == "#":
        raise Unsupported("a Kronecker delta between indices of different ranges")
    return {rename_monomial(rest, {index: others[0]}): coefficient}


def _joined(index: str, inside: list[tuple[Key, int]]) -> tuple[list[str], Factors]:
    """`index` and the dummies of every component that contains it, with all their factors."""
    dummies, factors = [index], []
    for key, exponent in inside:
        if key[0] != SIGMA:
            factors.append((key, exponent))
            continue
        for _ in range(exponent):
            names, parts = opened(key)
            dummies += names
            factors += parts
    return dummies, _product(factors)


def close(dummies: list[str], factors: Factors, count_of: Callable[[str], Poly]) -> Poly:
    """Σ over `dummies` of a product of atoms, split into the parts that hang together.

    Factors may have cancelled, so a dummy can be left without any (a factor of its size) and parts can come apart.
    """
    result = constant(1)
    remaining, waiting = list(factors), list(dummies)
    while waiting:
        part, reach = [], {waiting[0]}
        while linked := [factor for factor in remaining if reach.intersection(factor[0][1:])]:
            part += linked
            remaining = [factor for factor in remaining if factor not in linked]
            reach |= {index for atom, _ in linked for index in atom[1:] if index in waiting}
        names = [name for name in waiting if name in reach]
        waiting = [name for name in waiting if name not in reach]
        closed = variable(_component(names, part)) if part else count_of(size_of(names[0]))
        result = multiply(result, closed)
    return multiply(result, {frozenset(remaining): 1})


def _component(names: list[str], factors: list[tuple[Atom, int]]) -> Key:
    if len(names) > MAX_DUMMIES:
        raise Unsupported(f"a sum over more than {MAX_DUMMIES} indices")
    mapping = {name: _dummy(position) for position, name in enumerate(names)}
    renamed = sorted((_rename_atom(atom, mapping), exponent) for atom, exponent in factors)
    return _canonical(tuple(size_of(name) for name in names), tuple(renamed))


def settle_deltas(poly: Poly) -> Poly:
    """δ_ij between free indices: the rest of its term is written with the smaller one for the larger."""
    if not any(key[0] == DELTA for monomial in poly for key, _ in monomial):
        return poly
    return total(_settle(monomial, coefficient) for monomial, coefficient in poly.items())


def _settle(monomial: Monomial, coefficient: Rational) -> Poly:
    kept: list[tuple[Key, int]] = []
    while deltas := sorted(key for key, _ in monomial if key[0] == DELTA):
        low, high = sorted(deltas[0][1:])
        if low == high:
            monomial = frozenset(pair for pair in monomial if pair[0] != deltas[0])
        elif low[0] == high[0] == "#":
            return {}
        else:
            rest = frozenset(pair for pair in monomial if pair[0] != deltas[0])
            monomial = rename_monomial(rest, {high: low})
            kept.append((deltas[0], 1))
    return {frozenset((*monomial, *kept)): coefficient}
