"""A whole source file for one array library: docstring, imports, the two functions, and what the library adds."""

from __future__ import annotations

import keyword
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, TypeAlias

from sympy import Symbol

from derive.code_names import transliterated
from derive.emit.blocks import BlockWriter
from derive.emit.document import Document, filled, listed
from derive.emit.functions import FunctionWriter
from derive.emit.layout import docstring, function
from derive.emit.printer import Library
from derive.emit.recipe import RESERVED, Recipe, Routine
from derive.emit.traffic import line_by_line

__all__ = ["FileWriter", "Names", "Plans", "fused", "tuple_of", "unfused"]

Plans: TypeAlias = Mapping[str, BlockWriter]
"""How the functions would run in blocks, by name."""


class Names:
    """What the functions of a layer are called, from its name."""

    def __init__(self, layer: str) -> None:
        words = "".join(letter if letter.isalnum() else " " for letter in layer)
        name = "_".join(transliterated(word).strip("_") for word in words.lower().split()) or "layer"
        kind = "".join(part.capitalize() for part in name.split("_"))
        self.function = f"{name}_layer" if keyword.iskeyword(name) or name in RESERVED else name
        self.type = f"{kind}Layer" if keyword.iskeyword(kind) else kind
        self.forward, self.backward = f"{name}_forward", f"{name}_backward"


class FileWriter(ABC):
    """Writes the file. What differs from library to library is in the classes below it."""

    title: ClassVar[str]
    library: ClassVar[Library]
    writer: ClassVar[type[FunctionWriter]]
    adds_rows_in_order: ClassVar[bool] = False
    """Whether a sum over the first axis adds one row after the other; others add in a tree."""

    def __init__(self, recipe: Recipe, document: Document, names: Names) -> None:
        self.recipe, self.document, self.names = recipe, document, names
        self.needs: set[str] = set()

    def text(self) -> str:
        """The source."""
        functions = [self._forward(), self._backward(), *self.more()]
        head = docstring(self.document.text(self.title, self.notes()))
        start = [f"\n{part}" for part in self.start()]
        parts = (f"\n\n{part}" for part in (*functions, *self.helpers()))
        return "\n".join([head, "", self.imports(), *start, *parts, ""])

    def made(self, routine: Routine) -> FunctionWriter:
        return self.writer(self.recipe, routine, self.library)

    def _function(self, name: str, routine: Routine, said: str) -> str:
        made = self.made(routine)
        shapes = self.document.shapes(dict.fromkeys((*routine.parameters, *routine.returns)))
        text = function(made.signature(name), made.body(), f"{said}\n\n{filled(f'Shapes: {shapes}.')}")
        self.needs |= made.needs
        return text

    def _forward(self) -> str:
        first, *rest = self.called(self.recipe.forward.returns)
        said = f"Returns {first}, and {listed(rest)} for the backward pass." if rest else f"Returns {first}."
        return self._function(self.names.forward, self.recipe.forward, said)

    def _backward(self) -> str:
        gradients = self.called(self.recipe.backward.returns)
        said = f"Returns the {'gradients' if len(gradients) > 1 else 'gradient'} {listed(gradients)}."
        return self._function(self.names.backward, self.recipe.backward, said)

    # --- names of what the functions take and return -----------------------------------------------------------------

    def called(self, symbols: Iterable[Symbol]) -> list[str]:
        return [self.recipe.name(one) for one in symbols]

    @property
    def arguments(self) -> list[str]:
        """What the forward function takes."""
        return [*self.called(self.recipe.forward.parameters), *self.numbers]

    @property
    def numbers(self) -> list[str]:
        """Those of them that are no arrays: numbers of groups, and constants such as ε."""
        return self.called((*self.recipe.forward.counted, *self.recipe.forward.constants))

    @property
    def output(self) -> str:
        return self.recipe.name(self.recipe.output)

    @property
    def upstream(self) -> str:
        return self.recipe.name(self.recipe.upstream)

    @property
    def extra(self) -> list[str]:
        """What the forward function returns beside the output."""
        return self.called(self.recipe.forward.returns[1:])

    @property
    def returned(self) -> list[str]:
        """The gradient for each argument of the forward function, None where there is none."""
        given = (self.recipe.gradients[one] for one in self.recipe.forward.parameters)
        return ["None" if one is None else self.recipe.name(one) for one in given]

    # --- parts -------------------------------------------------------------------------------------------------------

    def notes(self) -> Iterator[str]:
        """Paragraphs of the file's docstring on memory traffic and on the library."""
        routines = (("forward", self.recipe.forward), ("backward", self.recipe.backward))
        yield self.traffic({name: BlockWriter(self.recipe, each, self.library) for name, each in routines})

    @abstractmethod
    def traffic(self, plans: Plans) -> str:
        """What is moved between memory and processor, in arrays of the size of the data."""

    @abstractmethod
    def imports(self) -> str:
        """The import statements."""

    def start(self) -> Iterator[str]:
        """What stands ahead of the functions."""
        yield from ()

    def more(self) -> Iterator[str]:
        """What the library has on top of two functions."""
        yield from ()

    def helpers(self) -> Iterator[str]:
        """Functions that the others need."""
        yield from ()


def tuple_of(names: Sequence[str]) -> str:
    """Names as a tuple, or as what takes one apart."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def fused(plans: Plans) -> str:
    """At least so much is read and written: one pass for each sum over the rows that something else waits for."""
    return listed([_moved(name, *plan.traffic.moved) for name, plan in plans.items()])


def unfused(plans: Plans) -> str:
    """What it is when each operation goes over its arrays by itself."""
    return listed([_moved(name, *line_by_line(plan)) for name, plan in plans.items()])


def _moved(name: str, reads: int, writes: int) -> str:
    return f"{name} reads {reads} and writes {writes}"
