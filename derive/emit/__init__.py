"""Source files with the forward and backward pass of a layer, made from its proved closed forms.

`emit(layer, target)` is the source for NumPy, PyTorch or JAX; `names(layer)` says what its functions are called, and
`load(source)` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from derive.derivation import Derivation
from derive.emit.document import Document
from derive.emit.files import FileWriter, Names
from derive.emit.jax_file import JaxFile
from derive.emit.numpy_file import NumpyFile
from derive.emit.recipe import recipe
from derive.emit.shapes import check_order, shapes_of
from derive.emit.torch_file import TorchFile
from derive.errors import ClosedFormError, TargetError
from derive.indices import name_of
from derive.kernel import Proved, Refuted
from derive.layers import builder_of
from derive.layers.layer import Gradient, Layer
from derive.own_layers import load_layer

__all__ = ["TARGETS", "Emitted", "Names", "emit", "emitted", "load", "names"]

FILES: dict[str, type[FileWriter]] = {"numpy": NumpyFile, "torch": TorchFile, "jax": JaxFile}
TARGETS = tuple(FILES)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A source file, and the inputs whose closed form is neither proved nor refuted."""

    source: str
    undecided: tuple[str, ...]


def emit(layer: Layer | str, target: str, axes: tuple[str, ...] = ()) -> str:
    """The source file of a layer for a target, one of `TARGETS`. See `emitted`."""
    return emitted(layer, target, axes).source


def emitted(layer: Layer | str, target: str, axes: tuple[str, ...] = ()) -> Emitted:
    """The source file of a layer, for data with the given axes or of any rank it takes.

    The layer is given as a `Layer`, by name, or by the file that holds it, such as own.py:name.

    Raises `TargetError`, `ClosedFormError` where a stated closed form is refuted, `VectorizeError` where the layer has
    no array form, `ShapeError`, `LayerError` or `UnknownLayerError`.
    """
    if target not in FILES:
        raise TargetError(f"There is no target '{target}'. The targets are: {', '.join(TARGETS)}.")
    stated = load_layer(layer, axes) if isinstance(layer, str) else layer
    shapes = shapes_of(stated, None if axes else builder_of(stated))
    check_order(shapes.layer)
    derivation = Derivation(shapes.layer)
    undecided = _judged(derivation)
    derivation.numpy()  # raises what is wrong with a layer that has no array form
    file = FILES[target]
    made = recipe(shapes, derivation, adds_rows_in_order=file.adds_rows_in_order)
    return Emitted(file(made, Document(made, derivation, undecided), names(shapes.layer)).text(), undecided)


def names(layer: Layer | str) -> Names:
    """What the emitted functions of a layer are called."""
    return Names(layer if isinstance(layer, str) else layer.name)


def load(source: str) -> ModuleType:
    """The emitted source as a module."""
    module = ModuleType("emitted")
    exec(compile(source, "<emitted>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 -- our own source
    return module


def _judged(derivation: Derivation) -> tuple[str, ...]:
    """The inputs whose gradients the kernel can't decide. Raises `ClosedFormError` for one that is wrong."""
    undecided = []
    for claim in derivation.claims:
        verdict = derivation.judge(name_of(claim.of), claim.form)
        if isinstance(verdict, Refuted):
            said = (
                f"The closed form that {derivation.layer.name} states for {_gradient(derivation, claim)} is {verdict}"
            )
            raise ClosedFormError(f"{said}. Correct it, or state none, and it is found.")
        if not isinstance(verdict, Proved):
            undecided.append(name_of(claim.of))
    return tuple(undecided)


def _gradient(derivation: Derivation, claim: Gradient) -> str:
    return f"∂{derivation.layer.loss}/∂{name_of(claim.of)}"
