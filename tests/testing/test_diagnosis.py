"""A wrong gradient is told what it is instead; a right one, and one that is like nothing, is told nothing."""

from time import process_time

import numpy as np
import pytest
from observing import derived, functions, observations
from sympy import Abs, IndexedBase, Max, log, sqrt, tanh
from wrong_gradients import EVERY, batch

from derive.derivation import Derivation
from derive.layers import names
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total
from derive.testing.diagnosis import diagnose

NAMES = [f"{one.layer} {','.join(one.axes)} {one.of}: {one.name}" for one in EVERY]
AXES = {"groupnorm": ("N", "G", "C", "S"), "syncbatchnorm": ("W", "N", "C", "S"), "instancenorm": ("N", "C", "S")}


@pytest.mark.parametrize("wrong", EVERY, ids=NAMES)
def test_a_wrong_gradient_is_named(wrong):
    derivation = derived(wrong.layer, wrong.axes)
    found = diagnose(derivation, wrong.of, observations(derivation, wrong.of, wrong.function), seconds=20)
    assert found is not None
    assert (found.words, found.edits) == (wrong.words, wrong.edits)


PLAIN = [one for one in EVERY if one.edits == 1 and "ε" not in one.words and "forward pass" not in one.words]


@pytest.mark.parametrize("wrong", PLAIN[::4], ids=[f"{one.layer}: {one.name}" for one in PLAIN[::4]])
def test_it_is_named_in_float32_too(wrong):
    derivation = derived(wrong.layer, wrong.axes)
    seen = observations(derivation, wrong.of, wrong.function, epsilons=(0.1, 0.01), dtype=np.float32)
    found = diagnose(derivation, wrong.of, seen, seconds=20)
    assert found is not None
    assert found.words == wrong.words


# --- where nothing is wrong, or nothing is known ---------------------------------------------------------------------

GRADIENTS = [
    (layer, axes, str(getattr(claim.of, "base", claim.of)))
    for layer in names()
    for axes in [AXES.get(layer, ("N", "D"))]
    for claim in derived(layer, axes).claims
]


@pytest.mark.parametrize(("layer", "axes", "of"), GRADIENTS)
def test_nothing_is_said_of_a_right_gradient(layer, axes, of):
    """Reverse mode step by step rounds otherwise than the closed form."""
    derivation = derived(layer, axes)
    seen = observations(derivation, of, lambda dy, *inputs: functions(derivation).staged(dy, *inputs)[of])
    assert diagnose(derivation, of, seen) is None


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "axes", "of"), GRADIENTS)
def test_nothing_is_said_of_noise(layer, axes, of):
    derivation = derived(layer, axes)
    rng = np.random.default_rng(3)
    seen = observations(derivation, of, lambda *inputs: rng.normal(size=inputs[positions(derivation)[of]].shape))
    assert diagnose(derivation, of, seen) is None


def positions(derivation):
    return {node.name: at for at, node in enumerate(derivation.graph.inputs)}


BATCHNORM = derived("batchnorm", ("m", "n"))


def test_nothing_is_said_of_a_small_error_that_is_like_nothing():
    rng = np.random.default_rng(5)
    seen = observations(
        BATCHNORM, "x", lambda dy, x, gamma, eps: batch(dy, x, gamma, eps) + 1e-6 * rng.normal(size=x.shape)
    )
    assert diagnose(BATCHNORM, "x", seen) is None


def test_a_variant_has_to_fit_every_observation():
    """γ is missing in one, and in the other all is right."""
    seen = observations(BATCHNORM, "x", lambda dy, x, gamma, eps: batch(dy, x, 1 if len(x) > 4 else gamma, eps))
    assert diagnose(BATCHNORM, "x", seen) is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nothing_is_said_of_what_is_no_number(wrong):
    seen = observations(BATCHNORM, "x", lambda dy: np.where(dy > 0, wrong, dy))
    assert diagnose(BATCHNORM, "x", seen) is None


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 2), (7, 5, 4), (5, 4, 1, 1, 1)])
def test_a_shape_that_means_nothing_is_no_trouble(shape):
    seen = observations(BATCHNORM, "x", lambda: np.ones(shape) / 3)
    assert diagnose(BATCHNORM, "x", seen) is None


# --- bounded time ----------------------------------------------------------------------------------------------------


def noise(dy, x, *others):
    return np.random.default_rng(7).normal(size=x.shape)


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_the_search_ends_in_time(seconds):
    derivation = derived("groupnorm", AXES["groupnorm"])
    seen = observations(derivation, "x", noise)
    start = process_time()
    assert diagnose(derivation, "x", seen, seconds=seconds) is None
    assert process_time() - start < seconds + 0.8


def test_usual_mistakes_are_named_quickly():
    seen = observations(BATCHNORM, "x", lambda dy, x, eps: batch(dy, x, 1, eps))
    start = process_time()
    diagnose(BATCHNORM, "x", seen)
    assert process_time() - start < 0.5


# --- what is said ----------------------------------------------------------------------------------------------------


