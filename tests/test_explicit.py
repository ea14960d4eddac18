"""The route through SymPy's own derivative, element by element."""

from fractions import Fraction

import pytest
from sympy import Symbol

from derive.derivation import Derivation
from derive.explicit import spell_out
from derive.graph import build
from derive.kernel import Kernel, Proved, partial
from derive.layers.batchnorm import LAYER, g, j, m, y
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, scalar, size, tensor, total

LOSS = Symbol("L")


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_there_is_one_element_for_each_place(length):
    out = spell_out(build(LAYER), {m: length})
    places = [f"x_{place}" for place in range(1, length + 1)]
    assert [str(element.of) for element in out.elements] == ["γ", "β", *places]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_sympys_derivative_and_the_claim_are_right_at_a_point(length, independent):
    """Both sides of every element, beside dual numbers through the forward pass."""
    out = spell_out(build(LAYER), {m: length})
    pairs = [(line.target, line.value) for line in LAYER.forward] + [(LOSS, total(g[j] * y[j], j, m))]
    xs = [Fraction(place**2 - 3, 2) for place in range(1, length + 1)]
    values = {("x", (place,)): value for place, value in enumerate(xs, 1)}
    values |= {("g", (place,)): Fraction(place * 7 % 5 - 2) for place in range(1, length + 1)}
    variance = sum((value - sum(xs) / length) ** 2 for value in xs) / length
    values |= {("γ", ()): Fraction(3), ("β", ()): Fraction(5), ("ε", ()): Fraction(40) ** 2 - variance}
    world = independent.World(independent.definitions_of(pairs), {"m": length}, values)
    flat = {("_".join((name, *map(str, place))), ()): value for (name, place), value in values.items()}
    flat |= {("Σ0", ()): sum(xs)}
    plain = independent.World(independent.definitions_of(out.coordinates), {}, flat)
    for element in out.elements:
        name, _, place = str(element.of).partition("_")
        of = LAYER.inputs[0].base[int(place)] if place else Symbol(name)
        expected = independent.evaluate(partial(LOSS, of), world)
        assert independent.evaluate(element.derivative, plain) == expected
        assert independent.evaluate(element.claim, plain) == expected


def test_a_sum_of_inputs_is_named_once():
    ((last, value),) = spell_out(build(LAYER), {m: 3}).coordinates
    assert last == Symbol("x_3")
    (name,) = value.free_symbols - {Symbol("x_1"), Symbol("x_2")}
    assert value == name - Symbol("x_1") - Symbol("x_2")


def test_a_layer_with_two_sizes():
    rows, columns = size("m"), size("n")
    one, two = index("i"), index("j")
    x, v, h = (tensor(name, rows, columns) for name in ("x", "v", "h"))
    q, a = tensor("q", rows), scalar("a")
    layer = Layer(
        "rows",
        "Rows",
        (x[one, two], a),
        (Assignment(q[one], mean(x[one, two], two, columns)), Assignment(v[one, two], a * x[one, two] * q[one])),
        h,
        (
            Gradient(
                x[one, two],
                a * h[one, two] * q[one] + a * mean(h[one, index("k")] * x[one, index("k")], index("k"), columns),
            ),
        ),
        "",
    )
    out = spell_out(build(layer), {rows: 2, columns: 3})
    assert [str(element.of) for element in out.elements] == [f"x_{r}_{c}" for r in (1, 2) for c in (1, 2, 3)]
    kernel = Kernel(out.coordinates)
    assert all(isinstance(kernel.decide(one.derivative, one.claim), Proved) for one in out.elements)


@pytest.mark.parametrize(("length", "taken"), [(1, True), (16, True), (17, False), (1000, False), (None, False)])
def test_the_route_says_whether_it_was_taken(length, taken):
    route = Derivation(LAYER, length).checks[2]
    assert bool(route.verdicts) is taken
    assert ("not taken" in route.detail) is not taken
    assert length is None or f"m = {length}" in route.detail
