"""A document → a verdict for each of its equations, as plain data.

`check_file` reads one file, judges every equation against the document's own forward pass, and compares with the
sidecar of expected verdicts if there is one. Whatever is in the file, it ends: time, sizes and nesting are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from sympy.core.parameters import distribute

from derive.derivation import identity_of
from derive.errors import DeriveError, TooLongError
from derive.kernel import Proved, Refuted, Undecided
from derive.kernel.language import Partial, Unsupported, parts_of
from derive.layers.layer import Layer
from derive.limits import TooLong, at_most
from derive.meaning.checker import Checker, Outcome
from derive.meaning.forward import Statement
from derive.meaning.judge import Judgement
from derive.meaning.repair import repair
from derive.meaning.truth import Truth
from derive.notation import Node, Notation, equation_latex, text
from derive.read import Document, Equation, Unreadable, parse_equation, read_file, read_text
from derive.read.document import Item
from derive.report.document import DocumentReport, Entry, Fix
from derive.report.formula import Formula, example
from derive.sidecar import differences, read_sidecar

__all__ = ["check_document", "check_file", "check_text"]

NO_FORMULAS = "no formula was found: write them between $ and $, \\[ and \\], or in an equation environment"
GIVEN = "stated, not derived"
SECONDS_A_FILE = 9.0
SECONDS_AN_EQUATION, SECONDS_FOR_MORE = 2.0, 0.5
"""Of the processor for a verdict and as much for what else is said of it; by the clock for the latter at the least."""


def check_file(path: str, givens: Sequence[str] = (), layer: Layer | None = None) -> DocumentReport:
    """The report on one file, "-" for standard input. Input errors are in the report, not raised."""
    try:
        sidecar = None if path == "-" else read_sidecar(Path(path))
        stated = (*givens, *(sidecar.given if sidecar else ()))
        if sidecar is not None and sidecar.layer and layer is None:
            from derive.layers import load

            layer = load(sidecar.layer)
        for one in sidecar.given if sidecar else ():
            parse_equation(one)
        end = monotonic() + SECONDS_A_FILE
        document = _read(path, _stated(stated, layer))
        found = check_document(document, layer, end - monotonic())
    except DeriveError as error:
        return DocumentReport(path, error=str(error))
    if sidecar is None:
        return found
    told = differences(found.entries, sidecar.expected)
    return DocumentReport(path, found.entries, found.repairs, found.decisions, expected=True, differences=told)


def _read(path: str, givens: Sequence[str]) -> Document:
    try:
        with at_most(SECONDS_A_FILE):
            return read_file(path, givens)
    except TooLong:
        raise TooLongError(f"Reading {path} takes longer than {SECONDS_A_FILE:.0f} s. Split it.") from None


def check_text(
    content: str,
    kind: Literal["tex", "md", "ipynb", "txt"] = "tex",
    givens: Sequence[str] = (),
    layer: Layer | None = None,
) -> DocumentReport:
    """The report on a text of the given kind: tex, md, ipynb or txt."""
    return check_document(read_text(content, kind, given=_stated(givens, layer)), layer)


def _stated(givens: Sequence[str], layer: Layer | None) -> tuple[str, ...]:
    """What is stated about a document: the user's givens, then the lines of the layer's forward pass."""
    lines = () if layer is None else layer.forward
    return (*givens, *(equation_latex(line.target, line.value) for line in lines))


def check_document(document: Document, layer: Layer | None = None, seconds: float = SECONDS_A_FILE) -> DocumentReport:
    """The report on a document that was read; with a layer, the last of its givens are the layer's lines.

    What is not judged after `seconds` is undecided. A given equation in the document that can't be read is told first.
    """
    end = monotonic() + seconds
    unread = (_other(one) for one in document.givens if isinstance(one, Unreadable))
    with distribute(False):  # noqa: FBT003 -- SymPy's own signature
        entries = (*unread, *_Examiner(document, layer, end).entries())
    if not entries and document.has_equations:
        entries = (Entry(1, 1, "", "unreadable", scope="", reason=NO_FORMULAS),)
    repairs = tuple(
        f"{one.place.line}:{one.place.column}: read {one.written!r} for {one.found!r}" for one in document.repairs
    )
    return DocumentReport(document.name, entries, repairs, document.decisions.lines())


class _Examiner:
    """Goes through a document item by item, with a bound on the time of each and of all."""

    def __init__(self, document: Document, layer: Layer | None, end: float) -> None:
        self.document, self.end = document, end
        self.checker = Checker(document, 0 if layer is None else len(layer.forward))
        self._truths: dict[int, Truth] = {}
        self._wrong: dict[int, tuple[Statement, int]] = {}

    def entries(self) -> Iterable[Entry]:
        key = 0
        for item in self.document.items:
            if isinstance(item, Equation):
                yield self._equation(key, item)
                key += 1
            else:
                yield _other(item)

    def _equation(self, key: int, equation: Equation) -> Entry:
        left = self.end - monotonic()
        if left <= 0:
            return _entry(equation, "undecided", reason="the file took too long")
        try:
            with at_most(left, SECONDS_AN_EQUATION):
                outcome = self.checker.outcome(key, equation)
        except TooLong:
            return _entry(equation, "undecided", reason="it took too long")
        except (Unsupported, ArithmeticError, ValueError) as reason:  # beyond what the kernel reads: never a verdict
            return _entry(equation, "undecided", reason=f"it is beyond what can be decided: {reason}")
        except RecursionError:
            return _entry(equation, "undecided", reason="it is nested too deeply")
        try:
            with at_most(max(self.end - monotonic(), SECONDS_FOR_MORE), SECONDS_AN_EQUATION):
                return self._judged(outcome)
        except (TooLong, Unsupported, ArithmeticError, ValueError, RecursionError):
            return self._bare(outcome)

    def _bare(self, outcome: Outcome) -> Entry:
        """The verdict without what else there is to say, which took too long or was beyond what can be said."""
        judgement = outcome.judgement
        if judgement is None:
            return self._definition(outcome)
        base = self._base(judgement)
        match judgement.verdict:
            case Refuted(counterexample=counterexample):
                self._remember(outcome)
                found = example(counterexample)
                return _entry(outcome.equation, judgement.verdict.label, **base, counterexample=found)
        return _entry(outcome.equation, judgement.verdict.label, **base)

    @staticmethod
    def _base(judgement: Judgement) -> dict[str, Any]:
        return {"reading": _reading(judgement), "assumptions": judgement.assumed, "scope": _scope(judgement)}

    def _remember(self, outcome: Outcome) -> None:
        """That this equation is wrong, for those that follow from it."""
        equation = outcome.equation
        self._wrong[outcome.key] = Statement(outcome.key, equation.left, equation.right), equation.place.line

    def _judged(self, outcome: Outcome) -> Entry:
        equation = outcome.equation
        if outcome.given:
            return _entry(equation, "given", reason=GIVEN)
        if outcome.judgement is None:
            return self._definition(outcome)
        judgement, verdict = outcome.judgement, outcome.judgement.verdict
        base = self._base(judgement)
        match verdict:
            case Proved(note=note):
                used = self._used(judgement)
                follows = self._chained(equation)
                return _entry(equation, verdict.label, **base, used=used, reason=note, follows=follows)
            case Refuted():
                return self._refuted(outcome, judgement, base)
            case Undecided(reason=reason, evidence=evidence):
                said = "; ".join(filter(None, (reason, evidence)))
                return _entry(equation, verdict.label, **base, reason=said)

    def _definition(self, outcome: Outcome) -> Entry:
        problem = self.checker.problem_of(outcome)
        name = outcome.defines.name if outcome.defines else ""
        reason = problem.missing.get(name, "")
        if outcome.restarts:
            reason = f"{name} is defined anew: a new forward pass starts here" + (f"; {reason}" if reason else "")
        return _entry(outcome.equation, "definition", reason=reason, assumptions=problem.assumed_in(name))

    def _refuted(self, outcome: Outcome, judgement: Judgement, base: dict[str, Any]) -> Entry:
        equation, verdict = outcome.equation, judgement.verdict
        assert isinstance(verdict, Refuted)  # noqa: S101 -- the caller matched it
        statement = Statement(outcome.key, equation.left, equation.right)
        follows = self._follows(statement, judgement)
        self._remember(outcome)
        fixed = repair(statement, judgement)
        return _entry(
            equation,
            verdict.label,
            **base,
            counterexample=example(verdict.counterexample),
            others=tuple(example(one) for one in judgement.others),
            correct=self._correct(judgement),
            fix=None if fixed is None else Fix(fixed.edit, _formula(fixed.left, fixed.right)),
            follows=follows,
        )

    # --- what else there is to say ---------------------------------------------------------------------------------

    def _truth(self, judgement: Judgement) -> Truth | None:
        problem = judgement.problem
        if problem is None:
            return None
        return self._truths.setdefault(id(problem), Truth(problem))

    def _correct(self, judgement: Judgement) -> Formula | None:
        """The right right-hand side of a derivative, in the author's names."""
        truth, meaning = self._truth(judgement), judgement.meaning
        if truth is None or meaning is None:
            return None
        right = truth.right_side(meaning.left, judgement.readings)
        if right is None or not truth.with_adjoints.equal(meaning.left, right):
            return None
        notation = Notation(dict(truth.problem.words.sizes.ranks))
        tree = notation.tree(right)
        return Formula(notation.text(tree), notation.latex(tree))

    def _used(self, judgement: Judgement) -> tuple[str, ...]:
        """The identities a true equation needed beyond the chain rule."""
        truth, meaning = self._truth(judgement), judgement.meaning
        if truth is None or meaning is None or not truth.summed:
            return ()
        chain = truth.chain(meaning.left)
        left = chain if chain is not None else meaning.left
        if any(isinstance(part, Partial) for part in parts_of(left, meaning.right)):
            return ()
        verdict = truth.with_adjoints.decide(left, meaning.right, explain=truth.summed)
        names = verdict.used if isinstance(verdict, Proved) and truth.graph is not None else ()
        known = [name for name in names if truth.graph is not None and name in truth.graph.nodes]
        return tuple(self._identity(truth, name) for name in known)

    @staticmethod
    def _identity(truth: Truth, name: str) -> str:
        assert truth.graph is not None  # noqa: S101 -- the caller asked
        one = identity_of(truth.graph, name)
        return Notation(dict(truth.problem.words.sizes.ranks)).equation_text(one.left, one.right)

    def _chained(self, equation: Equation) -> int | None:
        """The line of an earlier wrong equation of the same chain: what follows from it is not thereby right."""
        for key, (_, line) in self._wrong.items():
            if self.document.equations[key].chain == equation.chain:
                return line
        return None

    def _follows(self, statement: Statement, judgement: Judgement) -> int | None:
        """The line of an earlier wrong derivative that would make this equation true."""
        for earlier, line in self._wrong.values():
            if judgement.problem is not None and judgement.problem.would_follow(statement, earlier, judgement.readings):
                return line
        return None


