"""The relations between generators and their bases, and the zero test they complete.

A generator r of E obeys r^q = E. Where E has a term that is one component c (say Σ_k x_k², as in a variance) and c
stands nowhere else in E, the relation is turned to eliminate c, inside other components too. Otherwise the negative
powers of r are cleared by multiplication (r is not zero where the expression is defined) and r^q is replaced by E.
Both directions are identities, so a polynomial that becomes empty was 0; what is left over is never read as "not 0".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from derive.kernel import polynomial as pl
from derive.kernel.language import Unsupported
from derive.kernel.polynomial import Factors, Key, Poly

if TYPE_CHECKING:
    from derive.kernel.scope import Generator, Scope

MAX_REWRITES = 2_000


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` → `value`, for every choice of the free indices of `pattern`."""

    pattern: Key
    value: Poly

    def at(self, atom: pl.Atom) -> Poly:
        """The value where the pattern is an atom, at the indices of `atom`."""
        return pl.rename(self.value, dict(zip(self.pattern[1:], atom[1:], strict=True)))


def is_zero(scope: Scope, poly: Poly) -> bool:
    """True only if `poly` is 0 wherever it is defined, for every size."""
    return not reduced(scope, poly)


def reduced(scope: Scope, poly: Poly) -> Poly:
    """`poly` after every relation; empty means 0. Not unique unless every relation found a component to eliminate."""
    poly = pl.settle_deltas(_without_aliases(scope, poly))
    rules: list[Rule] = []
    cleared: list[tuple[Generator, Poly]] = []
    for generator in _in_use(scope, poly):
        base = _rewrite(scope, _without_aliases(scope, generator.base), rules)
        rule = _rule(scope, generator, base, poly)
        if rule is None:
            cleared.append((generator, base))
        else:
            rules.append(rule)
            poly = _rewrite(scope, poly, [rule])
    for generator, base in reversed(cleared):
        # A base brings back what later relations eliminated.
        poly = _rewrite(scope, _clear(poly, generator, base), rules)
    return pl.settle_deltas(poly)


def _without_aliases(scope: Scope, poly: Poly) -> Poly:
    """A root that a finer one replaced is written as a power of that one."""
    while coarse := pl.names_of(poly) & scope.aliases.keys():
        poly = _finer(scope, poly, min(coarse))
    return poly


def _finer(scope: Scope, poly: Poly, name: str) -> Poly:
    finer, steps = scope.aliases[name]
    return scope.replaced(poly, name, lambda atom: pl.variable((finer, *atom[1:]), steps))


def _in_use(scope: Scope, poly: Poly) -> list[Generator]:
    """The roots that occur in `poly` or in the base of one that does, in the order they were made, √m before others.

    So m is (√m)² throughout, and no other relation is solved for m first.
    """
    wanted, seen = set(pl.names_of(poly)), set[str]()
    while new := (wanted & scope.generators.keys()) - seen:
        seen |= new
        for name in new:
            wanted |= pl.names_of(_without_aliases(scope, scope.generators[name].base))
    used = (generator for name, generator in scope.generators.items() if name in seen and generator.kind == "root")
    return sorted(used, key=lambda generator: not _is_a_name(generator.base))


def _is_a_name(base: Poly) -> bool:
    """Whether a base is m or x_i alone."""
    return len(base) == 1 and all(len(term) == 1 and value == 1 for term, value in base.items())


# --- which relation ----------------------------------------------------------------------------------------------


def _rule(scope: Scope, generator: Generator, base: Poly, poly: Poly) -> Rule | None:
    """The relation solved for a component or an atom of `base` that stands alone in one term and nowhere else."""
    root = pl.variable((generator.name, *generator.indices), generator.q)
    for key, monomial in _candidates(scope, base, poly):
        cofactor = pl.invert(monomial - {(key, 1)})
        others = {term: value for term, value in base.items() if term != monomial}
        value = pl.multiply(pl.subtract(root, others), {cofactor: 1})
        value = pl.scale(value, 1 / Fraction(base[monomial]))
        if pl.all_free_indices(value) <= pl.free_indices(key):
            return Rule(key, value)
    return None


