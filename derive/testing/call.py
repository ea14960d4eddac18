"""One call of somebody's function: arguments in, and all that came of it as plain arrays.

Promises: whatever the function does, a call ends in an `Outcome`. Only `arguments` reach the function, converted to its
framework; what it returns is copied before anything else is done.
"""

from __future__ import annotations

import inspect
import io
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.limits import TooLong, at_most
from derive.testing.frameworks import FRAMEWORKS, Framework

__all__ = ["Call", "Outcome", "Returned", "call", "source_of", "told"]

Array = Any
LONGEST = 200
"""Characters of what a function printed or complained of that are kept."""


@dataclass(frozen=True, slots=True)
class Call:
    """What to call a function with.

    Arrays are NumPy's and are given the dtype and the `memory` layout in the function's framework; the rest is passed
    as it is. With `upstream` the function is a forward pass: its gradients for `wanted` are those that the framework
    takes through it. With `before` the author's forward pass is called first with these arguments, and what it returns
    beside the output is the argument `cache`.
    """

    arguments: Mapping[str, Any]
    dtype: str = "float64"
    memory: str = "contiguous"
    upstream: Array | None = None
    wanted: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    cache: str = ""
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Returned:
    """One value that a function returned: its name if it came in a mapping, its array, and the dtype it had."""

    name: str | None
    array: Array | None
    dtype: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call. `error` says in words why there is nothing, `line` the place in the function's file."""

    returned: tuple[Returned, ...] = ()
    error: str = ""
    printed: str = ""
    changed: tuple[str, ...] = field(default=())
    timed_out: bool = False


def call(function: Callable[..., Any], framework: str, one: Call, forward: Callable[..., Any] | None = None) -> Outcome:
    """Calls the function in this process. A time limit holds only in the main thread of a system with alarms."""
    native = FRAMEWORKS[framework]
    said = io.StringIO()
    with native.session():
        given = {name: native.to_native(value, one.dtype, one.memory) for name, value in one.arguments.items()}
        before = {name: native.copy(value) for name, value in given.items()}
        try:
            with redirect_stdout(said), at_most(one.seconds), np.errstate(all="ignore"):
                found = _result(function, native, given | _saved(forward, native, one), one)
                returned = tuple(_taken_apart(found, native))
        except TooLong:
            return Outcome(error=f"it did not return within {one.seconds:g} s", timed_out=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever the function does is told of it
            return Outcome(error=told(error, source_of(function)), printed=said.getvalue()[:LONGEST])
        changed = tuple(name for name, value in given.items() if not native.same(value, before[name]))
    return Outcome(returned, printed=said.getvalue()[:LONGEST], changed=changed)


def source_of(function: Callable[..., Any]) -> str:
    """The file that a function stands in, as far as Python knows it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return getattr(code, "co_filename", "")


def told(error: BaseException, source: str) -> str:
    """An exception in words, with the last line of that file that it went through."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    where = f" in line {lines[-1].lineno}" if lines else ""
    said = " ".join(str(error).split())[:LONGEST]
    return f"it raises {type(error).__name__}{where}" + (f": {said}" if said else "")


def _result(function: Callable[..., Any], native: Framework, given: Mapping[str, Any], one: Call) -> Any:  # noqa: ANN401
    if one.upstream is None:
        return function(**given)
    upstream = native.to_native(one.upstream, one.dtype, one.memory)
    return native.differentiate(function, given, one.wanted, upstream)


def _saved(forward: Callable[..., Any] | None, native: Framework, one: Call) -> dict[str, Any]:
    """What the author's forward pass returns beside the output, under the name of the parameter that takes it."""
    if forward is None or one.before is None:
        return {}
    given = {name: native.to_native(value, one.dtype, one.memory) for name, value in one.before.items()}
    found = forward(**given)
    if not isinstance(found, tuple | list) or len(found) < 2:
        raise TypeError("the forward pass returned nothing beside the output")
    return {one.cache: found[1] if len(found) == 2 else tuple(found[1:])}


def _taken_apart(found: Any, native: Framework) -> list[Returned]:  # noqa: ANN401
    """A single value, a tuple or list of them, or a mapping by name."""
    match found:
        case Mapping():
            return [_returned(str(name), value, native) for name, value in found.items()]
        case tuple() | list():
            names = getattr(found, "_fields", None) or [None] * len(found)
            return [_returned(name, value, native) for name, value in zip(names, found, strict=True)]
    return [_returned(None, found, native)]


def _returned(name: str | None, value: Any, native: Framework) -> Returned:  # noqa: ANN401
    if value is None:
        return Returned(name, None, "")
    array, dtype = native.from_native(value)
    return Returned(name, array, dtype)
