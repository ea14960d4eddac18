"""Formulas, verdicts and counterexamples as plain data, shared by all reports."""

from __future__ import annotations

from dataclasses import dataclass

from derive.kernel.verdict import Counterexample, Proved, Refuted, Undecided, Verdict
from derive.notation import Notation

__all__ = ["Example", "Formula", "Judge", "Judged", "equation", "example"]


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula in both notations."""

    text: str
    latex: str


@dataclass(frozen=True, slots=True)
class Cited(Formula):
    """An identity that a step used, with the label under which it is proved; none where it is not listed."""

    label: str = ""

    @property
    def cited(self) -> str:
        """As text, with its label."""
        return f"{self.text} ({self.label})" if self.label else self.text


@dataclass(frozen=True, slots=True)
class Example:
    """A counterexample: sizes, free indices, exact values by element, both sides."""

    sizes: dict[str, int]
    at: dict[str, int]
    values: dict[str, str]
    left: str
    right: str

    def sentence(self) -> str:
        """All of it on one line."""
        values = [*self.sizes.items(), *self.at.items(), *self.values.items()]
        return f"{', '.join(f'{name} = {value}' for name, value in values)}: left {self.left}, right {self.right}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict as data. `note` says when a proof says nothing, `reason` why it is undecided."""

    verdict: str
    note: str = ""
    reason: str = ""
    conditions: tuple[Formula, ...] = ()
    counterexample: Example | None = None


def equation(left: Formula, right: Formula) -> Formula:
    return Formula(f"{left.text} = {right.text}", f"{left.latex} = {right.latex}")


class Judge:
    """Turns a kernel verdict into data, with formulas printed in a notation."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation

    def __call__(self, verdict: Verdict, label: str | None = None) -> Judged:
        label = label or verdict.label
        match verdict:
            case Proved(conditions=conditions, note=note):
                shown = (Formula(self.notation.text(c), self.notation.latex(c)) for c in conditions)
                return Judged(label, note, "", tuple(shown))
            case Refuted(counterexample=counterexample):
                return Judged(label, counterexample=example(counterexample))
            case Undecided(reason=reason, evidence=evidence):
                return Judged(label, reason="; ".join(filter(None, (reason, evidence))))


def example(found: Counterexample) -> Example:
    """A counterexample with its elements named x_1 and so on."""
    values = {"_".join((name, ",".join(map(str, at)))) if at else name: str(value) for name, at, value in found.values}
    return Example(dict(found.sizes), dict(found.at), values, found.left, found.right)
