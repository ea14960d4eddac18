"""A layer's whole derivation: local partials, adjoints, simplification, closed forms, each step judged by the kernel.

This is where the rooms meet: the graph and reverse mode make the steps, `closed_form` finds the short form, the kernel
judges every line, `explicit` and `numeric` are further routes to the same gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from sympy import Expr, Indexed, IndexedBase, Mul, S, Sum, Symbol, nan, zoo
from sympy.core.parameters import distribute

from derive.backward import Adjoint, LocalPartial, adjoint_of, adjoints, local_partials
from derive.closed_form import Identity, Line, compact, known_sums_put_in, operations
from derive.errors import LayerError, OrderError, SizeError, VectorizeError
from derive.explicit import spell_out
from derive.graph import Graph, build, upstream_of
from derive.indices import Letters, indices_of, letters_in, name_of, put_in, relabel
from derive.kernel import Kernel, Verdict, partial
from derive.kernel.verdict import Proved
from derive.layers import load
from derive.layers.layer import Assignment, Gradient, Layer, Quantity
from derive.notation import Notation, Slots

if TYPE_CHECKING:
    from derive.forward_mode import ForwardMode
    from derive.numeric.crosscheck import NumericCheck
    from derive.numeric.functions import Functions

__all__ = ["Check", "ClosedForm", "Derivation", "Reason", "Step", "derive", "worst"]

LARGEST_SPELLED_OUT = 16
MOST_ELEMENTS, MOST_ELEMENTS_SECOND = 32, 9
"""The largest m, and the most elements of any tensor at order 1 and 2, for which every one is written out."""
LARGEST_SIZE = 1_000_000
T = TypeVar("T")
ORDER = ("proved", "undecided", "refuted")
ORDERS = (1, 2)


@dataclass(frozen=True, slots=True)
class Reason:
    """An identity that a step used, with the kernel's verdict on the identity itself."""

    identity: Identity
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the derivation: `target` = `value`, by `rule`. `part` is the section it stands in."""

    target: Quantity
    value: Expr
    rule: str
    part: str
    verdict: Verdict
    because: tuple[Reason, ...]
    notation: Notation = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.notation.equation_text(self.target, self.value)}  ({self.rule}; {self.verdict.label})"

    def _repr_latex_(self) -> str:
        return f"${self.notation.equation_latex(self.target, self.value)}$"


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The form that was found for ∂L/∂`of`, the layer's stated one, and whether they are equal.

    Where the layer states none, `stated` is None and `verdict` is that on the found form: whether it is ∂L/∂`of`.
    `because` holds the identities without which chain rule and stated form would differ; `operations` counts those of
    the staged and of the found form, equal parts once.
    """

    of: Quantity
    target: Quantity
    found: Expr
    stated: Expr | None
    verdict: Verdict
    because: tuple[Reason, ...]
    operations: tuple[int, int]
    notation: Notation = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.notation.equation_text(self.target, self.found)

    def _repr_latex_(self) -> str:
        return f"${self.notation.equation_latex(self.target, self.found)}$"


@dataclass(frozen=True, slots=True)
class Check:
    """One route to the closed forms: what it compared, the verdict of its worst case, and the time it took.

    `verdicts` has one entry for each gradient or element; empty where the route was not taken, `detail` says why.
    """

    name: str
    detail: str
    verdicts: tuple[tuple[str, Verdict], ...]
    seconds: float


def derive(
    layer: Layer | str,
    m: int | None = None,
    *,
    axes: tuple[str, ...] = (),
    order: int = 1,
    thorough: bool = False,
) -> Derivation:
    """The derivation of a layer, given by name or as a `Layer`; of its backward pass, if `order` is 2.

    `m` fixes every size for the spelled-out route and the numerical check; without it everything is for every size.
    `axes` names the axes of the data of a layer given by name, such as ("N", "C", "H", "W").
    Raises `UnknownLayerError`, `ShapeError`, `LayerError`, `OrderError` or `SizeError`.
    """
    if order not in ORDERS:
        raise OrderError(f"There is no derivation of order {order}. The orders are 1 and 2.")
    one = Derivation(load(layer, axes) if isinstance(layer, str) else layer, m, thorough=thorough)
    if order == 1:
        return one
    from derive.second_order import second_order

    return Derivation(second_order(one), m, thorough=thorough, first=one)


