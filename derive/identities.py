"""The identities a derivation rests on: each with a name in words and a short proof from the definitions it needs."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr, Indexed, Sum, Symbol

from derive.closed_form import Identity
from derive.graph import Graph
from derive.indices import name_of, put_in, relabel
from derive.kernel import Kernel, Verdict
from derive.kernel.verdict import Proved
from derive.layers.layer import Assignment
from derive.terms import terms, to_expr

__all__ = ["Explained", "canonical", "explained"]


@dataclass(frozen=True, slots=True)
class Explained:
    """An identity, what it says in words, and its proof.

    The proof is a chain of equal expressions from one side to the other; `used` are the quantities whose definitions,
    or for inputs whose assumptions, it needs.
    """

    identity: Identity
    title: str
    chain: tuple[Expr, ...]
    used: tuple[str, ...]
    verdict: Verdict


def explained(one: Identity, graph: Graph, kernel: Kernel) -> Explained:
    """The kernel judges the identity; each link of the chain is one that the kernel finds equal to the next."""
    names = _behind(graph, {name_of(q) for side in (one.left, one.right) for q in side.atoms(Symbol, Indexed)})
    assumed = {name_of(each.of) for each in graph.layer.assumptions}
    candidates = tuple(name for name, node in graph.nodes.items() if name in names and (node.value or name in assumed))
    verdict = kernel.decide(one.left, one.right, explain=candidates)
    used = verdict.used if isinstance(verdict, Proved) else ()
    return Explained(one, _title(one, used, graph), _chain(one, graph, kernel, used), used, verdict)


def _behind(graph: Graph, names: set[str]) -> set[str]:
    """The names and all that their definitions go back to."""
    reads = {name for one in names if one in graph.nodes for name in graph.nodes[one].reads} - names
    return _behind(graph, names | reads) if reads else names


def _title(one: Identity, used: tuple[str, ...], graph: Graph) -> str:
    behind = " and ".join(used)
    match one.left, one.right:
        case Sum(function=Add()), right if right == 0 and len(used) == 1:
            return f"The deviations from {behind} add up to 0"
        case Sum(), right if right == 0:
            return "A sum that vanishes"
        case Sum(), right if right == 1:
            return "A sum that is 1"
        case Sum(), right:
            named = sorted(
                {name_of(q) for q in right.atoms(Symbol, Indexed)} & {node.name for node in graph.intermediates}
            )
            return f"A sum by the name of {' and '.join(named)}" if named else "A sum in other words"
    return f"The definition of {behind} the other way round" if used else "The same in other words"


def _chain(one: Identity, graph: Graph, kernel: Kernel, used: tuple[str, ...]) -> tuple[Expr, ...]:
    """A sum is multiplied out, anything else is read from the side that the definitions are put into."""
    start, end = (one.left, one.right) if isinstance(one.left, Sum) else (one.right, one.left)
    values = {
        name: Assignment(graph.nodes[name].target, value)
        for name in used
        if (value := graph.nodes[name].value) is not None
    }
    spread = _spread(start)
    chain = [start]
    for link in (spread, _spread(put_in(spread, values))):
        new = not any(_same(link, other) for other in (chain[-1], end))
        if new and kernel.equal(chain[-1], link) and kernel.equal(link, end):
            chain.append(link)
    return (*chain, end)


def _same(one: Expr, other: Expr) -> bool:
    """Whether two links differ in the letters of their sums at most."""
    return bool(relabel(one, _free(one)) == relabel(other, _free(other)))


def _free(expr: Expr) -> frozenset[Expr]:
    return frozenset(one for one in expr.free_symbols if isinstance(one, Symbol) and one.is_integer)


def canonical(one: Identity) -> Identity:
    """The same for identities that differ in the letters of their sums only."""
    return Identity(*(relabel(side, _free(side)) for side in (one.left, one.right)))


def _spread(expr: Expr) -> Expr:
    """Multiplied out, constants taken out of the sums."""
    return to_expr(terms(expr, lambda _: False, _free(expr)))
