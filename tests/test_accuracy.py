"""The emitted code among the forms whose accuracy is measured: run as it is written out, for every layer."""

from __future__ import annotations

import math
from functools import wraps

import numpy as np
import pytest

from derive import accuracy as module
from derive.accuracy import emitted_forms
from derive.derivation import derive
from derive.layers import names
from derive.numeric.accuracy import Source, measure
from derive.numeric.settings import EPSILON, Setting

NAME = "emitted NumPy"
AXES = [
    *((name, ()) for name in names()),
    ("batchnorm", tuple("NCHW")),
    ("layernorm", tuple("NTD")),
    ("groupnorm", tuple("NGCHW")),
    ("softmax", tuple("ND")),
]


def measured(name, *settings, axes=()):
    derivation = derive(name, axes=axes)
    source = Source(derivation.graph, derivation.staged, derivation.claims)
    found = measure(source, settings, draws=3, others=tuple(emitted_forms(derivation)), frameworks=False)
    return {(one.form, one.gradient, one.setting): one.scaled for one in found}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "axes"), AXES)
def test_emitted_code_gives_every_gradient_within_rounding(name, axes, dtype):
    at = Setting(dtype, 0.0)
    found = measured(name, at, axes=axes)
    gradients = {gradient for form, gradient, _ in found if form == "closed form"}
    assert gradients == {gradient for form, gradient, _ in found if form == NAME}
    assert all(found[NAME, gradient, at] <= 4 * EPSILON[dtype] for gradient in gradients)


def test_emitted_code_takes_its_variance_in_two_passes_whatever_was_stated():
    at = Setting(kappa=1e6)
    found = measured("syncbatchnorm", at)
    assert found["closed form", "x", at] > 1e-6
    assert found[NAME, "x", at] < 2e6 * EPSILON["float64"]


@pytest.mark.parametrize(
    ("name", "axes"), [("softmax", ()), ("softmax", ("N", "D")), ("log-softmax", ()), ("softmax-cross-entropy", ())]
)
def test_emitted_code_does_not_overflow_where_the_stated_form_does(name, axes):
    at = Setting(kappa=1e6)
    found = measured(name, at, axes=axes)
    assert math.isnan(found["closed form", "x", at])
    assert found[NAME, "x", at] < 4 * EPSILON["float64"]


def test_what_emitted_backward_takes_of_the_forward_pass_is_what_emitted_forward_gave(monkeypatch):
    """An error planted in what the forward function returns is seen in the gradients."""
    right = module.load

    def off(source):
        found = right(source)
        forward = found.batchnorm_forward

        @wraps(forward)
        def wrong(*given):
            y, mean, rstd = forward(*given)
            return y, mean, rstd * 1.001

        found.batchnorm_forward = wrong
        return found

    monkeypatch.setattr(module, "load", off)
    at = Setting()
    assert measured("batchnorm", at)[NAME, "x", at] > 1e-5


def test_it_computes_in_the_dtype(monkeypatch):
    right, seen = module.load, []

    def watched(source):
        found = right(source)
        backward = found.groupnorm_backward

        @wraps(backward)
        def watch(*given):
            *arrays, groups = given
            seen.extend(one.dtype for one in arrays)
            assert groups == 2
            assert arrays[1].shape == (2, 4, 32)
            return backward(*given)

        found.groupnorm_backward = watch
        return found

    monkeypatch.setattr(module, "load", watched)
    measured("groupnorm", Setting("float32"))
    assert set(seen) == {np.dtype("float32")}


def test_a_layer_that_no_code_is_written_for_has_no_such_row(monkeypatch):
    def refuse(*_):
        from derive.errors import VectorizeError

        raise VectorizeError("No array form. Write it another way.")

    monkeypatch.setattr(module, "emit", refuse)
    assert not list(emitted_forms(derive("l2norm")))
