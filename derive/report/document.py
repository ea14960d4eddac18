"""A checked document as plain data: one entry for each `=`, in the order of the document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from derive.report.formula import Example, Formula

__all__ = ["EXIT_CODES", "DocumentReport", "Entry", "Fix", "worst_of"]

EXIT_CODES = {"refuted": 1, "differs": 1, "error": 2, "undecided": 3, "unreadable": 3}
SEVERITY = ("refuted", "differs", "error", "unreadable", "undecided")


@dataclass(frozen=True, slots=True)
class Fix:
    """A single edit that makes an equation true: in words, and the equation after it."""

    edit: str
    equation: Formula


@dataclass(frozen=True, slots=True)
class Entry:
    """One equation, or one block of maths that is none.

    `understood` is the equation printed again from what was parsed; `scope` says for which sizes the verdict holds;
    `used` are the identities a true equation needed; `correct` is the right right-hand side in the author's names;
    `follows` is the line of an earlier wrong equation that this one would follow from; `caret` shows where reading
    ended.
    """

    line: int
    column: int
    latex: str
    verdict: str
    left: str = ""
    right: str = ""
    understood: str = ""
    scope: str = "every m"
    reading: str = ""
    assumptions: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    counterexample: Example | None = None
    others: tuple[Example, ...] = ()
    correct: Formula | None = None
    fix: Fix | None = None
    reason: str = ""
    follows: int | None = None
    caret: str = ""


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """A file: its entries, what was repaired in it, how it differs from what its sidecar expects, or why it failed."""

    path: str
    entries: tuple[Entry, ...] = ()
    repairs: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    expected: bool = False
    differences: tuple[str, ...] = ()
    error: str = ""

    @property
    def summary(self) -> dict[str, int]:
        """How many entries got each verdict, in the order they first come."""
        return dict(Counter(entry.verdict for entry in self.entries))

    @property
    def verdict(self) -> str:
        """The worst that is in the file; with a sidecar, whether it is as expected."""
        if self.error:
            return "error"
        if self.expected:
            return "differs" if self.differences else "as expected"
        found = self.summary
        return next((word for word in SEVERITY if word in found), "nothing wrong")


def worst_of(files: tuple[DocumentReport, ...]) -> str:
    """The worst verdict of several files."""
    found = {one.verdict for one in files}
    return next((word for word in SEVERITY if word in found), "nothing wrong")
