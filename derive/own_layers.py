"""What `--layer` names: a layer of this package, one in a Python file of the user's, or the equations of a document.

    batchnorm          the layer of that name
    mynorm.py:mynorm   the `Layer` of that name in the file; `mynorm.py` alone takes LAYER, or the only one there is
    mynorm.tex         the forward pass that the document defines; .md, .ipynb and .txt too, and - for standard input

A Python file is run, because its owner asks for it by name. A document is read and never run.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derive.errors import DeriveError, LayerError, ShapeError, TooLongError, UnknownLayerError
from derive.layers import check_name, load
from derive.limits import TooLong, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

    from derive.layers.layer import Layer
    from derive.meaning.checker import Checker
    from derive.meaning.forward import Definition
    from derive.meaning.problem import Problem
    from derive.read import Document, Place

__all__ = ["check_layer", "is_file", "load_layer", "of_own_file"]

PYTHON, DOCUMENTS = ".py", frozenset({".tex", ".ltx", ".md", ".markdown", ".ipynb", ".txt"})
SECONDS = 9.0
UPSTREAM_NAMES = ("g", "δ", "h", "u", "dout")
LOSS_NAMES = ("L", "ℒ", "J", "loss")
SIZE_NAMES = ("m", "n", "N", "M", "K", "d")


def is_file(said: str) -> bool:
    """Whether it names a file, or standard input, and not a layer of this package."""
    path, _ = _parts(said)
    return said == "-" or bool(Path(path).suffix) or any(mark in said for mark in "/\\:")


def check_layer(said: str) -> None:
    """Raises an error where it is plain, without any work, that there is no such layer."""
    if not is_file(said):
        check_name(said)
    elif said != "-":
        path = Path(_parts(said)[0])
        if path.suffix.lower() not in {PYTHON, *DOCUMENTS}:
            known = ", ".join([PYTHON, *sorted(DOCUMENTS)])
            raise UnknownLayerError(f"{said} is neither a layer nor a file that can hold one. Use one of {known}.")
        if not path.exists():
            raise UnknownLayerError(f"There is no file {path}{_nearest(path)}. Check the path.")
        if not path.is_file():
            raise UnknownLayerError(f"{path} is no file. Name the file that holds the layer.")


def load_layer(said: str, axes: tuple[str, ...] = ()) -> Layer:
    """The layer, read from its file if it is one's own, or one of the project's for data with the given axes.

    Raises a `DeriveError` that says what is wrong and where.
    """
    check_layer(said)
    if not is_file(said):
        return load(said, axes)
    if axes:
        raise ShapeError(f"The layer in {said} has the axes that it says itself. Leave --axes out.")
    path, name = _parts(said)
    if Path(path).suffix.lower() == PYTHON:
        return _from_python(path, name)
    return _from_document(said)


@contextmanager
def of_own_file(said: str, what: str) -> Iterator[None]:
    """Whatever goes wrong with the layer of somebody's file is told as a `LayerError`: it can't be `what`, derived."""
    try:
        yield
    except DeriveError:
        raise
    except Exception as error:
        if not is_file(said):
            raise
        problem = f"The layer in {said} can't be {what}: {type(error).__name__}: {error}".rstrip(".")
        raise LayerError(f"{problem}. If it should be, report this with the file.") from error


def _parts(said: str) -> tuple[str, str]:
    """mynorm.py:mynorm in two; documents have no second part."""
    before, found, name = said.rpartition(f"{PYTHON}:")
    return (before + PYTHON, name) if found else (said, "")


def _nearest(path: Path) -> str:
    """A file beside it with nearly that name."""
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.7)
    return f", but there is {near[0]}" if near else ""


# --- a Python file -----------------------------------------------------------------------------------------------


def _from_python(path: str, name: str) -> Layer:
    found = _chosen(path, name, _namespace(path))
    try:
        _check(found)
    except LayerError as error:
        raise LayerError(f"{path}: {error}") from None
    return found


def _namespace(path: str) -> Mapping[str, Any]:
    """What the file defines when it is run. What it prints goes to standard error, beside the report."""
    names: dict[str, Any] = {"__name__": Path(path).stem, "__file__": path}
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise UnknownLayerError(f"{path} can't be read: {error.strerror}. Check its permissions.") from None
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        with _beside(path), redirect_stdout(sys.stderr):
            exec(code, names)  # noqa: S102 -- the user's own file, named on the command line to be run
    except SyntaxError as error:
        line = error.lineno if error.filename == path else None
        raise _broken(path, line, f"{type(error).__name__}: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever the file does wrong is told, with its line
        raise _broken(path, _line(error, path), f"{type(error).__name__}: {error}".rstrip(": ")) from None
    return names


@contextmanager
def _beside(path: str) -> Iterator[None]:
    """The file may import what lies beside it, as when Python runs it."""
    before = list(sys.path)
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        yield
    finally:
        sys.path[:] = before


def _line(error: BaseException, path: str) -> int | None:
    """The last line of the file on the way to the error."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == path), None)


