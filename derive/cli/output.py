"""What becomes of a report: its format by name or by ending, on the terminal or in a file that is whole or as it was.

And what the program says on standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from derive.cli.params import Nearest
from derive.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Formats", "check_target", "put", "replace", "say", "width", "writer"]

NARROWEST: Final = 20


def writer(place: str, *more: object) -> Callable[..., Any]:
    """The function `module:name` with further arguments, imported when it is called: each brings its own libraries."""
    module, _, name = place.partition(":")
    return lambda *given: getattr(import_module(module), name)(*given, *more)


@dataclass(frozen=True, slots=True)
class Formats:
    """What a command can write: a writer and an ending for each format, and how its report looks on a terminal."""

    writers: Mapping[str, Callable[..., Any]]
    endings: Mapping[str, str]
    terminal: Callable[[Any, Console], None]

    @property
    def names(self) -> Nearest:
        """The type of `--format`."""
        return Nearest(tuple(self.writers))

    def pick(self, form: str | None, output: str | None) -> str:
        """The format asked for, by name or by the ending of the file. Raises `OutputError` if it can't be written."""
        if output is not None:
            check_target(Path(output))
        if form is not None or output is None:
            return form or "text"
        ending = Path(output).suffix.lower()
        if ending not in self.endings:
            known = ", ".join(self.endings)
            raise OutputError(f"The ending of {output} names no format. Use one of {known}, or say --format.")
        return self.endings[ending]

    def deliver(self, report: object, form: str, output: str | None) -> None:
        """Writes the report to its file, or prints it."""
        if form == "text" and output is None:
            from rich.console import Console

            self.terminal(report, Console(width=width()))
        else:
            put(self.writers[form](report), output)


def put(content: str | bytes, output: str | None) -> None:
    """Into the file, or else onto standard output."""
    if output is not None:
        replace(Path(output), content)
    else:
        click.echo(content, nl=False)


def width() -> int | None:
    """The terminal's width; None lets rich find it out, unless COLUMNS says nonsense."""
    said = os.environ.get("COLUMNS", "")
    return 80 if said.isdecimal() and int(said) < NARROWEST else None


def check_target(target: Path) -> None:
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


def replace(target: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing: a temporary file beside it, then a rename. A device or pipe is written to."""
    target, whole = target.resolve(), content.encode() if isinstance(content, str) else content
    if target.exists() and not target.is_file():
        target.write_bytes(whole)
        return
    temporary = target.with_name(f".{os.getpid()}.partial")
    try:
        temporary.write_bytes(whole)
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error.strerror) from None
    finally:
        temporary.unlink(missing_ok=True)


def say(message: str, code: int) -> int:
    """One line for the user on standard error; gives the code back."""
    print(f"derive-bn: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 -- the one place that speaks to the user on errors
    return code
