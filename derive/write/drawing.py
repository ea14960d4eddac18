"""The computation graph in TikZ: columns by longest path, few crossings, gradients beside the arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from derive.write.breaking import width
from derive.write.prose import ascii_math

if TYPE_CHECKING:
    from derive.report import GraphNode, Report

__all__ = [
    "Columns",
    "Drawing",
    "Drawn",
    "Edge",
    "Links",
    "Spot",
    "chains",
    "column_of",
    "crossings",
    "drawn_nodes",
    "heights",
    "mean",
    "ordered",
    "path",
    "point",
    "spread",
]

# A place in a column: a node by its name, or the point where an edge passes by: source, target, column.
Spot: TypeAlias = tuple[str, ...]
Columns: TypeAlias = list[list[Spot]]
Links: TypeAlias = tuple[tuple[Spot, Spot], ...]

_SWEEPS: Final = 12
_LONGEST_ROW: Final = 15.4  # centimetres of text width that the drawing may take
_PORT: Final = 0.34  # between two arrows at one side of a node
_APART: Final = 0.055  # half the distance between an edge and its gradient


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` is read by `target`; `back` says whether a gradient flows back."""

    source: str
    target: str
    back: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node to draw: its symbol, the adjoint under it, how it looks."""

    name: str
    symbol: str
    adjoint: str
    kind: str
    reads: tuple[str, ...]


def drawn_nodes(report: Report) -> tuple[Drawn, ...]:
    """The graph's nodes and the loss."""
    named = {line.name.text for line in report.steps} | {form.name.text for form in report.closed_forms}
    nodes = [_drawn(node, named, report.loss) for node in report.graph]
    output = next(node.name for node in report.graph if node.kind == "output")
    # No layer's name ends in a blank, so the loss is a node of its own even where a layer has an L.
    return (*nodes, Drawn(f"{report.loss} ", ascii_math(report.loss), "", "loss", (output,)))


def _drawn(node: GraphNode, named: set[str], loss: str) -> Drawn:
    flows = node.kind == "output" or f"∂{loss}/∂{node.symbol.text}" in named
    symbol = ascii_math(node.symbol.latex)
    adjoint = rf"\partial {ascii_math(loss)}/\partial {symbol}" if flows else ""
    return Drawn(node.name, symbol, adjoint, node.kind, node.reads)


def column_of(nodes: Sequence[Drawn]) -> dict[str, int]:
    """The column of each node: longest path for intermediates, an input just before the first that reads it."""
    inputs = [node.name for node in nodes if node.kind == "input"]
    found: dict[str, int] = {}
    for node in nodes:
        if node.name not in inputs:
            found[node.name] = 1 + max((found[read] for read in node.reads if read not in inputs), default=0)
    for name in inputs:
        found[name] = min((found[node.name] for node in nodes if name in node.reads), default=1) - 1
    return found


def chains(nodes: Sequence[Drawn], column: Mapping[str, int]) -> dict[Edge, list[Spot]]:
    """Each edge with the spots it runs through, one for every column."""
    adjoint = {node.name: bool(node.adjoint) for node in nodes}
    found = {}
    for node in nodes:
        for read in node.reads:
            between = range(column[read] + 1, column[node.name])
            through = [(read, node.name, str(at)) for at in between]
            found[Edge(read, node.name, adjoint[read])] = [(read,), *through, (node.name,)]
    return found


def ordered(columns: Columns, links: Links) -> Columns:
    """The columns with their spots in an order that has few crossings: sweeps of averages, then swaps."""
    best, least = columns, crossings(columns, links)
    for sweep in range(_SWEEPS):
        columns = _swept(columns, links, forward=sweep % 2 == 0)
        if (count := crossings(columns, links)) < least:
            best, least = columns, count
    return _swapped(best, links)


def _swept(columns: Columns, links: Links, *, forward: bool) -> Columns:
    turned = links if forward else tuple((target, source) for source, target in links)
    new = [list(column) for column in columns]
    for at in range(1, len(new)) if forward else range(len(new) - 2, -1, -1):
        beside = {spot: float(place) for place, spot in enumerate(new[at - 1 if forward else at + 1])}
        own = {spot: float(place) for place, spot in enumerate(new[at])}
        new[at].sort(key=lambda spot: mean([beside[s] for s, t in turned if t == spot and s in beside], own[spot]))
    return new


