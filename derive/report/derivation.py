"""A derivation as plain data, ready for any writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from sympy import Expr, S, Sum, Symbol

from derive import layers
from derive.backward import adjoint_of
from derive.closed_form import Identity
from derive.derivation import Check, ClosedForm, Derivation, Reason, Step, worst
from derive.graph import Node, upstream_of
from derive.identities import canonical, explained
from derive.indices import indices_of, name_of
from derive.kernel.verdict import Proved
from derive.notation import Node as Tree
from derive.notation import Notation, spell_out
from derive.notation.spell_out import MOST
from derive.report.formula import Cited, Formula, Judge, Judged, equation

if TYPE_CHECKING:
    from derive.forward_mode import Equation
    from derive.numeric.crosscheck import NumericCheck

__all__ = ["CheckLine", "ClosedFormLine", "Entry", "GraphNode", "Line", "NumericLine", "Report", "catalogue", "report"]

T = TypeVar("T")
SEVERITY = ("proved", "failed", "undecided", "refuted")


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the computation graph: what it is, its value, what it reads. `kind`: input, intermediate or output."""

    name: str
    kind: str
    symbol: Formula
    value: Formula | None
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the derivation.

    `name` is the left side, `right` the right one, `formula` the whole equation; `spelled_out` is the equation at the
    given m where that helps; `because` are the identities it used.
    """

    number: int
    part: str
    name: Formula
    formula: Formula
    right: Formula
    rule: str
    judged: Judged
    because: tuple[Cited, ...] = ()
    spelled_out: Formula | None = None


@dataclass(frozen=True, slots=True)
class ClosedFormLine:
    """The closed form found for one gradient, beside the stated one; `stated` is None where the layer states none."""

    of: str
    name: Formula
    found: Formula
    stated: Formula | None
    judged: Judged
    because: tuple[Cited, ...]
    operations_staged: int
    operations_found: int
    spelled_out: Formula | None = None


@dataclass(frozen=True, slots=True)
class IdentityLine:
    """An identity under its label: in words, as an equation, its proof as a chain of equalities, and what it needs."""

    label: str
    title: str
    formula: Formula
    proof: Formula
    definitions: tuple[Formula, ...]
    assumptions: tuple[Formula, ...]
    judged: Judged


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One route: its worst verdict (empty if it was not taken), and the time it took."""

    name: str
    verdict: str
    detail: str
    seconds: float
    failing: tuple[tuple[str, Judged], ...] = ()


