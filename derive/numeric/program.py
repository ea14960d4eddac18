"""A straight-line program of SymPy assignments as one function of whole arrays, made by SymPy's `lambdify`.

Promises: no loop over elements, one pass for what the assignments share, the dtype of the arrays kept, and no name of
the layer in generated source. An axis of the arrays is a size of the layer, in the order the sizes occur; axes after
those are carried along, so a batch norm over x[i] normalizes each column of an (m, n) array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Integer, Symbol, lambdify
from sympy.printing.lambdarepr import LambdaPrinter

from derive.errors import DeriveError, SizeError
from derive.indices import name_of
from derive.layers.layer import Assignment, Quantity
from derive.numeric.backends import NUMPY, Backend, Operations
from derive.numeric.lowering import Lowering, axes_of, shape_of
from derive.numeric.schedule import OPERATORS, Schedule, Statement, function_names, statements

__all__ = ["Program", "compile_program"]

Array = Any
"""An array of the backend: NumPy's ndarray, a torch.Tensor, …; or a Python number."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program: call it with one array per input, in order, and get one array per output, in order.

    An input of the layer's shape (m, …) takes an array of that shape with any trailing axes after it, the same ones for
    all; a quantity without indices takes a number or an array of the trailing shape. Outputs have them too.
    """

    inputs: tuple[Quantity, ...]
    outputs: tuple[Quantity, ...]
    axes: dict[Expr, int]
    sizes: tuple[Expr, ...]
    constants: tuple[Expr, ...]
    calls: tuple[str, ...]
    function: Callable[..., Any]
    backend: Backend

    def on(self, backend: Backend) -> Program:
        """The same operations in the same order on another array library. Nothing is compiled again."""
        return replace(self, backend=backend)

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        library = self.backend.load()
        found = library["arrays"](arrays)
        sizes, trailing = measure(self.inputs, [tuple(library["shape"](array)) for array in found])
        laid = [self._lay(library, *pair, trailing) for pair in zip(self.inputs, found, strict=True)]
        counts = [library["constant"](Integer(sizes[size])) for size in self.sizes]
        constants = [library["constant"](value) for value in self.constants]
        calls = [library[name] for name in self.calls]
        results = self.function(*laid, *map(_whole, counts), *constants, *calls)
        # A result that no array entered is a bare number: it gets the dtype of the arrays.
        shaped = [result if hasattr(result, "shape") else library["arrays"]([result, *found])[0] for result in results]
        return tuple(
            self._pick(library, output, result, sizes, trailing)
            for output, result in zip(self.outputs, shaped, strict=True)
        )

    def _lay(self, library: Operations, quantity: Quantity, array: Array, trailing: Shape) -> Array:
        """An input with one axis per size of the layer (length 1 where it has none), then the trailing axes."""
        shape = shape_of(quantity)
        if not shape:
            return array
        slots = [self.axes[size] for size in shape]
        if slots != sorted(slots):
            extra = range(len(shape), len(library["shape"](array)))
            array = library["transpose"](array, (*sorted(range(len(shape)), key=slots.__getitem__), *extra))
        lengths = tuple(library["shape"](array))
        own = dict(zip(sorted(slots), lengths, strict=False))
        rest = lengths[len(shape) :] or (1,) * len(trailing)
        wanted = (*(own.get(axis, 1) for axis in range(len(self.axes))), *rest)
        return array if wanted == lengths else library["reshape"](array, wanted)

    def _pick(
        self, library: Operations, output: Quantity, array: Array, sizes: dict[Expr, int], trailing: Shape
    ) -> Array:
        """An output without the axes of length 1 that the layout put in, and with its slots in their own order."""
        slots = [self.axes[size] for size in shape_of(output)]
        lengths = {self.axes[size]: length for size, length in sizes.items() if size in self.axes}
        shape = (*(lengths[axis] for axis in sorted(slots)), *trailing)
        full = tuple(lengths[axis] if axis in slots else 1 for axis in range(len(self.axes))) + trailing
        if tuple(library["shape"](array)) != full:
            array = library["broadcast"](array, full)
        array = array if full == shape else library["reshape"](array, shape)
        if slots == sorted(slots):
            return array
        order = [sorted(slots).index(slot) for slot in slots]
        return library["transpose"](array, (*order, *range(len(slots), len(shape))))


def compile_program(
    inputs: tuple[Quantity, ...],
    assignments: tuple[Assignment, ...],
    outputs: tuple[Quantity, ...],
    backend: Backend = NUMPY,
) -> Program:
    """The function that takes `inputs`, goes through `assignments` and gives `outputs`. Unused work is dropped.

    Raises `VectorizeError` if a sum would need an array with more axes than its tensors have.
    """
    lowering = Lowering(axes_of([*inputs, *(assignment.target for assignment in assignments)]))
    parameters = [lowering.define(quantity) for quantity in inputs]
    for assignment in assignments:
        lowering.assign(assignment)
    schedule = Schedule(lowering)
    written = [schedule.write(lowering.names[name_of(output)]) for output in outputs]
    names = [*parameters, *lowering.sizes.values(), *lowering.constants.values()]
    lines, results = statements(written)
    calls = tuple(sorted(function_names([*results, *(line for _, line in lines)]) - OPERATORS.keys()))
    function = _compiled((*names, *map(Symbol, calls)), lines, results)
    sizes, constants = tuple(lowering.sizes), tuple(lowering.constants)
    return Program(inputs, outputs, lowering.axes, sizes, constants, calls, function, backend)


def _compiled(
    parameters: tuple[Symbol, ...], lines: tuple[Statement, ...], results: tuple[Expr, ...]
) -> Callable[..., Any]:
    """The lambdified function. The array library's functions are its last parameters, so one serves every library.

    The statements reach lambdify as the common subexpressions of the results.
    """
    operators = {name: [(_always, form)] for name, form in OPERATORS.items()}
    names = {parameter.name: parameter.name for parameter in parameters}
    printer = LambdaPrinter({"user_functions": operators | names})
    function: Callable[..., Any] = lambdify(
        parameters, results, modules=[{}], printer=printer, cse=lambda _: (lines, results), docstring_limit=0
    )
    return function


def _always(*_: object) -> bool:
    return True


def _whole(count: Array) -> Array:
    """A size as a Python integer where the library has no number type of its own."""
    return int(count) if isinstance(count, float) else count


def measure(inputs: Sequence[Quantity], shapes: Sequence[Shape]) -> tuple[dict[Expr, int], Shape]:
    """The sizes and the trailing shape that the arrays have, or an error naming the one that does not fit."""
    if len(inputs) != len(shapes):
        names = ", ".join(name_of(quantity) for quantity in inputs)
        raise DeriveError(f"{len(shapes)} arrays were given for {len(inputs)} inputs. Give one for each of {names}.")
    sizes: dict[Expr, int] = {}
    rests = []
    for quantity, shape in zip(inputs, shapes, strict=True):
        rests.append(_measure_one(quantity, shape, sizes))
    return sizes, _trailing(inputs, shapes, rests)


def _measure_one(quantity: Quantity, shape: Shape, sizes: dict[Expr, int]) -> Shape:
    """Enters the sizes of one array, and gives its trailing shape."""
    wanted = shape_of(quantity)
    name = name_of(quantity)
    if len(shape) < len(wanted):
        raise DeriveError(
            f"{name} has shape {shape}, but {quantity} needs {_axes(len(wanted))}. Give an array {_as(wanted)}."
        )
    for size, length in zip(wanted, shape, strict=False):
        expected = int(size) if isinstance(size, Integer) else sizes.setdefault(size, length)
        sizes.setdefault(size, expected)
        if expected != length:
            raise DeriveError(
                f"{name} has shape {shape}, but the axis {size} has length {expected} elsewhere."
                f" Give {name} as an array {_as(wanted)} with {size} = {expected}."
            )
        if length == 0:
            raise SizeError(f"{name} has shape {shape}: the axis {size} is empty. Give at least one element.")
    return shape[len(wanted) :]


def _trailing(inputs: Sequence[Quantity], shapes: Sequence[Shape], rests: list[Shape]) -> Shape:
    """The trailing shape all arrays share. It comes from a tensor with indices, if there is one."""
    led = [rest for quantity, rest in zip(inputs, rests, strict=True) if shape_of(quantity)] or rests
    trailing = max(led, key=len, default=())
    for quantity, shape, rest in zip(inputs, shapes, rests, strict=True):
        if rest not in {(), trailing}:
            more = f" followed by the trailing axes {trailing}" if trailing else ""
            allowed = _as(shape_of(quantity)) + more
            raise DeriveError(f"{name_of(quantity)} has shape {shape}, which does not fit. Give an array {allowed}.")
    return trailing


def _axes(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"


def _as(shape: Sequence[Expr]) -> str:
    return f"of shape ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
