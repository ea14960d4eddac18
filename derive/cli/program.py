"""The program around the commands: errors become one sentence on standard error, and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final, NoReturn

import click

from derive.cli.check import check_command
from derive.cli.derivation import cli
from derive.cli.emit import emit_command
from derive.cli.layers import layers_command
from derive.cli.output import say
from derive.cli.test import test_command
from derive.errors import DeriveError

__all__ = ["main", "script"]

INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141

for command in (check_command, test_command, emit_command, layers_command):
    cli.add_command(command)


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
        code = say(str(error), error.exit_code)
    except click.ClickException as error:
        code = say(_sentence(error), 2)
    except (KeyboardInterrupt, click.Abort):
        code = say("Interrupted. Nothing was written.", INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        code = say("The reader closed the pipe, so the output is incomplete.", CLOSED_PIPE)
    except OSError as error:
        _drop_output()
        code = say(f"The output can't be written: {error.strerror}. Send it elsewhere.", 2)
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


def _utf8() -> None:
    """Mathematics needs more than ASCII: where the terminal's encoding is smaller, the rest is written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