class Derivation:
    """A layer, derived and judged. Everything is worked out when it is first asked for.

    `first` is the derivation whose backward pass this layer is: then that it is one is among the checks.
    """

    def __init__(
        self, layer: Layer, m: int | None = None, *, thorough: bool = False, first: Derivation | None = None
    ) -> None:
        if m is not None and not (m == int(m) and 1 <= m <= LARGEST_SIZE):
            said = f"m = {m} is not a batch size from 1 to {LARGEST_SIZE}."
            raise SizeError(f"{said} Leave m out for the proof of every m.")
        self.layer, self.m, self.thorough, self.first = _with_wanted(layer), m, thorough, first
        self.graph: Graph = build(self.layer)

    def __repr__(self) -> str:
        return f"<Derivation of {self.layer.name}, {self.at or self.every}>"

    def _repr_latex_(self) -> str:
        rows = (f"{self.notation.latex(c.target)} &= {self.notation.latex(c.found)}" for c in self.closed_forms)
        return r"$$\begin{aligned}" + r"\\".join(rows) + r"\end{aligned}$$"

    # --- what is derived -----------------------------------------------------------------------------------------

    @cached_property
    def notation(self) -> Notation:
        """Prints this layer's formulas: knows how many indices each of its names has."""
        return Notation(self.ranks)

    @property
    def ranks(self) -> dict[str, int | Slots]:
        """How many indices each name has, and which are whose in the names of local partials."""
        ranks = {node.name: len(node.shape) for node in self.graph.nodes.values()}
        slots = {name_of(one.target): _slots(one) for one in self.partials}
        return {**ranks, **slots, self.layer.loss: 0}

    @property
    def symbols(self) -> dict[str, Quantity | IndexedBase]:
        """Every name of this layer: tensors to be indexed, scalars, sizes, the index letters of its own formulas."""
        found: dict[str, Quantity | IndexedBase] = {}
        targets = (*(node.target for node in self.graph.nodes.values()), upstream_of(self.graph))
        for target in (one for one in targets if one != 1):
            found[name_of(target)] = target.base if isinstance(target, Indexed) else target
            found |= {index.name: index for index in indices_of(target)}
        return found | {size.name: size for size in self.graph.sizes}

    def judge(self, of: str, value: Expr) -> Verdict:
        """The kernel's verdict on somebody's closed form: ∂L/∂`of` = `value`, at the indices the layer gives `of`.

        `value` is a SymPy expression over `symbols`. Raises `LayerError` if the layer has no quantity of that name.
        """
        node = self.graph.nodes.get(of)
        if node is None:
            raise LayerError(f"{self.layer.name} has no quantity {of}. It has: {', '.join(self.graph.nodes)}.")
        return self.kernel.decide(partial(Symbol(self.layer.loss), node.target), S.Zero + value)

    @cached_property
    def partials(self) -> tuple[LocalPartial, ...]:
        """The local partial derivatives, one for each edge of the graph."""
        return undistributed(lambda: local_partials(self.graph))

    @cached_property
    def adjoints(self) -> tuple[Adjoint, ...]:
        """The adjoints by the chain rule, before any simplification."""
        return undistributed(lambda: adjoints(self.graph, self.partials))

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel under this layer's definitions, in which an adjoint is the derivative of L itself."""
        return Kernel(definitions(self.graph, self.partials, self.adjoints))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every line, in order: local partials, adjoints, then the simplification of each gradient."""
        return undistributed(lambda: (*self._partial_steps(), *self._adjoint_steps(), *self._gradient_steps()))

    @cached_property
    def closed_forms(self) -> tuple[ClosedForm, ...]:
        """The form found for each gradient beside the stated one."""
        return undistributed(lambda: tuple(self._closed_form(claim) for claim in self.layer.gradients))

    @cached_property
    def claims(self) -> tuple[Gradient, ...]:
        """The closed form of each gradient: the layer's, or the one that was found where it states none."""
        return undistributed(lambda: tuple(map(self._claim, self.layer.gradients)))

    @cached_property
    def staged(self) -> tuple[Assignment, ...]:
        """Reverse mode as a program: the adjoints in order, down to the upstream gradient, identities not used."""
        values = {name_of(self._upstream.target): self._upstream} if self.layer.upstream is not None else {}
        return undistributed(
            lambda: tuple(
                Assignment(one.target, put_in(one.value, values)) for one in reversed_order(self.adjoints, self.graph)
            )
        )

    def numpy(self) -> Functions:
        """Forward pass, closed-form and staged backward pass as NumPy functions of whole arrays."""
        from derive.numeric.functions import functions

        return functions(self.graph, self.staged, self.claims)

    # --- what is checked -----------------------------------------------------------------------------------------

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The three exact routes, and at order 2 that of the gradients it starts from. NumPy is `numeric`."""
        return undistributed(
            lambda: (self._chain_rule, self.proof, self._spelled_out_check(), *self._first_check()),
        )

    @cached_property
    def proof(self) -> Check:
        """The closed forms against the kernel's own total derivatives: no graph and no chain rule. One of `checks`."""
        return undistributed(self._total_derivative_check)

    @cached_property
    def numeric(self) -> tuple[NumericCheck, ...]:
        """The closed forms in NumPy against every oracle there is; none where they have no array form."""
        found = self._numeric
        return () if isinstance(found, str) else found

    @property
    def not_compared(self) -> str:
        """Why there is no comparison in NumPy; empty where there is one."""
        found = self._numeric
        if isinstance(found, str):
            return found
        return "" if found else "nothing could be compared on this data"

    @cached_property
    def _numeric(self) -> tuple[NumericCheck, ...] | str:
        from derive.numeric.crosscheck import crosscheck

        try:
            return crosscheck(self.graph, self.staged, self.claims, self.m, thorough=self.thorough)
        except VectorizeError as reason:
            return f"not taken: {reason}"
        except ZeroDivisionError:
            return "not taken: there is a division by 0 at this size"

    @cached_property
    def forward_mode(self) -> ForwardMode:
        """Tangents, Jacobian–vector product and Jacobian; not among the verdicts of the derivation."""
        from derive.forward_mode import forward_mode

        return forward_mode(self)

    @property
    def every(self) -> str:
        """For what a proof without a given size holds: every m, every N and D."""
        names = [size.name for size in self.graph.sizes]
        return f"every {' and '.join(filter(None, (', '.join(names[:-1]), *names[-1:])))}" if names else "every value"

    @property
    def at(self) -> str:
        """The given size, which is taken for all of them: m = 4, N = D = 4. Empty without one."""
        names = [size.name for size in self.graph.sizes] or ["m"]
        return "" if self.m is None else " = ".join((*names, str(self.m)))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every verdict of the kernel in this derivation."""
        steps = (verdict for step in self.steps for verdict in (step.verdict, *(r.verdict for r in step.because)))
        forms = (form.verdict for form in self.closed_forms)
        routes = (verdict for check in self.checks for _, verdict in check.verdicts)
        return (*steps, *forms, *routes)

    @property
    def verdict(self) -> str:
        """One of "proved", "undecided", "refuted", or "failed" where only a numerical check did not pass."""
        label = worst(self.verdicts)
        return "failed" if label == ORDER[0] and not all(check.passed for check in self.numeric) else label

    # --- how -----------------------------------------------------------------------------------------------------

    @property
    def _summed(self) -> tuple[str, ...]:
        """The intermediates that are sums, such as μ and σ²."""
        return tuple(node.name for node in self.graph.intermediates if node.value is not None and node.value.has(Sum))

    @cached_property
    def _upstream(self) -> Assignment:
        return Assignment(adjoint_of(self.graph, self.graph.output), upstream_of(self.graph))

    @cached_property
    def _letters(self) -> Letters:
        return letters_in(self.layer.forward)

    def _lettered(self, expr: Expr, around: Iterable[Symbol] = ()) -> Expr:
        """`expr` with the layer's own letters for bound indices; `around` are the free ones of the equation."""
        return relabel(expr, frozenset(around), self._letters)

    def _reason(self, one: Identity) -> Reason:
        around = one.left.free_symbols | one.right.free_symbols
        one = Identity(self._lettered(one.left, around), self._lettered(one.right, around))
        return Reason(one, self.kernel.decide(one.left, one.right))

    def _judge(self, target: Quantity, value: Expr, rule: str, part: str, identities: Iterable[Identity] = ()) -> Step:
        because = tuple(map(self._reason, identities))
        value = self._lettered(value, indices_of(target))
        return Step(target, value, rule, part, self.kernel.decide(target, value), because, self.notation)

    def _partial_steps(self) -> Iterable[Step]:
        for one in self.partials:
            rule = ", ".join(one.rules) + ("; 0 off the diagonal" if one.diagonal else "")
            yield self._judge(one.target, one.value, rule, "local partials")

    def _adjoint_steps(self) -> Iterable[Step]:
        for one in self.adjoints:
            paths = f"chain rule through {', '.join(one.paths)}"
            yield self._judge(one.target, one.chain, paths, "adjoints")
            if one.value != one.chain:
                yield self._judge(one.target, one.value, "local partials put in", "adjoints")
            line = self._simple[one.target]
            if line.value != one.value:
                yield self._judge(one.target, line.value, line.rule, "adjoints", line.identities)

    @cached_property
    def _simple(self) -> dict[Quantity, Line]:
        """Each adjoint with the sums that are known put in: the second term of ∂L/∂μ goes here."""
        return {
            one.target: known_sums_put_in(one.value, self.graph, self.kernel.equal, indices_of(one.target))
            for one in self.adjoints
        }

    def _gradient_steps(self) -> Iterable[Step]:
        for claim in self.layer.gradients:
            target = self._target(claim)
            for line in self._lines[target]:
                yield self._judge(target, line.value, line.rule, "simplification", line.identities)

    @cached_property
    def _lines(self) -> dict[Quantity, tuple[Line, ...]]:
        return {target: self._simplified(target) for target in map(self._target, self.layer.gradients)}

    def _target(self, claim: Gradient) -> Quantity:
        return adjoint_of(self.graph, self.graph.nodes[name_of(claim.of)])

    def _simplified(self, target: Quantity) -> tuple[Line, ...]:
        return compact(self._written_out(target), self.graph, self.kernel.equal, indices_of(target))

    def _written_out(self, target: Quantity) -> Expr:
        """The gradient by the chain rule alone, written out down to the upstream gradient."""
        values = (Assignment(one.target, self._simple[one.target].value) for one in self.adjoints)
        return relabel(self._down_to_upstream(target, values), frozenset(indices_of(target)))

    def _claim(self, wanted: Gradient) -> Gradient:
        return wanted if wanted.value is not None else replace(wanted, value=self._found(self._target(wanted)))

    def _found(self, target: Quantity) -> Expr:
        """The shortest form that was found for a gradient."""
        lines = self._lines[target]
        value = lines[-1].value if lines else self._written_out(target)
        return self._lettered(value, indices_of(target))

    def _closed_form(self, claim: Gradient) -> ClosedForm:
        target = self._target(claim)
        start, found = self._written_out(target), self._found(target)
        verdict = self.kernel.decide(target, found) if claim.value is None else self.kernel.decide(found, claim.value)
        counts = operations(start), operations(found)
        because = self._because(target)
        return ClosedForm(claim.of, target, found, claim.value, verdict, because, counts, self.notation)

    def _because(self, target: Quantity) -> tuple[Reason, ...]:
        """Why chain rule and closed form agree: the sums whose definitions were needed."""
        verdict = dict(self._chain_rule.verdicts)[name_of(target)]
        used = verdict.used if isinstance(verdict, Proved) else ()
        identities = (identity_of(self.graph, name) for name in used)
        return tuple(Reason(one, self.kernel.decide(one.left, one.right)) for one in identities)

    def _unsimplified(self, target: Quantity) -> Expr:
        """Like `_written_out`, with no identity used on the way."""
        return self._down_to_upstream(target, (one.assignment for one in self.adjoints))

    def _down_to_upstream(self, expr: Expr, adjoints: Iterable[Assignment]) -> Expr:
        """`expr` with every adjoint written out by its value, until only the upstream gradient is left."""
        values = {name_of(one.target): one for one in (*adjoints, self._upstream)}
        while any(name_of(q) in values for q in quantities(expr)):
            expr = put_in(expr, values)
        return expr

    # --- the routes ----------------------------------------------------------------------------------------------

    @cached_property
    def _chain_rule(self) -> Check:
        start = perf_counter()
        verdicts = tuple(self._by_chain_rule(claim) for claim in self.claims)
        return Check("closed form = chain rule over the graph", self.every, verdicts, perf_counter() - start)

    def _by_chain_rule(self, claim: Gradient) -> tuple[str, Verdict]:
        target = self._target(claim)
        chain = self._unsimplified(target)
        return name_of(target), self.kernel.decide(chain, claim.form, explain=self._summed)

    def _total_derivative_check(self) -> Check:
        start = perf_counter()
        kernel = Kernel(definitions(self.graph, (), ()))
        loss = Symbol(self.layer.loss)
        verdicts = tuple(
            (name_of(self._target(claim)), kernel.decide(partial(loss, claim.of), claim.form)) for claim in self.claims
        )
        return Check("closed form = total derivative by the kernel", self.every, verdicts, perf_counter() - start)

    def _first_check(self) -> tuple[Check, ...]:
        """Whether the gradients that are differentiated again are those of the layer."""
        if self.first is None:
            return ()
        return (replace(self.first.proof, name="first order: " + self.first.proof.name),)

    @property
    def _largest_spelled_out(self) -> int:
        """The largest m at which no tensor of the layer has too many elements to be written one by one."""
        most = MOST_ELEMENTS if self.layer.upstream is not None else MOST_ELEMENTS_SECOND
        rank = max((len(node.shape) for node in self.graph.nodes.values()), default=1)
        return max(m for m in range(1, min(most, LARGEST_SPELLED_OUT) + 1) if m == 1 or m**rank <= most)

    def _spelled_out_check(self) -> Check:
        name, start = "closed form = SymPy's derivative of L(x_1 … x_m)", perf_counter()
        if self.m is None or not self.graph.sizes:
            given = self.every.removeprefix("every ")
            return Check(name, f"not taken: it needs a given {given}; the proofs above hold for {self.every}", (), 0.0)
        largest = self._largest_spelled_out
        if self.m > largest:
            why = f"not taken: {self.at} is above {largest}; the proofs above hold for {self.every}"
            return Check(name, why, (), 0.0)
        graph = replace(self.graph, layer=replace(self.layer, gradients=self.claims))
        out = spell_out(graph, dict.fromkeys(self.graph.sizes, self.m))
        if any(side.has(zoo, nan) for one in out.elements for side in (one.derivative, one.claim)):
            return Check(name, f"not taken: at {self.at} there is a division by 0", (), 0.0)
        kernel = Kernel(out.coordinates)
        verdicts = tuple((one.of.name, kernel.decide(one.derivative, one.claim)) for one in out.elements)
        return Check(name, f"{self.at}, all {len(verdicts)} elements", verdicts, perf_counter() - start)


