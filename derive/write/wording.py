"""The sentences and tables of a report, the same in every typeset format.

Each takes a `Voice`, which says how a formula, a text and a number are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from derive.write.breaking import width

if TYPE_CHECKING:
    from derive.report import Cited, ClosedFormLine, Example, Formula, IdentityLine, Judged, Line, Report

F = TypeVar("F", bound="Formula")

__all__ = [
    "ASSUMED",
    "HOLLOW",
    "MEANINGS",
    "MEANINGS_NOTE",
    "MEASURES",
    "MEASURES_STABLE",
    "SECTIONS",
    "Table",
    "Voice",
    "abstract",
    "by_width",
    "cited",
    "conditions",
    "counted",
    "counterexample",
    "elapsed",
    "failures",
    "listed",
    "loss_note",
    "loss_said",
    "meanings",
    "measures",
    "needed",
    "numeric_table",
    "operations",
    "proof_table",
    "reached",
    "remark",
    "sentence_case",
    "share",
    "spelled_note",
    "stated_said",
]

SECTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "forward pass": ("Forward pass", "Each line defines one intermediate; the last is the output."),
    "local partials": (
        "Local partial derivatives",
        "Each intermediate is differentiated with all others held fixed, once for every solid arrow of the graph.",
    ),
    "adjoints": (
        "Adjoints",
        "An adjoint is a sum over everything that reads the intermediate: its adjoint times its local partial.",
    ),
    "identities": (
        "Identities",
        "What the steps rest on beyond the chain rule, each with its proof from the definitions it needs.",
    ),
    "simplification": (
        "Simplification",
        "The adjoints are put into each other until only the upstream gradient is left, and the result is folded.",
    ),
    "tangents": (
        "Forward mode: tangents",
        "Each differentiated input moves along a direction with its name and a dot; ∂u/∂t is how fast u moves then.",
    ),
    "Jacobian–vector product": (
        "Forward mode: Jacobian–vector product",
        "The tangents are put into each other until only the directions are left, and the result is folded.",
    ),
    "transpose": (
        "Forward mode is the transpose of the backward pass",
        "The product paired with the upstream gradient is the directions paired with the gradients, for every size.",
    ),
    "Jacobian": (
        "Jacobian",
        "The product for a direction that is 1 in one element and else 0; δ is 1 where its indices are equal, else 0.",
    ),
})  # fmt: skip
MEANINGS: Final = (
    (
        "proved",
        "the normal forms of both sides are equal, so the equation holds for every size from 1 on under the conditions",
    ),
    ("refuted", "exact evaluation shows that the sides differ; the smallest counterexample is given in full"),
    ("undecided", "neither, and not to be taken for a proof"),
    ("passed", "floating-point evidence within its tolerance, which is no proof"),
    ("failed", "outside that tolerance"),
)
HOLLOW: Final = "A proof that says nothing carries the note “both sides are 0” or “same on both sides”."
MEANINGS_NOTE: Final = "These quantities are derivatives of the loss of the first order:"
MEASURES: Final = (
    "The closed form in NumPy on random data with a weighted loss. Relative: max|error| / max|gradient|. Scaled: "
    "max|error| over the natural size of the gradient’s terms, which the tolerance bounds. A row is its worst case."
)
ASSUMED: Final = "It is assumed that"
MEASURES_STABLE: Final = (
    "The closed form in NumPy on random data with a weighted loss. Measured errors differ from machine to machine and "
    "are left out of this report."
)


def loss_said(report: Report) -> str:
    """What the loss is."""
    of = "the gradients, of which the output is the linear part" if report.second else "the output"
    return f"{report.loss.text}, any differentiable function of {of}"


def loss_note(report: Report) -> str:
    """The sentence before the upstream gradient."""
    loss = report.loss.text
    if report.second:
        said = f"{loss} is any differentiable function of the gradients; only its derivatives by them enter, so"
        return f"{said} the output, which is linear in the gradients, stands for it:"
    return f"The loss {loss} is any differentiable function of the output; only the upstream gradient enters:"


@dataclass(frozen=True, slots=True)
class Voice:
    """How one format writes a formula in a sentence, a plain text, a stressed word, a verdict, a number, a label."""

    math: Callable[[Formula], str]
    prose: Callable[[str], str]
    strong: Callable[[str], str]
    verdict: Callable[[str], str]
    number: Callable[[float], str]
    reference: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells that are already written for a format."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def without(self, dropped: Iterable[int]) -> Table:
        """The table without some columns."""
        kept = [at for at in range(len(self.head)) if at not in set(dropped)]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(tuple(self.head[at] for at in kept), rows)


def abstract(report: Report, voice: Voice) -> str:
    """Two sentences: what was derived, and the overall verdict."""
    names = listed([voice.math(form.name) for form in report.closed_forms])
    spelled = any(line.spelled_out for line in (*report.forward, *report.steps))
    at = voice.prose(f", with the sums spelled out at {report.at}") if spelled else ""
    first = (
        f"The backward pass of the layer {voice.strong(voice.prose(report.title))} is derived from its forward pass in "
        f"{len(report.steps)} steps and folded into closed forms for {names}{_compared(report)}{at}."
    )
    forward = f" {voice.prose(_forward_score(report))}" if report.forward_mode else ""
    return f"{first} The overall verdict is {voice.verdict(report.verdict)}: {voice.prose(_score(report))}.{forward}"


def _compared(report: Report) -> str:
    stated = [form.stated is not None for form in report.closed_forms]
    if not any(stated):
        return ", which were found and not stated"
    return ", each compared with the one stated" + ("" if all(stated) else " where there is one")


def _score(report: Report) -> str:
    steps = f"{share(line.judged.verdict == 'proved' for line in report.steps)} steps"
    forms = f"{share(form.judged.verdict == 'proved' for form in report.closed_forms)} closed forms"
    oracles = f"{share(line.passed for line in report.numeric)} comparisons with a numerical oracle passed"
    return f"{steps} and {forms} are proved for every batch size, and {oracles}"


def _forward_score(report: Report) -> str:
    proved = share(line.judged.verdict == "proved" for line in report.forward_mode)
    return f"Of the lines of forward mode, {proved} are proved."


def share(marks: Iterable[bool]) -> str:
    """How many of how many: "24 of 25"."""
    found = list(marks)
    return f"{sum(found)} of {len(found)}"


def listed(items: Sequence[str]) -> str:
    """Items with commas and an "and": a, b and c."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def sentence_case(text: str) -> str:
    """A capital at the start, unless the text starts with a name."""
    return text[0].upper() + text[1:] if text[:2].isascii() and text[:2].isalpha() else text


