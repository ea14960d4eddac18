"""Another value of a parameter such as ε: fitted to what a function returned, and said the way it was meant.

Promises: a value is named by a rule that fits every case: the same number everywhere, a multiple of what was given,
its square or its root. The digits that are said are as few as explain what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from derive.notation.names import read_name
from derive.notation.syntax import Name
from derive.testing.variants.evaluate import Array, Unfit
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed, close
from derive.testing.variants.variant import Candidate, Variant, said, valued

__all__ = ["parameters"]

GRID = np.concatenate([[0.0], np.logspace(-16, 4, 101)])
ROUNDS, FINER = 12, 41
"""How often the grid is refined around its best value, and to how many values."""

MOST_DIGITS = 6

Rule = Callable[[float, Observed], float]
"""The value that a function uses, from the value that was given and the case."""


def parameters(formulas: Formulas, case: Observed) -> Iterator[Candidate]:
    """The closed form with another value of a parameter, forward pass and closed form alike."""
    for node in formulas.graph.inputs:
        if not node.shape and node.target.is_positive:
            yield from valued(_of_parameter(node.name, case), case)


def _of_parameter(name: str, case: Observed) -> Iterator[Variant]:
    given = float(case.seen.inputs[name])
    fitted = 0.0 if _explains(name, 0.0, case) else _fitted(name, case)
    if fitted is None or fitted == given:
        return
    for words, rule in _rules(name, fitted, given, case):
        yield Variant(said(words), partial(_with_value, name, rule))


def _with_value(name: str, rule: Rule, case: Observed) -> Array | None:
    found = _values(name, np.array([rule(float(case.seen.inputs[name]), case)]), case)
    return None if found is None else found[..., 0]


def _values(name: str, tried: Array, case: Observed) -> Array | None:
    """The closed form for each value of a parameter, along the last axis."""
    formulas = case.formulas
    try:
        scope = case.run(case.scope, formulas.program, {read_name(name): tried[:, None]})
    except Unfit:
        return None
    found = scope.array(formulas.target.name)[..., 0]
    return np.broadcast_to(found, (*found.shape[:-1], len(tried)))


def _fitted(name: str, case: Observed) -> float | None:
    """The value that comes nearest to what was found, None if the closed form does not depend on it."""
    tried = GRID
    best = 0.0
    for _ in range(ROUNDS):
        values = _values(name, tried, case)
        if values is None or values.shape[:-1] != case.found.shape:
            return None
        off = np.max(np.abs(values - case.found[..., None]), axis=tuple(range(values.ndim - 1)))
        off = np.where(np.isfinite(off), off, np.inf)
        at = int(np.argmin(off))
        best = float(tried[at])
        if best == 0.0:
            return best
        low, high = (float(tried[max(0, min(len(tried) - 1, at + step))]) or best / 10 for step in (-1, 1))
        tried = np.geomspace(low, high, FINER)
    return best


def _rules(name: str, fitted: float, given: float, case: Observed) -> Iterator[tuple[str, Rule]]:
    """What a fitted value can mean, simple meanings first."""
    if fitted == 0:
        yield f"{name} is missing: 0 is used", partial(_always, 0.0)
        return
    for digits in range(1, MOST_DIGITS + 1):
        value = float(f"{fitted:.{digits - 1}e}")
        if _explains(name, value, case):
            givens = case.given(name)
            right = f"not {number(given)}" if len(givens) == 1 else "whatever is given"
            yield f"{name} is {number(value)}, {right}", partial(_always, value)
            break
    if given <= 0:
        return
    for words, rule in (
        ("{name} is squared", lambda value, _: value**2),
        ("√{name} stands where {name} belongs", lambda value, _: value**0.5),
    ):
        yield words.format(name=name), rule
    for size in (*case.formulas.counts, *case.formulas.sizes):
        for verb, power in (("multiplied", 1), ("divided", -1)):
            yield f"{name} is {verb} by {size}", partial(_scaled, size, power)
    for digits in range(1, MOST_DIGITS + 1):
        ratio = float(f"{fitted / given:.{digits - 1}e}")
        if _explains(name, ratio * given, case):
            turned = 1 / ratio if ratio < 1 else ratio
            verb = "divided" if ratio < 1 else "multiplied"
            yield f"{name} is {verb} by {number(float(f'{turned:.6g}'))}", partial(_multiplied, ratio)
            break


def _always(value: float, _given: float, _case: Observed) -> float:
    return value


def _multiplied(ratio: float, given: float, _case: Observed) -> float:
    return ratio * given


def _scaled(size: str, power: int, given: float, case: Observed) -> float:
    count = float(case.scope.array(Name(size)).item())
    return given * count**power


def _explains(name: str, value: float, case: Observed) -> bool:
    values = _values(name, np.array([value]), case)
    return values is not None and close(values[..., 0], case.found, case.tolerance)


def number(value: float) -> str:
    """A number as one writes it in a program: 1e-4, 0.1, 100."""
    mantissa, _, exponent = f"{value:e}".partition("e")
    digits, power = mantissa.rstrip("0").rstrip("."), int(exponent)
    return f"{value:g}" if -3 < power < 4 else f"{digits}e{power}"
