"""A whole source file for one array library: docstring, imports, the two functions, and what the library adds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from sympy import Symbol

from derive.emit.blocks import BlockWriter
from derive.emit.document import Document, filled, listed
from derive.emit.functions import FunctionWriter
from derive.emit.layout import WIDEST, indented, wrapped
from derive.emit.printer import Library
from derive.emit.recipe import Recipe, Routine
from derive.emit.traffic import line_by_line

__all__ = ["FileWriter", "Names"]


class Names:
    """What the functions of a layer are called, from its name."""

    def __init__(self, layer: str) -> None:
        from derive.code_names import transliterated

        words = "".join(letter if letter.isalnum() else " " for letter in layer)
        self.function = "_".join(transliterated(word).strip("_") for word in words.lower().split()) or "layer"
        self.forward, self.backward = f"{self.function}_forward", f"{self.function}_backward"
        self.type = "".join(part.capitalize() for part in self.function.split("_"))


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
        forward = self.function(self.names.forward, self.recipe.forward, self.forward_doc())
        backward = self.function(self.names.backward, self.recipe.backward, self.backward_doc())
        more = list(self.more())
        head = f'"""{self.document.text(self.title, self.notes())}\n"""'
        imports = self.imports()
        parts = [forward, backward, *more, *self.helpers()]
        start = list(self.start())
        return "\n".join([head, "", imports, *(["", *start] if start else []), *(f"\n\n{part}" for part in parts), ""])

    def function(self, name: str, routine: Routine, doc: str) -> str:
        made = self.made(routine)
        body = made.body()
        self.needs |= made.needs
        return "\n".join([wrapped(made.signature(name), WIDEST), indented(f"{doc}\n{body}")])

    def made(self, routine: Routine) -> FunctionWriter:
        return self.writer(self.recipe, routine, self.library)

    # --- docstrings --------------------------------------------------------------------------------------------------

    def forward_doc(self) -> str:
        routine = self.recipe.forward
        first, *rest = map(self.recipe.name, routine.returns)
        said = f"{first}, and {listed(rest)} for the backward pass." if rest else f"{first}."
        return self._doc(f"Returns {said}", (*routine.parameters, *routine.returns))

    def backward_doc(self) -> str:
        routine = self.recipe.backward
        one = "gradient" if len(routine.returns) == 1 else "gradients"
        said = f"Returns the {one} {listed([self.recipe.name(each) for each in routine.returns])}."
        return self._doc(said, (*routine.parameters, *routine.returns))

    def _doc(self, said: str, symbols: tuple[Symbol, ...]) -> str:
        shapes = filled(f"Shapes: {self.document.shapes(dict.fromkeys(symbols))}.")
        return f'"""{said}\n\n{shapes}\n"""'

    # --- parts -------------------------------------------------------------------------------------------------------

    def notes(self) -> Iterator[str]:
        """Paragraphs of the file's docstring on memory traffic and on the library."""
        plans = [(name, BlockWriter(self.recipe, routine, self.library)) for name, routine in self._routines()]
        yield self.traffic(plans)

    def _routines(self) -> tuple[tuple[str, Routine], ...]:
        return ("forward", self.recipe.forward), ("backward", self.recipe.backward)

    @abstractmethod
    def traffic(self, plans: list[tuple[str, BlockWriter]]) -> str:
        """What is moved between memory and processor, in arrays of the size of the data."""

    @abstractmethod
    def imports(self) -> str: ...

    def start(self) -> Iterator[str]:
        """What stands ahead of the functions."""
        yield from ()

    def more(self) -> Iterator[str]:
        """What the library has on top of two functions."""
        yield from ()

    def helpers(self) -> Iterator[str]:
        """Functions that the others need."""
        yield from ()


def fused(plans: list[tuple[str, BlockWriter]]) -> str:
    """At least so much is read and written, one pass for each sum over the rows that something else waits for."""
    parts = []
    for name, plan in plans:
        reads, writes = (sum(map(len, each)) for each in (plan.traffic.reads, plan.traffic.writes))
        parts.append(f"{name} reads {reads} and writes {writes}")
    return ", ".join(parts)


def unfused(plans: list[tuple[str, BlockWriter]]) -> str:
    """What it is when each operation goes over its arrays by itself."""
    parts = []
    for name, plan in plans:
        reads, writes = line_by_line(plan)
        parts.append(f"{name} reads {reads} and writes {writes}")
    return ", ".join(parts)
