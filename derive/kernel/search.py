"""The smallest exact point at which two expressions differ.

Sizes are tried from the smallest; at each a few seeded points of small whole numbers are drawn, every root is made
rational by choosing the parameter that is added under it (ε = r² − σ²), and a point that separates the two sides is
shrunk one value at a time. If no rational point separates them, intervals are tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from random import Random

from sympy import Add, Expr, Indexed, Pow, Rational, Sum, Symbol, Tuple

from derive.kernel.exact import (
    Evaluator,
    Exact,
    Interval,
    Irrational,
    Number,
    Place,
    Point,
    Undefined,
    elements,
)
from derive.kernel.language import Definitions, Partial, Unsupported, is_index, name_of, parts_of, quantities
from derive.kernel.verdict import Counterexample

Values = dict[Place, Fraction]
LARGEST_SIZE = 4
DRAWS = 10
AUDITED = 2
MOST_INTERVALS = 20
AUDITED_ELEMENTS, ENOUGH_IRRATIONAL = 30, 2 * AUDITED
ROOTS = tuple(
    sorted((Fraction(a, b) for a in range(1, 40) for b in (1, 2, 3)), key=lambda r: (r.denominator * r.numerator, r))
)
SMALL = tuple(Fraction(value) for value in (0, 1, -1, 2, -2, 3, -3))


@dataclass(frozen=True, slots=True)
class Question:
    """Two sides, and all that is needed to evaluate them: definitions, leaves, and the sizes of the free indices.

    `roots` are the bases and degrees of all roots that are met, each before those that are made of it.
    """

    left: Expr
    right: Expr
    definitions: Definitions
    sizes: tuple[str, ...]
    leaves: tuple[Expr, ...]
    free: tuple[tuple[Symbol, Expr], ...]
    roots: tuple[tuple[Expr, int], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Both sides at one element of the free indices."""

    at: Mapping[Expr, int]
    left: Fraction
    right: Fraction


@dataclass(slots=True)
class Survey:
    """What the search met: how many points agreed, whether any side was not 0, which points needed intervals."""

    agreed: int = 0
    nonzero: bool = False
    irrational: list[Point] = field(default_factory=list)


def question(left: Expr, right: Expr, definitions: Definitions) -> Question:
    """Everything `left` and `right` reach through the definitions. Raises `Unsupported` for definitions in a circle."""
    reached = definitions.reached_from((left, right))
    read = dict.fromkeys(quantities(left, right))
    for name in reached:
        read |= dict.fromkeys(definitions.read_by(name))
    _refuse_mixed(read)
    sizes = {q.name for q in read if isinstance(q, Symbol) and q.is_integer and q.is_positive}
    leaves = {name_of(q): q for q in read if name_of(q) not in definitions and not _is_integer(q)}
    values = (*(definitions[name].value for name in reached), left, right)
    return Question(
        left,
        right,
        definitions,
        tuple(sorted(sizes)),
        tuple(leaves[name] for name in sorted(leaves)),
        free_indices((left, right)),
        tuple(dict.fromkeys(root for value in values for root in _roots(value))),
    )


def _refuse_mixed(read: Iterable[Expr]) -> None:
    """One name is one thing: the same assumptions and as many indices wherever it stands, and only those known here."""
    kinds: dict[str, tuple[object, ...]] = {}
    for one in read:
        kind = _kind(one)
        if kinds.setdefault(name_of(one), kind) != kind:
            raise Unsupported(f"{name_of(one)} stands for different things")
        if _has_another_sign(one):
            raise Unsupported(f"{name_of(one)} has a sign other than positive")
        if any(not is_index(index) for index in getattr(one, "indices", ()) if isinstance(index, Symbol)):
            raise Unsupported(f"{one}: a size or a number as an index")


@lru_cache(maxsize=10_000)
def _kind(one: Expr) -> tuple[object, ...]:
    """How many indices, and what is assumed. SymPy takes its time to say that nothing is."""
    rank = len(one.indices) if isinstance(one, Indexed) else 0
    return rank, bool(one.is_positive), bool(one.is_integer) and not rank


@lru_cache(maxsize=10_000)
def _has_another_sign(one: Expr) -> bool:
    return not one.is_positive and bool(one.is_nonnegative or one.is_nonpositive or one.is_negative)