def test_the_closed_form_of_the_variant_is_told():
    found = diagnose(BATCHNORM, "x", observations(BATCHNORM, "x", lambda dy, x, eps: batch(dy, x, 1, eps)))
    assert found is not None
    assert found.formula == "1/(m√(σ²_j + ε)) (m g_ij − Σ_k g_kj − x̂_ij Σ_k g_kj x̂_kj)"
    assert found.latex is not None
    assert found.latex.startswith(
        r"\frac{1}{m \sqrt{\sigma^{2}_{j} + \epsilon}} \left( m g_{ij} - \sum_{k=1}^{m} g_{kj}"
    )


def test_sizes_of_several_axes_are_spelled_in_the_closed_form():
    derivation = derived("batchnorm", ("N", "C", "L"))
    found = diagnose(
        derivation,
        "x",
        observations(derivation, "x", lambda dy, x, eps: batch(dy, x, 1, eps, axes=(0, 2))),
    )
    assert found is not None
    assert found.formula == "1/(N L√(σ²_j + ε)) (N L g_ijh − Σ_w Σ_k g_kjw − x̂_ijh Σ_w Σ_k g_kjw x̂_kjw)"


def test_the_epsilon_that_was_given_is_told_where_it_is_always_the_same():
    seen = observations(BATCHNORM, "x", lambda dy, x, gamma: batch(dy, x, gamma, 1e-4), epsilons=(1e-5, 1e-5))
    found = diagnose(BATCHNORM, "x", seen)
    assert found is not None
    assert found.words == "ε is 1e-4, not 1e-5"


@pytest.mark.parametrize(
    ("used", "words"), [(3e-5, "3e-5"), (0.00125, "1.25e-3"), (0.5, "0.5"), (12.0, "12"), (1e-12, "1e-12")]
)
def test_an_epsilon_has_as_many_digits_as_it_needs(used, words):
    seen = observations(BATCHNORM, "x", lambda dy, x, gamma: batch(dy, x, gamma, used))
    found = diagnose(BATCHNORM, "x", seen)
    assert found is not None
    assert found.words == f"ε is {words}, whatever is given"


# --- layers of one's own ---------------------------------------------------------------------------------------------

m = size("m")
i, j = index("i"), index("j")
x, y, g, d, s = (tensor(name, m) for name in "xygds")
gamma, loss, r = scalar("γ"), scalar("y"), scalar("r")
eps = positive("ε")

AS_LOSS = Layer(
    "a loss",
    "A loss",
    (x[i], eps),
    (Assignment(r, sqrt(mean(x[j] ** 2, j, m) + eps)), Assignment(loss, log(r))),
    None,
    (Gradient(x[i], x[i] / (m * r**2)),),
    "",
)
OTHER_FUNCTIONS = Layer(
    "other functions",
    "Other functions",
    (x[i], gamma),
    (
        Assignment(r, mean(Abs(x[j]), j, m)),
        Assignment(s[i], Max(x[i] / r, 0)),
        Assignment(y[i], gamma * tanh(s[i])),
    ),
    g,
    (Gradient(gamma, total(g[j] * tanh(s[j]), j, m)),),
    "",
)
NOTHING_STATED = Layer(
    "nothing stated",
    "Nothing stated",
    (x[i], gamma, eps),
    (Assignment(r, mean(x[j] ** 4, j, m)), Assignment(y[i], gamma * x[i] / sqrt(r + eps))),
    g,
    (Gradient(x[i]), Gradient(gamma)),
    "",
)
OF_SCALARS = Layer(
    "of scalars", "Of scalars", (gamma,), (Assignment(loss, gamma**3),), IndexedBase(scalar("g")), (), ""
)


def of_loss(dy, x, eps):
    return dy * x / (len(x) * ((x**2).mean() + eps) ** 0.5)


def of_other_functions(dy, x, gamma):
    return (dy * np.maximum(x / np.abs(x).mean(), 0)).sum()


def of_nothing_stated(dy, x, gamma, eps):
    root = np.sqrt((x**4).mean() + eps)
    return gamma * (dy / root - x**3 * (dy * x).mean() / root**3)


OWN = [
    (AS_LOSS, "x", of_loss, "dx is divided by r, not divided by r twice"),
    (OTHER_FUNCTIONS, "γ", of_other_functions, "s stands where tanh(s) belongs inside the Σ"),
    (NOTHING_STATED, "x", of_nothing_stated, "the factor 2 is missing on the 2x³·Σ dy·x term"),
    (OF_SCALARS, "γ", lambda dy, gamma: 2 * dy * gamma**2, "dgamma has the factor 2, not 3"),
]


@pytest.mark.parametrize(("layer", "of", "function", "words"), OWN, ids=[row[0].name for row in OWN])
def test_layers_of_ones_own_are_diagnosed_too(layer, of, function, words):
    derivation = Derivation(layer)
    found = diagnose(derivation, of, observations(derivation, of, function))
    assert found is not None
    assert found.words == words
