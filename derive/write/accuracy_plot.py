"""Accuracy as a plot: the error over κ, and over scale and m, a column of panels for each dtype. matplotlib draws it.

Promises: the same report gives the same file. Forms differ in colour, marker and size of marker, in colours that
colour-blind readers tell apart, so that curves on top of each other are all seen. The legend stands outside the panels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from derive.errors import OutputError
from derive.report.accuracy import AccuracyReport
from derive.write.accuracy_words import Column, chosen, columns_of, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_plot", "check_installed"]

# The colours of M. Okabe and K. Ito, Color Universal Design, 2008, without the yellow that white paper hides.
BLUE, SKY, GREEN, VERMILION, PURPLE, ORANGE, BLACK = (
    "#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#000000",
)  # fmt: skip
OLIVE, GREY = "#8C7A00", "#8A8A8A"
STYLES = (
    (BLUE, "o", "-"),
    (SKY, "s", "-"),
    (GREEN, "D", "-"),
    (PURPLE, "v", "--"),
    (ORANGE, "^", "--"),
    (BLACK, "P", ":"),
    (OLIVE, "<", "--"),
)
CANCELLING = "sums multiplied out"
LARGEST_MARKER, SMALLEST_MARKER = 9.5, 4.0
WIDTH, HEIGHT, LEGEND_ROW = 8.4, 5.2, 0.22
"""Inches: the width of all, the height of a dtype's panels, and what a row of the legend adds."""

BESIDE, ACROSS = 2, 4
"""How many dtypes stand side by side, and how many entries of the legend."""