def remark(line: Line, voice: Voice, room: float) -> tuple[str, tuple[Formula, ...]]:
    """The rule of a step with the identities it used, and those identities that are too wide for a sentence."""
    short, wide = by_width(line.because, room)
    because = f", because {listed([cited(one, voice) for one in short])}" if short else ""
    return f"{voice.prose(sentence_case(line.rule))}{because}.", wide


def cited(one: Cited, voice: Voice) -> str:
    """An identity inside a sentence, with a reference to where it is proved."""
    return f"{voice.math(one)} ({voice.reference(one.label)})" if one.label else voice.math(one)


def needed(one: IdentityLine, said: Callable[[Formula], str]) -> str:
    """By what an identity is proved: definitions, and what is assumed. Empty if it needs neither."""
    defined, assumed = (listed([said(name) for name in names]) for names in (one.definitions, one.assumptions))
    parts = [
        f"the {'definition' if len(one.definitions) == 1 else 'definitions'} of {defined}" if defined else "",
        f"what is assumed of {assumed}" if assumed else "",
    ]
    return " and ".join(filter(None, parts))


def by_width(formulas: Iterable[F], room: float) -> tuple[tuple[F, ...], tuple[F, ...]]:
    """The formulas that a sentence can hold, and those that need a display."""
    found = tuple(formulas)
    return tuple(one for one in found if width(one.latex) <= room), tuple(
        one for one in found if width(one.latex) > room
    )