def _is_integer(quantity: Expr) -> bool:
    return isinstance(quantity, Symbol) and bool(quantity.is_integer)


@lru_cache(maxsize=10_000)
def _roots(expr: Expr) -> tuple[tuple[Expr, int], ...]:
    powers = [node for node in parts_of(expr) if isinstance(node, Pow) and isinstance(node.exp, Rational)]
    return tuple((node.base, int(node.exp.q)) for node in powers if node.exp.q != 1)


def free_indices(sides: tuple[Expr, ...]) -> tuple[tuple[Symbol, Expr], ...]:
    """The free indices of the sides with their sizes, from the shapes of the tensors they stand in."""
    found: dict[Symbol, Expr] = {}
    for side in sides:
        _gather_free(side, frozenset(), found)
    return tuple(found.items())


def _gather_free(expr: Expr, bound: frozenset[Expr], found: dict[Symbol, Expr]) -> None:
    """Index letters of tensors that no sum around them binds. Parts without tensors are not looked through."""
    if isinstance(expr, Indexed):
        for index, size in zip(expr.indices, expr.base.shape or (), strict=False):
            if isinstance(index, Symbol) and index not in bound:
                found.setdefault(index, size)
    elif expr.args and _has_tensors(expr):
        inner = bound | {limit[0] for limit in expr.limits} if isinstance(expr, Sum) else bound
        for arg in (
            expr.args[:2] if isinstance(expr, Partial) else expr.args[:1] if isinstance(expr, Sum) else expr.args
        ):
            _gather_free(arg, inner, found)


@lru_cache(maxsize=20_000)
def _has_tensors(expr: Expr) -> bool:
    return any(isinstance(part, Indexed) for part in parts_of(expr))


def find(ask: Question) -> tuple[Counterexample | None, Survey]:
    """The smallest separating point found, and what was seen on the way. The same for the same question."""
    survey = Survey()
    for sizes in _sizes(ask.sizes):
        for draw in range(DRAWS):
            values = _solved(ask, sizes, _drawn(ask, sizes, draw))
            if values is not None and _separates(ask, _at(ask, sizes, values), survey):
                return _report(ask, sizes, _shrunk(ask, sizes, values)), survey
    return _with_intervals(ask, survey), survey


class Audit:
    """A check on proofs: both sides of a proved equation are evaluated at a drawn point, by other means than the proof.

    The points are the same for every question under one set of definitions, so intermediates are computed once.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._evaluators: dict[object, Evaluator | None] = {}

    def survey(self, ask: Question) -> Survey | None:
        """What was seen at the first points with sizes above 1 where both sides have a value; None if they differ.

        Two points are asked for, of different sizes if there are any.
        """
        survey = Survey()
        for sizes in _sizes(ask.sizes, smallest=2):
            before, irrational = survey.agreed, len(survey.irrational)
            for draw in range(DRAWS):
                evaluator = self._evaluator(ask, sizes, draw)
                if evaluator is not None and _separates(ask, evaluator, survey, AUDITED_ELEMENTS):
                    return None
                if survey.agreed >= AUDITED:
                    return survey
                if sizes and (survey.agreed > before or len(survey.irrational) >= irrational + AUDITED):
                    break
            if len(survey.irrational) >= ENOUGH_IRRATIONAL:
                break
        return None if _with_intervals(ask, survey) is not None else survey

    def _evaluator(self, ask: Question, sizes: Mapping[str, int], draw: int) -> Evaluator | None:
        key = (tuple(sizes.items()), draw, ask.leaves, ask.roots)
        if key not in self._evaluators:
            values = _solved(ask, sizes, _drawn(ask, sizes, draw))
            point = None if values is None else Point(sizes, values)
            self._evaluators[key] = None if point is None else Evaluator(self._definitions, point, Exact())
        return self._evaluators[key]


class Sieve:
    """Which right sides can equal a left side: those that have its value at one point. Quick, and not a verdict."""

    def __init__(self, left: Expr, right: Expr, definitions: Definitions) -> None:
        ask = question(left, right, definitions)
        wide = question(left, Tuple(right, *(one.value for one in definitions.values())), definitions)
        # Every leaf gets a value, but only the roots of these sides are made rational: others may need the same ε.
        self._ask = replace(ask, sizes=wide.sizes, leaves=wide.leaves)
        self._free = ask.free
        self._evaluator, self._values = self._first_point()

    def _first_point(self) -> tuple[Evaluator | None, list[Number]]:
        """The first point above size 2 where the left side has a rational value, with its values.

        Its numbers are larger than those of a counterexample: few wrong formulas agree there by chance.
        """
        for sizes in _sizes(self._ask.sizes, smallest=3):
            for draw in range(9, 15):
                values = _solved(self._ask, sizes, _drawn(self._ask, sizes, draw))
                evaluator = None if values is None else _at(self._ask, sizes, values)
                found = evaluator and self._all(evaluator, self._ask.left)
                if evaluator is not None and found:
                    return evaluator, found
        return None, []

    def _all(self, evaluator: Evaluator, side: Expr) -> list[Number]:
        """The values of a side at every element of the free indices; empty where it has none."""
        try:
            return [evaluator.value(side, at) for at in _instances(evaluator, self._free)]
        except (Irrational, Undefined):
            return []

    def passes(self, right: Expr) -> bool:
        """Whether `right` has the left side's value. True where no point could be found."""
        return self._evaluator is None or self._all(self._evaluator, right) == self._values


