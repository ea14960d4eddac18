"""Properties of the kernel on random indexed expressions, compared with brute force: the evaluator of these tests.

An expression is drawn over tensors x, g (m) and u (m, n), batch statistics, scalars, sums whose index may shadow
another, δ, roots and quotients. Rewrites that are right, and tempting ones that are not, make questions that are nearly
true.
"""

from fractions import Fraction
from itertools import product
from random import Random

import mpmath
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sympy import Add, Expr, I, Indexed, KroneckerDelta, Mul, Pow, Rational, S, Sum, Symbol, exp, sqrt, symbols

from derive.kernel import Kernel, Proved, Refuted, partial
from derive.kernel import polynomial as pl
from derive.kernel.exact import Evaluator, Interval, Point, Undefined
from derive.kernel.language import Definitions, Unsupported
from derive.kernel.scope import Scope
from derive.layers.layer import index, mean, positive, scalar, size, tensor

m, n = size("m"), size("n")
LETTERS = tuple(index(letter) for letter in "ijk")
i, j, k = LETTERS
x, g, xhat = (tensor(name, m) for name in ("x", "g", "x̂"))
u = tensor("u", m, n)
a, b = symbols("a b")
eps, mu, var = positive("ε"), scalar("μ"), scalar("σ²")
PAIRS = (
    (mu, mean(x[j], j, m)),
    (var, mean((x[j] - mu) ** 2, j, m)),
    (xhat[i], (x[i] - mu) / sqrt(var + eps)),
)
EXPONENTS = (-1, 2, Rational(1, 2), Rational(-1, 2), Rational(1, 3))
TOLERANCE = mpmath.mpf(10) ** -25


# --- expressions -------------------------------------------------------------------------------------------------


@st.composite
def expressions(draw, depth=3, around=((i, m),)):
    """A well-typed expression; `around` are the indices that may stand in it, with their sizes."""
    around = dict(around)
    kinds = ["leaf", "leaf", "add", "mul", "sum", "sum", "power", "root"] if depth else ["leaf"]
    again = expressions(depth - 1, tuple(around.items())) if depth else None
    match draw(st.sampled_from(kinds)):
        case "add":
            return draw(again) + draw(again)
        case "mul":
            return draw(again) * draw(again)
        case "power":
            return power(draw(again), draw(st.sampled_from(EXPONENTS)))
        case "root":
            return sqrt(draw(again) ** 2 + eps)
        case "sum":
            letter, length = draw(st.sampled_from(LETTERS)), draw(st.sampled_from((m, m, n)))
            return Sum(draw(expressions(depth - 1, tuple({**around, letter: length}.items()))), (letter, 1, length))
    return draw(st.sampled_from(leaves(around)))


def power(base, exponent):
    """base^exponent, unless SymPy already knows that there is no such real number."""
    raised = base if base == 0 and exponent < 0 else base**exponent
    return base if raised.has(I) else raised


def leaves(around):
    rows, columns = ([letter for letter, length in around.items() if length == given_size] for given_size in (m, n))
    found = [S.One, -S.One, Rational(2, 3), a, b, eps, mu, var, m]
    for row in rows:
        found += [x[row], x[row], g[row], xhat[row], *(u[row, column] for column in columns)]
    pairs = [*product(rows, rows), *product(columns, columns)]
    return found + [KroneckerDelta(left, right) for left, right in pairs if left != right]


def rewritten(expr, random, *, under=False):
    """The same expression otherwise: other letters, other order, brackets multiplied out, sums taken apart.

    `under` a root or in a denominator nothing is multiplied out: what stands there is told apart by its normal form.
    """
    if not expr.args or isinstance(expr, Indexed | KroneckerDelta):
        return expr
    if isinstance(expr, Sum):
        body, limits, bound = rewritten(expr.function, random, under=under), [], set()
        for letter, *ends in expr.limits:  # from the innermost, which hides the others of its name
            fresh = Symbol(f"{letter}{random.randint(1, 9)}{len(limits)}", integer=True)
            if letter not in bound:
                body = substituted(body, letter, fresh)
            bound.add(letter)
            limits.append((fresh, *ends))
        if isinstance(body, Add) and random.random() < 0.5:
            return Add(*(Sum(arg, *limits) for arg in body.args))
        return Sum(body, *limits)
    under = under or (isinstance(expr, Pow) and not (expr.exp.is_integer and expr.exp > 0))
    args = [rewritten(arg, random, under=under) if isinstance(arg, Expr) else arg for arg in expr.args]
    if isinstance(expr, Add | Mul):
        random.shuffle(args)
        spread = isinstance(expr, Mul) and any(isinstance(arg, Add) for arg in args) and not under
        if spread and random.random() < 0.5:
            return distributed(args)
        if random.random() < 0.5:
            return expr.func(expr.func(*args[:2], evaluate=False), *args[2:], evaluate=False)
    return expr.func(*args)