def reached(judged: Judged, voice: Voice) -> str:
    """The verdict with its note."""
    note = f" ({voice.prose(judged.note)})" if judged.note else ""
    return voice.verdict(judged.verdict) + note


def spelled_note(report: Report) -> str:
    """What stands before an equation that is spelled out."""
    return f"At {report.at}:"


def operations(form: ClosedFormLine) -> str:
    """The two operation counts, as a sentence."""
    staged, found = form.operations_staged, form.operations_found
    return f"{counted(staged, 'operation')} in the staged form, {found} in this one."


def stated_said(form: ClosedFormLine, same: str, other: str) -> str:
    """What stands before the verdict: `same` if the stated form is the one found, `other` if it is another."""
    if form.stated is None:
        return "No form was stated; that this one is the total derivative is"
    return same if form.stated.latex == form.found.latex else other


def counted(number: int, thing: str) -> str:
    """The number with its noun: "1 operation", "2 operations"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def counterexample(example: Example, voice: Voice) -> str:
    """All of a counterexample: sizes, indices, values, both sides."""
    values = [*example.sizes.items(), *example.at.items(), *example.values.items()]
    given = ", ".join(voice.prose(f"{name}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value}") for name, value in values)
    return f"Counterexample: {given}; left side {voice.prose(example.left)}, right side {voice.prose(example.right)}."


def conditions(report: Report) -> tuple[Formula, ...]:
    """Everything that a proof of the report divides by, once each."""
    lines = (*report.steps, *report.forward_mode)
    judged = [*(line.judged for line in lines), *(form.judged for form in report.closed_forms)]
    return tuple(dict.fromkeys(one for verdict in judged for one in verdict.conditions))


def meanings(voice: Voice) -> str:
    """What the verdict words mean, as one paragraph."""
    words = "; ".join(f"{voice.verdict(word)}: {voice.prose(text)}" for word, text in MEANINGS)
    return f"{words}. {voice.prose(HOLLOW)}"


def proof_table(report: Report, voice: Voice) -> Table:
    """The routes to the closed forms; without times where the report is stable."""
    head = ("Route", "Scope", "Verdict", "Time")
    rows = tuple(
        (
            voice.prose(sentence_case(one.name)),
            voice.prose(one.detail),
            voice.verdict(one.verdict or "not taken"),
            voice.prose(elapsed(one.seconds) if one.verdict else "–"),
        )
        for one in report.checks
    )
    table = Table(head, rows)
    return table.without([3]) if report.stable else table


def elapsed(seconds: float) -> str:
    """A time with its unit."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def numeric_table(report: Report, voice: Voice) -> Table:
    """The oracles; without measured errors where the report is stable."""
    head = ("Oracle", "dtype", "Cases", "Relative", "Scaled", "Tolerance", "Result", "Worst case")
    rows = tuple(
        (
            voice.prose(one.against),
            voice.prose(one.dtype),
            str(one.cases),
            *map(voice.number, (one.max_relative_error, one.scaled_error, one.tolerance)),
            voice.verdict("passed" if one.passed else "failed"),
            voice.prose(one.worst_case),
        )
        for one in report.numeric
    )
    table = Table(head, rows)
    return table.without([3, 4, 5, 7]) if report.stable else table


def measures(report: Report) -> str:
    """What the columns of the numeric table mean."""
    return MEASURES_STABLE if report.stable else MEASURES


def failures(report: Report, voice: Voice) -> Iterator[str]:
    """One sentence for each element that a route did not prove, with its counterexample or reason."""
    for check in report.checks:
        for name, judged in check.failing:
            why = counterexample(judged.counterexample, voice) if judged.counterexample else voice.prose(judged.reason)
            yield f"{voice.prose(sentence_case(check.name))}, for {voice.prose(name)}: {reached(judged, voice)}. {why}"
