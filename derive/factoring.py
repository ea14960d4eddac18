"""Terms written as short as factoring makes them, and how length is counted: in operations, equal parts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sympy import Add, Expr, Indexed, Mul, S, Sum, Tuple

from derive.indices import relabel
from derive.terms import Term, divided, is_size, shared_factor, terms, to_expr

__all__ = ["common_factor_out", "factors_out", "operations", "sums_joined"]


def operations(expr: Expr, seen: set[Expr] | None = None) -> int:
    """The number of +, ·, powers and Σ in `expr`, equal parts counted once."""
    seen = set() if seen is None else seen
    if not expr.args or isinstance(expr, Indexed) or expr in seen:
        return 0
    seen.add(expr)
    if isinstance(expr, Sum):
        return 1 + operations(expr.function, seen)
    own = len(expr.args) - 1 if isinstance(expr, Add | Mul) else 1
    return own + sum(operations(arg, seen) for arg in expr.args if isinstance(arg, Expr))


def common_factor_out(parts: list[Term]) -> Expr:
    """The shortest of: a common factor taken out so that no denominator stays, or only what all share, or none."""
    return min((Mul(one.to_expr(), to_expr(rest)) for one, rest in _splits(parts)), key=operations)


def factors_out(parts: list[Term], *, tried: int = 1) -> Expr:
    """Like `common_factor_out`, with factors that only some of the terms share taken out of those.

    At each step the groups that save most at once are `tried`, that many of them.
    """
    return min((Mul(one.to_expr(), _grouped(rest, tried)) for one, rest in _splits(parts)), key=operations)


def _splits(parts: list[Term]) -> Iterator[tuple[Term, list[Term]]]:
    """A factor and what it leaves: with every denominator, with only what all share, nothing."""
    if len(parts) > 1:
        for one in (shared_factor(parts), shared_factor(parts, clear=False)):
            yield one, [divided(part, one) for part in parts]
    yield Term(S.One, {}), parts


@dataclass(frozen=True, slots=True)
class _Group:
    """Terms that share a factor, divided by it, and the terms that do not."""

    shared: Term
    inside: list[Term]
    rest: list[Term]

    def written(self, write: Callable[[list[Term]], Expr] = to_expr) -> Expr:
        return Add(Mul(self.shared.to_expr(), write(self.inside)), write(self.rest))


def _grouped(parts: list[Term], tried: int) -> Expr:
    """The terms with a factor taken out of the group where it saves most, then the same for the group and the rest."""
    plain = to_expr(parts)
    lengths = [(operations(group.written()), group) for group in _groups(parts)]
    saving = sorted((pair for pair in lengths if pair[0] < operations(plain)), key=lambda pair: pair[0])
    forms = [group.written(lambda terms: _grouped(terms, tried)) for _, group in saving[:tried]]
    return min([*forms, plain], key=operations)


def _groups(parts: list[Term]) -> Iterator[_Group]:
    for base in _in_several(parts):
        group = [part for part in parts if part.factors.get(base, S.Zero) > 0]
        shared = shared_factor(group, clear=False)
        rest = [part for part in parts if part not in group]
        yield _Group(shared, [divided(part, shared) for part in group], rest)


def _in_several(parts: list[Term]) -> list[Expr]:
    """The quantities that several terms have as a factor. Sizes and denominators are for the common factor alone."""
    found = Counter(base for part in parts for base, power in part.factors.items() if power > 0 and not is_size(base))
    return [base for base, count in found.items() if count > 1]


# --- sums --------------------------------------------------------------------------------------------------------


def sums_joined(parts: list[Term], taken: frozenset[Expr], *, flat: bool) -> list[Term]:
    """`parts` with sums over the same indices made one, with what stands before them: Σa + bΣc = Σ(a + bc).

    With `flat`, a sum inside a sum counts as one over all of their indices.
    """
    alike: dict[tuple[Tuple, ...], list[tuple[Term, Expr]]] = {}
    result = []
    for part in parts:
        sums = [base for base, power in part.factors.items() if isinstance(base, Sum) and power == 1]
        if len(sums) == 1:
            total = _flat(sums[0], taken) if flat else sums[0]
            rest = divided(part, Term(S.One, {sums[0]: S.One}))
            alike.setdefault(total.limits, []).append((part, Mul(rest.to_expr(), total.function)))
        else:
            result.append(part)
    return [*result, *(term for limits, group in alike.items() for term in _joined(limits, group, taken))]


def _joined(limits: tuple[Tuple, ...], group: list[tuple[Term, Expr]], taken: frozenset[Expr]) -> list[Term]:
    alone = [part for part, body in group if not _is_one_pass(body)]
    bodies = [body for _, body in group if _is_one_pass(body)]
    inside = [term for body in bodies for term in terms(body, lambda _: True, taken)]
    if len(bodies) < 2 or not _is_one_pass(to_expr(inside)):
        return [part for part, _ in group]
    return [*alone, *terms(Sum(factors_out(inside), *limits), lambda _: True, taken)]


def _is_one_pass(body: Expr) -> bool:
    """Whether one tensor has all the indices: Σ_j g_j (1 + x̂_i x̂_j) is short, but takes m² operations for all i."""
    tensors = [set(q.indices) for q in body.atoms(Indexed)]
    letters = set().union(*tensors) & body.free_symbols
    return any(letters <= indices for indices in tensors)


def _flat(total: Sum, taken: frozenset[Expr]) -> Sum:
    """Σ_i a Σ_j b as Σ_i Σ_j a b, with the sizes in one order."""
    factors = Mul.make_args(total.function)
    inner = [factor for factor in factors if isinstance(factor, Sum)]
    if len(inner) == 1:
        rest = (factor for factor in factors if factor is not inner[0])
        return _flat(Sum(Mul(*rest, inner[0].function), *inner[0].limits, *total.limits), taken)
    ordered = Sum(total.function, *sorted(total.limits, key=lambda limit: str(limit[2])))
    return relabel(ordered, taken)
