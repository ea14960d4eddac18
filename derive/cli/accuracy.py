"""`derive-bn --accuracy`: how accurate a layer's gradients are, as tables or as a plot."""

from __future__ import annotations

from typing import Final

from derive.cli.output import Formats, writer
from derive.cli.params import listed
from derive.errors import OutputError

__all__ = ["FORMATS", "measured"]

PLOTS: Final = {".png": "png", ".svg": "svg"}
FORMATS: Final = Formats(
    {
        "text": writer("derive.write.accuracy:plain"),
        "json": writer("derive.write.accuracy_json:accuracy_json"),
        "markdown": writer("derive.write.accuracy_markdown:accuracy_markdown"),
        **{form: writer("derive.write.accuracy_plot:accuracy_plot", form) for form in PLOTS.values()},
    },
    {**PLOTS, ".md": "markdown", ".json": "json", ".txt": "text"},
    writer("derive.write.accuracy:accuracy"),
)
VERDICTS: Final = {"passed": 0, "failed": 1}


def measured(layer: str, axes: str | None, form: str | None, output: str | None, *, stable: bool) -> int:
    """Measures, writes, and gives the exit code: 1 if a closed form is another function than the gradient."""
    form = _format(form, output)
    from derive.derivation import derive
    from derive.own_layers import load_layer, of_own_file
    from derive.report.accuracy import accuracy

    one = load_layer(layer, listed(axes))
    with of_own_file(layer, "derived"):
        report = accuracy(derive(one), stable=stable)
    FORMATS.deliver(report, form, output)
    return VERDICTS[report.verdict]


def _format(form: str | None, output: str | None) -> str:
    """The format, found out and found possible before any work is done."""
    found = FORMATS.pick(form, output)
    if found not in FORMATS.writers:
        known = ", ".join(FORMATS.endings)
        raise OutputError(f"There is no accuracy in the format '{found}'. Use -o with one of {known}.")
    if found in PLOTS.values():
        from derive.write.accuracy_plot import check_installed

        check_installed()
    return found