LOOKS: Any = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "derive-bn",
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a form is drawn."""

    colour: str
    marker: str
    line: str
    size: float


def check_installed() -> None:
    """Raises `OutputError` without matplotlib."""
    if find_spec("matplotlib") is None:
        said = "A plot needs matplotlib, which is not installed."
        raise OutputError(f"{said} Install it with: pip install 'derive-bn[plots]'")


def accuracy_plot(report: AccuracyReport, form: str) -> bytes:
    """The plot as a file of the format "png" or "svg": errors over the natural magnitude, for the first gradient.

    Raises `OutputError` without matplotlib.
    """
    check_installed()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = BytesIO()
    with mpl.rc_context(LOOKS):
        rows = math.ceil(len(report.epsilons) / BESIDE)
        height = HEIGHT * rows + LEGEND_ROW * (2 + math.ceil(len(report.forms) / ACROSS))
        figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=200)
        _draw(figure, report, rows)
        metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
        figure.savefig(file, format=form, metadata=metadata[form])
    return file.getvalue()


def _draw(figure: Figure, report: AccuracyReport, rows: int) -> None:
    gradient, looks = report.gradients[0], _looks(report)
    figure.suptitle(
        f"{report.title}: the error of {gradient} against {report.digits} digits", x=0.01, ha="left", weight="bold"
    )
    figure.supylabel(f"max|error| / natural magnitude of {gradient}", fontsize=LOOKS["font.size"])
    grid = figure.add_gridspec(2 * rows, 2 * BESIDE, height_ratios=(1.8, 1) * rows)
    for place, (dtype, eps) in enumerate(report.epsilons):
        row, column = 2 * (place // BESIDE), 2 * (place % BESIDE)
        upper = figure.add_subplot(grid[row, column : column + 2])
        upper.set_title(f"{dtype}, machine epsilon {eps:.1e}", loc="left")
        _panels(report, (dtype, eps), {"κ": upper}, looks)
        left, right = (figure.add_subplot(grid[row + 1, column + side]) for side in (0, 1))
        _panels(report, (dtype, eps), {"scale": left, "m": right}, looks)
        right.tick_params(labelleft=False)
    handles = [_handle(name, looks[name]) for name in report.forms]
    figure.legend(handles=handles, loc="outside lower center", ncols=ACROSS, handlelength=3.2, columnspacing=1.8)


def _looks(report: AccuracyReport) -> dict[str, Look]:
    """A look for each form, the first with the largest marker, so that others are drawn inside it."""
    step = (LARGEST_MARKER - SMALLEST_MARKER) / max(len(report.forms) - 1, 1)
    styles = iter(STYLES * len(report.forms))
    found = ((VERMILION, "X", "-") if form == CANCELLING else next(styles) for form in report.forms)
    sizes = (LARGEST_MARKER - step * place for place in range(len(report.forms)))
    return {form: Look(*style, size) for form, style, size in zip(report.forms, found, sizes, strict=False)}


def _handle(name: str, look: Look) -> Any:  # noqa: ANN401 -- matplotlib's own class
    from matplotlib.lines import Line2D

    return Line2D([], [], label=name, **_line(look))


def _line(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "linestyle": look.line,
        "marker": look.marker,
        "markersize": look.size,
        "markerfacecolor": "none",
        "markeredgewidth": 1.3,
        "linewidth": 1.2,
    }


def _panels(
    report: AccuracyReport, kind: tuple[str, float], panels: Mapping[str, Axes], looks: Mapping[str, Look]
) -> None:
    """What κ, or scale and m, do in one dtype, on one scale of errors."""
    dtype, eps = kind
    columns = {name: [one for one in columns_of(report, dtype) if one.varied == name] for name in panels}
    forms = chosen(report, dtype, report.gradients[0])
    found = [lines[one.at].scaled for lines in forms.values() for one in chain(*columns.values()) if one.at in lines]
    low, high = _range([one for one in found if one], eps)
    for name, axes in panels.items():
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        _axis(axes, name, columns[name])
        _guides(axes, name, eps, high)
        for form, lines in forms.items():
            _curve(axes, [(one.value, lines[one.at].scaled) for one in columns[name] if one.at in lines], looks[form])


def _range(errors: Sequence[float], eps: float) -> tuple[float, float]:
    """From below machine epsilon to past the largest error; less than a hundredth of epsilon is as good as nothing."""
    return max(min(errors, default=eps), eps / 100) / 3, max(*errors, 10 * eps, eps) * 20


def _axis(axes: Axes, name: str, columns: Sequence[Column]) -> None:
    """A logarithmic axis with a tick at each value; κ = 0 has its place one decade below 1."""
    values = [one.value for one in columns]
    if name == "κ":
        axes.set_xscale("symlog", linthresh=1.0, linscale=0.8)
        # Room for the names of the guides, to the right of all data.
        axes.set_xlim(-0.25, max(values) ** 1.12 * 1.6)
    else:
        axes.set_xscale("log")
        axes.margins(x=0.12)
    axes.set_xticks(values, [number(one) for one in values])
    axes.minorticks_off()
    axes.set_xlabel({"κ": "κ = offset / scale of the data", "m": "m"}.get(name, name))


def _guides(axes: Axes, name: str, eps: float, high: float) -> None:
    """What to compare with: machine epsilon, and where a loss that grows with κ or with κ² would be."""
    look: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (1, 2)), "zorder": 1}
    if name != "κ":
        axes.axhline(eps, **look)
        return
    last = axes.get_xticks()[-1]
    for power, label in ((0, "ε"), (1, "κε"), (2, "κ²ε")):
        end = min(last, (high / eps) ** (1 / power)) if power else last
        axes.plot([1 if power else 0, end], [eps, eps * end**power], **look)
        away = (4, 0) if end == last else (5, -8)
        axes.annotate(label, (end, eps * end**power), away, textcoords="offset points", color=GREY, va="center")


def _curve(axes: Axes, known: Sequence[tuple[float, float | None]], look: Look) -> None:
    """One form; where it gives no finite number, its marker on the upper edge, which is labelled so."""
    low, high = axes.get_ylim()
    points = [(value, max(error, low * 1.2)) for value, error in known if error is not None]
    lost = [(value, high) for value, error in known if error is None]
    for places, style in ((points, _line(look)), (lost, {**_line(look), "linestyle": ""})):
        if places:
            axes.plot(*zip(*places, strict=True), **style, clip_on=False)
    if lost:
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high / 10])
        label = axes.annotate("NaN", (0, 1), (-8, 0), xycoords="axes fraction", textcoords="offset points")
        label.set(ha="right", va="center")
