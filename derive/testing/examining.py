"""The examination of a backward function: find out how to call it, put it through the battery, judge, and diagnose.

Promises: the function is judged against the proved closed forms of the layer and nothing else, and whatever it does is
told of it. Of the ranks that no axes were given for, those that the function refuses with an exception are left out; it
has to be right at one, and at every other that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from derive.errors import DeriveError
from derive.layers.layer import Layer
from derive.own_layers import is_file, load_layer
from derive.report.examination import Examination, Failing, Output
from derive.testing.arrangement import Arrangement, arrangements, vector
from derive.testing.battery import EPSILONS, Case, Drawn, battery, draw
from derive.testing.binding import Binding, bindings, has_upstream, knows_epsilon
from derive.testing.call import Call, Outcome, Returned
from derive.testing.calls import Caller, perturbed
from derive.testing.diagnosis import diagnose
from derive.testing.findings import (
    Finding,
    as_failing,
    as_inaccurate,
    condition_of,
    ever_returned,
    for_want_of_range,
    from_conditions,
    is_small,
    is_worse,
    observation,
)
from derive.testing.frameworks import FRAMEWORKS
from derive.testing.judge import SEVERITY, Judged, excused, judge
from derive.testing.outputs import MismatchError, by_name, gradient_name
from derive.testing.runner import BrokenFileError, Child, InProcess, Runner, place_of
from derive.testing.truth import UNITS, Known, Truth, truth_of

__all__ = ["Request", "examine"]

DEFAULT_EPSILON = 1e-5
PRINTS, CHANGES = "it prints to standard output", "it changes its argument"
TRIES = 2
"""Calls with perturbed arguments that tell whether an error is one of rounding."""
MOST_FAILING = 8
"""Conditions listed for one gradient."""


@dataclass(frozen=True, slots=True)
class Request:
    """How a function is to be examined.

    `axes` are the names of the data's axes, `layout` the same in the order in which the program has them; `given` says
    of parameters what they stand for, `returns` what is returned; `forward` is the function that makes the `cache` that
    a backward function takes; `epsilon` is the constant of a function that is not told one.
    """

    layer: str | Layer = "batchnorm"
    framework: str | None = None
    axes: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    returns: tuple[str, ...] = ()
    forward: str | Callable[..., Any] | None = None
    epsilon: float = DEFAULT_EPSILON
    seconds: float = 5.0


def examine(function: str | Callable[..., Any], layer: str | Layer = "batchnorm", **options: Any) -> Examination:  # noqa: ANN401
    """Examines a backward function: FILE.py:NAME or MODULE:NAME, which runs in a process of its own, or a function.

    The options are the fields of `Request`. Raises a `DeriveError` for what can't be examined: no such function or
    layer, or parameters that match nothing.
    """
    asked = Request(layer, **options)
    said = function if isinstance(function, str) else getattr(function, "__qualname__", repr(function))
    subjects = _subjects(asked)
    try:
        runner = _runner(function, asked)
    except BrokenFileError as error:
        return _without_calls(said, asked, subjects, str(error).removesuffix(" Correct the file."))
    try:
        return _Examining(said, asked, subjects, runner).result()
    finally:
        runner.close()


def _subjects(asked: Request) -> tuple[Arrangement, ...]:
    layer = asked.layer
    if isinstance(layer, str) and is_file(layer):
        layer = load_layer(layer, asked.axes)
    return arrangements(layer, asked.axes, asked.layout)


def _runner(function: str | Callable[..., Any], asked: Request) -> Runner:
    forward = asked.forward
    if isinstance(function, str):
        if callable(forward):
            raise DeriveError("The forward pass is a function and the other a name. Give both alike.")
        return Child(place_of(function), asked.framework, None if forward is None else place_of(forward))
    if isinstance(forward, str):
        raise DeriveError("The forward pass is a name and the other a function. Give both alike.")
    return InProcess(function, asked.framework, forward)


def _without_calls(said: str, asked: Request, subjects: Sequence[Arrangement], problem: str) -> Examination:
    """What is said of a function whose file can't be imported."""
    truth = truth_of(subjects[0])
    outputs = _all_failed(truth, problem)
    return Examination(said, truth.layer.name, asked.framework or "numpy", truth.proved, outputs, (problem,))


