"""Layers defined here, in a few lines each and without any code of their own: every one is derived and proved.

`stated` are gradients as the literature writes them, `wrong` is one that must be refuted.
"""

from dataclasses import replace

import pytest
from sympy import S, Sum, exp, log, sqrt

from derive import layers
from derive.closed_form import operations
from derive.derivation import Derivation
from derive.errors import UnknownLayerError
from derive.kernel import Proved, Refuted
from derive.layers.batchnorm import LAYER as BATCHNORM
from derive.layers.layer import Assignment, Gradient, Layer, index, mean, positive, scalar, size, tensor, total

m, n = size("m"), size("n")
i, j, k, p = (index(letter) for letter in "ijkp")
x, xhat, y, g, e = (tensor(name, m) for name in ("x", "x̂", "y", "g", "e"))
X, XH, Y, G = (tensor(name, m, n) for name in ("x", "x̂", "y", "g"))
gamma, beta, mu, var, mu2, var2, q, z = (scalar(name) for name in ("γ", "β", "μ", "σ²", "μ₂", "σ₂²", "q", "z"))
eps = positive("ε")
gamma_j, beta_j = tensor("γ", n), tensor("β", n)
mu_i, var_i, q_i = (tensor(name, m) for name in ("μ", "σ²", "q"))
mu_j, var_j = tensor("μ", n), tensor("σ²", n)

s, r = sqrt(var + eps), sqrt(q + eps)
SUM_G = total(g[j], j, m)


def layer(name, inputs, forward, gradients):
    lines = tuple(Assignment(target, value) for target, value in forward)
    claims = tuple(Gradient(of, value) for of, value in gradients)
    upstream = G if len(lines[-1].target.indices) == 2 else g
    return Layer(name, name, inputs, lines, upstream, claims, "stated in this test")


def rows(term):
    """Σ over the features of row i."""
    return total(term, k, n)


