"""What a layer file says: its forward pass, and the closed forms claimed for its gradients. Plain SymPy, no calculus.

Tensors are `IndexedBase` with their shape given, an index runs from 1 to the size in its slot, sizes are positive
integer symbols. A name is written the way it is read ("σ²", "x̂"); the writers turn it into LaTeX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr, Idx, Indexed, IndexedBase, Sum, Symbol

__all__ = [
    "Assignment", "Gradient", "Layer", "SecondOrder", "index", "mean", "positive", "scalar", "size", "tensor", "total",
]  # fmt: skip

Quantity: TypeAlias = Symbol | Indexed


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a forward pass: `target = value`, with the free indices of `target`."""

    target: Quantity
    value: Expr


@dataclass(frozen=True, slots=True)
class Gradient:
    """A claimed closed form: ∂L/∂`of` = `value`, in inputs, intermediates and the layer's upstream gradient.

    Without a value nothing is claimed: the gradient is asked for, and its closed form is to be found.
    """

    of: Quantity
    value: Expr | None = None


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
    None where the output is the loss itself. `gradients` holds one claim per input that is differentiated. `source`
    says where the claims were published, `loss` how the loss is called. `meanings` are derivatives of another loss that
    quantities of this layer stand for.
    """

    name: str
    title: str
    inputs: tuple[Quantity, ...]
    forward: tuple[Assignment, ...]
    upstream: IndexedBase | None
    gradients: tuple[Gradient, ...]
    source: str
    loss: str = "L"
    second_order: SecondOrder | None = None
    meanings: tuple[Assignment, ...] = ()

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
