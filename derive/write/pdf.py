"""LaTeX source as a PDF file, by whichever TeX is installed.

Promises: TeX runs in a temporary directory, without shell escape, and is stopped with all its children after a time
limit; the target is either the complete new file or as it was. Everything that goes wrong is an `OutputError`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from derive.errors import OutputError

__all__ = ["write_pdf"]

_NAME: Final = "report"
_LIMIT: Final = 120.0
"""Seconds for one run of TeX."""

_QUIET: Final = ("-interaction=nonstopmode", "-halt-on-error")


@dataclass(frozen=True, slots=True)
class Engine:
    """The programs it needs, the first of which is run, with which arguments and how often."""

    programs: tuple[str, ...]
    arguments: tuple[str, ...]
    runs: int = 1


# -norc: a latexmkrc is Perl that would be executed. --untrusted: tectonic's word for no shell escape.
_ENGINES: Final = (
    Engine(("latexmk", "pdflatex"), ("-norc", "-pdf", *_QUIET, "-latexoption=-no-shell-escape")),
    Engine(("pdflatex",), ("-no-shell-escape", *_QUIET), runs=2),
    Engine(("tectonic",), ("--untrusted", "--keep-logs", "--chatter=minimal")),
)


def write_pdf(tex: str, target: Path) -> None:
    """Compiles a complete LaTeX document to the file `target`.

    Raises `OutputError` if no TeX is installed, if the document does not compile, or if the file can't be written.
    """
    engine = _installed()
    if not target.parent.is_dir():
        raise OutputError(f"There is no folder '{target.parent}'. Make it first, or write elsewhere.")
    with TemporaryDirectory(prefix="derive-bn-") as folder:
        place = Path(folder)
        (place / f"{_NAME}.tex").write_text(tex, encoding="utf-8")
        _compile(engine, place)
        _put((place / f"{_NAME}.pdf").read_bytes(), target)


def _installed() -> Engine:
    """The first engine that is there with all its programs."""
    for engine in _ENGINES:
        if all(map(shutil.which, engine.programs)):
            return engine
    raise OutputError(
        "A PDF needs LaTeX, and none of latexmk, pdflatex and tectonic is installed. Install TeX Live (on Debian: "
        "texlive-latex-extra, texlive-pictures, texlive-fonts-recommended, lmodern and latexmk) or tectonic, or write "
        "to a .tex file."
    )


def _compile(engine: Engine, folder: Path) -> None:
    command = [shutil.which(engine.programs[0]) or engine.programs[0], *engine.arguments, f"{_NAME}.tex"]
    for _ in range(engine.runs):
        code, said = _run(command, folder)
        if code or not (folder / f"{_NAME}.pdf").is_file():
            raise OutputError(
                f"LaTeX could not compile the report: {_first_error(folder, said)}. Write to a .tex file to look at "
                f"the source, and report this as a bug."
            )


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """The exit code and the output. The program has a session of its own, so that its children can be stopped."""
    try:
        process = subprocess.Popen(  # noqa: S603 the command is a table's, and only the file's content is a user's
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise OutputError(f"{Path(command[0]).name} can't be run: {error.strerror}. Check its installation.") from None
    with process:
        try:
            said, _ = process.communicate(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            _stop(process)
            raise OutputError(
                f"LaTeX did not finish in {_LIMIT:.0f} seconds. Write to a .tex file and compile that by hand."
            ) from None
        except BaseException:
            _stop(process)
            raise
    return process.returncode, said.decode("utf-8", "replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _first_error(folder: Path, said: str) -> str:
    """The first error that LaTeX reported, with its line; the last thing it said where there is none."""
    log = folder / f"{_NAME}.log"
    text = log.read_text("utf-8", "replace") if log.is_file() else said
    found = re.search(r"^!\s*(.+?)\.?\s*$", text, re.MULTILINE) or re.search(
        r"^error:\s*(.+?)\.?\s*$", said, re.MULTILINE
    )
    if found is None:
        return (said.strip().splitlines() or ["it said nothing"])[-1].rstrip(".")
    line = re.search(r"^l\.(\d+)", text[found.end() :], re.MULTILINE)
    return found[1] + (f" (line {line[1]})" if line else "")


def _put(content: bytes, target: Path) -> None:
    """Writes beside the target and renames, so that nobody sees half a file."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"'{target}' can't be written: {error.strerror}. Choose another place with -o.") from None