def _sizes(names: tuple[str, ...], smallest: int = 1) -> Iterator[dict[str, int]]:
    """Sizes from the smallest: by their largest, then by their sum."""
    choices = product(range(smallest, LARGEST_SIZE + 1), repeat=len(names))
    for lengths in sorted(choices, key=lambda t: (max(t, default=0), sum(t), t)):
        yield dict(zip(names, lengths, strict=True))


def _drawn(ask: Question, sizes: Mapping[str, int], draw: int) -> Values:
    """Small whole numbers for every leaf. Later draws are larger; some give every slice the same multiset of values."""
    random = Random(f"{draw} {sorted(sizes.items())}")  # noqa: S311 -- reproducible, nothing secret
    reach = 2 + draw
    values: Values = {}
    whole = Evaluator(ask.definitions, Point(sizes, {}), Exact())
    for leaf in ask.leaves:
        shape = tuple(int(whole.value(length, {})) for length in _shape(leaf))
        row = [random.randint(-reach, reach) for _ in range(max(shape, default=1))]
        for place in elements(shape):
            if len(shape) > 1 and draw % 3:
                length = shape[-1] if draw % 3 == 1 else shape[0]
                number = row[sum(place) % length]
            else:
                number = random.randint(-reach, reach)
            values[name_of(leaf), place] = Fraction(abs(number) or 1) if leaf.is_positive else Fraction(number)
    return values


def _shape(leaf: Expr) -> tuple[Expr, ...]:
    return tuple(leaf.base.shape or ()) if isinstance(leaf, Indexed) else ()


def _solved(ask: Question, sizes: Mapping[str, int], values: Values) -> Values | None:
    """`values` with every root made rational by the parameter added under it; None where the point is no use.

    Roots that can't be helped are left as they are: the evaluation then says `Irrational`.
    """
    solved, pinned = dict(values), set()
    for base, q in ask.roots:
        parameter = _parameter(ask, base)
        if parameter is None or parameter.name in pinned:
            continue
        place = (parameter.name, ())
        rests = _rests(ask, sizes, solved, base, place)
        if rests is None or len(rests) != 1:
            continue
        (rest,) = rests
        positive = bool(parameter.is_positive)
        chosen = next((r for r in ROOTS if r**q > rest or (not positive and r**q == rest)), None)
        if chosen is None:
            return None
        solved[place] = chosen**q - rest
        pinned.add(parameter.name)
    return solved


def _parameter(ask: Question, base: Expr) -> Symbol | None:
    """A leaf without indices that is a term of `base`, positive ones first."""
    terms = [t for t in Add.make_args(base) if isinstance(t, Symbol) and t in ask.leaves and not t.is_integer]
    terms = [term for term in terms if sum(term in other.free_symbols for other in base.args) == 1]
    return min(terms, key=lambda term: (not term.is_positive, term.name), default=None)


def _rests(ask: Question, sizes: Mapping[str, int], values: Values, base: Expr, place: Place) -> set[Fraction] | None:
    """The values of `base` without its parameter, over all of its free indices."""
    evaluator = Evaluator(ask.definitions, Point(sizes, {**values, place: Fraction(0)}), Exact())
    try:
        return {evaluator.value(base, at) for at in _instances(evaluator, free_indices((base,)))}
    except (Undefined, Irrational):
        return None


