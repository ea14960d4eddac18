"""The process in which somebody's function runs: it may print, crash or never return without harm to the caller.

`main` is all that the process does. Requests come as pickles on standard input and answers go to what was standard
output when it started; what the function prints goes elsewhere and is told of. Pickles are safe here: both ends are
this program, and the function has the rights of the user anyway.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from derive.errors import DeriveError
from derive.testing.call import LONGEST, Call, Outcome, call
from derive.testing.described import Described, FunctionError, describe

__all__ = ["Load", "Loaded", "Place", "main"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function stands: a module by its dotted name, or a file, and its name in there, which may have dots."""

    module: str
    name: str

    @property
    def is_file(self) -> bool:
        return self.module.endswith(".py")


@dataclass(frozen=True, slots=True)
class Load:
    """The request to import a function, and the forward pass of its author if its backward pass needs one."""

    place: Place
    framework: str | None
    forward: Place | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The answer: the descriptions, or why there is no function. `usage` errors are the caller's, others the file's."""

    described: Described | None = None
    forward: Described | None = None
    error: str = ""
    usage: bool = False


def main() -> None:
    """Answers requests until there are none."""
    answers = os.fdopen(os.dup(1), "wb")
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)
        state = _State()
        while (request := _read(sys.stdin.buffer)) is not None:
            answer = state.load(request) if isinstance(request, Load) else [state.call(one, said) for one in request]
            pickle.dump(answer, answers)
            answers.flush()


def _read(requests: BinaryIO) -> Any:  # noqa: ANN401
    try:
        return pickle.load(requests)  # noqa: S301 -- see above
    except EOFError:
        return None


class _State:
    """The functions that were loaded."""

    def __init__(self) -> None:
        self.framework = ""
        self.function: Callable[..., Any] = print
        self.forward: Callable[..., Any] | None = None

    def load(self, ask: Load) -> Loaded:
        try:
            self.function, described = describe(found(ask.place), ask.framework, ask.place.name)
            self.framework, forward = described.framework, None
            if ask.forward is not None:
                self.forward, forward = describe(found(ask.forward), described.framework, ask.forward.name)
        except DeriveError as error:
            return Loaded(error=str(error), usage=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever the file does when it is imported is told
            return Loaded(error=_import_failed(error, ask.place))
        return Loaded(described, forward)

    def call(self, one: Call, said: BinaryIO) -> Outcome:
        start = said.seek(0, os.SEEK_END)
        outcome = call(self.function, self.framework, one, self.forward)
        said.seek(start)
        printed = said.read(LONGEST).decode(errors="replace")
        return replace(outcome, printed=outcome.printed + printed)


def found(place: Place) -> Any:  # noqa: ANN401
    """What stands at a place. Raises `FunctionError` if there is nothing, and whatever the import raises."""
    with _importable(place):
        try:
            value: Any = importlib.import_module(Path(place.module).stem if place.is_file else place.module)
        except ModuleNotFoundError as error:
            if error.name is None or place.is_file or not place.module.startswith(error.name):
                raise
            raise FunctionError(f"There is no module {place.module}. Check the name, or give a file.") from None
    names = dir(value)
    for part in place.name.split("."):
        if not hasattr(value, part):
            raise FunctionError(
                f"There is no {place.name} in {place.module}{_nearest(place.name, names)}. Check the name."
            )
        value = getattr(value, part)
    return value


@contextmanager
def _importable(place: Place) -> Iterator[None]:
    """A file is imported from its folder, a module from where the program was started."""
    folder = str(Path(place.module).resolve().parent) if place.is_file else str(Path.cwd())
    sys.path.insert(0, folder)
    yield


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, [one for one in names if not one.startswith("__")], n=1, cutoff=0.5)
    return f", but there is {near[0]}" if near else ""


def _import_failed(error: BaseException, place: Place) -> str:
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(place.module)]
    where = f" in line {lines[-1].lineno}" if lines else ""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        where = f" in line {error.lineno}"
    said = " ".join(str(getattr(error, "msg", "") or error).split())[:LONGEST]
    return f"{place.module} can't be imported: {type(error).__name__}{where}" + (f": {said}" if said else "")
