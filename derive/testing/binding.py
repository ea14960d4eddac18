"""What the parameters of a function stand for: the upstream gradient, an input, a saved intermediate, a root, a size.

Promises: a parameter is matched by its name alone, by what is said with `given`, or left at its default; one that can't
be matched is a `SignatureError` that names it. Where a name has several meanings all of them are kept, likeliest first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, TypeAlias

from sympy import Expr, Indexed, Pow, Rational, Symbol

from derive.code_names import RSTD, STD, plain, spellings, transliterated, upstream_spellings
from derive.errors import DeriveError
from derive.graph import Graph
from derive.indices import indices_of, name_of
from derive.layers.layer import Assignment, Quantity, tensor
from derive.testing.arrangement import Arrangement
from derive.testing.described import Described

__all__ = ["Binding", "Cache", "Constant", "Root", "SignatureError", "Size", "Source", "Upstream", "Value", "bindings"]

MOST_BINDINGS = 16
GROUPS = ("groups", "num_groups", "n_groups", "ngroups", "num_group", "group", "G")
CACHES = ("cache", "saved", "ctx", "context", "saved_tensors", "residuals", "res", "stash")
SIZES = ("m", "count", "n_elements", "numel")


class SignatureError(DeriveError):
    """Parameters of a function that can't be matched with what a layer has."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream gradient."""


@dataclass(frozen=True, slots=True)
class Value:
    """An input or an intermediate by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Root:
    """The root that the layer divides by (`power` 1), or its reciprocal (−1)."""

    power: int


@dataclass(frozen=True, slots=True)
class Size:
    """The product of the lengths of axes: the number of groups, of elements in a mean."""

    axes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that was given for the parameter."""

    value: Any


@dataclass(frozen=True, slots=True)
class Cache:
    """What the forward pass of the function's author returned beside the output."""


Source: TypeAlias = Upstream | Value | Root | Size | Constant | Cache


@dataclass(frozen=True, slots=True)
class Binding:
    """A source for each parameter that gets one. With `keepdims` saved statistics have axes of length 1."""

    sources: tuple[tuple[str, Source], ...]
    keepdims: bool = False

    @property
    def takes(self) -> frozenset[Source]:
        return frozenset(source for _, source in self.sources)

    def words(self, layer_upstream: str) -> str:
        """Which parameter stands for what: dy is ∂L/∂y, weight is γ."""
        told = {one: _told(source, layer_upstream) for one, source in self.sources}
        kept = " (statistics with axes of length 1)" if self.keepdims else ""
        return ", ".join(f"{one} is {said}" for one, said in told.items()) + kept


def _told(source: Source, upstream: str) -> str:
    match source:
        case Upstream():
            return upstream
        case Value(name):
            return name
        case Root(power):
            return "the root" if power > 0 else "1/root"
        case Size():
            return "a size"
        case Constant(value):
            return str(value)
    return "what the forward pass saved"


def bindings(
    function: Described, subject: Arrangement, given: Mapping[str, str], *, cached: bool = False, forward: bool = False
) -> tuple[Binding, ...]:
    """The ways to call a function, likeliest first; `given` says of parameters what they stand for.

    A `forward` pass needs no upstream gradient. Raises `SignatureError` naming the parameters that match nothing.
    """
    parameters = function.parameters
    names = _Names(subject, given, cached=cached)
    found = {one.name: names.sources(one.name) for one in parameters}
    unmatched = [one.name for one in parameters if not found[one.name] and one.required]
    if unmatched:
        raise SignatureError(names.unmatched(unmatched))
    required = {one.name for one in parameters if one.required or one.name in given}
    ways = tuple(_ways(found)) or tuple(_ways({name: one for name, one in found.items() if name in required}))
    if not ways:
        raise SignatureError(_conflict(found))
    needed = subject.layer.upstream is not None and not subject.is_loss and not forward
    if needed and not any(has_upstream(one) for one in ways):
        way = f"Call it dy, or say which it is: --map {parameters[0].name}=upstream."
        raise SignatureError(f"No parameter is the upstream gradient. {way}")
    return ways


def _ways(found: Mapping[str, tuple[Source, ...]]) -> Iterator[Binding]:
    """Every choice among the meanings, no meaning twice, with and without axes of length 1 in statistics."""
    matched = {name: sources for name, sources in found.items() if sources}
    choices = (one for one in product(*matched.values()) if len(set(one)) == len(one))
    for one in islice(choices, MOST_BINDINGS):
        sources = tuple(zip(matched, one, strict=True))
        yield Binding(sources)
        if any(isinstance(source, Value | Root) for source in one):
            yield Binding(sources, keepdims=True)


def _conflict(found: Mapping[str, tuple[Source, ...]]) -> str:
    """Two parameters that can only be the same."""
    only = {name: sources[0] for name, sources in found.items() if len(sources) == 1}
    names = [name for name, source in only.items() if list(only.values()).count(source) > 1] or list(found)
    said = f"The parameters {' and '.join(names[:2])} seem to be the same"
    return f"{said}. Say what they are, such as --map {names[0]}=x."


