"""Closed form equals autodiff, for every layer there is.

Run it with `python checks/closed_form_equals_autodiff.py`; it needs the `oracles` extra. Two kinds of autodiff are
taken: the project's own reverse mode over the computation graph, of which equality is proved for every batch size, and
the automatic differentiation libraries that are installed (HIPS autograd at least), compared in floating point. A layer
added under `derive/layers/` is covered without a change here. Exit code: 0 all equal, 1 not, 2 without autograd.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from derive import layers
from derive.derivation import Derivation, derive, worst
from derive.numeric.oracles import AUTODIFF, unavailable

REQUIRED = "autograd"


def failures(derivation: Derivation) -> Iterator[str]:
    """What is not equal, one sentence each. Nothing compared counts as a failure."""
    for check in derivation.checks:
        for quantity, verdict in check.verdicts:
            if worst([verdict]) != worst([]):
                yield f"{quantity}: {check.name} is {verdict.label}: {verdict}"
    for step in derivation.steps:
        if worst([step.verdict]) != worst([]):
            yield f"step {step}"
    found = [one for one in derivation.numeric if one.against in AUTODIFF]
    for one in found:
        if not one.passed:
            far = f"{one.scaled_error:.1e} > {one.tolerance:.1e}"
            yield f"{one.quantity} differs from {one.against} by {far} ({one.case})"
    for claim in derivation.layer.gradients:
        name = claim.of.base.label.name if hasattr(claim.of, "base") else claim.of.name
        if not any(one.quantity == name and one.against == REQUIRED for one in found):
            yield f"{name} was not compared with {REQUIRED}"


def check(derivation: Derivation) -> int:
    """Prints one line for the layer and one for each failure. The number of failures."""
    wrong = list(failures(derivation))
    libraries = sorted({one.against for one in derivation.numeric if one.against in AUTODIFF})
    compared = sum(one.against in AUTODIFF for one in derivation.numeric)
    result = "differs from autodiff" if wrong else "equals reverse mode for every m, and"
    print(f"{derivation.layer.name}: closed form {result} {', '.join(libraries)} in {compared} comparisons")
    for sentence in wrong:
        print(f"  {sentence}")
    return len(wrong)


def main() -> int:
    if REQUIRED in unavailable():
        print(f"{REQUIRED} is not installed. Install it with: pip install 'derive-bn[oracles]'", file=sys.stderr)
        return 2
    return 1 if sum(check(derive(name, 4, thorough=True)) for name in layers.names()) else 0


if __name__ == "__main__":
    sys.exit(main())