def _candidates(scope: Scope, base: Poly, poly: Poly) -> Iterator[tuple[Key, pl.Monomial]]:
    found = []
    for monomial in base:
        for key, exponent in monomial:
            rest = monomial - {(key, exponent)}
            if exponent == 1 and all(scope.is_positive(other[0]) for other, _ in rest):
                found.append((key[0] != pl.SIGMA, -len(repr(key)), repr(key), key, monomial))
    for *_, key, monomial in sorted(found, key=lambda item: item[:3]):
        others = {term: value for term, value in base.items() if term != monomial}
        if key[0] == pl.SIGMA:
            if not any(_matches(key, other) for term in others for other, _ in term):
                yield key, monomial
        elif _stands_for_all(scope, key) and key[0] not in pl.names_of(others) and _natural(poly, key[0]):
            yield key, monomial


def _stands_for_all(scope: Scope, atom: Key) -> bool:
    """Whether an atom is a name at any indices, so that a relation for it holds for all of its elements.

    x_1 and x_ii are not: what is known of them says nothing about x_2 and x_ij.
    """
    indices = atom[1:]
    return atom[0] not in scope.generators and all(map(pl.is_free, indices)) and len(set(indices)) == len(indices)


def _natural(poly: Poly, name: str) -> bool:
    """Whether every exponent of `name` is positive, so that a sum can take its place."""
    return all(
        exponent > 0
        for monomial in poly
        for key, outer in monomial
        for atom, exponent in (key[2] if key[0] == pl.SIGMA else ((key, outer),))
        if atom[0] == name
    )


# --- applying it -------------------------------------------------------------------------------------------------


def _rewrite(scope: Scope, poly: Poly, rules: list[Rule]) -> Poly:
    for rule in rules:
        if rule.pattern[0] == pl.SIGMA:
            poly = _rewrite_component(scope, poly, rule)
        elif rule.pattern[0] in pl.names_of(poly):
            poly = scope.replaced(poly, rule.pattern[0], rule.at)
    return poly


def _rewrite_component(scope: Scope, poly: Poly, rule: Rule) -> Poly:
    """Every occurrence of the pattern replaced, whole components and parts of larger ones."""
    done: list[Poly] = []
    waiting = [poly]
    for _ in range(MAX_REWRITES):
        if not waiting:
            return pl.total(done)
        current = waiting.pop()
        kept: Poly = {}
        for monomial, coefficient in current.items():
            replaced = _replace_once(scope, monomial, rule)
            if replaced is None:
                kept[monomial] = coefficient
            else:
                waiting.append(pl.scale(replaced, coefficient))
        done.append(kept)
        if len(waiting) > 1:
            waiting = [pl.total(waiting)]
    raise Unsupported("a relation that is still being used after too many steps")


def _replace_once(scope: Scope, monomial: pl.Monomial, rule: Rule) -> Poly | None:
    for key, exponent in monomial:
        for value in _matches(rule.pattern, key):
            inner = _instantiate(scope, rule, key, value)
            rest = pl.merge(monomial, frozenset(((key, -1),)))
            assert exponent > 0  # noqa: S101 -- components have natural exponents
            return pl.multiply({rest: 1}, inner)
    return None


@dataclass(frozen=True, slots=True)
class _Match:
    """The pattern's free indices, where its dummies went, and the factors of the component it leaves over."""

    mapping: dict[str, str]
    dummies: tuple[str, ...]
    others: Factors


