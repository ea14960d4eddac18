"""What can be known of somebody's function without calling it: its parameters, what its values are called, its kind."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from derive.errors import DeriveError
from derive.testing.frameworks import FRAMEWORKS, framework_of, libraries_of

__all__ = ["Described", "FunctionError", "Parameter", "describe"]


class FunctionError(DeriveError):
    """Something that is to be tested and is no function, or none of this framework."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by name; one with a default need not be given."""

    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class Described:
    """A function: the names of what it returns are those that stand in its last `return`, if it has names there.

    `libraries` are those of `FRAMEWORKS` that its file imports.
    """

    name: str
    framework: str
    parameters: tuple[Parameter, ...]
    returns: tuple[str, ...]
    forward: bool
    libraries: frozenset[str] = frozenset()


def describe(function: object, framework: str | None, name: str = "") -> tuple[Callable[..., Any], Described]:
    """What to call, and its description. Without a framework it is the one that the function's kind tells.

    Raises `FunctionError` for what can't be called, or can't be in this framework.
    """
    called = name or getattr(function, "__name__", type(function).__name__)
    found = framework or framework_of(function)
    native = FRAMEWORKS[found]
    if not native.installed:
        raise FunctionError(f"{native.title} is not installed. Install it, or test {called} where it is.")
    if not callable(function):
        raise FunctionError(f"{called} is {type(function).__name__} and no function. Name a function.")
    ready = native.callable(function)
    parameters = _parameters(ready, called)
    forward, libraries = native.is_forward(function), libraries_of(function)
    return ready, Described(called, found, parameters, _returned_names(function), forward, libraries)


def _parameters(function: Callable[..., Any], name: str) -> tuple[Parameter, ...]:
    try:
        every = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        said = f"The parameters of {name} can't be read. Wrap it in a function that names them."
        raise FunctionError(said) from None
    kinds = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if any(one.kind is one.POSITIONAL_ONLY for one in every):
        raise FunctionError(f"{name} has parameters without a name. Wrap it in a function that names them.")
    found = tuple(Parameter(one.name, one.default is one.empty) for one in every if one.kind not in kinds)
    if not found:
        raise FunctionError(
            f"{name} names no parameter, so nothing can be matched. Wrap it in a function that names them."
        )
    return found


def _returned_names(function: object) -> tuple[str, ...]:
    """The names in the last `return` of a function; none where its source is not at hand or has no names."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return ()
    returns = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    match returns[-1:]:
        case [ast.Tuple(elts=[*values])]:
            return tuple(_named(value) for value in values)
        case [ast.Name(id=name)]:
            return (name,)
    return ()


def _named(value: ast.expr) -> str:
    """The name of a returned value, also where it is cast or reshaped on its way out: dx.astype(dtype)."""
    while isinstance(value, ast.Call | ast.Attribute | ast.Subscript):
        value = value.func if isinstance(value, ast.Call) else value.value
    return value.id if isinstance(value, ast.Name) else ""
