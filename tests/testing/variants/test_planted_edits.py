"""A slip anywhere in a closed form is diagnosed, and what is named computes the same on data it never saw."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from observing import called, data, derived, functions, observations
from sympy import Add, Indexed, Mul, Pow, Rational, Sum, Symbol

from derive.graph import upstream_of
from derive.indices import indices_of, name_of
from derive.layers.layer import Assignment, tensor
from derive.numeric.program import compile_program
from derive.testing.diagnosis import Observation
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.observed import Observed
from derive.testing.variants.search import search

LAYERS = [
    ("batchnorm", ("m", "n")),
    ("batchnorm", ("N", "C", "L")),
    ("batchnorm-inference", ("m", "n")),
    ("batchnorm-unbiased", ("m", "n")),
    ("layernorm", ("N", "D")),
    ("layernorm", ("N", "T", "D")),
    ("rmsnorm", ("N", "D")),
    ("rmsnorm-eps-outside", ("N", "D")),
    ("groupnorm", ("N", "G", "C", "S")),
    ("instancenorm", ("N", "C", "S")),
    ("softmax", ("N", "D")),
    ("log-softmax", ("N", "D")),
    ("l2norm", ("N", "D")),
    ("weightnorm", ("N", "D")),
    ("cosine", ("N", "D")),
    ("softmax-cross-entropy", ("N", "D")),
]


# --- slips, in SymPy, which knows nothing of trees -------------------------------------------------------------------


def places(expr, path=()):
    """Every part of an expression that can be replaced, with the way to it."""
    yield path, expr
    if isinstance(expr, Sum):
        yield from places(expr.function, (*path, 0))
    elif not isinstance(expr, Indexed | Symbol):
        for at, part in enumerate(expr.args):
            yield from places(part, (*path, at))


def put(expr, path, new):
    if not path:
        return new
    at, *rest = path
    if isinstance(expr, Sum):
        return Sum(put(expr.function, rest, new), *expr.limits)
    return expr.func(*(put(part, rest, new) if place == at else part for place, part in enumerate(expr.args)))


def slips(expr, graph):
    """What may stand for a part: less or more of its factors, a sign, another name of its shape, m − 1."""
    match expr:
        case Mul():
            yield from (expr / part for part in expr.args)
            yield from (expr * part for part in expr.args if isinstance(part, Indexed))
        case Add():
            yield from (expr - part for part in expr.args)
            yield from (expr - 2 * part for part in expr.args)
        case Pow():
            yield from (Pow(expr.base, power) for power in (-1, Rational(-1, 2)) if power != expr.exp)
        case Indexed():
            others = (node.target for node in graph.nodes.values() if node.shape == tuple(expr.base.shape))
            yield from (other.base[expr.indices] for other in others if other.base != expr.base)
        case Symbol() if expr in graph.sizes and len(graph.sizes) == 2:  # with more, m is a product of sizes
            yield expr - 1


def compiled(derivation, claim, form):
    """A closed form as a function of the upstream gradient and the inputs."""
    shape = getattr(getattr(claim.of, "base", None), "shape", ())
    target = tensor("planted", *shape)[indices_of(claim.of)] if shape else Symbol("planted")
    inputs = (upstream_of(derivation.graph), *(node.target for node in derivation.graph.inputs))
    program = compile_program(inputs, (*derivation.layer.forward, Assignment(target, form)), (target,))
    return lambda *arrays: program(*arrays)[0]


@st.composite
def planted(draw):
    """A derivation, the quantity whose gradient it is, and a function with one slip in the closed form."""
    derivation = derived(*draw(st.sampled_from(LAYERS)))
    claim = draw(st.sampled_from(derivation.claims))
    path, part = draw(st.sampled_from(list(places(claim.form))))
    changes = list(slips(part, derivation.graph))
    assume(changes)
    form = put(claim.form, path, draw(st.sampled_from(changes)))
    return derivation, name_of(claim.of), compiled(derivation, claim, form)


def diagnosed(derivation, of, seen):
    """The variant that fits, and the formulas it is made of."""
    formulas = Formulas(derivation, of)
    return search(formulas, [Observed(formulas, one, seen) for one in seen]), formulas


def is_wrong(seen):
    finite = all(np.all(np.isfinite(one.found)) for one in seen)
    return finite and any(np.max(np.abs(one.found - one.true)) > 1e-6 * np.max(np.abs(one.true)) for one in seen)


@settings(max_examples=40)
@given(planted(), st.integers(0, 10**6))
def test_a_slip_is_diagnosed_as_what_it_is(one, seed):
    derivation, of, function = one
    with np.errstate(all="ignore"):
        seen = observations(derivation, of, function, seed=seed)
        assume(is_wrong(seen))
        found, formulas = diagnosed(derivation, of, seen)
        assert found is not None
        assert found.words()
        for inputs, upstream in data(derivation, seed + 1):
            returned = np.asarray(called(function, upstream, inputs))
            true = functions(derivation).backward(upstream, *inputs.values())[of]
            case = Observed(formulas, Observation(inputs, upstream, returned, true, 0.0), seen)
            assume(case.finite)
            size = np.max(np.abs(true)) + np.max(np.abs(returned))
            np.testing.assert_allclose(found.values(case), returned, rtol=1e-7, atol=1e-9 * size)


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS, ids=[f"{name} {','.join(axes)}" for name, axes in LAYERS])
def test_every_slip_is_told_as_one_edit(layer):
    derivation = derived(*layer)
    edits = [found for claim in derivation.claims for found in all_edits(derivation, claim)]
    assert edits
    assert set(edits) == {1}


def all_edits(derivation, claim):
    """The number of edits that each slip in a closed form is told as, None for what is not told."""
    of = name_of(claim.of)
    for path, part in places(claim.form):
        for change in slips(part, derivation.graph):
            with np.errstate(all="ignore"):
                seen = observations(derivation, of, compiled(derivation, claim, put(claim.form, path, change)))
                if is_wrong(seen):
                    found, _ = diagnosed(derivation, of, seen)
                    yield None if found is None else found.edits
