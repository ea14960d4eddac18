"""What an emitted file says of itself: formulas, shapes, names, memory traffic, and what is proved.

Promises: formulas are those of the layer, in its letters; nothing is said to be proved that the kernel has not proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from sympy import Expr, Symbol, sqrt

from derive.backward import adjoint_of
from derive.derivation import Derivation
from derive.emit.layout import WIDEST
from derive.emit.recipe import Recipe
from derive.graph import upstream_of
from derive.indices import name_of
from derive.layers.layer import Quantity
from derive.write.wrap import wrap

__all__ = ["Document", "filled", "listed"]


class Document:
    """The parts of a file's docstring, and the shapes that functions' docstrings speak of."""

    def __init__(self, recipe: Recipe, derivation: Derivation, undecided: Sequence[str]) -> None:
        self.recipe, self.derivation, self.undecided = recipe, derivation, undecided
        self.layer, self.notation = derivation.layer, derivation.notation

    def text(self, library: str, notes: Iterable[str]) -> str:
        """The docstring of the file, without quotes; `notes` are paragraphs on the library at hand."""
        gradients = ((self._adjoint(claim.of), claim.form) for claim in self.derivation.claims)
        parts = (
            f"{self.layer.title}: forward and backward pass in {library}.",
            "Forward:",
            self._formulas((line.target, line.value) for line in self.layer.forward),
            f"Backward, with {self._upstream}:",
            self._formulas(gradients),
            *map(filled, (self._assumptions(), self._proved(), self._source(), self._axes(), self._names(), *notes)),
        )
        return "\n\n".join(filter(None, parts))

    def _formulas(self, pairs: Iterable[tuple[Expr, Expr]]) -> str:
        texts = (self.notation.equation_text(target, value) for target, value in pairs)
        return "\n".join(f"    {line}" for text in texts for line in wrap(text, WIDEST - 4))

    def _adjoint(self, of: Quantity) -> Quantity:
        return adjoint_of(self.derivation.graph, self.derivation.graph.nodes[name_of(of)])

    @property
    def _upstream(self) -> str:
        given, output = upstream_of(self.derivation.graph), self._adjoint(self.layer.output)
        called = self.recipe.name(self.recipe.upstream)
        if given == 1:
            return f"{self.notation.text(output)} = 1, or {called} times as much"
        return f"{self.notation.equation_text(given, output)}, which the functions call {called}"

    # --- paragraphs --------------------------------------------------------------------------------------------------

    def _assumptions(self) -> str:
        said = listed([f"{self.notation.text(one.total)} = 1" for one in self.layer.assumptions])
        return f"They hold for {said}." if said else ""

    def _proved(self) -> str:
        if not self.undecided:
            return f"derive-bn wrote this file from these closed forms after proving them for {self.derivation.every}."
        said = listed([f"∂{self.layer.loss}/∂{name}" for name in self.undecided])
        return (
            f"derive-bn wrote this file from these closed forms. It could neither prove nor refute {said}: compare"
            " with another implementation before you rely on it."
        )

    def _source(self) -> str:
        return f"Source: {self.layer.source}" if self.layer.source else ""

    def _axes(self) -> str:
        """What the sizes stand for, where arrays have other axes than the formulas."""
        return " ".join(self._said_of_axes())

    def _said_of_axes(self) -> Iterator[str]:
        shapes = self.recipe.shapes
        if shapes.several is not None:
            yield f"The arrays may have any number of axes in the place of {shapes.several}."
        if shapes.layer.joined:
            joined = " and ".join(map(str, shapes.layer.joined))
            counted = listed([f"`{self.recipe.name(size)}` is {size}" for size in shapes.counted])
            yield f"{joined} are one axis of the arrays; {counted}."

    def _names(self) -> str:
        """What the letters of the formulas are called in the code, where that is another name."""
        names = {one.name: self.recipe.name(one) for one in self.recipe.names if self._is_array(one)}
        pairs = [f"{letter} is {name}" for letter, name in names.items() if letter != name]
        roots = [f"1/{self.notation.text(sqrt(base))} is {self.recipe.name(root)}" for root, base in self._roots()]
        return f"In the code {listed([*pairs, *roots])}." if pairs or roots else ""

    def _roots(self) -> Iterable[tuple[Symbol, Expr]]:
        return self.recipe.roots.items()

    def _is_array(self, symbol: Symbol) -> bool:
        """Whether the code has it: not a size, and not an intermediate that neither function forms."""
        routines = self.recipe.forward, self.recipe.backward
        lines = [line for each in routines for line in each.lines]
        found = {*(one for each in routines for one in each.parameters), *(line.target for line in lines)}
        return symbol in found.union(*(line.reads for line in lines)) and not symbol.is_integer

    # --- shapes ------------------------------------------------------------------------------------------------------

    def shape(self, symbol: Symbol) -> str:
        """The axes of an array as the caller has them: (N, C, …)."""
        shapes = self.recipe.shapes
        axes = self.recipe.axes[symbol]
        slots = shapes.slots(size for size in shapes.order if size in axes)
        names = ["…" if shapes.several in slot else "·".join(map(str, slot)) for slot in slots]
        if not names:
            return "(a number)"
        return f"({names[0]},)" if len(names) == 1 and names != ["…"] else f"({', '.join(names)})"

    def shapes(self, symbols: Iterable[Symbol]) -> str:
        """Which arrays have which shape: x and dy (N, C, …); gamma and mean (C,)."""
        groups: dict[str, list[str]] = {}
        for one in symbols:
            groups.setdefault(self.shape(one), []).append(self.recipe.name(one))
        return "; ".join(f"{listed(names)} {shape}" for shape, names in groups.items())


def filled(paragraph: str) -> str:
    """A paragraph broken into lines."""
    return fill(paragraph, WIDEST, break_long_words=False, break_on_hyphens=False)


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last
