"""What the forward and the backward function of a layer take, compute and return: one recipe for every target.

Promises: the gradients are the layer's closed forms and nothing else; a root that is only divided by is kept as its
reciprocal, `rstd`; an intermediate that is made of a factor which comes out of all its sums is not formed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sympy import Add, Expr, Mul, S, Symbol, exp, preorder_traversal

from derive.code_names import RSTD, UPSTREAM, code_name
from derive.derivation import Derivation, undistributed
from derive.emit.flat import Axes, Flat, Largest, Total, summed_sizes
from derive.emit.lines import Line, arranged
from derive.emit.order import Order, factors_of
from derive.emit.rewriting import HALF, divisors, needed, with_root, without_logarithms
from derive.emit.saving import Saving
from derive.emit.shapes import Shapes
from derive.emit.stable import DRIFT, GUESS, centred, corrected, shifts
from derive.emit.words import unused
from derive.graph import upstream_of
from derive.layers.layer import Layer, Quantity

__all__ = ["RESERVED", "Recipe", "Routine", "recipe"]

GROUPS = "groups"
"""What the number of parts is called that a joined axis is made of."""

RESERVED = ("np", "torch", "jax", "jnp", "math", "shape", "dtype", "rows", "out", "ctx", "one", "partial")
"""Names that emitted code uses for itself."""

NOTES = MappingProxyType(
    {
        GUESS: "The mean, but for what rounding takes from so long a sum",
        DRIFT: "What rounding took: 0 in exact arithmetic",
    }
)
NOTE_ON_LARGEST = "Taken off, so that no exponential overflows: the ratios stay the same"


@dataclass(frozen=True, slots=True)
class Routine:
    """A function: parameters in order, lines in order, and the symbols it returns in order.

    `parameters` are arrays; `counted` are sizes that must be given; `constants`, such as ε, are numbers with a default.
    `folded` are intermediates that are not formed, because a factor comes out of all their sums, with their values.
    """

    order: Order
    parameters: tuple[Symbol, ...]
    counted: tuple[Symbol, ...]
    constants: tuple[Symbol, ...]
    lines: tuple[Line, ...]
    returns: tuple[Symbol, ...]
    folded: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Both functions of a layer.

    `gradients` holds each input with the symbol of its gradient, None without one; `roots` what is under each 1/√,
    `notes` what is to be said beside a line.
    """

    shapes: Shapes
    axes: Mapping[Symbol, Axes]
    names: Mapping[Symbol, str]
    forward: Routine
    backward: Routine
    output: Symbol
    upstream: Symbol
    saved: tuple[Symbol, ...]
    gradients: Mapping[Symbol, Symbol | None]
    roots: Mapping[Symbol, Expr]
    notes: Mapping[Symbol, str]

    def name(self, symbol: Symbol) -> str:
        """What a symbol is called in the code."""
        return self.names.get(symbol) or str(symbol.name)

    @property
    def inputs_of(self) -> Mapping[Symbol, Symbol]:
        """The input that each gradient belongs to."""
        return {gradient: one for one, gradient in self.gradients.items() if gradient is not None}


def recipe(shapes: Shapes, derivation: Derivation, *, adds_rows_in_order: bool = False) -> Recipe:
    """The recipe of a layer. Raises `VectorizeError` where it has no array form.

    Where a sum over the first axis adds row after row, each rounding that of all before, means over it are corrected.
    """
    return undistributed(lambda: _Making(shapes, derivation, adds_rows_in_order=adds_rows_in_order).recipe())