def _all_failed(truth: Truth, problem: str) -> tuple[Output, ...]:
    failing = (Failing("always", None, problem),)
    return tuple(Output(gradient_name(of), of, False, None, failing, (), problem) for of in truth.names)  # noqa: FBT003


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to call the function over one arrangement, and how that went the first time."""

    truth: Truth
    binding: Binding
    positive: bool
    status: str
    said: str

    @property
    def refused(self) -> bool:
        return self.status == "raised"


class _Examining:
    """One examination in the making."""

    def __init__(self, said: str, asked: Request, subjects: Sequence[Arrangement], runner: Runner) -> None:
        self.said, self.asked, self.subjects, self.runner = said, asked, subjects, runner
        self.native = FRAMEWORKS[runner.described.framework]
        # A function of PyTorch's or JAX's arrays may be a forward pass that the framework differentiates.
        self.may_be_forward = runner.described.forward or self.native.name != "numpy"
        self.problems: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.stopped = False
        self.cases = 0

    def result(self) -> Examination:
        ways = [self._way(one) for one in self.subjects]
        chosen = self._chosen(ways)
        findings = [one for case in self._battery(chosen) for one in self._case(case, chosen[case.arrangement])]
        home = chosen[0]
        by_gradient = {
            of: [one for one in findings if one.of == of] for of in ever_returned(home.truth.names, findings)
        }
        outputs = tuple(self._output(of, found, chosen) for of, found in by_gradient.items() if found)
        return Examination(
            self.said,
            home.truth.layer.name,
            self.native.name,
            home.truth.proved,
            outputs or self._nothing(home),
            tuple(self.problems),
            tuple(self.notes),
            self.cases,
            home.binding.words(_upstream_words(home.truth)),
        )

    # --- how to call it ----------------------------------------------------------------------------------------------

    def _way(self, subject: Arrangement) -> _Way:
        """The first way to call the function that is right, or else the best."""
        truth = truth_of(subject)
        cached = self.runner.forward is not None
        ways = bindings(self.runner.described, subject, self.asked.given, cached=cached, forward=self.may_be_forward)
        tried: list[_Way] = []
        for binding in ways:
            tried.append(self._tried(truth, binding))
            if tried[-1].status == "right" or self.stopped:
                break
        return min(tried, key=lambda way: ("right", "wrong", "wrong shape", "raised").index(way.status))

    def _tried(self, truth: Truth, binding: Binding) -> _Way:
        epsilons = self._epsilons(truth, binding)
        case = next(iter(battery([truth.arrangement], self.native, epsilons)))
        case = replace(case, jacobian=False, directions=1)
        drawn, positive = _drawn(case, truth)
        if not self.may_be_forward and not has_upstream(binding):
            drawn = drawn.with_ones()
        (outcome,) = self._run(self._caller(truth, binding).calls(case, drawn), condition_of(case, truth))[:1]
        if outcome.error:
            return _Way(truth, binding, positive, "raised", outcome.error)
        found = self._judged(outcome, truth, case, self._known(truth, case, drawn, 0))
        worst = max((one.status for one in found.values()), key=SEVERITY.index, default="missing")
        kind = "right" if SEVERITY.index(worst) < SEVERITY.index("wrong") else worst
        status = kind if kind in {"right", "wrong shape"} else "wrong"
        return _Way(truth, binding, positive, status, next((one.said for one in found.values() if one.said), ""))

    def _epsilons(self, truth: Truth, binding: Binding) -> tuple[float, ...]:
        if not any(is_small(node) for node in truth.derivation.graph.inputs):
            return (EPSILONS[0],)
        return EPSILONS if knows_epsilon(binding, truth.derivation.graph) else (self.asked.epsilon,)

    def _chosen(self, ways: Sequence[_Way]) -> list[_Way]:
        """The arrangements to test at: the first that the function is right at leads, what it refuses is left out."""
        home = next((number for number, way in enumerate(ways) if way.status == "right"), None)
        if home is None:
            taken = [way for way in ways if not way.refused] or list(ways[:1])
            self._hint(taken[0])
            other = sorted(self.runner.described.libraries - {self.native.name})
            if taken[0].refused and other:
                self.notes[f"its file imports {other[0]}; if it takes its arrays, say --framework {other[0]}"] = None
            return taken[:1] if taken[0].refused else taken
        below = [way for way in ways[:home] if way.status == "wrong"]
        above = [way for way in ways[home + 1 :] if not way.refused]
        for way in ways:
            if way is not ways[home] and way not in below and way not in above:
                self.notes[f"rank {way.truth.arrangement.rank} is not taken: {way.said}"] = None
        wrong = [str(way.truth.arrangement.rank) for way in above if way.status != "right"]
        if wrong:
            subject = ways[home].truth.arrangement
            said = f"right at rank {subject.rank} and wrong at rank {' and '.join(wrong)}"
            self.notes[f"{said}; if it is for the former alone, say --axes {','.join(subject.axes)}"] = None
        return [ways[home], *below, *above]

    def _hint(self, way: _Way) -> None:
        """What is wrong everywhere may be right for a single vector."""
        own = not isinstance(self.asked.layer, str) or is_file(self.asked.layer)
        if not own and not self.asked.axes and not self.stopped:
            subject = vector(way.truth.layer.name)
            if subject is not None and self._way(subject).status == "right":
                axes = ",".join(subject.axes)
                self.notes[f"right for data of rank 1; if it is only for that, say --axes {axes}"] = None

    # --- the battery -------------------------------------------------------------------------------------------------

    def _battery(self, chosen: Sequence[_Way]) -> Iterable[Case]:
        home = chosen[0]
        for case in battery(
            [way.truth.arrangement for way in chosen], self.native, self._epsilons(home.truth, home.binding)
        ):
            if self.stopped:
                return
            yield case

    def _case(self, case: Case, way: _Way) -> list[Finding]:
        drawn, _ = _drawn(case, way.truth, positive=way.positive)
        if not way.truth.defined(drawn.inputs):
            return []
        self.cases += 1
        if not self.may_be_forward and not has_upstream(way.binding):
            drawn = drawn.with_ones()
            self.notes["it takes no upstream gradient, so that is 1"] = None
        calls = self._caller(way.truth, way.binding).calls(case, drawn)
        outcomes = self._run(calls, condition_of(case, way.truth))
        if case.seed == 0:
            self._compare(outcomes[0], self._run(calls[:1], "")[0])
        condition = condition_of(case, way.truth)
        worst: dict[str, Finding] = {}
        for number, outcome in enumerate(outcomes):
            known = self._known(way.truth, case, drawn, number)
            found = self._judged(outcome, way.truth, case, known)
            if case.kind != "plain" and any(one.status == "wrong" for one in found.values()):
                found = self._excused(found, calls[number], way, (case, known))
            for of, judged in found.items():
                rank = way.truth.arrangement.rank
                finding = Finding(
                    of, case, rank, condition, judged, observation(case, drawn, number, judged, known[of])
                )
                if of not in worst or is_worse(judged, worst[of].judged):
                    worst[of] = finding
        return list(worst.values())

    def _compare(self, one: Outcome, other: Outcome) -> None:
        """A function has one result for the same arguments, whatever was called before."""
        pairs = zip(one.returned, other.returned, strict=False)
        if not one.error and not other.error and not all(_alike(*pair) for pair in pairs):
            self.problems["it gives another result for the same arguments"] = None

    def _excused(
        self, found: Mapping[str, Judged], one: Call, way: _Way, what: tuple[Case, Mapping[str, Known]]
    ) -> dict[str, Judged]:
        """Wrong gradients that are only inaccurate: as far off as the rounding of the function's arguments takes it.

        The x̂ that a function makes of y has lost digits before it began, and no other computation gets them back.
        """
        case, known = what
        moved = [self._run([perturbed(one, UNITS[case.dtype], seed)], "")[0] for seed in range(TRIES)]
        others = [self._judged(outcome, way.truth, case, known) for outcome in moved]
        return {of: excused(judged, [each.get(of) for each in others]) for of, judged in found.items()}

    def _caller(self, truth: Truth, binding: Binding) -> Caller:
        differentiated = self.may_be_forward and not has_upstream(binding)
        return Caller(truth, binding, self.runner.forward, self.asked.seconds, differentiated)

    def _run(self, calls: Sequence[Call], condition: str) -> list[Outcome]:
        if self.stopped:
            return [Outcome(error="it was stopped")]
        outcomes = self.runner.run(calls)
        for outcome in outcomes:
            if outcome.printed.strip() and not any(one.startswith(PRINTS) for one in self.problems):
                self.problems[f"{PRINTS}: {_first_line(outcome.printed)}"] = None
            for name in outcome.changed:
                self.problems[f"{CHANGES} {name}"] = None
            if outcome.timed_out:
                self.stopped = True
                self.problems[f"{outcome.error} ({condition})"] = None
        return outcomes

    def _judged(self, outcome: Outcome, truth: Truth, case: Case, known: Mapping[str, Known]) -> dict[str, Judged]:
        """The verdict on each gradient that the function returned; one that raised returned none of them."""
        if outcome.error:
            return {of: Judged("missing", said=outcome.error) for of in truth.names}
        try:
            named = by_name(outcome.returned, self.runner.described, truth, self.asked.returns, case.sizes)
        except MismatchError as error:
            return {of: Judged("missing", said=str(error)) for of in truth.names}
        where = (truth.arrangement, case.sizes)
        return {of: judge(one, of, where, known[of], case.dtype) for of, one in named.items()}

    def _known(self, truth: Truth, case: Case, drawn: Drawn, number: int) -> dict[str, Known]:
        return truth.gradients(drawn.inputs, drawn.upstreams[number], case.dtype, digits=case.needs_digits)

    # --- the result --------------------------------------------------------------------------------------------------

    def _nothing(self, home: _Way) -> tuple[Output, ...]:
        """Every gradient failed, for a function that gave none."""
        return _all_failed(home.truth, home.said or next(iter(self.problems), "it returned no gradient"))

    def _output(self, of: str, findings: Sequence[Finding], chosen: Sequence[_Way]) -> Output:
        failed = [one for one in findings if one.judged.failed and not self._told_already(one, findings)]
        failing = tuple(as_failing(one) for one in failed[:MOST_FAILING])
        plain = [
            one.judged.relative for one in findings if one.case.kind == "plain" and one.judged.relative is not None
        ]
        return Output(
            gradient_name(of),
            of,
            not failed,
            max(plain, default=None),
            failing,
            () if failed else tuple(as_inaccurate([one for one in findings if one.judged.status == "inaccurate"])),
            self._diagnosis(of, findings, chosen) if failed else None,
        )

    def _told_already(self, one: Finding, findings: Sequence[Finding]) -> bool:
        """Whether a failure only follows from what is told of the function elsewhere."""
        if any(problem.startswith(CHANGES) for problem in self.problems) and one.case.memory == "broadcast":
            return one.judged.status == "missing"  # it writes into what can't be written to
        return for_want_of_range(one, findings)

    def _diagnosis(self, of: str, findings: Sequence[Finding], chosen: Sequence[_Way]) -> str | None:
        """What it is instead, at the first rank at which plain data fails; or what the failing cases have in common."""
        told = from_conditions(findings)
        for number, way in enumerate(chosen):
            seen = [one for one in findings if one.observation is not None and one.case.arrangement == number]
            if any(one.judged.failed for one in seen):
                observations = [one.observation for one in seen if one.observation is not None]
                found = diagnose(way.truth.derivation, of, observations)
                if found is None:
                    return told
                return found.words if number == 0 else f"{told}: there {found.words}"
        return told


def _alike(one: Returned, other: Returned) -> bool:
    if one.array is None or other.array is None:
        return one.array is other.array
    if np.shape(one.array) != np.shape(other.array):
        return False
    return bool(np.allclose(one.array, other.array, 1e-6, 0, equal_nan=True))


def _drawn(case: Case, truth: Truth, *, positive: bool | None = None) -> tuple[Drawn, bool]:
    """The data; where the layer has no value with signs, parameters without them."""
    graph = truth.derivation.graph
    drawn = draw(case, truth.arrangement, graph, positive=bool(positive))
    if positive is None and not truth.defined(drawn.inputs):
        return draw(case, truth.arrangement, graph, positive=True), True
    return drawn, bool(positive)


def _first_line(text: str) -> str:
    return repr(text.strip().splitlines()[0][:80])


def _upstream_words(truth: Truth) -> str:
    return f"∂{truth.layer.loss}/∂{truth.derivation.graph.output.name}"