def _matches(pattern: Key, key: Key) -> list[_Match]:
    """The first way `pattern` occurs in `key`: as a set of dummies that touch the pattern's factors and no others."""
    if key[0] != pl.SIGMA or len(pattern[1]) > len(key[1]) or len(pattern[2]) > len(key[2]):
        return []
    slots = [chr(position + 1) for position in range(len(key[1]))]
    own = [chr(position + 1) for position in range(len(pattern[1]))]
    for chosen in permutations(range(len(slots)), len(own)):
        if tuple(key[1][position] for position in chosen) != pattern[1]:
            continue
        names = [slots[position] for position in chosen]
        touching = [factor for factor in key[2] if set(factor[0][1:]) & set(names)]
        mapping = _unify(pattern[2], touching, dict(zip(own, names, strict=True)))
        if mapping is not None and not any(own not in slots and at in names for own, at in mapping.items()):
            others = tuple(factor for factor in key[2] if factor not in touching)
            free = {index: at for index, at in mapping.items() if index not in own}
            return [_Match(free, tuple(names), others)]
    return []


def _unify(pattern: Factors, factors: list[tuple[pl.Atom, int]], mapping: dict[str, str]) -> dict[str, str] | None:
    """A mapping of the pattern's free indices that turns its factors into `factors`, all of them."""
    if not pattern:
        return None if factors else mapping
    if len(pattern) != len(factors):
        return None
    (atom, exponent), rest = pattern[0], pattern[1:]
    for candidate, power in factors:
        if candidate[0] != atom[0] or power != exponent or len(candidate) != len(atom):
            continue
        extended = _extend(mapping, atom, candidate)
        if extended is not None:
            found = _unify(rest, [factor for factor in factors if factor != (candidate, power)], extended)
            if found is not None:
                return found
    return None


def _extend(mapping: dict[str, str], atom: pl.Atom, candidate: pl.Atom) -> dict[str, str] | None:
    extended = dict(mapping)
    for own, other in zip(atom[1:], candidate[1:], strict=True):
        if own[0] == "#" and own != other:
            return None
        if extended.setdefault(own, other) != other:
            return None
    return extended


def _instantiate(scope: Scope, rule: Rule, key: Key, match: _Match) -> Poly:
    """The component with the matched part replaced by the rule's value, and its other dummies summed again."""
    left = [chr(position + 1) for position in range(len(key[1])) if chr(position + 1) not in match.dummies]
    names = {dummy: pl.fresh(key[1][ord(dummy) - 1]) for dummy in left}
    mapping = {own: names.get(other, other) for own, other in match.mapping.items()}
    result = pl.rename(rule.value, mapping)
    for atom, exponent in match.others:
        renamed = (atom[0], *(names.get(index, index) for index in atom[1:]))
        result = pl.multiply(result, pl.variable(renamed, exponent))
    for name in names.values():
        result = pl.bind(result, name, scope.count)
    return result


# --- clearing ----------------------------------------------------------------------------------------------------


def _clear(poly: Poly, generator: Generator, base: Poly) -> Poly:
    """`poly` times the power of each root that leaves it none in a denominator, with r^q replaced by its base.

    The roots of one generator at different free indices are treated one after another. A root whose index is summed
    over can't be cleared and stays.
    """
    atoms = {key for monomial in poly for key, _ in monomial if key[0] == generator.name}
    for atom in sorted(atoms):
        lowest = min(dict(monomial).get(atom, 0) for monomial in poly) if poly else 0
        poly = pl.multiply(poly, pl.variable(atom, -lowest)) if lowest < 0 else poly
        at = pl.rename(base, dict(zip(generator.indices, atom[1:], strict=True)))
        poly = pl.total(_lowered(monomial, value, atom, generator.q, at) for monomial, value in poly.items())
    return poly


def _lowered(monomial: pl.Monomial, value: pl.Rational, atom: Key, q: int, base: Poly) -> Poly:
    times, rest = divmod(dict(monomial).get(atom, 0), q)
    others = frozenset(pair for pair in monomial if pair[0] != atom)
    kept = pl.variable(atom, rest) if rest else pl.constant(1)
    return pl.multiply(pl.multiply({others: value}, kept), pl.power(base, times))