class _Making:
    """The steps from a derivation to its recipe."""

    def __init__(self, shapes: Shapes, derivation: Derivation, *, adds_rows_in_order: bool) -> None:
        self.shapes, self.derivation = shapes, derivation
        layer = centred(derivation)
        layer = corrected(layer, derivation, shapes.order[0]) if adds_rows_in_order and shapes.order else layer
        self.flat = Flat(shapes.order, _weights(layer, derivation))
        self.names: dict[Symbol, str] = {}
        self.notes = {Symbol(name): note for name, note in NOTES.items()}
        for size in shapes.counted:
            self._call(size, GROUPS)
        self.upstream = self._upstream()
        self.inputs = tuple(map(self._known, layer.inputs))
        self.lines = [Line(self._known(one.target), self.flat.of(one.target, one.value)) for one in layer.forward]
        self.output = self.lines[-1].target
        self.claims = {self._known(one.of): self._weighted(one.of, one.form) for one in derivation.claims}
        self.roots = self._named_roots()

    # --- names ---------------------------------------------------------------------------------------------------

    def _known(self, quantity: Quantity) -> Symbol:
        """The symbol of a quantity of the layer, under its usual name in programs."""
        symbol = self.flat.symbol(quantity)
        if symbol not in self.names:
            self._call(symbol, code_name(symbol.name))
        return symbol

    def _call(self, symbol: Symbol, name: str) -> None:
        self.names[symbol] = unused(name, {*RESERVED, *self.names.values()})

    def _new(self, name: str, axes: Axes) -> Symbol:
        symbol = Symbol(name)
        self.flat.axes[symbol] = axes
        self._call(symbol, name)
        return symbol

    def _named(self, symbol: Symbol) -> str:
        return self.names.get(symbol) or str(symbol.name)

    def _upstream(self) -> Symbol:
        """The upstream gradient; where the output is the loss, the number that all gradients are a multiple of."""
        given = upstream_of(self.derivation.graph)
        symbol = Symbol("∂y") if given == 1 else self.flat.symbol(given)
        self.flat.axes.setdefault(symbol, frozenset())
        self._call(symbol, UPSTREAM[0])
        return symbol

    def _weighted(self, of: Quantity, form: Expr) -> Expr:
        value = self.flat.of(of, form)
        return value * self.upstream if self.derivation.layer.upstream is None else value

    # --- the forward pass ----------------------------------------------------------------------------------------

    def _named_roots(self) -> dict[Symbol, Expr]:
        """1/√(σ²+ε) as a quantity of its own, where the root is never multiplied by."""
        bases = divisors((*(line.value for line in self.lines), *self.claims.values()))
        roots: dict[Symbol, Expr] = {}
        for base in bases:
            name = RSTD[0] if len(bases) == 1 else f"{RSTD[0]}_{self.names[self._first_of(base)]}"
            root = self._new(name, self.flat.extent(base))
            roots[root] = base
            self._put_in_forward(root, base)
            self.claims = {of: with_root(value, base, root) for of, value in self.claims.items()}
        return roots

    def _first_of(self, base: Expr) -> Symbol:
        """The quantity that a root is named by: an intermediate, if it has one."""
        return next(one for one in (*(line.target for line in self.lines), *self.inputs) if one in base.free_symbols)

    def _put_in_forward(self, root: Symbol, base: Expr) -> None:
        self.lines = [Line(line.target, with_root(line.value, base, root)) for line in self.lines]
        first = next((at for at, line in enumerate(self.lines) if root in line.reads), len(self.lines) - 1)
        self.lines.insert(first, Line(root, base**-HALF))

    @property
    def _values(self) -> dict[Symbol, Expr]:
        return {line.target: line.value for line in self.lines}

    def _forward_lines(self, backward_reads: Iterable[Symbol]) -> list[Line]:
        """The forward pass with exponentials shifted and the logarithms of them undone."""
        lines = list(self.lines)
        for name, sizes in shifts(self.derivation, {one.name for one in (*backward_reads, self.output)}):
            lines = self._shifted(lines, Symbol(name), sizes)
        values = {line.target: line.value for line in lines}
        return [Line(line.target, without_logarithms(line.value, values)) for line in lines]

    def _shifted(self, lines: list[Line], target: Symbol, sizes: Axes) -> list[Line]:
        """exp(x) as exp(x − max x), and x − max x with a name of its own."""
        at = next(number for number, line in enumerate(lines) if line.target == target)
        exponent = lines[at].value.args[0]
        axes = self.flat.extent(exponent)
        largest = self._new(
            f"{self.names.get(exponent, exponent)}_max" if exponent.is_Symbol else "largest", axes - sizes
        )
        self.notes[largest] = NOTE_ON_LARGEST
        shifted = self._new("shifted", axes)
        over = (size for size in self.flat.order if size in sizes)
        new = (Line(largest, Largest(exponent, *over)), Line(shifted, exponent - largest), Line(target, exp(shifted)))
        return [*lines[:at], *new, *lines[at + 1 :]]

    # --- both functions ------------------------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        several = frozenset(self.roots) if len(self.roots) > 1 else frozenset[Symbol]()
        saving = Saving(self.flat, self._values, self.inputs, always=several)
        saving.read(frozenset[Symbol]().union(*(value.free_symbols for value in self.claims.values())))
        forward = self._forward(saving)
        gradients = {of: self._new(f"d{self.names[of]}", self.flat.axes[of]) for of in self.inputs if of in self.claims}
        return Recipe(
            shapes=self.shapes,
            axes=self.flat.axes,
            names=self.names,
            forward=forward,
            backward=self._backward(saving, gradients),
            output=self.output,
            upstream=self.upstream,
            saved=saving.saved,
            gradients={one: gradients.get(one) for one in self.inputs},
            roots=self.roots,
            notes=self.notes,
        )

    def _forward(self, saving: Saving) -> Routine:
        returned = (self.output, *(one for one in saving.saved if one != self.output))
        lines = needed(self._forward_lines((*saving.saved, *saving.again)), returned)
        return self._routine(self.inputs, lines, returned)

    def _backward(self, saving: Saving, gradients: Mapping[Symbol, Symbol]) -> Routine:
        """What is computed again, then the gradients, those of parameters first: the others are made of their sums."""
        of_parameters_first = sorted(self.claims, key=lambda of: (len(self.flat.axes[of]), self.inputs.index(of)))
        claims = (Line(gradients[of], self.claims[of]) for of in of_parameters_first)
        lines = [*(Line(one, self._values[one]) for one in saving.again), *claims]
        for one in saving.again:
            lines = self._folded(one, lines)
        left = {line.target for line in lines}
        folded = {self._values[one]: one for one in saving.again if one not in left}
        parameters = (self.upstream, *self.inputs, *saving.saved)
        return self._routine(parameters, lines, tuple(gradients.values()), folded)

    def _folded(self, one: Symbol, lines: list[Line]) -> list[Line]:
        """x̂ = (x − μ) rstd put in, where rstd comes out of every sum that reads x̂: a multiplication less."""
        value = next(line.value for line in lines if line.target == one)
        small = Mul(*(factor for factor in factors_of(value) if self.flat.extent(factor) != self.flat.extent(value)))
        readers = [line for line in lines if one in line.reads]
        parts = [part for line in readers for part in preorder_traversal(line.value) if one in part.free_symbols]
        totals = [part for part in parts if isinstance(part, Total) and one in factors_of(part.args[0])]
        in_gradients = all(line.target not in self._values for line in readers)
        linear = all(isinstance(part, Add | Mul | Total | Symbol) for part in parts)
        comes_out = not any(total.args[1] in self.flat.extent(small) for total in totals)
        elsewhere = sum(_outside_totals(line.value).count(one) for line in readers)
        if not (totals and small != 1 and in_gradients and linear and comes_out and elsewhere <= 1):
            return lines
        return [Line(line.target, line.value.xreplace({one: value})) for line in lines if line.target != one]

    def _routine(
        self,
        parameters: tuple[Symbol, ...],
        wanted: Iterable[Line],
        returns: tuple[Symbol, ...],
        folded: Mapping[Expr, Symbol] = MappingProxyType({}),
    ) -> Routine:
        constants = tuple(filter(self._is_constant, parameters))
        flat = replace(self.flat, axes=dict(self.flat.axes))
        order = Order(flat, frozenset((self.upstream, *self.inputs)), frozenset(constants))
        sums = frozenset(returns) if self.upstream in parameters else frozenset[Symbol]()
        lines = arranged(wanted, order, self._named, folded, sums)
        read = frozenset[Symbol]().union(*(line.reads for line in lines))
        arrays = tuple(one for one in parameters if one in read and one not in constants)
        not_formed = tuple(Line(symbol, value) for value, symbol in folded.items())
        numbers = tuple(one for one in constants if one in read)
        return Routine(order, arrays, self.shapes.counted, numbers, lines, returns, not_formed)

    def _is_constant(self, symbol: Symbol) -> bool:
        """Whether it is a positive number that is not learned, such as ε."""
        return bool(symbol.is_positive) and not self.flat.axes[symbol] and symbol not in self.claims


def _outside_totals(value: Expr) -> Expr:
    return value.xreplace(dict.fromkeys(value.atoms(Total), S.One))


def _weights(layer: Layer, derivation: Derivation) -> Mapping[Expr, int]:
    """How many sums of both passes go over each size."""
    return summed_sizes([*(line.value for line in layer.forward), *(claim.form for claim in derivation.claims)])
