"""What an examination found, as plain data: a verdict per gradient, where it fails, and what the function computes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Examination", "Failing", "Inaccurate", "Output"]


@dataclass(frozen=True, slots=True)
class Failing:
    """A condition under which a gradient is wrong; `error` is max|error| / max|gradient| where there is a number."""

    condition: str
    error: float | None
    said: str


@dataclass(frozen=True, slots=True)
class Inaccurate:
    """A right gradient that loses digits: from `condition` on the error is above what the data's conditioning asks for.

    `expected` is the error that the closed form may have there, both relative to the gradient's natural magnitude.
    """

    condition: str
    error: float
    expected: float
    said: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One gradient: `max_relative_error` is the largest over the plain float64 cases."""

    name: str
    of: str
    passed: bool
    max_relative_error: float | None
    failing: tuple[Failing, ...] = ()
    inaccurate: tuple[Inaccurate, ...] = ()
    diagnosis: str | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """The whole: `problems` are failures of the function that concern no single gradient, such as printing."""

    function: str
    layer: str
    framework: str
    proved: bool
    outputs: tuple[Output, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cases: int = 0
    binding: str = ""

    @property
    def passed(self) -> bool:
        """Whether every gradient that was returned is right, and the function behaves."""
        return bool(self.outputs) and not self.problems and all(one.passed for one in self.outputs)

    @property
    def verdict(self) -> str:
        return "passed" if self.passed else "failed"

    def __bool__(self) -> bool:
        return self.passed
