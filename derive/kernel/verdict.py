"""Verdicts are values. Only `decide` makes a `Proved`; a test holds that."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr

__all__ = ["Counterexample", "Proved", "Refuted", "Undecided", "Verdict"]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest point found where the two sides differ.

    `sizes` and `at` (the free indices) are whole numbers; `values` holds each name with its indices and its exact
    value; `left` and `right` are exact rationals, or intervals that do not meet where no rational point was found.
    """

    sizes: tuple[tuple[str, int], ...]
    at: tuple[tuple[str, int], ...]
    values: tuple[tuple[str, tuple[int, ...], Fraction], ...]
    left: str
    right: str

    def __str__(self) -> str:
        places = ((f"{name}_{','.join(map(str, at))}" if at else name, value) for name, at, value in self.values)
        shown = (f"{name} = {value}" for name, value in (*self.sizes, *self.at, *places))
        return f"{', '.join(shown)}: left {self.left}, right {self.right}"


@dataclass(frozen=True, slots=True)
class Proved:
    """The normal forms are equal: the equation holds for every size, wherever `conditions` are not zero.

    `used` names the summed intermediates (μ, σ²) whose definition was needed; with each kept as a bare symbol the two
    sides would differ. `note` says when the proof says nothing: both sides 0, or the same as written.
    """

    used: tuple[str, ...] = ()
    conditions: tuple[Expr, ...] = ()
    note: str = ""

    label = "proved"

    def __str__(self) -> str:
        return "; ".join(filter(None, ("proved for every size", self.note)))


@dataclass(frozen=True, slots=True)
class Refuted:
    """Exact evaluation shows that the two sides differ."""

    counterexample: Counterexample

    label = "refuted"

    def __str__(self) -> str:
        return f"refuted at {self.counterexample}"


@dataclass(frozen=True, slots=True)
class Undecided:
    """Neither, with the reason and what evidence there is."""

    reason: str
    evidence: str = ""

    label = "undecided"

    def __str__(self) -> str:
        return "; ".join(filter(None, (f"undecided: {self.reason}", self.evidence)))


Verdict = Proved | Refuted | Undecided
