"""The forward pass of a document as a layer, in its author's letters: ready to be differentiated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import Expr, Indexed, IndexedBase, Symbol

from derive.errors import LayerError
from derive.indices import indices_of
from derive.kernel.language import quantities
from derive.layers.layer import Assignment, Layer
from derive.meaning.problem import Problem, name_of

__all__ = ["as_layer"]


def as_layer(problem: Problem, loss: str, upstream: str, *, name: str = "document", title: str = "Document") -> Layer:
    """The definitions that lead to the one output as a forward pass. What they read and nobody defines is an input.

    Nothing is claimed of the gradients. Raises `LayerError`.
    """
    (output,) = problem.outputs
    lines = tuple(Assignment(*problem.values[one]) for one in _order(problem, output) if one in problem.values)
    if not lines or name_of(lines[-1].target) != output:
        raise LayerError(f"{output} has no definition with a meaning. Give it one.")
    base = IndexedBase(upstream, shape=getattr(lines[-1].target, "shape", None) or (1,))
    return Layer(name, title, tuple(_inputs(problem, lines)), lines, base, (), "", loss)


def _order(problem: Problem, output: str) -> list[str]:
    """The intermediates behind the output in the order of the document, but each after those it reads."""
    found: dict[str, None] = {}
    behind = problem.forward.reached([output])
    written = [name for name in problem.definitions if name in behind]

    def visit(name: str) -> None:
        if name not in found:
            reads = problem.forward.reads(name) - {name}
            for read in (other for other in written if other in reads):
                visit(read)
            found[name] = None

    for name in written:
        visit(name)
    return [*(name for name in found if name != output), output]


def _inputs(problem: Problem, lines: Iterable[Assignment]) -> Iterator[Expr]:
    """What the lines read and do not define, each once.

    Its letters are those of the line that reads it element by element, x_i in x̂_i = …, or else its author's usual ones.
    """
    lines = tuple(lines)
    defined = {name_of(line.target) for line in lines}
    leaves: dict[str, Expr] = {}
    own: dict[str, Expr] = {}
    for line in lines:
        for q in quantities(line.value):
            if name_of(q) not in defined and not _is_integer(q):
                leaves.setdefault(name_of(q), q)
                if len(set(indices_of(q)) & set(indices_of(line.target))) == len(indices_of(q)):
                    own.setdefault(name_of(q), q)
    for name, leaf in leaves.items():
        letters = problem.words.letters.get(name, ())
        usual = tuple(Symbol(letter, integer=True) for letter in letters)
        home = leaf.base[usual] if isinstance(leaf, Indexed) and len(usual) == len(indices_of(leaf)) else leaf
        yield own.get(name, home)


def _is_integer(quantity: Expr) -> bool:
    return isinstance(quantity, Symbol) and bool(quantity.is_integer)