@dataclass(frozen=True, slots=True)
class NumericLine:
    """All comparisons with one oracle in one dtype: the worst of each measure against its tolerance."""

    against: str
    dtype: str
    cases: int
    max_relative_error: float
    scaled_error: float
    tolerance: float
    passed: bool
    worst_case: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a writer needs. `m` is None for every m; `loss` is the name of what is differentiated.

    `every` and `at` say for which sizes in words: "every N and D", "N = D = 4". `assumptions` are equations that are
    taken to hold. `second` says that this is the backward pass of a backward pass: the output is then the part of the
    loss that is linear in the gradients, and `meanings` says which derivatives the layer's quantities are.
    `forward_mode` are its lines, if it was asked for: tangents, Jacobian–vector product, that this is the transpose of
    the backward pass, Jacobian.
    """

    layer: str
    title: str
    loss: Formula
    source: str
    m: int | None
    every: str
    at: str
    assumptions: tuple[Formula, ...]
    upstream: Formula
    graph: tuple[GraphNode, ...]
    forward: tuple[Line, ...]
    steps: tuple[Line, ...]
    closed_forms: tuple[ClosedFormLine, ...]
    identities: tuple[IdentityLine, ...]
    checks: tuple[CheckLine, ...]
    numeric: tuple[NumericLine, ...]
    verdict: str
    versions: tuple[tuple[str, str], ...]
    stable: bool
    second: bool = False
    meanings: tuple[Formula, ...] = ()
    forward_mode: tuple[Line, ...] = ()


def report(derivation: Derivation, *, stable: bool = False, forward_mode: bool = False) -> Report:
    """The report of a derivation, with its forward mode if that is asked for.

    With `stable` it holds nothing that differs from run to run: no times, no measured errors, no versions.
    """
    one = _Reporter(derivation, stable=stable).report()
    if not forward_mode:
        return one
    lines = _ForwardReporter(derivation, stable=stable).lines(len(one.steps))
    labels = (one.verdict, worst(derivation.forward_mode.verdicts))
    return replace(one, forward_mode=lines, verdict=max(labels, key=SEVERITY.index))


class _Reporter:
    def __init__(self, derivation: Derivation, *, stable: bool) -> None:
        self.derivation, self.stable = derivation, stable
        self.notation: Notation = derivation.notation
        self.judge = Judge(self.notation)
        self._listed: dict[Identity, tuple[str, Identity]] = {}

    def report(self) -> Report:
        one = self.derivation
        output = one.graph.output
        last = {(step.part, step.target): step for step in one.steps}.values()
        steps = tuple(self._line(number, step, last=step in last) for number, step in enumerate(one.steps, 1))
        closed_forms = tuple(self._closed_form(form) for form in one.closed_forms)
        checks = tuple(self._check(check) for check in one.checks)
        numeric, seconds = timed(lambda: numeric_lines(one.numeric, stable=self.stable))
        return Report(
            layer=one.layer.name,
            title=one.layer.title,
            loss=self.formula(Symbol(one.layer.loss)),
            source=one.layer.source,
            m=one.m,
            every=one.every,
            at=one.at,
            assumptions=self.assumptions(),
            upstream=self._upstream(output),
            graph=tuple(self._node(node) for node in one.graph.nodes.values()),
            forward=tuple(self._forward(number, node) for number, node in enumerate(one.graph.intermediates, 1)),
            steps=steps,
            closed_forms=closed_forms,
            identities=tuple(self._identity_line(*one) for one in self._listed.values()),
            checks=(*checks, numeric_route(one, 0.0 if self.stable else seconds)),
            numeric=numeric,
            verdict=one.verdict,
            versions=() if self.stable else versions(),
            stable=self.stable,
            second=one.layer.upstream is None,
            meanings=tuple(self.equation(line.target, line.value) for line in one.layer.meanings),
        )

    def _upstream(self, output: Node) -> Formula:
        """g_i = ∂L/∂y_i, and ∂L/∂y = 1 where the output is the loss itself."""
        given, adjoint = upstream_of(self.derivation.graph), adjoint_of(self.derivation.graph, output)
        return self.equation(adjoint, given) if given == 1 else self.equation(given, adjoint)

    # --- formulas ------------------------------------------------------------------------------------------------

    def formula(self, expr: Expr | Tree) -> Formula:
        tree = self.notation.tree(expr)
        return Formula(self.notation.text(tree), self.notation.latex(tree))

    def equation(self, left: Expr, right: Expr) -> Formula:
        return equation(self.formula(left), self.formula(right))

    def identities(self, reasons: Iterable[Reason]) -> tuple[Cited, ...]:
        return tuple(self.identity(reason.identity) for reason in reasons)

    def identity(self, one: Identity) -> Cited:
        """The identity with its label, which it gets where it is met first."""
        said = self.equation(one.left, one.right)
        label, _ = self._listed.setdefault(canonical(one), (f"I{len(self._listed) + 1}", one))
        return Cited(said.text, said.latex, label)

    def _identity_line(self, label: str, one: Identity) -> IdentityLine:
        found = explained(one, self.derivation.graph, self.derivation.kernel)
        links = [self.formula(link) for link in found.chain]
        proof = Formula(" = ".join(link.text for link in links), " = ".join(link.latex for link in links))
        nodes = [self.derivation.graph.nodes[name] for name in found.used]
        defined = tuple(self.formula(node.target) for node in nodes if node.value is not None)
        assumed = tuple(self.formula(node.target) for node in nodes if node.value is None)
        said, judged = self.equation(one.left, one.right), self.judge(found.verdict)
        return IdentityLine(label, found.title, said, proof, defined, assumed, judged)

    def assumptions(self) -> tuple[Formula, ...]:
        return tuple(self.equation(one.total, S.One) for one in self.derivation.layer.assumptions)

    def _spelled_out(self, target: Expr, value: Expr) -> Formula | None:
        """The equation at the given m, its free indices at 1: where m is small and the general form has a Σ."""
        m, sizes = self.derivation.m, self.derivation.graph.sizes
        if m is None or not 1 < m <= MOST or len(sizes) != 1 or not value.has(Sum):
            return None
        first = dict.fromkeys(indices_of(target), 1)
        left, right = (spell_out(side, m, sizes[0], first, self.notation) for side in (target, value))
        return equation(self.formula(left), self.formula(right))

    # --- parts ---------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> GraphNode:
        kind = "input" if node.value is None else "output" if node is self.derivation.graph.output else "intermediate"
        value = None if node.value is None else self.formula(node.value)
        return GraphNode(node.name, kind, self.formula(node.target), value, node.reads)

    def _forward(self, number: int, node: Node) -> Line:
        name, value = self.formula(node.target), self.formula(node.value)
        spelled = self._spelled_out(node.target, node.value)
        whole = equation(name, value)
        return Line(number, "forward pass", name, whole, value, "definition", Judged("definition"), (), spelled)

    def _line(self, number: int, step: Step, *, last: bool) -> Line:
        """A step as data. Only the last line for a quantity is spelled out: the others would repeat it."""
        label = worst((step.verdict, *(reason.verdict for reason in step.because)))
        spelled = self._spelled_out(step.target, step.value) if last and step.part != "local partials" else None
        name, value = self.formula(step.target), self.formula(step.value)
        return Line(
            number,
            step.part,
            name,
            equation(name, value),
            value,
            step.rule,
            self.judge(step.verdict, label),
            self.identities(step.because),
            spelled,
        )

    def _closed_form(self, form: ClosedForm) -> ClosedFormLine:
        staged, found = form.operations
        return ClosedFormLine(
            name_of(form.of),
            self.formula(form.target),
            self.formula(form.found),
            None if form.stated is None else self.formula(form.stated),
            self.judge(form.verdict),
            self.identities(form.because),
            staged,
            found,
            self._spelled_out(form.target, form.found),
        )

    def _check(self, check: Check) -> CheckLine:
        label = worst(verdict for _, verdict in check.verdicts) if check.verdicts else ""
        failing = tuple((name, self.judge(v)) for name, v in check.verdicts if not isinstance(v, Proved))
        return CheckLine(check.name, label, check.detail, 0.0 if self.stable else check.seconds, failing)


class _ForwardReporter(_Reporter):
    """The forward mode in the notation that knows its tangents."""

    def __init__(self, derivation: Derivation, *, stable: bool) -> None:
        super().__init__(derivation, stable=stable)
        self.notation = derivation.forward_mode.notation
        self.judge = Judge(self.notation)

    def identity(self, one: Identity) -> Cited:
        """Without a label: those that are listed are the backward pass's."""
        said = self.equation(one.left, one.right)
        return Cited(said.text, said.latex)

    def lines(self, before: int) -> tuple[Line, ...]:
        """Every line, numbered after those that come before."""
        mode = self.derivation.forward_mode
        steps = [partial(self._line, step=step, last=False) for step in mode.steps]
        steps.append(
            partial(self._equation, part="transpose", rule="pairing with the upstream gradient", one=mode.transpose)
        )
        steps += [partial(self._equation, part="Jacobian", rule="one element moves", one=one) for one in mode.jacobian]
        return tuple(line(number) for number, line in enumerate(steps, before + 1))

    def _equation(self, number: int, part: str, rule: str, one: Equation) -> Line:
        name, value = self.formula(one.name), self.formula(one.right)
        return Line(number, part, name, equation(name, value), value, rule, self.judge(one.verdict))


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer of the catalogue: its forward pass, what it assumes, and its closed forms."""

    name: str
    title: str
    forward: tuple[Formula, ...]
    assumptions: tuple[Formula, ...]
    closed_forms: tuple[Formula, ...]

    @property
    def formulas(self) -> tuple[Formula, ...]:
        return (*self.forward, *self.closed_forms)


def catalogue() -> tuple[Entry, ...]:
    """Every layer there is, as stated; nothing is derived."""
    return tuple(_entry(Derivation(layers.load(name))) for name in layers.names())


def _entry(one: Derivation) -> Entry:
    reporter = _Reporter(one, stable=True)
    forward = (reporter.equation(line.target, line.value) for line in one.layer.forward)
    claims = (
        reporter.equation(adjoint_of(one.graph, one.graph.nodes[name_of(claim.of)]), claim.form) for claim in one.claims
    )
    return Entry(one.layer.name, one.layer.title, tuple(forward), reporter.assumptions(), tuple(claims))


def numeric_route(derivation: Derivation, seconds: float) -> CheckLine:
    """The fourth route as one line beside the exact ones."""
    found = derivation.numeric
    if not found:
        return CheckLine("closed form in NumPy = every oracle", "", derivation.not_compared, seconds)
    failed = sum(not one.passed for one in found)
    detail = f"{len(found)} comparisons" + (f", {failed} outside their tolerance" if failed else "")
    return CheckLine("closed form in NumPy = every oracle", "failed" if failed else "passed", detail, seconds)


def numeric_lines(found: tuple[NumericCheck, ...], *, stable: bool) -> tuple[NumericLine, ...]:
    """One line for each oracle and dtype, with the comparison that came nearest to its tolerance."""
    groups: dict[tuple[str, str], list[NumericCheck]] = {}
    for one in found:
        groups.setdefault((one.against, one.dtype), []).append(one)
    return tuple(_numeric_line(group, stable=stable) for group in groups.values())


def _numeric_line(group: list[NumericCheck], *, stable: bool) -> NumericLine:
    near = max(group, key=lambda one: (not one.passed, _share_of_tolerance(one)))
    return NumericLine(
        near.against,
        near.dtype,
        len(group),
        0.0 if stable else near.max_relative_error,
        0.0 if stable else near.scaled_error,
        0.0 if stable else near.tolerance,
        all(one.passed for one in group),
        "" if stable else f"{near.quantity}, {near.size} = {near.m}{', ' + near.case if near.case else ''}",
    )


def _share_of_tolerance(one: NumericCheck) -> float:
    """How much of its tolerance an error takes up; every error is too large for a tolerance of 0."""
    if one.tolerance:
        return one.scaled_error / one.tolerance
    return inf if one.scaled_error else 0.0


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result of `work` and the seconds it took."""
    start = perf_counter()
    result = work()
    return result, perf_counter() - start


def versions() -> tuple[tuple[str, str], ...]:
    """The versions a report was made with."""
    import platform

    import numpy as np
    import sympy

    from derive import __version__

    return (
        ("derive-bn", __version__),
        ("Python", platform.python_version()),
        ("SymPy", sympy.__version__),
        ("NumPy", np.__version__),
    )