class _Names:
    """The names under which a layer's quantities may come."""

    def __init__(self, subject: Arrangement, given: Mapping[str, str], *, cached: bool) -> None:
        self.subject, self.given, self.cached = subject, given, cached
        layer = subject.layer
        self.upstream = layer.upstream.label.name if layer.upstream is not None else ""
        self.output = name_of(layer.output)
        self.table = dict(self._table())

    def _table(self) -> Iterator[tuple[str, tuple[Source, ...]]]:
        found: dict[str, list[Source]] = {}
        for word, source in self._spelled():
            kept = found.setdefault(word, [])
            if source not in kept:
                kept.append(source)
        return ((word, tuple(sources)) for word, sources in found.items())

    def _spelled(self) -> Iterator[tuple[str, Source]]:
        """Every spelling with its meaning; a quantity's own name comes before what others call it."""
        quantities = self.subject.quantities
        for name in quantities:
            yield plain(transliterated(name)), Value(name)
        if self.upstream:
            yield from ((plain(word), Upstream()) for word in upstream_spellings(self.upstream, self.output))
        for name in (*quantities, *(["y"] if "y" not in quantities else [])):
            target = name if name in quantities else self.output
            yield from ((plain(word), Value(target)) for word in spellings(name))
        if len(self.subject.data) == 1:  # the one thing that is data may be called x in any layer
            yield from ((plain(word), Value(self.subject.data[0])) for word in spellings("x"))
        if root_of(self.subject) is not None:
            yield from ((plain(word), Root(-1)) for word in RSTD)
            yield from ((plain(word), Root(1)) for word in STD)
        joined = tuple(map(str, self.subject.layer.joined))
        if joined:
            yield from ((plain(word), Size(joined[:1])) for word in GROUPS)
        if self.subject.reduced:
            words = (*SIZES, *self.subject.counted)
            yield from ((plain(word), Size(self.subject.reduced)) for word in words)
        yield from ((plain(axis), Size((axis,))) for axis in self.subject.axes)

    def sources(self, parameter: str) -> tuple[Source, ...]:
        said = self.given.get(parameter)
        if said is not None:
            return (self._said(parameter, said),)
        word = plain(parameter)
        if self.cached and word in map(plain, CACHES):
            return (Cache(),)
        return self.table.get(word, ())

    def _said(self, parameter: str, said: str) -> Source:
        """What the user says that a parameter is: a name of the layer, in any spelling, or a number."""
        if said in self.subject.quantities:
            return Value(said)
        if self.upstream and said in {self.upstream, "upstream"}:
            return Upstream()
        if plain(said) in self.table:
            return self.table[plain(said)][0]
        try:
            return Constant(ast.literal_eval(said))
        except (ValueError, SyntaxError):
            known = ", ".join(self._known())
            layer = self.subject.layer.name
            raise SignatureError(f"'{said}' for {parameter} is nothing that {layer} has. It has: {known}.") from None

    def _known(self) -> tuple[str, ...]:
        rest = ("rstd", "std") if root_of(self.subject) is not None else ()
        return (*(["upstream"] if self.upstream else []), *self.subject.quantities, *rest)

    def unmatched(self, parameters: list[str]) -> str:
        names = ", ".join(f"'{one}'" for one in parameters)
        layer = self.subject.layer.name
        said = f"The parameter {names} matches" if len(parameters) == 1 else f"The parameters {names} match"
        first = parameters[0]
        if plain(first) in map(plain, CACHES):
            way = "Name the function that makes it with --forward FILE.py:NAME."
        else:
            way = f"Say what it is, such as --map {first}=x, or rename it."
        return f"{said} nothing of {layer}, which has {', '.join(self._known())}. {way}"


def root_of(subject: Arrangement) -> Assignment | None:
    """The one root that the forward pass takes, as an assignment of its own; None if there is none or several."""
    found: dict[Expr, Assignment] = {}
    for line in subject.layer.forward:
        ranges = _ranges(line.target)
        for power in line.value.atoms(Pow):
            if isinstance(power.exp, Rational) and power.exp.q == 2:
                used = [one for one in ranges if power.base.has(one)]
                shape = tuple(ranges[one] for one in used)
                target: Quantity = tensor("root", *shape)[tuple(used)] if used else Symbol("root")
                found.setdefault(power.base, Assignment(target, Pow(power.base, Rational(1, 2))))
    return next(iter(found.values())) if len(found) == 1 else None


def _ranges(target: Quantity) -> dict[Symbol, Expr]:
    shape = target.base.shape if isinstance(target, Indexed) else ()
    return dict(zip(indices_of(target), shape, strict=True))


def has_upstream(binding: Binding) -> bool:
    return Upstream() in binding.takes


def knows_epsilon(binding: Binding, graph: Graph) -> bool:
    """Whether the function is told ε, by itself or within a root, so that it can be varied."""
    small = {node.name for node in graph.inputs if node.target.is_positive and not node.shape}
    return not small or any(Value(name) in binding.takes for name in small) or bool({Root(1), Root(-1)} & binding.takes)