def _with_wanted(layer: Layer) -> Layer:
    """The layer with what is to be differentiated spelled out: where it says nothing, all that is not positive."""
    if layer.gradients:
        return layer
    inputs = [one for one in layer.inputs if not one.is_positive] or layer.inputs
    return replace(layer, gradients=tuple(map(Gradient, inputs)))


def worst(verdicts: Iterable[Verdict]) -> str:
    """The label of the worst verdict; that of a proof if there is none."""
    return max((verdict.label for verdict in verdicts), key=ORDER.index, default=ORDER[0])


def quantities(expr: Expr) -> set[Quantity]:
    """The symbols and indexed quantities that `expr` reads."""
    bases = {base.label for base in expr.atoms(IndexedBase)}
    return {q for q in expr.atoms(Symbol, Indexed) if q not in bases}


def reversed_order(done: tuple[Adjoint, ...], graph: Graph) -> tuple[Adjoint, ...]:
    """The adjoints so that each reads only earlier ones: intermediates from the last, then inputs."""
    return tuple(sorted(done, key=lambda one: graph.nodes[name_of(one.of)].value is None))


def identity_of(graph: Graph, name: str) -> Identity:
    """What the definition of a summed intermediate says about sums: Σ (x_j − μ) = 0, Σ (x_j − μ)² = m σ²."""
    node = graph.nodes[name]
    sums = [part for part in Mul.make_args(node.value) if isinstance(part, Sum)]
    rest = Mul(*(part for part in Mul.make_args(node.value) if part not in sums))
    if len(sums) != 1 or rest.has(Sum):
        return Identity(node.target, node.value)
    (total,) = sums
    count = Mul(*(high for _, _, high in total.limits))
    if rest * count == 1 and total.function in quantities(total.function):
        return Identity(Sum(total.function - node.target, *total.limits), S.Zero)
    return Identity(total, node.target / rest)


