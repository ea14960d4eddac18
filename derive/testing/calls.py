"""The calls of a case: each parameter gets what it stands for, as the program has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from derive.testing.arrangement import Arrangement, axes_of
from derive.testing.battery import Case, Drawn
from derive.testing.binding import Binding, Cache, Constant, Root, Size, Source, Upstream, Value, bindings
from derive.testing.call import Call
from derive.testing.described import Described
from derive.testing.truth import Truth

__all__ = ["Caller", "perturbed"]

Array = Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes the calls of a function under one binding; `forward` describes the author's forward pass, if any.

    A function that is `differentiated` is a forward pass itself: the framework takes the gradients through it for the
    parameters that are inputs with a gradient.
    """

    truth: Truth
    binding: Binding
    forward: Described | None
    seconds: float
    differentiated: bool

    def calls(self, case: Case, drawn: Drawn) -> list[Call]:
        """A call for every upstream gradient of the case."""
        material = _Material(self.truth, case, drawn, keepdims=self.binding.keepdims)
        fixed = {
            name: material.of(source) for name, source in self._sources if not isinstance(source, Upstream | Cache)
        }
        plain = Call(fixed, case.dtype, case.memory, **self._saving(material), seconds=self.seconds)
        return [self._with(plain, material.upstream(one)) for one in drawn.upstreams]

    @property
    def _sources(self) -> tuple[tuple[str, Source], ...]:
        return self.binding.sources

    def _with(self, plain: Call, upstream: Array) -> Call:
        if self.differentiated:
            names = self.truth.names
            wanted = tuple(name for name, one in self._sources if isinstance(one, Value) and one.name in names)
            return replace(plain, upstream=upstream, wanted=wanted)
        given = {name: upstream for name, source in self._sources if isinstance(source, Upstream)}
        return replace(plain, arguments={**plain.arguments, **given})

    def _saving(self, material: _Material) -> dict[str, Any]:
        """The arguments of the author's forward pass, and the parameter that takes what it saves."""
        taking = [name for name, source in self._sources if isinstance(source, Cache)]
        if not taking or self.forward is None:
            return {}
        first = bindings(self.forward, self.truth.arrangement, {}, forward=True)[0]
        return {"before": {name: material.of(source) for name, source in first.sources}, "cache": taking[0]}


def perturbed(one: Call, unit: float, seed: int) -> Call:
    """The same call with every number of its arrays moved by a unit in the last place, up or down."""
    random = np.random.default_rng(seed)

    def moved(value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, np.ndarray):
            return value
        return value * (1 + 2 * unit * random.choice([-1.0, 1.0], value.shape))

    return replace(one, arguments={name: moved(value) for name, value in one.arguments.items()})


class _Material:
    """What the parameters of a function may stand for, in one case."""

    def __init__(self, truth: Truth, case: Case, drawn: Drawn, *, keepdims: bool) -> None:
        self.truth, self.case, self.drawn, self.keepdims = truth, case, drawn, keepdims
        self._intermediates: dict[str, Array] | None = None

    @property
    def arrangement(self) -> Arrangement:
        return self.truth.arrangement

    @property
    def intermediates(self) -> dict[str, Array]:
        if self._intermediates is None:
            self._intermediates = self.truth.saved(self.drawn.inputs)
        return self._intermediates

    def upstream(self, array: Array) -> Array:
        return self.arrangement.to_program(self.truth.layer.output, np.asarray(array))

    def of(self, source: Source) -> Any:  # noqa: ANN401
        match source:
            case Value(name) if name in self.drawn.inputs:
                value = self.drawn.inputs[name]
                return self._laid(name, value) if isinstance(value, np.ndarray) else value
            case Value(name):
                return self._saved(name, self.intermediates[name])
            case Root(power):
                with np.errstate(all="ignore"):
                    return self._saved("root", self.intermediates["root"] ** power)
            case Size(axes):
                return prod(self.case.sizes[axis] for axis in axes)
            case Constant(value):
                return value
        raise AssertionError(source)

    def _laid(self, name: str, array: Array) -> Array:
        return self.arrangement.to_program(self.arrangement.quantities[name], array)

    def _saved(self, name: str, array: Array) -> Array:
        """An intermediate, with axes of length 1 where the data has more if that is how the program keeps them."""
        quantity = self.truth.quantity(name)
        laid = self.arrangement.to_program(quantity, array)
        whole = self.arrangement.quantities[self.arrangement.data[0]]
        if not self.keepdims or laid.ndim == len(self.arrangement.shape(whole, self.case.sizes)):
            return laid
        own, groups = axes_of(quantity), self.arrangement.groups(whole)
        lengths = [prod(self.case.sizes[axis] for axis in group) if set(group) <= set(own) else 1 for group in groups]
        return laid.reshape(lengths)