def substituted(body, old, new):
    """`body` with a letter renamed, where it is not bound again."""
    if isinstance(body, Sum) and old in body.variables:
        return body
    if body == old:
        return new
    return body.func(*(substituted(arg, old, new) for arg in body.args)) if body.args else body


def distributed(args):
    position = next(number for number, arg in enumerate(args) if isinstance(arg, Add))
    rest = [*args[:position], *args[position + 1 :]]
    return Add(*(Mul(term, *rest) for term in args[position].args))


def tempted(expr, random):
    """`expr` with one step people take that is not always right."""
    if isinstance(expr, Pow) and random.random() < 0.6:
        return tempted_power(expr, random)
    if isinstance(expr, Sum) and random.random() < 0.6:
        return tempted_sum(expr)
    if isinstance(expr, Indexed | KroneckerDelta) or not expr.args:
        return {a: b, mu: S.Zero, eps: S.Zero}.get(expr, expr) if random.random() < 0.3 else expr
    args = list(expr.args)
    chosen = random.randrange(len(args)) if not isinstance(expr, Sum) else 0
    if isinstance(args[chosen], Expr):
        args[chosen] = tempted(args[chosen], random)
    return expr.func(*args)


def tempted_power(expr, random):
    """(E^p)^q = E^(pq), (ab)^p = a^p b^p, or a lost sign of the exponent."""
    inner = expr.base
    if isinstance(inner, Pow):
        return power(inner.base, inner.exp * expr.exp)
    if isinstance(inner, Mul):
        return Mul(*(power(arg, expr.exp) for arg in inner.args))
    return power(inner, -expr.exp) if random.random() < 0.5 else sqrt(expr**2)


def tempted_sum(expr):
    """Σab = ΣaΣb, or Σ_j E_j = m E_i."""
    body = expr.function
    if isinstance(body, Mul):
        return Mul(*(Sum(arg, *expr.limits) for arg in body.args))
    if len(expr.limits) == 1 and expr.limits[0][2] == m:
        return m * substituted(body, expr.limits[0][0], i)
    return expr


@st.composite
def questions(draw):
    """(left, right), from surely true to surely false."""
    left, random = draw(expressions()), Random(draw(st.integers(0, 10**6)))  # noqa: S311 -- reproducible
    kind = draw(st.sampled_from(["rewritten", "tempted", "tempted", "both", "other"]))
    if kind == "other":
        return left, draw(expressions())
    right = left if kind == "rewritten" else tempted(left, random)
    return left, right if kind == "tempted" else rewritten(right, random)