def _instances(evaluator: Evaluator, free: tuple[tuple[Symbol, Expr], ...]) -> Iterator[dict[Expr, int]]:
    lengths = tuple(evaluator.whole(size, {}) for _, size in free)
    for place in elements(lengths):
        yield {index: element for (index, _), element in zip(free, place, strict=True)}


def _at(ask: Question, sizes: Mapping[str, int], values: Values) -> Evaluator:
    return Evaluator(ask.definitions, Point(sizes, values), Exact())


def _separates(ask: Question, evaluator: Evaluator, survey: Survey, most: int | None = None) -> bool:
    try:
        if _difference(ask, evaluator, survey, most) is not None:
            return True
        survey.agreed += 1
    except Irrational:
        survey.irrational.append(evaluator.point)
    except Undefined:
        pass
    return False


def _difference(ask: Question, evaluator: Evaluator, survey: Survey, most: int | None = None) -> Difference | None:
    """The first element of the free indices at which the sides differ, of all or of `most` drawn ones."""
    vanishes = evaluator.arithmetic.vanishes
    every = list(_instances(evaluator, ask.free))
    drawn = every if most is None or len(every) <= most else Random(0).sample(every, most)  # noqa: S311
    for at in drawn:
        left, right = evaluator.value(ask.left, at), evaluator.value(ask.right, at)
        if not vanishes(left - right):
            return Difference(at, left, right)
        survey.nonzero |= not vanishes(left)
    return None


def _shrunk(ask: Question, sizes: Mapping[str, int], values: Values) -> Values:
    """Each value made as small as it can be while the sides still differ; roots are solved anew each time."""
    best = values
    for _ in range(2):
        for place in sorted(best):
            for smaller in SMALL:
                if (abs(smaller), smaller < 0) >= (abs(best[place]), best[place] < 0):
                    break
                tried = _solved(ask, sizes, {**best, place: smaller})
                if tried is not None and _allowed(ask, tried) and _separates(ask, _at(ask, sizes, tried), Survey()):
                    best = tried
                    break
    return best


def _allowed(ask: Question, values: Values) -> bool:
    return all(
        values[place] > 0 for leaf in ask.leaves if leaf.is_positive for place in values if place[0] == name_of(leaf)
    )


def _report(ask: Question, sizes: Mapping[str, int], values: Values) -> Counterexample:
    difference = _difference(ask, _at(ask, sizes, values), Survey())
    assert difference is not None  # noqa: S101 -- `values` separates the sides
    return _counterexample(Point(sizes, values), difference.at, str(difference.left), str(difference.right))


def _counterexample(point: Point, at: Mapping[Expr, int], left: str, right: str) -> Counterexample:
    return Counterexample(
        tuple(sorted(point.sizes.items())),
        tuple((str(index), element) for index, element in at.items()),
        tuple((name, indices, value) for (name, indices), value in sorted(point.values.items())),
        left,
        right,
    )


def _with_intervals(ask: Question, survey: Survey) -> Counterexample | None:
    if not survey.irrational:
        return None
    arithmetic = Interval()
    for point in _spread(survey.irrational):
        try:
            difference = _difference(ask, Evaluator(ask.definitions, point, arithmetic), survey)
        except Undefined:
            continue
        if difference is not None:
            left, right = (_interval(side) for side in (difference.left, difference.right))
            return _counterexample(point, difference.at, left, right)
        survey.agreed += 1
    return None


def _spread(points: list[Point]) -> list[Point]:
    """A few points of each size: sides may agree wherever a size is 1, say."""
    by_size: dict[object, list[Point]] = {}
    for point in points:
        by_size.setdefault(tuple(point.sizes.items()), []).append(point)
    few = max(2, MOST_INTERVALS // len(by_size))
    return [point for same in by_size.values() for point in same[:few]][: 2 * MOST_INTERVALS]


def _interval(value: Number) -> str:
    """To 15 digits; the interval itself is narrower."""
    from mpmath import mpf, nstr

    middle = mpf(value.mid)
    return f"≈ {nstr(middle, 15) if abs(middle) > 1e-30 else 0}"