def definitions(
    graph: Graph, partials: tuple[LocalPartial, ...], done: tuple[Adjoint, ...]
) -> tuple[tuple[Expr, Expr], ...]:
    """The kernel's problem: the forward pass, L = Σ g y, and every derivative's name as that derivative.

    Only g = ∂L/∂y enters a first derivative, so the linear loss Σ g y stands for every other.
    """
    output, loss = graph.output, Symbol(graph.layer.loss)
    weighted = upstream_of(graph) * output.target
    limits = [(index, 1, size) for index, size in zip(output.indices, output.shape, strict=True)]
    names = {node.name for node in graph.intermediates}
    return (
        *(one.parametrized for one in graph.layer.assumptions),
        *((node.target, node.value) for node in graph.intermediates),
        (loss, Sum(weighted, *limits) if limits else weighted),
        (adjoint_of(graph, output), upstream_of(graph)),
        *((one.target, partial(loss, one.of)) for one in done),
        *((one.target, partial(one.of, one.wrt, names - {name_of(one.of)})) for one in partials),
    )


def _slots(one: LocalPartial) -> Slots:
    letters = (indices_of(quantity) for quantity in (one.target, one.of, one.wrt))
    return Slots(*(tuple(map(str, each)) for each in letters))


def undistributed(work: Callable[[], T]) -> T:
    """Runs `work` with SymPy leaving 2·(a + b) as it is: brackets of the forward pass are to stay whole."""
    with distribute(False):  # noqa: FBT003 -- SymPy's own signature
        return work()
