"""What every writer says about accuracy: the columns of a table, numbers, and the sentences around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from derive.report.accuracy import AccuracyLine, AccuracyReport

__all__ = ["ROUNDING", "Column", "chosen", "columns_of", "error", "factors", "measures", "number", "summary", "title"]

CLOSED = "closed form"
ROUNDING, FEW = 16, 100
"""Machine epsilons up to which an error is one of rounding, and up to which it is told in them."""

CENTRED = 1.0
"""Data with κ up to this is near zero: nothing is lost before a computation starts."""


ERRORS = (
    "Error: max|error| over the natural magnitude of the gradient, against {digits} digits on the very numbers that the"
    " dtype holds; the worst of up to {draws} draws."
)
DATA = (
    "Data: scale · (κ + normal), {size} elements to a statistic; one of κ, scale and m is varied at a time from"
    " κ = {kappa}, scale = {scale}, m = {m}, with κ up to what the dtype can hold beside a spread of 1."
)


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of data: what is varied ("κ", "scale" or "m") and its value, with the whole of it as `at`."""

    varied: str
    value: float
    at: tuple[float, float, int]


def columns_of(report: AccuracyReport, dtype: str) -> tuple[Column, ...]:
    """The kinds of data of a dtype: every κ, every scale, every m; the base is in each of the three."""
    kappa, scale, m = report.base
    found = {(one.kappa, one.scale, one.m) for one in report.lines if one.dtype == dtype}
    return (
        *(Column("κ", at[0], at) for at in sorted(found) if at[1:] == (scale, m)),
        *(Column("scale", at[1], at) for at in sorted(found) if (at[0], at[2]) == (kappa, m)),
        *(Column("m", at[2], at) for at in sorted(found) if at[:2] == (kappa, scale)),
    )


def chosen(
    report: AccuracyReport, dtype: str, gradient: str
) -> dict[str, dict[tuple[float, float, int], AccuracyLine]]:
    """The lines of one gradient in one dtype: by form, then by κ, scale and m."""
    found: dict[str, dict[tuple[float, float, int], AccuracyLine]] = {}
    for one in report.lines:
        if (one.dtype, one.gradient) == (dtype, gradient):
            found.setdefault(one.form, {})[one.kappa, one.scale, one.m] = one
    return found


def number(value: float) -> str:
    """A value of κ, scale or m: 0, 64, 1e4, 1e-6."""
    text = f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-") if 0 < value < 1e-2 or value > 9999 else f"{value:g}"
    return {"1e2": "100"}.get(text, text)


def error(value: float | None) -> str:
    """An error with the one digit that means something; NaN where there was no finite number."""
    return "NaN" if value is None else "0" if value == 0 else f"{value:.0e}"


def title(report: AccuracyReport) -> str:
    return f"{report.title}: how accurate its gradients are"


def measures(report: AccuracyReport) -> tuple[str, ...]:
    """What is measured, on what."""
    draws = max((one.draws for one in report.lines), default=0)
    kappa, scale, m = (number(one) for one in report.base)
    counted = "·".join(report.counted)
    size = f"m = {counted}" if counted not in {"", "m"} else "m"
    return (
        ERRORS.format(digits=report.digits, draws=draws),
        DATA.format(size=size, kappa=kappa, scale=scale, m=m),
        *_as_stated(report),
    )


def _as_stated(report: AccuracyReport) -> Iterator[str]:
    if report.stable:
        yield "Errors are rounded up to a power of 10."
    if any(one.scaled is None for one in report.lines):
        yield "NaN: no finite number, because something overflows or a variance comes out negative."


def summary(report: AccuracyReport) -> tuple[str, ...]:
    """What the closed form reaches in the worst of its gradients, a sentence for each dtype that NumPy computes in."""
    found = (_sentence(report, *one) for one in report.epsilons)
    return (*(one for one in found if one), *map(_wrong, report.wrong))


def _wrong(gradient: str) -> str:
    return (
        f"{gradient}: the closed form is another function than the gradient, whatever the precision. Without --accuracy"
        " the derivation says where it is wrong."
    )


def _sentence(report: AccuracyReport, dtype: str, eps: float) -> str:
    lines = [one for one in report.lines if (one.form, one.dtype) == (CLOSED, dtype)]
    far = [(kappa, worst) for kappa, worst in _far(lines) if worst > ROUNDING * eps]
    lost = ", ".join(dict.fromkeys(_place(report, one) for one in lines if one.scaled is None))
    near = [one for one in lines if one.kappa <= CENTRED or not far]
    errors = [one.scaled for one in near if one.scaled is not None]
    if not errors:
        return ""
    every = "where it has a number" if lost else "for every κ, scale and m"
    where = f"where κ ≤ {number(CENTRED)}" if far else every
    said = (
        f"{dtype}: the closed form is within {_within(max(errors), eps, stable=report.stable)} {where}",
        ", ".join(f"{error(worst)} at κ = {number(kappa)}" for kappa, worst in far),
        f"no number at {lost}" if lost else "",
    )
    return f"{'; '.join(filter(None, said))}."


def _within(worst: float, eps: float, *, stable: bool) -> str:
    """An error in machine epsilons as long as these say more than the number itself."""
    return error(worst) if stable or worst > FEW * eps else f"{worst / eps:.1f} machine epsilons"


def _far(lines: Sequence[AccuracyLine]) -> Iterator[tuple[float, float]]:
    """The worst error at each κ away from zero, where every gradient has a number."""
    for kappa in sorted({one.kappa for one in lines if one.kappa > CENTRED}):
        errors = [one.scaled for one in lines if one.kappa == kappa]
        known = [one for one in errors if one is not None]
        if len(known) == len(errors):
            yield kappa, max(known)


def _place(report: AccuracyReport, one: AccuracyLine) -> str:
    """What differs from the base."""
    names = zip(("κ", "scale", "m"), (one.kappa, one.scale, one.m), report.base, strict=True)
    differs = [f"{name} = {number(value)}" for name, value, base in names if value != base]
    return ", ".join(differs) or "the base"


def factors(report: AccuracyReport) -> str:
    """How much larger the errors are relative to max|gradient|; nothing where only powers of 10 are known."""
    found = ((gradient, _factor(report.lines, gradient)) for gradient in report.gradients)
    said = [f"{factor:.1f} for {gradient}" for gradient, factor in found if factor is not None]
    if report.stable or not said:
        return ""
    return f"Relative to max|gradient| the closed form's errors are larger by a factor of up to {', '.join(said)}."


def _factor(lines: Iterable[AccuracyLine], gradient: str) -> float | None:
    mine = [one for one in lines if (one.form, one.gradient) == (CLOSED, gradient) and one.relative and one.scaled]
    return max((one.relative / one.scaled for one in mine if one.relative and one.scaled), default=None)
