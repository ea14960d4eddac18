"""`derive-bn` without a subcommand: a layer's backward pass, derived."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from derive import __version__
from derive.cli.output import Formats, writer
from derive.cli.params import BatchSize, Order, listed
from derive.errors import OutputError

if TYPE_CHECKING:
    from derive.report import Report

__all__ = ["EXIT_CODES", "cli"]

EXIT_CODES: Final = {"proved": 0, "refuted": 1, "failed": 1, "undecided": 3}
FORMATS: Final = Formats(
    {
        "text": writer("derive.write.terminal:plain"),
        "json": writer("derive.write.json:json"),
        "latex": writer("derive.write.latex:latex"),
        "markdown": writer("derive.write.markdown:markdown"),
        "pdf": writer("derive.write.latex:latex"),
    },
    {".tex": "latex", ".pdf": "pdf", ".md": "markdown", ".json": "json", ".txt": "text"},
    writer("derive.write.terminal:terminal"),
)
HELP: Final = """Derive the backward pass of a normalization layer, step by step.

Every step is proved for every batch size, and the result is checked in NumPy.

\b
derive-bn --m 4                 derive batch norm, spelled out at m = 4
derive-bn --layer layernorm     layer norm, for every size
derive-bn --axes N,C,H,W        batch norm of images
derive-bn --layer own.tex       your own, from its equations; or own.py:name
derive-bn --m 4 -o report.pdf   a typeset report
derive-bn --accuracy            how accurate it is; -o plot.svg plots it
derive-bn check notes.tex       verify a derivation somebody wrote
derive-bn test norms.py:bwd     check a backward function against the proof
derive-bn emit --target torch   write the forward and backward pass as code
derive-bn layers                what there is to derive
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What a derivation is asked for on the command line."""

    m: int | None
    layer: str
    axes: str | None
    order: int
    forward_mode: bool
    form: str | None
    output: str | None
    thorough: bool
    stable: bool
    accuracy: bool


@click.group(
    help=HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 everything proved, 1 something refuted or a numerical check failed, 2 wrong usage or input, "
    "3 nothing refuted but something undecided.",
)
@click.option("--m", type=BatchSize(), help="Batch size (every size) to spell out and check at. Without it: every m.")
@click.option(
    "--layer",
    default="batchnorm",
    show_default=True,
    metavar="NAME|FILE",
    help="The layer: a name, own.py:name (the file is run), or the equations in own.tex, own.md or - (standard input).",
)
@click.option("--axes", metavar="A,B,…", help="The axes of the data, such as N,C,H,W for batch norm of images.")
@click.option("--order", type=Order(), default=1, show_default=True, help="2 derives the backward pass's own backward.")
@click.option("--forward-mode", is_flag=True, help="Show forward mode too: Jacobian–vector product and Jacobian.")
@click.option("--format", "form", type=FORMATS.names, help="Output format. The ending of -o picks it too.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE: .txt, .json, .tex, .pdf or .md.")
@click.option(
    "--accuracy", is_flag=True, help="Measure the gradients' errors against 60 digits; -o takes .png and .svg too."
)
@click.option("--thorough", is_flag=True, help="Run every numerical check: hard data, float32, every library there is.")
@click.option("--stable", is_flag=True, help="Leave out times, measured errors and versions, so that runs compare.")
@click.version_option(__version__, prog_name="derive-bn")
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 -- click has checked each option
    if context.invoked_subcommand is None:
        context.exit(_run(Request(**options)))


def _run(ask: Request) -> int:
    """Derives, writes, and gives the exit code. What can be wrong with the request is found before any work."""
    from derive.own_layers import check_layer

    check_layer(ask.layer)
    if ask.accuracy:
        return _measure(ask)
    form = FORMATS.pick(ask.form, ask.output)
    if form == "pdf" and ask.output is None:
        raise OutputError("A PDF is not for the terminal. Name a file with -o.")
    report = _derive(ask)
    _write(report, form, ask.output)
    return EXIT_CODES[report.verdict]


def _derive(ask: Request) -> Report:
    from derive.derivation import derive
    from derive.own_layers import load_layer, of_own_file
    from derive.report import report

    layer = load_layer(ask.layer, listed(ask.axes))
    with of_own_file(ask.layer, "derived"):
        derivation = derive(layer, ask.m, order=ask.order, thorough=ask.thorough)
        return report(derivation, stable=ask.stable, forward_mode=ask.forward_mode)


def _measure(ask: Request) -> int:
    """The other thing to do with a layer. Options that say how to derive it have no meaning there."""
    others = {"--m": ask.m is not None, "--order 2": ask.order != 1}
    others |= {"--forward-mode": ask.forward_mode, "--thorough": ask.thorough}
    for name in (name for name, given in others.items() if given):
        raise click.UsageError(f"--accuracy varies m itself, at the first order, and takes no {name}. Leave that out.")
    from derive.cli.accuracy import measured

    return measured(ask.layer, ask.axes, ask.form, ask.output, stable=ask.stable)


def _write(report: Report, form: str, output: str | None) -> None:
    if form != "pdf":
        FORMATS.deliver(report, form, output)
        return
    from derive.write.pdf import write_pdf

    write_pdf(FORMATS.writers[form](report), Path(str(output)))