LAYERS = {
    "RMS norm": layer(
        "rmsnorm",
        (x[i], gamma, eps),
        (
            (q, mean(x[j] ** 2, j, m)),
            (xhat[i], x[i] / sqrt(q + eps)),
            (y[i], gamma * xhat[i]),
        ),
        (
            (gamma, total(g[j] * xhat[j], j, m)),
            (x[i], gamma / (m * r) * (m * g[i] - xhat[i] * total(g[j] * xhat[j], j, m))),
        ),
    ),
    "RMS norm of rows": layer(
        "rmsnorm-rows",
        (X[i, j], gamma_j[j], eps),
        (
            (q_i[i], mean(X[i, j] ** 2, j, n)),
            (XH[i, j], X[i, j] / sqrt(q_i[i] + eps)),
            (Y[i, j], gamma_j[j] * XH[i, j]),
        ),
        (
            (gamma_j[j], total(G[i, j] * XH[i, j], i, m)),
            (
                X[i, j],
                (n * gamma_j[j] * G[i, j] - XH[i, j] * rows(gamma_j[k] * G[i, k] * XH[i, k]))
                / (n * sqrt(q_i[i] + eps)),
            ),
        ),
    ),
    "layer norm": layer(
        "layernorm",
        (X[i, j], gamma_j[j], beta_j[j], eps),
        (
            (mu_i[i], mean(X[i, j], j, n)),
            (var_i[i], mean((X[i, j] - mu_i[i]) ** 2, j, n)),
            (XH[i, j], (X[i, j] - mu_i[i]) / sqrt(var_i[i] + eps)),
            (Y[i, j], gamma_j[j] * XH[i, j] + beta_j[j]),
        ),
        (
            (gamma_j[j], total(G[i, j] * XH[i, j], i, m)),
            (beta_j[j], total(G[i, j], i, m)),
            (
                X[i, j],
                (
                    n * gamma_j[j] * G[i, j]
                    - rows(gamma_j[k] * G[i, k])
                    - XH[i, j] * rows(gamma_j[k] * G[i, k] * XH[i, k])
                )
                / (n * sqrt(var_i[i] + eps)),
            ),
        ),
    ),
    "batch norm of features": layer(
        "batchnorm-features",
        (X[i, j], gamma_j[j], beta_j[j], eps),
        (
            (mu_j[j], mean(X[i, j], i, m)),
            (var_j[j], mean((X[i, j] - mu_j[j]) ** 2, i, m)),
            (XH[i, j], (X[i, j] - mu_j[j]) / sqrt(var_j[j] + eps)),
            (Y[i, j], gamma_j[j] * XH[i, j] + beta_j[j]),
        ),
        (
            (gamma_j[j], total(G[i, j] * XH[i, j], i, m)),
            (beta_j[j], total(G[i, j], i, m)),
            (
                X[i, j],
                gamma_j[j]
                / (m * sqrt(var_j[j] + eps))
                * (m * G[i, j] - total(G[k, j], k, m) - XH[i, j] * total(G[k, j] * XH[k, j], k, m)),
            ),
        ),
    ),
    "L2 norm": layer(
        "l2norm",
        (x[i],),
        ((q, total(x[j] ** 2, j, m)), (y[i], x[i] / sqrt(q))),
        ((x[i], (g[i] - y[i] * total(g[j] * y[j], j, m)) / sqrt(q)),),
    ),
    "L2 norm with ε": layer(
        "l2norm-eps",
        (x[i], eps),
        ((q, total(x[j] ** 2, j, m)), (y[i], x[i] / sqrt(q + eps))),
        ((x[i], (g[i] - y[i] * total(g[j] * y[j], j, m)) / r),),
    ),
    "centred, over 1 + σ²": layer(
        "rational",
        (x[i], gamma),
        (
            (mu, mean(x[j], j, m)),
            (var, mean((x[j] - mu) ** 2, j, m)),
            (y[i], gamma * (x[i] - mu) / (1 + var)),
        ),
        (
            (gamma, total(g[j] * (x[j] - mu), j, m) / (1 + var)),
            (
                x[i],
                gamma
                / (m * (1 + var))
                * (m * g[i] - SUM_G - 2 * (x[i] - mu) * total(g[j] * (x[j] - mu), j, m) / (1 + var)),
            ),
        ),
    ),
    "softmax": layer(
        "softmax",
        (x[i],),
        ((e[i], exp(x[i])), (z, total(e[j], j, m)), (y[i], e[i] / z)),
        ((x[i], y[i] * (g[i] - total(g[j] * y[j], j, m))),),
    ),
    "softmax in one line": layer(
        "softmax-one-line",
        (x[i],),
        ((y[i], exp(x[i]) / total(exp(x[j]), j, m)),),
        ((x[i], y[i] * (g[i] - total(g[j] * y[j], j, m))),),
    ),
    "log-softmax": layer(
        "log-softmax",
        (x[i],),
        ((z, total(exp(x[j]), j, m)), (y[i], x[i] - log(z))),
        ((x[i], g[i] - exp(x[i]) / z * SUM_G),),
    ),
    "no named x̂": layer(
        "no-xhat",
        (x[i], gamma, beta, eps),
        (
            (mu, mean(x[j], j, m)),
            (var, mean((x[j] - mu) ** 2, j, m)),
            (y[i], gamma * (x[i] - mu) / sqrt(var + eps) + beta),
        ),
        (
            (gamma, total(g[j] * (x[j] - mu), j, m) / s),
            (beta, SUM_G),
            (
                x[i],
                gamma / (m * s) * (m * g[i] - SUM_G - (x[i] - mu) / (var + eps) * total(g[j] * (x[j] - mu), j, m)),
            ),
        ),
    ),
    "nothing named": layer(
        "one-line",
        (x[i], eps),
        ((y[i], (x[i] - mean(x[j], j, m)) / sqrt(mean((x[j] - mean(x[k], k, m)) ** 2, j, m) + eps)),),
        (
            (
                x[i],
                (g[i] - SUM_G / m - y[i] * mean(g[j] * y[j], j, m))
                / sqrt(mean((x[j] - mean(x[k], k, m)) ** 2, j, m) + eps),
            ),
        ),
    ),
    "two stages": layer(
        "two-stages",
        (x[i], eps),
        (
            (mu, mean(x[j], j, m)),
            (var, mean((x[j] - mu) ** 2, j, m)),
            (xhat[i], (x[i] - mu) / sqrt(var + eps)),
            (mu2, mean(xhat[j], j, m)),
            (var2, mean((xhat[j] - mu2) ** 2, j, m)),
            (y[i], (xhat[i] - mu2) / sqrt(var2 + eps)),
        ),
        (
            (
                x[i],
                (m * g[i] - SUM_G - (1 + eps) * y[i] * total(g[j] * y[j], j, m)) / (m * s * sqrt(var2 + eps)),
            ),
        ),
    ),
    "batch norm": BATCHNORM,
}
WRONG = {
    "RMS norm": gamma / r * (g[i] - xhat[i] * total(g[j] * xhat[j], j, m)),
    "RMS norm of rows": (gamma_j[j] * G[i, j] - XH[i, j] * mean(gamma_j[k] ** 2 * G[i, k] * XH[i, k], k, n))
    / sqrt(q_i[i] + eps),
    "layer norm": gamma_j[j]
    / (n * sqrt(var_i[i] + eps))
    * (n * G[i, j] - rows(G[i, k]) - XH[i, j] * rows(G[i, k] * XH[i, k])),
    "batch norm of features": gamma_j[j]
    / (m * sqrt(var_j[j] + eps))
    * (m * G[i, j] - total(G[k, j], k, m) - XH[i, j] * Sum(G[k, p] * XH[k, p], (k, 1, m), (p, 1, n))),
    "L2 norm": (g[i] - x[i] * total(g[j] * y[j], j, m)) / sqrt(q),
    "L2 norm with ε": g[i] / r - x[i] * total(g[j] * x[j], j, m) / (q * r),
    "centred, over 1 + σ²": gamma / (1 + var) * (g[i] - SUM_G / m),
    "softmax": y[i] * (1 - y[i]) * g[i],
    "softmax in one line": y[i] * (g[i] - SUM_G),
    "log-softmax": g[i] - exp(y[i]),
    "no named x̂": gamma * g[i] / s,
    "nothing named": g[i] - SUM_G / m,
    "two stages": (m * g[i] - SUM_G - y[i] * total(g[j] * y[j], j, m)) / (m * s * sqrt(var2 + eps)),
    "batch norm": S.Zero,
}
each_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture(scope="module")
def derived():
    """Each derivation once."""
    found = {}

    def get(name):
        if name not in found:
            found[name] = Derivation(LAYERS[name])
        return found[name]

    return get