def _entry(equation: Equation, verdict: str, **more: Any) -> Entry:  # noqa: ANN401 -- fields of an entry
    left, right = text(equation.left), text(equation.right)
    said = f"{left} {equation.relation} {right}"
    place = equation.place
    return Entry(place.line, place.column, equation.latex, verdict, left, right, said, **more)


def _other(item: Item) -> Entry:
    place = item.place
    if isinstance(item, Unreadable):
        return Entry(
            place.line, place.column, item.latex, "unreadable", scope="", reason=item.message, caret=item.caret
        )
    return Entry(place.line, place.column, item.latex, "notation", scope="", reason=getattr(item, "why", ""))


def _formula(left: Node, right: Node) -> Formula:
    notation = Notation()
    return Formula(notation.equation_text(left, right), notation.equation_latex(left, right))


def _reading(judgement: Judgement) -> str:
    """One word if all derivatives are read alike, else each."""
    kinds = set(judgement.readings.values())
    if len(kinds) == 1:
        return kinds.pop()
    return ", ".join(f"∂{top}/∂{bottom} {kind}" for (top, bottom), kind in judgement.readings.items())


def _scope(judgement: Judgement) -> str:
    """For which sizes the verdict holds: every one of those that occur."""
    if judgement.problem is None:
        return "every size"
    names = sorted(judgement.problem.words.size_names())
    fixed = [name for name in names if name.isdecimal()]
    free = [name for name in names if not name.isdecimal()]
    return ", ".join([*(f"every {name}" for name in free), *(f"size {name}" for name in fixed)]) or "every size"
