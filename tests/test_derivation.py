"""A derivation is judged, not believed: wrong rules and wrong statements are refuted and named, sizes have limits."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from time import perf_counter

import pytest
from sympy import Add, Expr, Indexed, Mul, Pow, Rational, S, Sum, Symbol, exp, log

from derive import calculus
from derive.calculus import RULES, Rule, differentiate
from derive.cli import EXIT_CODES
from derive.derivation import Derivation, derive, worst
from derive.errors import SizeError
from derive.kernel import Proved, Refuted
from derive.layers.batchnorm import LAYER, beta, eps, g, gamma, i, j, m, mu, var, x, xhat
from derive.layers.layer import Assignment, Gradient, Layer, positive, scalar, tensor, total
from derive.report import report

y = tensor("y", m)
a, z = scalar("a"), positive("z")
FORMS = {str(claim.of): claim for claim in LAYER.gradients}


# --- a right layer -----------------------------------------------------------------------------------------------


def test_batch_norm_is_proved():
    derivation = derive("batchnorm")
    assert derivation.verdict == "proved"
    assert all(isinstance(verdict, Proved) for verdict in derivation.verdicts)
    assert EXIT_CODES[derivation.verdict] == 0


def test_the_second_term_of_the_mean_vanishes_and_the_step_says_why():
    steps = [step for step in derive("batchnorm").steps if str(step.target) == "∂L/∂μ"]
    gone = steps[-1]
    assert gone.rule == "terms whose sum is 0 vanish"
    assert [why.identity.right for why in gone.because] == [S.Zero]
    assert all(isinstance(why.verdict, Proved) for why in gone.because)


def test_the_closed_form_names_the_identities_it_needs():
    reasons = {str(form.of): [why.identity.left for why in form.because] for form in derive("batchnorm").closed_forms}
    assert reasons["x[i]"] == [total(x[j] - mu, j, m)]
    assert reasons["γ"] == reasons["β"] == []


def test_a_derivation_that_says_nothing_is_no_part_of_the_checks():
    """The checks compare with a weighted loss: none of their proofs is 0 = 0."""
    checks = derive("batchnorm").checks
    assert not [verdict for check in checks for _, verdict in check.verdicts if verdict.note]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [((), "proved"), (("proved", "undecided"), "undecided"), (("undecided", "refuted", "proved"), "refuted")],
)
def test_the_worst_verdict_counts(labels, expected):
    class Labelled:
        def __init__(self, label):
            self.label = label

    assert worst(map(Labelled, labels)) == expected


# --- sizes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_a_small_size_is_spelled_out(size):
    derivation = derive("batchnorm", size)
    assert derivation.verdict == "proved"
    assert len(derivation.checks[2].verdicts) == size + 2


@pytest.mark.parametrize("size", [17, 1_000, 100_000])
def test_a_large_size_answers_soon_and_says_what_it_left_out(size):
    start = perf_counter()
    derivation = derive("batchnorm", size)
    assert derivation.verdict == "proved"
    assert perf_counter() - start < 10
    route = derivation.checks[2]
    assert route.verdicts == ()
    assert f"not taken: m = {size}" in route.detail


@pytest.mark.parametrize("size", [0, -1, 10**9])
def test_no_derivation_for_other_sizes(size):
    with pytest.raises(SizeError, match=f"m = {size} is not a batch size from 1 to "):
        derive("batchnorm", size)


# --- wrong rules -------------------------------------------------------------------------------------------------


def of_args(expr, wrt):
    return [differentiate(arg, wrt) for arg in expr.args]


WRONG_RULES = {
    "power: factor missing": (Pow, lambda e, v: e.base ** (e.exp - 1) * differentiate(e.base, v)),
    "power: exponent kept": (Pow, lambda e, v: e.exp * e.base**e.exp * differentiate(e.base, v)),
    "power: sign": (Pow, lambda e, v: -e.exp * e.base ** (e.exp - 1) * differentiate(e.base, v)),
    "power: ½ for every exponent": (Pow, lambda e, v: e.base ** (e.exp - 1) / 2 * differentiate(e.base, v)),
    "sum: a term lost": (Add, lambda e, v: Add(*of_args(e, v)[1:])),
    "sum: absolute": (Add, lambda e, v: Add(*(arg * 2 for arg in of_args(e, v)))),
    "product: other factors lost": (Mul, lambda e, v: Add(*of_args(e, v))),
    "product: one term": (Mul, lambda e, v: differentiate(e.args[0], v) * Mul(*e.args[1:])),
    "Σ: derivative 0": (Sum, lambda _e, _v: S.Zero),
    "Σ: size counted": (Sum, lambda e, v: m * RIGHT[Sum].of(e, v)),
    "x_i: 1 for δ_ij": (Indexed, lambda _e, _v: S.One),
    "x_i: 2δ_ij": (Indexed, lambda e, v: 2 * RIGHT[Indexed].of(e, v)),
    "v: −1": (Symbol, lambda _e, _v: -S.One),
    "exp: chain factor missing": (exp, lambda e, _v: e),
    "exp: itself missing": (exp, lambda e, v: differentiate(e.args[0], v)),
    "log: chain factor missing": (log, lambda e, _v: 1 / e.args[0]),
    "log: not inverted": (log, lambda e, v: e.args[0] * differentiate(e.args[0], v)),
}
RIGHT = dict(RULES)
# Every rule is needed here; no value of a right derivative is 0 or 1 by chance.
USES_ALL = Layer(
    "all-rules",
    "All rules",
    (x[i], a, z),
    (
        Assignment(var, total(x[j] ** 2 * x[j] + 3 * a * x[j], j, m)),
        Assignment(xhat[i], exp(2 * x[i]) + x[i] * var**3),
        Assignment(y[i], xhat[i] * log(1 + x[i] ** 2) + a**2 * xhat[i]),
    ),
    g,
    (Gradient(a, S.Zero), Gradient(x[i], S.Zero)),
    "",
)


@pytest.mark.parametrize(("kind", "wrong"), WRONG_RULES.values(), ids=WRONG_RULES)
def test_a_wrong_rule_can_not_prove_itself(kind, wrong, monkeypatch):
    monkeypatch.setitem(calculus.RULES, kind, Rule(RIGHT[kind].name, wrong))
    steps = Derivation(USES_ALL)._partial_steps()
    assert [step for step in steps if isinstance(step.verdict, Refuted)]


def test_the_right_rules_prove_every_step():
    steps = Derivation(USES_ALL).steps
    assert not [step for step in steps if not isinstance(step.verdict, Proved)]


@pytest.mark.parametrize("name", ["power: factor missing", "x_i: 1 for δ_ij", "Σ: derivative 0", "sum: a term lost"])
def test_a_wrong_rule_refutes_batch_norm(name, monkeypatch):
    kind, wrong = WRONG_RULES[name]
    monkeypatch.setitem(calculus.RULES, kind, Rule(RIGHT[kind].name, wrong))
    derivation = Derivation(LAYER)
    assert derivation.verdict == "refuted"
    assert EXIT_CODES[derivation.verdict] == 1
    by_chain_rule, by_kernel, _ = derivation.checks
    assert worst(verdict for _, verdict in by_chain_rule.verdicts) == "refuted"
    assert worst(verdict for _, verdict in by_kernel.verdicts) == "proved"


# --- wrong statements --------------------------------------------------------------------------------------------

SWAPS = {xhat: (x, g), g: (xhat, x)}
SYMBOL_SWAPS = {gamma: (beta, S.One), m: (m - 1, m + 1), eps: (2 * eps, S.Zero), var: (var**2, mu)}


def mutations(expr: Expr) -> Iterator[tuple[str, Expr]]:
    """Every single change of `expr`, with a name for it."""
    yield f"−({expr})", -expr
    yield f"2({expr})", 2 * expr
    for name, local in changes(expr):
        yield name, local
    for number, arg in enumerate(expr.args):
        if isinstance(expr, Indexed | Sum) and number:
            continue
        if isinstance(expr, Indexed) or not isinstance(arg, Expr):
            continue
        for name, inner in mutations(arg):
            others = [*expr.args[:number], inner, *expr.args[number + 1 :]]
            yield name, expr.func(*others)


def changes(expr: Expr) -> Iterator[tuple[str, Expr]]:
    if isinstance(expr, Add | Mul):
        for arg in expr.args:
            rest = expr.func(*(other for other in expr.args if other is not arg))
            yield f"{arg} dropped from {expr}", rest
        yield f"{expr.args[0]} twice in {expr}", expr.func(*expr.args, expr.args[0])
    elif isinstance(expr, Pow):
        for exponent in (-expr.exp, expr.exp + 1, expr.exp - Rational(1, 2)):
            yield f"{expr.exp} → {exponent} in {expr}", expr.base**exponent
    elif isinstance(expr, Sum):
        yield from changes_of_sum(expr)
    elif isinstance(expr, Indexed):
        for other in SWAPS.get(expr.base, ()):
            yield f"{other} for {expr.base} in {expr}", other[expr.indices]
    elif isinstance(expr, Symbol):
        for other in SYMBOL_SWAPS.get(expr, ()):
            yield f"{other} for {expr}", other


def changes_of_sum(expr: Sum) -> Iterator[tuple[str, Expr]]:
    (letter, _, length) = expr.limits[0]
    yield f"Σ lost in {expr}", expr.function.xreplace({letter: i})
    yield f"Σ twice in {expr}", length * expr
    yield f"mean for {expr}", expr / length
    for base in (g, xhat):
        body = expr.function.xreplace({base[letter]: base[i]})
        yield f"{base}_i for {base}_j in {expr}", Sum(body, *expr.limits)


def free_of_scalars(name, value):
    """A gradient of a scalar may not have a free index."""
    return name == "x[i]" or i not in value.free_symbols


MUTATIONS = {
    f"∂L/∂{name}: {change}": (name, value)
    for name, claim in FORMS.items()
    for change, value in mutations(claim.value)
    if free_of_scalars(name, value) and value not in (claim.value, S.ComplexInfinity, S.NaN)
}


def points():
    """Three points of batch norm with rational roots."""
    drawn = ((1, 2, 6), (3, -1, 4), 5), ((0, 3, 5), (-2, 7, 1), 3), ((-3, 1), (5, -2), Fraction(5, 2)), ((2,), (3,), 2)
    for xs, gs, root in drawn:
        length = len(xs)
        average = Fraction(sum(xs), length)
        variance = sum((value - average) ** 2 for value in xs) / length
        values = {("x", (place,)): Fraction(value) for place, value in enumerate(xs, 1)}
        values |= {("g", (place,)): Fraction(value) for place, value in enumerate(gs, 1)}
        values |= {("γ", ()): Fraction(3), ("β", ()): Fraction(7), ("ε", ()): root**2 - variance}
        yield {"m": length}, values


def differ(independent, left, right):
    """Whether the two differ at a point; None if there is none where both have a value."""
    definitions = independent.definitions_of([(line.target, line.value) for line in LAYER.forward])
    met = None
    for (sizes, values), row in product(points(), (1, 2, 3)):
        if row <= sizes["m"]:
            try:
                world = independent.World(definitions, sizes, values, exact=False)
                one, other = (independent.evaluate(side, world, (("i", row),)) for side in (left, right))
            except independent.NoValue:
                continue
            met = False
            if abs(one - other) > 1e-30:
                return True
    return met


def mutated(name, value):
    claims = tuple(replace(claim, value=value) if str(claim.of) == name else claim for claim in LAYER.gradients)
    derivation = Derivation(replace(LAYER, gradients=claims))
    derivation.__dict__["numeric"] = ()  # what is wrong must be found without floating-point numbers
    return derivation


@pytest.mark.parametrize(("name", "value"), MUTATIONS.values(), ids=MUTATIONS)
def test_every_change_of_a_closed_form_is_refuted(name, value, independent):
    changed = differ(independent, value, FORMS[name].value)
    verdicts = {str(form.of): form.verdict for form in mutated(name, value).closed_forms}
    verdict = verdicts.pop(name)
    assert not isinstance(verdict, Proved) if changed is None else isinstance(verdict, Refuted if changed else Proved)
    assert all(isinstance(verdict, Proved) for verdict in verdicts.values())


def test_the_changes_are_many():
    assert len(MUTATIONS) > 100
    assert len(set(MUTATIONS.values())) > 80


NAMED = {key: MUTATIONS[key] for key in list(MUTATIONS)[::12]}


@pytest.mark.parametrize(("name", "value"), NAMED.values(), ids=NAMED)
def test_a_wrong_statement_is_named_in_the_report(name, value, independent):
    if not differ(independent, value, FORMS[name].value):
        pytest.skip("the change changes nothing")
    found = report(mutated(name, value), stable=True)
    assert found.verdict == "refuted"
    assert EXIT_CODES[found.verdict] == 1
    short = name.partition("[")[0]
    (line,) = (form for form in found.closed_forms if form.judged.verdict == "refuted")
    assert line.of == short
    assert line.judged.counterexample.left != line.judged.counterexample.right
    failing = {of for check in found.checks for of, _ in check.failing}
    assert failing == {f"∂L/∂{short}"}
    assert all(step.judged.verdict == "proved" for step in found.steps)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_wrong_statement_is_refuted_at_a_given_size_too(size):
    claims = (replace(LAYER.gradients[0], value=2 * LAYER.gradients[0].value), *LAYER.gradients[1:])
    derivation = Derivation(replace(LAYER, gradients=claims), size)
    assert derivation.verdict == "refuted"
    route = dict(derivation.checks[2].verdicts)
    assert isinstance(route["γ"], Proved if size == 1 else Refuted)  # x̂ is 0 at m = 1