@st.composite
def points(draw):
    """Sizes and a value for every element; ε is positive."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    small = st.fractions(-3, 3, max_denominator=3)
    values = {(name, (row,)): draw(small) for name in ("x", "g") for row in range(1, rows + 1)}
    values |= {("u", place): draw(small) for place in product(range(1, rows + 1), range(1, columns + 1))}
    values |= {(name, ()): draw(small) for name in ("a", "b")}
    return {"m": rows, "n": columns}, {**values, ("ε", ()): draw(st.fractions(Fraction(1, 3), 4, max_denominator=3))}


def both_sides(independent, sides, point, row):
    """The values of both sides at one point, exact if they can be; None where a side has none."""
    sizes, values = point
    for exact in (True, False):
        world = independent.World(independent.definitions_of(PAIRS), sizes, values, exact=exact)
        try:
            return [independent.evaluate(side, world, {"i": row}.items()) for side in sides]
        except independent.Irrational:
            continue
        except independent.NoValue:
            return None
    return None


def near(left, right):
    if isinstance(left, Fraction | int) and isinstance(right, Fraction | int):
        return left == right
    return abs(left - right) <= TOLERANCE * (1 + abs(left))


# --- soundness ---------------------------------------------------------------------------------------------------


@given(questions(), st.lists(points(), min_size=3, max_size=3), expressions(2))
def test_what_is_proved_is_true_and_what_is_refuted_is_not(independent, sides, at, earlier):
    kernel = Kernel(PAIRS)
    kernel.decide(earlier, sqrt(a**2 + eps))
    verdict = kernel.decide(*sides)
    if isinstance(verdict, Refuted):
        independent.recheck(verdict.counterexample, PAIRS, *sides)
    elif isinstance(verdict, Proved):
        for point in at:
            for row in range(1, point[0]["m"] + 1):
                values = both_sides(independent, sides, point, row)
                assert values is None or near(*values), (sides, point, values)


@given(expressions(2), expressions(2), st.sampled_from(EXPONENTS), st.lists(points(), min_size=4, max_size=4))
def test_powers_of_one_base_in_any_order(independent, base, other, exponent, at):
    """Roots and reciprocals of one base share a generator: neither the order nor an earlier question may matter."""
    assume(base != 0)
    kernel = Kernel(PAIRS)
    kernel.decide(power(base, Rational(1, 2)) + other, other)
    sides = sqrt(power(base, exponent) ** 2), power(base, exponent)
    if isinstance(kernel.decide(*sides), Proved):
        for point in at:
            values = both_sides(independent, sides, point, 1)
            assert values is None or near(*values), (sides, point, values)


@given(questions())
def test_the_sides_may_be_swapped(sides):
    one, other = Kernel(PAIRS).decide(*sides), Kernel(PAIRS).decide(*reversed(sides))
    assert type(one) is type(other)


@given(questions(), expressions(2), expressions(2))
def test_an_earlier_question_does_not_change_a_verdict(sides, left, right):
    used = Kernel(PAIRS)
    used.decide(left, right)
    assert isinstance(used.decide(*sides), type(Kernel(PAIRS).decide(*sides)))


# --- the normal form ---------------------------------------------------------------------------------------------


@given(expressions(), st.integers(0, 10**6))
def test_the_normal_form_forgets_letters_order_and_brackets(expr, seed):
    kernel = Kernel(PAIRS)
    assume(kernel.equal(expr, expr))
    assert kernel.equal(expr, rewritten(expr, Random(seed)))  # noqa: S311 -- reproducible


@given(expressions(), expressions(2))
def test_adding_nothing_changes_nothing(expr, other):
    kernel = Kernel(PAIRS)
    assume(kernel.equal(expr, expr) and kernel.equal(other, other))
    assert kernel.equal(expr, Add(expr, other, Mul(-1, other, evaluate=False), evaluate=False))
    assert kernel.equal(expr, Mul(expr, S.One, evaluate=False))
    assert kernel.equal(Mul(other, expr - expr, evaluate=False), S.Zero)
    assert not kernel.equal(expr, expr + 1)


@given(expressions())
def test_an_expression_equals_itself(expr):
    verdict = Kernel(PAIRS).decide(expr, expr)
    assert not isinstance(verdict, Refuted)
    assert not isinstance(verdict, Proved) or verdict.note == "same on both sides"


@given(expressions())
def test_an_expression_is_never_itself_and_one(expr):
    assert not isinstance(Kernel(PAIRS).decide(expr, expr + 1), Proved)


def of_poly(poly, scope, world, at, independent):
    """The value of a normal form: atoms, components and generators written out, no SymPy."""
    result = mpmath.mpf(0)
    for monomial, coefficient in poly.items():
        term = mpmath.mpf(Fraction(coefficient).numerator) / Fraction(coefficient).denominator
        for key, exponent in monomial:
            term *= of_key(key, scope, world, at, independent) ** exponent
        result += term
    return result


def of_key(key, scope, world, at, independent):
    if key[0] == pl.SIGMA:
        spans = [range(1, world.sizes[length] + 1) for length in key[1]]
        result = mpmath.mpf(0)
        for chosen in product(*spans):
            inner = {**at, **{chr(slot + 1): element for slot, element in enumerate(chosen)}}
            factors = [of_key(atom, scope, world, inner, independent) ** power for atom, power in key[2]]
            result += mpmath.fprod(factors)
        return result
    name, places = key[0], tuple(at[letter] for letter in key[1:])
    if name == pl.DELTA:
        return mpmath.mpf(places[0] == places[1])
    if name in scope.generators:
        made = scope.generators[name]
        inner = of_poly(made.base, scope, world, dict(zip(made.indices, places, strict=True)), independent)
        if inner <= 0:
            raise independent.NoValue
        return {"root": lambda: mpmath.root(inner, made.q), "exp": lambda: mpmath.exp(inner)}[made.kind]()
    return mpmath.mpf(1) * independent.evaluate(Symbol(name), world) if not places else leaf(world, name, places)


def leaf(world, name, places):
    value = world.values[name, places]
    return mpmath.mpf(value.numerator) / value.denominator


@given(expressions(), points())
def test_the_normal_form_has_the_value_of_the_expression(independent, expr, point):
    scope = Scope(Definitions(PAIRS), frozenset({"m", "n", "ε"}))
    assert_value(independent, scope, expr, lambda row, world: independent.evaluate(expr, world, (("i", row),)), point)


def assert_value(independent, scope, normal, expected_at, point, tolerance=TOLERANCE):  # noqa: PLR0913, PLR0917
    """`expected_at(row)` is what the normal form of `normal` has to come to."""
    try:
        poly = scope.poly(normal)
    except Unsupported:
        assume(False)  # noqa: FBT003 -- hypothesis' own signature
    world = independent.World(independent.definitions_of(PAIRS), *point, exact=False)
    with mpmath.workdps(60):
        for row in range(1, point[0]["m"] + 1):
            try:
                expected = expected_at(row, world)
                found = of_poly(poly, scope, world, {"i:m": row, "j:m": 1}, independent)
            except (independent.NoValue, ZeroDivisionError):
                continue
            assert abs(found - expected) <= tolerance * (1 + abs(expected)), (normal, row, found, expected)


# --- derivatives -------------------------------------------------------------------------------------------------

STEP = Fraction(1, 10**15)
F = tensor("F", m)


def difference(independent, expr, point, row):
    """dF_row/dx_1 by central differences in 60 digits."""
    sizes, values = point
    definitions = independent.definitions_of(PAIRS)
    sides = []
    for step in (STEP, -STEP):
        moved = {**values, ("x", (1,)): values["x", (1,)] + step}
        world = independent.World(definitions, sizes, moved, exact=False)
        sides.append(independent.evaluate(expr, world, (("i", row),)))
    with mpmath.workdps(60):
        return (sides[0] - sides[1]) * 10**15 / 2


def rough(expr, point):
    """Whether differences are of no use: a root or a quotient near 0."""
    return expr.has(Pow) and any(value == 0 for value in point[1].values())


@given(expressions(), points())
def test_the_total_derivative_of_the_normal_form_is_a_finite_difference(independent, expr, point):
    assume(not rough(expr, point))
    scope = Scope(Definitions((*PAIRS, (F[i], expr))), frozenset({"m", "n", "ε"}))
    wanted = partial(F[i], x[j])
    assert_value(
        independent,
        scope,
        wanted,
        lambda row, _: difference(independent, expr, point, row),
        point,
        mpmath.mpf(10) ** -12,
    )


@given(expressions(), points())
def test_the_derivative_of_the_exact_evaluator_is_a_finite_difference(independent, expr, point):
    assume(not rough(expr, point))
    definitions = Definitions((*PAIRS, (F[i], expr)))
    evaluator = Evaluator(definitions, Point(*point), Interval())
    for row in range(1, point[0]["m"] + 1):
        try:
            found = evaluator.value(partial(F[i], x[j]), {i: row, j: 1})
            expected = difference(independent, expr, point, row)
        except (Undefined, independent.NoValue):
            continue
        middle = mpmath.mpf(found.mid) if hasattr(found, "mid") else mpmath.mpf(found)
        assert abs(middle - expected) <= mpmath.mpf(10) ** -12 * (1 + abs(expected))


@given(expressions(2), st.sampled_from([(), ("μ",), ("σ²",), ("μ", "σ²")]))
def test_both_derivatives_of_the_kernel_agree(expr, held):
    """What one derivative says is never refuted by the other: the rules of both are checked on each other."""
    kernel = Kernel((*PAIRS, (F[i], expr), (F2[i], expr + a)))
    verdict = kernel.decide(partial(F[i], x[j], held), partial(F2[i], x[j], held))
    assert not isinstance(verdict, Refuted)


F2 = tensor("F₂", m)


@pytest.mark.slow
@given(expressions(2), expressions(2))
def test_the_product_rule(left, right):
    one, other = tensor("P", m), tensor("Q", m)
    kernel = Kernel((*PAIRS, (one[i], left), (other[i], right), (F[i], one[i] * other[i])))
    rule = partial(one[i], x[j]) * other[i] + one[i] * partial(other[i], x[j])
    assert not isinstance(kernel.decide(partial(F[i], x[j]), rule), Refuted)
    assume(kernel.equal(rule, rule))
    assert kernel.equal(partial(F[i], x[j]), rule)


@pytest.mark.slow
@given(expressions(2), st.sampled_from([(), ("μ",)]))
def test_the_rule_of_exp(expr, held):
    inner = tensor("E", m)
    kernel = Kernel((*PAIRS, (inner[i], expr), (F[i], exp(inner[i]))))
    verdict = kernel.decide(partial(F[i], x[j], held), F[i] * partial(inner[i], x[j], held))
    assert not isinstance(verdict, Refuted)