def _broken(path: str, line: int | None, said: str) -> LayerError:
    place = path if line is None else f"{path}:{line}"
    return LayerError(f"{place}: the file stops with {said.rstrip('.')}. Correct it: it is run to get its layer.")


def _chosen(path: str, name: str, names: Mapping[str, Any]) -> Layer:
    from derive.layers.layer import Layer

    layers = {key: value for key, value in names.items() if isinstance(value, Layer)}
    listed = ", ".join(f"{path}:{key}" for key in layers)
    if name in layers:
        return layers[name]
    if name and name in names:
        kind = type(names[name]).__name__
        hint = f"Did you mean {listed}?" if layers else f"Make it one: {name} = Layer(…)."
        raise LayerError(f"{name} in {path} is of type {kind} and no Layer. {hint}")
    if name:
        near = difflib.get_close_matches(name, [*layers, *names], n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else f"Its layers are: {listed or 'none'}."
        raise LayerError(f"There is no '{name}' in {path}. {hint}")
    if "LAYER" in layers or len(layers) == 1:
        return layers.get("LAYER") or next(iter(layers.values()))
    if layers:
        raise LayerError(f"{path} has {len(layers)} layers. Say which: {listed}.")
    raise LayerError(f"{path} has no layer. Define one: LAYER = Layer(…), from derive.layers.layer.")


def _check(layer: Layer) -> None:
    """What only somebody who writes a layer by hand gets wrong; the graph is checked where it is built."""
    from sympy import Expr, IndexedBase

    from derive.graph import build
    from derive.layers.layer import Assignment, Gradient

    for field in ("name", "title", "source", "loss"):
        _expect(isinstance(getattr(layer, field), str), f"{field} is no text", f"Give it as {field}='…'")
    for field, kind in (("forward", Assignment), ("gradients", Gradient)):
        parts = getattr(layer, field)
        of_kind = isinstance(parts, tuple) and all(isinstance(one, kind) for one in parts)
        name = kind.__name__
        _expect(of_kind, f"{field} is no tuple of {name}s", f"Write {field}=({name}(…, …),)")
    _expect(isinstance(layer.inputs, tuple), "inputs is no tuple", "Write inputs=(x[i], γ)")
    _expect(isinstance(layer.upstream, IndexedBase), "upstream is no tensor", "Give tensor('g', …), like the output")
    values = [line.value for line in layer.forward]
    values += [one.value for one in layer.gradients if one.value is not None]
    for value in values:
        said = f"the value {value!r} is no expression"
        _expect(isinstance(value, Expr), said, "Write it with SymPy, a number as Integer(1)")
    for target in (*layer.inputs, *(line.target for line in layer.forward), *(one.of for one in layer.gradients)):
        _check_quantity(target)
    for part in (part for value in values for part in _indexed(value)):
        _check_quantity(part)
    build(layer)


def _check_quantity(target: Any) -> None:  # noqa: ANN401 -- whatever a user put there
    """A name, or a tensor at index letters with a size for each."""
    from sympy import Indexed, Integer, Symbol

    _expect(
        isinstance(target, Symbol | Indexed), f"{target!r} is no name", "Write scalar('γ'), or tensor('x', m) as x[i]"
    )
    for size in (target.base.shape or ()) if isinstance(target, Indexed) else ():
        symbolic = isinstance(size, Symbol) and size.is_integer and size.is_positive
        _expect(symbolic or isinstance(size, Integer), f"{target} has the size {size}", "Declare it with size('m')")
    for index in target.indices if isinstance(target, Indexed) else ():
        letter = isinstance(index, Symbol) and index.is_integer and not index.is_positive
        _expect(letter, f"{target} has the index {index}", "Use a letter that is declared with index('i')")


def _indexed(value: Expr) -> tuple[Expr, ...]:
    from sympy import Indexed

    return tuple(sorted(value.atoms(Indexed), key=str))


def _expect(holds: object, said: str, way_out: str) -> None:
    if not holds:
        raise LayerError(f"{said}. {way_out}.")


# --- a document --------------------------------------------------------------------------------------------------


def _from_document(path: str) -> Layer:
    from derive.read import read_file

    try:
        with at_most(SECONDS):
            return _Reading(path, read_file(path)).layer()
    except TooLong:
        raise TooLongError(f"Reading {path} takes longer than {SECONDS:.0f} s. Shorten it.") from None


class _Reading:
    """A document that is to hold a forward pass and nothing else."""

    def __init__(self, path: str, document: Document) -> None:
        self.path, self.document = path, document

    def layer(self) -> Layer:
        """Its forward pass as a layer. Raises `LayerError` with the place of what is wrong."""
        from derive.meaning.checker import Checker
        from derive.meaning.layer import as_layer

        self._refuse_unreadable()
        checker = Checker(self.document)
        definitions = self._definitions(checker)
        problem = self._problem(checker)
        self._refuse_meaningless(problem, definitions)
        loss, upstream = self._names(problem, definitions)
        stem = "document" if self.path == "-" else Path(self.path).stem
        title = "; ".join((f"The layer of {self.path}", *self._assumed(problem)))
        try:
            return _with_plain_sizes(as_layer(problem, loss, upstream, name=stem, title=title))
        except LayerError as error:
            raise LayerError(f"{self.path}: {error}") from None

    def _fail(self, place: Place | None, said: str) -> LayerError:
        where = self.path if place is None else f"{self.path}:{place.line}:{place.column}"
        return LayerError(f"{where}: {said}")

    def _place(self, definition: Definition) -> Place | None:
        """Where it stands; a given has no place among the equations."""
        return self.document.equations[definition.key].place if definition.key >= 0 else None

    def _refuse_unreadable(self) -> None:
        from derive.read import Unreadable

        for item in (*self.document.items, *self.document.givens):
            if isinstance(item, Unreadable):
                raise self._fail(item.place, f"this can't be read: {item.message}. Correct it, or take it out.")
        if not self.document.equations:
            said = "there is no equation. Write the forward pass in formulas, such as $y_i = x_i / r$."
            raise self._fail(None, said)

    def _definitions(self, checker: Checker) -> dict[str, Definition]:
        """What the document defines, by name. Every equation has to define something."""
        story = checker.story
        for key, equation in enumerate(self.document.equations):
            if key in story.restarts:
                again = "this name is defined a second time. Give each intermediate a name of its own."
                raise self._fail(equation.place, again)
            if key not in story.defining and key not in story.functions:
                said = "this defines no new name, so it is no line of a forward pass"
                raise self._fail(equation.place, f"{said}. Take it out, or judge it with derive-bn check.")
        return {one.name: one for one in story.defining.values()}

    def _problem(self, checker: Checker) -> Problem:
        """The forward pass. It has one output."""
        problem = checker.problem(checker.statements[-1])
        outputs = problem.forward.outputs
        if not outputs:
            raise self._fail(None, "nothing is defined without a derivative. Write down the forward pass.")
        if len(outputs) > 1:
            *others, last = (self._told(problem.definitions[name]) for name in outputs)
            said = f"{', '.join(others)} and {last} are read by no other line, so it is not clear which is the output"
            raise self._fail(None, f"{said}. Take out all but one.")
        return problem

    def _told(self, definition: Definition) -> str:
        place = self._place(definition)
        return definition.name if place is None else f"{definition.name} (line {place.line})"

    def _refuse_meaningless(self, problem: Problem, definitions: Mapping[str, Definition]) -> None:
        for name, reason in problem.missing.items():
            raise self._fail(self._place(definitions[name]), f"{name} has no meaning here: {reason}. Write it out.")
        for name, pairs in problem.conditional.items():
            said = " and ".join(f"{one} = {other}" for one, other in pairs)
            way_out = f"Use one size, or state it in a comment: % given: {said}"
            raise self._fail(self._place(definitions[name]), f"{name} only has a meaning if {said}. {way_out}.")

    def _names(self, problem: Problem, definitions: Mapping[str, Definition]) -> tuple[str, str]:
        """What the loss and the upstream gradient are called: as a line g_i = ∂L/∂y_i says, or as nothing else is."""
        from derive.kernel.language import quantities
        from derive.meaning.problem import name_of
        from derive.notation.syntax import Partial

        (output,) = problem.forward.outputs
        values = [side for pair in problem.values.values() for side in pair]
        taken = {name_of(one) for one in quantities(*values)} | {str(s) for one in values for s in one.free_symbols}
        loss, upstream = (_free(names, taken) for names in (LOSS_NAMES, UPSTREAM_NAMES))
        for one in definitions.values():
            match one.value:
                case Partial(top, bottom) if bottom == problem.definitions[output].target and not top.indices:
                    loss, upstream = top.base, one.name
                case Partial():
                    said = (
                        f"the only derivative that a forward pass can name is that of the loss by its output {output}"
                    )
                    raise self._fail(self._place(one), f"{said}. Take this out.")
        return loss, upstream

    @staticmethod
    def _assumed(problem: Problem) -> tuple[str, ...]:
        """What was assumed on reading, such as that x stands for x_i."""
        return tuple(dict.fromkeys(one for name in problem.values for one in problem.assumed_in(name)))


def _free(names: tuple[str, ...], taken: set[str]) -> str:
    """The first name that is not taken."""
    return next((name for name in names if name not in taken), f"{names[0]}′")


def _with_plain_sizes(layer: Layer) -> Layer:
    """The layer with a letter for each size that its author gave none. Raises `LayerError`."""
    from sympy import Symbol

    from derive.graph import build

    taken = {str(symbol) for line in layer.forward for symbol in line.target.free_symbols | line.value.free_symbols}
    letters: dict[Expr, Expr] = {}
    for size in build(layer).sizes:
        if size.name.startswith("|"):
            letters[size] = Symbol(_free(SIZE_NAMES, taken), integer=True, positive=True)
            taken.add(letters[size].name)
    return _renamed(layer, letters) if letters else layer


def _renamed(layer: Layer, names: Mapping[Expr, Expr]) -> Layer:
    from dataclasses import replace

    forward = tuple(
        replace(one, target=one.target.xreplace(names), value=one.value.xreplace(names)) for one in layer.forward
    )
    inputs = tuple(one.xreplace(names) for one in layer.inputs)
    return replace(layer, inputs=inputs, forward=forward, upstream=layer.upstream and layer.upstream.xreplace(names))