def mean(values: Sequence[float], default: float) -> float:
    """The average, or the default for none."""
    return sum(values) / len(values) if values else default


def crossings(columns: Columns, links: Links) -> int:
    """How many pairs of links cross."""
    place = {spot: at for column in columns for at, spot in enumerate(column)}
    of = {spot: number for number, column in enumerate(columns) for spot in column}
    ends = [(of[source], place[source], place[target]) for source, target in links]
    return sum(a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0 for at, a in enumerate(ends) for b in ends[:at])


def _swapped(columns: Columns, links: Links) -> Columns:
    """Neighbours in a column change places as long as that saves a crossing."""
    least = crossings(columns, links)
    better = True
    while better:
        better = False
        for number, column in enumerate(columns):
            for at in range(len(column) - 1):
                tried = [*column[:at], column[at + 1], column[at], *column[at + 2 :]]
                trial = [*columns[:number], tried, *columns[number + 1 :]]
                if (count := crossings(trial, links)) < least:
                    columns, least, column, better = trial, count, tried, True  # noqa: PLW2901
    return columns


def heights(columns: Columns, links: Links, gap: Callable[[Spot, Spot], float]) -> dict[Spot, float]:
    """The height of every spot, from the top down: near the average of its neighbours, never nearer than the gap."""
    found = {spot: at * 1.0 for column in columns for at, spot in enumerate(column)}
    beside: dict[Spot, list[Spot]] = {spot: [] for spot in found}
    for source, target in links:
        beside[source].append(target)
        beside[target].append(source)
    for _ in range(4 * _SWEEPS):
        for column in columns:
            wanted = [mean([found[other] for other in beside[spot]], found[spot]) for spot in column]
            found.update(zip(column, spread(wanted, [gap(*pair) for pair in pairwise(column)]), strict=True))
    return found


def spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (least squares) with at least these gaps: pool adjacent violators."""
    offset = [0.0]
    for one in gaps:
        offset.append(offset[-1] + one)
    pools: list[list[float]] = []
    for value, moved in zip(wanted, offset, strict=True):
        pools.append([value - moved])
        while len(pools) > 1 and mean(pools[-2], 0) > mean(pools[-1], 0):
            last = pools.pop()
            pools[-1] += last
    return [mean(pool, 0) + move for move, pool in zip(offset, (pool for pool in pools for _ in pool), strict=True)]


class Drawing:
    """The graph as TikZ: columns from left to right, every edge from a port of its own to a port of its own."""

    def __init__(self, report: Report) -> None:
        self.nodes = {node.name: node for node in drawn_nodes(report)}
        column = column_of(list(self.nodes.values()))
        self.chains = chains(list(self.nodes.values()), column)
        links: Links = tuple(link for chain in self.chains.values() for link in pairwise(chain))
        self.columns = ordered(self._columns(column), links)
        self.tall = {name: self._tallness(name) for name in self.nodes}
        self.y = heights(self.columns, links, self._gap)
        self.x = self._lefts()
        self.ports = self._ports()

    def _columns(self, column: Mapping[str, int]) -> Columns:
        found: Columns = [[] for _ in range(max(column.values()) + 1)]
        for name, at in column.items():
            found[at].append((name,))
        for chain in self.chains.values():
            for spot in chain[1:-1]:
                found[int(spot[2])].append(spot)
        # Inputs first: where it makes no crossing, parameters stand above the row of intermediates.
        return [sorted(one, key=lambda spot: (len(spot) > 1, self.nodes[spot[0]].kind != "input")) for one in found]

    def _tallness(self, name: str) -> float:
        most = max(sum(edge.target == name for edge in self.chains), sum(edge.source == name for edge in self.chains))
        return max(0.72, _PORT * (most - 1) + 0.46)

    def _half(self, spot: Spot) -> tuple[float, float]:
        """How far a spot reaches up and down; a node's adjoint stands under it."""
        if len(spot) > 1:
            return 0.1, 0.1
        half = self.tall[spot[0]] / 2
        return half, half + (0.5 if self.nodes[spot[0]].adjoint else 0)

    def _gap(self, upper: Spot, lower: Spot) -> float:
        return self._half(upper)[1] + self._half(lower)[0] + 0.3

    def _wide(self, name: str) -> float:
        return round(max(0.95, 0.4 * width(self.nodes[name].symbol) + 0.4), 2)

    def _lefts(self) -> list[tuple[float, float]]:
        """Where each column starts and ends."""
        found, at = [], 0.0
        for column in self.columns:
            wide = max((self._wide(spot[0]) for spot in column if len(spot) == 1), default=0.5)
            found.append((at, at + wide))
            at += wide + 1.55
        return found

    def _ports(self) -> dict[tuple[Edge, bool], float]:
        """The height at which each edge leaves (False) and enters (True)."""
        found: dict[tuple[Edge, bool], float] = {}
        for name in self.nodes:
            for enters in (False, True):
                edges = [edge for edge in self.chains if (edge.target if enters else edge.source) == name]
                edges.sort(key=lambda edge: self.y[self.chains[edge][-2 if enters else 1]])
                for at, edge in enumerate(edges):
                    found[edge, enters] = self.y[name,] + _PORT * (at - (len(edges) - 1) / 2)
        return found

    def tikz(self) -> str:
        """The whole picture, made smaller where it is wider than the text."""
        scale = min(1.0, _LONGEST_ROW / self.x[-1][1])
        options = f"[scale={scale:.3f}, transform shape]" if scale < 1 else ""
        lines = [*self._node_lines(), *self._edge_lines()]
        return "\n".join([rf"\begin{{tikzpicture}}{options}", *(f"  {line}" for line in lines), r"\end{tikzpicture}"])

    def _node_lines(self) -> Iterator[str]:
        for number, column in enumerate(self.columns):
            for name in (spot[0] for spot in column if len(spot) == 1):
                node, (left, right) = self.nodes[name], self.x[number]
                size = f"minimum width={self._wide(name):.2f}cm, minimum height={self.tall[name]:.2f}cm"
                at = point((left + right) / 2, self.y[name,])
                yield rf"\node[{node.kind}, {size}] at {at} {{${node.symbol}$}};"
                if node.adjoint:
                    under = point((left + right) / 2, self.y[name,] + self.tall[name] / 2 + 0.24)
                    yield rf"\node[adjoint] at {under} {{${node.adjoint}$}};"

    def _edge_lines(self) -> Iterator[str]:
        column = {spot: number for number, spots in enumerate(self.columns) for spot in spots}
        for edge, chain in self.chains.items():
            way = list(self._way(edge, chain, column))
            yield path("forward", "out=0, in=180", way, -_APART if edge.back else 0)
            if edge.back:
                yield path("gradient", "out=180, in=0", way[::-1], _APART)

    def _way(self, edge: Edge, chain: Sequence[Spot], column: Mapping[Spot, int]) -> Iterator[tuple[float, float]]:
        """The points of an edge: level through every column it passes, curved between columns."""
        source, target = chain[0], chain[-1]
        yield self._side(source, column[source], 1), self.ports[edge, False]
        for spot in chain[1:-1]:
            for x in self.x[column[spot]]:
                yield x, self.y[spot]
        yield self._side(target, column[target], -1), self.ports[edge, True]

    def _side(self, spot: Spot, number: int, sign: int) -> float:
        left, right = self.x[number]
        return (left + right + sign * self._wide(spot[0])) / 2


def point(x: float, y: float) -> str:
    """A TikZ coordinate; heights count downwards."""
    return f"({x:.2f},{0.0 - y:.3f})"


def path(style: str, bend: str, way: Sequence[tuple[float, float]], lower: float) -> str:
    """One arrow through all its points, `lower` further down."""
    points = f" to[{bend}] ".join(point(x, y + lower) for x, y in way)
    return rf"\draw[{style}] {points};"