@each_layer
def test_every_step_is_proved(name, derived):
    steps = derived(name).steps
    assert steps
    bad = {f"{one.target} = {one.value}": one.verdict for one in steps if not isinstance(one.verdict, Proved)}
    reasons = [why for one in steps for why in one.because if not isinstance(why.verdict, Proved)]
    assert not bad
    assert not reasons


@each_layer
def test_the_found_form_is_the_stated_one(name, derived):
    forms = derived(name).closed_forms
    assert [form.of for form in forms] == [claim.of for claim in LAYERS[name].gradients]
    assert not [form for form in forms if not isinstance(form.verdict, Proved)]


@each_layer
def test_the_found_form_is_as_short_as_the_literatures(name, derived):
    longer = {
        str(form.of): f"{form.found} has {operations(form.found)} operations, {form.stated} {operations(form.stated)}"
        for form in derived(name).closed_forms
        if operations(form.found) > operations(form.stated)
    }
    assert not longer


def test_the_found_form_divides_by_nothing_new(derived):
    """Σ g_j y_j/γ would be shorter than Σ g_j (x_j − μ)/(1 + σ²), but says nothing at γ = 0."""
    form = next(form for form in derived("centred, over 1 + σ²").closed_forms if form.of == gamma)
    assert not form.found.has(gamma)


@each_layer
def test_the_exact_routes_agree(name, derived):
    checks = derived(name).checks
    assert not [(check.name, of, v) for check in checks for of, v in check.verdicts if not isinstance(v, Proved)]


@each_layer
@pytest.mark.parametrize("length", [1, 2, 3])
def test_sympy_agrees_element_by_element(name, length):
    route = Derivation(LAYERS[name], length).checks[2]
    assert route.verdicts
    assert not [(of, verdict) for of, verdict in route.verdicts if not isinstance(verdict, Proved)]


@each_layer
def test_numpy_agrees_with_every_oracle(name, derived):
    assert derived(name).numeric
    assert not [check for check in derived(name).numeric if not check.passed]


@each_layer
def test_a_wrong_statement_is_refuted(name):
    right = LAYERS[name]
    claims = tuple(replace(one, value=WRONG[name]) if one.of == right.inputs[0] else one for one in right.gradients)
    wrong = Derivation(replace(right, gradients=claims))
    labels = {form.of: form.verdict for form in wrong.closed_forms}
    assert isinstance(labels.pop(right.inputs[0]), Refuted)
    assert all(isinstance(verdict, Proved) for verdict in labels.values())
    assert all(isinstance(step.verdict, Proved) for step in wrong.steps)


# --- the catalogue -----------------------------------------------------------------------------------------------


def test_every_layer_of_the_package_loads_under_its_name():
    assert "batchnorm" in layers.names()
    assert "layer" not in layers.names()
    assert [layers.load(name).name for name in layers.names()] == list(layers.names())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("batchnrom", "There is no layer 'batchnrom'. Did you mean 'batchnorm'?"),
        ("BatchNorm", "There is no layer 'BatchNorm'. Did you mean 'batchnorm'?"),
        ("zzz", "There is no layer 'zzz'. The layers are: "),
        ("", "There is no layer ''. The layers are: "),
        ("layer", "There is no layer 'layer'. "),
        ("../batchnorm", "There is no layer '../batchnorm'. "),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name, message):
    with pytest.raises(UnknownLayerError) as told:
        layers.load(name)
    assert str(told.value).startswith(message)
