"""Runs a function: one in this process that is at hand, or one of a file in a process of its own with a time limit."""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from derive.errors import DeriveError
from derive.testing.call import Call, Outcome, call
from derive.testing.described import Described, FunctionError, describe
from derive.testing.worker import Load, Loaded, Place

__all__ = ["BrokenFileError", "Child", "InProcess", "Runner", "place_of"]

SECONDS_TO_LOAD = 60.0
LARGEST_BATCH = 16
"""Calls sent at once; as many as take about a second, so that each still has its time limit."""


class BrokenFileError(DeriveError):
    """The file of a function can't be imported: a failure of the function, not of the request."""

    exit_code = 1


class Runner(Protocol):
    """Something that calls a function."""

    described: Described
    forward: Described | None

    def run(self, calls: Sequence[Call]) -> list[Outcome]:
        """What came of each call; those after one that ran out of time are not made."""

    def close(self) -> None:
        """Ends what was started."""


class InProcess:
    """A function of this process, such as one in a test file."""

    def __init__(
        self, function: Callable[..., Any], framework: str | None, forward: Callable[..., Any] | None = None
    ) -> None:
        self.function, self.described = describe(function, framework)
        self.forward, self.forward_function = None, None
        if forward is not None:
            self.forward_function, self.forward = describe(forward, self.described.framework)

    def run(self, calls: Sequence[Call]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for one in calls:
            outcomes.append(call(self.function, self.described.framework, one, self.forward_function))
            if outcomes[-1].timed_out:
                break
        return outcomes

    def close(self) -> None:
        pass


class Child:
    """A function of a file or module, imported and called in a process of its own.

    Raises `FunctionError` where there is no such function, and `BrokenFileError` where its file can't be imported.
    """

    def __init__(self, place: Place, framework: str | None, forward: Place | None = None) -> None:
        # -P: no folder is on the path but those that a function asks for, so no file of theirs hides a library's.
        command = [sys.executable, "-P", "-c", "from derive.testing.worker import main; main()"]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        loaded = self._ask(Load(place, framework, forward), SECONDS_TO_LOAD)
        self.described, self.forward = self._checked(loaded, place)

    def _checked(self, loaded: Any, place: Place) -> tuple[Described, Described | None]:  # noqa: ANN401
        if isinstance(loaded, Loaded) and loaded.described is not None:
            return loaded.described, loaded.forward
        self.close()
        match loaded:
            case Loaded(usage=True):
                raise FunctionError(loaded.error)
            case Loaded():
                raise BrokenFileError(f"{loaded.error}. Correct the file.")
            case Outcome(error=told):
                said = f"{place.module} can't be imported: {told}"
            case _:
                raise AssertionError(loaded)
        raise BrokenFileError(f"{said}. Correct the file.")

    def run(self, calls: Sequence[Call]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        size = 1  # the first call alone: what never returns does so there
        while len(outcomes) < len(calls):
            batch, start = calls[len(outcomes) : len(outcomes) + size], perf_counter()
            answer = self._ask(list(batch), batch[0].seconds + 1.0)
            if isinstance(answer, Outcome):
                return [*outcomes, answer]
            outcomes += answer
            if answer[-1].timed_out:
                break
            size = max(1, min(LARGEST_BATCH, int(size / max(perf_counter() - start, 1e-6))))
        return outcomes

    def _ask(self, request: object, seconds: float) -> Any:  # noqa: ANN401
        """The answer, or the `Outcome` of a process that gives none."""
        try:
            assert self.process.stdin is not None  # noqa: S101 -- it was opened as a pipe
            pickle.dump(request, self.process.stdin)
            self.process.stdin.flush()
            answer = self.answers.get(timeout=seconds)
        except queue.Empty:
            self.close()
            return Outcome(error=f"it did not return within {max(1, seconds - 1):g} s", timed_out=True)
        except OSError:
            answer = None
        if answer is None:
            self.close()
            return Outcome(error="it ended the process that it ran in", timed_out=True)
        return answer

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 -- it was opened as a pipe
        try:
            while True:
                self.answers.put(pickle.load(self.process.stdout))  # noqa: S301 -- the worker is this program
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            self.answers.put(None)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                with suppress(OSError):  # what was still to be written to a process that has ended
                    stream.close()


def place_of(said: str) -> Place:
    """FILE.py:NAME or package.module:NAME. Raises `FunctionError` for anything else, or a file that isn't there."""
    module, found, name = said.rpartition(":")
    if not found or not module or not name:
        raise FunctionError(f"'{said}' names no function. Write FILE.py:FUNCTION or MODULE:FUNCTION.")
    place = Place(module, name)
    if place.is_file and not Path(module).is_file():
        raise FunctionError(f"There is no file {module}. Check the path.")
    if not place.is_file and ("/" in module or "\\" in module):
        raise FunctionError(f"{module} is no Python file. Its name has to end in .py.")
    return place
