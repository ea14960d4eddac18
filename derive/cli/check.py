"""`derive-bn check`: a verdict for every equation that somebody wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from derive import __version__
from derive.cli.output import Formats, say, writer

if TYPE_CHECKING:
    from derive.report.document import DocumentReport

__all__ = ["check_command"]

FORMATS: Final = Formats(
    {
        "text": writer("derive.write.document:plain"),
        "json": writer("derive.write.document_json:document_json"),
        "sarif": writer("derive.write.annotations:sarif", __version__),
        "github": writer("derive.write.annotations:github"),
    },
    {".txt": "text", ".json": "json", ".sarif": "sarif"},
    writer("derive.write.document:document"),
)
SHOWS_PROGRESS: Final = 4


@dataclass(frozen=True, slots=True)
class Request:
    """What `derive-bn check` is asked for."""

    files: tuple[str, ...]
    givens: tuple[str, ...]
    layer: str | None
    form: str | None
    output: str | None


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--given", "givens", multiple=True, metavar="EQ", help="State an equation, such as 'N = m'. Repeatable.")
@click.option("--layer", metavar="NAME|FILE", help="Take the forward pass from a layer where a document has none.")
@click.option("--format", "form", type=FORMATS.names, help="Output format. The ending of -o picks it too.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE: .txt, .json or .sarif.")
@click.pass_context
def check_command(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 -- click has checked each option
    r"""Verify derivations: a verdict for every equation in LaTeX, Markdown, notebooks or text.

    FILE may be a folder, or - for standard input. Beside NAME.tex a NAME.expected.toml may say which verdicts it must
    get; then those are compared.

    \b
    derive-bn check notes.tex
    derive-bn check homework/ --given 'N = m' --format json -o verdicts.json
    derive-bn check paper.md --layer batchnorm
    """
    context.exit(_check(Request(**options)))


def _check(ask: Request) -> int:
    """Checks every file, writes, and gives the exit code of the worst."""
    from derive.own_layers import check_layer, load_layer

    if ask.layer is not None:
        check_layer(ask.layer)
    form = FORMATS.pick(ask.form, ask.output)
    from derive.batch import check_files, documents
    from derive.read import parse_equation
    from derive.report.document import EXIT_CODES, worst_of

    for given in ask.givens:
        parse_equation(given)
    paths = documents(ask.files)
    layer = None if ask.layer is None else load_layer(ask.layer)
    reports = tuple(_with_progress(check_files(paths, ask.givens, layer), len(paths)))
    FORMATS.deliver(reports, form, ask.output)
    for one in reports:
        if one.error and form != "text":
            say(f"{one.path}: {one.error}", 2)
    return EXIT_CODES.get(worst_of(reports), 0)


def _with_progress(reports: Iterator[DocumentReport], count: int) -> Iterator[DocumentReport]:
    """A progress bar on standard error, where somebody looks at it and there is something to wait for."""
    if count < SHOWS_PROGRESS or not sys.stderr.isatty():
        yield from reports
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(reports, "Checking", total=count, console=Console(stderr=True), transient=True)
