"""What a layer file says: its forward pass, and the closed forms claimed for its gradients. Plain SymPy, no calculus.

Tensors are `IndexedBase` with their shape given, an index runs from 1 to the size in its slot, sizes are positive
integer symbols. A name is written the way it is read ("σ²", "x̂"); the writers turn it into LaTeX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr, Idx, Indexed, IndexedBase, Mul, Sum, Symbol

from derive.errors import LayerError

__all__ = [
    "Assignment",
    "Assumption",
    "Axis",
    "Gradient",
    "Layer",
    "SecondOrder",
    "index",
    "mean",
    "means",
    "positive",
    "scalar",
    "size",
    "tensor",
    "total",
    "totals",
]

Quantity: TypeAlias = Symbol | Indexed
Axis: TypeAlias = tuple[Symbol, Expr]
"""An index and the size it runs to."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a forward pass: `target = value`, with the free indices of `target`."""

    target: Quantity
    value: Expr


@dataclass(frozen=True, slots=True)
class Gradient:
    """A closed form: ∂L/∂`of` = `value`, in inputs, intermediates and the layer's upstream gradient.

    Without `value` nothing is claimed: the closed form is to be found.
    """

    of: Quantity
    value: Expr | None = None

    @property
    def form(self) -> Expr:
        """The closed form, where there is one."""
        if self.value is None:
            raise LayerError(f"No closed form is stated for {self.of}. State one, or ask for the one that is found.")
        return self.value


@dataclass(frozen=True, slots=True)
class Assumption:
    """Σ of an input, such as a target, over one of its indices is 1. `of` is the input at its indices."""

    of: Indexed
    over: Symbol

    @property
    def count(self) -> Expr:
        """The size of the index."""
        return dict(zip(self.of.indices, self.of.base.shape, strict=True))[self.over]

    @property
    def total(self) -> Sum:
        return total(self.of, self.over, self.count)

    @property
    def parametrized(self) -> tuple[Indexed, Expr]:
        """t with Σ t = 1 as τ + (1 − Σ τ)/m for any τ: every such t is reached, by τ = t, and nothing else is."""
        free = IndexedBase(f"{self.of.base.label.name}°", shape=self.of.base.shape)[self.of.indices]
        letter = next(one for one in map(index, "ijklpqrs") if one not in self.of.indices)
        return self.of, free + (1 - total(free.xreplace({self.over: letter}), letter, self.count)) / self.count


@dataclass(frozen=True, slots=True)
class SecondOrder:
    """Claimed closed forms of the second order: the gradients of Q, a function of the layer's gradients.

    `incoming` names ∂Q/∂(∂L/∂v) for each of the layer's `gradients`, in their order and with their indices; the closed
    forms are in these, in the upstream gradient, inputs and intermediates.
    """

    incoming: tuple[Quantity, ...]
    gradients: tuple[Gradient, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A normalization layer.

    `inputs` are given from outside, in the order a function would take them; `forward` assigns each intermediate once,
    in order, and the last target is the output. `upstream` is the tensor g with g_i = ∂L/∂y_i, of the output's shape;
    None where the output is the loss itself. `gradients` holds one entry per input that is differentiated: a claimed
    closed form, or none, and then it is to be found. Without any entry, every input is differentiated that is not
    declared positive. `source` says where the claims were published, `loss` how the loss is called. `assumptions` are
    what is known of inputs that are not differentiated, `meanings` are derivatives of another loss that quantities of
    this layer stand for. The axes of sizes that are `joined` lie in one axis of a program's arrays: the channels of
    group norm are its groups' channels, one group after the other.
    """

    name: str
    title: str
    inputs: tuple[Quantity, ...]
    forward: tuple[Assignment, ...]
    upstream: IndexedBase | None
    gradients: tuple[Gradient, ...]
    source: str
    loss: str = "L"
    assumptions: tuple[Assumption, ...] = ()
    second_order: SecondOrder | None = None
    meanings: tuple[Assignment, ...] = ()
    joined: tuple[Symbol, ...] = ()

    @property
    def output(self) -> Quantity:
        return self.forward[-1].target


def size(name: str) -> Symbol:
    """A symbolic size such as the batch size m: any integer ≥ 1."""
    return Symbol(name, integer=True, positive=True)


def index(name: str) -> Symbol:
    """An index variable; its range is the size of the slot it stands in."""
    return Symbol(name, integer=True)


def tensor(name: str, *shape: Symbol) -> IndexedBase:
    """A tensor of the given shape, one size per slot."""
    return IndexedBase(name, shape=shape)


def scalar(name: str) -> Symbol:
    """A real number without indices."""
    return Symbol(name)


def positive(name: str) -> Symbol:
    """A positive real number without indices, such as ε."""
    return Symbol(name, positive=True)


def total(term: Expr, over: Symbol | Idx, count: Expr) -> Sum:
    """Σ of `term` as the index `over` runs from 1 to `count`."""
    return Sum(term, (over, 1, count))


def mean(term: Expr, over: Symbol | Idx, count: Expr) -> Expr:
    """(1/count) Σ of `term` as the index `over` runs from 1 to `count`."""
    return total(term, over, count) / count


def totals(term: Expr, *axes: Axis) -> Sum:
    """Σ of `term` over several indices, each from 1 to its size."""
    return Sum(term, *((over, 1, count) for over, count in axes))


def means(term: Expr, *axes: Axis) -> Expr:
    """The mean of `term` over several indices, each from 1 to its size."""
    return totals(term, *axes) / Mul(*(count for _, count in axes))
