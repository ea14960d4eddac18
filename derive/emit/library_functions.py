"""Functions of whole arrays for libraries that differentiate: in float32 at least, results in the caller's dtype."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Symbol

from derive.emit.flat import Largest
from derive.emit.functions import FunctionWriter
from derive.emit.lines import reduction

__all__ = ["WideWriter"]


class WideWriter(FunctionWriter):
    """Writes a function that computes in float32 where its arguments are narrower."""

    cast = ""

    def stopped(self, text: str) -> str:
        """An array that no gradient goes through."""
        raise NotImplementedError

    def lines(self) -> Iterator[str]:
        write = self.printer(self.name)
        for line in self.inlined(list(self.routine.lines)):
            text = write.line(line.value)
            found = reduction(line.value)
            if found is not None and isinstance(found[1], Largest):
                text = self.stopped(text)
            yield self.noted(f"{self.name(line.target)} = {text}", line.target)

    def prologue(self, rest: Sequence[str]) -> list[str]:
        names = [self.name(one) for one in self.stated.parameters]
        inner = super().prologue(rest)
        has_shape = inner[:1] == [self.shape_line]
        sources = dict.fromkeys(one for one in map(self._source, self.stated.returns) if one is not None)
        kept = [("shape", f"{self.name(self.arrays.lead)}.shape")] if has_shape and self.arrays.lead is not None else []
        kept += [(self._dtype(one), f"{self.name(one)}.dtype") for one in sources]
        targets, values = (", ".join(each) for each in zip(*kept, strict=True))
        wide = (
            f"{', '.join(names)} = _wide({', '.join(names)})"
            if len(names) > 1
            else f"({names[0]},) = _wide({names[0]})"
        )
        return [f"{targets} = {values}", wide, *inner[has_shape:]]

    def results(self) -> list[str]:
        return [self._result(one) for one in self.stated.returns]

    def _result(self, symbol: Symbol) -> str:
        source = self._source(symbol)
        cast = "" if source is None else f".{self.cast}({self._dtype(source)})"
        return self.name(symbol) + self.arrays.outside(symbol) + cast

    def _source(self, symbol: Symbol) -> Symbol | None:
        """The parameter whose dtype a result has; None for saved statistics, which stay as they are.

        The upstream gradient has that of the data. β, which backward does not take, has that of γ.
        """
        if symbol == self.recipe.output:
            return self.arrays.lead
        of = self.recipe.inputs_of
        if symbol not in of:
            return None
        axes = self.arrays.axes
        alike = [one for one in of.values() if one in self.stated.parameters and axes[one] == axes[of[symbol]]]
        return of[symbol] if of[symbol] in alike else next(iter(alike), self.recipe.upstream)

    def _dtype(self, source: Symbol) -> str:
        return "dtype" if source in {self.arrays.lead, self.recipe.upstream} else f"{self.name(source)}_dtype"
