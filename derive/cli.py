"""The command line: arguments → one call → one writer → exit code. SymPy is imported only once there is work for it.

Exit codes: 0 all proved, 1 something refuted or a numerical check failed, 2 wrong usage or input, 3 undecided.
"""

from __future__ import annotations

import difflib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from derive import __version__
from derive.errors import DeriveError, LayerError, OutputError

if TYPE_CHECKING:
    from derive.report import Report
    from derive.report.document import DocumentReport
    from derive.report.examination import Examination

__all__ = ["main"]

EXIT_CODES = {"proved": 0, "refuted": 1, "failed": 1, "undecided": 3}
CHECK_ENDINGS = {".txt": "text", ".json": "json", ".sarif": "sarif"}
ENDINGS = {".tex": "latex", ".pdf": "pdf", ".md": "markdown", ".json": "json", ".txt": "text"}
FORMATS = ("text", "json", "latex", "markdown", "pdf")
CHECK_FORMATS = ("text", "json", "sarif", "github")
SHOWS_PROGRESS = 4
LARGEST_M = 1_000_000
NARROWEST = 20
INTERRUPTED, CLOSED_PIPE = 130, 141


class _Nearest(click.ParamType[str]):
    """One of a few words; a wrong one gets the nearest suggested."""

    name = "name"

    def __init__(self, words: tuple[str, ...], kind: str = "format") -> None:
        self.words, self.kind = words, kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.words:
            return value
        near = difflib.get_close_matches(value.lower(), self.words, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else f"Choose one of: {', '.join(self.words)}."
        return self.fail(f"There is no {self.kind} '{value}'. {hint}", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        del param, ctx
        return f"[{'|'.join(self.words)}]"


class _BatchSize(click.ParamType[int]):
    """A whole number from 1 to a million."""

    name = "M"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"m = {value} is not a whole number. Give a batch size such as --m 4.", param, ctx)
        if number < 1:
            self.fail(f"m = {number} is not a batch size. Give a whole number from 1 on, such as --m 4.", param, ctx)
        if number > LARGEST_M:
            said = f"m = {number} is more than the {LARGEST_M} elements that can be checked one by one."
            self.fail(f"{said} Leave --m out: the proof for every m covers it.", param, ctx)
        return number


class _Order(click.ParamType[int]):
    """1 or 2."""

    name = "order"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if str(value) not in {"1", "2"}:
            self.fail(f"There is no derivation of order {value}. Give --order 1 or --order 2.", param, ctx)
        return int(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        del param, ctx
        return "[1|2]"


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


HELP = """Derive the backward pass of a normalization layer, step by step.

Every step is proved for every batch size, and the result is checked in NumPy.

\b
derive-bn --m 4                 derive batch norm, spelled out at m = 4
derive-bn --layer layernorm     layer norm, for every size
derive-bn --axes N,C,H,W        batch norm of images
derive-bn --layer own.tex       your own, from its equations; or own.py:name
derive-bn --m 4 -o report.pdf   a typeset report
derive-bn check notes.tex       verify a derivation somebody wrote
derive-bn test norms.py:bwd     check a backward function against the proof
derive-bn layers                what there is to derive
"""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What `derive-bn check` is asked for."""

    files: tuple[str, ...]
    givens: tuple[str, ...]
    layer: str | None
    form: str | None
    output: str | None


@click.group(
    help=HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 everything proved, 1 something refuted or a numerical check failed, 2 wrong usage or input, "
    "3 nothing refuted but something undecided.",
)
@click.option("--m", type=_BatchSize(), help="Batch size (every size) to spell out and check at. Without it: every m.")
@click.option(
    "--layer",
    default="batchnorm",
    show_default=True,
    metavar="NAME|FILE",
    help="The layer: a name, own.py:name (the file is run), or the equations in own.tex, own.md or - (standard input).",
)
@click.option("--axes", metavar="A,B,…", help="The axes of the data, such as N,C,H,W for batch norm of images.")
@click.option(
    "--order", type=_Order(), default=1, show_default=True, help="2 derives the backward pass's own backward."
)
@click.option("--forward-mode", is_flag=True, help="Show forward mode too: Jacobian–vector product and Jacobian.")
@click.option("--format", "form", type=_Nearest(FORMATS), help="Output format. The ending of -o picks it too.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE: .txt, .json, .tex, .pdf or .md.")
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
    form = _format(ask.form, ask.output, ENDINGS)
    if ask.output is not None:
        _check_target(Path(ask.output))
    elif form == "pdf":
        raise OutputError("A PDF is not for the terminal. Name a file with -o.")
    report = _derive(ask)
    _write(report, form, ask.output)
    return EXIT_CODES[report.verdict]


@cli.command("layers")
@click.option("--format", "form", type=_Nearest(("text", "json")), default="text", show_default=True)
def layers_command(form: str) -> None:
    """List the layers with their forward pass and closed forms."""
    from derive.report import catalogue
    from derive.write.catalogue import catalogue_json, catalogue_text

    if form == "json":
        click.echo(catalogue_json(catalogue()), nl=False)
        return
    from rich.console import Console

    click.echo(catalogue_text(catalogue(), Console(width=_width()).width), nl=False)


@cli.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--given", "givens", multiple=True, metavar="EQ", help="State an equation, such as 'N = m'. Repeatable.")
@click.option("--layer", metavar="NAME|FILE", help="Take the forward pass from a layer where a document has none.")
@click.option("--format", "form", type=_Nearest(CHECK_FORMATS), help="Output format. The ending of -o picks it too.")
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
    context.exit(_check(CheckRequest(**options)))


def _check(ask: CheckRequest) -> int:
    """Checks every file, writes, and gives the exit code of the worst."""
    from derive.own_layers import check_layer, load_layer

    if ask.layer is not None:
        check_layer(ask.layer)
    if ask.output is not None:
        _check_target(Path(ask.output))
    form = _format(ask.form, ask.output, CHECK_ENDINGS)
    from derive.batch import check_files, documents
    from derive.read import parse_equation
    from derive.report.document import EXIT_CODES as CHECK_CODES
    from derive.report.document import worst_of

    for given in ask.givens:
        parse_equation(given)
    paths = documents(ask.files)
    layer = None if ask.layer is None else load_layer(ask.layer)
    reports = tuple(_with_progress(check_files(paths, ask.givens, layer), len(paths)))
    _write_check(reports, form, ask.output)
    for one in reports:
        if one.error and form != "text":
            _say(f"{one.path}: {one.error}", 2)
    return CHECK_CODES.get(worst_of(reports), 0)


@cli.command("test")
@click.argument("function", metavar="FUNCTION")
@click.option("--layer", default="batchnorm", show_default=True, metavar="NAME|FILE", help="The layer it belongs to.")
@click.option(
    "--framework",
    type=_Nearest(("numpy", "torch", "jax"), "framework"),
    help="What it takes and gives arrays of. Without it NumPy's, but for an autograd.Function or a custom_vjp.",
)
@click.option("--axes", metavar="A,B,…", help="The axes of the data, such as m,n. Without it: ranks 2, 3 and 4.")
@click.option("--layout", metavar="A,B,…", help="The axes in the order in which your arrays have them: N,H,W,C.")
@click.option("--map", "given", multiple=True, metavar="NAME=WHAT", help="What a parameter is: gy=upstream, axis=-1.")
@click.option("--returns", metavar="A,B,…", help="What is returned, in order: dx,dgamma,_.")
@click.option("--forward", metavar="FUNCTION", help="Your forward pass, which makes the cache that FUNCTION takes.")
@click.option("--eps", type=float, default=1e-5, show_default=True, help="ε of a function that is not told one.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Time limit of a call.")
@click.option("--format", "form", type=_Nearest(("text", "json")), help="Output format. The ending of -o picks it too.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE: .txt or .json.")
@click.pass_context
def test_command(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 -- click has checked each option
    r"""Run a backward function of yours against the proved closed form, on data that tells right from wrong.

    FUNCTION is FILE.py:NAME or MODULE:NAME; its file is run. Parameters are matched by name: dy (dout, grad_output), x,
    gamma (weight), eps, mean, rstd, xhat and so on, and what it returns in the order dx, dgamma, dbeta.

    \b
    derive-bn test norms.py:layernorm_backward --layer layernorm
    derive-bn test norms.py:backward --axes N,C,H,W --layout N,H,W,C
    derive-bn test kernels:RMSNorm --layer rmsnorm --framework torch
    """
    context.exit(_test(options))


def _test(options: dict[str, Any]) -> int:
    """Examines the function, writes, and gives the exit code: 0 passed, 1 failed."""
    from derive.own_layers import check_layer

    form, output = options.pop("form"), options.pop("output")
    check_layer(options["layer"])
    form = _format(form, output, {".txt": "text", ".json": "json"})
    if output is not None:
        _check_target(Path(output))
    from derive.testing.examining import examine

    function, layer = options.pop("function"), options.pop("layer")
    words = {name: _listed(options.pop(name)) for name in ("axes", "layout", "returns")}
    given = dict(_pair(one) for one in options.pop("given"))
    found = examine(function, layer, **words, given=given, epsilon=options.pop("eps"), **options)
    _write_examination(found, form, output)
    return 0 if found.passed else 1


def _listed(said: str | None) -> tuple[str, ...]:
    """A,B,C in parts."""
    return tuple(part.strip() for part in said.split(",")) if said else ()


def _pair(said: str) -> tuple[str, str]:
    name, found, what = said.partition("=")
    if not found or not name.strip() or not what.strip():
        raise click.BadParameter(f"'{said}' maps nothing. Write --map NAME=WHAT, such as --map gy=upstream.")
    return name.strip(), what.strip()


def _write_examination(found: Examination, form: str, output: str | None) -> None:
    if form == "json":
        from derive.write.examination_json import examination_json

        text = examination_json(found)
    elif output is None:
        from rich.console import Console

        from derive.write.examination import examination

        examination(found, Console(width=_width()))
        return
    else:
        from derive.write.examination import plain

        text = plain(found)
    if output is not None:
        _replace(Path(output), text)
    else:
        click.echo(text, nl=False)


def _with_progress(reports: Iterator[DocumentReport], count: int) -> Iterator[DocumentReport]:
    """A progress bar on standard error, where somebody looks at it and there is something to wait for."""
    if count < SHOWS_PROGRESS or not sys.stderr.isatty():
        yield from reports
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(reports, "Checking", total=count, console=Console(stderr=True), transient=True)


def _write_check(reports: tuple[DocumentReport, ...], form: str, output: str | None) -> None:
    if form == "text" and output is None:
        from rich.console import Console

        from derive.write.document import document

        document(reports, Console(width=_width()))
        return
    text = _check_text(reports, form)
    if output is not None:
        _replace(Path(output), text)
    else:
        click.echo(text, nl=False)


def _check_text(reports: tuple[DocumentReport, ...], form: str) -> str:
    match form:
        case "json":
            from derive.write.document_json import document_json

            return document_json(reports)
        case "sarif":
            from derive.write.annotations import sarif

            return sarif(reports, __version__)
        case "github":
            from derive.write.annotations import github

            return github(reports)
    from derive.write.document import plain

    return plain(reports)


def _derive(ask: Request) -> Report:
    from derive.derivation import derive
    from derive.own_layers import is_file, load_layer
    from derive.report import report

    layer = load_layer(ask.layer, _listed(ask.axes))
    try:
        derivation = derive(layer, ask.m, order=ask.order, thorough=ask.thorough)
        return report(derivation, stable=ask.stable, forward_mode=ask.forward_mode)
    except DeriveError:
        raise
    except Exception as error:
        if not is_file(ask.layer):
            raise
        said = f"The layer in {ask.layer} can't be derived: {type(error).__name__}: {error}".rstrip(".")
        raise LayerError(f"{said}. If it should be, report this with the file.") from error


def _format(form: str | None, output: str | None, endings: Mapping[str, str]) -> str:
    """The format asked for, by name or by the ending of the file."""
    if form is not None or output is None:
        return form or "text"
    ending = Path(output).suffix.lower()
    if ending not in endings:
        known = ", ".join(endings)
        raise OutputError(f"The ending of {output} names no format. Use one of {known}, or say --format.")
    return endings[ending]


def _check_target(target: Path) -> None:
    """Before any work is done: whether the file can be written."""
    folder = target.parent
    try:
        if not folder.is_dir():
            said = f"There is no folder {folder} to write {target.name} into."
            raise OutputError(f"{said} Make it first, or choose another.")
        if target.is_dir():
            raise OutputError(f"{target} is a folder. Give the name of a file in it.")
        writable = os.access(target if target.exists() else folder, os.W_OK)
    except OSError as error:
        raise _unwritable(target, error.strerror) from None
    if not writable or not os.access(folder, os.X_OK):
        raise _unwritable(target, "permission denied")


def _unwritable(target: Path, why: str | None) -> OutputError:
    return OutputError(f"{target} can't be written: {why}. Choose another place with -o.")


def _write(report: Report, form: str, output: str | None) -> None:
    if form == "pdf":
        from derive.write.latex import latex
        from derive.write.pdf import write_pdf

        write_pdf(latex(report), Path(str(output)))
    elif output is not None:
        _replace(Path(output), _text(report, form))
    elif form == "text":
        _print(report)
    else:
        click.echo(_text(report, form), nl=False)


def _print(report: Report) -> None:
    from rich.console import Console

    from derive.write.terminal import terminal

    terminal(report, Console(width=_width()))


def _width() -> int | None:
    """The terminal's width; None lets rich find it out, unless COLUMNS says nonsense."""
    said = os.environ.get("COLUMNS", "")
    return 80 if said.isdecimal() and int(said) < NARROWEST else None


def _text(report: Report, form: str) -> str:
    return _writer(form)(report)


def _writer(form: str) -> Callable[[Report], str]:
    """Writers are imported when they are used: each brings its own libraries."""
    module, name = {
        "json": ("derive.write.json", "json"),
        "latex": ("derive.write.latex", "latex"),
        "markdown": ("derive.write.markdown", "markdown"),
        "text": ("derive.write.terminal", "plain"),
    }[form]
    writer: Callable[[Report], str] = getattr(import_module(module), name)
    return writer


def _replace(target: Path, text: str) -> None:
    """Writes the whole file or nothing: a temporary file beside it, then a rename. A device or pipe is written to."""
    target = target.resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8", newline="\n")
        return
    temporary = target.with_name(f".{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error.strerror) from None
    finally:
        temporary.unlink(missing_ok=True)


def script() -> NoReturn:
    """The console script: `main`, and then the end without freeing a million objects one by one, as mypy does it.

    By now all is written and flushed, every file is closed and every worker has ended.
    """
    try:
        main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)


def main() -> NoReturn:
    """The command line. Raises `SystemExit` with the exit code of the contract."""
    # A run is short, and SymPy's import alone makes a million objects: collecting them is a tenth of the time.
    gc.disable()
    _utf8()
    try:
        code = _command(sys.argv[1:])
        sys.stdout.flush()
    except DeriveError as error:
        code = _say(str(error), error.exit_code)
    except click.ClickException as error:
        code = _say(_sentence(error), 2)
    except (KeyboardInterrupt, click.Abort):
        code = _say("Interrupted. Nothing was written.", INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        code = _say("The reader closed the pipe, so the output is incomplete.", CLOSED_PIPE)
    except OSError as error:
        _drop_output()
        code = _say(f"The output can't be written: {error.strerror}. Send it elsewhere.", 2)
    sys.exit(code)


def _command(arguments: list[str]) -> int:
    """Runs the command line. click's own `main` is not used: it takes a closed pipe for a failure."""
    try:
        with cli.make_context("derive-bn", arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    return 0


def _drop_output() -> None:
    """Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: click.ClickException) -> str:
    """What is wrong and what to do, without click's usage lines."""
    message = error.format_message().removeprefix("Invalid value for ")
    _, found, rest = message.partition(": ")
    said = rest if found and message.startswith("'-") else message
    return said if said.rstrip(".?").count(". ") or said.endswith("?") else f"{said} See derive-bn --help."


def _say(message: str, code: int) -> int:
    print(f"derive-bn: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 -- the one place that speaks to the user on errors
    return code


def _utf8() -> None:
    """Mathematics needs more than ASCII: where the terminal's encoding is smaller, the rest is written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
