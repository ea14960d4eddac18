"""What the cases of an examination showed of each gradient, and what is particular about those that fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from derive.graph import Node
from derive.report.examination import Failing, Inaccurate
from derive.testing.battery import Case, Drawn
from derive.testing.diagnosis import Observation
from derive.testing.judge import SEVERITY, SINGLE, Judged
from derive.testing.truth import Known, Truth

__all__ = [
    "Finding",
    "as_failing",
    "as_inaccurate",
    "condition_of",
    "ever_returned",
    "for_want_of_range",
    "from_conditions",
    "is_small",
    "is_worse",
    "observation",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One gradient in one case."""

    of: str
    case: Case
    rank: int
    condition: str
    judged: Judged
    observation: Observation | None


def is_worse(one: Judged, other: Judged) -> bool:
    return (SEVERITY.index(one.status), one.scaled) > (SEVERITY.index(other.status), other.scaled)


def ever_returned(names: Sequence[str], findings: Sequence[Finding]) -> tuple[str, ...]:
    """The gradients that were returned at least once; all of them if none ever was."""
    seen = {one.of for one in findings if one.judged.status != "missing"}
    return tuple(of for of in names if of in seen) or tuple(names)


def as_failing(one: Finding) -> Failing:
    judged = one.judged
    size = "of its size" if judged.relative != inf else "of its natural size, where it should be 0"
    said = judged.said or f"off by {judged.scaled if judged.relative == inf else judged.relative:.2g} {size}"
    return Failing(one.condition, judged.relative, said)


def as_inaccurate(found: Sequence[Finding]) -> Iterable[Inaccurate]:
    """The first condition of each kind: for data far from zero the smallest κ of each dtype."""
    kinds: dict[tuple[str, str], Finding] = {}
    for one in found:
        kinds.setdefault((one.case.kind, one.case.dtype), one)
    for one in kinds.values():
        yield Inaccurate(one.condition, one.judged.scaled, one.judged.expected, one.judged.said)


def for_want_of_range(one: Finding, findings: Sequence[Finding]) -> bool:
    """Whether it overflows for huge float64 data because it computes in float32, which is told of it already."""
    single = any(other.judged.said == SINGLE for other in findings if other.case.kind == "plain")
    return single and one.judged.status == "not finite" and one.case.kind in {"huge", "far"}


def observation(case: Case, drawn: Drawn, number: int, judged: Judged, known: Known) -> Observation | None:
    """What the diagnosis is to explain: plain cases of moderate size alone."""
    if case.kind != "plain" or case.dtype != "float64" or case.said == "large":
        return None
    if judged.found is None or np.iscomplexobj(judged.found):
        return None
    return Observation(drawn.inputs, drawn.upstreams[number], judged.found, known.value, known.tight)


def from_conditions(findings: Sequence[Finding]) -> str | None:
    """What is particular about the cases that fail, where the plain ones do not."""
    lost = {one.case.arrangement for one in findings if one.case.kind == "plain" and one.judged.failed}
    failed: dict[str, list[bool]] = defaultdict(list)
    for one in findings:
        if one.case.kind == "plain" or one.case.arrangement not in lost:
            failed[_kind(one)].append(one.judged.failed)
    wrong = [kind for kind, each in failed.items() if any(each)]
    said = {one.judged.said for one in findings if one.judged.failed and one.judged.said}
    if len(wrong) == len(failed) or not wrong[0]:
        first = next(one for one in findings if one.judged.failed)
        return first.judged.said or None
    reason = f": {next(iter(said))}" if len(said) == 1 else ""
    return f"right, but not for {' and '.join(wrong)}{reason}"


def _kind(one: Finding) -> str:
    """What is particular about a case; nothing about a plain one of the first rank."""
    case = one.case
    if case.kind == "plain" and not case.said:
        return f"rank {one.rank}" if case.arrangement else ""
    return case.dtype if case.kind == "dtype" else case.said


def condition_of(case: Case, truth: Truth) -> str:
    """A case in words: shape (5, 4), ε = 0.1, float32, non-contiguous."""
    data = truth.arrangement.data or truth.made.names[:1]
    shape = truth.arrangement.shape(truth.arrangement.quantities[data[0]], case.sizes)
    small = [f"{node.name} = {case.epsilon:g}" for node in truth.derivation.graph.inputs if is_small(node)]
    words = [f"shape {shape}", *small, case.dtype, *([case.said] if case.said else [])]
    return ", ".join(words)


def is_small(node: Node) -> bool:
    return not node.shape and bool(node.target.is_positive)
