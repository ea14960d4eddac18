"""One observation of a function with everything that the layer's own formulas give on the same data.

Promises: arrays are those of `derivation.layer`, with two more axes for alternatives and probes; a quantity that can't
be worked out has no value, and neither has what reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, prod
from time import process_time

import numpy as np

from derive.limits import TooLong
from derive.notation.names import read_name
from derive.notation.syntax import Name, Node
from derive.testing.variants.evaluate import Array, Scope, Unfit
from derive.testing.variants.formulas import Formulas, Line

__all__ = ["Observation", "Observed", "close"]

STEP = 1e-25
"""The imaginary step of derivatives: no difference is taken, so it can be this small."""

CLEARLY = 10
"""How many times what a variant may be off a function has to be off, to be called wrong."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a function returned for one gradient in one case.

    All arrays are float64 in the layer's own axes, those of `derivation.layer`. `inputs` has every input of the layer
    by its name ("x", "γ", "ε"), `upstream` is the upstream gradient, of the output's shape. `found` is what the
    function returned, of any shape if that was wrong, `true` the right gradient; `error` is the largest absolute error
    that rounding explains.
    """

    inputs: Mapping[str, Array]
    upstream: Array
    found: Array
    true: Array
    error: float


def close(one: Array, other: Array, tolerance: float) -> bool:
    """Whether two arrays have one shape and agree within an absolute tolerance, in every element."""
    return one.shape == other.shape and bool(np.all(np.abs(one - other) <= tolerance))


class Observed:
    """An observation, and what the formulas are worth there.

    `every` are all observations of the function; `end` is the processor time at which work on this has to stop.
    """

    def __init__(self, formulas: Formulas, seen: Observation, every: Sequence[Observation], end: float = inf) -> None:
        self.formulas, self.seen, self.every, self.end = formulas, seen, every, end
        self.found, self.true = (np.asarray(array, dtype=float) for array in (seen.found, seen.true))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.true.shape

    @cached_property
    def lengths(self) -> Mapping[str, int]:
        """The length of each size."""
        nodes = self.formulas.graph.inputs
        pairs = (zip(node.shape, np.shape(self.seen.inputs[node.name]), strict=True) for node in nodes)
        return {str(size): length for each in pairs for size, length in each}

    def given(self, name: str) -> set[float]:
        """The values of a number among the inputs in all observations."""
        return {float(one.inputs[name]) for one in self.every}

    def tick(self) -> None:
        """Raises `TooLong` when the time is used up."""
        if process_time() > self.end:
            raise TooLong

    # --- what was found ------------------------------------------------------------------------------------------

    @cached_property
    def tolerance(self) -> float:
        """How far from `found` a variant may be: rounding, which grows with what is computed."""
        scale, largest = (float(np.max(np.abs(array), initial=0.0)) for array in (self.true, self.found))
        growth = largest / scale if scale else 1.0
        return 4 * self.seen.error * min(max(1.0, growth), 1e3) + 1e-12 * max(largest, scale)

    @property
    def finite(self) -> bool:
        return bool(np.all(np.isfinite(self.found)) and np.all(np.isfinite(self.true)))

    @cached_property
    def wrong(self) -> bool:
        """Whether the function is clearly off here, far beyond what a variant is allowed to be off."""
        return not close(self.found, self.true, CLEARLY * self.tolerance)

    @property
    def tells_little(self) -> tuple[bool, int]:
        """Sorts cases: axes of length 1 and elements that do not count make formulas equal; else, small is quick."""
        degenerate = 1 in self.lengths.values() or not np.all(self.seen.upstream)
        return degenerate, self.true.size

    # --- what formulas are worth ---------------------------------------------------------------------------------

    @cached_property
    def scope(self) -> Scope:
        """Every size, quantity and adjoint of the layer."""
        formulas, lengths = self.formulas, self.lengths
        arrays: dict[Node, Array] = {read_name(name): _padded(array) for name, array in self.seen.inputs.items()}
        arrays |= {Name(size): _padded(length) for size, length in lengths.items()}
        arrays |= {Name(name): _padded(prod(lengths[one] for one in group)) for name, group in formulas.counts.items()}
        output = formulas.adjoint(formulas.graph.output.name)
        arrays |= dict.fromkeys((formulas.upstream, output), _padded(self.seen.upstream))
        return self.run(self.run(Scope(formulas.letters, arrays), formulas.program[:-1]), formulas.staged)

    def run(self, scope: Scope, lines: Iterable[Line], changed: Mapping[Node, Array] | None = None) -> Scope:
        """The scope with all lines worked out, or with those that read what is `changed`."""
        if changed is not None:
            scope = scope.extended(changed)
        names = set(changed or ())
        for line in lines:
            if changed is None or (line.name not in changed and line.reads & names):
                try:
                    scope = scope.extended({line.name: self.of_line(line, scope)})
                except Unfit:
                    scope = scope.without(line.name)
                names.add(line.name)
        return scope

    def of_line(self, line: Line, scope: Scope) -> Array:
        """The value of a line over the axes of its name. Raises `Unfit`."""
        return scope.result(line.tree, line.letters, self._shape_of(line.sizes))

    def _shape_of(self, sizes: Sequence[str]) -> tuple[int, ...]:
        return tuple(self.lengths[size] if size in self.lengths else int(size) for size in sizes)

    def gradient(self, tree: Node, scope: Scope | None = None) -> Array | None:
        """What a formula for the gradient is worth, None if it is worth nothing."""
        return self._value(self.formulas.target.with_tree(tree), self.scope if scope is None else scope)

    def claimed(self, of: str) -> Array | None:
        """The closed form of any gradient of the layer."""
        return self._value(self.formulas.claim(of), self.scope)

    def _value(self, line: Line, scope: Scope) -> Array | None:
        try:
            return self.of_line(line, scope)[..., 0, 0]
        except Unfit:
            return None

    # --- derivatives of another forward pass ---------------------------------------------------------------------

    def perturbed(self, elements: Array) -> Scope:
        """The forward pass with a tiny imaginary step in each of some elements of what is differentiated by."""
        array = np.asarray(self.seen.inputs[self.formulas.of], dtype=float)
        steps = np.eye(array.size)[:, elements].reshape(*array.shape, 1, len(elements))
        start: dict[Node, Array] = {read_name(self.formulas.of): array[..., None, None] + 1j * STEP * steps}
        return self.run(self.scope, self.formulas.program[:-1], start)

    def differentiated(self, scope: Scope) -> Array | None:
        """The gradient from an output with probes: for each alternative, at the elements that were perturbed."""
        output = self.formulas.graph.output
        if not scope.knows(read_name(output.name)):
            return None
        weighted = _padded(self.seen.upstream) * scope.array(read_name(output.name))
        found: Array = np.imag(np.sum(weighted, axis=tuple(range(len(output.shape))))) / STEP
        return found


def _padded(array: Array | float) -> Array:
    return np.asarray(array, dtype=float)[..., None, None]
